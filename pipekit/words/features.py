"""Features of words for a network: integers, made for all words of a batch at once.

A word has one number in each column: its hash, the hashes of its prefixes and suffixes, its shape,
the kind of its analyses in the lexicon, its row in a table of word vectors. In each bag it has any
number of them: the tags of the lexicon, character n-grams. Number 0 of a column means "none" (no
such affix, no such row); word dropout puts it in place of the others. The features are made of
distinct words:

    text      the cat saw the dog
    distinct  the cat saw dog          columns int64[4, columns], bags of 4 rows
    index     0   1   2   0   3        int64[5]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated
from unicodedata import category

import numpy as np

from pipekit.errors import ConfigError
from pipekit.settings import Between, Length
from pipekit.words.arrays import Bools, Codes, Hashes, Ints, offsets, pair_keys, ranges
from pipekit.words.chars import Words, mix, normalize
from pipekit.words.lexicon import ANALYSIS_KINDS, Analyses, Lexicon, ShortHashes, find, short

# Classes of letters that have the same shape.
_UPPER = 1
_LOWER = 2
_LATIN_UPPER = 3
_LATIN_LOWER = 4
_DIGIT = 5
_LETTER = 6
_SYMBOL = 7
_MARK = 8

_SHAPE_LIMIT = 0x20000  # ideographs beyond are letters
_ASCII_LIMIT = 0x80
_CATEGORIES = {  # the first letter of a category of Unicode
    "L": _LETTER,
    "N": _DIGIT,
    "S": _SYMBOL,
    "M": _MARK,
    "C": _MARK,
    "Z": _MARK,
}
# Alphabets, with the classes of their capital and small letters. Case in later ones is left out.
_ALPHABETS = (
    (range(0x0370), _LATIN_UPPER, _LATIN_LOWER),
    (range(0x0370, 0x0530), _UPPER, _LOWER),  # Greek, Cyrillic
)


def _shape_table() -> Codes:
    """The class of each code point.

    Letters have one by script and case, digits one, emoji one; punctuation and the symbols of
    ASCII are their own classes.
    """
    table = np.arange(_SHAPE_LIMIT, dtype=np.uint32)
    for code in range(_ASCII_LIMIT, _SHAPE_LIMIT):
        group = category(chr(code))[0]
        table[code] = _CATEGORIES.get(group, code)
    for alphabet, upper, lower in _ALPHABETS:
        for code in alphabet:
            letter = chr(code)
            if letter.isdigit():
                table[code] = _DIGIT
            elif letter.isupper():
                table[code] = upper
            elif letter.isalpha():
                table[code] = lower
    return table


_SHAPES = _shape_table()


def shapes(words: Words) -> Words:
    """Each word as the classes of its letters, with runs of more than two cut to two.

    Москва is Хххххх, and so Ххх: the classes [upper, lower, lower].
    """
    points = words.codes
    inside = np.minimum(points, _SHAPE_LIMIT - 1)
    classes = np.where(points < _SHAPE_LIMIT, _SHAPES[inside], np.uint32(_LETTER))

    keep = np.ones(len(classes), dtype=bool)
    third = classes[2:]
    keep[2:] = (third != classes[1:-1]) | (third != classes[:-2])
    keep[words.starts[words.lengths > 0]] = True
    keep[words.starts[words.lengths > 1] + 1] = True
    return Words(classes, words.starts, words.ends).filter(keep)


def bucket(
    hashes: Hashes,
    size: int,
) -> Ints:
    """Numbers 1 .. size - 1, by the hash."""
    remainders = hashes % np.uint64(size - 1)
    return remainders.astype(np.int64) + 1


@dataclass(frozen=True)
class Bag:
    """Ragged numbers: row r has ``ids[offsets[r]:offsets[r + 1]]``; a row may be empty."""

    ids: Ints
    offsets: Ints

    def take(self, rows: Ints) -> Bag:
        """The bag of these rows, end to end."""
        lengths = np.diff(self.offsets)[rows]
        items = ranges(self.offsets[rows], lengths)
        return Bag(self.ids[items], offsets(lengths))


@dataclass(frozen=True)
class Features:
    """Features of the tokens of a batch.

    Attributes:
        index: which distinct word each token is, int64[words].
        columns: the numbers of the distinct words, int64[distinct, columns].
        bags: the bags of the distinct words, each of `distinct` rows.
    """

    index: Ints
    columns: Ints
    bags: dict[str, Bag]


Buckets = Annotated[int, Between(2, 1 << 28)]
PartLengths = Annotated[tuple[Annotated[int, Between(1, 32)], ...], Length(0, 32)]


@dataclass(frozen=True)
class FeatureMaker:
    """Settings of the features, and the tables behind them.

    Attributes:
        word_buckets: the number of hashed words.
        prefixes: the lengths of the prefixes.
        suffixes: the lengths of the suffixes.
        affix_buckets: the most numbers of one length of affix.
        shape_buckets: the number of hashed shapes.
        ngrams: the lengths of the character n-grams; none by default.
        ngram_buckets: the number of hashed n-grams.
        lexicon: the dictionary behind the column "kind" and the bag "tags".
        vector_hashes: the forms that have a word vector, sorted, uint32[forms].
    """

    word_buckets: Buckets = 30_000
    prefixes: PartLengths = (1, 2, 3)
    suffixes: PartLengths = (1, 2, 3, 4, 5)
    affix_buckets: Buckets = 10_000
    shape_buckets: Buckets = 1_000
    ngrams: PartLengths = ()
    ngram_buckets: Buckets = 20_000
    lexicon: Lexicon | None = None
    vector_hashes: ShortHashes = field(
        default_factory=lambda: np.zeros(0, dtype=np.uint32),
    )

    def __post_init__(self) -> None:
        for lengths in (self.prefixes, self.suffixes, self.ngrams):
            if len(set(lengths)) != len(lengths):
                raise ConfigError(f"the features of words have a length twice: {list(lengths)}")

    @property
    def column_sizes(self) -> dict[str, int]:
        """How many numbers each column has, 0 included."""
        sizes = {"word": self.word_buckets}
        for length in self.prefixes:
            sizes[f"prefix{length}"] = self._affix_numbers(length)
        for length in self.suffixes:
            sizes[f"suffix{length}"] = self._affix_numbers(length)
        sizes["shape"] = self.shape_buckets
        if self.lexicon is not None:
            sizes["kind"] = len(ANALYSIS_KINDS)
        if self.vector_hashes.size:
            sizes["vector"] = len(self.vector_hashes) + 1
        return sizes

    @property
    def bag_sizes(self) -> dict[str, int]:
        """How many numbers each bag has."""
        sizes = {}
        if self.lexicon is not None:
            sizes["tags"] = self.lexicon.tags
        if self.ngrams:
            sizes["ngrams"] = self.ngram_buckets
        return sizes

    def describe(
        self,
        words: Words,
        plain: Words | None = None,
        analyses: Analyses | None = None,
    ) -> tuple[Ints, dict[str, Bag]]:
        """Columns int64[words, columns] and bags of words, in the order of the words.

        Args:
            words: the words as they are written.
            plain: the same words normalised, where the caller has them already.
            analyses: their analyses, where the caller has them already.
        """
        if plain is None:
            plain = normalize(words)
        hashes = plain.word_hashes()
        columns = [bucket(hashes, self.word_buckets)]
        for length in self.prefixes:
            columns.append(self._prefix_column(plain, length))
        for length in self.suffixes:
            columns.append(self._suffix_column(plain, length))
        columns.append(bucket(shapes(words).word_hashes(), self.shape_buckets))

        bags: dict[str, Bag] = {}
        if self.lexicon is not None:
            if analyses is None:
                analyses = self.lexicon.analyses(plain)
            columns.append(analyses.kinds)
            bags["tags"] = _distinct_tags(analyses, self.lexicon.tags)
        if self.vector_hashes.size:
            columns.append(find(self.vector_hashes, short(hashes)) + 1)
        if self.ngrams:
            bags["ngrams"] = self._ngram_bag(plain)
        return np.stack(columns, axis=1), bags

    def _affix_numbers(self, length: int) -> int:
        """Short affixes are few and need fewer buckets."""
        return min(self.affix_buckets, 16 << 4 * length)

    def _prefix_column(
        self,
        words: Words,
        length: int,
    ) -> Ints:
        longer = words.lengths > length
        starts = words.starts[longer]
        return self._affix_column(words, longer, starts, length)

    def _suffix_column(
        self,
        words: Words,
        length: int,
    ) -> Ints:
        longer = words.lengths > length
        starts = words.ends[longer] - length
        return self._affix_column(words, longer, starts, length)

    def _affix_column(
        self,
        words: Words,
        longer: Bools,
        starts: Ints,
        length: int,
    ) -> Ints:
        """The affix of each word that is longer than the affix, 0 for the others."""
        hashes = words.hashes(starts, starts + length)
        column = np.zeros(len(words), dtype=np.int64)
        column[longer] = bucket(hashes, self._affix_numbers(length))
        return column

    def _ngram_bag(self, words: Words) -> Bag:
        """The n-grams of each word; those at its beginning or end are n-grams of their own."""
        ids_of_lengths = []
        owners_of_lengths = []
        for length in self.ngrams:
            counts = np.maximum(words.lengths - length + 1, 0)
            owners = np.repeat(np.arange(len(words)), counts)  # int64[n-grams]
            starts = ranges(words.starts, counts)
            ends = starts + length
            is_first = starts == words.starts[owners]
            is_last = ends == words.ends[owners]
            edges = is_first + np.uint64(2) * is_last
            hashes = mix(words.hashes(starts, ends) + edges)
            ids_of_lengths.append(bucket(hashes, self.ngram_buckets))
            owners_of_lengths.append(owners)
        owners = np.concatenate(owners_of_lengths)
        ids = np.concatenate(ids_of_lengths)
        order = np.argsort(owners, kind="stable")
        counts = np.bincount(owners, minlength=len(words))
        return Bag(ids[order], offsets(counts))


def _distinct_tags(
    analyses: Analyses,
    tags: int,
) -> Bag:
    """The tags of each word, each once: analyses are in order of tag, so doubles are neighbours."""
    words = len(analyses.kinds)
    owners = np.repeat(np.arange(words), np.diff(analyses.offsets))
    keys = pair_keys(owners, analyses.tags, tags)
    keep = np.ones(len(keys), dtype=bool)
    keep[1:] = keys[1:] != keys[:-1]
    counts = np.bincount(owners[keep], minlength=words)
    return Bag(analyses.tags[keep], offsets(counts))
