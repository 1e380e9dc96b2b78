"""Recurrent encoders: LSTM (Hochreiter and Schmidhuber 1997) and GRU (Cho et al. 2014), read in both directions, stacked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pipekit.encoders.sequence import SequenceEncoder
from pipekit.model import Tables
from pipekit.reading import WordDropout, reorder, reverse


class Recurrent(SequenceEncoder):
    """A stack of layers, each of which reads its sequence forwards and backwards.

    The backward cell reads each sequence reversed within its own length, so that padding always follows and never changes an answer;
    that is faster on a CPU than packed sequences.

    Args:
        width: of both directions together.
        skip: whether the embedded word stands beside the states in the vector of a token.
    """

    cell: type[nn.LSTM] | type[nn.GRU]

    def __init__(
        self,
        width: int = 256,
        layers: int = 1,
        dropout: float = 0.3,
        skip: bool = True,
        features: Mapping[str, Any] | None = None,
        window: int = 512,
        overlap: int = 64,
        tables: Tables | None = None,
    ) -> None:
        super().__init__(features, tables, window, overlap)
        self.skip = skip
        self.width = width + self.embed.width * skip
        widths = [self.embed.width] + [width] * (layers - 1)
        self.forwards = nn.ModuleList(self.cell(w, width // 2, batch_first=True) for w in widths)
        self.backwards = nn.ModuleList(self.cell(w, width // 2, batch_first=True) for w in widths)
        self.dropout = WordDropout(dropout)

    def contextualize(self, padded: Tensor, inside: Tensor) -> Tensor:
        backwards = reverse(inside)
        states = self.dropout(padded)
        for ahead, back in zip(self.forwards, self.backwards, strict=True):
            left = ahead(states)[0]
            right = reorder(back(reorder(states, backwards))[0], backwards)
            states = self.dropout(torch.cat([left, right], dim=2))
        return torch.cat([states, padded], dim=2) if self.skip else states


class BiLSTM(Recurrent):
    """Long short-term memory in both directions."""

    cell = nn.LSTM


class GRU(Recurrent):
    """Gated recurrent units in both directions."""

    cell = nn.GRU
