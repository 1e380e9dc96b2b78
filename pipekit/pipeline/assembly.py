"""Parts from a config, checked and in order: what a `Pipeline` runs documents through."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from pipekit import registry
from pipekit.devices.forks import one_thread_after_fork
from pipekit.devices.placement import compile_parts, pick_device
from pipekit.devices.precision import check_precision, inference
from pipekit.doc import Doc
from pipekit.doc.columns import Column
from pipekit.doc.text import clean
from pipekit.errors import ConfigError, PluginContractError, near
from pipekit.parts.batch import Batch
from pipekit.registry import Registry, check_name

if TYPE_CHECKING:
    import torch

    from pipekit.parts.contracts import Component, Encoder, EncoderRef, Tables

_KINDS: dict[str, Registry] = {"encoders": registry.encoders, "components": registry.components}
_CONFIG_KEYS = ("lang", "name", "tokenizer", "given", "encoders", "components")


class Assembly:
    """A tokenizer, encoders and components, built from a config, and how a batch goes through them.

    Args and errors are those of `Pipeline`, which adds streams of documents, questions and files.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        tables: Mapping[str, Tables] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        for key in config:
            if key not in _CONFIG_KEYS:
                raise ConfigError(f"a pipeline's config has no {key!r}.{near(key, _CONFIG_KEYS)}")
        self.lang: str = config.get("lang", "ru")
        self.meta: dict[str, Any] = dict(meta or {})
        self.precision = "auto"
        self.given: tuple[str, ...] = tuple(config.get("given") or ())
        self.tokenizer_config: dict[str, Any] = dict(config.get("tokenizer") or {"type": self.lang})
        self.tokenizer = registry.tokenizers.build(self.tokenizer_config, "tokenizer")
        self.configs: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in _KINDS}
        self.encoders: dict[str, Encoder] = {}
        self.components: dict[str, Component] = {}
        for name, settings in (config.get("encoders") or {}).items():
            self._add_encoder(name, dict(settings), (tables or {}).get(f"encoders/{name}"))
        for name, settings in (config.get("components") or {}).items():
            self._add(
                name, dict(settings), (tables or {}).get(f"components/{name}"), len(self.components)
            )
        self._check_order()

    @property
    def config(self) -> dict[str, Any]:
        """The config that builds this pipeline again."""
        given = {"given": list(self.given)} if self.given else {}
        parts = {kind: dict(parts) for kind, parts in self.configs.items()}
        return {"lang": self.lang, "tokenizer": self.tokenizer_config, **given, **parts}

    @property
    def pipe_names(self) -> list[str]:
        """The components in their order."""
        return list(self.components)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        import torch

        return torch.device(self.device_name)

    @property
    def device_name(self) -> str:
        """Where the weights are, "cpu" or "cuda:0": without torch, which a pipeline without networks does not need."""
        found = (
            p.device
            for part in (*self.encoders.values(), *self.components.values())
            for p in _parameters(part)
        )
        return str(next(found, "cpu"))

    def to(self, device: str | torch.device) -> Self:
        """Move the weights: "cpu", "cuda", "cuda:1", or "auto" for a GPU where there is one. Returns the pipeline."""
        parts: list[Any] = [
            part
            for part in (*self.encoders.values(), *self.components.values())
            if hasattr(part, "state_dict")
        ]
        if not parts and str(device) in ("auto", "cpu"):
            return self
        target = pick_device(device)
        check_precision(self.precision, str(target))
        for part in parts:
            part.to(target)
        return self

    def with_precision(self, precision: str) -> Self:
        """Choose "float32", "bfloat16", "int8" for linear layers on a CPU, or "auto" for computing; weights stay as they are.

        Returns the pipeline. Errors: `ConfigError` for another name, and where the device cannot compute so.
        """
        check_precision(precision, self.device_name)
        self.precision = precision
        return self

    def compile(self) -> Self:
        """Compile the layers of attention of its encoders by `torch.compile`: the first texts take a minute then. Weights and files stay as
        they are, and workers do not inherit it. Returns the pipeline.

        Errors: `ConfigError` where no encoder has such layers or the compiler is missing, and for int8, which is not compiled.
        """
        if self.precision == "int8":
            raise ConfigError("int8 is not compiled: choose another precision")
        compile_parts(
            [part for encoder in self.encoders.values() for part in encoder.compilable()],
            self.device,
        )
        return self

    def add_encoder(
        self, name: str, type: str, *, tables: Tables | None = None, **settings: Any
    ) -> Encoder:
        """Add an encoder that components may name."""
        if name in self.encoders:
            raise ConfigError(f"there is an encoder {name!r} already: give this one another name")
        return self._add_encoder(name, {"type": type, **settings}, tables)

    def _add_encoder(self, name: str, config: dict[str, Any], tables: Tables | None) -> Encoder:
        check_name(name, "an encoder")
        self.encoders[name] = self._build("encoders", name, config, tables, {})
        self.configs["encoders"][name] = config
        return self.encoders[name]

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
        """Add a component of a registered type, at the end or before or after another; it is called as its type unless a name is given.

        `tables` are its fixed arrays, if it has some: `pipekit.resources.read(path)` reads them from a file.
        """
        name = check_name(name or type, "a component")
        if name in self.components:
            raise ConfigError(f"there is a component {name!r} already: give this one another name=")
        if before and after:
            raise ConfigError("give before= or after=, not both")
        anchor = before or after
        if anchor is not None and anchor not in self.components:
            raise ConfigError(f"there is no component {anchor!r}.{near(anchor, self.components)}")
        place = (
            len(self.components) if anchor is None else self.pipe_names.index(anchor) + bool(after)
        )
        components, configs = self.components, self.configs["components"]
        self._add(name, {"type": type, **settings}, tables, place)
        try:
            self._check_order()
        except ConfigError:
            self.components, self.configs["components"] = components, configs
            raise
        return self.components[name]

    def _add(self, name: str, config: dict[str, Any], tables: Tables | None, place: int) -> None:
        check_name(name, "a component")
        component = self._build(
            "components", name, config, tables, self._encoder_arguments(name, config)
        )
        self.components = _inserted(self.components, place, name, component)
        self.configs["components"] = _inserted(self.configs["components"], place, name, config)

    def _build(
        self,
        kind: str,
        name: str,
        config: dict[str, Any],
        tables: Tables | None,
        override: dict[str, Any],
    ) -> Any:
        extra = {"tables": tables} if tables else {}
        part = _KINDS[kind].build({**config, **override, **extra}, f"[{kind}.{name}]")
        if kind == "components":
            _check_promises(part, name, config["type"])
        if not hasattr(part, "state_dict"):
            return part
        one_thread_after_fork()
        return part.eval()

    def _encoder_arguments(self, name: str, config: Mapping[str, Any]) -> dict[str, EncoderRef]:
        wanted = config.get("encoder")
        if wanted is None:
            return {}
        if wanted not in self.encoders:
            raise ConfigError(
                f"[components.{name}] reads the encoder {wanted!r}, which is not there.{near(str(wanted), self.encoders)}"
            )
        from pipekit.parts.contracts import EncoderRef

        return {"encoder": EncoderRef(wanted, self.encoders[wanted].width)}

    def _check_order(self) -> None:
        written = {"sents", *getattr(self.tokenizer, "assigns", ()), *self.given}
        for name, component in self.components.items():
            for layer in getattr(component, "requires", ()):
                if layer not in written:
                    writers = [
                        n for n, c in self.components.items() if layer in getattr(c, "assigns", ())
                    ]
                    cure = (
                        f"put it after {writers[0]!r}"
                        if writers
                        else f"add a component that writes {layer!r}"
                    )
                    raise ConfigError(
                        f"component {name!r} reads {layer!r}, which nothing before it writes: {cure}"
                    )
            written.update(getattr(component, "assigns", ()))

    def select_pipes(
        self, *, enable: Sequence[str] | None = None, disable: Sequence[str] = ()
    ) -> Self:
        """A light view with fewer components; it shares all weights with this pipeline, which stays as it is."""
        for name in (*(enable or ()), *disable):
            if name not in self.components:
                raise ConfigError(f"there is no component {name!r}.{near(name, self.components)}")
        kept = [n for n in self.components if (enable is None or n in enable) and n not in disable]
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view.encoders = dict(self.encoders)
        view.components = {name: self.components[name] for name in kept}
        chosen = {name: self.configs["components"][name] for name in kept}
        view.configs = {"encoders": dict(self.configs["encoders"]), "components": chosen}
        return view

    def tokenize(self, texts: Sequence[str]) -> list[Doc]:
        """Texts as Docs with tokens and sentences, through no component."""
        cleaned = [clean(text) for text in texts]
        docs = []
        for text, segments in zip(cleaned, self.tokenizer.segment(cleaned), strict=True):
            doc = Doc.trusted(text, segments.starts, segments.ends)
            doc.tokens.put("sent_start", Column(segments.sentence_starts))
            docs.append(doc)
        return docs

    def batch(self, docs: Sequence[Doc]) -> Batch:
        """Documents as a batch that knows the encoders and the tokenizer."""
        return Batch(docs, self._encode, self.tokenize)

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Within this context networks compute in the pipeline's precision, without gradients."""
        if not self.encoders and not any(
            hasattr(part, "state_dict") for part in self.components.values()
        ):
            yield
            return
        with inference(self.device, self.precision):
            yield

    def _encode(self, name: str, batch: Batch) -> torch.Tensor:
        encoder = self.encoders[name]
        return encoder(encoder.features(batch))  # type: ignore[no-any-return]


def _parameters(part: object) -> Iterable[torch.Tensor]:
    torch = sys.modules.get("torch")  # where nobody has imported it, there are no networks
    return part.parameters() if torch and isinstance(part, torch.nn.Module) else ()


def _inserted(parts: dict[str, Any], place: int, name: str, part: Any) -> dict[str, Any]:
    items = list(parts.items())
    return dict([*items[:place], (name, part), *items[place:]])


def _check_promises(part: object, name: str, type: str) -> None:
    """Be sure that a factory gave a component. Errors: `PluginContractError` naming who brings it."""
    for promised in ("requires", "assigns", "__call__"):
        if not hasattr(part, promised):
            supplier = registry.components.supplier(type)
            raise PluginContractError(
                f"component {name!r}, brought by {supplier}, has no {promised}: it cannot stand in a pipeline"
            )
