"""Padding, windows and sequences that lie end to end.

Modules: nn.padding, nn.sequences
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipekit.nn.padding import grid, length_groups, windows
from pipekit.nn.sequences import MOST_STEPS, read_sequences, reverse

LENGTHS = st.lists(st.integers(0, 60), max_size=12).map(
    lambda lengths: np.array(lengths, dtype=np.int64)
)


@given(LENGTHS)
def test_reading_backwards_twice_is_reading_forwards(lengths: NDArray[np.int64]) -> None:
    _, inside = grid(np.zeros_like(lengths), lengths)
    order = reverse(torch.from_numpy(inside))
    assert order[order].tolist() == list(range(inside.size))


def test_a_reversed_sequence_stays_within_its_length_and_padding_stays() -> None:
    inside = torch.tensor([[True, True, True, False], [True, True, True, True], [False] * 4])
    assert reverse(inside).view(3, 4).tolist() == [[2, 1, 0, 3], [7, 6, 5, 4], [8, 9, 10, 11]]


@given(LENGTHS)
def test_a_grid_names_each_row_once_and_pads_with_the_first(lengths: NDArray[np.int64]) -> None:
    starts = np.cumsum(lengths) - lengths
    rows, inside = grid(starts, lengths)
    assert rows[inside].tolist() == list(range(int(lengths.sum())))
    assert inside.sum(1).tolist() == lengths.tolist()
    firsts = np.where(lengths > 0, starts, 0)
    assert (rows[~inside] == np.broadcast_to(firsts[:, None], rows.shape)[~inside]).all()


@given(LENGTHS, st.integers(1, 20), st.data())
def test_windows_answer_for_every_row_exactly_once(
    lengths: NDArray[np.int64], limit: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, limit - 1))
    borders = np.concatenate([[0], np.cumsum(lengths)])
    plan = windows(borders, limit, overlap)
    answered = [
        row
        for first, last in zip(plan.first.tolist(), plan.last.tolist(), strict=True)
        for row in range(first, last)
    ]
    assert answered == list(range(int(borders[-1])))
    assert (plan.length <= limit).all()
    assert ((plan.start <= plan.first) & (plan.last <= plan.start + plan.length)).all()


@given(LENGTHS, st.integers(2, 20))
def test_each_answer_has_half_the_overlap_around_it_or_the_end_of_its_sequence(
    lengths: NDArray[np.int64], limit: int
) -> None:
    overlap = limit // 2
    borders = np.concatenate([[0], np.cumsum(lengths)])
    plan = windows(borders, limit, overlap)
    stop = plan.start + plan.length
    assert (np.isin(plan.start, borders) | (plan.first - plan.start >= overlap // 2)).all()
    assert (np.isin(stop, borders) | (stop - plan.last >= overlap // 2)).all()


@given(LENGTHS, st.integers(1, 200))
def test_groups_hold_each_sequence_once_and_keep_to_their_cells(
    lengths: NDArray[np.int64], cells: int
) -> None:
    found = length_groups(lengths, cells)
    assert sorted(row for group in found for row in group.tolist()) == list(range(len(lengths)))
    assert all(len(group) == 1 or len(group) * lengths[group].max() <= cells for group in found)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12).map(np.array))
def test_a_layer_over_sentences_says_when_it_works_what_it_said_when_it_learned(
    lengths: NDArray[np.int64],
) -> None:
    torch.manual_seed(0)
    layer, values = (
        torch.nn.LSTM(5, 3, batch_first=True, bidirectional=True),
        torch.randn(int(lengths.sum()), 5),
    )
    borders = np.concatenate([[0], np.cumsum(lengths)])
    learning = read_sequences(layer.train(), values, borders)
    torch.testing.assert_close(
        read_sequences(layer.eval(), values, borders), learning, atol=1e-6, rtol=0
    )
    alone = [layer(values[start:end][None])[0][0] for start, end in pairwise(borders.tolist())]
    torch.testing.assert_close(torch.cat(alone), learning, atol=1e-6, rtol=0)


@pytest.mark.parametrize("training", [False, True])
def test_sequences_without_rows_are_read_beside_others(training: bool) -> None:
    torch.manual_seed(0)
    network = torch.nn.LSTM(3, 2, batch_first=True, bidirectional=True).train(training)
    values = torch.randn(5, 3)
    among_empty = read_sequences(network, values, np.array([0, 0, 2, 2, 5, 5]))
    alone = read_sequences(network, values, np.array([0, 2, 5]))
    torch.testing.assert_close(among_empty, alone)
    assert read_sequences(network, values[:0], np.array([0, 0])).shape == (0, 4)


@pytest.mark.parametrize("training", [False, True])
def test_a_very_long_sequence_is_read_in_windows_that_see_around_themselves(
    training: bool,
) -> None:
    torch.manual_seed(0)
    network = torch.nn.LSTM(3, 2, batch_first=True, bidirectional=True).train(training)
    size = 3 * MOST_STEPS + 7
    values = torch.randn(size, 3)
    states = read_sequences(network, values, np.array([0, 5, size]))
    whole = network(values[None, 5:])[0][0]
    torch.testing.assert_close(states[5:], whole, atol=1e-4, rtol=0)
    alone = network(values[None, :5])[0][0]
    torch.testing.assert_close(states[:5], alone, atol=1e-6, rtol=0)


def test_no_sequence_costs_more_steps_than_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    network = torch.nn.LSTM(3, 2, batch_first=True, bidirectional=True).train()
    lengths = []
    pack = torch.nn.utils.rnn.pack_padded_sequence

    def packed(padded: torch.Tensor, *rest: object, **options: object) -> object:
        lengths.append(padded.shape[1])
        return pack(padded, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(torch.nn.utils.rnn, "pack_padded_sequence", packed)
    read_sequences(network, torch.randn(5_000, 3), np.array([0, 5_000]))
    assert max(lengths) <= MOST_STEPS
