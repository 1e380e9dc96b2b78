"""Rows of texts that are being written: what the decoder remembers, and what they hold so far."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipekit.parts.decoding import Decoder, State


@dataclass
class Started:
    """Rows whose beginnings have been read.

    Attributes:
        state: of the decoder.
        last: the state of the last piece of each row, float[rows, width].
        history: the pieces of each row, moved to the right, int64[rows, longest].
        begins: where each row begins there, int64[rows].
        most: the most pieces that are written.
        never: added to the scores of all pieces, float[pieces]; None for nothing.
    """

    state: State
    last: Tensor
    history: Tensor
    begins: Tensor
    most: int
    never: Tensor | None

    def scores(self, decoder: Decoder) -> Tensor:
        """The scores of the next piece, float32[rows, pieces], free to be changed."""
        scores = decoder.score(self.last).float()
        if self.never is None:
            return scores
        return scores + self.never

    def select(
        self,
        rows: Tensor,
        *,
        same_memory: bool = False,
    ) -> Started:
        """Other rows; see `State.select`."""
        return replace(
            self,
            state=self.state.select(rows, same_memory=same_memory),
            last=self.last[rows],
            history=self.history[rows],
            begins=self.begins[rows],
        )

    def read(
        self,
        decoder: Decoder,
        pieces: Tensor,
    ) -> None:
        """Read the piece that each row has written, int64[rows]."""
        column = pieces.unsqueeze(1)
        self.last = decoder.read(column, self.state)[:, -1]
        self.history = torch.cat([self.history, column], dim=1)
