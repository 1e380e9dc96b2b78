"""The maximum of any range of rows from two look-ups, by a sparse table.

Level k of the table has the maxima of all ranges of 2**k rows. Any range is covered by two of
these, one from its first row on and one up to its last; they may overlap (Bender and Farach-Colton
2000, "The LCA problem revisited", https://doi.org/10.1007/10719839_9). The levels stand end to end:

    rows        3 1 4 1 5 9
    level 0     3 1 4 1 5 9        ranges of 1 row
    level 1     3 4 4 5 9          ranges of 2 rows
    level 2     4 5 9              ranges of 4 rows
    at the end  0                  for empty ranges

    the maximum of the rows [1, 6), which are 5: max(level 2 at 1, level 2 at 2) = max(5, 9) = 9
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pipekit.words.arrays import Ints, offsets


def sparse_table(
    values: Tensor,  # float[rows, width]
    longest: int,  # rows of the longest range that will be looked up, at least 1
) -> Tensor:
    """The maxima of all ranges of 1, 2, 4, … rows, by length and first row; a row of zeros behind.

    It has the shape (ranges + 1, width).
    """
    level = values
    levels = [level]
    length = 1
    while 2 * length <= longest:
        level = torch.maximum(level[:-length], level[length:])
        levels.append(level)
        length *= 2
    zeros = values.new_zeros(1, values.shape[1])
    return torch.cat([*levels, zeros])


def table_rows(
    rows: int,  # of the values that the table was made of
    start: Ints,  # int64[ranges]
    end: Ints,  # int64[ranges]
) -> Ints:
    """The two rows of a sparse table whose maximum is that of each range ``[start, end)``.

    A range with ``start >= end`` is empty and has the row of zeros twice.

    Usage::

        table = sparse_table(values, longest)
        first, second = table_rows(len(values), start, end)
        maxima = torch.maximum(table[first], table[second])

    Returns:
        int64[2, ranges]
    """
    length = np.maximum(end - start, 1)
    level = np.frexp(length)[1] - 1  # of the greatest power of two that is no longer
    levels = np.arange(level.max(initial=0) + 1)
    sizes = rows + 1 - (1 << levels)
    begins = offsets(sizes)
    first = begins[level] + start
    last = first + length - (1 << level)
    return np.where(
        end > start,
        np.stack([first, last]),
        begins[-1],
    )
