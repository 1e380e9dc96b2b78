"""Parquet (https://parquet.apache.org) through pyarrow, the extra "parquet".

Rows are read out of a file. JSON lines are made into a file once all of them are there, since the
types of its columns depend on all rows.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipekit.errors import ConfigError, DataError, near
from pipekit.jobs.records import Fields
from pipekit.pipeline.streams import gather
from pipekit.storage.files import write_atomically

_BATCH = 256  # rows that are read at once
_GROUP = 1 << 25  # about how many bytes of JSON become a group of rows, which is held in memory
_INT64_MIN = -(2**63)
_INT64_MAX = 2**63 - 1
_JSON = "json"  # the kind of columns with values of several types: they are written as JSON

ColumnKind = str | list[Any] | dict[str, Any] | None
"""A type of JSON values: a name, [the kind of the items], {key: kind}; None for null alone."""


class ParquetRow(NamedTuple):
    """A row, its number from 0 on, and about how many bytes of the file lie before its end."""

    number: int
    fields: Fields
    read: int


def arrow() -> Any:
    """The module pyarrow, with its parquet. Errors: `ConfigError` with the cure."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ConfigError(
            "Parquet is read and written through pyarrow: pip install 'pipekit-nlp[parquet]'"
        ) from error
    return pyarrow


# -- reading


def parquet_rows(
    path: Path,
    start: int,
    text: str,
) -> Iterator[ParquetRow]:
    """The rows of a file from number `start` on.

    Args:
        text: the field with the text, a column, or dotted, a field within one.

    Errors: `DataError` for a file that is no Parquet, `ConfigError` for one without such a column.
    """
    file = _open(path, text)
    size = path.stat().st_size
    total = max(file.metadata.num_rows, 1)
    number = 0
    for group in range(file.num_row_groups):
        rows_in_group = file.metadata.row_group(group).num_rows
        if number + rows_in_group <= start:
            number += rows_in_group
            continue
        for batch in file.iter_batches(_BATCH, row_groups=[group]):
            for fields in batch.to_pylist():
                if number >= start:
                    read = size * (number + 1) // total
                    yield ParquetRow(number, fields, read)
                number += 1


def _open(
    path: Path,
    text: str,
) -> Any:
    pa = arrow()
    try:
        file = pa.parquet.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    names = file.schema_arrow.names
    if text not in names and text.split(".")[0] not in names:
        columns = near(text, names)
        raise ConfigError(f"{path}: has no column {text!r}: --text names another.{columns}")
    return file


# -- writing


def from_lines(
    lines: Path,
    target: Path,
) -> None:
    """Make a Parquet file of a file of JSON objects, one a line; it replaces `target`.

    A column has the type that all of its values have. Values of several types, such as a string
    here and a number there, are written as JSON.

    Errors: `StoreError`.
    """
    pa = arrow()
    kind: ColumnKind = {}
    for _, value in _sized_values(lines):
        kind = merged_kinds(kind, kind_of(value))
    write_atomically(target, _file(pa, kind, lines))


class _Sink(io.RawIOBase):
    """Holds what pyarrow writes, until it is taken."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        chunk = bytes(data)
        self.chunks.append(chunk)
        self.size += len(chunk)
        return len(chunk)

    def tell(self) -> int:
        return self.size

    def take(self) -> list[bytes]:
        chunks = self.chunks
        self.chunks = []
        return chunks


def _file(
    pa: Any,
    kind: ColumnKind,
    lines: Path,
) -> Iterator[bytes]:
    """The bytes of the Parquet file."""
    schema = _schema(pa, kind)
    sink = _Sink()
    with pa.parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for group in gather(_sized_values(lines), lambda sized: sized[0], _GROUP):
            rows = [_shaped(value, kind) for _, value in group]
            table = pa.Table.from_pylist(rows, schema)
            writer.write_table(table)
            yield from sink.take()
    yield from sink.take()


def _sized_values(lines: Path) -> Iterator[tuple[int, Any]]:
    """The value of each line, with the bytes of the line."""
    with lines.open("rb") as file:
        for line in file:
            yield len(line), json.loads(line)


# -- types


def kind_of(value: Any) -> ColumnKind:
    """The type of a JSON value.

    kind_of({"n": [1, None], "x": None})          # {"n": ["int"], "x": None}
    """
    if value is None:
        return None
    if isinstance(value, dict):
        return {key: kind_of(item) for key, item in value.items()}
    if isinstance(value, list):
        items: ColumnKind = None
        for item in value:
            items = merged_kinds(items, kind_of(item))
        return [items]
    name = type(value).__name__
    if name == "int" and not _INT64_MIN <= value <= _INT64_MAX:
        return _JSON
    return name


def merged_kinds(
    a: ColumnKind,
    b: ColumnKind,
) -> ColumnKind:
    """The type that holds the values of both."""
    if a is None:
        return b
    if b is None or a == b:
        return a
    if isinstance(a, dict) and isinstance(b, dict):
        merged = dict(a)
        for key, kind in b.items():
            merged[key] = merged_kinds(a.get(key), kind)
        return merged
    if isinstance(a, list) and isinstance(b, list):
        items = merged_kinds(a[0], b[0])
        return [items]
    if {str(a), str(b)} == {"int", "float"}:
        return "float"
    return _JSON


def _schema(
    pa: Any,
    kind: ColumnKind,
) -> Any:
    columns = kind if isinstance(kind, dict) else {}
    return pa.schema(_fields(pa, columns))


def _fields(
    pa: Any,
    kinds: dict[str, Any],
) -> list[tuple[str, Any]]:
    """The names and types of columns, or of the fields of an object."""
    return [(name, _type(pa, kind)) for name, kind in kinds.items()]


def _type(
    pa: Any,
    kind: ColumnKind,
) -> Any:
    """The type of pyarrow; an object without keys has none of its own, and is a string of JSON."""
    if isinstance(kind, dict) and kind:
        return pa.struct(_fields(pa, kind))
    if isinstance(kind, list):
        items = _type(pa, kind[0])
        return pa.list_(items)
    if kind == "bool":
        return pa.bool_()
    if kind == "int":
        return pa.int64()
    if kind == "float":
        return pa.float64()
    return pa.string()


def _shaped(
    value: Any,
    kind: ColumnKind,
) -> Any:
    """A value in the form that its column takes."""
    if value is None:
        return None
    if isinstance(kind, dict) and kind:
        shaped = {}
        for key, part in kind.items():
            if key in value:
                shaped[key] = _shaped(value[key], part)
        return shaped
    if isinstance(kind, list):
        [items] = kind
        return [_shaped(item, items) for item in value]
    if kind == "float":
        return float(value)
    if kind in (_JSON, {}):
        return json.dumps(value, ensure_ascii=False)
    return value
