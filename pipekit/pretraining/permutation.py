"""Pieces foretold one after another in an order of chance (XLNet, Yang et al. 2019)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pipekit.encoders.bert.encoder import Bert
from pipekit.encoders.bert.network import Network
from pipekit.errors import ConfigError
from pipekit.pretraining.masking import Chances, Sequences
from pipekit.pretraining.objective import Objective, PieceHead, cross_entropy
from pipekit.subwords.cutter import Special


class Permutation(Objective):
    """Whole words, each foretold of those before it in an order that is drawn anew in each pass, by two-stream attention.

    The words that come last in the order are foretold, the others are given and see each other, as in the published code. It departs from
    XLNet in three points: positions are the learned absolute ones of the network, nothing is remembered of the text before, and a
    query begins as a [MASK] at its place, so that the network learns of no vector that it does not have otherwise.

    Args:
        share: of the words that are foretold.

    Errors: `ConfigError` for a network that is not told the position of a piece, and so could not be asked what stands there.
    """

    def __init__(self, encoder: Bert, share: float = 1 / 6) -> None:
        super().__init__()
        if encoder.network.embed.positions is None or encoder.shape.relative:
            raise ConfigError(
                "the objective 'permutation' asks what stands at a position: choose a network that learns them"
            )
        self.share = share
        self.special = encoder.subwords.special
        self.head = PieceHead(encoder.width, encoder.network.embed.pieces)

    def forward(
        self, network: Network, sequences: Sequences, random: torch.Generator
    ) -> dict[str, Tensor]:
        order = draw_order(sequences, self.special, self.share, random)
        states = foretell(network, sequences, order, self.special.mask)
        return {
            "permutation": cross_entropy(
                self.head(states, network.embed.pieces), sequences.ids[order > 0]
            )
        }


def draw_order(
    sequences: Sequences, special: Special, share: float, random: torch.Generator
) -> Tensor:
    """The place of each piece in an order of factorization, int64[rows, length]: 0 for those that are given.

    The pieces of a word follow each other, from left to right.
    """
    chances = Chances(sequences, special, random)
    number = chances.draw()
    place = 1 + number.argsort(dim=1, stable=True).argsort(1)
    return place.masked_fill_(~chances.ordinary | (number < 1 - share), 0)


def foretell(network: Network, sequences: Sequences, order: Tensor, mask: int) -> Tensor:
    """The states by which the pieces that are not given are foretold, float[pieces, width], in the order in which they stand.

    Both streams are one pass: queries follow the pieces of their row, and nobody sees them.

    Args:
        mask: the number of the piece as which a query begins.
    """
    rows, length = order.shape
    asked = order > 0
    most = int(asked.sum(1).max())
    places = (
        (~asked).byte().argsort(dim=1, stable=True)[:, :most]
    )  # those asked first; padding is asked as well, and not heard
    begun = order.gather(1, places)
    content = order[:, None, :] <= order[:, :, None]  # a piece sees itself
    query = order[:, None, :] < begun.clamp(min=1)[:, :, None]  # and a query does not
    sight = functional.pad(torch.cat([content, query], 1), (0, most))
    segments = sequences.segments if network.shape.segments > 1 else None
    queries = network.embed(torch.full_like(order, mask), segments)
    queries = queries[torch.arange(rows, device=order.device)[:, None], places]
    states: list[Tensor] = network.stack(
        torch.cat([network.embed(sequences.ids, segments), queries], 1), sight
    )
    return states[-1][:, length:][begun > 0]
