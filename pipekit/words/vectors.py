"""Static word vectors as arrays: what a word means, by the company it keeps; numpy only.

A form is looked up by its hash and has the row of its lemma; a word that the table lacks gets the mean of its character n-grams
(Bojanowski et al. 2017). A text's vector is the mean of its words', each weighted by a / (a + p), where p is how frequent the word is
(SIF, Arora et al. 2017). Files of recipes/vectors hold the arrays; the features of an encoder can read the same files.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipekit.errors import ConfigError, DataError
from pipekit.words.arrays import Floats, Ints
from pipekit.words.chars import Words, from_strings, normalize
from pipekit.words.features import Bag, FeatureMaker
from pipekit.words.lexicon import find, pack_strings, short, unpack_strings

NGRAMS = (3, 4, 5, 6)
SIF = 1e-3  # Arora's a


class Vectors:
    """Vectors of words.

    Args:
        tables: `hashes` uint32[forms], sorted; `rows` [forms], the row of each (absent: its own); `values` with `scale`, what `unpack_rows`
            makes vectors of. Optional: `names` of the rows, made by `packed`; `counts` [rows]; `ngrams` with `ngram_scale`, as `values`.

    The arrays are kept as given, and shared by all who look a word up. Errors: `ConfigError` where one is missing or does not fit.
    """

    def __init__(self, tables: Mapping[str, NDArray[Any]]) -> None:
        missing = [name for name in ("hashes", "values", "scale") if name not in tables]
        if missing:
            raise ConfigError(
                f"word vectors need the table {missing[0]!r}: name a file of recipes/vectors"
            )
        self.tables = dict(tables)
        self._hashes = tables["hashes"].astype(np.uint32, copy=False)
        self._values = tables["values"]
        self.row_of_form = tables.get("rows", np.arange(len(self._hashes)))
        self.width = int(self._values.shape[-1]) * (2 if self._values.dtype == np.uint8 else 1)
        self._check()

    def _check(self) -> None:
        forms, rows = self.row_of_form, len(self._values)
        if len(forms) != len(self._hashes) or (len(forms) and int(forms.max()) >= rows):
            raise ConfigError(
                f"word vectors: {len(self._hashes)} forms, {len(forms)} numbers, {rows} rows do not fit each other"
            )
        for name, scale in (("values", "scale"), ("ngrams", "ngram_scale")):
            values, step = self.tables.get(name), self.tables.get(scale, np.zeros(0))
            fits = values is None or (
                values.ndim == 2
                and values.shape[1] == self._values.shape[1]
                and values.dtype == self._values.dtype
            )
            if not fits or (values is not None and step.shape not in ((1,), (self.width,))):
                raise ConfigError(
                    f"word vectors: {name!r} and {scale!r} of shape {step.shape} do not fit {self.width} columns"
                )
        if len(self.tables.get("counts", self._values)) != rows:
            raise ConfigError(
                f"word vectors: {len(self.tables['counts'])} counts do not fit {rows} rows"
            )

    def __len__(self) -> int:
        return len(self._values)

    # -- words to vectors

    def rows(self, words: Sequence[str]) -> Ints:
        """The row of each word, or -1."""
        return (
            self._find(normalize(from_strings(list(words))))
            if len(words)
            else np.zeros(0, np.int64)
        )

    def _find(self, words: Words) -> Ints:
        if not len(self._hashes):
            return np.full(len(words), -1)
        place = find(self._hashes, short(words.hashes(words.starts, words.ends)))
        return np.where(place >= 0, self.row_of_form[np.maximum(place, 0)].astype(np.int64), -1)

    def __contains__(self, word: str) -> bool:
        return bool(self.rows([word])[0] >= 0)

    def vector(self, word: str, *others: str) -> Floats | None:
        """The vector of a word, float32[width], of unit length: of the first spelling that is known, such as its lemma, or else of its
        n-grams; None where nothing is known of it.
        """
        vectors, known = self._look([(word, *others)])
        return vectors[0] if known[0] else None

    def mean(self, words: Sequence[Sequence[str]]) -> Floats | None:
        """The weighted mean of words, each given by its spellings, float32[width]; None where nothing is known of any."""
        vectors, weights = self._look(words)
        return (
            None
            if not weights.any()
            else np.asarray(weights @ vectors / weights.sum(), dtype=np.float32)
        )

    def _look(self, words: Sequence[Sequence[str]]) -> tuple[Floats, Floats]:
        """Vectors float32[words, width] and weights float32[words], 0 for what is not known."""
        owner = np.repeat(np.arange(len(words)), [len(spellings) for spellings in words])
        plain = normalize(from_strings([spelling for spellings in words for spelling in spellings]))
        found = self._find(plain)
        first = np.unique(owner[found >= 0], return_index=True)
        rows = np.full(len(words), -1)
        rows[first[0]] = found[found >= 0][first[1]]
        vectors: Floats = unpack_rows(self._values[np.maximum(rows, 0)], self.tables["scale"])
        weights = np.where(rows >= 0, self._weights[np.maximum(rows, 0)], 0).astype(np.float32)
        guess = np.flatnonzero(
            (rows < 0) & np.array([_is_word(spellings[0]) for spellings in words], dtype=bool)
        )
        if len(guess) and "ngrams" in self.tables:
            guessed = guesses(self._ngrams, plain.take(np.searchsorted(owner, guess)))
            vectors[guess] = guessed
            weights[guess] = guessed.any(axis=1)
        return vectors, weights

    @cached_property
    def _ngrams(self) -> Floats:
        return unpack_rows(self.tables["ngrams"], self.tables["ngram_scale"])

    @cached_property
    def _weights(self) -> Floats:
        counts = self.tables.get("counts")
        if counts is None:
            return np.ones(len(self._values), np.float32)
        share = counts / max(counts.sum(), 1)
        return np.asarray(SIF / (SIF + share), dtype=np.float32)

    # -- vectors to words

    @cached_property
    def names(self) -> list[str]:
        """What each row is the vector of. Errors: `DataError` for a table that has no strings."""
        if "names" not in self.tables:
            raise DataError(
                "these word vectors hold no words, only their hashes: take those of recipes/vectors/word2vec.py"
            )
        return unpacked(self.tables["names"])

    @cached_property
    def _matrix(self) -> Floats:
        return unit(unpack_rows(self._values, self.tables["scale"]))

    def most_similar(
        self,
        positive: str | Sequence[str] = (),
        negative: str | Sequence[str] = (),
        *,
        top: int = 10,
    ) -> list[tuple[str, float]]:
        """The words nearest to a word, or to a sum and difference of words, with their cosines; the words asked for are left out.

        Errors: `DataError` naming a word of which nothing is known.
        """
        plus, minus = (
            [words] if isinstance(words, str) else list(words) for words in (positive, negative)
        )
        if (not plus and not minus) or top < 1:
            raise DataError("most_similar takes a word at least, and top of 1 at least")
        vectors = [self.vector(word) for word in (*plus, *minus)]
        for word, vector in zip((*plus, *minus), vectors, strict=True):
            if vector is None:
                raise DataError(
                    f"nothing is known of the word {word!r}: it is not in the table and has no n-gram that is"
                )
        signs = np.array([1.0] * len(plus) + [-1.0] * len(minus), dtype=np.float32)
        target = unit((signs @ unit(np.stack([v for v in vectors if v is not None])))[None])[0]
        scores = self._matrix @ target
        given = self.rows([*plus, *minus])
        scores[given[given >= 0]] = -np.inf
        best = np.argsort(-scores, kind="stable")[
            : min(top, len(scores) - len(set(given[given >= 0].tolist())))
        ]
        return [(self.names[row], float(scores[row])) for row in best.tolist()]


def pack_rows(vectors: Floats) -> tuple[NDArray[np.uint8], Floats]:
    """Vectors of an even width as 4 bits a number, two to a byte, uint8[rows, width / 2], and the step of each column, float32[width].

    The 16 levels are the odd multiples of half a step; the few numbers beyond what 99.5 % of a column reach are cut.
    """
    steps = np.asarray(
        np.quantile(np.abs(vectors), 0.995, axis=0).clip(min=1e-12) / 15, dtype=np.float32
    )
    levels = np.floor(vectors / (2 * steps)).clip(-8, 7).astype(np.int8) + 8
    return (levels[:, ::2] | levels[:, 1::2] << 4).astype(np.uint8), steps


def unpack_rows(values: NDArray[Any], scale: Floats) -> Floats:
    """Vectors float32[rows, width] of int8[rows, width], or of what `pack_rows` made; `scale` is one number, or one for each column."""
    if values.dtype == np.uint8:
        values = (
            np.stack([values & 15, values >> 4], axis=2)
            .reshape(len(values), 2 * values.shape[1])
            .astype(np.int8)
            * 2
            - 15
        )
    return np.asarray(values * scale, dtype=np.float32)


def unit(vectors: Floats) -> Floats:
    """Rows of length 1; a row of zeros stays so."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1), dtype=np.float32)


def _is_word(spelling: str) -> bool:
    """A word may have hyphens and dots within, and begins and ends with a letter."""
    return spelling[:1].isalpha() and spelling[-1:].isalpha()


def guesses(ngrams: Floats, words: Words) -> Floats:
    """Vectors of normalised words by those of their n-grams, float32[buckets, width]: of unit length, or zeros."""
    bag = ngrams_of(words, len(ngrams))
    sums = np.zeros((len(words), ngrams.shape[1]), np.float32)
    np.add.at(sums, np.repeat(np.arange(len(words)), np.diff(bag.offsets)), ngrams[bag.ids])
    return unit(sums)


def ngrams_of(words: Words, buckets: int) -> Bag:
    """The n-grams of normalised words as numbers of buckets."""
    maker = FeatureMaker(prefixes=(), suffixes=(), ngrams=NGRAMS, ngram_buckets=buckets)
    return maker.describe(words, words)[1]["ngrams"]


def packed(names: Sequence[str]) -> NDArray[np.uint8]:
    """Strings without line breaks as compressed bytes."""
    return np.frombuffer(zlib.compress(pack_strings(list(names)).tobytes(), 9), dtype=np.uint8)


def unpacked(array: NDArray[Any]) -> list[str]:
    """The strings that `packed` put together. Errors: `DataError` where it did not."""
    try:
        return unpack_strings(
            np.frombuffer(zlib.decompress(array.astype(np.uint8).tobytes()), dtype=np.uint8)
        )
    except (zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"the names of these word vectors are damaged: {error}") from error
