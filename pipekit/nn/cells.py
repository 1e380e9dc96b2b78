"""Recurrent cells in one direction, by name, with a state that can be carried on.

A layer reads padded steps from a state, and gives the states of all steps and the last one. torch's
own layers and those of `pipekit.nn.mutated` differ in how they are called; `read_cell` does not.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from pipekit.nn.mutated import MUT1, MUT2, MUT3, ChoGRU, Mutated

CellName = Literal["rnn", "lstm", "gru", "gru_before", "mut1", "mut2", "mut3"]

_MUTATED = {"gru_before": ChoGRU, "mut1": MUT1, "mut2": MUT2, "mut3": MUT3}
_TORCH = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def recurrent_cell(
    name: CellName,
    width_in: int,
    width: int,
) -> nn.Module:
    """A new layer of cells, in one direction.

    It takes padded inputs, float[sequences, longest, width_in], and gives a tuple that begins with
    the states of all steps, float[sequences, longest, width].

    Args:
        name: "gru" is torch's GRU; "gru_before" has the reset gate before the product with the
            state (Cho et al. 2014).
    """
    if name in _MUTATED:
        return _MUTATED[name](width_in, width)
    cell: nn.Module = _TORCH[name](width_in, width, batch_first=True)
    return cell


def parts_of(cell: nn.Module) -> int:
    """How many tensors the state of a layer has: two for an LSTM, with its cell, else one."""
    return 2 if isinstance(cell, nn.LSTM) else 1


def first_states(
    cell: nn.Module,
    values: Tensor,
) -> tuple[Tensor, ...]:
    """The state that a layer begins with, from values float[rows, parts * width]."""
    return values.chunk(parts_of(cell), dim=1)


def read_cell(
    cell: nn.Module,
    inputs: Tensor,
    state: tuple[Tensor, ...],
    counts: Tensor | None = None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Read steps from a state on.

    Args:
        inputs: float[rows, steps, width_in].
        state: as `first_states` gives it, each float[rows, width].
        counts: how many steps of each row are no padding, int64[rows]; None for all.

    Returns: the states of all steps, float[rows, steps, width], and the state of each row behind
    its last step.
    """
    if isinstance(cell, Mutated):
        states, last = cell(inputs, state[0])
        return states, (_at_last(states, last, counts),)
    if isinstance(cell, nn.LSTM) and counts is not None:
        return _read_ragged(cell, inputs, state, counts)
    layers = tuple(part.unsqueeze(0) for part in state)
    if isinstance(cell, nn.LSTM):
        states, (hidden, memory) = cell(inputs, layers)
        return states, (hidden[0], memory[0])
    states, hidden = cell(inputs, layers[0])
    return states, (_at_last(states, hidden[0], counts),)


def _at_last(
    states: Tensor,
    last: Tensor,
    counts: Tensor | None,
) -> Tensor:
    """The states behind the last step of each row, float[rows, width]."""
    if counts is None:
        return last
    rows = torch.arange(len(states), device=states.device)
    return states[rows, counts - 1]


def _read_ragged(
    cell: nn.LSTM,
    inputs: Tensor,
    state: tuple[Tensor, ...],
    counts: Tensor,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """An LSTM over rows of several lengths; only torch's packed sequences give its last cells."""
    packed = pack_padded_sequence(inputs, counts.cpu(), batch_first=True, enforce_sorted=False)
    hidden, memory = state
    states, (last, last_memory) = cell(packed, (hidden.unsqueeze(0), memory.unsqueeze(0)))
    padded, _ = pad_packed_sequence(states, batch_first=True, total_length=inputs.shape[1])
    return padded, (last[0], last_memory[0])
