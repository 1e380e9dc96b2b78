"""Index arithmetic of sequences: how they are cut, grouped by length, padded and packed.

The rows of all sequences lie end to end in one array. The functions here compute row numbers only,
with numpy; tensors are gathered by these elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipekit.words.arrays import Bools, Ints, places


class Windows(NamedTuple):
    """Parts of sequences that a network reads, all int64[windows].

    Attributes:
        start: the first row that a window reads.
        length: how many rows it reads.
        first: the first row that it answers for.
        last: the row behind the last one that it answers for.
    """

    start: Ints
    length: Ints
    first: Ints
    last: Ints

    def take(self, chosen: Bools) -> Windows:
        """Some of the windows, bool[windows]."""
        return Windows(*(column[chosen] for column in self))


def windows(
    borders: Ints,
    limit: int,
    overlap: int,
) -> Windows:
    """Sequences ``borders[i]:borders[i + 1]`` cut into windows of at most `limit` rows.

    A sequence of at most `limit` rows is one window. A longer one is cut so that neighbours share
    `overlap` rows. Each window answers up to the middle of the shared rows, so that every row has
    one answer, with half the overlap of context at least. A sequence of 12 rows, `limit` 6,
    `overlap` 2, where ■ is answered and □ is context:

        rows        0  1  2  3  4  5  6  7  8  9  10 11
        window 0    ■  ■  ■  ■  ■  □
        window 1                □  ■  ■  ■  ■  □
        window 2                            □  ■  ■  ■
    """
    starts = borders[:-1]
    stops = borders[1:]
    sizes = stops - starts
    step = max(limit - overlap, 1)
    steps = (sizes - overlap + step - 1) // step  # rounded up
    counts = np.maximum(steps, 1)  # int64[sequences]: how many windows each has
    owner = np.repeat(np.arange(len(sizes)), counts)  # int64[windows]: the sequence of each
    place = places(counts)  # int64[windows]: the place of each in its sequence
    begins = starts[owner] + place * step
    ends = np.minimum(begins + limit, stops[owner])
    is_first = place == 0
    is_last = place == counts[owner] - 1
    middles = begins + overlap // 2  # of the rows shared with the window before
    first = np.where(is_first, begins, middles)
    last = np.where(is_last, ends, middles + step)
    return Windows(begins, ends - begins, first, last)


def length_groups(
    lengths: Ints,
    cells: int,
) -> list[Ints]:
    """The numbers of sequences, grouped by like length, the longest first.

    A group has as many sequences as keep ``sequences * longest`` within `cells`, but at least one.
    """
    order = np.argsort(-lengths, kind="stable")
    groups = []
    begin = 0
    while begin < len(order):
        longest = max(int(lengths[order[begin]]), 1)
        end = begin + max(cells // longest, 1)
        groups.append(order[begin:end])
        begin = end
    return groups


def grid(
    starts: Ints,
    lengths: Ints,
) -> tuple[Ints, Bools]:
    """Sequences as a padded matrix of row numbers, and which cells are no padding.

    Returns:
        rows: int64[sequences, longest]; padding repeats the first row of the sequence, or row 0
            where the sequence is empty.
        inside: bool[sequences, longest].
    """
    longest = int(lengths.max(initial=0))
    steps = np.arange(longest)
    inside = steps < lengths[:, None]
    places = np.where(inside, steps, 0)
    first_rows = np.where(lengths > 0, starts, 0)  # an empty sequence may begin behind all rows
    return first_rows[:, None] + places, inside


def packed_rows(
    starts: Ints,
    lengths: Ints,
    *,
    backwards: bool = False,
) -> tuple[Ints, Ints]:
    """Row numbers of sequences in the order of torch's packed sequences: step after step.

    The sequences come longest first. Backwards, the first step is the last row of each. Sequences
    of the rows 0 1 2 and 3 4:

        forwards     0 3 | 1 4 | 2
        backwards    2 4 | 1 3 | 0

    Returns:
        rows: int64[rows].
        sizes: how many sequences have each step, int64[longest].
    """
    longest = int(lengths.max(initial=0))
    steps = np.arange(longest)[:, None]
    inside = steps < lengths  # bool[longest, sequences]
    rows = starts + steps  # int64[longest, sequences]
    if backwards:
        rows = starts + lengths - 1 - steps
    return rows[inside], inside.sum(1)
