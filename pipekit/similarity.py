"""What a Doc, a Token and a Span have in common: a vector, and how alike it is to another's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipekit.errors import DocError

if TYPE_CHECKING:
    from pipekit.doc import Doc
    from pipekit.views import Token


class Comparable:
    """Tokens of a document whose words have vectors, `doc.vectors`, if a pipeline with embeddings gave it them."""

    __slots__ = ()

    def _tokens(self) -> tuple[Doc, Iterator[Token]]:
        raise NotImplementedError

    @property
    def vector(self) -> NDArray[np.float32] | None:
        """The mean of the words' vectors, frequent words counting less, float32[width]; None without vectors or for unknown words."""
        doc, tokens = self._tokens()
        if doc.vectors is None:
            return None
        return doc.vectors.mean([(token.lemma, token.text) if token.lemma else (token.text,) for token in tokens])

    def similarity(self, other: Comparable) -> float:
        """The cosine of the two vectors, -1 to 1; 0 where nothing is known of one of them.

        Errors: `DocError` where no pipeline gave vectors, or where the two are of different width.
        """
        for one in (self, other):
            if one._tokens()[0].vectors is None:
                raise DocError(f"{one!r} has no word vectors: run it through a pipeline with a component of type 'embeddings'")
        first, second = self.vector, other.vector
        if first is None or second is None:
            return 0.0
        if first.shape != second.shape:
            raise DocError(f"{self!r} and {other!r} have vectors of different tables: run both through one pipeline")
        length = float(np.linalg.norm(first)) * float(np.linalg.norm(second))
        return float(first @ second) / length if length else 0.0
