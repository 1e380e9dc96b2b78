"""Recurrent encoders, stacked, in one direction or both: tanh cells (Elman 1990), LSTM (Hochreiter and Schmidhuber 1997; Gers et al. 2000),
GRU (Cho et al. 2014), and MUT1 to MUT3 (Jozefowicz et al. 2015)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from pipekit.encoders.mutated import MUT1, MUT2, MUT3
from pipekit.encoders.sequence import SequenceEncoder
from pipekit.errors import ConfigError
from pipekit.nn.padding import Windows, length_groups, packed_rows
from pipekit.nn.sequences import LayerMix, WordDropout, by_row, reorder, reverse
from pipekit.parts.contracts import Tables

PACKED_WORDS = 8_192  # words of packed sequences that go through the network at a time


class Recurrent(SequenceEncoder):
    """A stack of layers, each of which reads its sequence forwards and backwards.

    The backward cell reads each sequence reversed within its own length, so that padding always follows and never changes an answer.
    Where torch's packed sequences, which hold no padding, are faster (`packs`: on CPUs, when nothing is learned), these are read.

    Args:
        width: of both directions together.
        skip: whether the embedded word stands beside the states in the vector of a token.
        bidirectional: false for one direction, forwards, of the whole width.
        mix: whether the states of all layers are mixed (`LayerMix`) instead of those of the top layer alone; what was embedded is not
            among them, `skip` is for that.
        forget_bias: what is added to the first bias of an LSTM's forget gates; Jozefowicz et al. (2015) advise 1.
    """

    packs: ClassVar[bool] = False

    def __init__(
        self,
        width: int = 256,
        layers: int = 1,
        dropout: float = 0.3,
        skip: bool = True,
        features: Mapping[str, Any] | None = None,
        window: int = 512,
        overlap: int = 64,
        tables: Tables | None = None,
        bidirectional: bool = True,
        forget_bias: float = 0.0,
        mix: bool = False,
    ) -> None:
        super().__init__(features, tables, window, overlap)
        self.skip = skip
        self.width = width + self.embed.width * skip
        widths = [self.embed.width] + [width] * (layers - 1)
        share = width // 2 if bidirectional else width
        self.forwards = nn.ModuleList(self.cell(w, share) for w in widths)
        self.backwards = nn.ModuleList(self.cell(w, share) for w in widths if bidirectional)
        self.dropout = WordDropout(dropout)
        self.mix = LayerMix(layers) if mix else None
        if forget_bias:
            self.remember(forget_bias)

    @staticmethod
    def cell(width_in: int, width: int) -> nn.Module:
        """A layer in one direction: padded inputs to (states of all steps, anything), the sequences first."""
        raise NotImplementedError

    def remember(self, bias: float) -> None:
        """Open the forget gates at the start. Errors: `ConfigError` for cells without."""
        raise ConfigError(f"forget_bias = {bias}: only an LSTM has forget gates")

    def layers(self) -> list[nn.Module]:
        return [
            self.embed,
            *(
                nn.ModuleList([ahead, *self.backwards[i : i + 1]])
                for i, ahead in enumerate(self.forwards)
            ),
        ]

    def through(self, flat: Tensor, plan: Windows) -> Tensor:
        states: Tensor = super().through(flat, plan)
        return torch.cat([states, flat], dim=1) if self.skip else states

    def contextualize(self, padded: Tensor, inside: Tensor) -> Tensor:
        order = reverse(inside) if self.backwards else inside

        def read(cell: nn.Module, states: Tensor, backwards: bool) -> Tensor:
            found: Tensor = cell(reorder(states, order) if backwards else states)[0]
            return reorder(found, order) if backwards else found

        return self._stack(padded, read)

    def _stack(self, embedded: Tensor, read: Callable[[nn.Module, Tensor, bool], Tensor]) -> Tensor:
        """All layers, given how a cell reads states, forwards or backwards."""
        states: Tensor = self.dropout(embedded)
        every = []
        for layer, ahead in enumerate(self.forwards):
            found = [
                read(ahead, states, False),
                *(read(back, states, True) for back in self.backwards[layer : layer + 1]),
            ]
            states = self.dropout(torch.cat(found, dim=-1))
            every.append(states)
        if self.mix is not None:
            states = self.mix(every)
        return states

    def answers(self, flat: Tensor, plan: Windows) -> Iterator[tuple[Tensor, Tensor]]:
        if not self.packs or self.training or flat.device.type != "cpu":
            yield from super().answers(flat, plan)
            return
        for chosen in length_groups(plan.length, PACKED_WORDS):
            yield self._packed(flat, Windows(*(column[chosen] for column in plan)))

    def _packed(self, flat: Tensor, plan: Windows) -> tuple[Tensor, Tensor]:
        """Windows, longest first, as packed sequences."""
        begin = np.cumsum(plan.length) - plan.length  # among the rows of these windows alone
        rows = np.repeat(plan.start - begin, plan.length) + np.arange(plan.length.sum())
        orders = [
            [torch.from_numpy(order) for order in packed_rows(begin, plan.length, backwards=way)]
            for way in (False, True)
        ]

        def read(cell: nn.Module, states: Tensor, backwards: bool) -> Tensor:
            order, sizes = orders[backwards]
            found: Tensor = cell(PackedSequence(states[order], sizes))[0].data
            return by_row([(found, order)])

        first, last = np.repeat(plan.first, plan.length), np.repeat(plan.last, plan.length)
        kept = np.flatnonzero((rows >= first) & (rows < last))
        states = self._stack(flat[torch.from_numpy(rows)], read)
        return states[torch.from_numpy(kept)], torch.from_numpy(rows[kept])


class LSTM(Recurrent):
    """Long short-term memory. On a CPU padded groups are read 1.5 times as fast as packed sequences (`recipes/benchmarks/packing.py`)."""

    @staticmethod
    def cell(width_in: int, width: int) -> nn.Module:
        return nn.LSTM(width_in, width, batch_first=True)

    def remember(self, bias: float) -> None:
        for layer in (*self.forwards, *self.backwards):
            quarter = layer.hidden_size
            with torch.no_grad():  # torch orders the gates input, forget, cell, output
                layer.bias_ih_l0[quarter : 2 * quarter] += bias


class GRU(Recurrent):
    """Gated recurrent units."""

    packs = True

    @staticmethod
    def cell(width_in: int, width: int) -> nn.Module:
        return nn.GRU(width_in, width, batch_first=True)


class RNN(Recurrent):
    """Plain recurrence, h_{t+1} = tanh(W_x x_t + W_h h_t + b)."""

    packs = True

    @staticmethod
    def cell(width_in: int, width: int) -> nn.Module:
        return nn.RNN(width_in, width, batch_first=True)


class Mut1(Recurrent):
    """MUT1 of Jozefowicz et al. (2015)."""

    @staticmethod
    def cell(width_in: int, width: int) -> nn.Module:
        return MUT1(width_in, width)


class Mut2(Recurrent):
    """MUT2 of Jozefowicz et al. (2015)."""

    @staticmethod
    def cell(width_in: int, width: int) -> nn.Module:
        return MUT2(width_in, width)


class Mut3(Recurrent):
    """MUT3 of Jozefowicz et al. (2015)."""

    @staticmethod
    def cell(width_in: int, width: int) -> nn.Module:
        return MUT3(width_in, width)
