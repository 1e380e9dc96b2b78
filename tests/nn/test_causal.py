"""Layers that read from left to right, cells with a state that is carried on, stacks.

Modules: nn.causal, nn.cells, nn.stack
"""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch

from pipekit.nn.causal import Cache, CausalAttention, steps_of
from pipekit.nn.cells import CellName, first_states, parts_of, read_cell, recurrent_cell
from pipekit.nn.stack import Shape, sinusoids


@pytest.mark.parametrize("width", [1, 2, 7, 16])
def test_sinusoids_are_those_of_the_paper(width: int) -> None:
    table = sinusoids(5, width)
    for position in range(5):
        for i in range(width):
            angle = position / 10_000 ** (2 * (i // 2) / width)
            assert table[position, i].item() == pytest.approx(
                np.cos(angle) if i % 2 else np.sin(angle), abs=1e-5
            )


def test_places_of_further_pieces_follow_those_of_each_row() -> None:
    places = steps_of(torch.tensor([2, 0]), longest=2, steps=2, even=False)
    assert places.positions.tolist() == [[2, 3], [0, 1]] and places.longest == 4
    assert places.mask is not None
    assert places.mask[:, 0].tolist() == [
        [[True, True, True, False], [True, True, True, True]],
        [[True, False, False, False], [True, True, False, False]],
    ]
    one = steps_of(torch.tensor([2, 2]), longest=2, steps=1, even=True)
    assert one.mask is None


def test_a_cache_holds_what_was_read() -> None:
    torch.manual_seed(0)
    attention = CausalAttention(Shape(8, 1, 2)).eval()
    states = torch.randn(2, 5, 8)
    whole = attention(states, steps_of(torch.zeros(2, dtype=torch.int64), 0, 5, True))
    cache = Cache(torch.zeros(2, 2, 5, 4), torch.zeros(2, 2, 5, 4))
    first = attention(states[:, :3], steps_of(torch.tensor([0, 0]), 0, 3, True), cache)
    then = attention(states[:, 3:], steps_of(torch.tensor([3, 3]), 3, 2, True), cache)
    torch.testing.assert_close(torch.cat([first, then], dim=1), whole)


@pytest.mark.parametrize("name", get_args(CellName))
def test_a_state_is_carried_from_one_stretch_to_the_next(name: CellName) -> None:
    torch.manual_seed(0)
    cell = recurrent_cell(name, 3, 4)
    inputs = torch.randn(2, 6, 3)
    hidden = torch.randn(2, 4 * parts_of(cell))
    whole, last = read_cell(cell, inputs, first_states(cell, hidden))
    early, between = read_cell(cell, inputs[:, :2], first_states(cell, hidden))
    late, end = read_cell(cell, inputs[:, 2:], between)
    torch.testing.assert_close(torch.cat([early, late], dim=1), whole)
    for part, expected in zip(end, last, strict=True):
        torch.testing.assert_close(part, expected)


@pytest.mark.parametrize("name", get_args(CellName))
def test_rows_of_several_lengths_end_where_each_does(name: CellName) -> None:
    torch.manual_seed(0)
    cell = recurrent_cell(name, 3, 4)
    inputs = torch.randn(3, 5, 3)
    counts = torch.tensor([5, 1, 3])
    hidden = torch.randn(3, 4 * parts_of(cell))
    states, last = read_cell(cell, inputs, first_states(cell, hidden), counts)
    assert states.shape == (3, 5, 4)
    for row, count in enumerate(counts.tolist()):
        own = first_states(cell, hidden[row : row + 1])
        alone, end = read_cell(cell, inputs[row : row + 1, :count], own)
        torch.testing.assert_close(states[row : row + 1, :count], alone)
        for part, expected in zip(last, end, strict=True):
            torch.testing.assert_close(part[row : row + 1], expected)
