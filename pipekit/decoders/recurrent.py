"""Recurrent decoders: language models of letters and pieces, and encoder-decoders.

Sources: Elman 1990; Mikolov et al. 2010 (language models); Sutskever et al. 2014, Cho et al. 2014
(a text from a vector); Bahdanau et al. 2015 (additive scores), Luong et al. 2015 (attention after
the step, dot and general scores).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from pipekit.nn.cells import CellName, first_states, parts_of, read_cell, recurrent_cell
from pipekit.nn.sequences import WordDropout
from pipekit.nn.stack import attention_weights
from pipekit.parts.decoding import Decoder, Memory, State
from pipekit.settings import LayerCount, OptionalWidth, Rate, Width

AttentionScore = Literal["dot", "general", "additive", "none"]
_HIDDEN = "hidden."  # the name of a layer's state; of an LSTM's cell it is _CELL
_CELL = "cell."
_KEYS = "keys"
_STATES = "states"
_INSIDE = "inside"


class RecurrentDecoder(Decoder):
    """Recurrent layers that read the pieces of a text from left to right.

        pieces ─▶ embedded ─▶ dropout ─▶ cells, layer by layer ─▶ states ─▶ scores of all pieces
                                            ▲                       │
        memory ─▶ first and last state ─▶ tanh           attention ◀┘ (where there is memory)

    Without a memory it is a language model. With one, the first state comes from the first and the
    last state of the memory, and each step looks at all of it. `attention = "none"` leaves that
    look out, so that all that is known of the source must pass through the first state.

    Args:
        pieces: how many pieces there are.
        memory_width: of the encoder's states; 0 for a decoder without memory.
        width: of the states.
        cell: of all layers.
        embedding: width of the embedded pieces; `width` where it is 0. If both are equal, the
            embedded pieces are the weights of the scores, too (Press and Wolf 2017).
        attention: how a step is compared with the memory: "dot" is m·s, "general" m·Ws, "additive"
            v·tanh(Um + Ws).
    """

    def __init__(
        self,
        pieces: int,
        memory_width: int = 0,
        width: Width = 256,
        layers: LayerCount = 1,
        cell: CellName = "lstm",
        embedding: OptionalWidth = 0,
        dropout: Rate = 0.2,
        attention: AttentionScore = "none",
    ) -> None:
        super().__init__()
        embedding = embedding or width
        self.pieces = pieces
        self.width = width
        self.reads_memory = memory_width > 0
        self.embed = nn.Embedding(pieces, embedding)
        nn.init.normal_(self.embed.weight, std=embedding**-0.5)
        self.dropout = WordDropout(dropout)
        self.cells = nn.ModuleList()
        for layer in range(layers):
            self.cells.append(recurrent_cell(cell, width if layer else embedding, width))
        self.first: nn.Module | None = None
        self.attend: MemoryAttention | None = None
        if self.reads_memory:
            self.first = nn.Linear(2 * memory_width, self._state_width)
        if self.reads_memory and attention != "none":
            self.attend = MemoryAttention(width, memory_width, attention)
        self.output = nn.Linear(width, pieces)
        if embedding == width:
            self.output.weight = self.embed.weight

    @property
    def _state_width(self) -> int:
        """The width of the states of all layers together."""
        return sum(self.width * parts_of(cell) for cell in self.cells)

    def begin(
        self,
        rows: int,
        memory: Memory | None = None,
        capacity: int = 0,
    ) -> State:
        device = self.embed.weight.device
        state = State(torch.zeros(rows, dtype=torch.int64, device=device))
        if memory is None or self.first is None:
            values = self.embed.weight.new_zeros(rows, self._state_width)
        else:
            values = torch.tanh(self.first(_ends(memory)))
        if memory is not None and self.attend is not None:
            state.memory = self.attend.prepare(memory)
        widths = [self.width * parts_of(cell) for cell in self.cells]
        of_cells = zip(self.cells, torch.split(values, widths, dim=1), strict=True)
        for number, (layer, own) in enumerate(of_cells):
            _remember(state, number, first_states(layer, own))
        return state

    def read(
        self,
        ids: Tensor,
        state: State,
        counts: Tensor | None = None,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        states: Tensor = self.dropout(self.embed(ids))
        for number, cell in enumerate(self.cells):
            states, last = read_cell(cell, states, _remembered(state, number), counts)
            _remember(state, number, last)
            states = self.dropout(states)
        state.advance(ids.shape[1], counts)
        if self.attend is not None:
            states = self.attend(states, state.memory, seen)
        return states

    def score(self, states: Tensor) -> Tensor:
        scores: Tensor = self.output(states)
        return scores


class AttentiveDecoder(RecurrentDecoder):
    """A recurrent decoder that looks at the memory in each step; see `RecurrentDecoder`."""

    def __init__(
        self,
        pieces: int,
        memory_width: int,
        width: Width = 256,
        layers: LayerCount = 1,
        cell: CellName = "lstm",
        embedding: OptionalWidth = 0,
        dropout: Rate = 0.2,
        attention: AttentionScore = "general",
    ) -> None:
        super().__init__(
            pieces,
            memory_width,
            width,
            layers,
            cell,
            embedding,
            dropout,
            attention,
        )


class MemoryAttention(nn.Module):
    """States of a decoder with what they find in the memory:

    a = softmax(score(m, s)), c = Σ a m, s' = tanh(W [c; s])     (Luong et al. 2015)
    """

    def __init__(
        self,
        width: int,
        memory_width: int,
        score: AttentionScore,
    ) -> None:
        super().__init__()
        self.kind = score
        self.keys: nn.Module = nn.Linear(memory_width, width, bias=False)
        if score == "dot" and memory_width == width:
            self.keys = nn.Identity()
        if score == "additive":
            self.query = nn.Linear(width, width)
            self.weigh = nn.Linear(width, 1, bias=False)
        self.join = nn.Linear(memory_width + width, width)

    def prepare(self, memory: Memory) -> dict[str, Tensor]:
        """What of the memory each step reads."""
        return {
            _KEYS: self.keys(memory.states),  # (rows, longest, width)
            _STATES: memory.states,
            _INSIDE: memory.inside,
        }

    def forward(
        self,
        states: Tensor,
        memory: dict[str, Tensor],
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        """States float[rows, steps, width] to the same."""
        keys = memory[_KEYS]
        if self.kind == "additive":
            sums = keys.unsqueeze(1) + self.query(states).unsqueeze(2)
            scores = self.weigh(torch.tanh(sums)).squeeze(3)
        else:
            scores = states @ keys.transpose(1, 2)  # (rows, steps, longest)
        weights = attention_weights(scores.float(), memory[_INSIDE].unsqueeze(1))
        if seen is not None:
            seen.append(weights.unsqueeze(1))
        context = weights.to(states.dtype) @ memory[_STATES].to(states.dtype)
        return torch.tanh(self.join(torch.cat([context, states], dim=2)))


def _ends(memory: Memory) -> Tensor:
    """The first and the last state of each row, float[rows, 2 * width]."""
    rows = torch.arange(len(memory.states), device=memory.states.device)
    lasts = memory.inside.sum(1) - 1
    return torch.cat([memory.states[:, 0], memory.states[rows, lasts]], dim=1)


def _remembered(
    state: State,
    layer: int,
) -> tuple[Tensor, ...]:
    names = (f"{_HIDDEN}{layer}", f"{_CELL}{layer}")
    return tuple(state.hidden[name] for name in names if name in state.hidden)


def _remember(
    state: State,
    layer: int,
    parts: tuple[Tensor, ...],
) -> None:
    names = (f"{_HIDDEN}{layer}", f"{_CELL}{layer}")
    for name, part in zip(names, parts, strict=False):
        state.hidden[name] = part
