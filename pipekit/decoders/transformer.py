"""Decoders of the Transformer, with a memory to look at, and without: the GPT.

Sources: Vaswani et al. 2017; Radford et al. 2018 and 2019.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from pipekit.nn.causal import Cache, CrossAttention, DecoderBlock, StepPlaces, steps_of
from pipekit.nn.stack import Activation, Norm, Shape, sinusoids
from pipekit.parts.decoding import Decoder, Memory, State
from pipekit.settings import Between, HeadCount, LayerCount, OptionalWidth, Rate, Width

Positions = Literal["sinusoidal", "learned"]
PositionCount = Annotated[int, Between(2, 65_536)]
_KEYS = "keys."
_VALUES = "values."
_INSIDE = "inside"
_STD = 0.02  # the spread of the weights of a new network, as published


class TransformerDecoder(Decoder):
    """Layers of causal self-attention and, with a memory, of attention to it.

        pieces ─▶ embedded ─▶ + positions ─▶ dropout ─▶ blocks ─▶ norm ("pre") ─▶ states ─▶ scores
                                                           ▲
                                                        memory

    The embedded pieces are the weights of the scores, too (Press and Wolf 2017).

    Args:
        pieces: how many pieces there are.
        memory_width: of the encoder's states; 0 for a decoder without memory.
        positions: "sinusoidal" or "learned".
        most: the most pieces that a text may have.
        scaled: whether embedded pieces are multiplied by the root of the width, as published with
            sinusoids, whose height is 1.
    """

    def __init__(
        self,
        pieces: int,
        memory_width: int = 0,
        width: Width = 256,
        layers: LayerCount = 3,
        heads: HeadCount = 4,
        hidden: OptionalWidth = 0,
        dropout: Rate = 0.1,
        norm: Norm = "pre",
        positions: Positions = "sinusoidal",
        most: PositionCount = 512,
        activation: Activation = "gelu",
        epsilon: Annotated[float, Between(1e-20, 0.1)] = 1e-5,
        scaled: bool = True,
    ) -> None:
        super().__init__()
        shape = Shape(width, layers, heads, hidden, dropout, norm, activation, epsilon)
        self.shape = shape
        self.pieces = pieces
        self.width = width
        self.most = most
        self.reads_memory = memory_width > 0
        self.embed = nn.Embedding(pieces, width)
        self.scale = width**0.5 if scaled else 1.0
        if positions == "learned":
            self.positions = nn.Parameter(torch.randn(most, width) * _STD)
        else:
            self.register_buffer("positions", sinusoids(most, width), persistent=False)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(DecoderBlock(shape, memory_width) for _ in range(layers))
        self.leave: nn.Module = nn.Identity()
        if norm == "pre":
            self.leave = nn.LayerNorm(width, epsilon)
        self._start(scaled)

    def _start(self, scaled: bool) -> None:
        """Give the weights of a new network. What closes a residual is smaller with depth."""
        closing = _STD / (2 * len(self.blocks)) ** 0.5
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                is_closing = name.endswith(("attention.output", "cross.output", "feed.2"))
                nn.init.normal_(module.weight, std=closing if is_closing else _STD)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.embed.weight, std=self.width**-0.5 if scaled else _STD)

    def layers(self) -> list[nn.Module]:
        learned = nn.ParameterList()
        if isinstance(self.positions, nn.Parameter):
            learned.append(self.positions)
        *lower, top = self.blocks
        return [nn.ModuleList([self.embed, learned]), *lower, nn.ModuleList([top, self.leave])]

    def begin(
        self,
        rows: int,
        memory: Memory | None = None,
        capacity: int = 0,
    ) -> State:
        self.check_capacity(capacity)
        weight = self.embed.weight
        state = State(torch.zeros(rows, dtype=torch.int64, device=weight.device))
        head_width = self.width // self.shape.heads
        for number, block in enumerate(self.blocks):
            for name in (_KEYS, _VALUES):
                if capacity:
                    cache = weight.new_zeros(rows, self.shape.heads, capacity, head_width)
                    state.caches[f"{name}{number}"] = cache
            if memory is not None and isinstance(block.cross, CrossAttention):
                prepared = block.cross.prepare(memory.states)
                state.memory[f"{_KEYS}{number}"] = prepared.keys
                state.memory[f"{_VALUES}{number}"] = prepared.values
        if memory is not None:
            state.memory[_INSIDE] = memory.inside[:, None, None, :]
        return state

    def read(
        self,
        ids: Tensor,
        state: State,
        counts: Tensor | None = None,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        """See `Decoder.read`. A state without capacity is read once: nothing is remembered."""
        self.check_capacity(state.longest + ids.shape[1])
        steps = steps_of(state.lengths, state.longest, ids.shape[1], state.even)
        states = self.dropout(self._embedded(ids, steps))
        inside = state.memory.get(_INSIDE)
        for number, block in enumerate(self.blocks):
            states = block(
                states,
                steps,
                _cache(state.caches, number),
                _cache(state.memory, number),
                inside,
                seen,
            )
        state.advance(ids.shape[1], counts)
        left: Tensor = self.leave(states)
        return left

    def _embedded(
        self,
        ids: Tensor,
        steps: StepPlaces,
    ) -> Tensor:
        places = steps.positions.clamp(max=self.most - 1)  # padding may stand behind the end
        embedded: Tensor = self.embed(ids) * self.scale + self.positions[places]
        return embedded

    def score(self, states: Tensor) -> Tensor:
        return states @ self.embed.weight.to(states.dtype).t()


class CausalDecoder(TransformerDecoder):
    """A language model such as GPT-2: pre-norm, learned positions, no memory."""

    def __init__(
        self,
        pieces: int,
        memory_width: int = 0,
        width: Width = 256,
        layers: LayerCount = 4,
        heads: HeadCount = 4,
        hidden: OptionalWidth = 0,
        dropout: Rate = 0.1,
        most: PositionCount = 512,
        activation: Activation = "gelu_tanh",
        epsilon: Annotated[float, Between(1e-20, 0.1)] = 1e-5,
    ) -> None:
        super().__init__(
            pieces,
            memory_width,
            width,
            layers,
            heads,
            hidden,
            dropout,
            norm="pre",
            positions="learned",
            most=most,
            activation=activation,
            epsilon=epsilon,
            scaled=False,
        )


def _cache(
    tensors: dict[str, Tensor],
    layer: int,
) -> Cache | None:
    keys = tensors.get(f"{_KEYS}{layer}")
    if keys is None:
        return None
    return Cache(keys, tensors[f"{_VALUES}{layer}"])
