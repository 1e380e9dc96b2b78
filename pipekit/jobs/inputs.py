"""Records from files: each format is a function from lines, or from an input and a mark, to the records behind."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pipekit.corpora.readers.conllu import COLUMNS, conllu_sentences
from pipekit.corpora.readers.files import CorpusFile, Problem
from pipekit.corpora.readers.sentences import assemble
from pipekit.doc.file import doc_places
from pipekit.errors import ConfigError, PipekitFormatError, near
from pipekit.jobs import parquet
from pipekit.jobs.records import DAMAGE, Lines, Mark, Position, Record, Source, not_utf8, readable

_CELL = (
    1 << 24
)  # characters of a cell of CSV: behind a quotation mark that is never closed, the rest of a file would be one
_ESCAPED = re.compile("[\udc80-\udcff]")
_UNITS = {"txt": ("line", "file", "paragraph"), "conllu": ("sentence", "document")}


class Shard(NamedTuple):
    """Part `part` of `of` (from 1 on): the records whose number, counted from 0 over all inputs, leaves part - 1 when divided by `of`."""

    part: int = 1
    of: int = 1

    @classmethod
    def of_text(cls, text: str) -> Shard:
        """From "2/8". Errors: `ConfigError`."""
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ConfigError(
                f"--shard is {text!r}: it takes i/n, the i-th of n parts, for instance 1/8"
            )
        return cls(int(found[1]), int(found[2]))


class Reading(NamedTuple):
    """How inputs are read.

    `text` is the field with the text ("body", or dotted: "article.body"); `unit` is what makes a document: of plain text "line", "file" or
    "paragraph", of CoNLL-U "sentence" or "document", the first of these where none is given.
    """

    text: str = "text"
    unit: str | None = None
    shard: Shard = Shard()

    def check(self, sources: Iterable[Source]) -> None:
        """Errors: `ConfigError` for a unit that an input cannot be cut into, `DataError` for an input that is not there."""
        for source in sources:
            known = _UNITS.get(source.format, ())
            if self.unit is not None and self.unit not in known:
                raise ConfigError(
                    f"{source.path}: --unit is {self.unit!r}, but the format is {source.format!r}.{near(self.unit, known)}"
                )
            if source.is_stdin and source.format in ("parquet", "docs"):
                raise ConfigError(
                    f"standard input cannot be read as {source.format!r}: give a file"
                )
            _ = source.size


def records(sources: Sequence[Source], reading: Reading, start: Position) -> Iterator[Record]:
    """The records of all inputs as one stream, from a position on; of a shard, its own."""
    number = start.number
    for i in range(start.input, len(sources)):
        file = str(sources[i].path)
        begin = Mark(start.offset, start.line) if i == start.input else Mark(0, 0)
        for record in _up_to_damage(sources[i], begin, reading):
            record.file, record.after = file, Position(i, *record.end, number + 1)
            if number % reading.shard.of == reading.shard.part - 1:
                yield record
            number += 1


def _up_to_damage(source: Source, begin: Mark, reading: Reading) -> Iterator[Record]:
    """A compressed file that is damaged costs what lies behind the damage."""
    end = begin
    try:
        with readable(source):
            for record in _read(source, begin, reading):
                end = record.end
                yield record
    except DAMAGE as error:
        what = f"the file is damaged, and could not be read from here on: {error}"
        yield Record("", {"line": end.line + 1, "byte": end.offset}, end, 0, reason=what)


def _read(source: Source, begin: Mark, reading: Reading) -> Iterator[Record]:
    if source.format in _WHOLE:
        yield from _WHOLE[source.format](source, begin, reading)
        return
    with Lines(source, begin) as lines:
        yield from _LINES[source.format](lines, source, reading)


# -- plain text, JSON lines, tables


def _txt(lines: Lines, source: Source, reading: Reading) -> Iterator[Record]:
    if reading.unit == "file":
        start, data = lines.mark, b"".join(data for _, data in lines)
        if data.strip():
            yield lines.text(start, data.replace(b"\r\n", b"\n"))
    elif reading.unit == "paragraph":
        for block in _blocks(lines):
            yield lines.text(block[0][0], b"\n".join(data.rstrip(b"\r\n") for _, data in block))
    else:
        for start, data in lines:
            yield lines.text(start, data.rstrip(b"\r\n"))


def _blocks(lines: Lines) -> Iterator[list[tuple[Mark, bytes]]]:
    """The lines between empty lines."""
    held: list[tuple[Mark, bytes]] = []
    for start, data in lines:
        if data.strip():
            held.append((start, data))
        elif held:
            yield held
            held = []
    if held:
        yield held


def _jsonl(lines: Lines, source: Source, reading: Reading) -> Iterator[Record]:
    for start, data in lines:
        if data.strip():
            yield lines.record(start, *_of_line(data, reading.text))


def _of_line(data: bytes, name: str) -> tuple[str, dict[str, Any], str | None]:
    try:
        return _chosen(json.loads(data.decode()), name)
    except UnicodeDecodeError as error:
        return "", {}, not_utf8(data, error.start)
    except (ValueError, RecursionError) as error:
        return "", {}, f"is not JSON: {error}"


def _chosen(fields: Any, name: str) -> tuple[str, dict[str, Any], str | None]:
    """The text of a record, its fields, and where there is no text, the reason."""
    if not isinstance(fields, dict):
        return (
            "",
            {},
            f"has no text in the field {name!r}: it is not an object but {type(fields).__name__}",
        )
    found: Any = fields
    for key in [name] if name in fields else name.split("."):
        if not isinstance(found, dict) or key not in found:
            return (
                "",
                {},
                f"has no text in the field {name!r} (--text names another).{near(name, fields)}",
            )
        found = found[key]
    if not isinstance(found, str):
        return (
            "",
            {},
            f"has no text in the field {name!r}, but {'null' if found is None else type(found).__name__}",
        )
    return found, fields, None


def _table(delimiter: str, lines: Lines, source: Source, reading: Reading) -> Iterator[Record]:
    csv.field_size_limit(_CELL)
    names: list[str] | str | None = None
    if lines.mark.offset:
        with Lines(source, Mark(0, 0)) as head:
            names = next(_rows(head, delimiter))[1]
    for read, cells in _rows(lines, delimiter):
        start = read[0][0]
        if names is None:
            names = cells if isinstance(cells, list) else []
            if reading.text not in names:
                raise ConfigError(
                    f"{source.path}: has no column {reading.text!r}: --text names another.{near(reading.text, names)}"
                )
        elif isinstance(cells, str):
            yield lines.record(start, reason=cells)
        elif len(cells) != len(names):
            what = f"has {len(cells)} cells, but the first row names {len(names)}: quote cells with {delimiter!r}"
            yield lines.record(start, reason=what)
        else:
            yield lines.record(start, *_chosen(dict(zip(names, cells, strict=True)), reading.text))


def _rows(
    lines: Lines, delimiter: str
) -> Iterator[tuple[list[tuple[Mark, bytes]], list[str] | str]]:
    """The lines of each row with its cells, or with what is wrong with the first of them; the others are then read again."""
    read: list[tuple[Mark, bytes]] = []

    def strings() -> Iterator[str]:
        for line in lines:
            read.append(line)
            yield line[1].decode(errors="surrogateescape")

    table = csv.reader(strings(), delimiter=delimiter, strict=True)
    while True:
        read.clear()
        try:
            cells = next(table, None)
        except csv.Error as error:
            lines.back(read[1:])
            yield (
                read[:1],
                f"is no row of a table: {error}: double the quotation marks inside a quoted cell",
            )
            table = csv.reader(strings(), delimiter=delimiter, strict=True)
            continue
        if cells is None:
            return
        wrong = next((found for cell in cells if (found := _ESCAPED.search(cell))), None)
        if wrong:
            yield (
                read,
                f"is no UTF-8: it has the byte 0x{ord(wrong[0]) - 0xDC00:02x}: convert the file, iconv -f cp1251 -t utf-8",
            )
        elif cells:
            yield read, cells


# -- what comes as Docs


def _conllu(lines: Lines, source: Source, reading: Reading) -> Iterator[Record]:
    held: list[list[tuple[Mark, bytes]]] = []
    for block in _blocks(lines):
        end = lines.mark
        if held and (
            reading.unit != "document" or any(data.startswith(b"# newdoc") for _, data in block)
        ):
            lines.mark = block[0][0]
            yield _of_blocks(lines, source.path, held)
            lines.mark, held = end, []
        held.append(block)
    if held:
        yield _of_blocks(lines, source.path, held)


def _of_blocks(lines: Lines, path: Path, blocks: Sequence[Sequence[tuple[Mark, bytes]]]) -> Record:
    start = blocks[0][0][0]
    keys = {_key(data) for block in blocks for _, data in block if data.startswith(b"#")} - {"text"}
    problems: list[Problem] = []
    found = []
    for block in blocks:
        data = b"".join(line for _, line in block)
        file = CorpusFile(str(path), partial(io.BytesIO, data), problems.append)
        read = [
            one._replace(line=one.line + block[0][0].line)
            for one in conllu_sentences(file, tuple(COLUMNS), frozenset(keys))
        ]
        if not read and any(not line.startswith(b"#") for _, line in block):
            return lines.record(
                start, reason=problems[0].what if problems else "is no sentence of CoNLL-U"
            )
        found += read
    if not found:
        return lines.record(start, reason="holds comments and no words")
    name = (
        found[0].meta.get("newdoc")
        or found[0].meta.get("sent_id")
        or f"{path.name}:{found[0].line}"
    )
    return lines.record(start, assemble([found], [name])[0])


def _key(comment: bytes) -> str:
    key = comment[1:].partition(b"=")[0].strip().decode(errors="replace")
    return "newdoc" if key.startswith("newdoc") else key


def _docs(source: Source, begin: Mark, reading: Reading) -> Iterator[Record]:
    for number, (place, doc) in enumerate(doc_places(source.path, begin.offset), begin.line):
        end, at = Mark(place.stop, number + 1), {"record": number + 1, "byte": place.start}
        if isinstance(doc, PipekitFormatError):
            yield Record("", at, end, place.stop, reason=str(doc))
        else:
            doc.error = None
            yield Record(doc, at, end, place.stop)


def _parquet(source: Source, begin: Mark, reading: Reading) -> Iterator[Record]:
    for row in parquet.parquet_rows(source.path, begin.offset, reading.text):
        text, fields, reason = _chosen(row.fields, reading.text)
        yield Record(
            text,
            {"row": row.number + 1},
            Mark(row.number + 1, row.number + 1),
            row.read,
            fields,
            reason,
        )


_LINES: dict[str, Callable[[Lines, Source, Reading], Iterator[Record]]] = {
    "txt": _txt,
    "jsonl": _jsonl,
    "csv": partial(_table, ","),
    "tsv": partial(_table, "\t"),
    "conllu": _conllu,
}
_WHOLE: dict[str, Callable[[Source, Mark, Reading], Iterator[Record]]] = {
    "docs": _docs,
    "parquet": _parquet,
}
DOCS = ("conllu", "docs")
"""The formats whose records are Docs, with whatever layers they bring."""
