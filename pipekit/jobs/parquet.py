"""Parquet (https://parquet.apache.org) through pyarrow, the extra "parquet": rows out of a file, and JSON lines into one."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipekit.errors import ConfigError, DataError, near
from pipekit.pipeline.streams import gather
from pipekit.storage.files import write_atomically

_BATCH = 256  # rows that are read at once
_GROUP = 1 << 25  # about how many bytes of JSON become a group of rows, which is held in memory
_JSON = "json"  # the kind of what has no one type: it is written as JSON
ColumnKind = str | list[Any] | dict[str, Any] | None


class ParquetRow(NamedTuple):
    """A row, its number from 0 on, and about how many bytes of the file lie before its end."""

    number: int
    fields: dict[str, Any]
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


def parquet_rows(path: Path, start: int, text: str) -> Iterator[ParquetRow]:
    """The rows from number `start` on. Errors: `DataError` where it is no Parquet file, `ConfigError` where it has no such column."""
    pa = arrow()
    try:
        file = pa.parquet.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    names = file.schema_arrow.names
    if not {text, text.split(".")[0]} & set(names):
        raise ConfigError(
            f"{path}: has no column {text!r}: --text names another.{near(text, names)}"
        )
    size, total, number = path.stat().st_size, max(file.metadata.num_rows, 1), 0
    for group in range(file.num_row_groups):
        within = file.metadata.row_group(group).num_rows
        if number + within <= start:
            number += within
            continue
        for batch in file.iter_batches(_BATCH, row_groups=[group]):
            for fields in batch.to_pylist():
                if number >= start:
                    yield ParquetRow(number, fields, size * (number + 1) // total)
                number += 1


# -- writing


def from_lines(lines: Path, target: Path) -> None:
    """Make a Parquet file of a file of JSON objects, one a line, and put it in the place of `target`.

    The types of columns are those that all lines together have; what has several, such as a string here and a number there, is written as
    JSON. Errors: `StoreError`.
    """
    pa = arrow()
    kind: ColumnKind = {}
    for _, value in _values(lines):
        kind = merged_kinds(kind, kind_of(value))
    schema = pa.schema(
        [(name, _type(pa, part)) for name, part in (kind if isinstance(kind, dict) else {}).items()]
    )
    write_atomically(target, _file(pa, schema, kind, lines))


class _Sink(io.RawIOBase):
    """What pyarrow writes, until it is taken."""

    def __init__(self) -> None:
        self.gathered: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.gathered.append(bytes(data))
        self.size += len(self.gathered[-1])
        return len(self.gathered[-1])

    def tell(self) -> int:
        return self.size

    def take(self) -> list[bytes]:
        gathered, self.gathered = self.gathered, []
        return gathered


def _file(pa: Any, schema: Any, kind: ColumnKind, lines: Path) -> Iterator[bytes]:
    sink = _Sink()
    with pa.parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for group in gather(_values(lines), lambda line: line[0], _GROUP):
            writer.write_table(
                pa.Table.from_pylist([_shaped(value, kind) for _, value in group], schema)
            )
            yield from sink.take()
    yield from sink.take()


def _values(lines: Path) -> Iterator[tuple[int, Any]]:
    with lines.open("rb") as file:
        for line in file:
            yield len(line), json.loads(line)


def kind_of(value: Any) -> ColumnKind:
    """The type of a JSON value: a name, [the type of items], or {key: type}; None where it says nothing."""
    if value is None:
        return None
    if isinstance(value, dict):
        return {key: kind_of(item) for key, item in value.items()}
    if isinstance(value, list):
        items: ColumnKind = None
        for item in value:
            items = merged_kinds(items, kind_of(item))
        return [items]
    if type(value) is int and not -(2**63) <= value < 2**63:
        return _JSON
    return type(value).__name__


def merged_kinds(a: ColumnKind, b: ColumnKind) -> ColumnKind:
    """The type that holds the values of both."""
    if a is None or b is None or a == b:
        return b if a is None else a
    if isinstance(a, dict) and isinstance(b, dict):
        return {key: merged_kinds(a.get(key), b.get(key)) for key in dict.fromkeys([*a, *b])}
    if isinstance(a, list) and isinstance(b, list):
        return [merged_kinds(a[0], b[0])]
    return "float" if {str(a), str(b)} == {"int", "float"} else _JSON


def _type(pa: Any, kind: ColumnKind) -> Any:
    if isinstance(kind, dict) and kind:
        return pa.struct([(key, _type(pa, part)) for key, part in kind.items()])
    if isinstance(kind, list):
        return pa.list_(_type(pa, kind[0]))
    return {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}.get(
        str(kind), pa.string()
    )


def _shaped(value: Any, kind: ColumnKind) -> Any:
    """A value as its column takes it."""
    if value is None:
        return None
    if isinstance(kind, dict) and kind:
        return {key: _shaped(value[key], part) for key, part in kind.items() if key in value}
    if isinstance(kind, list):
        return [_shaped(item, kind[0]) for item in value]
    return (
        float(value)
        if kind == "float"
        else json.dumps(value, ensure_ascii=False)
        if kind in (_JSON, {})
        else value
    )
