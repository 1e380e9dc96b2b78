"""The Transformer encoder (Vaswani et al. 2017) over words, post-norm as published or pre-norm (Xiong et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipekit.attention import AttentionMap
from pipekit.encoders.sequence import SequenceEncoder, padded_groups
from pipekit.encoders.stack import Shape, Stack, by_window, sinusoids
from pipekit.errors import ConfigError, near
from pipekit.nn.sequences import CPU_CELLS, LayerMix
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Tables
from pipekit.words.chars import to_strings

POSITIONS = ("sinusoidal", "learned")


class Transformer(SequenceEncoder):
    """Self-attention over words.

    Args:
        positions: "sinusoidal" or "learned".
        norm: "pre" or "post".
        hidden: of the feed-forward network; four times the width where it is 0.
        mix: whether the embedded words and the states of all layers are mixed (`LayerMix`) instead of those of the top layer alone.
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
        mix: bool = False,
    ) -> None:
        super().__init__(features, tables, window, window // 4)
        if positions not in POSITIONS:
            raise ConfigError(
                f"a transformer takes no positions = {positions!r}.{near(positions, POSITIONS)}"
            )
        self.width = width
        self.project = nn.Linear(self.embed.width, width)
        if positions == "learned":
            self.positions = nn.Parameter(torch.randn(window, width) * 0.02)
        else:
            self.register_buffer("positions", sinusoids(window, width), persistent=False)
        self.enter = nn.LayerNorm(width) if norm == "post" else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.stack = Stack(Shape(width, layers, heads, hidden, dropout, norm, epsilon=1e-5))
        self.mix = LayerMix(layers + 1) if mix else None

    def layers(self) -> list[nn.Module]:
        learned = [self.positions] if isinstance(self.positions, nn.Parameter) else []
        return [
            nn.ModuleList([self.embed, self.project, self.enter, nn.ParameterList(learned)]),
            *self.stack.layers(),
        ]

    def compilable(self) -> list[nn.Module]:
        return list(self.stack.blocks)

    def attention(self, batch: Batch) -> list[AttentionMap]:
        features, words = self.features(batch), to_strings(batch.words)
        flat, found = self.embed(features.words), dict[int, NDArray[np.float32]]()
        # The weights of all pairs of cells are kept, so that few go through at a time on a GPU too.
        for rows, inside, *_ in padded_groups(features.windows, CPU_CELLS, flat.device):
            seen: list[Tensor] = []
            self.contextualize(flat[rows], inside, seen)
            found |= by_window(seen, inside, rows[:, 0])
        return [
            AttentionMap(words[start : start + weights.shape[2]], weights)
            for start, weights in sorted(found.items())
        ]

    def contextualize(
        self, padded: Tensor, inside: Tensor, seen: list[Tensor] | None = None
    ) -> Tensor:
        states = self.enter(self.project(padded) + self.positions[: padded.shape[1]])
        layers = self.stack(self.dropout(states), inside, seen)
        return layers[-1] if self.mix is None else self.mix(layers)  # type: ignore[no-any-return]
