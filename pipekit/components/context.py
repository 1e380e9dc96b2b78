"""A small network that a head reads the vectors of tokens with: narrowed, then in both directions, sentence by sentence."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from pipekit.chars import Ints
from pipekit.ragged import grid, groups

CELLS = 4_096  # padded cells that are read at a time


class Context(nn.Module):
    """Vectors of a frozen encoder are not made for a head's question; so it reads them once more.

    Args:
        given: width of the vectors.
        hidden: width of the narrowed ones.
        states: width of what the network adds to them, both directions together; 0 for no network.
    """

    def __init__(self, given: int, hidden: int, states: int, dropout: float) -> None:
        super().__init__()
        self.width = hidden + states
        self.narrow = nn.Sequential(nn.Dropout(dropout), nn.Linear(given, hidden), nn.GELU(), nn.Dropout1d(dropout / 4))
        self.dropout = nn.Dropout(dropout / 2)
        self.network = nn.LSTM(hidden, states // 2, batch_first=True, bidirectional=True) if states else None

    def forward(self, vectors: Tensor, sequences: Ints, marks: Tensor | None = None) -> Tensor:
        """float[tokens, width]; `marks` float[tokens, hidden] are added to what the network reads."""
        narrow = self.narrow(vectors)
        if self.network is None:
            return narrow if marks is None else narrow + marks  # type: ignore[no-any-return]
        if not len(narrow):
            return narrow.new_zeros(0, self.width)  # type: ignore[no-any-return]
        marked = narrow if marks is None else narrow + marks
        return torch.cat([narrow, read(self.network, self.dropout(marked), sequences).to(narrow.dtype)], 1)


def read(network: nn.LSTM, values: Tensor, sequences: Ints) -> Tensor:
    """The states of a network that reads the rows between each two of the borders `sequences`, one for each row."""
    lengths = np.diff(sequences)
    answers, rows = [], []
    for chosen in groups(lengths, CELLS):
        cells, inside = grid(sequences[:-1][chosen], lengths[chosen])
        padded = values[torch.from_numpy(cells).to(values.device)]
        packed = nn.utils.rnn.pack_padded_sequence(padded, torch.from_numpy(lengths[chosen]), batch_first=True)
        states = nn.utils.rnn.pad_packed_sequence(network(packed)[0], batch_first=True)[0]
        answers.append(states[torch.from_numpy(inside).to(values.device)])
        rows.append(cells[inside])
    found, row = torch.cat(answers), torch.from_numpy(np.concatenate(rows)).to(values.device)
    return torch.empty_like(found).index_copy(0, row, found)
