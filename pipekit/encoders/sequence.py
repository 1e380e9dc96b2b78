"""Encoders over words: features, embedding, and sentences read in padded groups of like length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from pipekit.doc import Doc
from pipekit.encoders.embed import Embedder
from pipekit.errors import ConfigError
from pipekit.nn.padding import Windows, windows
from pipekit.nn.sequences import PaddedGroup, by_row, cells_on, padded_groups
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Encoder, Prepared, Tables
from pipekit.words.features import Features


@dataclass(frozen=True)
class SequenceFeatures:
    """Features of the words, and the windows that the network reads them in."""

    words: Features
    windows: Windows


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
