"""Words as arrays of code points, and the hash of any of their substrings in constant time.

Everything that pipekit knows about the letters of a word (hashed words, affixes, character n-grams, dictionary look-ups) is made
from two calls: `normalize` puts the words of a batch end to end in one array, and `Words.hashes` hashes any pieces of it.
Nothing here loops over words or letters in Python.

The hash is polynomial over the letters modulo 2**64 (Karp and Rabin, 1987): with ``P[i] = sum(code[j] * B**j for j < i)``, the piece
``[s, e)`` hashes to ``(P[e] - P[s]) * B**-s``. B is odd, so its powers have inverses, and equal pieces hash alike wherever they stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipekit.words.arrays import Codes, Hashes, Ints, ranges

_BASE = 0x9E3779B97F4A7C15
_BASE_INVERSE = pow(_BASE, -1, 1 << 64)
_TABLE_SIZE = 0x2100  # Latin, Greek, Cyrillic and their extensions; letters beyond keep their case

# What a reader does not see as a letter of its own: stress marks, soft hyphen, zero-width characters; and what joins or varies emoji.
_HIDDEN = (0x00AD, 0x0300, 0x0301, 0x200B, 0x200C, 0x2060, 0xFEFF)
_JOINERS = (0x200D, 0xFE0E, 0xFE0F)
_COMPOSED = {
    (0x0438, 0x0306): 0x0439,
    (0x0418, 0x0306): 0x0419,
    (0x0435, 0x0308): 0x0451,
    (0x0415, 0x0308): 0x0401,
}  # NFD й and ё


def _lower_table() -> Codes:
    table = np.arange(_TABLE_SIZE, dtype=np.uint32)
    for code in range(_TABLE_SIZE):
        lowered = chr(code).lower()
        if len(lowered) == 1 and ord(lowered) < _TABLE_SIZE:
            table[code] = ord(lowered)
    return table


_LOWER = _lower_table()


def codes(text: str) -> Codes:
    """The code points of a text, uint32[len(text)]; lone surrogates keep theirs."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def lower(points: Codes) -> Codes:
    """Lower-cased code points, one for one."""
    inside = np.minimum(points, _TABLE_SIZE - 1)
    return np.where(points < _TABLE_SIZE, _LOWER[inside], points)


def mix(values: Hashes) -> Hashes:
    """Spread the bits of each hash (the finaliser of SplitMix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@dataclass(frozen=True)
class Words:
    """Words end to end: `codes` uint32[letters], and where each begins and ends in it, int64[words]."""

    codes: Codes
    starts: Ints
    ends: Ints

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> Ints:
        return self.ends - self.starts

    @cached_property
    def _powers(self) -> tuple[Hashes, Hashes]:
        size = len(self.codes) + 1
        forward = np.full(size, _BASE, dtype=np.uint64)
        backward = np.full(size, _BASE_INVERSE, dtype=np.uint64)
        forward[0] = backward[0] = 1
        return np.cumprod(forward, dtype=np.uint64), np.cumprod(backward, dtype=np.uint64)

    @cached_property
    def _sums(self) -> Hashes:
        letters = mix(self.codes.astype(np.uint64) + np.uint64(1))
        sums = np.zeros(len(letters) + 1, dtype=np.uint64)
        np.cumsum(letters * self._powers[0][:-1], dtype=np.uint64, out=sums[1:])
        return sums

    def hashes(self, starts: Ints, ends: Ints) -> Hashes:
        """The 64-bit hash of each piece ``codes[start:end]``; equal pieces of any batch have equal hashes, the empty piece 0."""
        return mix((self._sums[ends] - self._sums[starts]) * self._powers[1][starts])

    def take(self, rows: Ints) -> Words:
        """The chosen words, copied end to end."""
        lengths = self.lengths[rows]
        ends = np.cumsum(lengths)
        return Words(self.codes[ranges(self.starts[rows], lengths)], ends - lengths, ends)


def fold(text: str) -> str:
    """Lower case, ё as е: how forms and lemmas are compared. `normalize` does this and more to many words at once."""
    return text.lower().replace("ё", "е")


def words_at(points: Codes, starts: Ints, ends: Ints) -> Words:
    """The pieces of a text's code points as Words, as they are."""
    return Words(points, starts, ends).take(np.arange(len(starts)))


def visible(words: Words) -> Words:
    """й and ё composed; stress marks, soft hyphens and zero-width characters dropped. Case and emoji stay as they are."""
    points = words.codes
    if not _unusual(points):
        return words
    points = points.copy()
    keep = ~np.isin(points, np.array(_HIDDEN, dtype=np.uint32))
    begins = np.zeros(len(points) + 1, dtype=bool)
    begins[words.starts] = True
    for (letter, mark), composed in _COMPOSED.items():
        marks = np.flatnonzero((points[1:] == mark) & (points[:-1] == letter) & ~begins[1:-1]) + 1
        points[marks - 1] = composed
        keep[marks] = False
    return _kept(points, words, keep)


def normalize(words: Words) -> Words:
    """What is visible, in lower case, ё as е, without the joiners of emoji.

    A word of invisible characters alone keeps its length of 0. Case is told by shapes, so nothing is lost by dropping it here.
    """
    words = visible(words)
    points = lower(words.codes)
    points[points == 0x0451] = 0x0435
    return _kept(
        points,
        words,
        ~np.isin(points, np.array(_JOINERS, dtype=np.uint32)) if _unusual(points) else None,
    )


def _unusual(points: Codes) -> bool:
    """Whether there may be anything to drop or to compose: most texts have nothing, and then need no closer look."""
    return bool(
        ((points > 0x04FF) | (points == 0x00AD) | ((points >= 0x0300) & (points <= 0x036F))).any()
    )


def _kept(points: Codes, words: Words, keep: NDArray[np.bool_] | None) -> Words:
    if keep is None or keep.all():
        return Words(points, words.starts, words.ends)
    kept = np.concatenate([[0], np.cumsum(keep)])
    return Words(points[keep], kept[words.starts], kept[words.ends])


def from_strings(words: list[str]) -> Words:
    """Strings as Words."""
    lengths = np.fromiter((len(w) for w in words), dtype=np.int64, count=len(words))
    ends = np.cumsum(lengths)
    return Words(codes("".join(words)), ends - lengths, ends)


def to_strings(words: Words) -> list[str]:
    """Words as strings."""
    text = words.codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    return [
        text[start:end]
        for start, end in zip(words.starts.tolist(), words.ends.tolist(), strict=True)
    ]
