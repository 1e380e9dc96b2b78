"""Index arithmetic of rows that lie end to end, against plain Python.

Modules: words.arrays
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipekit.words.arrays import offsets, pair_keys, places, ranges, split_pairs

LENGTHS = st.lists(st.integers(0, 5), max_size=12)
NUMBERS = st.integers(0, 2**31 - 1)


@given(LENGTHS)
def test_offsets_are_the_borders_of_sequences_that_lie_end_to_end(lengths: list[int]) -> None:
    borders = offsets(np.array(lengths, dtype=np.int64))
    assert borders.dtype == np.int64
    assert borders.tolist() == [sum(lengths[:i]) for i in range(len(lengths) + 1)]
    assert offsets(lengths).tolist() == offsets(iter(lengths)).tolist() == borders.tolist()


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 5)), max_size=12))
def test_ranges_are_what_pythons_ranges_give_end_to_end(pairs: list[tuple[int, int]]) -> None:
    starts = np.array([start for start, _ in pairs], dtype=np.int64)
    lengths = np.array([length for _, length in pairs], dtype=np.int64)
    rows: list[int] = []
    for start, length in pairs:
        rows += range(start, start + length)
    assert ranges(starts, lengths).tolist() == rows


@given(LENGTHS)
def test_places_count_each_sequence_from_zero(lengths: list[int]) -> None:
    counted: list[int] = []
    for length in lengths:
        counted += range(length)
    assert places(np.array(lengths, dtype=np.int64)).tolist() == counted


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=12))
def test_keys_of_pairs_are_distinct_in_order_and_give_the_pairs_back(
    pairs: list[tuple[int, int]],
) -> None:
    first, second = np.array(pairs, dtype=np.int64).T
    keys = pair_keys(first, second, 2**31)
    assert np.argsort(keys, kind="stable").tolist() == sorted(
        range(len(pairs)), key=pairs.__getitem__
    )
    assert list(zip(*(side.tolist() for side in split_pairs(keys, 2**31)), strict=True)) == pairs


@pytest.mark.parametrize("dtype", [np.int32, np.uint16, np.int16])
def test_keys_of_narrow_numbers_do_not_overflow(dtype: type[np.integer]) -> None:
    large = np.array([np.iinfo(dtype).max], dtype=dtype)
    first, second = split_pairs(pair_keys(large, large, 1 << 31), 1 << 31)
    assert first.tolist() == second.tolist() == [np.iinfo(dtype).max]
