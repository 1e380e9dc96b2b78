"""Attention that tells what stands at a place from where the place is: disentangled attention of DeBERTa (He et al. 2021; v3: 2023).

The score of a query piece i for a key piece j is the sum of three products: content with content; content with distance, Q_i · K(d_ij);
and distance with content, Q(d_ij) · K_j; divided by sqrt(3 · width of a head).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipekit.encoders.bert.families import BertShape
from pipekit.encoders.stack import Attention, Shape


class Where(NamedTuple):
    """What each attention of a stack is told.

    Attributes:
        mask: as `pipekit.encoders.stack.visible` gives it.
        vectors: of the distances that occur, float[distances, width].
        row: which of them stands between a query and a key, int64[longest, longest].
    """

    mask: Tensor | None
    vectors: Tensor
    row: Tensor


class Distances(nn.Module):
    """The vectors of the distances between two pieces, the same for all layers."""

    rows: Tensor

    def __init__(self, shape: BertShape) -> None:
        super().__init__()
        side = shape.buckets or shape.relative
        distances = torch.arange(-shape.relative, shape.relative + 1, device="cpu")
        rows = (_bucket(distances, shape) + side).clamp(0, 2 * side - 1)
        self.farthest = shape.relative
        self.vectors = nn.Embedding(2 * side, shape.width)
        self.norm = (
            nn.LayerNorm(shape.width, shape.epsilon) if shape.relative_norm else nn.Identity()
        )
        self.dropout = nn.Dropout(shape.dropout)
        self.register_buffer(
            "rows", rows, persistent=False
        )  # of each distance, the farthest one backwards first
        self._rows: list[int] = rows.tolist()  # so that no device is asked

    def forward(self, mask: Tensor | None, length: int) -> Where:
        reach = min(length - 1, self.farthest)
        first, last = self._rows[self.farthest - reach], self._rows[self.farthest + reach]
        steps = torch.arange(length, device=self.rows.device)
        row = self.rows[(steps.unsqueeze(1) - steps).clamp(-reach, reach) + self.farthest] - first
        return Where(mask, self.dropout(self.norm(self.vectors.weight[first : last + 1])), row)


def _bucket(distance: Tensor, shape: BertShape) -> Tensor:
    """The bucket of each distance, both of either sign: half of the buckets are for one distance each, the others grow as its logarithm."""
    if not shape.buckets:
        return distance
    half = shape.buckets // 2
    far = distance.abs().clamp_min(half) / half
    most = torch.log(torch.tensor((shape.relative - 1) / half, device="cpu"))
    grown = torch.ceil(torch.log(far) / most * (half - 1)) + half
    return torch.where(distance.abs() <= half, distance, (grown * distance.sign()).long())


class DisentangledAttention(Attention):
    """Multi-head self-attention whose scores depend on distances."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.scale = (3 * (shape.width // shape.heads)) ** -0.5
        self.own = isinstance(shape, BertShape) and shape.relative_own
        if self.own:
            self.distance = nn.Linear(shape.width, 2 * shape.width)  # to queries and keys

    def mask(self, query: Tensor, key: Tensor, where: Where) -> Tensor:
        """What distances add to the scores, float[sequences, heads, longest, longest]; very much less where no one may look."""
        width = query.shape[1] * query.shape[3]
        weight, bias = (
            (self.distance.weight, self.distance.bias)
            if self.own
            else (self.project.weight, self.project.bias)
        )
        both = nn.functional.linear(where.vectors, weight[: 2 * width], bias[: 2 * width])
        at_query, at_key = (
            both.to(query.dtype).view(-1, 2, self.heads, query.shape[3]).permute(1, 2, 3, 0)
        )  # [heads, width, distances]
        row = where.row.expand(*query.shape[:2], -1, -1)
        added: Tensor = (query @ at_key).gather(3, row) + (key @ at_query).gather(
            3, row.transpose(2, 3)
        ).transpose(2, 3)
        added = added * self.scale
        return (
            added
            if where.mask is None
            else added.masked_fill(~where.mask, torch.finfo(added.dtype).min / 2)
        )  # a sum stays finite
