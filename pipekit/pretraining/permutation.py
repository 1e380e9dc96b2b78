"""Pieces predicted one after another in a random order (XLNet, Yang et al. 2019)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pipekit.encoders.bert.encoder import Bert
from pipekit.encoders.bert.guessing import PieceHead
from pipekit.encoders.bert.network import Network
from pipekit.errors import ConfigError
from pipekit.pretraining.masking import Chances, Sequences
from pipekit.pretraining.objective import Objective, cross_entropy
from pipekit.subwords.cutter import Special


class Permutation(Objective):
    """Predict each word from the words before it in a random order, by two-stream attention.

    The order is drawn anew in each pass. The last words of the order are predicted; the others are
    known and see each other, as in the published code. Three points differ from XLNet: positions
    are the learned absolute ones of the network, nothing is remembered of the text before, and a
    query begins as a [MASK] at its place, so that the network learns no vector that it lacks
    otherwise.

    Args:
        share: the share of the words that are predicted.

    Errors: `ConfigError` for a network without absolute positions, since a query asks for the piece
    at a position.
    """

    def __init__(
        self,
        encoder: Bert,
        share: float = 1 / 6,
    ) -> None:
        super().__init__()
        if encoder.network.embed.positions is None or encoder.shape.relative:
            raise ConfigError(
                "the objective 'permutation' asks what stands at a position: "
                "choose a network that learns them"
            )
        self.share = share
        self.special = encoder.subwords.special
        self.head = PieceHead(encoder.shape, encoder.network.embed.pieces)

    def forward(
        self,
        network: Network,
        sequences: Sequences,
        random: torch.Generator,
    ) -> dict[str, Tensor]:
        order = draw_order(sequences, self.special, self.share, random)
        states = foretell(network, sequences, order, self.special.mask)
        scores = self.head(states, network.embed.pieces)
        return {"permutation": cross_entropy(scores, sequences.ids[order > 0])}


def draw_order(
    sequences: Sequences,
    special: Special,
    share: float,
    random: torch.Generator,
) -> Tensor:
    """The rank of each piece in the order of prediction, int64[rows, length]; 0 for known pieces.

    The pieces of a word follow each other, from left to right.
    """
    chances = Chances(sequences, special, random)
    number = chances.draw()
    rank = 1 + number.argsort(dim=1, stable=True).argsort(1)
    is_known = ~chances.ordinary | (number < 1 - share)
    return rank.masked_fill_(is_known, 0)


def foretell(
    network: Network,
    sequences: Sequences,
    order: Tensor,
    mask: int,
) -> Tensor:
    """The states that predict the pieces of rank above 0, float[pieces, width], from left to right.

    Both streams are one pass: the queries of a row stand behind its pieces.

        row      piece … piece  query … query
        sight    a piece sees pieces of its own rank and below; a query sees pieces below its rank;
                 nobody sees a query

    Args:
        mask: the number of the piece as which a query begins.
    """
    rows, length = order.shape
    is_asked = order > 0
    queries = int(is_asked.sum(1).max())
    # The places of the queries come first; a row with fewer queries is padded with known places.
    places = (~is_asked).byte().argsort(dim=1, stable=True)[:, :queries]
    query_rank = order.gather(1, places)  # (rows, queries), 0 for padding
    piece_rank = order[:, None, :]
    content_sight = piece_rank <= order[:, :, None]  # (rows, length, length)
    least_rank = query_rank.clamp(min=1)
    query_sight = piece_rank < least_rank[:, :, None]  # (rows, queries, length)
    sight = torch.cat([content_sight, query_sight], 1)
    sight = functional.pad(sight, (0, queries))

    segments = None
    if network.shape.segments > 1:
        segments = sequences.segments
    all_masked = torch.full_like(order, mask)
    masks = network.embed(all_masked, segments)  # (rows, length, width)
    content = network.embed(sequences.ids, segments)
    row = torch.arange(rows, device=order.device)
    query = masks[row[:, None], places]  # (rows, queries, width)
    both = torch.cat([content, query], 1)
    states: list[Tensor] = network.stack(both, sight)
    query_states = states[-1][:, length:]
    return query_states[query_rank > 0]
