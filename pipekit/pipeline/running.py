"""Documents through the components of a pipeline: in batches that fit into memory, failures apart.

chunk of items ──tokenize──▶ Docs ──cut──▶ parts ──gather──▶ batches ──▶ components
      ▲                                                         │
      │                            memory ran out: in smaller batches, then in smaller parts
      └── a document failed: the chunk in halves, until that document is alone
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import NamedTuple

from pipekit.devices.memory import Room, lost_device, ran_out, release_gpu_memory
from pipekit.doc import Doc, Layer
from pipekit.doc.cutting import cut_doc, longest_sentence, rejoin
from pipekit.errors import (
    ConfigError,
    DeviceError,
    DocError,
    OutOfMemoryError,
    PipekitError,
    PluginContractError,
    ProcessingError,
)
from pipekit.parts.watch import Watch, numbers_breach
from pipekit.pipeline.assembly import Assembly
from pipekit.pipeline.hooks import hooks
from pipekit.pipeline.inputs import source_fault
from pipekit.pipeline.streams import CHUNK_WORDS, Item, chunked, gather


class Order(NamedTuple):
    """The arguments of `Pipeline.pipe` that say how documents are treated."""

    overwrite: bool
    batch_words: int

    def checked(self) -> Order:
        """The order itself. Errors: `ConfigError` for batches of no words."""
        if self.batch_words < 1:
            raise ConfigError(f"batch_words is {self.batch_words}: it is at least 1")
        return self


class Result(NamedTuple):
    """An item of a stream, and what became of it.

    Attributes:
        item: the item.
        doc: its annotated document; the caller's own, where the caller passed a Doc. After a
            failure, a document with tokens only.
        error: the failure, if there was one.
    """

    item: Item
    doc: Doc
    error: ProcessingError | None = None


class DocPart(NamedTuple):
    """A document, or some sentences of a long one, and the item that it belongs to."""

    item: Item
    doc: Doc

    @property
    def words(self) -> int:
        """Its size. An empty document counts as one word, so one word is one document at most."""
        return max(1, len(self.doc))


def as_doc(
    pipeline: Assembly,
    text: str | Doc,
) -> Doc:
    """A text as a Doc with tokens and sentences; a Doc as it is. Errors: `ConfigError` for else."""
    if isinstance(text, Doc):
        return text
    if not isinstance(text, str):
        raise ConfigError(f"the text {source_fault(text)}")
    [doc] = pipeline.tokenize([text])
    return doc


def in_parts(
    doc: Doc,
    limit: int | None = None,
) -> list[Doc]:
    """A document as parts of CHUNK_WORDS words at most.

    With a smaller `limit`, parts are of so many words, or of as many as the longest sentence has:
    memory that is short does not cut a sentence.
    """
    if limit is None or limit >= len(doc):
        return cut_doc(doc, CHUNK_WORDS)
    limit = max(limit, longest_sentence(doc))
    return cut_doc(doc, min(CHUNK_WORDS, limit))


class Run:
    """A stream of documents through a pipeline.

    The pipeline itself does not change. What has been learnt about memory belongs to the run, and
    lasts as long as the stream: where memory runs out, a batch is divided into smaller ones, and a
    document that does not fit alone is divided between its sentences.

    Attributes:
        room: how many words fit into memory at a time, as far as that is known.
        on_component: called with the name of each component that begins, and with "tokenizer".
    """

    def __init__(
        self,
        pipeline: Assembly,
        order: Order,
    ) -> None:
        self.pipeline = pipeline
        self.order = order
        self.room = Room()
        self.on_component: Callable[[str], object] | None = None

    def chunks(self, chunks: Iterable[Sequence[Item]]) -> Generator[Result]:
        """The results of all items of a stream, in their order. Errors: as `chunk`."""
        for items in chunks:
            if items:
                yield from self.chunk(items)

    def chunk(self, items: Sequence[Item]) -> Iterator[Result]:
        """The results of some items, in their order.

        All are processed together. Where that fails, they are divided and tried again: so a
        document that fails is found, and costs the others nothing but time.

        Errors: `DocError` for a Doc that has what a component would write; `DeviceError` where the
        GPU can be used no more.
        """
        room = self.room.words
        try:
            docs = self._process(items)
        except ProcessingError as error:
            is_alone = len(items) == 1
            if is_alone or isinstance(error, OutOfMemoryError):
                self.room.words = room  # one document's size says nothing about the others
            if is_alone:
                item = items[0]
                yield Result(item, self._bare_doc(item.source, error), error)
                return
            shares = _divided(items, error)
        else:
            yield from map(Result, items, docs)
            return
        # The next tries are out here, since the error is gone by now: its traceback held the
        # batch that failed, and with it the memory that they need.
        for share in shares:
            yield from self.chunk(share)

    def _process(self, items: Sequence[Item]) -> list[Doc]:
        """The annotated documents of some items. If one fails, no Doc of the caller's changes."""
        docs = self._tokenized(items)
        for item, doc in docs:
            self._check_given_layers(item, doc)
        if not self.order.overwrite:
            for item in items:
                if isinstance(item.source, Doc):
                    self._refuse_overwriting(item.number, item.source)
        self._annotate(docs)
        return [_written_back(item, doc) for item, doc in docs]

    def _tokenized(self, items: Sequence[Item]) -> list[DocPart]:
        """Texts as Docs, all tokenized together, and copies of the caller's Docs."""
        texts = []
        for item in items:
            if isinstance(item.source, str):
                texts.append(item.source)
            elif not isinstance(item.source, Doc):
                raise ProcessingError(
                    f"document {item.number} {source_fault(item.source)}",
                    document=item.number,
                )
        if self.on_component:
            self.on_component("tokenizer")
        try:
            tokenized = iter(self.pipeline.tokenize(texts))
        except Exception as error:
            raise _failure(items[0], "tokenizer", error) from error
        docs = []
        for item in items:
            if isinstance(item.source, Doc):
                doc = item.source.copy()
            else:
                doc = next(tokenized)
            docs.append(DocPart(item, doc))
        return docs

    def _check_given_layers(
        self,
        item: Item,
        doc: Doc,
    ) -> None:
        """Errors: `ProcessingError` for a document without a layer that it has to bring."""
        for layer in self.pipeline.given:
            if not doc.has_annotation(layer):
                reason = f"it needs Docs that bring the layer {layer!r}, which this one lacks"
                raise _failure(item, "pipeline", DocError(reason))

    def _refuse_overwriting(
        self,
        number: int,
        doc: Doc,
    ) -> None:
        """Errors: `DocError` for a caller's Doc with a layer that a component would replace."""
        for name, component in self.pipeline.components.items():
            for layer in component.assigns:
                if doc.has_annotation(layer):
                    raise DocError(
                        f"document {number} has {layer!r} already, "
                        f"which {name!r} would replace: pass overwrite=True, "
                        "leave the component out, or give a bare copy, doc.copy(bare=True)"
                    )

    def _annotate(self, docs: Sequence[DocPart]) -> None:
        """Send documents through the components, in as many batches as memory asks for."""
        parts_of_docs = []
        all_parts = []
        for item, doc in docs:
            parts = in_parts(doc, self.room.words)
            parts_of_docs.append(parts)
            all_parts += [DocPart(item, part) for part in parts]
        # A chunk is gathered by characters, before its words can be counted. If it has somewhat
        # more words than it should, these are not worth a second batch.
        most_words = 2 * self.order.batch_words
        limit = min(most_words, self.room.words)
        for batch in gather(all_parts, lambda part: part.words, limit):
            if self._is_too_large(batch) or not self._fits(batch):
                self._annotate(batch)
        for whole, parts in zip(docs, parts_of_docs, strict=True):
            rejoin(whole.doc, parts)

    def _is_too_large(self, parts: Sequence[DocPart]) -> bool:
        """Whether a batch can be divided, and has to be, as one before it has shown."""
        return _is_divisible(parts) and _words(parts) > self.room.words

    def _fits(self, parts: Sequence[DocPart]) -> bool:
        """Run a batch; whether memory was enough. If not, its documents are as they were.

        Errors: `OutOfMemoryError` where memory is too short for a batch that cannot be divided.
        """
        words = _words(parts)
        docs = [part.doc for part in parts]
        layers_before = [_shared_layers(doc) for doc in docs]
        shortage = self._run(docs, parts[0].item)
        if shortage is None:
            self.room.passed(words)
            return True
        for doc, layers in zip(docs, layers_before, strict=True):
            doc.layers = layers
        release_gpu_memory()
        self.room.failed(words)
        if not _is_divisible(parts):
            device = str(self.pipeline.device)
            raise _too_large(parts[0], shortage, device)
        return False

    def _run(
        self,
        docs: Sequence[Doc],
        first: Item,
    ) -> str | None:
        """Send a batch through all components; None, or where memory ran out, which one failed.

        A shortage is returned as text: an exception would hold the tensors of the batch.
        """
        begin = time.perf_counter()
        batch = self.pipeline.batch(docs)
        watch: Watch | None = None  # of components of plugins that follow each other
        with self.pipeline.inference():
            for name, component in self.pipeline.components.items():
                if self.on_component:
                    self.on_component(name)
                try:
                    if self.pipeline.is_own("components", name):
                        watch = None
                        component(batch)
                        breach = numbers_breach(docs, component.assigns)
                    else:
                        watch = watch or Watch(docs)
                        answer: object = component(batch)  # type: ignore[func-returns-value]
                        breach = watch.breach(batch.docs, component.assigns, answer)
                    if breach:
                        brought_by = self.pipeline.brought_by("components", name)
                        raise PluginContractError(f"{brought_by} {breach}")
                except Exception as error:
                    if ran_out(error):
                        return f"{name} failed: {type(error).__name__}: {error}"
                    if lost_device(error):
                        raise _lost(first, name, error) from error
                    raise _failure(first, name, error) from error
        seconds = time.perf_counter() - begin
        hooks.tell("batch_done", docs=batch.docs, seconds=seconds)
        return None

    def _bare_doc(
        self,
        source: str | Doc,
        error: ProcessingError,
    ) -> Doc:
        """The document of a failure: with tokens only, the tokenizer's if it can make them."""
        try:
            if isinstance(source, Doc):
                doc = source.copy(bare=True)
            else:
                doc = as_doc(self.pipeline, source)
        except Exception:
            text = source if isinstance(source, str) else ""
            doc = split_at_spaces(text)
        doc.error = str(error)
        return doc


def split_at_spaces(text: str) -> Doc:
    """A text as a Doc whose tokens are the words between white space, where no tokenizer can."""
    starts = []
    ends = []
    for match in re.finditer(r"\A\s+|\S+", text):
        starts.append(match.start())
        ends.append(match.end())
    return Doc(text, starts=starts, ends=ends)


def docs_through(
    pipeline: Assembly,
    docs: Iterable[Doc],
) -> Iterator[Doc]:
    """Docs through the components, as a stream. Errors: `ProcessingError` for the first failure."""
    items = (Item(number, doc) for number, doc in enumerate(docs))
    chunks = chunked(items, CHUNK_WORDS)
    run = Run(pipeline, Order(overwrite=False, batch_words=CHUNK_WORDS))
    for result in run.chunks(chunks):
        if result.error is not None:
            raise result.error
        yield result.doc


def _divided(
    items: Sequence[Item],
    error: ProcessingError,
) -> list[Sequence[Item]]:
    """Items that failed together, as shares to be tried apart.

    These are halves, since the error may name the wrong document. Only a document that is too large
    for the memory is certain: it goes alone.
    """
    if isinstance(error, OutOfMemoryError):
        is_guilty = [item.number == error.document for item in items]
        start = is_guilty.index(True)
        end = start + 1
    else:
        start = end = len(items) // 2
    shares = [items[:start], items[start:end], items[end:]]
    return [share for share in shares if share]


def _shared_layers(doc: Doc) -> dict[str, Layer]:
    """The layers of a document as they are now; columns are shared, and not copied."""
    return {name: layer.shared() for name, layer in doc.layers.items()}


def _written_back(
    item: Item,
    doc: Doc,
) -> Doc:
    """The document for the caller: the caller's own Doc, with the new layers, or the new Doc."""
    if not isinstance(item.source, Doc):
        return doc
    item.source.layers = doc.layers
    return item.source


def _words(parts: Sequence[DocPart]) -> int:
    return sum(part.words for part in parts)


def _is_divisible(parts: Sequence[DocPart]) -> bool:
    """Whether there are several documents, or several sentences."""
    if len(parts) > 1:
        return True
    doc = parts[0].doc
    return longest_sentence(doc) < len(doc)


def _failure(
    item: Item,
    component: str,
    error: Exception,
) -> ProcessingError:
    """The failure of a component, with its document; a broken contract remains one."""
    kind = ProcessingError
    if isinstance(error, PluginContractError):
        kind = PluginContractError
    reason = str(error)
    if not isinstance(error, PipekitError):
        reason = f"{type(error).__name__}: {reason}"
    message = f"{item.title}: {component} failed: {reason}"
    return kind(message, document=item.number, component=component)


def _too_large(
    part: DocPart,
    shortage: str,
    device: str,
) -> OutOfMemoryError:
    """The failure of a document that does not fit into memory.

    It has no cause: the traceback of a cause would hold the tensors.
    """
    item = part.item
    words = len(part.doc)
    cure = "free memory or give batch_words a smaller number"
    if device != "cpu":
        cure += ", or load the pipeline with device='cpu'"
    component, _, _ = shortage.partition(" ")
    return OutOfMemoryError(
        f"{item.title}: memory on {device} ran out, though no more than {words} words "
        f"of it were computed together: {cure}. {shortage}",
        document=item.number,
        component=component,
    )


def _lost(
    item: Item,
    component: str,
    error: Exception,
) -> DeviceError:
    return DeviceError(
        f"{item.title}, or one computed with it: {component} failed: {error}. "
        "After such an error a process cannot use its GPU any more: start a new one"
    )
