"""The network of the BERT family (Devlin et al. 2019 and those who followed): embedded pieces and positions through a stack of layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipekit.encoders.bert.disentangled import DisentangledAttention, Distances
from pipekit.encoders.bert.families import BertShape
from pipekit.encoders.stack import Stack, sinusoids

_STD = 0.02  # of the weights of a new network, as published
_STEP = 0.04  # of its positions, which begin as sinusoids: what stands next to what is told from the first step


class PieceEmbedding(nn.Module):
    """Each piece as the sum of its own vector and those of its position and of its segment."""

    def __init__(self, pieces: int, shape: BertShape) -> None:
        super().__init__()
        width = shape.embedding_width or shape.width
        self.pieces = nn.Embedding(pieces, width)
        self.positions = nn.Embedding(shape.positions, width) if shape.positions else None
        self.segments = nn.Embedding(shape.segments, width) if shape.segments else None
        self.norm = nn.LayerNorm(width, shape.epsilon)
        self.dropout = nn.Dropout(shape.dropout)
        self.project = nn.Linear(width, shape.width) if width != shape.width else nn.Identity()

    def forward(
        self, ids: Tensor, segments: Tensor | None = None, beside: Tensor | None = None
    ) -> Tensor:
        """The pieces int64[sequences, longest] as float[sequences, longest, width]; `beside` is added to their vectors."""
        found = self.pieces(ids)
        if self.positions is not None:
            found = found + self.positions.weight[: ids.shape[1]]
        if self.segments is not None:
            found = found + (
                self.segments.weight[0] if segments is None else self.segments(segments)
            )
        if beside is not None:
            found = found + beside
        return self.project(self.dropout(self.norm(found)))  # type: ignore[no-any-return]


class Network(nn.Module):
    """Pieces in, the states of all layers out.

    Args:
        pieces: how many there are.
    """

    def __init__(self, pieces: int, shape: BertShape) -> None:
        super().__init__()
        self.shape = shape
        self.embed = PieceEmbedding(pieces, shape)
        self.stack = (
            Stack(shape, DisentangledAttention, Distances(shape))
            if shape.relative
            else Stack(shape)
        )
        self.apply(_begin)
        if self.embed.positions is not None:
            with torch.no_grad():
                self.embed.positions.weight.copy_(
                    _STEP * sinusoids(*self.embed.positions.weight.shape)
                )

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
            ids: of the pieces, int64[sequences, longest].
            inside: see `Stack.forward`.
            segments: of the pieces, int64[sequences, longest]; the first one where it is None.
            beside: what is known of the pieces otherwise, float[sequences, longest, width of their vectors].
            seen: see `Stack.forward`.
        """
        states: list[Tensor] = self.stack(self.embed(ids, segments, beside), inside, seen)
        return states


def _begin(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=_STD)
        if isinstance(module, nn.Linear):
            torch.nn.init.zeros_(module.bias)
