"""Records through a pipeline into the bytes of their rows.

    records ──▶ chunks ──▶ a Run in this process,           ──▶ rows, in the order of the records
                           or a RowAnnotator in each worker

A worker makes the bytes itself, so that they go from it straight to the disk.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from pipekit.doc import Doc
from pipekit.errors import PipekitError, ProcessingError
from pipekit.jobs.formats import OUTPUT_FORMATS, Selection
from pipekit.jobs.records import Mark, Record
from pipekit.pipeline import Pipeline
from pipekit.pipeline.hooks import hooks
from pipekit.pipeline.running import Order, Result, Run
from pipekit.pipeline.streams import CHUNK_WORDS, Item, chunked
from pipekit.pipeline.workers.annotator import Annotator, Failure, Request, Response
from pipekit.pipeline.workers.supervisor import responses


class OutputRow(NamedTuple):
    """The bytes of a document in the output and the number of its words; or why there are none."""

    data: bytes
    words: int
    reason: str | None = None

    @classmethod
    def failed(cls, reason: str) -> OutputRow:
        """The row of a document that could not be annotated or written."""
        return cls(b"", 0, reason)


OutputRows = Generator[tuple[Record, OutputRow]]


def row_of(
    doc: Doc,
    record: Record,
    format: str,
    selection: Selection,
) -> OutputRow:
    """An annotated document as a row of a format."""
    if doc.error is not None:
        return OutputRow.failed(doc.error)
    write = OUTPUT_FORMATS[format].row
    try:
        data = write(doc, record, selection)
    except PipekitError as error:
        return OutputRow.failed(str(error))
    return OutputRow(data, len(doc))


def output_rows(
    nlp: Pipeline,
    stream: Iterable[Record],
    format: str,
    selection: Selection,
    *,
    batch_words: int = CHUNK_WORDS,
    n_process: int | None = None,
    devices: Sequence[str] = (),
    doc_timeout: float | None = None,
) -> OutputRows:
    """Each record with its row, in the order of the records; the last record of a chunk is marked.

    The stream is cut into chunks here, and nowhere after it. The options are those of
    `Pipeline.pipe`; wrong ones are refused by the call itself.
    """
    order = Order(True, batch_words).checked()
    places = nlp.places(n_process, devices, doc_timeout)
    chunks = _mark_ends(chunked(_items(stream), batch_words))
    if places:
        annotator = partial(RowAnnotator, format=format, selection=selection)
        answers = responses(nlp, chunks, annotator, places, order, doc_timeout)
        return _rows_of_workers(answers)
    results = Run(nlp, order).chunks(chunks)
    return _rows_of_docs(results, format, selection)


def _items(stream: Iterable[Record]) -> Iterator[Item]:
    """The records as a pipeline takes them."""
    for number, record in enumerate(stream):
        yield Item(number, source=record.source, context=record)


def _mark_ends(chunks: Iterable[list[Item]]) -> Iterator[list[Item]]:
    """The chunks, as they are; the last record of each is marked."""
    for chunk in chunks:
        last: Record = chunk[-1].context
        last.ends_chunk = True
        yield chunk


def _rows_of_docs(
    results: Generator[Result],
    format: str,
    selection: Selection,
) -> OutputRows:
    with closing(results):
        for item, doc, error in results:
            if error is not None:
                _announce_failure(item, error)
            record = item.context
            yield record, row_of(doc, record, format, selection)


def _rows_of_workers(answers: Generator[tuple[Item, Response]]) -> OutputRows:
    with closing(answers):
        for item, (data, words, failure) in answers:
            reason = None
            if failure is not None:
                error = failure.of_document(item.number)
                _announce_failure(item, error)
                reason = failure.message
            row = OutputRow(data, words, reason)
            yield item.context, row


def _announce_failure(
    item: Item,
    error: ProcessingError,
) -> None:
    """Tell the listeners of "doc_failed"."""
    hooks.tell(
        "doc_failed",
        document=item.number,
        component=error.component or "",
        error=error,
    )


@dataclass(frozen=True)
class RowAnnotator(Annotator):
    """A pipeline file as a function from records to rows, in a worker process.

    Args:
        format: a key of `OUTPUT_FORMATS`.
        selection: the layers and columns that are written.
    """

    format: str = "jsonl"
    selection: Selection = frozenset()

    def sent(self, item: Item) -> Request:
        """A record as it travels. Errors: `ValueError` for one that cannot."""
        record: Record = item.context
        context = (record.place, record.fields, record.file)
        return super().sent(item)._replace(context=context)

    def received(self, source: Request) -> Item:
        """A record that has travelled; the places in the input stay behind."""
        item = super().received(source)
        place, fields, file = source.context
        record = Record(
            source=item.source,
            place=place,
            end=Mark(0, 0),
            read=0,
            fields=fields,
            file=file,
        )
        return item._replace(context=record)

    def answer(
        self,
        item: Item,
        doc: Doc,
        error: Exception | None,
    ) -> Response:
        """The row of a document, or what failed on it."""
        if error is not None:
            return Response(b"", 0, Failure.of(error))
        row = row_of(doc, item.context, self.format, self.selection)
        failure = None
        if row.reason is not None:
            failure = Failure("DocError", row.reason)
        return Response(row.data, row.words, failure)

    def failed(
        self,
        item: Item,
        reason: str,
        component: str | None = None,
    ) -> Response:
        """The answer to a document that no process survived."""
        message = f"{item.title}: {reason}"
        return Response(b"", 0, Failure("ProcessingError", message, component))
