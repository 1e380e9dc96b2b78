"""What a network is told of a word: integers, made for all words of a batch at once and once for each distinct word.

Columns (one number each): the hashed word, its prefixes and suffixes, its shape, how the lexicon knows it, its row in a table of
word vectors. Bags (any number each): tags of the lexicon, character n-grams. Number 0 of a column is "none" (no such affix, not in
the table) and the number that dropout puts in place of another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from unicodedata import category

import numpy as np
from numpy.typing import NDArray

from pipekit.words.arrays import Hashes, Ints, ranges
from pipekit.words.chars import Words, mix, normalize
from pipekit.words.lexicon import ANALYSIS_KINDS, Analyses, Lexicon, find, short

_SHAPE_LIMIT = 0x20000  # ideographs beyond are letters
_UPPER, _LOWER, _LATIN_UPPER, _LATIN_LOWER, _DIGIT, _LETTER, _SYMBOL, _MARK = range(1, 9)
_ALPHABETS = 0x0530  # what comes after Cyrillic has no case that would matter
_CLASSES = {"L": _LETTER, "N": _DIGIT, "S": _SYMBOL, "M": _MARK, "C": _MARK, "Z": _MARK}


def _shape_table() -> NDArray[np.uint32]:
    """Letters by script and case, digits as one, emoji as one; punctuation and the symbols of ASCII stand for themselves."""
    table = np.arange(_SHAPE_LIMIT, dtype=np.uint32)
    for code in range(0x80, _SHAPE_LIMIT):
        table[code] = _CLASSES.get(category(chr(code))[0], code)
    for code in range(_ALPHABETS):
        letter, latin = chr(code), code < 0x0370
        if letter.isdigit():
            table[code] = _DIGIT
        elif letter.isupper():
            table[code] = _LATIN_UPPER if latin else _UPPER
        elif letter.isalpha():
            table[code] = _LATIN_LOWER if latin else _LOWER
    return table


_SHAPES = _shape_table()


def shapes(words: Words) -> Words:
    """Each word as classes of its letters, runs of more than two cut to two: Москва is Ххх, that is [upper, lower, lower]."""
    points = words.codes
    classes = np.where(
        points < _SHAPE_LIMIT, _SHAPES[np.minimum(points, _SHAPE_LIMIT - 1)], np.uint32(_LETTER)
    )
    keep = np.ones(len(classes), dtype=bool)
    keep[2:] = (classes[2:] != classes[1:-1]) | (classes[2:] != classes[:-2])
    first = words.starts[words.lengths > 0]
    keep[first] = True
    second = words.starts[words.lengths > 1] + 1
    keep[second] = True
    kept = np.concatenate([[0], np.cumsum(keep)])
    return Words(classes[keep], kept[words.starts], kept[words.ends])


def whole_words(words: Words) -> Hashes:
    """The hash of each word."""
    return words.hashes(words.starts, words.ends)


def bucket(hashes: Hashes, size: int) -> Ints:
    """Numbers 1 .. size - 1, by the hash."""
    return (hashes % np.uint64(size - 1)).astype(np.int64) + 1


@dataclass(frozen=True)
class Bag:
    """Ragged numbers: row r has ``ids[offsets[r]:offsets[r + 1]]``; a row may be empty."""

    ids: Ints
    offsets: Ints

    def take(self, rows: Ints) -> Bag:
        """The chosen rows, end to end."""
        sizes = np.diff(self.offsets)[rows]
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(sizes, out=offsets[1:])
        return Bag(self.ids[ranges(self.offsets[rows], sizes)], offsets)


@dataclass(frozen=True)
class Features:
    """`columns` int64[distinct, columns] and `bags` describe the distinct words; `index` int64[words] says which each word is."""

    index: Ints
    columns: Ints
    bags: dict[str, Bag]


@dataclass(frozen=True)
class FeatureMaker:
    """Settings of the features, and the tables that they need."""

    word_buckets: int = 30_000
    prefixes: tuple[int, ...] = (1, 2, 3)
    suffixes: tuple[int, ...] = (1, 2, 3, 4, 5)
    affix_buckets: int = 10_000
    shape_buckets: int = 1_000
    ngrams: tuple[int, ...] = ()
    ngram_buckets: int = 20_000
    lexicon: Lexicon | None = None
    vector_hashes: NDArray[np.uint32] = field(
        default_factory=lambda: np.zeros(0, dtype=np.uint32)
    )  # sorted

    @property
    def column_sizes(self) -> dict[str, int]:
        """How many numbers each column has, 0 included."""
        affixes = {f"prefix{n}": self._affixes(n) for n in self.prefixes} | {
            f"suffix{n}": self._affixes(n) for n in self.suffixes
        }
        sizes = {"word": self.word_buckets, **affixes, "shape": self.shape_buckets}
        if self.lexicon is not None:
            sizes["kind"] = len(ANALYSIS_KINDS)
        if self.vector_hashes.size:
            sizes["vector"] = len(self.vector_hashes) + 1
        return sizes

    @property
    def bag_sizes(self) -> dict[str, int]:
        """How many numbers each bag has."""
        sizes = {"tags": self.lexicon.tags} if self.lexicon is not None else {}
        return {**sizes, "ngrams": self.ngram_buckets} if self.ngrams else sizes

    def describe(
        self, words: Words, plain: Words | None = None, analyses: Analyses | None = None
    ) -> tuple[Ints, dict[str, Bag]]:
        """Columns and bags of each word, doubles and all; `plain` and `analyses` where the caller has them already."""
        plain = normalize(words) if plain is None else plain
        hashes = whole_words(plain)
        columns = [bucket(hashes, self.word_buckets)]
        columns += [self._affix(plain, n, front=True) for n in self.prefixes]
        columns += [self._affix(plain, n, front=False) for n in self.suffixes]
        columns.append(bucket(whole_words(shapes(words)), self.shape_buckets))
        bags: dict[str, Bag] = {}
        if self.lexicon is not None:
            analyses = self.lexicon.analyses(plain) if analyses is None else analyses
            columns.append(analyses.kinds)
            bags["tags"] = _distinct_tags(analyses, self.lexicon.tags)
        if self.vector_hashes.size:
            columns.append(find(self.vector_hashes, short(hashes)) + 1)
        if self.ngrams:
            bags["ngrams"] = self._ngram_bag(plain)
        return np.stack(columns, axis=1), bags

    def _affixes(self, length: int) -> int:
        """Short affixes are few and need fewer buckets."""
        return min(self.affix_buckets, 16 << 4 * length)

    def _affix(self, words: Words, length: int, *, front: bool) -> Ints:
        able = words.lengths > length
        starts = words.starts[able] if front else words.ends[able] - length
        answer = np.zeros(len(words), dtype=np.int64)
        answer[able] = bucket(words.hashes(starts, starts + length), self._affixes(length))
        return answer

    def _ngram_bag(self, words: Words) -> Bag:
        """The n-grams of each word, and which of them begin or end it."""
        owners, ids = [], []
        rows = np.arange(len(words), dtype=np.int64)
        for length in self.ngrams:
            counts = np.maximum(words.lengths - length + 1, 0)
            starts = ranges(words.starts, counts)
            owner = np.repeat(rows, counts)
            edge = (starts == words.starts[owner]) + np.uint64(2) * (
                starts + length == words.ends[owner]
            )
            ids.append(
                bucket(mix(words.hashes(starts, starts + length) + edge), self.ngram_buckets)
            )
            owners.append(owner)
        order = np.argsort(np.concatenate(owners), kind="stable")
        offsets = np.zeros(len(words) + 1, dtype=np.int64)
        np.cumsum(np.bincount(np.concatenate(owners), minlength=len(words)), out=offsets[1:])
        return Bag(np.concatenate(ids)[order], offsets)


def _distinct_tags(analyses: Analyses, tags: int) -> Bag:
    """The tags of each word, each once; analyses are in order of tag, so doubles are neighbours."""
    owners = np.repeat(np.arange(len(analyses.kinds), dtype=np.int64), np.diff(analyses.offsets))
    keys = owners * tags + analyses.tags
    keep = np.ones(len(keys), dtype=bool)
    keep[1:] = keys[1:] != keys[:-1]
    offsets = np.zeros(len(analyses.kinds) + 1, dtype=np.int64)
    np.cumsum(np.bincount(owners[keep], minlength=len(analyses.kinds)), out=offsets[1:])
    return Bag(analyses.tags[keep], offsets)
