"""Weighted terms of texts, TF-IDF (Salton and Buckley 1988).

Terms are words, pairs of words and pieces of words, as rows of a learned vocabulary. A term is
recognised by its 64-bit hash.

A text may be a whole document or any choice of tokens, each with a mark. A marked word is another
term than the same word unmarked: so the word before an entity differs from the same word elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.parts.batch import Batch
from pipekit.settings import Between, Length
from pipekit.tables import Declarations, Table
from pipekit.words.arrays import Floats, Hashes, Ints, offsets, pair_keys, ranges, split_pairs
from pipekit.words.chars import Words, mix

VOCABULARY_TABLES: Declarations = {
    "hashes": Table("uint64", "terms", order="unique"),
    "idf": Table("float32", "terms", least=1e-6, most=1e6),
    "piece": Table("bool", "terms"),
}
# Weights that are fitted beside a vocabulary, before they are those of a network.
FITTED_TABLES: Declarations = {
    **VOCABULARY_TABLES,
    "weights": Table("float32", "terms classes", needed=False),
    "bias": Table("float32", "classes", needed=False),
    "fold_weights": Table("float32", "terms folds", needed=False),
    "fold_bias": Table("float32", "folds", needed=False),
}
PieceLengths = Annotated[Sequence[Annotated[int, Between(1, 32)]], Length(0, 16)]

# Odd numbers that set pairs of words, marked words and pieces of words apart from words.
_PAIR = np.uint64(0x9E3779B97F4A7C15)
_MARK = np.uint64(0xC2B2AE3D27D4EB4F)
_PIECE = np.uint64(0x165667B19E3779F9)


class TermTokens(NamedTuple):
    """Which tokens make which text, in order.

    Attributes:
        text: the number of the text, int64[n].
        row: the token row in the batch, int64[n].
        mark: a number above 0 for a marked token, 0 for others, int64[n].
        texts: how many texts there are.
    """

    text: Ints
    row: Ints
    mark: Ints
    texts: int


class Terms(NamedTuple):
    """The terms of texts: text t has those from ``offsets[t]`` up to ``offsets[t + 1]``.

    Attributes:
        ids: rows of the vocabulary, int64[terms].
        values: the weights of the terms, float32[terms].
        offsets: int64[texts + 1].
    """

    ids: Ints
    values: Floats
    offsets: Ints

    def take(self, texts: Ints) -> Terms:
        """Those of some of the texts."""
        starts = self.offsets[texts]
        lengths = np.diff(self.offsets)[texts]
        rows = ranges(starts, lengths)
        return Terms(
            ids=self.ids[rows],
            values=self.values[rows],
            offsets=offsets(lengths),
        )


class Vocabulary:
    """The terms that count, and how much each does.

    Pieces of words and the other terms of a text are normalised each by themselves, to a length
    of 1.

    Args:
        tables: "hashes" uint64[terms], sorted; "idf" float32[terms]; "piece" bool[terms], whether a
            term is a piece of a word.
        pieces: the lengths of pieces of words; none for words alone.
    """

    def __init__(
        self,
        tables: dict[str, NDArray[np.generic]],
        pieces: tuple[int, ...],
    ) -> None:
        self.hashes: Hashes = tables["hashes"].astype(np.uint64, copy=False)
        self.idf = tables["idf"].astype(np.float32, copy=False)
        self.piece = tables["piece"].astype(bool, copy=False)
        self.pieces = pieces

    def __len__(self) -> int:
        return len(self.hashes)

    def terms(
        self,
        batch: Batch,
        tokens: TermTokens,
    ) -> Terms:
        """The known terms of each text, with weights (1 + log count) * idf, normalised.

        With N texts, df of them with the term and n occurrences in the text, the weight is
        (1 + log n) (log((1 + N) / (1 + df)) + 1). The formula of textbooks, n log(N / df),
        gives no weight to a term that all texts have.
        """
        size = max(len(self), 1)
        parts = occurrences(batch, tokens, self.pieces)
        keys = [self._keys(part, size) for part in parts]
        distinct, counts = np.unique(np.concatenate(keys), return_counts=True)
        text, ids = split_pairs(distinct, size)
        weights = (1 + np.log(counts)) * self.idf[ids]
        # Two blocks for each text: words, and pieces of words.
        block = text * 2 + self.piece[ids]
        squares = np.bincount(block, weights**2, minlength=2 * tokens.texts)
        lengths = np.sqrt(squares)
        values = weights / lengths[block]
        return Terms(
            ids=ids,
            values=values.astype(np.float32),
            offsets=np.searchsorted(text, np.arange(tokens.texts + 1)),
        )

    def _keys(
        self,
        part: Occurrences,
        size: int,
    ) -> Ints:
        """Text and vocabulary row of each occurrence of a known term, as pairs in one number."""
        # Distinct and sorted hashes are looked up in a third of the time.
        distinct, index = np.unique(part.hashes, return_inverse=True)
        rows = np.searchsorted(self.hashes, distinct)
        is_term = rows < len(self)
        is_term[is_term] = self.hashes[rows[is_term]] == distinct[is_term]
        rows[~is_term] = -1
        ids = rows[index][part.term]  # int64[occurrences]
        valid = ids >= 0
        return pair_keys(part.text[valid], ids[valid], size)


def learn_vocabulary(
    batch: Batch,
    tokens: TermTokens,
    pieces: tuple[int, ...],
    min_count: int,
) -> dict[str, NDArray[np.generic]]:
    """The tables of a vocabulary of the terms that are in at least `min_count` texts.

    idf = log((1 + texts) / (1 + texts with the term)) + 1.
    """
    parts = occurrences(batch, tokens, pieces)
    texts = np.concatenate([part.text for part in parts])
    hashes = np.concatenate([part.hashes[part.term] for part in parts])
    # The first part are words and pairs of words, the second, if there is one, pieces of words.
    lengths = [len(part.text) for part in parts]
    piece = np.repeat(np.arange(len(parts)) > 0, lengths)
    distinct, first, index = np.unique(
        hashes,
        return_index=True,
        return_inverse=True,
    )

    size = max(tokens.texts, 1)
    pairs = np.unique(pair_keys(index, texts, size))
    terms, _ = split_pairs(pairs, size)
    counts = np.bincount(terms, minlength=len(distinct))
    frequent = counts >= min_count
    ratio = (1 + tokens.texts) / (1 + counts[frequent])
    idf = np.log(ratio) + 1
    return {
        "hashes": distinct[frequent],
        "idf": idf.astype(np.float32),
        "piece": piece[first][frequent],
    }


class Occurrences(NamedTuple):
    """Where terms occur: text ``text[i]`` has the term ``hashes[term[i]]``.

    Attributes:
        text: int64[occurrences].
        term: int64[occurrences].
        hashes: uint64[terms]; not always distinct.
    """

    text: Ints
    term: Ints
    hashes: Hashes


def occurrences(
    batch: Batch,
    tokens: TermTokens,
    pieces: tuple[int, ...],
) -> list[Occurrences]:
    """Every term of every text: words and pairs of words; then, with `pieces`, pieces of words.

    Marked tokens are no source of pieces. The two words of a pair have the same mark.
    """
    parts = [_word_occurrences(batch, tokens)]
    if pieces:
        parts.append(_piece_occurrences(batch, tokens, pieces))
    return parts


def _word_occurrences(
    batch: Batch,
    tokens: TermTokens,
) -> Occurrences:
    """Words, and pairs of words that stand side by side."""
    plain = batch.distinct.plain
    distinct = plain.hashes(plain.starts, plain.ends)
    words = distinct[batch.distinct.index[tokens.row]]  # uint64[n]
    marks = tokens.mark.astype(np.uint64) * _MARK
    words = np.where(tokens.mark > 0, mix(words ^ marks), words)

    same_text = np.diff(tokens.text) == 0
    next_token = np.diff(tokens.row) == 1
    same_mark = np.diff(tokens.mark) == 0
    first = np.flatnonzero(same_text & next_token & same_mark)
    pairs = mix(words[first] * _PAIR + words[first + 1])
    hashes = np.concatenate([words, pairs])
    return Occurrences(
        text=np.concatenate([tokens.text, tokens.text[first]]),
        term=np.arange(len(hashes)),
        hashes=hashes,
    )


def _piece_occurrences(
    batch: Batch,
    tokens: TermTokens,
    pieces: tuple[int, ...],
) -> Occurrences:
    """Pieces of the words that are not marked."""
    hashes, begins = _pieces(batch.distinct.plain, pieces)
    unmarked = np.flatnonzero(tokens.mark == 0)
    rows = tokens.row[unmarked]
    words = batch.distinct.index[rows]
    lengths = np.diff(begins)[words]
    return Occurrences(
        text=np.repeat(tokens.text[unmarked], lengths),
        term=ranges(begins[words], lengths),
        hashes=hashes,
    )


def _pieces(
    words: Words,
    lengths: tuple[int, ...],
) -> tuple[Hashes, Ints]:
    """Hashes of the pieces of each word, and their offsets by word, int64[words + 1].

    A piece has one of the lengths. A border of the word counts as a character: the pieces of length
    3 of "кот" are "кот", "^ко" and "от$".
    """
    hashes = []
    owners = []
    for length in lengths:
        for owner, start, size, border in _piece_places(words, length):
            pieces = words.hashes(start, start + size)
            hashes.append(mix(pieces + _PIECE * np.uint64(border)))
            owners.append(owner)
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    numbers = np.arange(len(words) + 1)
    begins = np.searchsorted(owner[order], numbers)
    return np.concatenate(hashes)[order], begins


def _piece_places(
    words: Words,
    length: int,
) -> list[tuple[Ints, Ints, int, int]]:
    """Pieces of one length: owners, first characters, size without borders, number of the border.

    The number is 1 for no border, 2 for the border before a word, 3 for the border behind it.
    """
    counts = np.maximum(words.lengths - length + 1, 0)
    inner_owners = np.repeat(np.arange(len(words)), counts)
    inner_starts = ranges(words.starts, counts)

    size = length - 1
    owners = np.flatnonzero(words.lengths >= size)
    first_starts = words.starts[owners]
    last_starts = words.ends[owners] - size
    return [
        (inner_owners, inner_starts, length, 1),
        (owners, first_starts, size, 2),
        (owners, last_starts, size, 3),
    ]
