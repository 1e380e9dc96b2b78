"""What parts that read sequences share: dropout for all steps alike, reading backwards, rows group by group, and layers mixed into one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipekit.devices.placement import to_device
from pipekit.errors import ConfigError
from pipekit.nn.padding import grid, length_groups
from pipekit.words.arrays import Ints

# Padded cells that go through the network at a time: few on a CPU, where less padding counts, many on a GPU, where fewer steps do. On a
# CPU 512 to 3,072 are as fast within 5 %, 8,192 a quarter slower (`recipes/benchmarks/packing.py`).
CPU_CELLS, GPU_CELLS = 2_048, 65_536


def cells_on(device: torch.device) -> int:
    """The padded cells that go through a network at a time."""
    return CPU_CELLS if device.type == "cpu" else GPU_CELLS


class WordDropout(nn.Module):
    """The same features dropped at all steps of a sequence (variational dropout, Gal and Ghahramani 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, padded: Tensor) -> Tensor:
        if not self.training or not self.rate:
            return padded
        mask = padded.new_empty(padded.shape[0], 1, padded.shape[2]).bernoulli_(1 - self.rate)
        return padded * mask / (1 - self.rate)


class LayerMix(nn.Module):
    """The layers of a network as one: gamma * sum over j of softmax(s)_j h_j with learned s and gamma (Peters et al. 2018, equation 1).

    It begins as the mean of the layers. Errors: `ConfigError` where there is but one layer.
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        if layers < 2:
            raise ConfigError(
                "mix = true is for two layers or more: leave it out, or give the encoder more layers"
            )
        self.scores = nn.Parameter(torch.zeros(layers))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """Tensors of one shape, from the lowest layer to the top; their mix has the same shape and type."""
        shares = self.scale.float() * torch.softmax(self.scores.float(), 0)
        mixed = layers[0] * shares[0].to(layers[0].dtype)
        for share, layer in zip(shares[1:], layers[1:], strict=True):
            mixed = mixed + layer * share.to(layer.dtype)
        return mixed


def reverse(inside: Tensor) -> Tensor:
    """For each cell the cell that stands there when each sequence is read backwards, int64[sequences * longest]; padding stays."""
    steps = torch.arange(inside.shape[1], device=inside.device)
    begins = torch.arange(inside.shape[0], device=inside.device).unsqueeze(1) * inside.shape[1]
    lengths = inside.sum(1, keepdim=True)
    return (begins + torch.where(inside, lengths - 1 - steps, steps)).flatten()


def reorder(padded: Tensor, order: Tensor) -> Tensor:
    """The cells of float[sequences, longest, width] in the order of `reverse`; done twice, they are as before."""
    return padded.flatten(0, 1).index_select(0, order).view_as(padded)


def read_sequences(network: nn.LSTM, values: Tensor, sequences: Ints) -> Tensor:
    """The states of a layer in both directions that reads the rows between each two of the borders `sequences`, one for each row."""
    lengths = np.diff(sequences)
    read = _padded if values.device.type == "cpu" and not network.training else _packed
    answers = []
    for chosen in length_groups(lengths, cells_on(values.device)):
        cells, inside = grid(sequences[:-1][chosen], lengths[chosen])
        padded = values[to_device(cells, values.device)]
        kept, rows = (
            to_device(array, values.device) for array in (np.flatnonzero(inside), cells[inside])
        )
        answers.append((read(network, padded, inside).flatten(0, 1)[kept], rows))
    return by_row(answers)


def _packed(network: nn.LSTM, padded: Tensor, inside: NDArray[np.bool_]) -> Tensor:
    packed = nn.utils.rnn.pack_padded_sequence(
        padded, torch.from_numpy(inside.sum(1)), batch_first=True
    )
    return nn.utils.rnn.pad_packed_sequence(network(packed)[0], batch_first=True)[0]


def _padded(network: nn.LSTM, padded: Tensor, inside: NDArray[np.bool_]) -> Tensor:
    """On a CPU padded groups are read 1.5 times as fast as packed sequences (`recipes/benchmarks/packing.py`)."""
    order = reverse(torch.from_numpy(inside))
    back = reorder(_one_way(network, reorder(padded, order), "_reverse"), order)
    return torch.cat([_one_way(network, padded, ""), back], dim=-1)


def _one_way(network: nn.LSTM, padded: Tensor, way: str) -> Tensor:
    weights = [
        getattr(network, f"{name}_l0{way}")
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    zeros = padded.new_zeros(1, len(padded), network.hidden_size)
    return torch.lstm(padded, (zeros, zeros), weights, True, 1, 0.0, False, False, True)[0]


def by_row(answers: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """What was said group by group, float[answers, width], of which rows, int64[answers], in the order of the rows; each occurs once."""
    found, rows = torch.cat([said for said, _ in answers]), torch.cat([row for _, row in answers])
    return torch.empty_like(found).index_copy_(0, rows, found)
