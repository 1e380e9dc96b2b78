"""Rows of many sequences end to end, with their lengths: cutting, grouping and padding them. Indices only, no tensors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.words.arrays import Ints


class Windows(NamedTuple):
    """Pieces of sequences: piece p reads rows ``[start, start + length)`` and answers for those from `first` up to `last`."""

    start: Ints
    length: Ints
    first: Ints
    last: Ints


def windows(borders: Ints, limit: int, overlap: int) -> Windows:
    """Sequences ``borders[i]:borders[i + 1]`` as windows of at most `limit` rows.

    A sequence that fits is one window. A longer one is cut so that neighbours share at least `overlap` rows, and each answers up to the
    middle of what it shares: every row has one answer, with at least half the overlap of context on both sides.
    """
    start, stop = borders[:-1], borders[1:]
    size = stop - start
    step = max(limit - overlap, 1)
    count = np.maximum(-(-(size - overlap) // step), 1)
    owner = np.repeat(np.arange(len(size)), count)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    begin = start[owner] + place * step
    end = np.minimum(begin + limit, stop[owner])
    is_first, is_last = place == 0, place == count[owner] - 1
    first = np.where(is_first, begin, begin + overlap // 2)
    last = np.where(is_last, end, begin + step + overlap // 2)
    return Windows(begin, end - begin, first, last)


def length_groups(lengths: Ints, cells: int) -> list[Ints]:
    """Rows of like length together: as many in a group as keep ``rows * longest`` within `cells`, one at least. Longest first."""
    order = np.argsort(-lengths, kind="stable")
    found, begin = [], 0
    while begin < len(order):
        longest = max(int(lengths[order[begin]]), 1)
        end = begin + max(cells // longest, 1)
        found.append(order[begin:end])
        begin = end
    return found


def grid(starts: Ints, lengths: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Row numbers of sequences as a padded matrix, int64[sequences, longest], and where it is no padding; padding points to row `start`."""
    steps = np.arange(int(lengths.max()) if lengths.size else 0)
    inside = steps < lengths[:, None]
    return starts[:, None] + np.where(inside, steps, 0), inside


def steps(starts: Ints, lengths: Ints, *, backwards: bool = False) -> tuple[Ints, Ints]:
    """Row numbers of sequences, longest first, step after step, and how many sequences have each step: how packed sequences lie.

    Backwards, the first step is the last row of each sequence.
    """
    step = np.arange(int(lengths.max()) if lengths.size else 0)[:, None]
    inside = step < lengths
    rows = starts + (lengths - 1 - step if backwards else step)
    return rows[inside], inside.sum(1)
