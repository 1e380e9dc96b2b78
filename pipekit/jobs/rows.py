"""Records through a pipeline into the bytes of their rows: here, or in worker processes, so that rows go straight from them to the disk."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from pipekit.doc import Doc
from pipekit.errors import PipekitError, ProcessingError
from pipekit.jobs.outputs import OUTPUT_FORMATS, Chosen
from pipekit.jobs.records import Mark, Record
from pipekit.pipeline import Pipeline
from pipekit.pipeline.hooks import hooks
from pipekit.pipeline.running import Order, Result, Run
from pipekit.pipeline.streams import CHUNK_WORDS, Item, chunked
from pipekit.pipeline.workers.annotator import Annotator, Failure, Request, Response
from pipekit.pipeline.workers.supervisor import responses


class OutputRow(NamedTuple):
    """A document as bytes of the output, and its words; or why there are none."""

    data: bytes
    words: int
    reason: str | None = None


OutputRows = Generator[tuple[Record, OutputRow]]


def row_of(doc: Doc, record: Record, format: str, only: Chosen) -> OutputRow:
    """An annotated document as a row of a format."""
    if doc.error is not None:
        return OutputRow(b"", 0, doc.error)
    try:
        return OutputRow(OUTPUT_FORMATS[format].row(doc, record, only), len(doc))
    except PipekitError as error:
        return OutputRow(b"", 0, str(error))


def output_rows(
    nlp: Pipeline,
    stream: Iterable[Record],
    format: str,
    only: Chosen,
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
    items = (Item(number, record.source, record) for number, record in enumerate(stream))
    chunks = _marked(chunked(items, batch_words))
    if places:
        annotator = partial(RowAnnotator, format=format, only=only)
        return _of_workers(responses(nlp, chunks, annotator, places, order, doc_timeout))
    return _of_docs(Run(nlp, order).chunks(chunks), format, only)


def _marked(chunks: Iterable[list[Item]]) -> Iterator[list[Item]]:
    """The chunks; the last record of each says that it is the last."""
    for chunk in chunks:
        chunk[-1].context.last = True
        yield chunk


def _of_docs(results: Generator[Result], format: str, only: Chosen) -> OutputRows:
    with closing(results):
        for item, doc, error in results:
            if error is not None:
                _tell(item, error)
            yield item.context, row_of(doc, item.context, format, only)


def _of_workers(answered: Generator[tuple[Item, Response]]) -> OutputRows:
    with closing(answered):
        for item, answer in answered:
            reason = None
            if answer.failure is not None:
                _tell(item, answer.failure.of_document(item.number))
                reason = answer.failure.message
            yield item.context, OutputRow(answer.made, answer.words, reason)


def _tell(item: Item, error: ProcessingError) -> None:
    """Let listeners know of a document that failed."""
    component = error.component or ""
    hooks.tell("doc_failed", document=item.number, component=component, error=error)


@dataclass(frozen=True)
class RowAnnotator(Annotator):
    """A pipeline file as a function from records to rows.

    Args:
        format: a key of `OUTPUT_FORMATS`.
        only: the layers and columns that are written.
    """

    format: str = "jsonl"
    only: Chosen = frozenset()

    def sent(self, item: Item) -> Request:
        """A record as it travels. Errors: `ValueError` for one that cannot."""
        record: Record = item.context
        return super().sent(item)._replace(context=(record.place, record.fields, record.file))

    def received(self, source: Request) -> Item:
        item = super().received(source)
        place, fields, file = source.context
        return item._replace(context=Record(item.source, place, Mark(0, 0), 0, fields, file=file))

    def answer(self, item: Item, doc: Doc, error: Exception | None) -> Response:
        if error is not None:
            return Response(b"", 0, Failure.of(error))
        row = row_of(doc, item.context, self.format, self.only)
        return Response(
            row.data, row.words, None if row.reason is None else Failure("DocError", row.reason)
        )

    def failed(self, item: Item, reason: str, component: str | None = None) -> Response:
        return Response(b"", 0, Failure("ProcessingError", f"{item.title}: {reason}", component))
