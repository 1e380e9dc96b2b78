"""The contract of decoders: networks that write a text piece by piece.

A decoder reads pieces and scores what comes next. What it has read stays in a `State`, so that each
step costs one piece:

    memory of an encoder ─▶ begin ─▶ state
                                       │
    pieces ─▶ read ◀───────────────────┘   states of the pieces ─▶ score ─▶ a score for each piece

Teacher forcing is one `read` of many pieces, generation many reads of one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipekit.errors import ConfigError
from pipekit.parts.contracts import Part


class Memory(NamedTuple):
    """What decoders look at: the states of an encoder, row by row.

    Attributes:
        states: float[rows, longest, width].
        inside: which of these are no padding, bool[rows, longest].
    """

    states: Tensor
    inside: Tensor


@dataclass
class State:
    """What a decoder remembers of the rows that it reads.

    Attributes:
        lengths: how many pieces each row has read, int64[rows].
        longest: the length of the longest row, or more.
        even: whether all rows have read as many.
        hidden: states that each piece replaces, by name, [rows, …].
        caches: what is remembered of each piece, by name, [rows, heads, capacity, …]; allocated
            once.
        memory: what is computed of the memory once, by name, [rows, …].
    """

    lengths: Tensor
    longest: int = 0
    even: bool = True
    hidden: dict[str, Tensor] = field(default_factory=dict)
    caches: dict[str, Tensor] = field(default_factory=dict)
    memory: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.lengths)

    def advance(
        self,
        steps: int,
        counts: Tensor | None,
    ) -> None:
        """Note that rows have read so many pieces more.

        Args:
            counts: how many of the steps each row has read, int64[rows]; None for all.
        """
        self.longest += steps
        if counts is None:
            self.lengths = self.lengths + steps
            return
        self.lengths = self.lengths + counts
        self.even = False

    def detach(self) -> None:
        """Let gradients end here; what is remembered stays."""
        self.hidden = {name: tensor.detach() for name, tensor in self.hidden.items()}

    def select(
        self,
        rows: Tensor,
        *,
        same_memory: bool = False,
    ) -> State:
        """The state of other rows: beams that change places, or rows that go on.

        Args:
            rows: the old row of each new one, int64[new rows]; a row may occur several times.
            same_memory: whether each row has the memory of the old row in its place, as the beams
                of one document have. Then that memory is not copied.
        """
        memory = self.memory
        if not same_memory:
            memory = _taken(self.memory, rows)
        return replace(
            self,
            lengths=self.lengths[rows],
            hidden=_taken(self.hidden, rows),
            caches={name: self._moved(cache, rows) for name, cache in self.caches.items()},
            memory=memory,
        )

    def _moved(
        self,
        cache: Tensor,
        rows: Tensor,
    ) -> Tensor:
        """A cache with other rows. Where there are as many, they change places within it."""
        used = cache[:, :, : self.longest]
        if len(rows) == len(cache):
            used.copy_(used[rows])
            return cache
        # Zeros and no garbage: a NaN in a place that is hidden would still spoil the sum.
        moved = cache.new_zeros(len(rows), *cache.shape[1:])
        moved[:, :, : self.longest] = used[rows]
        return moved


def _taken(
    tensors: dict[str, Tensor],
    rows: Tensor,
) -> dict[str, Tensor]:
    return {name: tensor[rows] for name, tensor in tensors.items()}


class Decoder(Part):
    """A decoder scores which piece comes next. A subclass writes `begin`, `read` and `score`.

    Attributes:
        pieces: how many pieces there are.
        width: of the states.
        reads_memory: whether the decoder needs the memory of an encoder.
        most: the most pieces that a row may have; 0 for any number.
    """

    pieces: int
    width: int
    reads_memory: bool = False
    most: int = 0

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def layers(self) -> list[nn.Module]:
        """The layers from the embeddings to the top, see `Encoder.layers`."""
        return [self]

    def begin(
        self,
        rows: int,
        memory: Memory | None = None,
        capacity: int = 0,
    ) -> State:
        """The state of so many rows that have read nothing.

        Args:
            memory: what the rows look at, of a decoder that `reads_memory`.
            capacity: the most pieces that a row will have.
        """
        raise NotImplementedError

    def read(
        self,
        ids: Tensor,
        state: State,
        counts: Tensor | None = None,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        """The states of pieces, float[rows, steps, width]; the state of the rows advances.

        Args:
            ids: the next pieces of each row, int64[rows, steps].
            counts: how many of these are no padding, int64[rows], each at least 1; None for all.
                What is given for padding means nothing.
            seen: a list to which the attention weights over the memory are added, or over the
                pieces where there is no memory: float[rows, heads, steps, looked at] of each layer.
        """
        raise NotImplementedError

    def score(self, states: Tensor) -> Tensor:
        """The scores of all pieces, float[…, pieces], for states float[…, width]."""
        raise NotImplementedError

    def forward(
        self,
        ids: Tensor,
        state: State,
        counts: Tensor | None = None,
    ) -> Tensor:
        """The scores of what follows each piece, float[rows, steps, pieces]; see `read`."""
        return self.score(self.read(ids, state, counts))

    def check_capacity(self, pieces: int) -> None:
        """Errors: `ConfigError` for rows of more pieces than the decoder can read."""
        if self.most and pieces > self.most:
            raise ConfigError(
                f"{pieces} pieces are more than this decoder has positions for, {self.most}: "
                "ask for a shorter text, or shorten what it begins with"
            )


def next_piece_loss(
    decoder: Decoder,
    states: Tensor,
    targets: Tensor,
    inside: Tensor,
    smoothing: float = 0.0,
) -> Tensor:
    """The summed cross-entropy of the pieces that follow, in float32.

    Args:
        states: of the pieces before, float[rows, steps, width].
        targets: the pieces that follow, int64[rows, steps].
        inside: which of them count, bool[rows, steps].
        smoothing: the share of the truth that all pieces get alike (Szegedy et al. 2016).
    """
    scores = decoder.score(states[inside]).float()  # (targets, pieces)
    return functional.cross_entropy(
        scores,
        targets[inside],
        reduction="sum",
        label_smoothing=smoothing,
    )


def final_states(
    states: Tensor,
    counts: Tensor | None,
) -> Tensor:
    """The state of the last piece of each row, float[rows, width].

    Args:
        states: float[rows, steps, width].
        counts: as of `Decoder.read`.
    """
    if counts is None:
        return states[:, -1]
    rows = torch.arange(len(states), device=states.device)
    return states[rows, counts - 1]
