"""A pipeline: parts in order, and documents through them."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, overload

from pipekit import registry
from pipekit.answering import Answer, answer_pairs
from pipekit.arriving import Arrivals
from pipekit.attention import AttentionMap
from pipekit.batching import Batch, gather
from pipekit.columns import Column
from pipekit.devices import check_precision, compile_parts, inference, pick_device
from pipekit.doc import Doc, clean
from pipekit.embedding import WordVectors, attention, encode
from pipekit.errors import ConfigError, PluginContractError, near
from pipekit.hooks import hooks
from pipekit.registry import Registry, check_name
from pipekit.running import CHARS, CHUNK_WORDS, Item, Order, Result, Run, work
from pipekit.vectors import Floats
from pipekit.workers.supervisor import annotate

if TYPE_CHECKING:
    import os

    import torch

    from pipekit.model import Component, Encoder, EncoderRef, Tables

ON_ERROR = ("raise", "skip", "record")
_KINDS: dict[str, Registry] = {"encoders": registry.encoders, "components": registry.components}
_CONFIG_KEYS = ("lang", "name", "tokenizer", "given", "encoders", "components")


class Pipeline(WordVectors):
    """Builds its parts from a config, checks their order, plans batches, runs them.

    Args:
        config: `lang`, `tokenizer` = {type, …}, `encoders` = {name: {type, …}}, `components` = {name: {type, …}} in their order,
            `given` = [layer]: layers that no component writes, since the documents bring them.
        tables: fixed arrays of parts, by "encoders/<name>" or "components/<name>".
        meta: name, version, description, licence, sources, figures: whatever describes the pipeline.

    `precision` is "float32", "bfloat16", "int8", or "auto" for bfloat16 on devices where that is faster; weights are kept as they are.
    A pipeline does not change while it runs, so threads may share it. Errors: `ConfigError` and `PluginError` as the registries raise them.
    """

    def __init__(
        self, config: Mapping[str, Any], tables: Mapping[str, Tables] | None = None, meta: Mapping[str, Any] | None = None
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
            self._add(name, dict(settings), (tables or {}).get(f"components/{name}"), len(self.components))
        self._check_order()

    # -- parts

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
        found = (p.device for part in (*self.encoders.values(), *self.components.values()) for p in _parameters(part))
        return str(next(found, "cpu"))

    def to(self, device: str | torch.device) -> Pipeline:
        """Move the weights: "cpu", "cuda", "cuda:1", or "auto" for a GPU where there is one. Returns the pipeline."""
        parts: list[Any] = [part for part in (*self.encoders.values(), *self.components.values()) if hasattr(part, "state_dict")]
        if not parts and str(device) in ("auto", "cpu"):
            return self
        target = pick_device(device)
        check_precision(self.precision, str(target))
        for part in parts:
            part.to(target)
        return self

    def with_precision(self, precision: str) -> Pipeline:
        """Choose "float32", "bfloat16", "int8" for linear layers on a CPU, or "auto" for computing; weights stay as they are.

        Returns the pipeline. Errors: `ConfigError` for another name, and where the device cannot compute so.
        """
        check_precision(precision, self.device_name)
        self.precision = precision
        return self

    def compile(self) -> Pipeline:
        """Compile the layers of attention of its encoders by `torch.compile`: the first texts take a minute then. Weights and files stay as
        they are, and workers do not inherit it. Returns the pipeline.

        Errors: `ConfigError` where no encoder has such layers or the compiler is missing, and for int8, which is not compiled.
        """
        if self.precision == "int8":
            raise ConfigError("int8 is not compiled: choose another precision")
        compile_parts([part for encoder in self.encoders.values() for part in encoder.compilable()], self.device)
        return self

    def add_encoder(self, name: str, type: str, *, tables: Tables | None = None, **settings: Any) -> Encoder:
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
        place = len(self.components) if anchor is None else self.pipe_names.index(anchor) + bool(after)
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
        component = self._build("components", name, config, tables, self._encoder_arguments(name, config))
        self.components = _inserted(self.components, place, name, component)
        self.configs["components"] = _inserted(self.configs["components"], place, name, config)

    def _build(self, kind: str, name: str, config: dict[str, Any], tables: Tables | None, override: dict[str, Any]) -> Any:
        extra = {"tables": tables} if tables else {}
        part = _KINDS[kind].build({**config, **override, **extra}, f"[{kind}.{name}]")
        if kind == "components":
            _check_promises(part, name, config["type"])
        return part.eval() if hasattr(part, "state_dict") else part

    def _encoder_arguments(self, name: str, config: Mapping[str, Any]) -> dict[str, EncoderRef]:
        wanted = config.get("encoder")
        if wanted is None:
            return {}
        if wanted not in self.encoders:
            raise ConfigError(f"[components.{name}] reads the encoder {wanted!r}, which is not there.{near(str(wanted), self.encoders)}")
        from pipekit.model import EncoderRef

        return {"encoder": EncoderRef(wanted, self.encoders[wanted].width)}

    def _check_order(self) -> None:
        written = {"sents", *getattr(self.tokenizer, "assigns", ()), *self.given}
        for name, component in self.components.items():
            for layer in getattr(component, "requires", ()):
                if layer not in written:
                    writers = [n for n, c in self.components.items() if layer in getattr(c, "assigns", ())]
                    cure = f"put it after {writers[0]!r}" if writers else f"add a component that writes {layer!r}"
                    raise ConfigError(f"component {name!r} reads {layer!r}, which nothing before it writes: {cure}")
            written.update(getattr(component, "assigns", ()))

    def select_pipes(self, *, enable: Sequence[str] | None = None, disable: Sequence[str] = ()) -> Pipeline:
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

    # -- documents

    def __call__(self, text: str | Doc, *, overwrite: bool = False) -> Doc:
        """A text, or a Doc whose tokens are kept, through all components."""
        return next(iter(self.pipe([text], overwrite=overwrite)))  # type: ignore[return-value]

    def answer(self, text: str | Doc, question: str) -> Answer | None:
        """The best answer to a question that stands in the text; None where the reader finds none. Errors: as `answers`."""
        return next(iter(self.answers(text, question, top=1)), None)

    @overload
    def answers(self, text: str | Doc, question: str, *, top: int = 3) -> list[Answer]: ...
    @overload
    def answers(self, text: str | Doc, question: list[str], *, top: int = 3) -> list[list[Answer]]: ...
    def answers(self, text: str | Doc, question: str | list[str], *, top: int = 3) -> list[Answer] | list[list[Answer]]:
        """At most `top` answers to a question, best first, or a list of them for each of several questions.

        They do not overlap; an empty list says that the text has no answer. A Doc's tokens are kept, and nothing is written to it.
        Errors: `ConfigError` for a pipeline without a component that answers questions.
        """
        asked = [question] if isinstance(question, str) else list(question)
        found = list(self.answer_pairs(((text, one) for one in asked), top=top))
        return found[0] if isinstance(question, str) else found

    def answer_pairs(self, pairs: Iterable[tuple[str | Doc, str]], *, top: int = 3) -> Iterator[list[Answer]]:
        """The same for any number of (text, question), as a stream. Questions to one text should follow each other: it is read once."""
        return answer_pairs(self, pairs, top)

    def encode(self, text: str | Doc, *, encoder: str | None = None) -> Floats:
        """The vectors of a text's tokens in context, as the encoder gives them to components, float32[tokens, width].

        A Doc's tokens are kept, and nothing is written to it. Errors: `ConfigError` without an encoder, or with several and none named.
        """
        return encode(self, text, encoder)

    def attention(self, text: str | Doc, *, encoder: str | None = None) -> list[AttentionMap]:
        """What the tokens of each sentence look at: their attention weights by layer and head, which `pipekit.attention.heat_map` draws.

        Errors: `ConfigError` as `encode`, and where the encoder has no attention.
        """
        return attention(self, text, encoder)

    def tokenize(self, texts: Sequence[str]) -> list[Doc]:
        """Texts as Docs with tokens and sentences, through no component."""
        cleaned = [clean(text) for text in texts]
        docs = []
        for text, segments in zip(cleaned, self.tokenizer.segment(cleaned), strict=True):
            doc = Doc.trusted(text, segments.starts, segments.ends)
            doc.tokens.put("sent_start", Column(segments.sentence_starts))
            docs.append(doc)
        return docs

    def pipe(
        self,
        texts: Iterable[Any],
        *,
        as_tuples: bool = False,
        on_error: str = "raise",
        overwrite: bool = False,
        n_process: int | None = None,
        devices: Sequence[str] = (),
        doc_timeout: float | None = None,
        progress: bool = False,
        batch_words: int = CHUNK_WORDS,
        max_delay: float | None = None,
    ) -> Iterator[Doc] | Iterator[tuple[Doc, Any]]:
        """Texts or Docs through all components, as a stream, in their order.

        Args:
            texts: texts, or Docs whose tokens are kept; with as_tuples pairs of these and any context, which travels with the document.
            on_error: what happens where a component fails on a document: "raise" a `ProcessingError` that names it, "skip" it, or "record"
                the reason in `doc.error` of a document that has tokens only, in its place in the stream.
            overwrite: whether components may replace layers that a given Doc has already.
            n_process: worker processes, each with the pipeline and one thread; as many as devices by default, none where none is named.
                One that dies is replaced; a document on which worker after worker dies has failed.
            devices: where worker processes compute, in turn, such as ["cuda:0", "cuda:1"]; the pipeline's own device by default. Those
                that share a GPU keep it busy: while one makes features or decodes, another computes.
            doc_timeout: seconds that a document may take in a worker, and a batch before its documents go one by one; one that takes
                longer has failed.
            progress: show a bar on a terminal.
            batch_words: about how many words are waited for and travel together: more are faster, fewer come out sooner. Documents of more
                than CHUNK_WORDS go through in parts.
            max_delay: for interactive streams: seconds that a document waits for others at most; with 0 it travels with what has come. A
                thread reads `texts` then. By default a document waits until the batch is full and another has come.
        """
        _check_arguments(texts, on_error, max_delay)
        order = Order(overwrite, batch_words).checked()
        places = self.places(n_process, devices, doc_timeout)
        stream = (Item(i, *(given if as_tuples else (given,))) for i, given in enumerate(_with_progress(texts, progress)))
        chunks = _chunks(stream, batch_words * CHARS, max_delay)
        done = annotate(self, chunks, places, order, doc_timeout) if places else Run(self, order).chunks(chunks)
        return self._leave(done, as_tuples, on_error)

    def places(self, n_process: int | None, devices: Sequence[str], doc_timeout: float | None = None) -> list[str]:
        """The device of each worker process that `pipe` starts for these arguments; none where this process does the work.

        Errors: `ConfigError` for arguments that cannot be, and for devices that are not there or do not compute in the precision.
        """
        if n_process is not None and n_process < 1:
            raise ConfigError(f"n_process is {n_process}: it is at least 1")
        workers = bool(devices) or n_process not in (None, 1)
        if doc_timeout is not None and not (workers and doc_timeout > 0):
            raise ConfigError(f"doc_timeout is {doc_timeout}: it is above 0 and takes n_process=2 or more, as only a worker can be stopped")
        if not workers:
            return []
        names = [devices] if isinstance(devices, str) else devices
        found = [str(pick_device(name)) for name in names] or [self.device_name]
        for device in found:
            check_precision(self.precision, device)
        return [found[i % len(found)] for i in range(n_process or len(found))]

    def _leave(self, done: Generator[Result], as_tuples: bool, on_error: str) -> Iterator[Any]:
        """Documents as their caller asked for them, and the failed as `on_error` says."""
        with closing(done):  # at once, not when the last traceback that knows it is gone: there may be processes behind it
            for item, doc, error in done:
                if error is not None and on_error == "raise":
                    raise error
                if error is not None:
                    hooks.tell("doc_failed", document=item.number, component=error.component or "", error=error)
                doc.vectors = self.vectors or doc.vectors
                if error is None or on_error == "record":
                    yield (doc, item.context) if as_tuples else doc

    @contextmanager
    def _inference(self) -> Iterator[None]:
        if not self.encoders and not any(hasattr(part, "state_dict") for part in self.components.values()):
            yield
            return
        with inference(self.device, self.precision):
            yield

    def _encode(self, name: str, batch: Batch) -> torch.Tensor:
        encoder = self.encoders[name]
        return encoder(encoder.features(batch))  # type: ignore[no-any-return]

    # -- files

    def to_bytes(self, *, half: bool = False) -> bytes:
        """The pipeline as bytes, what `pipekit.from_bytes` reads; half: weights as float16."""
        from pipekit.loading import dump

        return dump(self, half=half)

    def to_disk(self, path: str | os.PathLike[str], *, half: bool = False) -> None:
        """Write the pipeline to one file, or leave the old one intact; half: weights as float16. Errors: `StoreError`."""
        from pipekit.loading import save

        save(self, path, half=half)

    def __repr__(self) -> str:
        name = self.meta.get("name") or f"blank {self.lang}"
        return f"<Pipeline {name}: {', '.join(self.components) or 'no components'}>"


def _parameters(part: object) -> Iterable[torch.Tensor]:
    torch = sys.modules.get("torch")  # where nobody has imported it, there are no networks
    return part.parameters() if torch and isinstance(part, torch.nn.Module) else ()


def _inserted(parts: dict[str, Any], place: int, name: str, part: Any) -> dict[str, Any]:
    items = list(parts.items())
    return dict([*items[:place], (name, part), *items[place:]])


def _chunks(stream: Iterator[Item], limit: int, max_delay: float | None) -> Iterable[list[Item]]:
    def size(item: Item) -> int:
        return work(item.source)

    return gather(stream, size, limit) if max_delay is None else Arrivals(stream, size, limit, max_delay)


def _check_arguments(texts: object, on_error: str, max_delay: float | None) -> None:
    if on_error not in ON_ERROR:
        raise ConfigError(f"unknown on_error {on_error!r}.{near(on_error, ON_ERROR)}")
    if max_delay is not None and not max_delay >= 0:
        raise ConfigError(f"max_delay is {max_delay}: it is a number of seconds, 0 or more")
    if isinstance(texts, str | Doc):
        raise ConfigError("pipe takes many texts or Docs: for one, call nlp(text)")


def _with_progress(texts: Iterable[Any], progress: bool) -> Iterable[Any]:
    if not progress:
        return texts
    from tqdm import tqdm

    return tqdm(texts, unit=" docs", disable=None)


def _check_promises(part: object, name: str, type: str) -> None:
    """Be sure that a factory gave a component. Errors: `PluginContractError` naming who brings it."""
    for promised in ("requires", "assigns", "__call__"):
        if not hasattr(part, promised):
            supplier = registry.components.supplier(type)
            raise PluginContractError(f"component {name!r}, brought by {supplier}, has no {promised}: it cannot stand in a pipeline")
