"""Networks by which a head reads the vectors of tokens once more, sentence by sentence.

The vectors of a frozen encoder are not made for the question of a head. So a head narrows them, and
a network in both directions reads the narrow ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipekit.nn.sequences import read_sequences
from pipekit.words.arrays import Bools, Ints


def narrow_layer(
    width: int,
    hidden: int,
    dropout: float,
    token_dropout: float,
) -> nn.Sequential:
    """Vectors float[tokens, width] to narrow ones float[tokens, hidden].

    `dropout` is the share of values that are dropped before, `token_dropout` the share of whole
    tokens that are dropped afterwards. The modules are numbered in this order in files of weights.
    """
    return nn.Sequential(
        nn.Dropout(dropout),
        nn.Linear(width, hidden),
        nn.GELU(),
        nn.Dropout1d(token_dropout),
    )


def sentence_lstm(
    hidden: int,
    states: int,
) -> nn.LSTM | None:
    """An LSTM for `read_sequences`; its two directions are `states` wide together. None for 0."""
    if not states:
        return None
    return nn.LSTM(hidden, states // 2, batch_first=True, bidirectional=True)


class Context(nn.Module):
    """Narrow vectors of tokens, and beside them what an LSTM over the sentence makes of them.

        vectors ── narrow ──┬──────────────────────────────┐
                            │                              ├── float[tokens, hidden + states]
                  marks ── (+) ── LSTM over the sentence ──┘

    Args:
        width: width of the vectors.
        hidden: width of the narrow ones.
        states: width of the LSTM, both directions together; 0 for no LSTM.
        dropout: rate for the vectors; half of it for what the LSTM reads, a quarter of it for whole
            tokens of the narrow vectors.
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        states: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.width = hidden + states
        self.narrow = narrow_layer(width, hidden, dropout, token_dropout=dropout / 4)
        self.dropout = nn.Dropout(dropout / 2)
        self.network = sentence_lstm(hidden, states)

    def forward(
        self,
        vectors: Tensor,  # float[tokens, width]
        sequences: Ints,  # borders of the sentences, int64[sentences + 1]
        marks: Tensor | None = None,  # float[tokens, hidden]
        needed: Bools | None = None,  # tokens whose states are looked at, bool[tokens]
    ) -> Tensor:
        """Hidden states float[tokens, self.width].

        Marks are added to what the LSTM reads; without an LSTM, to the narrow vectors.
        """
        narrow: Tensor = self.narrow(vectors)  # (T, H)
        marked = narrow
        if marks is not None:
            marked = narrow + marks
        if self.network is None:
            return marked
        if not len(narrow):
            return narrow.new_zeros(0, self.width)
        states = read_sequences(self.network, self.dropout(marked), sequences, needed)
        return torch.cat([narrow, states.to(narrow.dtype)], dim=1)
