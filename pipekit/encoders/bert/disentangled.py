"""Disentangled attention of DeBERTa, which reads content and distances apart.

The score of a query piece i for a key piece j, which stand at the distance d = i - j, is the sum of
three products:

    content with content       Q_i    · K_j        `Attention`
    content with distance      Q_i    · K(d)       ┐ the mask that `DisentangledAttention.mask`
    distance with content      Q(d)   · K_j        ┘ adds to the scores

divided by sqrt(3 · head width). Q(d) and K(d) are projections of the vector of a distance, which
all layers share. Far distances fall into common buckets.

Sources: He et al. 2021; v3: 2023. The third product is that of the published code, and of the
published weights: Q(i - j) · K_j. The paper, equation 4, has the distance j - i there.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipekit.encoders.bert.families import BertShape
from pipekit.nn.stack import Attention, Shape


class Where(NamedTuple):
    """What each attention of a stack reads.

    Attributes:
        mask: as `pipekit.nn.stack.attention_mask` gives it.
        vectors: of the distances that occur, float[distances, width].
        row: which of these stands between a query and a key, int64[longest, longest].
    """

    mask: Tensor | None
    vectors: Tensor
    row: Tensor


class Distances(nn.Module):
    """The vectors of the distances between two pieces, the same for all layers.

    Attributes:
        farthest: the distance from which on all distances are alike.
        rows: the row of each distance in `vectors`, int64[2 * farthest + 1]; the farthest one
            backwards comes first.
    """

    rows: Tensor

    def __init__(self, shape: BertShape) -> None:
        super().__init__()
        side = shape.buckets or shape.relative
        distances = torch.arange(-shape.relative, shape.relative + 1, device="cpu")
        rows = _buckets(distances, shape) + side
        rows = rows.clamp(0, 2 * side - 1)
        self.farthest = shape.relative
        self.vectors = nn.Embedding(2 * side, shape.width)
        self.norm: nn.Module = nn.Identity()
        if shape.relative_norm:
            self.norm = nn.LayerNorm(shape.width, shape.epsilon)
        self.dropout = nn.Dropout(shape.dropout)
        self.register_buffer("rows", rows, persistent=False)
        self._rows: list[int] = rows.tolist()  # here too, so that no device is waited for

    def forward(
        self,
        mask: Tensor | None,
        length: int,
    ) -> Where:
        """The distances within sequences of so many cells; only the vectors of these are used."""
        reach = min(length - 1, self.farthest)
        first = self._rows[self.farthest - reach]
        last = self._rows[self.farthest + reach]
        steps = torch.arange(length, device=self.rows.device)
        distances = (steps.unsqueeze(1) - steps).clamp(-reach, reach)  # (longest, longest)
        row = self.rows[distances + self.farthest] - first
        vectors = self.vectors.weight[first : last + 1]  # (distances, width)
        return Where(mask, self.dropout(self.norm(vectors)), row)


def _buckets(
    distances: Tensor,
    shape: BertShape,
) -> Tensor:
    """The bucket of each distance; both have either sign.

    Half of the buckets are for one near distance each. The others are for far distances, ever more
    of them: their number grows as the logarithm of the distance.
    """
    if not shape.buckets:
        return distances
    half = shape.buckets // 2
    sizes = distances.abs()
    ratio = sizes.clamp_min(half) / half  # of a far distance to the last near one
    largest_ratio = torch.tensor((shape.relative - 1) / half, device="cpu")
    largest_log = torch.log(largest_ratio)
    share = torch.log(ratio) / largest_log  # 0 for the last near distance, 1 for the farthest
    far = torch.ceil(share * (half - 1)) + half
    signed = (far * distances.sign()).long()
    return torch.where(sizes <= half, distances, signed)


class DisentangledAttention(Attention):
    """Multi-head self-attention whose scores depend on distances."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.scale = (3 * (shape.width // shape.heads)) ** -0.5
        self.own = isinstance(shape, BertShape) and shape.relative_own
        if self.own:
            self.distance = nn.Linear(shape.width, 2 * shape.width)  # to queries and keys

    def mask(
        self,
        query: Tensor,
        key: Tensor,
        where: Where,
    ) -> Tensor:
        """The products with distances, which are added to the scores.

        Where no one may look they are very low, but a sum with them stays finite.

        Args:
            query, key: float[sequences, heads, longest, head width].

        Returns: float[sequences, heads, longest, longest].
        """
        distance_query, distance_key = self._project_distances(where.vectors, query)
        sequences, heads, _, _ = query.shape
        row = where.row.expand(sequences, heads, -1, -1)  # (sequences, heads, longest, longest)
        added = _products(query, distance_key, row)
        added = added + _products(
            key,
            distance_query,
            row.transpose(2, 3),
        ).transpose(2, 3)
        added = added * self.scale
        if where.mask is None:
            return added
        lowest = torch.finfo(added.dtype).min / 2
        return added.masked_fill(~where.mask, lowest)

    def _project_distances(
        self,
        vectors: Tensor,
        query: Tensor,
    ) -> Tensor:
        """Queries and keys of the distances, float[2, heads, head width, distances]."""
        head_width = query.shape[3]
        width = self.heads * head_width
        source = self.distance if self.own else self.project
        weight = source.weight[: 2 * width]
        bias = source.bias[: 2 * width]
        projected = nn.functional.linear(vectors, weight, bias)  # (distances, 2 * width)
        by_head = projected.to(query.dtype).view(-1, 2, self.heads, head_width)
        return by_head.permute(1, 2, 3, 0)


def _products(
    states: Tensor,
    distances: Tensor,
    row: Tensor,
) -> Tensor:
    """The product of each state with the vector of its distance to each other state.

    Args:
        states: float[sequences, heads, longest, head width].
        distances: float[heads, head width, distances].
        row: which distance it is, int64[sequences, heads, longest, longest].
    """
    return (states @ distances).gather(3, row)
