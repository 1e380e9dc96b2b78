"""Records that are texts with fields: plain text, JSON lines, tables, Parquet."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pipekit.errors import ConfigError, near
from pipekit.jobs import parquet
from pipekit.jobs.reading import Reading
from pipekit.jobs.records import Fields, Line, Lines, Mark, Record, Source, not_utf8

# Behind a quotation mark that is never closed, the rest of a file would be one cell.
_CELL_CHARACTERS = 1 << 24
_UNDECODED = re.compile("[\udc80-\udcff]")  # how Python keeps a byte that is no UTF-8


class Content(NamedTuple):
    """The text of a record and all its fields; or the reason why there is no text."""

    text: str
    fields: Fields
    reason: str | None = None


def find_text(
    fields: Any,
    name: str,
) -> Content:
    """The text in the field `name`; a dotted name leads into objects within objects."""
    if not isinstance(fields, dict):
        return _without_text(name, f": it is not an object but {type(fields).__name__}")
    keys = name.split(".")
    if name in fields:
        keys = [name]
    value: Any = fields
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return _without_text(name, f" (--text names another).{near(name, fields)}")
        value = value[key]
    if isinstance(value, str):
        return Content(value, fields)
    kind = "null" if value is None else type(value).__name__
    return _without_text(name, f", but {kind}")


def _without_text(
    name: str,
    why: str,
) -> Content:
    return _unreadable(f"has no text in the field {name!r}{why}")


def _unreadable(reason: str) -> Content:
    return Content("", {}, reason)


# -- plain text


def plain_text_records(
    lines: Lines,
    reading: Reading,
) -> Iterator[Record]:
    """A record for each line or paragraph, or for the whole file."""
    if reading.unit == "file":
        yield from _whole_file(lines)
    elif reading.unit == "paragraph":
        yield from _paragraphs(lines)
    else:
        for line in lines:
            data = line.data.rstrip(b"\r\n")
            yield lines.text(line.begin, data)


def _whole_file(lines: Lines) -> Iterator[Record]:
    start = lines.mark
    data = b"".join(line.data for line in lines)
    if data.strip():
        yield lines.text(start, data.replace(b"\r\n", b"\n"))


def _paragraphs(lines: Lines) -> Iterator[Record]:
    for block in lines.blocks():
        begin = block[0].begin
        texts = [line.data.rstrip(b"\r\n") for line in block]
        yield lines.text(begin, b"\n".join(texts))


# -- JSON lines


def jsonl_records(
    lines: Lines,
    reading: Reading,
) -> Iterator[Record]:
    """A record for each line that is not empty."""
    for line in lines:
        if line.data.strip():
            content = _parse(line.data, reading.text)
            yield lines.record(line.begin, *content)


def _parse(
    data: bytes,
    name: str,
) -> Content:
    try:
        value = json.loads(data.decode())
        return find_text(value, name)
    except UnicodeDecodeError as error:
        return _unreadable(not_utf8(data, error.start))
    except (ValueError, RecursionError) as error:
        return _unreadable(f"is not JSON: {error}")


# -- tables


class _Row(NamedTuple):
    """The cells of a row and where it begins; or what is wrong with it."""

    begin: Mark
    cells: list[str]
    fault: str | None = None


def table_records(
    delimiter: str,
    lines: Lines,
    reading: Reading,
) -> Iterator[Record]:
    """A record for each row after the first, which names the columns."""
    csv.field_size_limit(_CELL_CHARACTERS)
    names: list[str] | None = None
    if lines.mark.offset:
        names = _column_names(lines.source, delimiter)
    for row in _rows(lines, delimiter):
        if names is None:
            names = row.cells
            _check_column(reading.text, names, lines.source)
            continue
        content = _row_content(row, names, delimiter, reading.text)
        yield lines.record(row.begin, *content)


def _row_content(
    row: _Row,
    names: list[str],
    delimiter: str,
    text: str,
) -> Content:
    """The cells as fields, with the text in the column `text`."""
    if row.fault is not None:
        return _unreadable(row.fault)
    count = len(row.cells)
    if count != len(names):
        cure = f"quote cells with {delimiter!r}"
        return _unreadable(f"has {count} cells, but the first row names {len(names)}: {cure}")
    fields = dict(zip(names, row.cells, strict=True))
    return find_text(fields, text)


def _check_column(
    text: str,
    names: list[str],
    source: Source,
) -> None:
    """Errors: `ConfigError` for a table without the column of the text."""
    if text not in names:
        columns = near(text, names)
        raise ConfigError(f"{source.path}: has no column {text!r}: --text names another.{columns}")


def _column_names(
    source: Source,
    delimiter: str,
) -> list[str]:
    """The first row; a reader that begins further down has not seen it."""
    with Lines(source, Mark(0, 0)) as lines:
        return next(_rows(lines, delimiter)).cells


def _rows(
    lines: Lines,
    delimiter: str,
) -> Iterator[_Row]:
    """The rows of a table, without empty ones.

    A row may be several lines. Of one that cannot be read, only the first line is given up: the
    others are read again.
    """
    consumed: list[Line] = []  # the lines of the current row

    def strings() -> Iterator[str]:
        for line in lines:
            consumed.append(line)
            yield line.data.decode(errors="surrogateescape")

    def read() -> Iterator[list[str]]:
        return csv.reader(strings(), delimiter=delimiter, strict=True)

    table = read()
    while True:
        consumed.clear()
        try:
            cells = next(table, None)
        except csv.Error as error:
            begin = consumed[0].begin
            lines.back(consumed[1:])
            cure = "double the quotation marks inside a quoted cell"
            fault = f"is no row of a table: {error}: {cure}"
            yield _Row(begin, [], fault)
            table = read()
            continue
        if cells is None:
            return
        if not cells:
            continue
        begin = consumed[0].begin
        byte = _undecoded_byte(cells)
        if byte is None:
            yield _Row(begin, cells)
        else:
            cure = "convert the file, iconv -f cp1251 -t utf-8"
            fault = f"is no UTF-8: it has the byte 0x{byte:02x}: {cure}"
            yield _Row(begin, [], fault)


def _undecoded_byte(cells: list[str]) -> int | None:
    """The first byte that is no UTF-8."""
    for cell in cells:
        match = _UNDECODED.search(cell)
        if match:
            return ord(match[0]) - 0xDC00
    return None


# -- Parquet


def parquet_records(
    source: Source,
    begin: Mark,
    reading: Reading,
) -> Iterator[Record]:
    """A record for each row."""
    for row in parquet.parquet_rows(source.path, begin.offset, reading.text):
        text, fields, reason = find_text(row.fields, reading.text)
        count = row.number + 1
        end = Mark(count, count)
        yield Record(
            source=text,
            place={"row": count},
            end=end,
            read=row.read,
            fields=fields,
            reason=reason,
        )
