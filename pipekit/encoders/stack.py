"""Layers of self-attention (Vaswani et al. 2017): what the Transformer and the BERT family have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from pipekit.errors import ConfigError, near

NORMS = ("pre", "post")
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU("tanh"),
    "relu": nn.ReLU,
    "silu": nn.SiLU,
}


@dataclass(frozen=True)
class Shape:
    """What a stack of layers is.

    Attributes:
        width: of the states.
        hidden: of the feed-forward network; four times the width where it is 0.
        norm: "post", after each residual connection, as published, or "pre" (Xiong et al. 2020).
        activation: of the feed-forward network, one of ACTIVATIONS.
        epsilon: of the norms.
        shared: whether all layers have the same weights (ALBERT, Lan et al. 2020).
        recompute: whether training keeps no inner states of a layer but computes them again: less memory, a third more time.
    """

    width: int = 256
    layers: int = 2
    heads: int = 4
    hidden: int = 0
    dropout: float = 0.1
    norm: str = "post"
    activation: str = "gelu"
    epsilon: float = 1e-12
    shared: bool = False
    recompute: bool = False

    def __post_init__(self) -> None:
        for given, known, what in (
            (self.norm, NORMS, "norm"),
            (self.activation, ACTIVATIONS, "activation"),
        ):
            if given not in known:
                raise ConfigError(f"a transformer takes no {what} = {given!r}.{near(given, known)}")
        if self.heads < 1 or self.width % self.heads:
            raise ConfigError(
                f"width {self.width} cannot be shared among {self.heads} heads: choose a multiple"
            )


def sinusoids(length: int, width: int) -> Tensor:
    """Sines and cosines of the positions, float[length, width] (Vaswani et al. 2017, section 3.5)."""
    steps = torch.arange(length).unsqueeze(1)
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    table = torch.zeros(length, width)
    table[:, 0::2] = torch.sin(steps * rates)
    table[:, 1::2] = torch.cos(steps * rates)[:, : width // 2]
    return table


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.dropout = shape.dropout
        self.scale: float = (shape.width // shape.heads) ** -0.5
        self.project = nn.Linear(shape.width, 3 * shape.width)
        self.output = nn.Linear(shape.width, shape.width)

    def forward(self, states: Tensor, where: Any, seen: list[Tensor] | None = None) -> Tensor:
        """States float[sequences, longest, width] to the same.

        Args:
            where: what `mask` is made of.
            seen: where the weights are wanted: they are added to this list, float[sequences, heads, longest, longest].
        """
        size, length, width = states.shape
        query, key, value = (
            self.project(states)
            .view(size, length, 3, self.heads, width // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        mask = self.mask(query, key, where)
        rate = self.dropout if self.training else 0.0
        if seen is None and not slow_when_fused(query):
            found = functional.scaled_dot_product_attention(
                query, key, value, attn_mask=mask, dropout_p=rate, scale=self.scale
            )
        else:
            weights = attention_weights(query @ key.transpose(2, 3) * self.scale, mask)
            if seen is not None:
                seen.append(weights)
            found = functional.dropout(weights, rate).to(value.dtype) @ value
        return self.output(found.transpose(1, 2).reshape(size, length, width))  # type: ignore[no-any-return]

    def mask(self, query: Tensor, key: Tensor, where: Any) -> Tensor | None:
        """Where a state may look, bool, or what is added to its scores, of a shape that fits [sequences, heads, longest, longest].

        None for everywhere. Here that is what `Stack` is told; a subclass may know more. Query and key are float[sequences, heads,
        longest, width of a head].
        """
        return where  # type: ignore[no-any-return]


def slow_when_fused(states: Tensor) -> bool:
    """Whether the fused kernel is slower than products and a softmax one after another: in bfloat16 on a CPU."""
    return states.device.type == "cpu" and states.dtype == torch.bfloat16


def attention_weights(scores: Tensor, mask: Tensor | None) -> Tensor:
    """The softmax of scores over what may be looked at; a mask that is no bool is added to them."""
    if mask is not None:
        scores = (
            scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
            if mask.dtype == torch.bool
            else scores + mask
        )
    return scores.softmax(-1)


class StackBlock(nn.Module):
    """Attention and a feed-forward network, each with a residual connection and a norm."""

    def __init__(self, shape: Shape, attention: nn.Module) -> None:
        super().__init__()
        width, hidden = shape.width, shape.hidden or 4 * shape.width
        self.pre = shape.norm == "pre"
        self.attention = attention
        self.feed = nn.Sequential(
            nn.Linear(width, hidden), ACTIVATIONS[shape.activation](), nn.Linear(hidden, width)
        )
        self.norms = nn.ModuleList(
            [nn.LayerNorm(width, shape.epsilon), nn.LayerNorm(width, shape.epsilon)]
        )
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, states: Tensor, where: Any, seen: list[Tensor] | None = None) -> Tensor:
        first, second = self.norms
        if self.pre:
            states = states + self.dropout(self.attention(first(states), where, seen))
            return states + self.dropout(self.feed(second(states)))  # type: ignore[no-any-return]
        states = first(states + self.dropout(self.attention(states, where, seen)))
        return second(states + self.dropout(self.feed(states)))  # type: ignore[no-any-return]


class Stack(nn.Module):
    """Blocks one after another.

    Args:
        attention: of each block, made from the shape.
        places: what tells all attentions more than the mask, from it and the number of cells: `where` is what it gives.
    """

    def __init__(
        self, shape: Shape, attention: type[Attention] = Attention, places: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.shape = shape
        self.places = places
        self.blocks = nn.ModuleList(
            StackBlock(shape, attention(shape)) for _ in range(1 if shape.shared else shape.layers)
        )
        self.leave = (
            nn.LayerNorm(shape.width, shape.epsilon) if shape.norm == "pre" else nn.Identity()
        )

    def layers(self) -> list[nn.Module]:
        """The blocks; the last norm goes with the top one."""
        return [*self.blocks[:-1], nn.ModuleList([self.blocks[-1], self.leave])]

    def forward(
        self, states: Tensor, inside: Tensor | None, seen: list[Tensor] | None = None
    ) -> list[Tensor]:
        """The states before the first layer and after each one, float[sequences, longest, width].

        Args:
            inside: which cells are no padding, bool[sequences, longest], or where each state may look, bool[sequences, longest,
                longest]; None where nothing is hidden.
            seen: where attention weights are wanted: those of each layer are added to this list.
        """
        mask = attention_mask(inside)
        where = mask if self.places is None else self.places(mask, states.shape[1])
        found = [states]
        for number in range(self.shape.layers):
            block = self.blocks[number % len(self.blocks)]
            if self.shape.recompute and self.training:
                found.append(checkpoint(block, found[-1], where, use_reentrant=False))
            else:
                found.append(block(found[-1], where, seen))
        return [*found[:-1], self.leave(found[-1])]


def attention_mask(inside: Tensor | None) -> Tensor | None:
    """The mask of attention; None, which is faster, where nothing is hidden."""
    if inside is None or (inside.device.type == "cpu" and bool(inside.all())):
        return None
    return inside[:, None, None, :] if inside.ndim == 2 else inside[:, None]


def by_window(
    seen: Sequence[Tensor], inside: Tensor, starts: Tensor
) -> dict[int, NDArray[np.float32]]:
    """What was seen of some windows, without their padding.

    Args:
        seen: the weights of each layer, float[windows, heads, longest, longest].
        inside: which cells are no padding, bool[windows, longest].
        starts: the row at which each window begins, int64[windows].

    Returns: float32[layers, heads, n, n] for each start.
    """
    weights = torch.stack(list(seen), dim=1).float().cpu().numpy()
    pairs = zip(starts.tolist(), inside.sum(1).tolist(), weights, strict=True)
    return {start: one[:, :, :n, :n] for start, n, one in pairs}
