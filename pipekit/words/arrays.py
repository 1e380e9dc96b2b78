"""The array types of all rooms, and index arithmetic of rows that lie end to end.

Many sequences in one flat array are described by the length of each. Three things are made of the
lengths, here for [2, 0, 3]:

    offsets   [0, 2, 2, 5]       where each sequence begins, and where the last one ends
    places    [0, 1, 0, 1, 2]    the place of each row within its own sequence
    ranges    the rows of chosen sequences, wherever these begin
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Codes = NDArray[np.uint32]  # code points
Hashes = NDArray[np.uint64]


def offsets(lengths: Ints | Bools | Iterable[int]) -> Ints:
    """Where each sequence begins, and where the last one ends, int64[sequences + 1].

    Of a mask this is the number of true rows before each row: the place of each row after the
    others are dropped.
    """
    if not isinstance(lengths, np.ndarray):
        lengths = np.fromiter(lengths, np.int64)
    borders = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=borders[1:])
    return borders


def ranges(
    starts: Ints,
    lengths: Ints,
) -> Ints:
    """All integers of the ranges ``[start, start + length)``, end to end."""
    if not lengths.size:
        return np.zeros(0, dtype=np.int64)
    begins = np.cumsum(lengths) - lengths
    rows: Ints = np.repeat(starts - begins, lengths)
    rows += np.arange(len(rows))
    return rows


def places(lengths: Ints) -> Ints:
    """The place of each row within its own sequence, int64[rows]."""
    return ranges(np.zeros_like(lengths), lengths)


def pair_keys(
    first: Ints,
    second: Ints | int,
    size: int,
) -> Ints:
    """Pairs of numbers as one number each, in the order of the pairs.

    `size` is above every `second`, and ``first * size`` below 2**63. Keys of equal pairs are equal,
    so `np.unique` finds the distinct pairs; `split_pairs` gives the two numbers back.
    """
    keys: Ints = np.asarray(first, dtype=np.int64) * size + second
    return keys


def split_pairs(
    keys: Ints,
    size: int,
) -> tuple[Ints, Ints]:
    """The pairs that `pair_keys` put together with this `size`."""
    first, second = np.divmod(keys, size)
    return first, second
