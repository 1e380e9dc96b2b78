"""A small network that a head reads the vectors of tokens with: narrowed, then in both directions, sentence by sentence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipekit.nn.sequences import read_sequences
from pipekit.words.arrays import Ints


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
        self.narrow = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(given, hidden), nn.GELU(), nn.Dropout1d(dropout / 4)
        )
        self.dropout = nn.Dropout(dropout / 2)
        self.network = (
            nn.LSTM(hidden, states // 2, batch_first=True, bidirectional=True) if states else None
        )

    def forward(self, vectors: Tensor, sequences: Ints, marks: Tensor | None = None) -> Tensor:
        """float[tokens, width]; `marks` float[tokens, hidden] are added to what the network reads."""
        narrow = self.narrow(vectors)
        if self.network is None:
            return narrow if marks is None else narrow + marks  # type: ignore[no-any-return]
        if not len(narrow):
            return narrow.new_zeros(0, self.width)  # type: ignore[no-any-return]
        marked = narrow if marks is None else narrow + marks
        return torch.cat(
            [
                narrow,
                read_sequences(self.network, self.dropout(marked), sequences).to(narrow.dtype),
            ],
            1,
        )
