"""What an objective of pretraining is, and the parts that several objectives share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipekit.encoders.bert.encoder import Bert
from pipekit.encoders.bert.network import Network
from pipekit.encoders.causal import Causal
from pipekit.pretraining.masking import Corrupted, Sequences

Learner = Bert | Causal  # the encoders that learn from raw text


class Objective(nn.Module):
    """A task that trains a network, with the heads that only the training needs.

    Attributes:
        teaches: the encoders whose network it trains.
        framing: the rows that it learns from, see `pipekit.pretraining.framing`; "single" for any.
    """

    teaches: ClassVar[type[Learner]] = Bert
    framing = "single"

    def forward(
        self,
        network: Any,
        sequences: Sequences,
        random: torch.Generator,
    ) -> dict[str, Tensor]:
        """Losses by name, each a scalar in float32, weighted already.

        Args:
            network: of the encoder: a `Network`, or the decoder of a `Causal`.
            random: decides what is hidden or exchanged; on the device of the sequences.
        """
        raise NotImplementedError


class RowStates(NamedTuple):
    """The states of rows, float[rows, length, width], and the pieces that were hidden from the
    network, bool[rows, length].
    """

    states: Tensor
    hidden: Tensor


class RowObjective(Objective):
    """An objective that learns from the states of rows.

    All such objectives share one pass of the network, as those of BERT and of ALBERT do.
    """

    def hide(
        self,
        network: Network,
        sequences: Sequences,
        so_far: Corrupted,
        random: torch.Generator,
    ) -> Corrupted:
        """What the network shall read; by default what it would read without this objective."""
        return so_far

    def losses(
        self,
        network: Network,
        sequences: Sequences,
        reading: RowStates,
    ) -> dict[str, Tensor]:
        """Losses by name, see `forward`."""
        raise NotImplementedError

    def forward(
        self,
        network: Network,
        sequences: Sequences,
        random: torch.Generator,
    ) -> dict[str, Tensor]:
        return in_one_pass([self], network, sequences, random)


def in_one_pass(
    objectives: Iterable[RowObjective],
    network: Network,
    sequences: Sequences,
    random: torch.Generator,
) -> dict[str, Tensor]:
    """The losses of objectives, at most one of which hides pieces."""
    objectives = list(objectives)
    if not objectives:
        return {}
    corrupted = Corrupted(sequences.ids, torch.zeros_like(sequences.begins))
    for objective in objectives:
        corrupted = objective.hide(network, sequences, corrupted, random)
    states = last_states(network, corrupted.ids, sequences.segments)
    reading = RowStates(states, corrupted.hidden)
    losses: dict[str, Tensor] = {}
    for objective in objectives:
        losses |= objective.losses(network, sequences, reading)
    return losses


def last_states(
    network: Network,
    ids: Tensor,
    segments: Tensor | None,
) -> Tensor:
    """The last states of pieces, float[rows, length, width].

    A network with only one segment does not read `segments`.
    """
    if network.shape.segments <= 1:
        segments = None
    states: list[Tensor] = network(ids, segments=segments)
    return states[-1]


def cross_entropy(
    scores: Tensor,
    truth: Tensor,
) -> Tensor:
    """The mean over rows, in float32; 0 without rows."""
    total = functional.cross_entropy(scores.float(), truth, reduction="sum")
    return total / max(len(truth), 1)
