"""Which documents travel together, and what each encoder said of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipekit.doc import Doc
from pipekit.words.arrays import Ints
from pipekit.words.chars import Words, codes, normalize, to_strings, visible
from pipekit.words.lexicon import Analyses, Lexicon

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class Distinct:
    """The distinct words of a batch, as a reader sees them and normalised; `index` int64[tokens] says which each token is."""

    words: Words
    plain: Words
    index: Ints

    @cached_property
    def strings(self) -> list[str]:
        """The words as a reader sees them."""
        return to_strings(self.words)

    @cached_property
    def plain_strings(self) -> list[str]:
        """The words normalised."""
        return to_strings(self.plain)


class Batch:
    """Documents that pass through the components together; it lives no longer than one pass.

    Args:
        docs: the documents.
        encode: what gives the vectors of an encoder, called at most once for each name.
        tokenize: what makes documents of texts, for `beside`.
    """

    def __init__(
        self,
        docs: Sequence[Doc],
        encode: Callable[[str, Batch], Tensor] | None = None,
        tokenize: Callable[[Sequence[str]], list[Doc]] | None = None,
    ) -> None:
        self._docs = tuple(docs)
        self._encode = encode
        self._tokenize = tokenize
        self._vectors: dict[str, Tensor] = {}
        self._analyses: dict[int, Analyses] = {}

    @property
    def docs(self) -> tuple[Doc, ...]:
        return self._docs

    @cached_property
    def offsets(self) -> Ints:
        """The token row at which each document begins, and the number of tokens, int64[docs + 1]."""
        return np.cumsum([0, *map(len, self._docs)], dtype=np.int64)

    def __len__(self) -> int:
        """The number of tokens."""
        return int(self.offsets[-1])

    @cached_property
    def words(self) -> Words:
        """All tokens as written."""
        shifts = np.cumsum([0, *(len(doc.text) for doc in self._docs)], dtype=np.int64)
        points = codes("".join(doc.text for doc in self._docs))
        if not len(self):
            return Words(points, np.zeros(0, np.int64), np.zeros(0, np.int64))
        starts = np.concatenate(
            [doc.starts + shift for doc, shift in zip(self._docs, shifts, strict=False)]
        )
        ends = np.concatenate(
            [doc.ends + shift for doc, shift in zip(self._docs, shifts, strict=False)]
        )
        return Words(points, starts, ends)

    @cached_property
    def spaced(self) -> NDArray[np.bool_]:
        """Which tokens have white space before them, bool[tokens]; the first one of a document counts as such."""
        spaced = np.ones(len(self), dtype=bool)
        spaced[1:] = self.words.starts[1:] != self.words.ends[:-1]
        spaced[self.offsets[:-1][np.diff(self.offsets) > 0]] = True
        return spaced

    @cached_property
    def distinct(self) -> Distinct:
        """Each word once: what is made of words is made of these."""
        seen = visible(self.words)
        _, rows, index = np.unique(
            seen.hashes(seen.starts, seen.ends), return_index=True, return_inverse=True
        )
        words = seen.take(rows)
        return Distinct(words, normalize(words), index)

    def analyses(self, lexicon: Lexicon) -> Analyses:
        """What a lexicon says of the distinct words; it is asked once."""
        if id(lexicon) not in self._analyses:
            self._analyses[id(lexicon)] = lexicon.analyses(self.distinct.plain)
        return self._analyses[id(lexicon)]

    @cached_property
    def sequences(self) -> Ints:
        """Borders of what an encoder reads at a time, int64[sequences + 1]: sentences, or whole documents where no one has split them."""
        firsts = np.zeros(len(self), dtype=bool)
        for doc, start, end in zip(
            self._docs, self.offsets[:-1].tolist(), self.offsets[1:].tolist(), strict=True
        ):
            column = doc.tokens.get("sent_start")
            if column is not None:
                firsts[start:end] = column.values
            firsts[start : min(start + 1, end)] = True
        return np.concatenate([np.flatnonzero(firsts), self.offsets[-1:]])

    def vectors(self, encoder: str) -> Tensor:
        """What an encoder says of the tokens, float[tokens, width], on the pipeline's device."""
        if encoder not in self._vectors:
            if self._encode is None:
                raise LookupError(f"this batch has no encoders, so no {encoder!r}")
            self._vectors[encoder] = self._encode(encoder, self)
        return self._vectors[encoder]

    def beside(self, texts: Sequence[str]) -> Batch:
        """A batch of other texts, such as questions about these documents, with the same tokenizer and encoders."""
        if self._tokenize is None:
            raise LookupError("this batch has no tokenizer, so no texts can be put beside it")
        return Batch(self._tokenize(texts), self._encode, self._tokenize)
