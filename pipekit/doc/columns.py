"""A column of a layer, as arrays and as bytes.

As bytes, a column is (16 * stored dtype + dtype, values, labels or nil). Dtypes are numbered b1 u1 u2 u4 u8 i1 i2 i4 i8 f2 f4 f8 from
0, all little-endian; integers are stored in the smallest that holds them. A column with labels stores code + 1, 0 for unset, and only the
labels that it uses, in the order of their first row: the bytes do not depend on what else the batch held. Labels are one string: a
character that is in none of them, before each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipekit.errors import DocError

PackedColumn = tuple[int, bytes, str | None]

_NAMES = ("b1", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")
DTYPES = tuple(np.dtype(f"<{name}") for name in _NAMES)
CODES = (
    1,
    2,
    3,
)  # dtypes of borders and of codes with labels: no more than 32 bits, so that sums of them stay within 64
_NUMBER = {dtype: number for number, dtype in enumerate(DTYPES)}
_BOOL, _BYTE, _SIGNED = 0, 1, 5
_INTEGERS = range(1, 9)
_SIZES = [dtype.itemsize for dtype in DTYPES]
_TOPS = [int(np.iinfo(dtype).max) if dtype.kind in "iu" else 0 for dtype in DTYPES]
_BOUNDS = sorted((_SIZES[n], -int(np.iinfo(DTYPES[n]).min), _TOPS[n], n) for n in _INTEGERS)
_FEW = 128  # values of which Python finds the smallest sooner than numpy


def _casts(stored: int, number: int) -> bool:
    """Whether values of one dtype may be stored as another: no value of the stored dtype is beyond the other."""
    if _BOOL in (stored, number):
        return (stored, number) == (1, _BOOL)
    return stored == number or (
        number in _INTEGERS
        and stored in _INTEGERS
        and np.can_cast(DTYPES[stored], DTYPES[number], "safe")
    )


# The bytes of a value, for each pair of dtypes that columns without and with labels may have.
_PAIRS = [
    (16 * stored + number, stored, number)
    for stored in range(len(DTYPES))
    for number in range(len(DTYPES))
]
_NUMBERS = {code: _SIZES[stored] for code, stored, number in _PAIRS if _casts(stored, number)}
_LABELLED = {
    code: _SIZES[stored]
    for code, stored, number in _PAIRS
    if stored in CODES and number in _INTEGERS
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `values` [rows], and where they are codes, the `labels` they point to; code -1 is unset."""

    values: NDArray[Any]
    labels: Sequence[str] | None = None

    def __getitem__(self, row: Any) -> Any:
        """The value of a row as a plain Python object; None where unset."""
        value = self.values[row].item()
        if self.labels is not None:
            return None if value < 0 else self.labels[value]
        return None if value != value else value

    def plain(self) -> list[Any]:
        """All values as plain Python objects, None where unset."""
        if self.labels is not None:
            return list(self.strings())
        return [None if value != value else value for value in self.values.tolist()]

    def strings(self) -> list[str | None]:
        """All values of a labelled column."""
        table: list[str | None] = [*(self.labels or ()), None]
        return [table[code] for code in self.values.tolist()]


def encode_labels(strings: Sequence[str | None]) -> Column:
    """Strings as codes into their own sorted labels; None is -1."""
    labels = sorted({s for s in strings if s is not None})
    code: dict[str | None, int] = {label: i for i, label in enumerate(labels)}
    code[None] = -1
    return Column(
        np.fromiter(map(code.__getitem__, strings), dtype=np.int32, count=len(strings)), labels
    )


def bounds(values: NDArray[Any]) -> tuple[int, int]:
    """The smallest and the largest of some integers; 0 and 0 where there are none."""
    if not len(values):
        return 0, 0
    if len(values) <= _FEW:
        plain = values.tolist()
        return min(plain), max(plain)
    return int(values.min()), int(values.max())


def smallest(low: int, high: int) -> int:
    """The number of the smallest integer dtype that holds both."""
    if low >= 0 and high <= _TOPS[_BYTE]:
        return _BYTE
    return next(number for _, below, above, number in _BOUNDS if -low <= below and high <= above)


# -- to bytes


def pack_column(name: str, column: Column) -> PackedColumn:
    """The column as bytes. Errors: `DocError` for a dtype that no file holds."""
    values, labels = column.values, column.labels
    number = _number(name, values)
    if labels is None:
        stored = _stored(values, number)
        return 16 * stored + number, values.astype(DTYPES[stored], copy=False).tobytes(), None
    if not len(values):
        return 16 * _BYTE + number, b"", ""
    codes = values.tolist()
    index = dict(zip(dict.fromkeys([-1, *codes]), count(), strict=False))  # unset is 0
    used = _joined([labels[code] for code in list(index)[1:]])
    rows = map(index.__getitem__, codes)
    if len(index) <= _TOPS[_BYTE] + 1:
        return 16 * _BYTE + number, bytes(rows), used
    stored = smallest(0, len(index))
    return 16 * stored + number, np.fromiter(rows, DTYPES[stored], len(codes)).tobytes(), used


def _number(name: str, values: NDArray[Any]) -> int:
    number = _NUMBER.get(values.dtype)
    if number is None:
        number = _NUMBER.get(values.dtype.newbyteorder("<"))
    if number is None:
        raise DocError(
            f"column {name!r} has dtype {values.dtype}; a file holds {', '.join(map(str, DTYPES))}"
        )
    return number


def _joined(labels: list[str]) -> str:
    joined = "\0".join(["", *labels])
    if joined.count("\0") == len(labels):
        return joined
    mark = next(c for c in map(chr, count(1)) if c not in joined)
    return mark + mark.join(labels)


def _stored(values: NDArray[Any], number: int) -> int:
    if number not in _INTEGERS:
        return number or _BYTE
    stored = smallest(*bounds(values))
    return stored if 16 * stored + number in _NUMBERS else number


# -- and back


def unpack_column(packed: PackedColumn) -> Column:
    """The column of bytes that `column_fault` finds nothing in."""
    code, data, labels = packed
    values = np.frombuffer(data, dtype=DTYPES[code >> 4])
    dtype = DTYPES[code & 15]
    if labels is None:
        return Column(values.astype(dtype))
    codes = np.subtract(values, 1, dtype=dtype, casting="unsafe")
    return Column(codes, labels[1:].split(labels[0]) if labels else [])


def column_fault(packed: PackedColumn, rows: int) -> str | None:
    """What is wrong with bytes that shall be a column of so many rows; None where nothing is."""
    code, data, labels = packed
    size = (_NUMBERS if labels is None else _LABELLED).get(code)
    if size is None:
        return f"has the unknown dtype {code}"
    if len(data) != rows * size:
        return f"has {len(data)} bytes for {rows} rows of {DTYPES[code >> 4]}"
    if labels is None:
        return None
    number, known = code & 15, labels.count(labels[0]) if labels else 0
    if known > rows:
        return f"has {known} labels for {rows} rows: each row uses at most one"
    if known - 1 > _TOPS[number]:
        return f"has {known} labels, more than {DTYPES[number]} counts"
    low, high = (
        (min(data), max(data))
        if size == 1 and 0 < rows <= _FEW
        else bounds(np.frombuffer(data, DTYPES[code >> 4]))
    )
    if high > known:
        return f"has the code {high} for {known} labels"
    if number < _SIGNED and rows and not low:
        return f"has an unset row, which {DTYPES[number]} cannot hold"
    return None
