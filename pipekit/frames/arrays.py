"""Columns of many documents end to end, as arrays of Arrow, and back. The door to pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pipekit.doc.columns import Column, Labels, Values
from pipekit.doc.text import clean
from pipekit.errors import ConfigError, DataError, DocError, cure
from pipekit.words.arrays import Bools, Ints, offsets, ranges
from pipekit.words.chars import codes

ColumnPart = tuple[Column | None, int]
"""A column of a document and its rows; None where the document lacks it."""
_WIDER = (0x80, 0x800, 0x10000)  # code points from which UTF-8 takes a byte more


def arrow_module() -> Any:
    """The module pyarrow. Errors: `ConfigError` with the cure."""
    try:
        import pyarrow
    except ImportError as error:
        raise ConfigError(f"tables of Docs are made through pyarrow: {cure('pyarrow')}") from error
    return pyarrow


def stacked_columns(
    name: str,
    parts: Sequence[ColumnPart],
) -> Any:
    """Columns end to end as an array of Arrow: what is unset or lacking is null.

    Labels become a dictionary, which stands once. Numbers without nulls are shared, not copied.

    Errors: `DocError` for a column of labels here and of numbers there.
    """
    present = [column for column, _ in parts if column is not None]
    kinds = {column.labels is None for column in present}
    if len(kinds) > 1:
        raise DocError(f"column {name!r} has labels in some documents and numbers in others")
    if kinds == {True}:
        return _numbers(
            name,
            parts,
            present,
        )
    return _labels(parts)


def _labels(parts: Sequence[ColumnPart]) -> Any:
    pa = arrow_module()
    places: dict[str, int] = {}
    tables: dict[int, Values] = {}  # documents of one batch share a list of labels
    pieces = [np.zeros(0, np.int32)]
    for column, rows in parts:
        if column is None:
            pieces.append(
                np.full(
                    rows,
                    -1,
                    np.int32,
                )
            )
            continue
        labels = column.labels or ()
        table = tables.get(id(labels))
        if table is None:
            table = tables[id(labels)] = _places(labels, places)
        pieces.append(table[column.values])
    values = np.concatenate(pieces)
    is_unset = values < 0
    indices = pa.array(values, mask=is_unset)
    return pa.DictionaryArray.from_arrays(indices, pa.array(places, pa.string()))


def _places(
    labels: Labels,
    places: dict[str, int],
) -> Values:
    """The place of each label among those of all documents; the last is that of code -1."""
    table = [places.setdefault(clean(label), len(places)) for label in labels]
    return np.array([*table, -1], dtype=np.int32)


def _numbers(
    name: str,
    parts: Sequence[ColumnPart],
    present: Sequence[Column],
) -> Any:
    dtypes = {column.values.dtype for column in present}
    dtype = np.result_type(*dtypes)
    if dtype == np.float16:  # not every reader of tables has it
        dtype = np.dtype(np.float32)
    is_exact = all(np.can_cast(each, dtype) for each in dtypes)
    if not is_exact:
        raise DocError(f"column {name!r} has values of {dtypes}, which no type holds together")
    pieces = []
    gaps = []
    for column, rows in parts:
        values = np.zeros(rows, dtype) if column is None else column.values
        pieces.append(values.astype(dtype, copy=False))
        gaps.append(np.full(rows, column is None))
    values = np.concatenate(pieces)
    is_unset = np.concatenate(gaps)
    if dtype.kind == "f":
        is_unset |= np.isnan(values)
    if not is_unset.any():
        return arrow_module().array(values)
    return arrow_module().array(values, mask=is_unset)


def strings_between(
    texts: Sequence[str],
    starts: Ints,
    ends: Ints,
) -> Any:
    """The pieces between characters of the texts end to end, as strings of Arrow.

    The bytes of all pieces are gathered at once: no string of any piece is made.
    """
    pa = arrow_module()
    text = "".join(texts)
    points = codes(text)
    widths = np.ones(len(points), dtype=np.int64)
    for first in _WIDER:
        widths += points >= first
    places = offsets(widths)
    begins = places[starts]
    sizes = places[ends] - begins
    data = np.frombuffer(text.encode(), np.uint8)
    pieces = data[ranges(begins, sizes)]
    return pa.LargeStringArray.from_buffers(
        len(starts),
        pa.py_buffer(offsets(sizes)),
        pa.py_buffer(pieces),
    )


class Read(NamedTuple):
    """A column of a table.

    Attributes:
        values: numbers, or codes of labels, [rows]; what is null is 0, or code -1.
        labels: of a column of strings.
        is_null: bool[rows].
    """

    values: Values
    labels: Labels | None
    is_null: Bools

    def take(self, rows: Ints) -> Read:
        return Read(
            self.values[rows],
            self.labels,
            self.is_null[rows],
        )

    def part(
        self,
        start: int,
        stop: int,
    ) -> Read:
        rows = slice(start, stop)
        return Read(
            self.values[rows],
            self.labels,
            self.is_null[rows],
        )

    def integers(self) -> Ints | None:
        """The values, int64[rows]; None where some value is no integer."""
        if self.labels is not None:
            return None
        with np.errstate(invalid="ignore"):  # NaN and infinity differ from what they become
            values = self.values.astype(np.int64, copy=False)
        is_exact = np.array_equal(values, self.values)
        return values if is_exact else None

    def plain(self) -> list[Any]:
        """All values as plain Python objects, None for null."""
        return [
            None if is_null else value
            for value, is_null in zip(
                Column(self.values, self.labels).plain(),
                self.is_null.tolist(),
                strict=True,
            )
        ]


def read_array(
    array: Any,
    where: str,
) -> Read:
    """An array of Arrow, whole or in chunks. Errors: `DataError` for a type that no column has."""
    pa = arrow_module()
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
        if isinstance(array, pa.ChunkedArray):  # some versions leave it so
            array = pa.concat_arrays(array.chunks)
    types = pa.types
    if types.is_dictionary(array.type):
        if not _are_strings(array.type.value_type):
            array = pa.array(array.to_pylist())
        else:
            return _coded(array)
    kind = array.type
    is_null = np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=bool)
    if _are_strings(kind):
        return _coded(array.cast(pa.large_string()).dictionary_encode())
    if types.is_null(kind):
        return Read(
            np.full(
                len(array),
                np.nan,
                np.float32,
            ),
            None,
            is_null,
        )
    is_number = types.is_integer(kind) or types.is_floating(kind)
    if not is_number and not types.is_boolean(kind):
        raise DataError(
            f"{where} holds {kind}: a column of a Doc holds strings, numbers, or true and false; "
            "drop it, or make strings of it"
        )
    zero = pa.scalar(0).cast(kind)
    if types.is_floating(kind):
        zero = pa.scalar(float("nan")).cast(kind)
    values = array.fill_null(zero).to_numpy(zero_copy_only=False)
    return Read(
        values,
        None,
        is_null,
    )


def _are_strings(kind: Any) -> bool:
    return str(kind) in ("string", "large_string", "string_view")


def _coded(array: Any) -> Read:
    """A column of strings, of an array of Arrow with a dictionary."""
    values = array.indices.fill_null(0)
    codes_of_rows = values.to_numpy(zero_copy_only=False).astype(np.int32)
    is_null = np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=bool)
    codes_of_rows[is_null] = -1
    return Read(
        codes_of_rows,
        array.dictionary.to_pylist(),
        is_null,
    )
