"""Records that are texts with fields: plain text, JSON lines, tables, Parquet."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

from pipekit.corpora.readers.table import DELIMITERS, TableHead, first_twice, likely_head
from pipekit.errors import ConfigError, near
from pipekit.jobs import parquet
from pipekit.jobs.reading import Reading
from pipekit.jobs.records import (
    CELL_DELIMITERS,
    Fields,
    Line,
    Lines,
    Mark,
    Record,
    Source,
    not_utf8,
    too_large,
)

_IN_VAIN = "it goes on in its next line, which was read in vain for an earlier row"
_NAMES = 100  # fields that a reason lists
_CELL_LIMIT = 2**31 - 1  # characters of a cell that the module csv can count anywhere
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
            return _without_text(name, f" (--text names another).{_near(name, fields)}")
        value = value[key]
    if isinstance(value, str):
        return Content(value, fields)
    kind = "null" if value is None else type(value).__name__
    return _without_text(name, f", but {kind}")


def _near(
    name: str,
    fields: Fields,
) -> str:
    """The fields there are, in the end of a reason."""
    return near(name, islice(fields, _NAMES))


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
            yield lines.text(line._replace(data=data))


def _whole_file(lines: Lines) -> Iterator[Record]:
    whole = Line(lines.mark, b"", 0)
    parts: list[bytes] = []
    size = 0
    for line in lines:
        size += line.size
        parts.append(line.data)
        if size > lines.most:
            parts.clear()
            whole = lines.too_large(whole, size)
    data = b"".join(parts)
    if whole.fault or data.strip():
        yield lines.text(whole._replace(data=data.replace(b"\r\n", b"\n")))


def _paragraphs(lines: Lines) -> Iterator[Record]:
    for block in lines.blocks():
        texts = [line.data.rstrip(b"\r\n") for line in block]
        yield lines.text(block[0]._replace(data=b"\n".join(texts)))


# -- JSON lines


def jsonl_records(
    lines: Lines,
    reading: Reading,
) -> Iterator[Record]:
    """A record for each line that is not empty."""
    for line in lines:
        if line.fault:
            yield lines.record(line.begin, reason=line.fault)
        elif line.data.strip():
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
    lines: Lines,
    reading: Reading,
) -> Iterator[Record]:
    """A record for each row after the first, which names the columns."""
    csv.field_size_limit(min(lines.most, _CELL_LIMIT))
    if lines.mark.offset:
        head = _head_of_file(lines, reading)
    else:
        head = _head(lines, reading)
    rows = _TableRows(lines, head.delimiter)
    for row in rows:
        content = _row_content(row, head, reading.text)
        yield lines.record(row.begin, *content, end=rows.mark)


def _row_content(
    row: _Row,
    head: TableHead,
    text: str,
) -> Content:
    """The cells as fields, with the text in the column `text`."""
    names = head.names
    if row.fault is not None:
        return _unreadable(row.fault)
    count = len(row.cells)
    if count != len(names):
        cure = f"quote cells with {head.delimiter!r}"
        return _unreadable(f"has {count} cells, but the first row names {len(names)}: {cure}")
    fields = dict(zip(names, row.cells, strict=True))
    return find_text(fields, text)


def _head(
    lines: Lines,
    reading: Reading,
) -> TableHead:
    """The first row, which names the columns; no names where there is no row.

    Errors: `ConfigError` for a row that cannot be read, has two columns of one name, or no column
    of the text.
    """
    first = reading.delimiter or CELL_DELIMITERS[lines.source.format]
    path = lines.source.path
    row = _first_row(lines, first)
    if row is None:
        return TableHead([], first)
    if row.fault is not None:
        raise ConfigError(f"{path}: its first row, which names the columns, {row.fault}")
    head = TableHead(row.cells, first)
    if reading.text not in head.names and reading.delimiter is None:
        head = _head_by_text(lines, head, reading.text)
    if reading.text not in head.names:
        columns = _near(reading.text, dict.fromkeys(head.names))
        cure = "--text names another, --delimiter what stands between columns"
        raise ConfigError(f"{path}: has no column {reading.text!r}: {cure}.{columns}")
    name = first_twice(head.names)
    if name is not None:
        raise ConfigError(
            f"{path}: has two columns {name!r}, of which one would be lost: rename it"
        )
    _first_row(lines, head.delimiter, stays=False)
    return head


def _head_by_text(
    lines: Lines,
    head: TableHead,
    text: str,
) -> TableHead:
    """The head by the likeliest delimiter."""
    rows = ((_first_row(lines, delimiter), delimiter) for delimiter in DELIMITERS)
    others = (TableHead(row.cells, delimiter) for row, delimiter in rows if row is not None)
    return likely_head(chain([head], others), text)


def _first_row(
    lines: Lines,
    delimiter: str,
    *,
    stays: bool = True,
) -> _Row | None:
    """The first row of a table. If it stays, it is the next to be read again."""
    rows = _TableRows(lines, delimiter)
    row = next(iter(rows), None)
    if row is not None and stays:
        lines.back(rows.consumed)
    return row


def _head_of_file(
    lines: Lines,
    reading: Reading,
) -> TableHead:
    """The head; a reader that begins further down has not seen it."""
    with Lines(lines.source, Mark(0, 0), lines.most, lines.encoding) as first_lines:
        return _head(first_lines, reading)


class _TableRows:
    """The rows of a table, without empty ones; iterate over them.

    A row may be several lines. Of one that cannot be read, only the first line is given up: the
    others are read again, as rows that begin there.

    A row goes on in the next line only within quotation marks. So all that follows in the lines of
    a failed row was read within quotation marks before; a row that begins among them, and goes on
    in the next of them, would come to the same fault, and fails without reading that far. Time thus
    grows with the lines of a table, whatever stands in them. How far they reach is part of the
    position of a record, so that a job which goes on among them fails on the same rows.

    Attributes:
        consumed: the lines of the current row.
    """

    def __init__(
        self,
        lines: Lines,
        delimiter: str,
    ) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self.consumed: list[Line] = []
        self._barrier = lines.mark.barrier  # where the last line of the last failed row ends

    @property
    def mark(self) -> Mark:
        """Where the next row begins."""
        mark = self._lines.mark
        if self._barrier > mark.offset:
            return mark._replace(barrier=self._barrier)
        return mark

    def __iter__(self) -> Iterator[_Row]:
        cells = self._reader()
        while True:
            self.consumed.clear()
            try:
                row = next(cells, None)
            except csv.Error as error:
                yield self._failed_row(error)
                cells = self._reader()
                continue
            if row is None:
                return
            if row:
                yield self._row(row)

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._strings(), delimiter=self._delimiter, strict=True)

    def _strings(self) -> Iterator[str]:
        """The lines. Errors: `csv.Error` within a row that is sure to fail."""
        for line in self._lines:
            self.consumed.append(line)
            first = self.consumed[0]
            size = self._lines.mark.offset - first.begin.offset
            if size > self._lines.most:
                raise csv.Error(too_large(size, self._lines.most))
            if line is not first and line.begin.offset < self._barrier:
                raise csv.Error(_IN_VAIN)
            yield line.data.decode(errors="surrogateescape")

    def _failed_row(self, error: csv.Error) -> _Row:
        first, *others = self.consumed
        self._barrier = max(self._barrier, self._lines.mark.offset)
        self._lines.back(others)
        self.consumed = [first]
        fault = first.fault
        if fault is None:
            cure = "double the quotation marks inside a quoted cell"
            fault = f"is no row of a table: {error}: {cure}"
        return _Row(first.begin, [], fault)

    def _row(self, cells: list[str]) -> _Row:
        begin = self.consumed[0].begin
        byte = _undecoded_byte(cells)
        if byte is None:
            return _Row(begin, cells)
        cure = "name the encoding of the file by --encoding, for instance cp1251"
        fault = f"is no UTF-8: it has the byte 0x{byte:02x}: {cure}"
        return _Row(begin, [], fault)


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
    most = reading.max_record
    for row in parquet.parquet_rows(source.path, begin.offset, reading.text, most):
        if row.size > most:
            content = _unreadable(too_large(row.size, most))
        else:
            content = find_text(row.fields, reading.text)
        count = row.number + 1
        end = Mark(count, count)
        yield Record(
            source=content.text,
            place={"row": count},
            end=end,
            read=row.read,
            depends_on=row.group_end,
            fields=content.fields,
            reason=content.reason,
        )
