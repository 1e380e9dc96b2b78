"""Networks that read sequences: dropout for all steps alike, both directions, layers mixed.

Sequences of like length are padded and read as a group. Reading backwards reverses each sequence
within its own length, so that padding always stays behind it:

    cells                  a b c .      reversed    c b a .
                           d e . .                  e d . .
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pipekit.devices.placement import to_device
from pipekit.errors import ConfigError
from pipekit.nn.padding import Windows, grid, length_groups, windows
from pipekit.words.arrays import Bools, Ints, offsets

# Padded cells that go through a network at a time. A CPU takes few, since less padding counts most
# there; a GPU takes many, since fewer steps do. On a CPU 512 to 3,072 cells are as fast within 5 %,
# 8,192 cells a quarter slower (`recipes/benchmarks/packing.py`).
CPU_CELLS = 2_048
GPU_CELLS = 65_536
MOST_STEPS = 256  # rows of a sequence that `read_sequences` reads at a time


def cells_on(device: torch.device) -> int:
    """How many padded cells go through a network at a time on a device."""
    return CPU_CELLS if device.type == "cpu" else GPU_CELLS


class PaddedGroup(NamedTuple):
    """Windows of like length as padded matrices.

    Attributes:
        windows: the number of each window, int64[windows].
        rows: the row in each cell, int64[windows, longest]; padding repeats the first one.
        inside: which cells are no padding, bool[windows, longest].
        cell: the numbers of the flattened cells that answer, int64[answers].
        row: the rows that these answer for, int64[answers].
    """

    windows: Ints
    rows: Tensor
    inside: Tensor
    cell: Tensor
    row: Tensor


def padded_groups(
    plan: Windows,
    cells: int,
    device: torch.device,
) -> Iterator[PaddedGroup]:
    """Windows in groups of like length, of at most `cells` padded cells each.

    For instance two windows, the second of which answers for its last two rows alone:

        rows   4 5 6 7    inside  1 1 1 1    cell  0 1 2 3 5 6    row  4 5 6 7 10 11
               9 10 11 9          1 1 1 0
    """
    for group in length_groups(plan.length, cells):
        rows, inside = grid(plan.start[group], plan.length[group])
        first = plan.first[group][:, None]
        last = plan.last[group][:, None]
        is_answer = inside & (rows >= first) & (rows < last)
        cell = np.flatnonzero(is_answer)
        row = rows.ravel()[cell]
        yield PaddedGroup(
            group,
            to_device(rows, device),
            to_device(inside, device),
            to_device(cell, device),
            to_device(row, device),
        )


class WordDropout(nn.Module):
    """Variational dropout: all steps of a sequence drop the same features.

    Source: Gal and Ghahramani 2016.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, padded: Tensor) -> Tensor:
        """float[sequences, longest, width] to the same."""
        if not self.training or not self.rate:
            return padded
        sequences, _, width = padded.shape
        mask = padded.new_empty(sequences, 1, width).bernoulli_(1 - self.rate)
        return padded * mask / (1 - self.rate)


class LayerMix(nn.Module):
    """The layers of a network as one: gamma * sum over j of softmax(s)_j h_j, s and gamma learned.

    The mix begins as the mean of the layers. Source: Peters et al. 2018, equation 1.

    Errors: `ConfigError` where there is but one layer.
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        if layers < 2:
            raise ConfigError(
                "mix = true is for two layers or more: "
                "leave it out, or give the encoder more layers"
            )
        self.scores = nn.Parameter(torch.zeros(layers))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """The mix of tensors of one shape, lowest layer first; it has their shape and type."""
        shares = torch.softmax(self.scores.float(), 0)  # (layers,)
        weights = self.scale.float() * shares
        lowest = layers[0]
        mixed = lowest * weights[0].to(lowest.dtype)
        for weight, layer in zip(weights[1:], layers[1:], strict=True):
            mixed = mixed + layer * weight.to(layer.dtype)
        return mixed


def reverse(inside: Tensor) -> Tensor:
    """For each cell of a padded group the cell that takes its place in the reversed sequence.

    Args:
        inside: which cells are no padding, bool[sequences, longest].

    Returns: numbers of the flattened cells, int64[sequences * longest]; padding stays in place.
    """
    sequences, longest = inside.shape
    device = inside.device
    begins = torch.arange(sequences, device=device) * longest
    steps = torch.arange(longest, device=device)
    lengths = inside.sum(1, keepdim=True)
    backwards = lengths - 1 - steps  # (sequences, longest)
    places = torch.where(inside, backwards, steps)
    cells = begins.unsqueeze(1) + places
    return cells.flatten()


def reorder(
    padded: Tensor,
    order: Tensor,
) -> Tensor:
    """The cells of float[sequences, longest, width] in the order that `reverse` gives.

    Done twice, the cells are as before.
    """
    return padded.flatten(0, 1).index_select(0, order).view_as(padded)


def read_sequences(
    network: nn.LSTM,
    values: Tensor,
    sequences: Ints,
    needed: Bools | None = None,
) -> Tensor:
    """The states of an LSTM of one layer and both directions, one for each row.

    Sequences of more than `MOST_STEPS` rows are read in windows. A window without a needed row is
    not read, and its states are 0.

    Args:
        values: the rows of all sequences, float[rows, in].
        sequences: borders of the sequences, int64[sequences + 1].
        needed: whose states are looked at, bool[rows]; None for all.

    Returns: float[rows, states], forwards and backwards joined.
    """
    device = values.device
    read = _read_packed
    if device.type == "cpu" and not network.training:
        read = _read_padded
    answers = []
    filled = np.unique(sequences)  # borders without empty sequences
    plan = windows(filled, MOST_STEPS, MOST_STEPS // 8)
    if needed is not None:
        counts = offsets(needed)
        plan = plan.take(counts[plan.last] > counts[plan.first])
    for group in padded_groups(plan, cells_on(device), device):
        padded = values[group.rows]  # (windows, longest, in)
        states = read(network, padded, group.inside).flatten(0, 1)[group.cell]
        answers.append((states, group.row))
    if not answers:
        return values.new_zeros(len(values), 2 * network.hidden_size)
    return by_row(answers, None if needed is None else len(values))


def _read_packed(
    network: nn.LSTM,
    padded: Tensor,
    inside: Tensor,
) -> Tensor:
    lengths = inside.sum(1).cpu()
    packed = nn.utils.rnn.pack_padded_sequence(padded, lengths, batch_first=True)
    states, _ = network(packed)
    return nn.utils.rnn.pad_packed_sequence(states, batch_first=True)[0]


def _read_padded(
    network: nn.LSTM,
    padded: Tensor,
    inside: Tensor,
) -> Tensor:
    """The same on a CPU 1.5 times as fast (`recipes/benchmarks/packing.py`)."""
    order = reverse(inside)
    forwards = _read_one_way(network, padded, "")
    backwards = _read_one_way(network, reorder(padded, order), "_reverse")
    backwards = reorder(backwards, order)
    return torch.cat([forwards, backwards], dim=-1)


def _read_one_way(
    network: nn.LSTM,
    padded: Tensor,
    suffix: str,
) -> Tensor:
    """The states of one direction; `suffix` ends the names of its weights."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weights = [getattr(network, f"{name}_l0{suffix}") for name in names]
    zeros = padded.new_zeros(1, len(padded), network.hidden_size)
    states, _, _ = torch.lstm(
        padded,
        (zeros, zeros),
        weights,
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=False,
        bidirectional=False,
        batch_first=True,
    )
    return states


def by_row(
    answers: Sequence[tuple[Tensor, Tensor]],
    size: int | None = None,
) -> Tensor:
    """The answers of several groups in the order of their rows, float[rows, width].

    Args:
        answers: for each group its answers, float[answers, width], and the row of each,
            int64[answers]. No row occurs twice.
        size: how many rows there are; those without an answer are 0. None where each has one.
    """
    values = torch.cat([values for values, _ in answers])
    rows = torch.cat([rows for _, rows in answers])
    if size is None:
        return torch.empty_like(values).index_copy_(0, rows, values)
    return values.new_zeros(size, values.shape[1]).index_copy_(0, rows, values)
