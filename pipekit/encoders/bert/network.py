"""The network of the BERT family: embedded pieces and positions through a stack of layers.

Source: Devlin et al. 2019, and those who followed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipekit.encoders.bert.disentangled import DisentangledAttention, Distances
from pipekit.encoders.bert.families import BertShape
from pipekit.nn.stack import Stack, sinusoids

# The spread of the weights of a new network, as published.
_STD = 0.02
# The positions of a new network begin as sinusoids of this height: so attention can tell
# neighbours from the first step.
_POSITION_SCALE = 0.04


class PieceEmbedding(nn.Module):
    """Each piece as the sum of its own vector and those of its position and of its segment.

    piece + position + segment + beside ─▶ norm ─▶ dropout ─▶ project
    (sequences, longest, embedding width)                     (sequences, longest, width)
    """

    def __init__(
        self,
        pieces: int,
        shape: BertShape,
    ) -> None:
        super().__init__()
        width = shape.embedding_width or shape.width
        self.pieces = nn.Embedding(pieces, width)
        self.positions = nn.Embedding(shape.positions, width) if shape.positions else None
        self.segments = nn.Embedding(shape.segments, width) if shape.segments else None
        self.norm = nn.LayerNorm(width, shape.epsilon)
        self.dropout = nn.Dropout(shape.dropout)
        self.project: nn.Module = nn.Identity()
        if width != shape.width:
            self.project = nn.Linear(width, shape.width)

    def forward(
        self,
        ids: Tensor,
        segments: Tensor | None = None,
        beside: Tensor | None = None,
    ) -> Tensor:
        """Pieces to their vectors, float[sequences, longest, width].

        Args:
            ids: of the pieces, int64[sequences, longest].
            segments: of the pieces, int64[sequences, longest]; the first one where it is None.
            beside: added to the vectors, float[sequences, longest, embedding width].
        """
        vectors = self.pieces(ids)
        if self.positions is not None:
            vectors = vectors + self.positions.weight[: ids.shape[1]]
        if self.segments is not None and segments is None:
            vectors = vectors + self.segments.weight[0]
        elif self.segments is not None:
            vectors = vectors + self.segments(segments)
        if beside is not None:
            vectors = vectors + beside
        states: Tensor = self.project(self.dropout(self.norm(vectors)))
        return states


class Network(nn.Module):
    """Pieces in, the states of all layers out.

    Args:
        pieces: how many pieces the vocabulary has.
    """

    def __init__(
        self,
        pieces: int,
        shape: BertShape,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.embed = PieceEmbedding(pieces, shape)
        if shape.relative:
            self.stack = Stack(shape, DisentangledAttention, Distances(shape))
        else:
            self.stack = Stack(shape)
        self.apply(_begin)
        positions = self.embed.positions
        if positions is not None:
            with torch.no_grad():
                positions.weight.copy_(_POSITION_SCALE * sinusoids(*positions.weight.shape))

    def forward(
        self,
        ids: Tensor,
        inside: Tensor | None = None,
        segments: Tensor | None = None,
        beside: Tensor | None = None,
        seen: list[Tensor] | None = None,
    ) -> list[Tensor]:
        """The states before the first layer and after each one, float[sequences, longest, width].

        Args:
            ids, segments, beside: see `PieceEmbedding.forward`.
            inside, seen: see `Stack.forward`.
        """
        embedded = self.embed(ids, segments, beside)
        states: list[Tensor] = self.stack(embedded, inside, seen)
        return states


def _begin(module: nn.Module) -> None:
    """Give a module the weights of a new network."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=_STD)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
