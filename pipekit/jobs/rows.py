"""Records through a pipeline into the bytes of their rows: here, or in worker processes, so that rows go straight from them to the disk."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from pipekit.batching import gather
from pipekit.doc import Doc
from pipekit.errors import PipekitError
from pipekit.hooks import hooks
from pipekit.jobs.source import Mark, Record
from pipekit.jobs.writing import FORMATS, Chosen
from pipekit.running import CHARS, CHUNK_WORDS, Item, Order, work
from pipekit.workers.annotator import Annotator, Answer, Failure, Source
from pipekit.workers.supervisor import answers

if TYPE_CHECKING:
    from pipekit.pipeline import Pipeline


class Row(NamedTuple):
    """A document as bytes of the output, and its words; or why there are none."""

    data: bytes
    words: int
    reason: str | None = None


Rows = Generator[tuple[Record, Row]]


def row_of(doc: Doc, record: Record, format: str, only: Chosen) -> Row:
    """An annotated document as a row of a format."""
    if doc.error is not None:
        return Row(b"", 0, doc.error)
    try:
        return Row(FORMATS[format].row(doc, record, only), len(doc))
    except PipekitError as error:
        return Row(b"", 0, str(error))


def rows(nlp: Pipeline, stream: Iterable[Record], format: str, only: Chosen, options: Mapping[str, Any]) -> Rows:
    """Each record with its row, in their order; those are marked behind which the stream is cut.

    `options` and errors are those of `Pipeline.pipe`; arguments that cannot be are refused by the call itself.
    """
    order = Order(True, options.get("batch_words", CHUNK_WORDS)).checked()
    chunks = _chunks(stream, order.batch_words)
    devices = nlp.places(options.get("n_process"), options.get("devices", ()), options.get("doc_timeout"))
    if devices:
        annotator = partial(RowAnnotator, format=format, only=only)
        return _of_workers(answers(nlp, _numbered(chunks), annotator, devices, order, options.get("doc_timeout")))
    pairs = ((record.source, record) for chunk in chunks for record in chunk)
    return _of_docs(nlp.pipe(pairs, as_tuples=True, on_error="record", overwrite=True, **options), format, only)


def _of_docs(docs: Any, format: str, only: Chosen) -> Rows:
    with closing(docs):
        for doc, record in docs:
            yield record, row_of(doc, record, format, only)


def _of_workers(answered: Any) -> Rows:
    with closing(answered):
        for item, answer in answered:
            yield item.context, Row(answer.made, answer.words, _told(item, answer))


def _told(item: Item, answer: Answer) -> str | None:
    """Why there is no row, which listeners are told of."""
    if answer.failure is None:
        return None
    error = answer.failure.of_document(item.number)
    hooks.tell("doc_failed", document=item.number, component=error.component or "", error=error)
    return answer.failure.message


def _chunks(stream: Iterable[Record], batch_words: int) -> Iterator[list[Record]]:
    """The records as `Pipeline.pipe` cuts them into chunks, the last one of each marked."""
    for chunk in gather(stream, lambda record: work(record.source), batch_words * CHARS):
        chunk[-1].last = True
        yield chunk


def _numbered(chunks: Iterable[list[Record]]) -> Iterator[list[Item]]:
    number = 0
    for chunk in chunks:
        yield [Item(number + i, record.source, record) for i, record in enumerate(chunk)]
        number += len(chunk)


@dataclass(frozen=True)
class RowAnnotator(Annotator):
    """A pipeline file as a function from records to rows.

    Args:
        format: a key of `FORMATS`.
        only: the layers and columns that are written.
    """

    format: str = "jsonl"
    only: Chosen = frozenset()

    def sent(self, item: Item) -> Source:
        """A record as it travels. Errors: `ValueError` for one that cannot."""
        record: Record = item.context
        return super().sent(item)._replace(context=(record.place, record.fields, record.file))

    def received(self, source: Source) -> Item:
        item = super().received(source)
        place, fields, file = source.context
        return item._replace(context=Record(item.source, place, Mark(0, 0), 0, fields, file=file))

    def answer(self, item: Item, doc: Doc, error: Exception | None) -> Answer:
        if error is not None:
            return Answer(b"", 0, Failure.of(error))
        row = row_of(doc, item.context, self.format, self.only)
        return Answer(row.data, row.words, None if row.reason is None else Failure("DocError", row.reason))

    def failed(self, item: Item, reason: str, component: str | None = None) -> Answer:
        return Answer(b"", 0, Failure("ProcessingError", f"{item.title}: {reason}", component))
