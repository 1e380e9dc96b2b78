"""Layers of self-attention, which the Transformer and the BERT family have in common.

Source: Vaswani et al. 2017.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from pipekit.errors import ConfigError
from pipekit.settings import (
    Between,
    HeadCount,
    LayerCount,
    OptionalWidth,
    Rate,
    Width,
    check_values,
)
from pipekit.words.arrays import Floats, Ints

Norm = Literal["pre", "post"]
Activation = Literal["gelu", "gelu_tanh", "relu", "silu"]
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU("tanh"),
    "relu": nn.ReLU,
    "silu": nn.SiLU,
}


@dataclass(frozen=True)
class Shape:
    """The settings of a stack of layers.

    Attributes:
        width: of the states.
        layers: how many there are.
        heads: of each attention.
        hidden: width of the feed-forward network; four times the width where it is 0.
        dropout: its rate.
        norm: "post", after each residual connection, as published, or "pre" (Xiong et al. 2020).
        activation: of the feed-forward network, one of ACTIVATIONS.
        epsilon: of the norms.
        shared: whether all layers have the same weights (ALBERT, Lan et al. 2020).
        recompute: whether training drops the inner states of a layer and computes them again: less
            memory, a third more time.
    """

    width: Width = 256
    layers: LayerCount = 2
    heads: HeadCount = 4
    hidden: OptionalWidth = 0
    dropout: Rate = 0.1
    norm: Norm = "post"
    activation: Activation = "gelu"
    epsilon: Annotated[float, Between(1e-20, 0.1)] = 1e-12
    shared: bool = False
    recompute: bool = False

    def __post_init__(self) -> None:
        check_values(type(self), vars(self), "a transformer")
        if self.width % self.heads:
            raise ConfigError(
                f"width {self.width} cannot be shared among {self.heads} heads: choose a multiple"
            )


def sinusoids(
    length: int,
    width: int,
) -> Tensor:
    """Sines and cosines of the positions, float[length, width].

    Source: Vaswani et al. 2017, section 3.5.
    """
    table = torch.zeros(length, width)
    steps = torch.arange(length).unsqueeze(1)  # (length, 1)
    columns = torch.arange(0, width, 2)
    rates = torch.exp(columns * (-math.log(10_000.0) / width))
    angles = steps * rates  # (length, half of the width, rounded up)
    table[:, 0::2] = torch.sin(angles)
    table[:, 1::2] = torch.cos(angles)[:, : width // 2]
    return table


class Attention(nn.Module):
    """Multi-head self-attention.

    states ─▶ project ─▶ query, key, value             (sequences, heads, longest, head width)
    query · key * scale, and the mask ─▶ softmax       (sequences, heads, longest, longest)
    softmax · value ─▶ heads joined ─▶ output          (sequences, longest, width)
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
        where: Any,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        """States float[sequences, longest, width] to the same.

        Args:
            where: what `mask` is computed from.
            seen: a list to which the attention weights are added, float[sequences, heads, longest,
                longest]; None where nobody wants them.
        """
        sequences, longest, width = states.shape
        head_width = width // self.heads
        projected = self.project(states).view(sequences, longest, 3, self.heads, head_width)
        query, key, value = projected.permute(2, 0, 3, 1, 4)
        mask = self.mask(query, key, where)
        rate = self.dropout if self.training else 0.0
        attended = attend(query, key, value, mask, rate, self.scale, seen)
        return self.output(attended)  # type: ignore[no-any-return]

    def mask(
        self,
        query: Tensor,
        key: Tensor,
        where: Any,
    ) -> Tensor | None:
        """The mask of the scores; its shape fits [sequences, heads, longest, longest].

        A mask of bool says where a state may look. Any other is added to the scores. None lets all
        states look everywhere. A subclass may compute the mask from more.

        Args:
            query, key: float[sequences, heads, longest, head width].
            where: here the mask itself; see `Stack.forward`.
        """
        return where  # type: ignore[no-any-return]


def attend(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None,
    dropout: float,
    scale: float,
    seen: list[Tensor] | None,
) -> Tensor:
    """The values that queries find by their keys, heads joined, float[rows, steps, width].

    Args:
        query: float[rows, heads, steps, head width].
        keys, values: float[rows, heads, longest, head width].
        mask: see `Attention.mask`.
        scale: of the products of queries and keys.
        seen: a list to which the weights are added, float[rows, heads, steps, longest]; None where
            nobody wants them.
    """
    if seen is None and not _slow_when_fused(query):
        mixed = functional.scaled_dot_product_attention(
            query,
            keys,
            values,
            attn_mask=mask,
            dropout_p=dropout,
            scale=scale,
        )
    else:
        weights = attention_weights(query @ keys.transpose(2, 3) * scale, mask)
        if seen is not None:
            seen.append(weights)
        mixed = functional.dropout(weights, dropout).to(values.dtype) @ values
    return mixed.transpose(1, 2).flatten(2)


def _slow_when_fused(states: Tensor) -> bool:
    """Whether the fused kernel is slower than products and a softmax one after another.

    That is so in bfloat16 on a CPU.
    """
    return states.device.type == "cpu" and states.dtype == torch.bfloat16


def attention_weights(
    scores: Tensor,
    mask: Tensor | None,
) -> Tensor:
    """The softmax of masked scores; for masks see `Attention.mask`."""
    if mask is None:
        masked = scores
    elif mask.dtype == torch.bool:
        masked = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    else:
        masked = scores + mask
    return masked.softmax(-1)


class StackBlock(nn.Module):
    """Attention and a feed-forward network, each with a residual connection and a norm.

    "post"    x ─┬─▶ attention ─▶ + ─▶ norm ─┬─▶ feed ─▶ + ─▶ norm
                 └────────────────▲          └───────────▲
    "pre"     x ─┬─▶ norm ─▶ attention ─▶ + ─┬─▶ norm ─▶ feed ─▶ +
                 └────────────────────────▲  └───────────────────▲
    """

    def __init__(
        self,
        shape: Shape,
        attention: nn.Module,
    ) -> None:
        super().__init__()
        width = shape.width
        hidden = shape.hidden or 4 * width
        self.pre = shape.norm == "pre"
        self.attention = attention
        self.feed = nn.Sequential(
            nn.Linear(width, hidden),
            ACTIVATIONS[shape.activation](),
            nn.Linear(hidden, width),
        )
        self.norms = nn.ModuleList(
            [
                nn.LayerNorm(width, shape.epsilon),
                nn.LayerNorm(width, shape.epsilon),
            ]
        )
        self.dropout = nn.Dropout(shape.dropout)

    def forward(
        self,
        states: Tensor,
        where: Any,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        """States float[sequences, longest, width] to the same; see `Attention.forward`."""
        first, second = self.norms
        output: Tensor
        if self.pre:
            states = states + self.dropout(self.attention(first(states), where, seen))
            output = states + self.dropout(self.feed(second(states)))
        else:
            states = first(states + self.dropout(self.attention(states, where, seen)))
            output = second(states + self.dropout(self.feed(states)))
        return output


class Stack(nn.Module):
    """Blocks one after another.

        inside ─▶ mask ─▶ places ─▶ where      for all blocks; `places` as DeBERTa's distances
                                      │
        states ─▶ block 0 ─▶ block 1 ─▼ … ─▶ block n ─▶ norm, where norms come first ("pre")
        └───────┴──────────┴────────── … ─────────────┴─▶ list of states: before and after each

    Args:
        attention: the class of the attention of each block.
        places: a module from the mask and the number of cells to what attentions read (`where`);
            None where they read the mask alone.
    """

    def __init__(
        self,
        shape: Shape,
        attention: type[Attention] = Attention,
        places: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.places = places
        blocks = 1 if shape.shared else shape.layers
        self.blocks = nn.ModuleList(StackBlock(shape, attention(shape)) for _ in range(blocks))
        self.leave: nn.Module = nn.Identity()
        if shape.norm == "pre":
            self.leave = nn.LayerNorm(shape.width, shape.epsilon)

    def layers(self) -> list[nn.Module]:
        """The blocks, from the lowest to the top; the last norm goes with the top one."""
        *lower, top = self.blocks
        return [*lower, nn.ModuleList([top, self.leave])]

    def forward(
        self,
        states: Tensor,
        inside: Tensor | None,
        seen: list[Tensor] | None = None,
    ) -> list[Tensor]:
        """The states before the first layer and after each one, float[sequences, longest, width].

        Args:
            inside: which cells are no padding, bool[sequences, longest]; or where each state may
                look, bool[sequences, longest, longest]; None where nothing is hidden.
            seen: a list to which the attention weights of each layer are added.
        """
        mask = attention_mask(inside)
        where = mask
        if self.places is not None:
            where = self.places(mask, states.shape[1])
        layers = [states]
        for number in range(self.shape.layers):
            block = self.blocks[number % len(self.blocks)]  # shared weights are one block
            if self.shape.recompute and self.training:
                states = checkpoint(block, states, where, use_reentrant=False)
            else:
                states = block(states, where, seen)
            layers.append(states)
        layers[-1] = self.leave(layers[-1])
        return layers


def attention_mask(inside: Tensor | None) -> Tensor | None:
    """The mask of the scores from `inside` as `Stack.forward` takes it.

    None where nothing is hidden, which is faster. On a GPU that is not looked up: it would wait.
    """
    if inside is None:
        return None
    if inside.device.type == "cpu" and bool(inside.all()):
        return None
    if inside.ndim == 2:
        return inside[:, None, None, :]  # (sequences, 1, 1, longest)
    return inside[:, None]  # (sequences, 1, longest, longest)


def by_window(
    seen: Sequence[Tensor],
    inside: Tensor,
    numbers: Ints,
) -> dict[int, Floats]:
    """Attention weights of some windows, without their padding.

    Args:
        seen: the weights of each layer, float[windows, heads, longest, longest].
        inside: which cells are no padding, bool[windows, longest].
        numbers: the number of each window, int64[windows].

    Returns: for the number of each window float32[layers, heads, length, length].
    """
    layers = torch.stack(list(seen), dim=1)  # (windows, layers, heads, longest, longest)
    arrays = layers.float().cpu().numpy()
    lengths = inside.sum(1).tolist()
    weights = {}
    windows = zip(numbers.tolist(), lengths, arrays, strict=True)
    for number, length, array in windows:
        weights[number] = array[:, :, :length, :length]
    return weights
