"""What a Doc, a Token and a Span have in common: a vector, and how alike it is to another's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.doc.columns import MaybeNone
from pipekit.errors import DocError
from pipekit.habits import Telling

if TYPE_CHECKING:
    from pipekit.words.vectors import Vectors


class WordKeys(NamedTuple):
    """Words to look up, each by several keys, the best first; `table` is None without vectors."""

    table: Vectors | None
    keys: Iterable[tuple[str, ...]]


class Comparable(Telling):
    """Words that have vectors, if a pipeline with embeddings gave their document a table."""

    __slots__ = ()

    def _word_keys(self) -> WordKeys:
        raise NotImplementedError

    @property
    def vector(self) -> NDArray[np.float32] | MaybeNone:
        """The mean of the words' vectors, float32[width]; frequent words count less.

        None without a table of vectors, and where all words are unknown.
        """
        table, keys = self._word_keys()
        if table is None:
            return None
        return table.mean(list(keys))

    def similarity(self, other: Comparable) -> float:
        """The cosine of the two vectors, -1 to 1; 0 where one of the two is unknown.

        Errors: `DocError` for one without a table of vectors, and for tables of different width.
        """
        for item in (self, other):
            if item._word_keys().table is None:
                raise DocError(
                    f"{item!r} has no word vectors: run it through a pipeline with a component of "
                    "type 'embeddings'"
                )
        first, second = self.vector, other.vector
        if first is None or second is None:
            return 0.0
        if first.shape != second.shape:
            raise DocError(
                f"{self!r} and {other!r} have vectors of different tables: "
                "run both through one pipeline"
            )
        length = float(np.linalg.norm(first)) * float(np.linalg.norm(second))
        return float(first @ second) / length if length else 0.0
