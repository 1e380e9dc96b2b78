"""Documents through the components of a pipeline: in batches that fit into memory, and without those that fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipekit.devices.memory import Room, lost_device, ran_out, release_devices
from pipekit.doc import Doc
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
from pipekit.parts.batch import Batch
from pipekit.pipeline.assembly import Assembly
from pipekit.pipeline.hooks import hooks
from pipekit.pipeline.streams import CHUNK_WORDS, Item, chunked, gather

if TYPE_CHECKING:
    from pipekit.parts.contracts import Component


class Order(NamedTuple):
    """How documents are to be treated: the arguments of `Pipeline.pipe`."""

    overwrite: bool
    batch_words: int

    def checked(self) -> Order:
        """Itself. Errors: `ConfigError` for batches of no words."""
        if self.batch_words < 1:
            raise ConfigError(f"batch_words is {self.batch_words}: it is at least 1")
        return self


class DocPart(NamedTuple):
    """A document, or some sentences of a long one, and what it is of."""

    item: Item
    doc: Doc

    @property
    def words(self) -> int:
        """Its size; an empty document counts as one word, so that a batch of one word is one document."""
        return max(1, len(self.doc))


Result = tuple[Item, Doc, ProcessingError | None]  # with an error, the document has tokens only


def in_parts(doc: Doc, limit: int | None = None) -> list[Doc]:
    """A document as parts of CHUNK_WORDS words at most; of `limit` words, as far as that asks for no cut within a sentence."""
    return cut_doc(
        doc,
        CHUNK_WORDS
        if limit is None or limit >= len(doc)
        else min(CHUNK_WORDS, max(limit, longest_sentence(doc))),
    )


class Run:
    """A stream of documents through a pipeline, which does not change by it; what was found out about memory lasts as long as the stream.

    Where memory runs out, a batch goes in two, by words, and a document that does not fit alone goes in parts, cut between its sentences.
    """

    def __init__(self, pipeline: Assembly, order: Order) -> None:
        self.pipeline = pipeline
        self.order = order
        self.room = Room()
        self.began: Callable[[str], object] | None = (
            None  # is told each component that begins, and "tokenizer"
        )

    def chunks(self, chunks: Iterable[Sequence[Item]]) -> Generator[Result]:
        """All documents of a stream, as `chunk`."""
        for items in chunks:
            if items:
                yield from self.chunk(items)

    def chunk(self, items: Sequence[Item]) -> Iterator[Result]:
        """All at once; where that fails, in halves, so that what fails alone is found and costs the others nothing.

        Errors: `DocError` for a Doc that has what a component would write, `DeviceError` where a GPU can be used no more.
        """
        room = self.room.words
        try:
            docs = self._process(items)
        except ProcessingError as error:
            if len(items) == 1:
                self.room.words = room  # which says nothing about other documents
                yield items[0], self._failed(items[0].source, error), error
                return
            middle = len(items) // 2
            shares = [items[:middle], items[middle:]]
            if isinstance(error, OutOfMemoryError):  # it knows the document
                self.room.words = room
                guilty = next(
                    place for place, item in enumerate(items) if item.number == error.document
                )
                shares = [items[:guilty], items[guilty : guilty + 1], items[guilty + 1 :]]
        else:
            yield from zip(items, docs, repeat(None))
            return
        for share in filter(None, shares):  # out here nothing of what failed is held any more
            yield from self.chunk(share)

    def _process(self, items: Sequence[Item]) -> list[Doc]:
        docs = self._docs(items)
        for item, doc in zip(items, docs, strict=True):
            self._check_given(item, doc)
        if not self.order.overwrite:
            for item in items:
                if isinstance(item.source, Doc):
                    self._refuse_overwrite(item.number, item.source)
        self._through([DocPart(item, doc) for item, doc in zip(items, docs, strict=True)])
        for item, doc in zip(items, docs, strict=True):
            if isinstance(item.source, Doc):
                item.source.layers = doc.layers
        return [
            item.source if isinstance(item.source, Doc) else doc
            for item, doc in zip(items, docs, strict=True)
        ]

    def _docs(self, items: Sequence[Item]) -> list[Doc]:
        """Tokenize the texts together. Docs are copied, so that nothing half-written stays on the caller's where a component fails."""
        texts = [item.source for item in items if isinstance(item.source, str)]
        for item in items:
            if not isinstance(item.source, str | Doc):
                raise ProcessingError(
                    f"document {item.number} is of type {type(item.source).__name__}: give texts or Docs",
                    document=item.number,
                )
        if self.began:
            self.began("tokenizer")
        try:
            made = iter(self.pipeline.tokenize(texts))
        except Exception as error:
            raise _failure(items[0], "tokenizer", error) from error
        return [
            item.source.copy() if isinstance(item.source, Doc) else next(made) for item in items
        ]

    def _check_given(self, item: Item, doc: Doc) -> None:
        for layer in self.pipeline.given:
            if not doc.has_annotation(layer):
                raise _failure(
                    item,
                    "pipeline",
                    DocError(f"it needs Docs that bring the layer {layer!r}, which this one lacks"),
                )

    def _refuse_overwrite(self, number: int, doc: Doc) -> None:
        for name, component in self.pipeline.components.items():
            for layer in component.assigns:
                if doc.has_annotation(layer):
                    raise DocError(
                        f"document {number} has {layer!r} already, which {name!r} would replace: "
                        "pass overwrite=True, leave the component out, or give a bare copy, doc.copy(bare=True)"
                    )

    def _through(self, docs: Sequence[DocPart]) -> None:
        """Documents through the components, in as many batches as memory asks for."""
        cut = [
            [DocPart(item, part) for part in in_parts(doc, self.room.words)] for item, doc in docs
        ]
        # A chunk is gathered by characters, before there are words to count: somewhat more of them are not worth a second batch.
        limit = min(2 * self.order.batch_words, self.room.words)
        for group in gather(chain.from_iterable(cut), lambda part: part.words, limit):
            too_many = (
                _divisible(group) and sum(part.words for part in group) > self.room.words
            )  # as one before it has shown
            if too_many or not self._fits(group):
                self._through(group)
        for (_, doc), parts in zip(docs, cut, strict=True):
            rejoin(doc, [part.doc for part in parts])

    def _fits(self, group: Sequence[DocPart]) -> bool:
        """Run a batch. False where memory ran out: its documents are as they were. Errors: `OutOfMemoryError` if none can be cut."""
        words = sum(part.words for part in group)
        before = [
            {name: layer.shared() for name, layer in part.doc.layers.items()} for part in group
        ]
        reason = self._run([part.doc for part in group], group[0].item)
        if reason is None:
            self.room.passed(words)
            return True
        for part, layers in zip(group, before, strict=True):
            part.doc.layers = layers
        release_devices()
        self.room.failed(words)
        if not _divisible(group):
            raise _too_large(group[0], reason, str(self.pipeline.device))
        return False

    def _run(self, docs: Sequence[Doc], first: Item) -> str | None:
        """A batch through all components; where memory ran out, what said so, by which component."""
        begun = time.perf_counter()
        batch = self.pipeline.batch(docs)
        with self.pipeline.inference():
            for name, component in self.pipeline.components.items():
                if self.began:
                    self.began(name)
                try:
                    answer: object = component(batch)  # type: ignore[func-returns-value]
                    _check_contract(name, component, batch, answer)
                except Exception as error:
                    if ran_out(error):
                        return f"{name} failed: {type(error).__name__}: {error}"
                    if lost_device(error):
                        raise _lost(first, name, error) from error
                    raise _failure(first, name, error) from error
        hooks.tell("batch_done", docs=batch.docs, seconds=time.perf_counter() - begun)
        return None

    def _failed(self, source: str | Doc, error: ProcessingError) -> Doc:
        """The document with tokens only, if the tokenizer can make them, and the reason."""
        try:
            doc = (
                source.copy(bare=True)
                if isinstance(source, Doc)
                else self.pipeline.tokenize([source])[0]
            )
        except Exception:
            doc = Doc(words=[])
        doc.error = str(error)
        return doc


def docs_through(pipeline: Assembly, docs: Iterable[Doc]) -> Iterator[Doc]:
    """Docs through the components, as a stream. Errors: `ProcessingError` for the first that fails."""
    items = (Item(number, doc) for number, doc in enumerate(docs))
    chunks = chunked(items, CHUNK_WORDS)
    for _, doc, error in Run(pipeline, Order(False, CHUNK_WORDS)).chunks(chunks):
        if error is not None:
            raise error
        yield doc


def _divisible(group: Sequence[DocPart]) -> bool:
    return len(group) > 1 or longest_sentence(group[0].doc) < len(group[0].doc)


def _failure(item: Item, component: str, error: Exception) -> ProcessingError:
    reason = str(error) if isinstance(error, PipekitError) else f"{type(error).__name__}: {error}"
    kind = PluginContractError if isinstance(error, PluginContractError) else ProcessingError
    return kind(
        f"{item.title}: {component} failed: {reason}", document=item.number, component=component
    )


def _too_large(part: DocPart, reason: str, device: str) -> OutOfMemoryError:
    """No cause is kept: its traceback would hold the tensors."""
    cure = "free memory or give batch_words a smaller number" + (
        "" if device == "cpu" else ", or load the pipeline with device='cpu'"
    )
    why = f"memory on {device} ran out, though no more than {len(part.doc)} words of it were computed together"
    return OutOfMemoryError(
        f"{part.item.title}: {why}: {cure}. {reason}",
        document=part.item.number,
        component=reason.split(" ")[0],
    )


def _lost(item: Item, component: str, error: Exception) -> DeviceError:
    return DeviceError(
        f"{item.title}, or one computed with it: {component} failed: {error}. After such an error a process cannot use its GPU any more: "
        "start a new one"
    )


def _check_contract(name: str, component: Component, batch: Batch, answer: object) -> None:
    """What a component may not do, it is told of with the document. Errors: `PluginContractError`."""
    if answer is not None:
        raise PluginContractError(
            f"component {name!r} returned {type(answer).__name__}: it writes to the documents and returns nothing"
        )
    for doc in batch.docs:
        for assigned in component.assigns:
            if not doc.has_annotation(assigned):
                raise PluginContractError(
                    f"component {name!r} assigns {assigned!r} but wrote none to {doc!r}"
                )
            layer = doc.layers.get(assigned)
            if layer is not None and layer.kind == "span":
                _check_spans(name, assigned, doc)


def _check_spans(name: str, assigned: str, doc: Doc) -> None:
    layer = doc.layers[assigned]
    start, end = layer["start"].values, layer["end"].values
    if layer.size and (
        int(start.min()) < 0 or int(end.max()) > len(doc) or bool((start >= end).any())
    ):
        raise PluginContractError(
            f"component {name!r} wrote a span of {assigned!r} that does not lie in {doc!r}"
        )
    score = layer.get("score")
    if score is not None and bool(np.isnan(score.values).any()):
        raise PluginContractError(
            f"component {name!r} wrote a score that is no number to {assigned!r} of {doc!r}"
        )
