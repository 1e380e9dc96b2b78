"""Parts built from a config, checked and in order: what a `Pipeline` sends documents through."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from pipekit import registry
from pipekit.allowance import is_limited
from pipekit.devices.forks import one_thread_after_fork
from pipekit.devices.memory import begin_batch
from pipekit.devices.placement import compile_parts, pick_device
from pipekit.devices.precision import check_precision, inference
from pipekit.doc import Doc
from pipekit.doc.columns import Column
from pipekit.doc.text import clean
from pipekit.errors import ConfigError, PluginContractError, near
from pipekit.habits import raise_with_cure
from pipekit.parts.batch import Batch
from pipekit.parts.results import check_part, segments_breach, vectors_breach
from pipekit.pipeline.built import BuiltParts, Parts, PartSettings
from pipekit.pipeline.config import PipelineSettings
from pipekit.pipeline.order import check_order, remaining_pipes
from pipekit.registry import check_arguments, check_name
from pipekit.settings import names_of

if TYPE_CHECKING:
    import torch

    from pipekit.parts.contracts import Encoder, EncoderRef, Tables
    from pipekit.parts.protocols import Component
    from pipekit.parts.states import TokenStates


class Assembly(BuiltParts):
    """A tokenizer, encoders and components, built from a config, and a batch's way through them.

    `Pipeline` adds streams of documents, questions and files. It describes the arguments, the
    errors and what `precision` may be.

    Attributes:
        lang: the language, such as "ru".
        meta: name, version, licence, figures: plain data that describes the pipeline.
        given: layers that no component writes, since the documents bring them.
        tokenizer, encoders, components: the parts; the components in the order of their work.
        tokenizer_config, configs: the settings of the parts, as a pipeline file stores them.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        tables: Mapping[str, Tables] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        check_arguments(PipelineSettings, config, "a pipeline's config")
        self.lang = config.get("lang", "ru")
        self.meta = dict(meta or {})
        self.precision = "auto"
        self.given = tuple(config.get("given") or ())
        tokenizer = config.get("tokenizer") or {"type": self.lang}
        self._put(
            encoders=Parts("encoders", {}),
            components=Parts("components", {}),
            configs={"encoders": {}, "components": {}},
        )
        self._put_tokenizer(dict(tokenizer))
        self._build_parts(config, tables or {})
        self._check_order()

    def _build_parts(
        self,
        config: Mapping[str, Any],
        tables: Mapping[str, Tables],
    ) -> None:
        encoders = config.get("encoders") or {}
        for name, settings in encoders.items():
            own_tables = tables.get(f"encoders/{name}")
            self._add_encoder(name, dict(settings), own_tables)
        components = config.get("components") or {}
        for name, settings in components.items():
            own_tables = tables.get(f"components/{name}")
            self._insert(name, dict(settings), own_tables, len(self.components))

    # -- where and how it computes

    def to(self, device: str | torch.device) -> Self:
        """Move the weights to a device. Returns the pipeline.

        Args:
            device: "cpu", "cuda", "cuda:1", or "auto" for a GPU where there is one.

        Errors: `ConfigError` for a device that is not there, or that lacks the precision.
        """
        networks = [part for part in self._parts() if _is_network(part)]
        if not networks and str(device) in ("auto", "cpu"):
            return self
        target = pick_device(device)
        check_precision(self.precision, str(target))
        for network in networks:
            network.to(target)
        return self

    def with_precision(self, precision: str) -> Self:
        """Choose the precision of the computation. Returns the pipeline.

        The weights stay as they are.

        Args:
            precision: "float32", "bfloat16", "int8" for linear layers on a CPU, or "auto".

        Errors: `ConfigError` for another name, and where the device lacks the precision.
        """
        check_precision(precision, self.device_name)
        self.precision = precision
        return self

    def compile(self) -> Self:
        """Compile the attention layers of the encoders with `torch.compile`. Returns the pipeline.

        The first texts take a minute then. Weights and files stay as they are, and worker processes
        load the pipeline without compiling it.

        Errors: `ConfigError` where no encoder has such layers, where the compiler is missing, and
        for int8, which is not compiled.
        """
        if self.precision == "int8":
            raise ConfigError("int8 is not compiled: choose another precision")
        layers = []
        for encoder in self.encoders.values():
            layers += encoder.compilable()
        compile_parts(layers, self.device)
        return self

    @contextmanager
    def inference(self) -> Iterator[None]:
        """A context in which networks compute in the pipeline's precision, without gradients."""
        has_heads = any(map(_is_network, self.components.values()))
        if not self.encoders and not has_heads:
            yield
            return
        with inference(self.device, self.precision):
            yield

    # -- adding and leaving out

    def set_tokenizer(
        self,
        type: str,
        **settings: Any,
    ) -> Any:
        """Take a tokenizer of a registered type instead of the old one, and return it.

            pipekit.registry.tokenizers.register("mine", Mine)
            nlp.set_tokenizer("mine")

        Components have learnt from the tokens of the old one: on other tokens they are worse.

        Args:
            settings: the arguments of its type.

        Errors: `ConfigError` for settings unknown to its type, and where a component reads a layer
        that the old one wrote and the new one does not.
        """
        self._put_tokenizer({"type": type, **settings})
        return self.tokenizer

    def _put_tokenizer(self, config: PartSettings) -> None:
        tokenizer = registry.tokenizers.build(config, "[tokenizer]")
        brought_by = registry.tokenizers.brought_by(config["type"])
        check_part(tokenizer, "tokenizer", "tokenizer", brought_by)
        check_order(self.components, self._brought(tokenizer))
        self._put(tokenizer=tokenizer, tokenizer_config=config)

    def add_encoder(
        self,
        name: str,
        type: str,
        *,
        tables: Tables | None = None,
        **settings: Any,
    ) -> Encoder:
        """Add an encoder for components to read, and return it.

            nlp.add_encoder("main", "bilstm", width=400)
            nlp.add_pipe("tagger", encoder="main", tags=[…])

        Args:
            tables: its fixed arrays, if it has some.
            settings: the arguments of its type.

        Errors: `ConfigError` for a name that is taken, and for settings unknown to its type.
        """
        if name in self.encoders:
            raise ConfigError(f"there is an encoder {name!r} already: give this one another name")
        return self._add_encoder(name, {"type": type, **settings}, tables)

    def _add_encoder(
        self,
        name: str,
        config: PartSettings,
        tables: Tables | None,
    ) -> Encoder:
        check_name(name, "an encoder")
        encoder: Encoder = self._build("encoders", name, config, tables)
        self._put(encoders=Parts("encoders", {**self.encoders, name: encoder}))
        self.configs["encoders"][name] = config
        return encoder

    def add_pipe(
        self,
        type: str,
        *,
        name: str | None = None,
        before: str | None = None,
        after: str | None = None,
        tables: Tables | None = None,
        **settings: Any,
    ) -> Component:
        """Add a component of a registered type, and return it.

            nlp.add_pipe("attribute_ruler", after="tagger", rules=rules)

        Args:
            name: its name in the pipeline; that of its type by default.
            before, after: the component beside which it goes; the end by default.
            tables: its fixed arrays, if it has some: `pipekit.resources.read(path)` reads them from
                a file.
            settings: the arguments of its type.

        Errors: `ConfigError` for a name that is taken, for settings unknown to its type, and for a
        place where a layer that it reads is not written yet.
        """
        name = check_name(name or type, "a component")
        if name in self.components:
            raise ConfigError(
                f"there is a component {name!r} already: give this one another name=, "
                f"or begin with a view without it, nlp.select_pipes(disable=[{name!r}])"
            )
        place = self._place(before, after)
        old_components = self.components
        old_configs = self.configs["components"]
        try:
            self._insert(name, {"type": type, **settings}, tables, place)
        except ConfigError as error:
            raise_with_cure("nlp.add_pipe", settings, error)
        try:
            self._check_order()
        except ConfigError:
            self._put(components=old_components)
            self.configs["components"] = old_configs
            raise
        return self.components[name]

    def _place(
        self,
        before: str | None,
        after: str | None,
    ) -> int:
        """The position in the order before or after a component; the end if none is named."""
        if before and after:
            raise ConfigError("give before= or after=, not both")
        neighbour = before or after
        if neighbour is None:
            return len(self.components)
        self._check_component(neighbour)
        place = self.pipe_names.index(neighbour)
        return place + 1 if after else place

    def _insert(
        self,
        name: str,
        config: PartSettings,
        tables: Tables | None,
        place: int,
    ) -> None:
        check_name(name, "a component")
        component = self._build("components", name, config, tables)
        configs = self.configs["components"]
        components = _inserted(self.components, place, name, component)
        self._put(components=Parts("components", components))
        self.configs["components"] = _inserted(configs, place, name, config)

    def _build(
        self,
        kind: str,
        name: str,
        config: PartSettings,
        tables: Tables | None,
    ) -> Any:
        """The part that a config describes, ready to compute."""
        is_component = kind == "components"
        encoder = config.get("encoder")
        arguments = dict(config)
        if is_component and "encoder" in config:
            del arguments["encoder"]
            if encoder is not None:
                arguments["encoder"] = self._encoder_ref(name, encoder)
        if tables:
            arguments["tables"] = tables
        factories = registry.BY_KIND[kind]
        part = factories.build(arguments, f"[{kind}.{name}]", _around_network)
        check_part(part, kind, name, factories.brought_by(config["type"]))
        if not _is_network(part):
            return part
        one_thread_after_fork()
        return part.eval()

    def _encoder_ref(
        self,
        component: str,
        encoder: str,
    ) -> EncoderRef:
        """What a component is told of the encoder that it names."""
        if not isinstance(encoder, str) or encoder not in self.encoders:
            raise ConfigError(
                f"[components.{component}] reads the encoder {encoder!r:.80}, which is not there."
                f"{near(str(encoder)[:80], self.encoders)}"
            )
        from pipekit.parts.contracts import EncoderRef

        return EncoderRef(encoder, self.encoders[encoder].width)

    def get_pipe(self, name: str) -> Component:
        """A component by its name. Errors: `ConfigError` with near names."""
        self._check_component(name)
        return self.components[name]

    def _check_component(self, name: str) -> None:
        if name not in self.components:
            raise ConfigError(f"there is no component {name!r}.{near(name, self.components)}")

    def _check_order(self) -> None:
        check_order(self.components, self._brought(self.tokenizer))

    def _brought(self, tokenizer: object) -> set[str]:
        """The layers that are there before any component, with a tokenizer."""
        return {"sents", *self.given, *getattr(tokenizer, "assigns", ())}

    def select_pipes(
        self,
        *,
        enable: str | Iterable[str] | None = None,
        disable: str | Iterable[str] = (),
        given: str | Iterable[str] = (),
    ) -> Self:
        """A light view with fewer components. It shares all weights with this pipeline.

            names_only = nlp.select_pipes(enable=["ner"])
            nlp.select_pipes(disable=["ner"], given=["ents"])   # for Docs with entities of yours

        This pipeline stays as it is.

        Args:
            enable: the only components to take.
            disable: components to leave out.
            given: layers that the documents bring.

        Errors: `ConfigError` for a component that is not there, and for one that reads what only a
        component writes that is left out; it names all that stay or go together.
        """
        taken = None if enable is None else names_of(enable, "enable")
        left_out = names_of(disable, "disable")
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view.given = tuple(dict.fromkeys([*self.given, *names_of(given, "given")]))
        brought = view._brought(self.tokenizer)
        names = remaining_pipes(self.components, taken, left_out, brought)
        configs = self.configs["components"]
        components = {name: self.components[name] for name in names}
        view._put(
            components=Parts("components", components),
            configs={
                "encoders": dict(self.configs["encoders"]),
                "components": {name: configs[name] for name in names},
            },
        )
        return view

    def check_left_out(
        self,
        exclude: Sequence[str],
        include: Sequence[str] | None,
    ) -> None:
        """Errors: `ConfigError` where `pipekit.load` with these arguments leaves out too much."""
        words = ("include", "exclude")
        brought = self._brought(self.tokenizer)
        remaining_pipes(self.components, include, exclude, brought, words)

    # -- documents

    def tokenize(self, texts: Sequence[str]) -> list[Doc]:
        """Texts as Docs with tokens and sentences, through no component."""
        cleaned = [clean(text) for text in texts]
        docs = []
        segmented = self.tokenizer.segment(cleaned)
        if not self.is_own("tokenizer"):
            breach = segments_breach(cleaned, segmented)
            if breach:
                raise PluginContractError(f"{self.brought_by('tokenizer')} {breach}")
        for text, segments in zip(cleaned, segmented, strict=True):
            doc = Doc.trusted(text, segments.starts, segments.ends)
            sentence_starts = Column(segments.sentence_starts)  # bool[tokens]
            doc.tokens.put("sent_start", sentence_starts)
            docs.append(doc)
        return docs

    def batch(self, docs: Sequence[Doc]) -> Batch:
        """Documents as a batch that can ask the encoders and the tokenizer."""
        begin_batch()
        return Batch(docs, self._encode, self.tokenize, self._remember)

    def _encode(
        self,
        name: str,
        batch: Batch,
    ) -> torch.Tensor:
        encoder = self.encoders[name]
        vectors: torch.Tensor = encoder(encoder.features(batch))  # (tokens, width)
        is_foreign = not self.is_own("encoders", name)
        shape = (len(batch), encoder.width)
        breach = vectors_breach(vectors, shape, self.device_name, finite=is_foreign)
        if breach:
            brought_by = self.brought_by("encoders", name)
            raise PluginContractError(f"the encoder {name!r}: {brought_by} {breach}")
        return vectors

    def _remember(
        self,
        name: str,
        batch: Batch,
    ) -> TokenStates:
        return self.encoders[name].memory(batch, partial(batch.vectors, name))


def _around_network() -> AbstractContextManager[Any]:
    """A context in which a network is built: new, or for the weights of a file."""
    if not is_limited() or "torch" not in sys.modules:
        return nullcontext()
    from pipekit.devices.from_file import FromFile

    return FromFile()


def _is_network(part: object) -> bool:
    return hasattr(part, "state_dict")


def _inserted(
    parts: dict[str, Any],
    place: int,
    name: str,
    part: Any,
) -> dict[str, Any]:
    """A copy of `parts` with one more at a place of its order."""
    items = list(parts.items())
    items.insert(place, (name, part))
    return dict(items)
