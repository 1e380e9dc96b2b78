"""Rows by 64-bit hashes, looked up for a whole batch at once.

The hashes stand in ascending order, and a table tells where those with the same first bits begin.
A look-up goes to these and tries a few of them; the rest of crowded ones is searched in halves, so
that hashes of a hostile file cost no more than a sorted table does.
"""

from __future__ import annotations

import numpy as np

from pipekit.words.arrays import Hashes, Ints

_BITS = 64
_TRIES = 4
_LAST = np.uint64(2**64 - 1)


class HashIndex:
    """The row of each hash.

        index = HashIndex(hashes)
        index.rows(hashes)              # 0, 1, 2, …

    Args:
        hashes: distinct numbers with even bits, uint64[rows]; of equal ones, one has its row.
    """

    def __init__(self, hashes: Hashes) -> None:
        order = np.argsort(hashes, kind="stable")
        bits = len(hashes).bit_length() + 1
        self._shift = np.uint64(_BITS - bits)
        self._hashes = np.append(hashes[order], _LAST)  # a place behind the last one, for all
        self._order = np.append(order, -1)
        firsts = hashes >> self._shift
        counts = np.bincount(firsts.astype(np.int64), minlength=1 << bits)
        ends = np.cumsum(counts)
        self._places = (ends - counts).astype(np.int32)

    def rows(self, hashes: Hashes) -> Ints:
        """The row of each hash, int64[hashes]; -1 for those that are not there."""
        places = self._places[hashes >> self._shift]
        tried = self._hashes[places]
        rows = np.where(tried == hashes, self._order[places], -1)
        at = np.flatnonzero(tried < hashes)
        left = hashes[at]
        places = places[at]
        for _ in range(_TRIES):
            if not len(at):
                return rows
            places += 1
            tried = self._hashes[places]
            is_there = tried == left
            rows[at[is_there]] = self._order[places[is_there]]
            goes_on = np.flatnonzero(tried < left)
            at = at[goes_on]
            left = left[goes_on]
            places = places[goes_on]
        places = np.searchsorted(self._hashes, left)
        is_there = self._hashes[places] == left
        rows[at[is_there]] = self._order[places[is_there]]
        return rows
