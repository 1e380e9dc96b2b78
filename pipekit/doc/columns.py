"""A column of a layer, as arrays and as bytes.

A packed column is a tuple, (16 * stored dtype + dtype, values, labels or None):

    dtypes      numbered from 0: b1 u1 u2 u4 u8 i1 i2 i4 i8 f2 f4 f8, all little-endian
    values      bytes of the stored dtype; integers are stored in the smallest that holds them all
    labels      of a column with labels: "\\0NOUN\\0VERB", one string, with a separator before each
                label, a character that occurs in none of them

The values of a column with labels are code + 1, and 0 for unset. Only labels in use are stored, in
the order of their first row: the bytes of a Doc do not depend on the other Docs of its batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipekit.errors import DocError

Values = NDArray[Any]  # numbers of any dtype, [rows]
MaybeNone = Any
"""In `Spans | MaybeNone`: None where nobody has annotated, which users need not ask each time.

A type checker knows the attributes of `Spans` and demands no check for None, as typeshed does for
`re.Match.group`.
"""
Labels = Sequence[str]
PackedColumn = tuple[int, bytes, str | None]

_NAMES = ("b1", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")
DTYPES = tuple(np.dtype(f"<{name}") for name in _NAMES)
# Stored dtypes of token borders and of codes with labels: u1, u2, u4. They have at most 32 bits, so
# that sums of them stay within 64.
UNSIGNED = (1, 2, 3)
_NUMBERS = {dtype: number for number, dtype in enumerate(DTYPES)}
_BOOL = 0
_BYTE = 1
_SIGNED = 5  # from here on, integers have a sign
_INTEGERS = range(1, 9)
_SIZES = [dtype.itemsize for dtype in DTYPES]
_TOPS = [int(np.iinfo(dtype).max) if dtype.kind in "iu" else 0 for dtype in DTYPES]
_FEW = 128  # values of which Python finds the smallest sooner than numpy


def _integer_ranges() -> list[tuple[int, int, int, int]]:
    """Size, smallest value negated, largest value, number of each integer dtype, in this order."""
    ranges = []
    for number in _INTEGERS:
        low = int(np.iinfo(DTYPES[number]).min)
        ranges.append((_SIZES[number], -low, _TOPS[number], number))
    return sorted(ranges)


_RANGES = _integer_ranges()


def _holds(
    number: int,
    stored: int,
) -> bool:
    """Whether the dtype holds every value of the stored dtype."""
    if _BOOL in (stored, number):
        return (stored, number) == (_BYTE, _BOOL)
    if stored == number:
        return True
    if number not in _INTEGERS or stored not in _INTEGERS:
        return False
    return np.can_cast(DTYPES[stored], DTYPES[number], "safe")


def _value_sizes() -> tuple[dict[int, int], dict[int, int]]:
    """Bytes of a stored value, by 16 * stored dtype + dtype: of numbers, and of codes with labels.

    Other pairs of dtypes are refused.
    """
    of_numbers = {}
    of_codes = {}
    for stored, size in enumerate(_SIZES):
        for number in range(len(DTYPES)):
            pair = 16 * stored + number
            if _holds(number, stored):
                of_numbers[pair] = size
            if stored in UNSIGNED and number in _INTEGERS:
                of_codes[pair] = size
    return of_numbers, of_codes


_NUMBER_SIZES, _CODE_SIZES = _value_sizes()


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A column of a layer. A column equals itself only.

    Attributes:
        values: numbers, or codes into `labels`, [rows]; code -1 is unset.
        labels: the labels of codes; None for numbers, of which NaN is unset.
    """

    values: Values
    labels: Labels | None = None

    def __getitem__(self, row: Any) -> Any:
        """The value of a row as a plain Python object, None where unset."""
        value = self.values[row].item()
        if self.labels is not None:
            return self.labels[value] if value >= 0 else None
        is_nan = value != value
        return None if is_nan else value

    def plain(self) -> list[Any]:
        """All values as plain Python objects, None where unset."""
        if self.labels is not None:
            return list(self.strings())
        return [None if value != value else value for value in self.values.tolist()]

    def strings(self) -> list[str | None]:
        """All labels of a column with labels, None where unset."""
        labels = self.labels or ()
        if len(self.values) < len(labels):  # of a part: the labels are those of the whole
            return [labels[code] if code >= 0 else None for code in self.values.tolist()]
        table: list[str | None] = [*labels, None]  # None is last: code -1
        return [table[code] for code in self.values.tolist()]


def encode_labels(strings: Sequence[str | None]) -> Column:
    """Strings as a column.

    The labels are the distinct strings, sorted; None is code -1.

        encode_labels(["VERB", None, "NOUN"])       # Column([1, -1, 0], ["NOUN", "VERB"])
    """
    labels = sorted({string for string in strings if string is not None})
    codes: dict[str | None, int] = {label: code for code, label in enumerate(labels)}
    codes[None] = -1
    values = np.fromiter(
        map(codes.__getitem__, strings),
        dtype=np.int32,
        count=len(strings),
    )
    return Column(values, labels)


def bounds(values: Values) -> tuple[int, int]:
    """The smallest and the largest of some integers; 0 and 0 where there are none."""
    if not len(values):
        return 0, 0
    if len(values) <= _FEW:
        plain = values.tolist()
        return min(plain), max(plain)
    return int(values.min()), int(values.max())


def smallest(
    low: int,
    high: int,
) -> int:
    """The number of the smallest integer dtype that holds both."""
    if low >= 0 and high <= _TOPS[_BYTE]:
        return _BYTE
    return next(number for _, below, above, number in _RANGES if -low <= below and high <= above)


# -- to bytes


def pack_column(
    name: str,
    column: Column,
) -> PackedColumn:
    """The column as bytes. Errors: `DocError` for a dtype that is not among those of a file."""
    number = _dtype_number(name, column.values)
    if column.labels is None:
        return _pack_numbers(column.values, number)
    return _pack_codes(column.values, number, column.labels)


def _pack_numbers(
    values: Values,
    number: int,
) -> PackedColumn:
    stored = _stored_number(values, number)
    data = values.astype(DTYPES[stored], copy=False).tobytes()
    return 16 * stored + number, data, None


def _pack_codes(
    values: Values,
    number: int,
    labels: Labels,
) -> PackedColumn:
    codes = values.tolist()
    if not codes:
        return 16 * _BYTE + number, b"", ""
    distinct = dict.fromkeys([-1, *codes])  # in the order of their first row, but unset is 0
    packed = dict(zip(distinct, count(), strict=False))
    used = _join_labels([labels[code] for code in list(packed)[1:]])
    rows = map(packed.__getitem__, codes)
    if len(packed) <= _TOPS[_BYTE] + 1:
        return 16 * _BYTE + number, bytes(rows), used
    stored = smallest(0, len(packed))
    data = np.fromiter(rows, DTYPES[stored], len(codes)).tobytes()
    return 16 * stored + number, data, used


def _dtype_number(
    name: str,
    values: Values,
) -> int:
    number = _NUMBERS.get(values.dtype)
    if number is None:
        number = _NUMBERS.get(values.dtype.newbyteorder("<"))
    if number is None:
        raise DocError(
            f"column {name!r} has dtype {values.dtype}; a file holds {', '.join(map(str, DTYPES))}"
        )
    return number


def _stored_number(
    values: Values,
    number: int,
) -> int:
    """The number of the dtype that values of a dtype are stored as."""
    if number == _BOOL:
        return _BYTE
    if number not in _INTEGERS:
        return number
    stored = smallest(*bounds(values))
    if 16 * stored + number in _NUMBER_SIZES:
        return stored
    return number


def _join_labels(labels: list[str]) -> str:
    joined = "\0".join(["", *labels])
    if joined.count("\0") == len(labels):
        return joined
    separator = next(char for char in map(chr, count(1)) if char not in joined)
    return separator + separator.join(labels)


# -- and back


def unpack_column(packed: PackedColumn) -> Column:
    """The column of bytes that `column_fault` has passed."""
    pair, data, labels = packed
    stored = DTYPES[pair >> 4]
    dtype = DTYPES[pair & 15]
    values = np.frombuffer(data, dtype=stored)
    if labels is None:
        return Column(values.astype(dtype))
    codes = np.subtract(values, 1, dtype=dtype, casting="unsafe")
    if not labels:
        return Column(codes, [])
    separator = labels[0]
    return Column(codes, labels[1:].split(separator))


def column_fault(
    packed: PackedColumn,
    rows: int,
) -> str | None:
    """Why bytes are no column of so many rows, for the message of an error; None where they are."""
    pair, data, labels = packed
    sizes = _NUMBER_SIZES if labels is None else _CODE_SIZES
    size = sizes.get(pair)
    if size is None:
        return f"has the unknown dtype {pair}"
    if len(data) != rows * size:
        return f"has {len(data)} bytes for {rows} rows of {DTYPES[pair >> 4]}"
    if labels is None:
        return None
    return _codes_fault(pair, data, labels, rows)


def _codes_fault(
    pair: int,
    data: bytes,
    labels: str,
    rows: int,
) -> str | None:
    number = pair & 15
    used = labels.count(labels[0]) if labels else 0
    if used > rows:
        return f"has {used} labels for {rows} rows: each row uses at most one"
    if used - 1 > _TOPS[number]:
        return f"has {used} labels, more than {DTYPES[number]} counts"
    stored = pair >> 4
    if stored == _BYTE and 0 < rows <= _FEW:
        low = min(data)
        high = max(data)
    else:
        low, high = bounds(np.frombuffer(data, DTYPES[stored]))
    if high > used:
        return f"has the code {high} for {used} labels"
    if number < _SIGNED and rows and not low:
        return f"has an unset row, which {DTYPES[number]} cannot hold"
    return None
