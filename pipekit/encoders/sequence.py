"""What all encoders over words share: features, embedding, and sentences brought to the network in padded groups of like length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
from pipekit.words.features import Features


@dataclass(frozen=True)
class SequenceFeatures:
    """Features of the words, and the windows that the network reads them in."""

    words: Features
    windows: Windows


def padded_groups(
    plan: Windows, cells: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """For each group of windows: row numbers int64[windows, longest], inside bool of the same shape, and of the answers (cell, row).

    `cell` numbers the cells of the flattened group that answer, `row` the rows that they answer for.
    """
    for chosen in length_groups(plan.length, cells):
        rows, inside = grid(plan.start[chosen], plan.length[chosen])
        answers = inside & (rows >= plan.first[chosen, None]) & (rows < plan.last[chosen, None])
        cell = answers.ravel().nonzero()[0]
        row = rows.ravel()[cell]
        yield tuple(to_device(array, device) for array in (rows, inside, cell, row))  # type: ignore[misc]


class SequenceEncoder(Encoder):
    """An encoder over word features. A subclass sets `width` and writes `contextualize`.

    Args:
        features: settings of `pipekit.words.features.FeatureMaker` and `pipekit.encoders.embed.Embedder`.
        tables: the arrays that the features need.
        window: the most words that the network reads at a time; longer sentences are cut in overlapping windows.
        overlap: how many words neighbouring windows share.
    """

    def __init__(
        self, features: Mapping[str, Any] | None, tables: Tables | None, window: int, overlap: int
    ) -> None:
        super().__init__()
        if not 0 <= overlap < window:
            raise ConfigError(
                f"window = {window} and overlap = {overlap}: windows must be longer than what neighbours share"
            )
        self.embed = Embedder(features or {}, tables or {})
        self.tables = dict(tables or {})
        self.window = window
        self.overlap = overlap

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        features, tables = Embedder.prepare(settings.get("features") or {}, docs)
        return Prepared({**settings, "features": features}, tables)

    def features(self, batch: Batch) -> SequenceFeatures:
        return SequenceFeatures(
            self.embed.features(batch), windows(batch.sequences, self.window, self.overlap)
        )

    def forward(self, features: SequenceFeatures) -> Tensor:
        flat = self.embed(features.words)
        return self.through(flat, features.windows) if len(flat) else flat.new_zeros(0, self.width)

    def through(self, flat: Tensor, plan: Windows) -> Tensor:
        """Embedded rows float[rows, in], one at least, through the network, window by window, float[rows, width]."""
        return by_row(list(self.answers(flat, plan)))

    def answers(self, flat: Tensor, plan: Windows) -> Iterator[tuple[Tensor, Tensor]]:
        """Group by group what the network says, float[answers, …], and the rows that it says this of, int64[answers]."""
        for rows, inside, cell, row in padded_groups(plan, cells_on(flat.device), flat.device):
            yield self._group(flat, rows, inside, cell), row

    def _group(self, flat: Tensor, rows: Tensor, inside: Tensor, cell: Tensor) -> Tensor:
        return self.contextualize(flat[rows], inside).flatten(0, 1)[cell]

    def contextualize(self, padded: Tensor, inside: Tensor) -> Tensor:
        """float[sequences, longest, in] and which cells are no padding, bool[sequences, longest], to float[sequences, longest, …].

        The answer in a cell depends on the cells inside its own sequence alone.
        """
        raise NotImplementedError
