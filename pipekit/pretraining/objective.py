"""What an objective of pretraining is, and what several of them are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipekit.encoders.bert.network import Network
from pipekit.pretraining.masking import Corrupted, Sequences


class Objective(nn.Module):
    """What a network is trained by, with the heads that only the training needs.

    Attributes:
        framing: the rows that it learns of, see `pipekit.pretraining.framing`; "single" for any rows.
    """

    framing = "single"

    def forward(
        self, network: Network, sequences: Sequences, random: torch.Generator
    ) -> dict[str, Tensor]:
        """Losses by name, each a scalar in float32 that has its weight already.

        Args:
            random: of what is hidden or exchanged; on the device of the sequences.
        """
        raise NotImplementedError


class RowStates(NamedTuple):
    """The states of rows, float[rows, length, width], and the pieces that were chosen to be hidden in them, bool[rows, length]."""

    states: Tensor
    chosen: Tensor


class RowObjective(Objective):
    """An objective that learns of the states of rows: all such share one pass of the network, as those of BERT and of ALBERT do."""

    def hide(
        self, network: Network, sequences: Sequences, so_far: Corrupted, random: torch.Generator
    ) -> Corrupted:
        """What the network is to read: by default what it would read without this objective."""
        return so_far

    def losses(
        self, network: Network, sequences: Sequences, reading: RowStates
    ) -> dict[str, Tensor]:
        """Losses by name, see `forward`."""
        raise NotImplementedError

    def forward(
        self, network: Network, sequences: Sequences, random: torch.Generator
    ) -> dict[str, Tensor]:
        return in_one_pass([self], network, sequences, random)


def in_one_pass(
    readers: Iterable[RowObjective], network: Network, sequences: Sequences, random: torch.Generator
) -> dict[str, Tensor]:
    """The losses of readers, of which one at most hides pieces."""
    readers = list(readers)
    if not readers:
        return {}
    hidden = Corrupted(sequences.ids, torch.zeros_like(sequences.begins))
    for reader in readers:
        hidden = reader.hide(network, sequences, hidden, random)
    reading = RowStates(last_states(network, hidden.ids, sequences.segments), hidden.chosen)
    return {
        name: loss
        for reader in readers
        for name, loss in reader.losses(network, sequences, reading).items()
    }


def last_states(network: Network, ids: Tensor, segments: Tensor | None) -> Tensor:
    """The last states of pieces, float[rows, length, width]; a network that knows but one segment is told none."""
    states: list[Tensor] = network(ids, segments=segments if network.shape.segments > 1 else None)
    return states[-1]


class PieceHead(nn.Module):
    """Scores of all pieces for states; the vectors of the pieces are those that the network embeds them by (Press and Wolf 2017)."""

    def __init__(self, width: int, pieces: nn.Embedding) -> None:
        super().__init__()
        self.mix = nn.Linear(width, pieces.embedding_dim)
        self.norm = nn.LayerNorm(pieces.embedding_dim)
        self.bias = nn.Parameter(torch.zeros(pieces.num_embeddings))

    def forward(self, states: Tensor, pieces: nn.Embedding) -> Tensor:
        """float[n, width] to float[n, pieces]."""
        return functional.linear(
            self.norm(functional.gelu(self.mix(states))), pieces.weight, self.bias
        )


def cross_entropy(scores: Tensor, truth: Tensor) -> Tensor:
    """The mean over rows, in float32; 0 where there is none."""
    return functional.cross_entropy(scores.float(), truth, reduction="sum") / max(len(truth), 1)
