"""All inputs as one stream of records.

sources ──▶ text_records, doc_records ──▶ records
            one function a format         in order, each with its position
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pipekit.jobs.doc_records import conllu_records, docs_records
from pipekit.jobs.reading import Reading
from pipekit.jobs.records import DAMAGE, Lines, Mark, Position, Record, Source, readable
from pipekit.jobs.text_records import (
    jsonl_records,
    parquet_records,
    plain_text_records,
    table_records,
)

DOC_FORMATS = ("conllu", "docs")
"""The formats whose records are Docs, with whatever layers they bring."""

_OF_LINES: dict[str, Callable[[Lines, Reading], Iterator[Record]]] = {
    "txt": plain_text_records,
    "jsonl": jsonl_records,
    "csv": table_records,
    "tsv": table_records,
    "conllu": conllu_records,
}
_OF_FILES: dict[str, Callable[[Source, Mark, Reading], Iterator[Record]]] = {
    "docs": docs_records,
    "parquet": parquet_records,
}


def records(
    sources: Sequence[Source],
    reading: Reading,
    start: Position,
) -> Iterator[Record]:
    """The records of all inputs from a position on; of a shard, only its own."""
    number = start.number
    begin = Mark(start.offset, start.line, start.barrier)
    for index in range(start.input, len(sources)):
        source = sources[index]
        file = str(source.path)
        for record in _until_damage(source, begin, reading):
            record.file = file
            record.after = Position(
                input=index,
                offset=record.end.offset,
                line=record.end.line,
                number=number + 1,
                barrier=record.end.barrier,
            )
            if reading.shard.holds(number):
                yield record
            number += 1
        begin = Mark(0, 0)


def _until_damage(
    source: Source,
    begin: Mark,
    reading: Reading,
) -> Iterator[Record]:
    """The records of an input. Of a damaged file, the last one has the damage as its reason."""
    end = begin
    try:
        with readable(source):
            for record in _read(source, begin, reading):
                end = record.end
                yield record
    except DAMAGE as error:
        yield Record(
            source="",
            place={"line": end.line + 1, "byte": end.offset},
            end=end,
            read=0,
            reason=f"the file is damaged, and could not be read from here on: {error}",
        )


def _read(
    source: Source,
    begin: Mark,
    reading: Reading,
) -> Iterator[Record]:
    read_file = _OF_FILES.get(source.format)
    if read_file is not None:
        yield from read_file(source, begin, reading)
        return
    read_lines = _OF_LINES[source.format]
    with Lines(source, begin, reading.max_record, reading.encoding) as lines:
        yield from read_lines(lines, reading)
