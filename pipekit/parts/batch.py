"""Documents that go through the components together, and what is computed of them once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.doc import Doc
from pipekit.doc.text import own_of
from pipekit.words import arrays
from pipekit.words.arrays import Bools, Ints
from pipekit.words.chars import LONGEST, Words, codes, normalize, to_strings, visible
from pipekit.words.lexicon import Analyses, Lexicon

if TYPE_CHECKING:
    from torch import Tensor

    from pipekit.parts.states import TokenStates


class _Own(NamedTuple):
    """Texts, and the borders of their tokens in characters, of each document."""

    texts: Sequence[str]
    starts: Sequence[NDArray[np.int32]]
    ends: Sequence[NDArray[np.int32]]


@dataclass(frozen=True)
class Distinct:
    """The distinct words of a batch.

    Attributes:
        words: as a reader sees them, those of many letters `shortened`.
        plain: the same words normalised.
        index: which of the words each token is, int64[tokens].
        long: the words that are shortened, whole, by their number.
    """

    words: Words
    plain: Words
    index: Ints
    long: Mapping[int, Words]

    @cached_property
    def strings(self) -> list[str]:
        """The words as a reader sees them, whole."""
        strings = to_strings(self.words)
        for number, word in self.long.items():
            [strings[number]] = to_strings(word)
        return strings

    @cached_property
    def plain_strings(self) -> list[str]:
        """The words normalised, whole."""
        strings = to_strings(self.plain)
        for number, word in self.long.items():
            [strings[number]] = to_strings(normalize(word))
        return strings


class Batch:
    """Documents that go through the components together. A batch lives for one pass.

    The tokens of all documents lie end to end; a token row is a place among them:

        docs       Мама мыла раму | Да | Кот спит
        rows          0    1    2    3    4    5
        offsets       0              3    4         6

    Args:
        docs: the documents.
        encode: computes the vectors of an encoder by its name; called at most once for each name.
        tokenize: makes documents of texts, for `beside`.
        remember: computes the states of an encoder that decoders look at, by its name.
    """

    def __init__(
        self,
        docs: Sequence[Doc],
        encode: Callable[[str, Batch], Tensor] | None = None,
        tokenize: Callable[[Sequence[str]], list[Doc]] | None = None,
        remember: Callable[[str, Batch], TokenStates] | None = None,
    ) -> None:
        self._docs = tuple(docs)
        self._encode = encode
        self._tokenize = tokenize
        self._remember = remember
        self._vectors: dict[str, Tensor] = {}
        self._memories: dict[str, TokenStates] = {}
        self._analyses: dict[int, Analyses] = {}

    @property
    def docs(self) -> tuple[Doc, ...]:
        """The documents."""
        return self._docs

    @cached_property
    def _own(self) -> _Own:
        """What the documents hold, in one sweep: a batch may have thousands of short ones."""
        rows = list(map(own_of, self._docs))
        if not rows:
            return _Own((), (), ())
        texts, starts, ends, *_ = zip(*rows, strict=True)
        return _Own(texts, starts, ends)

    @cached_property
    def offsets(self) -> Ints:
        """The token row at which each document begins, and the end of the last, int64[docs + 1]."""
        return arrays.offsets(map(len, self._own.starts))

    def __len__(self) -> int:
        """The number of tokens."""
        return int(self.offsets[-1])

    @cached_property
    def words(self) -> Words:
        """All tokens as written."""
        texts, all_starts, all_ends = self._own
        points = codes("".join(texts))
        if not len(self):
            nowhere = np.zeros(0, np.int64)
            return Words(points, nowhere, nowhere)
        text_offsets = arrays.offsets(map(len, texts))
        shifts = np.repeat(text_offsets[:-1], np.diff(self.offsets))
        starts = np.concatenate(all_starts)
        ends = np.concatenate(all_ends)
        return Words(points, starts + shifts, ends + shifts)

    @cached_property
    def seen(self) -> Words:
        """All tokens as a reader sees them: without stress marks, soft hyphens and the like."""
        return visible(self.words)

    @cached_property
    def spaced(self) -> Bools:
        """Which tokens have white space before them, or begin a document, bool[tokens]."""
        spaced = np.ones(len(self), dtype=bool)
        starts = self.words.starts
        ends = self.words.ends
        spaced[1:] = starts[1:] != ends[:-1]
        begins = self.offsets[:-1]
        has_tokens = np.diff(self.offsets) > 0
        spaced[begins[has_tokens]] = True
        return spaced

    @cached_property
    def distinct(self) -> Distinct:
        """Each word once. What depends on the word alone is computed of these."""
        tokens = self.seen
        hashes = tokens.word_hashes()
        _, rows, index = np.unique(hashes, return_index=True, return_inverse=True)
        long = np.flatnonzero(tokens.lengths[rows] > LONGEST)
        words = tokens.shortened(rows)
        return Distinct(
            words=words,
            plain=normalize(words),
            index=index,
            long={number: tokens.alone(rows[number]) for number in long.tolist()},
        )

    def analyses(self, lexicon: Lexicon) -> Analyses:
        """The analyses of the distinct words in a lexicon, which is asked once."""
        key = id(lexicon)
        if key not in self._analyses:
            self._analyses[key] = lexicon.analyses(self.distinct.plain)
        return self._analyses[key]

    @cached_property
    def sequences(self) -> Ints:
        """Borders of what an encoder reads at a time, int64[sequences + 1].

        That is a sentence, or a whole document where nothing has split it into sentences.
        """
        begins = np.zeros(len(self), dtype=bool)
        starts = self.offsets[:-1].tolist()
        ends = self.offsets[1:].tolist()
        for doc, start, end in zip(self._docs, starts, ends, strict=True):
            column = doc.tokens.get("sent_start")
            if column is not None:
                begins[start:end] = column.values
            if start < end:
                begins[start] = True
        return np.concatenate([np.flatnonzero(begins), self.offsets[-1:]])

    def vectors(self, encoder: str) -> Tensor:
        """The vectors of an encoder, float[tokens, width], on the pipeline's device.

        Errors: `LookupError` in a batch without encoders.
        """
        if encoder not in self._vectors:
            if self._encode is None:
                raise LookupError(f"this batch has no encoders, so no {encoder!r}")
            self._vectors[encoder] = self._encode(encoder, self)
        return self._vectors[encoder]

    def memory(self, encoder: str) -> TokenStates:
        """The states of an encoder that decoders look at, on the pipeline's device.

        Errors: `LookupError` in a batch without encoders.
        """
        if encoder not in self._memories:
            if self._remember is None:
                raise LookupError(f"this batch has no encoders, so no memory of {encoder!r}")
            self._memories[encoder] = self._remember(encoder, self)
        return self._memories[encoder]

    def beside(self, texts: Sequence[str]) -> Batch:
        """A batch of other texts, with the same tokenizer and encoders.

        The texts are, for instance, questions about these documents.

        Errors: `LookupError` in a batch without a tokenizer.
        """
        if self._tokenize is None:
            raise LookupError("this batch has no tokenizer, so no texts can be put beside it")
        return Batch(self._tokenize(texts), self._encode, self._tokenize, self._remember)
