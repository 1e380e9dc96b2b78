"""Encoders over words: features, embedding, and sentences read in padded groups of like length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.encoders.embed import Embedder
from pipekit.errors import ConfigError
from pipekit.nn.padding import Windows, grid, length_groups, windows
from pipekit.nn.sequences import by_row, cells_on
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Encoder, Prepared, Tables
from pipekit.words.arrays import Ints
from pipekit.words.features import Features


@dataclass(frozen=True)
class SequenceFeatures:
    """Features of the words, and the windows that the network reads them in."""

    words: Features
    windows: Windows


class PaddedGroup(NamedTuple):
    """Windows of like length as padded matrices.

    Attributes:
        windows: the number of each window, int64[windows].
        rows: the row in each cell, int64[windows, longest]; padding repeats the first one.
        inside: which cells are no padding, bool[windows, longest].
        cell: the numbers of the flattened cells that answer, int64[answers].
        row: the rows that these answer for, int64[answers].
    """

    windows: Ints
    rows: Tensor
    inside: Tensor
    cell: Tensor
    row: Tensor


def padded_groups(
    plan: Windows,
    cells: int,
    device: torch.device,
) -> Iterator[PaddedGroup]:
    """Windows in groups of like length, of at most `cells` padded cells each.

    For instance two windows, the second of which answers for its last two rows alone:

        rows   4 5 6 7    inside  1 1 1 1    cell  0 1 2 3 5 6    row  4 5 6 7 10 11
               9 10 11 9          1 1 1 0
    """
    for group in length_groups(plan.length, cells):
        rows, inside = grid(plan.start[group], plan.length[group])
        first = plan.first[group][:, None]
        last = plan.last[group][:, None]
        is_answer = inside & (rows >= first) & (rows < last)
        cell = np.flatnonzero(is_answer)
        row = rows.ravel()[cell]
        yield PaddedGroup(
            group,
            to_device(rows, device),
            to_device(inside, device),
            to_device(cell, device),
            to_device(row, device),
        )


class SequenceEncoder(Encoder):
    """An encoder over words. A subclass sets `width` and writes `contextualize`.

        words ─▶ embed ─▶ padded groups ─▶ contextualize ─▶ answering cells ─▶ in text order
                 (tokens, in)   (windows, longest, in)      (answers, …)       (tokens, width)

    Args:
        features: settings of `pipekit.words.features.FeatureMaker` and
            `pipekit.encoders.embed.Embedder`.
        tables: the arrays that the features need.
        window: the most words that the network reads at a time. Longer sentences are cut into
            overlapping windows.
        overlap: how many words neighbouring windows share.
    """

    def __init__(
        self,
        features: Mapping[str, Any] | None,
        tables: Tables | None,
        window: int,
        overlap: int,
    ) -> None:
        super().__init__()
        if not 0 <= overlap < window:
            raise ConfigError(
                f"window = {window} and overlap = {overlap}: "
                "windows must be longer than what neighbours share"
            )
        self.embed = Embedder(features or {}, tables or {})
        self.tables = dict(tables or {})
        self.window = window
        self.overlap = overlap

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        features, tables = Embedder.prepare(settings.get("features") or {}, docs)
        return Prepared({**settings, "features": features}, tables)

    def features(self, batch: Batch) -> SequenceFeatures:
        words = self.embed.features(batch)
        plan = windows(batch.sequences, self.window, self.overlap)
        return SequenceFeatures(words, plan)

    def forward(self, features: SequenceFeatures) -> Tensor:
        flat = self.embed(features.words)  # (tokens, in)
        if not len(flat):
            return flat.new_zeros(0, self.width)  # type: ignore[no-any-return]
        return self.through(flat, features.windows)

    def through(
        self,
        flat: Tensor,
        plan: Windows,
    ) -> Tensor:
        """Embedded rows through the network, window by window.

        Args:
            flat: float[rows, in], one row at least.
            plan: the windows over these rows.

        Returns: float[rows, width].
        """
        return by_row(list(self.answers(flat, plan)))

    def answers(
        self,
        flat: Tensor,
        plan: Windows,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """For each group of windows its answers and their rows.

        Yields: float[answers, …] and int64[answers].
        """
        for group in padded_groups(plan, cells_on(flat.device), flat.device):
            yield self._read_group(flat, group), group.row

    def _read_group(
        self,
        flat: Tensor,
        group: PaddedGroup,
    ) -> Tensor:
        # A function of its own: what it computes is freed before the next group is read.
        padded = flat[group.rows]  # (windows, longest, in)
        states = self.contextualize(padded, group.inside)  # (windows, longest, …)
        return states.flatten(0, 1)[group.cell]

    def contextualize(
        self,
        padded: Tensor,
        inside: Tensor,
    ) -> Tensor:
        """Padded sequences through the network.

        The answer in a cell depends only on cells that are inside its own sequence.

        Args:
            padded: float[sequences, longest, in].
            inside: which cells are no padding, bool[sequences, longest].

        Returns: float[sequences, longest, …].
        """
        raise NotImplementedError
