"""The Transformer encoder (Vaswani et al. 2017), post-norm as published or pre-norm (Xiong et al. 2020), with fused attention."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipekit.encoders.sequence import SequenceEncoder
from pipekit.errors import ConfigError, near
from pipekit.model import Tables

POSITIONS = ("sinusoidal", "learned")
NORMS = ("pre", "post")


def sinusoids(length: int, width: int) -> Tensor:
    """Sines and cosines of the positions, float[length, width] (Vaswani et al. 2017, section 3.5)."""
    steps = torch.arange(length).unsqueeze(1)
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    table = torch.zeros(length, width)
    table[:, 0::2] = torch.sin(steps * rates)
    table[:, 1::2] = torch.cos(steps * rates)[:, : width // 2]
    return table


class Attention(nn.Module):
    """Multi-head self-attention within sequences; padding is never attended to."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ConfigError(f"width {width} cannot be shared among {heads} heads: choose a multiple")
        self.heads = heads
        self.dropout = dropout
        self.project = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, states: Tensor, inside: Tensor) -> Tensor:
        size, length, width = states.shape
        query, key, value = self.project(states).view(size, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mask = inside[:, None, None, :]
        rate = self.dropout if self.training else 0.0
        found = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=rate)
        return self.output(found.transpose(1, 2).reshape(size, length, width))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention and a feed-forward network, each with a residual connection and a norm."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float, norm: str) -> None:
        super().__init__()
        self.pre = norm == "pre"
        self.attention = Attention(width, heads, dropout)
        self.feed = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width))
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, inside: Tensor) -> Tensor:
        first, second = self.norms
        if self.pre:
            states = states + self.dropout(self.attention(first(states), inside))
            return states + self.dropout(self.feed(second(states)))  # type: ignore[no-any-return]
        states = first(states + self.dropout(self.attention(states, inside)))
        return second(states + self.dropout(self.feed(states)))  # type: ignore[no-any-return]


class Stack(nn.Module):
    """Embedded rows through positions and blocks.

    Args:
        width_in: of the rows that come in; they are projected to `width`.
        longest: how many positions there are.
    """

    def __init__(
        self, width_in: int, width: int, layers: int, heads: int, hidden: int, dropout: float, positions: str, norm: str, longest: int
    ) -> None:
        super().__init__()
        for given, known, what in ((positions, POSITIONS, "positions"), (norm, NORMS, "norm")):
            if given not in known:
                raise ConfigError(f"a transformer takes no {what} = {given!r}.{near(given, known)}")
        self.project = nn.Linear(width_in, width)
        if positions == "learned":
            self.positions = nn.Parameter(torch.randn(longest, width) * 0.02)
        else:
            self.register_buffer("positions", sinusoids(longest, width), persistent=False)
        self.dropout = nn.Dropout(dropout)
        self.enter = nn.LayerNorm(width) if norm == "post" else nn.Identity()
        self.blocks = nn.ModuleList(Block(width, heads, hidden, dropout, norm) for _ in range(layers))
        self.leave = nn.LayerNorm(width) if norm == "pre" else nn.Identity()

    def forward(self, padded: Tensor, inside: Tensor) -> Tensor:
        states = self.dropout(self.enter(self.project(padded) + self.positions[: padded.shape[1]]))
        for block in self.blocks:
            states = block(states, inside)
        return self.leave(states)  # type: ignore[no-any-return]


class Transformer(SequenceEncoder):
    """Self-attention over words.

    Args:
        positions: "sinusoidal" or "learned".
        norm: "pre" or "post".
        hidden: of the feed-forward network; four times the width where it is 0.
    """

    def __init__(
        self,
        width: int = 256,
        layers: int = 2,
        heads: int = 4,
        hidden: int = 0,
        dropout: float = 0.2,
        positions: str = "sinusoidal",
        norm: str = "pre",
        features: Mapping[str, Any] | None = None,
        window: int = 256,
        tables: Tables | None = None,
    ) -> None:
        super().__init__(features, tables, window, window // 4)
        self.width = width
        self.stack = Stack(self.embed.width, width, layers, heads, hidden or 4 * width, dropout, positions, norm, window)

    def contextualize(self, padded: Tensor, inside: Tensor) -> Tensor:
        return self.stack(padded, inside)  # type: ignore[no-any-return]
