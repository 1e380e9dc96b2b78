"""A BERT-style encoder (Devlin et al. 2019): a Transformer over subword pieces, pooled to words by alignment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipekit.batching import Batch
from pipekit.chars import Ints, fold, ranges
from pipekit.doc import Doc
from pipekit.encoders.pieces import Cut, Pieces, learn
from pipekit.encoders.sequence import SequenceEncoder
from pipekit.encoders.transformer import Stack
from pipekit.errors import ConfigError, near
from pipekit.features import Features
from pipekit.model import Prepared, Tables
from pipekit.ragged import Windows, windows

POOLING = ("mean", "first", "last")


@dataclass(frozen=True)
class PieceFeatures:
    """Features of the words, their pieces, the word of each piece, and the windows over pieces."""

    words: Features
    ids: Ints
    owner: Ints
    borders: Ints
    windows: Windows


class Bert(SequenceEncoder):
    """Self-attention over pieces; each piece also knows the features of its word.

    Args:
        vocabulary: the pieces; `prepare` learns them from the training documents, `pieces` of them.
        pool: how the vectors of its pieces become that of a word, "mean", "first" or "last".
        window: the most pieces that the network reads at a time.
        pieces: how many pieces `prepare` learns.
    """

    def __init__(
        self,
        vocabulary: Sequence[str] = (),
        width: int = 256,
        layers: int = 3,
        heads: int = 4,
        dropout: float = 0.2,
        pool: str = "mean",
        features: Mapping[str, Any] | None = None,
        window: int = 512,
        pieces: int = 8000,
        tables: Tables | None = None,
    ) -> None:
        super().__init__(features, tables, window, window // 4)
        if pool not in POOLING:
            raise ConfigError(f"pieces cannot be pooled by {pool!r}.{near(pool, POOLING)}")
        self.width = width
        self.pool = pool
        self.pieces = Pieces(vocabulary)
        self.piece_vectors = nn.Embedding(len(self.pieces), width)
        self.stack = Stack(width + self.embed.width, width, layers, heads, 4 * width, dropout, "learned", "post", window)

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        completed, tables = super().prepare(settings, docs)
        if not completed.get("vocabulary"):
            completed["vocabulary"] = learn((fold(w) for doc in docs for w in doc.words), settings.get("pieces", 8000))
        return Prepared(completed, tables)

    def features(self, batch: Batch) -> PieceFeatures:  # type: ignore[override]
        ids, borders = self._cut(batch)
        plan = windows(borders[batch.sequences], self.window, self.overlap)
        return PieceFeatures(self.embed.features(batch), ids, owners(borders), borders, plan)

    def _cut(self, batch: Batch) -> Cut:
        """The distinct words are cut once."""
        cut, index = self.pieces.cut(batch.distinct.plain), batch.distinct.index
        sizes = np.diff(cut.borders)[index]
        return Cut(cut.ids[ranges(cut.borders[index], sizes)], np.cumsum([0, *sizes], dtype=np.int64))

    def forward(self, features: PieceFeatures) -> Tensor:  # type: ignore[override]
        device = self.piece_vectors.weight.device
        words, owner = self.embed(features.words), torch.from_numpy(features.owner).to(device)
        rows = torch.cat([self.piece_vectors(torch.from_numpy(features.ids).to(device)), words[owner]], dim=1)
        return self._to_words(self.through(rows, features.windows), owner, torch.from_numpy(features.borders).to(device))

    def _to_words(self, pieces: Tensor, owner: Tensor, borders: Tensor) -> Tensor:
        if self.pool != "mean":
            return pieces[borders[:-1] if self.pool == "first" else borders[1:] - 1]
        total = pieces.new_zeros(len(borders) - 1, pieces.shape[1]).index_add_(0, owner, pieces)
        return total / borders.diff().unsqueeze(1)

    def contextualize(self, padded: Tensor, inside: Tensor) -> Tensor:
        return self.stack(padded, inside)  # type: ignore[no-any-return]


def owners(borders: Ints) -> Ints:
    """The word of each piece, from the piece at which each word begins."""
    return np.repeat(np.arange(len(borders) - 1, dtype=np.int64), np.diff(borders))
