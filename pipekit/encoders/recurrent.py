"""Recurrent encoders, stacked, in one direction or both.

Cells: tanh (Elman 1990); LSTM (Hochreiter and Schmidhuber 1997; Gers et al. 2000); GRU (after Cho
et al. 2014, see `GRU`); MUT1 to MUT3 (Jozefowicz et al. 2015).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from pipekit.encoders.sequence import SequenceEncoder
from pipekit.errors import ConfigError
from pipekit.nn.cells import CellName, recurrent_cell
from pipekit.nn.padding import Windows, length_groups, packed_rows
from pipekit.nn.sequences import LayerMix, WordDropout, by_row, reorder, reverse
from pipekit.parts.contracts import Tables
from pipekit.settings import Between, LayerCount, Rate, Width, Window
from pipekit.words.arrays import offsets, ranges

PACKED_WORDS = 8_192  # words of packed sequences that go through the network at a time

# Where the reset gate of a GRU acts: before or after the product with the state.
Reset = Literal["before", "after"]

# From a cell, states and whether to read backwards to the states of the cell.
WindowReader = Callable[[nn.Module, Tensor, bool], Tensor]


class Recurrent(SequenceEncoder):
    """A stack of recurrent layers. Each layer reads its sequences forwards and backwards.

        embedded ──▶ dropout ──┬─▶ forwards ─▶ cell ───────────────┬─▶ joined ─▶ dropout ─▶ states
                               └─▶ reversed ─▶ cell ─▶ reversed ───┘   of layer 1, input of layer 2
        vectors = states of the top layer (or the mix of all) | embedded, with `skip`

    Sequences are read in one of two ways, with the same results:

        padded    Groups of like length. Backwards, each sequence is reversed within its own length,
                  so that padding always follows and never changes an answer.
        packed    torch's packed sequences, which hold no padding. They are faster for some cells
                  (`packs`) on CPUs, when nothing is learned.

    Args:
        width: of the states, both directions together.
        skip: whether the embedded word stands beside the states in the vector of a token.
        bidirectional: false for one direction, forwards, of the whole width.
        mix: whether the states of all layers are mixed (`LayerMix`) instead of taking those of the
            top layer alone. The embedded words are not mixed in; `skip` is for them.
        forget_bias: added to the first bias of an LSTM's forget gates. Jozefowicz et al. (2015)
            advise 1.
        reset: where the reset gate of a GRU acts: "after" the product with the state, as in torch,
            or "before" it, as in Cho et al. (2014).
    """

    cell_name: ClassVar[CellName]
    packs: ClassVar[bool] = False

    def __init__(
        self,
        width: Width = 256,
        layers: LayerCount = 1,
        dropout: Rate = 0.3,
        skip: bool = True,
        features: Mapping[str, Any] | None = None,
        window: Window = 512,
        overlap: Annotated[int, Between(0, 8_191)] = 64,
        tables: Tables | None = None,
        bidirectional: bool = True,
        forget_bias: Annotated[float, Between(-100, 100)] = 0.0,
        mix: bool = False,
        reset: Reset = "after",
    ) -> None:
        super().__init__(features, tables, window, overlap)
        if bidirectional and width % 2:
            raise ConfigError(f"width = {width}: two directions need an even width")
        self.skip = skip
        self.width = width
        if skip:
            self.width += self.embed.width
        widths_in = [width] * layers
        widths_in[0] = self.embed.width
        share = width
        if bidirectional:
            share = width // 2
        name = self.cell_name if reset == "after" else self.with_reset_before()
        self.forwards = nn.ModuleList()
        for width_in in widths_in:
            cell = recurrent_cell(name, width_in, share)
            self.forwards.append(cell)
        self.backwards = nn.ModuleList()
        if bidirectional:
            for width_in in widths_in:
                cell = recurrent_cell(name, width_in, share)
                self.backwards.append(cell)
        self.dropout = WordDropout(dropout)
        self.mix: LayerMix | None = None
        if mix:
            self.mix = LayerMix(layers)
        if forget_bias:
            self.remember(forget_bias)

    def with_reset_before(self) -> CellName:
        """The cell whose reset gate acts first. Errors: `ConfigError` where there is none."""
        raise ConfigError("reset = 'before': only a GRU has this choice")

    def remember(self, bias: float) -> None:
        """Open the forget gates at the start. Errors: `ConfigError` for cells that have none."""
        raise ConfigError(f"forget_bias = {bias}: only an LSTM has forget gates")

    def layers(self) -> list[nn.Module]:
        layers: list[nn.Module] = [self.embed]
        for cells in self._cells():
            layers.append(nn.ModuleList(cells))
        return layers

    def _cells(self) -> list[list[nn.Module]]:
        """The cells of each layer: the one forwards, and the one backwards where there is one."""
        cells = [[cell] for cell in self.forwards]
        for layer, cell in enumerate(self.backwards):
            cells[layer].append(cell)
        return cells

    def through(
        self,
        flat: Tensor,
        plan: Windows,
    ) -> Tensor:
        states = super().through(flat, plan)
        if self.skip:
            states = torch.cat([states, flat], dim=1)
        return states

    def contextualize(
        self,
        padded: Tensor,
        inside: Tensor,
    ) -> Tensor:
        order = inside
        if self.backwards:
            order = reverse(inside)

        def read(
            cell: nn.Module,
            states: Tensor,
            backwards: bool,
        ) -> Tensor:
            if not backwards:
                forward_states: Tensor = cell(states)[0]
                return forward_states
            backward_states: Tensor = cell(reorder(states, order))[0]
            return reorder(backward_states, order)

        return self._read_layers(padded, read)

    def _read_layers(
        self,
        embedded: Tensor,
        read: WindowReader,
    ) -> Tensor:
        """The states of the top layer, or the mix of all. The shape is that of `read`."""
        states: Tensor = self.dropout(embedded)
        layers = []
        for cells in self._cells():
            ahead, *back = cells
            directions = [read(ahead, states, False)]
            for cell in back:
                directions.append(read(cell, states, True))
            states = self.dropout(torch.cat(directions, dim=-1))
            layers.append(states)
        if self.mix is not None:
            states = self.mix(layers)
        return states

    def answers(
        self,
        flat: Tensor,
        plan: Windows,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        can_pack = self.packs and isinstance(self.forwards[0], nn.RNNBase)
        is_packed = can_pack and not self.training and flat.device.type == "cpu"
        if not is_packed:
            yield from super().answers(flat, plan)
            return
        for group in length_groups(plan.length, PACKED_WORDS):
            columns = []
            for column in plan:
                columns.append(column[group])
            yield self._read_packed(flat, Windows(*columns))

    def _read_packed(
        self,
        flat: Tensor,
        plan: Windows,
    ) -> tuple[Tensor, Tensor]:
        """Windows, longest first, read as packed sequences.

        Returns: the states of rows, float[answers, states], and the rows, int64[answers].
        """
        begins = offsets(plan.length)[:-1]  # among the rows of these windows alone
        orders = []  # forwards and backwards
        for backwards in (False, True):
            rows, sizes = packed_rows(begins, plan.length, backwards=backwards)
            orders.append((torch.from_numpy(rows), torch.from_numpy(sizes)))

        def read(
            cell: nn.Module,
            states: Tensor,
            backwards: bool,
        ) -> Tensor:
            order, sizes = orders[backwards]
            packed = PackedSequence(states[order], sizes)
            answers: Tensor = cell(packed)[0].data
            return by_row([(answers, order)])

        rows = ranges(plan.start, plan.length)  # int64[rows of these windows]
        first = np.repeat(plan.first, plan.length)
        last = np.repeat(plan.last, plan.length)
        answered = np.flatnonzero((rows >= first) & (rows < last))
        states = self._read_layers(flat[torch.from_numpy(rows)], read)
        answers = states[torch.from_numpy(answered)]
        return answers, torch.from_numpy(rows[answered])


class LSTM(Recurrent):
    """Long short-term memory.

    On a CPU padded groups are read 1.5 times as fast as packed sequences
    (`recipes/benchmarks/packing.py`).
    """

    cell_name = "lstm"

    def remember(self, bias: float) -> None:
        for layer in (*self.forwards, *self.backwards):
            # torch orders the gates input, forget, cell, output.
            forget = slice(layer.hidden_size, 2 * layer.hidden_size)
            with torch.no_grad():
                layer.bias_ih_l0[forget] += bias


class GRU(Recurrent):
    """Gated recurrent units, as cuDNN and torch compute them:

        r = σ(W_xr x_t + b_xr + W_hr h_t + b_hr)
        z = σ(W_xz x_t + b_xz + W_hz h_t + b_hz)
        n = tanh(W_xn x_t + b_xn + r * (W_hn h_t + b_hn))
        h_{t+1} = (1 - z) * n + z * h_t

    The reset gate r acts after the product with the state. Cho et al. (2014) have it before, in
    W_hn (r * h_t), and no biases: `reset = "before"`, with one bias a gate, see `nn.mutated`.
    """

    cell_name = "gru"
    packs = True

    def with_reset_before(self) -> CellName:
        return "gru_before"


class RNN(Recurrent):
    """Plain recurrence, h_{t+1} = tanh(W_x x_t + W_h h_t + b)."""

    cell_name = "rnn"
    packs = True


class Mut1(Recurrent):
    """MUT1 of Jozefowicz et al. (2015)."""

    cell_name = "mut1"


class Mut2(Recurrent):
    """MUT2 of Jozefowicz et al. (2015)."""

    cell_name = "mut2"


class Mut3(Recurrent):
    """MUT3 of Jozefowicz et al. (2015)."""

    cell_name = "mut3"
