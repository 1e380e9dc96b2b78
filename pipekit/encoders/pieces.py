"""Words as subword pieces: a vocabulary by byte-pair encoding, and the cut of all words of a batch at once.

The vocabulary is learned by merging the most frequent pair of neighbours (Sennrich, Haddow and Birch 2016); words are cut by the longest
piece that matches, from left to right, as WordPiece does (Wu et al. 2016, section 4.1), which needs no order of merges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from pipekit.chars import Hashes, Ints, Words, from_strings

START = "▁"  # begins the first piece of each word
UNKNOWN = 0


class Cut(NamedTuple):
    """Pieces of words: `ids` int64[pieces], and the piece at which each word begins, int64[words + 1]; each word has one at least."""

    ids: Ints
    borders: Ints


def learn(words: Iterable[str], size: int) -> list[str]:
    """A vocabulary of at most `size` pieces: all letters that occur, with and without START, and the merges."""
    counts = Counter(words)
    cuts = {word: [START + word[0], *word[1:]] for word in counts}
    letters = Counter(piece for word, pieces in cuts.items() for piece in pieces for _ in range(counts[word]))
    vocabulary = [piece for piece, _ in letters.most_common(size)]
    pairs: Counter[tuple[str, str]] = Counter()
    where: dict[tuple[str, str], set[str]] = {}
    for word, pieces in cuts.items():
        _count(pairs, where, word, pieces, counts[word])
    while len(vocabulary) < size and pairs:
        best, times = max(pairs.items(), key=lambda item: (item[1], item[0]))
        if times < 2:
            break
        vocabulary.append("".join(best))
        for word in sorted(where.pop(best)):
            _count(pairs, where, word, cuts[word], -counts[word])
            cuts[word] = _merge(cuts[word], best)
            _count(pairs, where, word, cuts[word], counts[word])
        pairs.pop(best, None)
    return vocabulary


def _count(pairs: Counter[tuple[str, str]], where: dict[tuple[str, str], set[str]], word: str, pieces: list[str], times: int) -> None:
    for pair in pairwise(pieces):
        pairs[pair] += times
        if times > 0:
            where.setdefault(pair, set()).add(word)


def _merge(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    merged, i = [], 0
    while i < len(pieces):
        both = tuple(pieces[i : i + 2]) == pair
        merged.append("".join(pair) if both else pieces[i])
        i += 1 + both
    return merged


class Pieces:
    """Cuts words by a vocabulary. Piece 0 is a letter that the vocabulary lacks; piece i + 1 is vocabulary[i]."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.vocabulary = list(vocabulary)
        begins = np.array([piece.startswith(START) for piece in self.vocabulary], dtype=bool)
        plain = from_strings([piece.removeprefix(START) for piece in self.vocabulary])
        keys = plain.hashes(plain.starts, plain.ends) ^ begins.astype(np.uint64)
        order = np.argsort(keys, kind="stable")
        self._keys: Hashes = keys[order]
        self._ids = order.astype(np.int64) + 1
        self._longest = int(plain.lengths.max()) if len(plain) else 1

    def __len__(self) -> int:
        return len(self.vocabulary) + 1

    def cut(self, words: Words) -> Cut:
        """The pieces of normalised words. A word without letters is one unknown piece."""
        owners, ids = [], []
        place, rows = words.starts.copy(), np.arange(len(words), dtype=np.int64)
        while rows.size:
            piece, length = self._longest_match(words, rows, place[rows])
            owners.append(rows)
            ids.append(piece)
            place[rows] += length
            rows = rows[place[rows] < words.ends[rows]]
        if not owners:
            return Cut(np.zeros(0, np.int64), np.zeros(1, np.int64))
        owner = np.concatenate(owners)
        order = np.argsort(owner, kind="stable")
        borders = np.zeros(len(words) + 1, dtype=np.int64)
        np.cumsum(np.bincount(owner, minlength=len(words)), out=borders[1:])
        return Cut(np.concatenate(ids)[order], borders)

    def _longest_match(self, words: Words, rows: Ints, place: Ints) -> tuple[Ints, Ints]:
        ids, lengths = np.full(len(rows), UNKNOWN, np.int64), np.ones(len(rows), np.int64)
        if not self.vocabulary:
            return ids, lengths
        first = (place == words.starts[rows]).astype(np.uint64)
        open_ = np.arange(len(rows))
        for length in range(self._longest, 0, -1):
            able = open_[place[open_] + length <= words.ends[rows[open_]]]
            keys = words.hashes(place[able], place[able] + length) ^ first[able]
            found = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            hit = self._keys[found] == keys
            ids[able[hit]], lengths[able[hit]] = self._ids[found[hit]], length
            open_ = np.setdiff1d(open_, able[hit], assume_unique=True)
        return ids, lengths
