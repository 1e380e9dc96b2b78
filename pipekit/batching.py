"""Which documents travel together, and what each encoder said of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipekit.chars import Ints, Words, codes, normalize, to_strings, visible
from pipekit.doc import Doc, concatenate
from pipekit.lexicon import Analyses, Lexicon

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
        starts = np.concatenate([doc.starts + shift for doc, shift in zip(self._docs, shifts, strict=False)])
        ends = np.concatenate([doc.ends + shift for doc, shift in zip(self._docs, shifts, strict=False)])
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
        _, rows, index = np.unique(seen.hashes(seen.starts, seen.ends), return_index=True, return_inverse=True)
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
        for doc, start, end in zip(self._docs, self.offsets[:-1].tolist(), self.offsets[1:].tolist(), strict=True):
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


def gather(items: Iterable[T], size: Callable[[T], int], limit: int) -> Iterator[list[T]]:
    """Items in their order, in lists whose sizes add up to `limit` at most, or that hold one item."""
    chunk: list[T] = []
    total = 0
    for item in items:
        cost = size(item)
        if chunk and total + cost > limit:
            yield chunk
            chunk, total = [], 0
        chunk.append(item)
        total += cost
    if chunk:
        yield chunk


def pieces(doc: Doc, limit: int) -> list[Doc]:
    """A document as parts of at most `limit` tokens, cut between sentences where that is possible; `whole` puts them together."""
    if len(doc) <= limit:
        return [doc]
    borders = doc.sent_borders()
    cuts = [0]
    while cuts[-1] + limit < len(doc):
        furthest = cuts[-1] + limit
        best = int(borders[np.searchsorted(borders, furthest, "right") - 1]) if borders is not None else furthest
        cuts.append(best if best > cuts[-1] else furthest)
    return [doc.part(start, end) for start, end in zip(cuts, [*cuts[1:], len(doc)], strict=True)]


def longest(doc: Doc) -> int:
    """The words of the longest sentence, below which a document cannot be cut without harm; 1 where no one has split sentences."""
    borders = doc.sent_borders()
    return int(np.diff(borders).max(initial=0)) if borders is not None else min(1, len(doc))


def whole(doc: Doc, parts: Sequence[Doc]) -> None:
    """Give a document the layers that its parts were given."""
    if len(parts) > 1 or parts[0] is not doc:
        doc.layers = concatenate(parts).layers
