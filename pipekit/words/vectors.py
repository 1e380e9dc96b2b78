"""Static word vectors as arrays: the meaning of a word, learned from its neighbours in texts.

A form is looked up by its hash, and has the vector of its lemma. A word that the table lacks gets
the mean of its character n-grams (Bojanowski et al. 2017). The vector of a text is the mean of its
words, each weighted by a / (a + p), where p is the share of the word among all words of a corpus
(SIF, Arora et al. 2017):

    word ─► hash ─► row of its form ─► values[row] ─► vector
                 └─ no row ─► n-grams of the word ─► mean of theirs ─► vector

The files of recipes/vectors hold the arrays; the features of an encoder can read the same files.
numpy only.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipekit.errors import ConfigError, DataError
from pipekit.tables import Declarations, Table, check_tables
from pipekit.words.arrays import Bools, Floats, Ints
from pipekit.words.chars import Words, from_strings, normalize
from pipekit.words.features import Bag, FeatureMaker
from pipekit.words.lexicon import find, pack_strings, short, unpack_strings

NGRAMS = (3, 4, 5, 6)
SIF = 1e-3  # Arora's a
_LEVELS = 16  # of a number of 4 bits
_COVERED = 0.995  # the share of a column's numbers that the levels reach
_LONGEST_NAME = 256  # bytes of the name of a row, with its line break
_VALUES = "int8 uint8 float16 float32"
VECTOR_TABLES: Declarations = {
    "hashes": Table("uint32", "forms", order="rising", filled=True),
    "values": Table(_VALUES, "rows columns", filled=True),
    "scale": Table("float32", "steps"),
    "rows": Table("integer", "forms", most="rows", needed=False),
    "counts": Table("integer", "rows", most=(1 << 62), needed=False),
    "names": Table("uint8", "bytes", needed=False),
    "ngrams": Table(_VALUES, "buckets columns", needed=False),
    "ngram_scale": Table("float32", "ngram_steps", needed=False),
}


class Vectors:
    """Vectors of words.

        vectors = Vectors(tables)
        vectors.vector("кошками", "кошка")       # float32[width], of unit length
        vectors.most_similar("кошка", top=3)     # [("кот", 0.8), …]

    Args:
        tables: arrays by name, VECTOR_TABLES. Three are needed, the others may be absent:
            hashes: the forms, uint32[forms], sorted.
            values: what `unpack_rows` makes the vectors of, together with `scale`.
            scale: one number, or one for each column.
            rows: the row of each form in `values`, [forms]; if absent, forms and rows are the same.
            names: the words of the rows, made by `packed`.
            counts: how often the word of each row occurs in a corpus, [rows].
            ngrams: vectors of buckets of n-grams, like `values`.
            ngram_scale: like `scale`, for `ngrams`.

    The arrays are kept unchanged, and are shared by all who look a word up.

    Errors: `ConfigError` where an array is missing, or does not fit the others.
    """

    def __init__(self, tables: Mapping[str, NDArray[Any]]) -> None:
        sizes = check_tables(tables, VECTOR_TABLES, "word vectors, such as of recipes/vectors")
        self.tables = dict(tables)
        self._hashes = tables["hashes"].astype(np.uint32, copy=False)
        self._values = tables["values"]
        self.row_of_form = tables.get("rows", np.arange(len(self._hashes)))
        self.width = int(self._values.shape[-1])
        if self._values.dtype == np.uint8:  # two numbers to a byte
            self.width *= 2
        for steps in (sizes["steps"], sizes.get("ngram_steps", 1)):
            if steps not in (1, self.width):
                raise ConfigError(f"word vectors: {steps} scales do not fit {self.width} columns")
        self._check_ngrams()

    def _check_ngrams(self) -> None:
        ngrams = self.tables.get("ngrams")
        if ngrams is None:
            return
        fits = len(ngrams) > 1 and ngrams.dtype == self._values.dtype
        if not fits or "ngram_scale" not in self.tables:
            raise ConfigError(
                f"word vectors: ngrams, {ngrams.dtype}{list(ngrams.shape)}, do not fit values of "
                f"{self._values.dtype}: take two buckets at least, and ngram_scale"
            )

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._values)

    # -- words to vectors

    def rows(self, words: Sequence[str]) -> Ints:
        """The row of each word, or -1, int64[words]."""
        if not len(words):
            return np.zeros(0, dtype=np.int64)
        return self._rows_of(normalize(from_strings(list(words))))

    def _rows_of(self, words: Words) -> Ints:
        if not len(self._hashes):
            return np.full(len(words), -1)
        forms = find(self._hashes, short(words.word_hashes()))
        rows = self.row_of_form[np.maximum(forms, 0)]
        return np.where(forms >= 0, rows.astype(np.int64), -1)

    def __contains__(self, word: str) -> bool:
        row = self.rows([word])[0]
        return bool(row >= 0)

    def vector(
        self,
        word: str,
        *others: str,
    ) -> Floats | None:
        """The vector of a word, float32[width], of unit length.

        It is the vector of the first spelling in the table: the word itself, or one of `others`,
        such as its lemma. If none is there, it is made of the word's n-grams. It is None where
        these are not there either.
        """
        vectors, weights = self._look_up([(word, *others)])
        if not weights[0]:
            return None
        vector: Floats = vectors[0]
        return vector

    def mean(self, words: Sequence[Sequence[str]]) -> Floats | None:
        """The weighted mean of words, float32[width]; None where no word has a vector.

        Args:
            words: the spellings of each word, as `vector` takes them.
        """
        vectors, weights = self._look_up(words)
        if not weights.any():
            return None
        mean = weights @ vectors / weights.sum()
        return np.asarray(mean, dtype=np.float32)

    def _look_up(self, words: Sequence[Sequence[str]]) -> tuple[Floats, Floats]:
        """The vector and the weight of each word, both 0 where a word has no vector.

        Returns: float32[words, width] and float32[words].
        """
        spellings: list[str] = []
        for spellings_of_word in words:
            spellings += spellings_of_word
        plain = normalize(from_strings(spellings))
        plain = plain.shortened(np.arange(len(plain)))
        owner = np.repeat(np.arange(len(words)), [*map(len, words)])  # int64[spellings]

        rows = self._first_rows(plain, owner, len(words))
        inside = np.maximum(rows, 0)
        vectors = unpack_rows(self._values[inside], self.tables["scale"])
        weights = np.where(rows >= 0, self._weights[inside], 0)
        weights = weights.astype(np.float32)

        missing = np.flatnonzero((rows < 0) & _are_words(words))
        if len(missing) and "ngrams" in self.tables:
            first = np.searchsorted(owner, missing)
            guessed = guesses(self._ngrams, plain.take(first))
            vectors[missing] = guessed
            weights[missing] = guessed.any(axis=1)
        return vectors, weights

    def _first_rows(
        self,
        spellings: Words,
        owner: Ints,
        words: int,
    ) -> Ints:
        """The row of the first spelling of each word that has one, or -1, int64[words]."""
        rows_of_spellings = self._rows_of(spellings)
        in_table = rows_of_spellings >= 0
        numbers, first = np.unique(owner[in_table], return_index=True)
        rows = np.full(words, -1)
        rows[numbers] = rows_of_spellings[in_table][first]
        return rows

    @cached_property
    def _ngrams(self) -> Floats:
        return unpack_rows(self.tables["ngrams"], self.tables["ngram_scale"])

    @cached_property
    def _weights(self) -> Floats:
        """The weight of each row in a mean, float32[rows]."""
        counts = self.tables.get("counts")
        if counts is None:
            return np.ones(len(self), dtype=np.float32)
        shares = counts / max(counts.sum(), 1)
        return np.asarray(SIF / (SIF + shares), dtype=np.float32)

    # -- vectors to words

    @cached_property
    def names(self) -> list[str]:
        """The word of each row. Errors: `DataError` for a table without words."""
        if "names" not in self.tables:
            raise DataError(
                "these word vectors hold no words, only their hashes:"
                " take those of recipes/vectors/word2vec.py"
            )
        names = unpacked(self.tables["names"], most=_LONGEST_NAME * len(self))
        if len(names) != len(self):
            raise DataError(f"these word vectors have {len(names)} names for {len(self)} rows")
        return names

    @cached_property
    def _matrix(self) -> Floats:
        """The vector of each row, of unit length, float32[rows, width]."""
        return unit(unpack_rows(self._values, self.tables["scale"]))

    def most_similar(
        self,
        positive: str | Sequence[str] = (),
        negative: str | Sequence[str] = (),
        *,
        top: int = 10,
    ) -> list[tuple[str, float]]:
        """The words nearest to a word, or to a sum and difference of words, with their cosines.

            vectors.most_similar("кошка")
            vectors.most_similar(["король", "женщина"], "мужчина", top=3)

        The words of the question are left out of the answer.

        Errors: `DataError` naming a word that has no vector, also not by its n-grams.
        """
        plus = _as_list(positive)
        minus = _as_list(negative)
        words = plus + minus
        if not words or top < 1:
            raise DataError("most_similar takes a word at least, and top of 1 at least")
        rows_of_words = [self._vector_of(word) for word in words]
        vectors = unit(np.stack(rows_of_words))
        signs = np.ones(len(words), dtype=np.float32)
        signs[len(plus) :] = -1
        sum_of_vectors = signs @ vectors
        [target] = unit(sum_of_vectors[None])
        scores = self._matrix @ target  # float32[rows]

        rows = self.rows(words)
        asked = np.unique(rows[rows >= 0])
        scores[asked] = -np.inf
        count = min(top, len(scores) - len(asked))
        nearest = np.argsort(-scores, kind="stable")[:count]
        neighbours = []
        for row in nearest.tolist():
            cosine = float(scores[row])
            neighbours.append((self.names[row], cosine))
        return neighbours

    def _vector_of(self, word: str) -> Floats:
        vector = self.vector(word)
        if vector is None:
            raise DataError(
                f"nothing is known of the word {word!r}:"
                " it is not in the table and has no n-gram that is"
            )
        return vector


def _as_list(words: str | Sequence[str]) -> list[str]:
    if isinstance(words, str):
        return [words]
    return list(words)


# -- vectors as small numbers


def pack_rows(vectors: Floats) -> tuple[NDArray[np.uint8], Floats]:
    """Vectors of an even width as 4 bits a number.

    The 16 levels are the odd multiples of half a step. The few numbers beyond 99.5 % of a column
    are cut.

    Returns: two numbers to a byte, uint8[rows, width / 2], and the step of each column,
    float32[width].
    """
    reach = np.quantile(np.abs(vectors), _COVERED, axis=0)
    steps = (reach.clip(min=1e-12) / (_LEVELS - 1)).astype(np.float32)
    half = _LEVELS // 2
    levels = np.floor(vectors / (2 * steps))
    levels = levels.clip(-half, half - 1).astype(np.int8) + half
    low = levels[:, ::2]
    high = levels[:, 1::2] << 4
    return (low | high).astype(np.uint8), steps


def unpack_rows(
    values: NDArray[Any],
    scale: Floats,
    out: Floats | None = None,
) -> Floats:
    """Vectors, float32[rows, width].

    Args:
        values: int8[rows, width], or the bytes of `pack_rows`.
        scale: one number, or one for each column.
        out: where they are written; a new array by default.
    """
    if values.dtype == np.uint8:
        rows, width = values.shape
        pairs = np.stack([values & 15, values >> 4], axis=2)  # (rows, width, 2)
        levels = pairs.reshape(rows, 2 * width).astype(np.int8)
        values = levels * 2 - (_LEVELS - 1)
    vectors: Floats = np.multiply(values, scale, out=out, dtype=np.float32)
    return vectors


def unit(vectors: Floats) -> Floats:
    """Rows of length 1; a row of zeros stays a row of zeros."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    divisors = np.where(lengths > 0, lengths, 1)
    return np.asarray(vectors / divisors, dtype=np.float32)


# -- vectors by n-grams


def _are_words(words: Sequence[Sequence[str]]) -> Bools:
    """Whether the first spelling of each is a word, and not a number or a sign, bool[words]."""
    return np.array([_is_word(spellings[0]) for spellings in words], dtype=bool)


def _is_word(spelling: str) -> bool:
    """Whether it begins and ends with a letter; hyphens and dots may be within."""
    return spelling[:1].isalpha() and spelling[-1:].isalpha()


def guesses(
    ngrams: Floats,
    words: Words,
) -> Floats:
    """Vectors of normalised words by their n-grams, float32[words, width].

    Args:
        ngrams: the vectors of buckets of n-grams, float32[buckets, width].
        words: the words, normalised.

    Returns: vectors of unit length, or zeros where a word is too short for any n-gram.
    """
    bag = ngrams_of(words, len(ngrams))
    owners = np.repeat(np.arange(len(words)), np.diff(bag.offsets))
    sums = np.zeros((len(words), ngrams.shape[1]), dtype=np.float32)
    np.add.at(sums, owners, ngrams[bag.ids])
    return unit(sums)


def ngrams_of(
    words: Words,
    buckets: int,
) -> Bag:
    """The n-grams of normalised words as numbers of buckets."""
    maker = FeatureMaker(
        prefixes=(),
        suffixes=(),
        ngrams=NGRAMS,
        ngram_buckets=buckets,
    )
    _, bags = maker.describe(words, words)
    return bags["ngrams"]


# -- names of rows


def packed(names: Sequence[str]) -> NDArray[np.uint8]:
    """Strings without line breaks as compressed bytes."""
    data = pack_strings(list(names)).tobytes()
    return np.frombuffer(zlib.compress(data, 9), dtype=np.uint8)


def unpacked(
    array: NDArray[Any],
    most: int,
) -> list[str]:
    """The strings of bytes that `packed` made, `most` bytes of them.

    Errors: `DataError` for other bytes, and for more of them.
    """
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(array.astype(np.uint8).tobytes(), most)
        if not stream.eof:
            raise DataError(f"the names of these word vectors have more than {most} bytes")
        return unpack_strings(np.frombuffer(data, dtype=np.uint8))
    except (zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"the names of these word vectors are damaged: {error}") from error
