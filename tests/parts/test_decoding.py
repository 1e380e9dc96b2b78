"""The contract of decoders: states, and the loss of what follows.

Modules: parts.decoding, parts.states
"""

from __future__ import annotations

import pytest
import torch
from helpers.decoders import decoder
from torch.nn import functional

from pipekit.parts.decoding import State, final_states, next_piece_loss


def state() -> State:
    return State(
        torch.tensor([3, 3, 3]),
        longest=3,
        hidden={"h": torch.arange(3.0)[:, None]},
        caches={"k": torch.arange(3.0)[:, None, None, None].repeat(1, 1, 5, 1)},
        memory={"m": torch.arange(3.0)},
    )


def test_rows_change_places_in_all_that_is_remembered() -> None:
    moved = state().select(torch.tensor([2, 0, 0]))
    assert moved.hidden["h"][:, 0].tolist() == [2, 0, 0]
    assert moved.caches["k"][:, 0, 0, 0].tolist() == [2, 0, 0]
    assert moved.memory["m"].tolist() == [2, 0, 0]
    assert len(moved) == 3


def test_beams_of_one_document_share_its_memory() -> None:
    moved = state().select(torch.tensor([2, 0, 0]), same_memory=True)
    assert moved.memory["m"].tolist() == [0, 1, 2]
    assert moved.hidden["h"][:, 0].tolist() == [2, 0, 0]


def test_a_cache_is_allocated_once_as_long_as_rows_stay() -> None:
    before = state()
    cache = before.caches["k"]
    assert before.select(torch.tensor([1, 2, 0])).caches["k"] is cache
    fewer = before.select(torch.tensor([1]))
    assert fewer.caches["k"].shape == (1, 1, 5, 1)
    assert fewer.caches["k"][0, 0, 3:].eq(0).all(), "no garbage behind what was read"


def test_rows_advance_by_their_own_counts() -> None:
    rows = state()
    rows.advance(2, None)
    assert rows.even and rows.longest == 5
    rows.advance(2, torch.tensor([1, 2, 1]))
    assert rows.lengths.tolist() == [6, 7, 6] and rows.longest == 7 and not rows.even


def test_final_states_are_those_of_the_last_piece_of_each_row() -> None:
    states = torch.arange(6.0).view(2, 3, 1)
    assert final_states(states, None)[:, 0].tolist() == [2, 5]
    assert final_states(states, torch.tensor([1, 3]))[:, 0].tolist() == [0, 5]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_counts_what_is_inside(smoothing: float) -> None:
    network = decoder("gru")
    states = torch.randn(2, 3, 16)
    targets = torch.tensor([[1, 2, 3], [4, 5, 6]])
    inside = torch.tensor([[True, True, False], [True, False, False]])
    loss = next_piece_loss(network, states, targets, inside, smoothing)
    expected = sum(
        functional.cross_entropy(
            network.score(states[row, step]), targets[row, step], label_smoothing=smoothing
        )
        for row, step in ((0, 0), (0, 1), (1, 0))
    )
    torch.testing.assert_close(loss, expected)
    nothing = torch.zeros_like(inside)
    assert next_piece_loss(network, states, targets, nothing, smoothing).item() == 0
