"""Layers of a Transformer that reads from left to right, with keys and values remembered.

Sources: Vaswani et al. 2017; Radford et al. 2019 for the pre-norm language model.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipekit.nn.stack import ACTIVATIONS, Shape, attend


class StepPlaces(NamedTuple):
    """Where the pieces of a `read` stand.

    Attributes:
        positions: of each piece in its row, int64[rows, steps].
        longest: how many positions the caches hold now.
        mask: where each piece may look, bool[rows, 1, steps, longest]; None for everywhere.
    """

    positions: Tensor
    longest: int
    mask: Tensor | None


def steps_of(
    lengths: Tensor,
    longest: int,
    steps: int,
    even: bool,
) -> StepPlaces:
    """The places of `steps` further pieces in rows of these lengths, int64[rows].

    Args:
        longest: the greatest length.
        even: whether all lengths are equal.
    """
    device = lengths.device
    positions = lengths.unsqueeze(1) + torch.arange(steps, device=device)
    total = longest + steps
    if even and steps == 1:
        return StepPlaces(positions, total, None)
    places = torch.arange(total, device=device)
    mask = places <= positions.unsqueeze(2)  # (rows, steps, total)
    return StepPlaces(positions, total, mask.unsqueeze(1))


class Cache(NamedTuple):
    """Keys and values of a layer, each [rows, heads, capacity, head width]."""

    keys: Tensor
    values: Tensor

    def write(
        self,
        steps: StepPlaces,
        keys: Tensor,
        values: Tensor,
    ) -> Cache:
        """Put those of new pieces in their places, and give all that there are now.

        Args:
            keys, values: float[rows, heads, steps, head width].
        """
        rows = torch.arange(len(keys), device=keys.device).unsqueeze(1)
        self.keys[rows, :, steps.positions] = keys.transpose(1, 2).to(self.keys.dtype)
        self.values[rows, :, steps.positions] = values.transpose(1, 2).to(self.values.dtype)
        longest = steps.longest
        return Cache(
            self.keys[:, :, :longest].to(keys.dtype),
            self.values[:, :, :longest].to(values.dtype),
        )


class CausalAttention(nn.Module):
    """Self-attention of pieces with those before them.

    The weights have the names and shapes of `pipekit.nn.stack.Attention`.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.dropout = shape.dropout
        self.scale: float = (shape.width // shape.heads) ** -0.5
        self.project = nn.Linear(shape.width, 3 * shape.width)
        self.output = nn.Linear(shape.width, shape.width)

    def forward(
        self,
        states: Tensor,
        steps: StepPlaces,
        cache: Cache | None = None,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        """States float[rows, steps, width] to the same.

        Args:
            cache: of the pieces before, and of these from now on; None where there are none.
            seen: a list to which the weights are added, float[rows, heads, steps, longest].
        """
        projected = self.project(states)
        query, keys, values = (by_head(part, self.heads) for part in projected.chunk(3, dim=2))
        if cache is not None:
            keys, values = cache.write(steps, keys, values)
        rate = self.dropout if self.training else 0.0
        mixed = attend(query, keys, values, steps.mask, rate, self.scale, seen)
        output: Tensor = self.output(mixed)
        return output


class CrossAttention(nn.Module):
    """Attention of pieces to the memory of an encoder."""

    def __init__(
        self,
        shape: Shape,
        memory_width: int,
    ) -> None:
        super().__init__()
        self.heads = shape.heads
        self.dropout = shape.dropout
        self.scale: float = (shape.width // shape.heads) ** -0.5
        self.query = nn.Linear(shape.width, shape.width)
        self.keys = nn.Linear(memory_width, shape.width)
        self.values = nn.Linear(memory_width, shape.width)
        self.output = nn.Linear(shape.width, shape.width)

    def prepare(self, memory: Tensor) -> Cache:
        """Keys and values of states float[rows, longest, memory width]."""
        keys = by_head(self.keys(memory), self.heads)
        values = by_head(self.values(memory), self.heads)
        return Cache(keys, values)

    def forward(
        self,
        states: Tensor,
        memory: Cache,
        mask: Tensor,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        """States float[rows, steps, width] to the same.

        Args:
            mask: which states of the memory are no padding, bool[rows, 1, 1, longest].
        """
        query = by_head(self.query(states), self.heads)
        rate = self.dropout if self.training else 0.0
        mixed = attend(query, memory.keys, memory.values, mask, rate, self.scale, seen)
        output: Tensor = self.output(mixed)
        return output


def by_head(
    states: Tensor,
    heads: int,
) -> Tensor:
    """float[rows, steps, width] as float[rows, heads, steps, head width]."""
    rows, steps, width = states.shape
    return states.view(rows, steps, heads, width // heads).transpose(1, 2)


class DecoderBlock(nn.Module):
    """Causal attention, attention to the memory where there is one, and a feed-forward network.

    Each has a residual connection, and a norm before it ("pre") or behind the sum ("post").
    """

    def __init__(
        self,
        shape: Shape,
        memory_width: int,
    ) -> None:
        super().__init__()
        width = shape.width
        hidden = shape.hidden or 4 * width
        self.pre = shape.norm == "pre"
        self.attention = CausalAttention(shape)
        self.cross: CrossAttention | None = None
        if memory_width:
            self.cross = CrossAttention(shape, memory_width)
        self.feed = nn.Sequential(
            nn.Linear(width, hidden),
            ACTIVATIONS[shape.activation](),
            nn.Linear(hidden, width),
        )
        norms = 3 if memory_width else 2
        self.norms = nn.ModuleList(nn.LayerNorm(width, shape.epsilon) for _ in range(norms))
        self.dropout = nn.Dropout(shape.dropout)

    def forward(
        self,
        states: Tensor,
        steps: StepPlaces,
        cache: Cache | None,
        memory: Cache | None,
        inside: Tensor | None,
        seen: list[Tensor] | None,
    ) -> Tensor:
        """States float[rows, steps, width] to the same.

        Args:
            seen: see `CausalAttention`; weights over the memory where there is one.
        """
        first, *_, last = self.norms
        own_seen = seen if self.cross is None else None
        before = self._before(first, states)
        states = self._after(first, states, self.attention(before, steps, cache, own_seen))
        if self.cross is not None:
            middle = self.norms[1]
            before = self._before(middle, states)
            states = self._after(middle, states, self.cross(before, memory, inside, seen))
        before = self._before(last, states)
        return self._after(last, states, self.feed(before))

    def _before(
        self,
        norm: nn.Module,
        states: Tensor,
    ) -> Tensor:
        if not self.pre:
            return states
        normed: Tensor = norm(states)
        return normed

    def _after(
        self,
        norm: nn.Module,
        states: Tensor,
        added: Tensor,
    ) -> Tensor:
        summed: Tensor = states + self.dropout(added)
        if self.pre:
            return summed
        normed: Tensor = norm(summed)
        return normed
