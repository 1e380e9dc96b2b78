"""The Transformer encoder over words, post-norm as published or pre-norm.

Sources: Vaswani et al. 2017; Xiong et al. 2020 for pre-norm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from pipekit.attention import AttentionMap
from pipekit.encoders.sequence import SequenceEncoder
from pipekit.nn.sequences import CPU_CELLS, LayerMix, padded_groups
from pipekit.nn.stack import Norm, Shape, Stack, by_window, sinusoids
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Tables
from pipekit.settings import HeadCount, LayerCount, OptionalWidth, Rate, Width, Window
from pipekit.words.arrays import Floats
from pipekit.words.chars import to_strings


class Transformer(SequenceEncoder):
    """Self-attention over words.

        embedded ─▶ project ─▶ + positions ─▶ norm ("post") ─▶ dropout ─▶ stack ─▶ top layer or mix

    Args:
        width: of the states.
        positions: "sinusoidal" or "learned".
        norm: "pre" or "post".
        hidden: width of the feed-forward network; four times the width where it is 0.
        mix: whether the embedded words and the states of all layers are mixed (`LayerMix`) instead
            of taking the states of the top layer alone.
    """

    # Until 0.3 the stack held what stands before its blocks, and a dropout within each block.
    former_names: ClassVar[Mapping[str, str]] = {
        r"^stack\.(project|positions|enter)\b": r"\1",
        r"\bfeed\.3\b": "feed.2",
    }

    def __init__(
        self,
        width: Width = 256,
        layers: LayerCount = 2,
        heads: HeadCount = 4,
        hidden: OptionalWidth = 0,
        dropout: Rate = 0.2,
        positions: Literal["sinusoidal", "learned"] = "sinusoidal",
        norm: Norm = "pre",
        features: Mapping[str, Any] | None = None,
        window: Window = 256,
        tables: Tables | None = None,
        mix: bool = False,
    ) -> None:
        super().__init__(features, tables, window, window // 4)
        self.width = width
        self.project = nn.Linear(self.embed.width, width)
        if positions == "learned":
            self.positions = nn.Parameter(torch.randn(window, width) * 0.02)
        else:
            self.register_buffer("positions", sinusoids(window, width), persistent=False)
        self.enter: nn.Module = nn.Identity()
        if norm == "post":
            self.enter = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        shape = Shape(width, layers, heads, hidden, dropout, norm, epsilon=1e-5)
        self.stack = Stack(shape)
        self.mix: LayerMix | None = None
        if mix:
            self.mix = LayerMix(layers + 1)

    def layers(self) -> list[nn.Module]:
        learned = nn.ParameterList()
        if isinstance(self.positions, nn.Parameter):
            learned.append(self.positions)
        lowest = nn.ModuleList([self.embed, self.project, self.enter, learned])
        return [lowest, *self.stack.layers()]

    def compilable(self) -> list[nn.Module]:
        return list(self.stack.blocks)

    def attention(self, batch: Batch) -> list[AttentionMap]:
        features = self.features(batch)
        words = to_strings(batch.words)
        flat = self.embed(features.words)  # (tokens, in)
        maps: dict[int, Floats] = {}
        # All pairs of cells have a weight that is stored, so few cells go through at a time on a
        # GPU too.
        for group in padded_groups(features.windows, CPU_CELLS, flat.device):
            seen: list[Tensor] = []
            self.contextualize(flat[group.rows], group.inside, seen)
            maps |= by_window(seen, group.inside, group.windows)
        starts = features.windows.start.tolist()
        attention = []
        for number, weights in sorted(maps.items()):
            start = starts[number]
            end = start + weights.shape[2]
            attention.append(AttentionMap(words[start:end], weights))
        return attention

    def contextualize(
        self,
        padded: Tensor,
        inside: Tensor,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        positions = self.positions[: padded.shape[1]]
        states = self.enter(self.project(padded) + positions)
        layers: list[Tensor] = self.stack(self.dropout(states), inside, seen)
        if self.mix is None:
            return layers[-1]
        mixed: Tensor = self.mix(layers)
        return mixed
