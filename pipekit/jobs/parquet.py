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

import numpy as np
from numpy.typing import NDArray

from pipekit.errors import ConfigError, DataError, cure, near
from pipekit.jobs.records import Fields
from pipekit.pipeline.streams import gather
from pipekit.storage.files import write_atomically

_ROWS = 256  # that are made into fields at once
_MOST_ROWS = 1 << 14  # that are read at once; each time costs a copy of the dictionary
_READ = 1 << 25  # about how many bytes are read at once
_GROUP = 1 << 25  # about how many bytes of JSON become a group of rows, which is held in memory
_NUMBER_SIZE = 8  # bytes of a cell that is no string
_INT64_MIN = -(2**63)
_INT64_MAX = 2**63 - 1
_JSON = "json"  # the kind of columns with values of several types: they are written as JSON

Numbers = NDArray[np.int64]
ColumnKind = str | list[Any] | dict[str, Any] | None
"""A type of JSON values: a name, [the kind of the items], {key: kind}; None for null alone."""


class ParquetRow(NamedTuple):
    """A row of a file.

    Args:
        number: from 0 on.
        fields: the cells by column; empty for a row that is too large.
        size: about how many bytes the cells have.
        read: about how many bytes of the file lie before its end.
        group_end: how many bytes of the file lie before the end of its group of rows.
    """

    number: int
    fields: Fields
    size: int
    read: int
    group_end: int


def arrow() -> Any:
    """The module pyarrow, with its parquet. Errors: `ConfigError` with the cure."""
    try:
        import pyarrow.compute
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"Parquet is read and written through pyarrow: {cure('pyarrow')}"
        ) from error
    return pyarrow


# -- reading


def parquet_rows(
    path: Path,
    start: int,
    text: str,
    most: int,
) -> Iterator[ParquetRow]:
    """The rows of a file from number `start` on.

    Strings stay in the dictionaries of the file until their lengths are looked at: a file of five
    kilobytes may hold one of forty megabytes in each of many rows.

    Args:
        text: the field with the text, a column, or dotted, a field within one.
        most: the bytes of the largest row that is made into fields.

    Errors: `DataError` for a file that is no Parquet, `ConfigError` for one without such a column,
    `EOFError` where the file is damaged.
    """
    pa = arrow()
    file, schema = _open(pa, path, text)
    try:
        yield from _rows_of_groups(pa, path, file, schema, start, most)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise EOFError(str(error)) from error


def _rows_of_groups(
    pa: Any,
    path: Path,
    file: Any,
    schema: Any,
    start: int,
    most: int,
) -> Iterator[ParquetRow]:
    file_size = path.stat().st_size
    total = max(file.metadata.num_rows, 1)
    number = 0
    for index in range(file.num_row_groups):
        group = file.metadata.row_group(index)
        if number + group.num_rows <= start:
            number += group.num_rows
            continue
        group_end = _end(group)
        for batch in _batches(file, index):
            sizes = _row_sizes(pa, batch)
            rows = _rows(pa, batch, schema, sizes, most)
            for size, fields in zip(sizes, rows, strict=True):
                if number >= start:
                    read = file_size * (number + 1) // total
                    yield ParquetRow(number, fields, int(size), read, group_end)
                number += 1


def _batches(
    file: Any,
    index: int,
) -> Iterator[Any]:
    """A group of rows, `_ROWS` at a time; more are read at once where they are small."""
    group = file.metadata.row_group(index)
    row_size = group.total_byte_size // max(group.num_rows, 1)
    most_rows = min(_MOST_ROWS, _READ // max(row_size, 1))
    for batch in file.iter_batches(max(most_rows, _ROWS), row_groups=[index]):
        for start in range(0, batch.num_rows, _ROWS):
            yield batch.slice(start, _ROWS)


def _end(group: Any) -> int:
    """How many bytes of the file lie before the end of a group of rows."""
    end = 0
    for index in range(group.num_columns):
        column = group.column(index)
        start = min(filter(None, (column.dictionary_page_offset, column.data_page_offset)))
        end = max(end, start + column.total_compressed_size)
    return end


def _rows(
    pa: Any,
    batch: Any,
    schema: Any,
    sizes: Numbers,
    most: int,
) -> Iterator[Fields]:
    """The rows of a batch as fields, all at once if they are small together."""
    table = pa.Table.from_batches([batch])
    if sizes.sum() <= most:
        yield from table.cast(schema).to_pylist()
        return
    for index, size in enumerate(sizes):
        if size > most:
            yield {}
            continue
        [fields] = table.slice(index, 1).cast(schema).to_pylist()
        yield fields


def _row_sizes(
    pa: Any,
    batch: Any,
) -> Numbers:
    """About how many bytes the cells of each row have, (R,)."""
    sizes = np.zeros(batch.num_rows, dtype=np.int64)
    for column in batch.columns:
        sizes += _sizes(pa, column)
    return sizes


def _sizes(
    pa: Any,
    values: Any,
) -> Numbers:
    """About how many bytes each of R values has, (R,)."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        if not len(values.dictionary):
            return np.zeros(len(values), dtype=np.int64)
        places = values.indices.fill_null(0).to_numpy(zero_copy_only=False)
        # The dictionary is that of the whole group, of which a batch has little.
        distinct, numbers = np.unique(places, return_inverse=True)
        lengths = _sizes(pa, values.dictionary.take(pa.array(distinct)))
        is_set = values.is_valid().to_numpy(zero_copy_only=False)
        own_lengths: Numbers = lengths[numbers] * is_set
        return own_lengths
    if pa.types.is_struct(kind):
        sizes = np.zeros(len(values), dtype=np.int64)
        for child in values.flatten():
            sizes += _sizes(pa, child)
        return sizes
    if pa.types.is_nested(kind):
        parents = pa.compute.list_parent_indices(values).to_numpy(zero_copy_only=False)
        children = _sizes(pa, pa.compute.list_flatten(values))
        sums = np.bincount(parents, weights=children, minlength=len(values))
        return sums.astype(np.int64)
    if not _is_text(pa, kind):
        return np.full(len(values), _NUMBER_SIZE, dtype=np.int64)
    lengths = pa.compute.binary_length(values).fill_null(0)
    return np.asarray(lengths.to_numpy(zero_copy_only=False), dtype=np.int64)


def _is_text(
    pa: Any,
    kind: Any,
) -> bool:
    """Whether values are strings or bytes, of which each has a length of its own."""
    types = pa.types
    is_large = types.is_large_string(kind) or types.is_large_binary(kind)
    return bool(is_large or types.is_string(kind) or types.is_binary(kind))


def _open(
    pa: Any,
    path: Path,
    text: str,
) -> tuple[Any, Any]:
    """A file whose strings stay in dictionaries, and its schema without these."""
    try:
        plain = pa.parquet.ParquetFile(path)
        leaves = map(plain.schema.column, range(len(plain.schema)))
        texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        file = pa.parquet.ParquetFile(path, read_dictionary=texts)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    schema = plain.schema_arrow
    plain.close()
    names = schema.names
    if text not in names and text.split(".")[0] not in names:
        columns = near(text, names)
        raise ConfigError(f"{path}: has no column {text!r}: --text names another.{columns}")
    return file, schema


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
