"""Words as arrays of code points, and the hash of any of their substrings in constant time.

All features of the letters of a word (hashed words, affixes, character n-grams, dictionary
look-ups) are made in two steps. `normalize` puts the words of a batch end to end in one array.
`Words.hashes` hashes any pieces of that array. There is no Python loop over words or letters:

    words = normalize(from_strings(["Дом", "стол"]))
    words.codes                                      # д о м с т о л
    words.starts, words.ends                         # [0, 3], [3, 7]
    words.hashes(words.ends - 2, words.ends)         # the hashes of ом and ол

The hash is polynomial over the letters modulo 2**64 (Karp and Rabin, 1987). With
``P[i] = sum(code[j] * B**j for j < i)``, the piece ``[s, e)`` hashes to ``(P[e] - P[s]) * B**-s``.
B is odd, so its powers have inverses, and equal pieces have equal hashes wherever they stand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from pipekit.words.arrays import Bools, Codes, Hashes, Ints, offsets, ranges

_BASE = 0x9E3779B97F4A7C15
_BASE_INVERSE = pow(_BASE, -1, 1 << 64)
_LAST_HASH = (1 << 64) - 1
_BLOCK_BITS = 13
_BLOCK = 1 << _BLOCK_BITS  # letters that are hashed at once, within the caches of the processor
LONGEST = 1_024  # letters of a word that are looked at: the first half and the last half of them
FIRST_KEPT = 0x2100  # Latin, Greek, Cyrillic end here; `lower` leaves what is beyond as it is

# Letters that look alike: Cyrillic ones, and Latin ones in the same order.
_CYRILLIC_TWINS = "АВЕКМНОРСТУХаекорсух"
_LATIN_TWINS = "ABEKMHOPCTYXaekopcyx"
_TO_CYRILLIC = str.maketrans(_LATIN_TWINS, _CYRILLIC_TWINS)
_TO_LATIN = str.maketrans(_CYRILLIC_TWINS, _LATIN_TWINS)
_LETTERS = re.compile("[A-Za-zЀ-ӿ]+")
_LATIN = re.compile("[A-Za-z]")
_INFLECTED = re.compile("[A-Za-z]+[Ѐ-ӿ]+")

_SMALL_IE = 0x0435
_SMALL_IO = 0x0451
_SOFT_HYPHEN = 0x00AD
_FIRST_CYRILLIC = 0x0400
_LAST_CYRILLIC = 0x04FF
_FIRST_MARK = 0x0300
_LAST_MARK = 0x036F

# Characters that a reader does not see as letters of their own.
_HIDDEN = np.array(
    [
        _SOFT_HYPHEN,
        0x0300,  # grave accent
        0x0301,  # acute accent: stress
        0x200B,  # zero-width space
        0x200C,  # zero-width non-joiner
        0x2060,  # word joiner
        0xFEFF,  # zero-width no-break space
    ],
    dtype=np.uint32,
)
# Characters that join or vary emoji.
_JOINERS = np.array(
    [
        0x200D,  # zero-width joiner
        0xFE0E,  # as text
        0xFE0F,  # as a picture
    ],
    dtype=np.uint32,
)
# й and ё of two code points, letter and mark, as one code point.
_COMPOSED = {
    (0x0438, 0x0306): 0x0439,
    (0x0418, 0x0306): 0x0419,
    (0x0435, 0x0308): 0x0451,
    (0x0415, 0x0308): 0x0401,
}


_LAST_OF_PLANE = 0xFFFF


def _unusual_table() -> Bools:
    """Which code points may be dropped or composed, bool[code points of the first plane]."""
    table = np.zeros(_LAST_OF_PLANE + 1, dtype=bool)
    table[_FIRST_MARK : _LAST_MARK + 1] = True
    table[_HIDDEN] = True
    table[_JOINERS] = True
    return table


_UNUSUAL = _unusual_table()


def _lower_table() -> Codes:
    table = np.arange(FIRST_KEPT, dtype=np.uint32)
    for code in range(FIRST_KEPT):
        lowered = chr(code).lower()
        if len(lowered) == 1 and ord(lowered) < FIRST_KEPT:
            table[code] = ord(lowered)
    return table


_LOWER = _lower_table()


def _powers(
    base: int,
    count: int,
) -> Hashes:
    """``1, base, base**2, …`` modulo 2**64, uint64[count]."""
    factors = np.full(count, base & _LAST_HASH, dtype=np.uint64)
    factors[:1] = 1
    return np.cumprod(factors, dtype=np.uint64)


@lru_cache(maxsize=64)
def _block_powers(
    base: int,
    blocks: int,
) -> Hashes:
    """``base**i`` for the first letter i of each block, uint64[blocks]."""
    return _powers(pow(base, _BLOCK, 1 << 64), blocks)


_POWERS = _powers(_BASE, _BLOCK)
_INVERSE_POWERS = _powers(_BASE_INVERSE, _BLOCK)


def codes(text: str) -> Codes:
    """The code points of a text, uint32[len(text)]; lone surrogates are kept."""
    data = text.encode("utf-32-le", "surrogatepass")
    return np.frombuffer(data, dtype=np.uint32)


def lower(points: Codes) -> Codes:
    """Lower-cased code points, one for one."""
    inside = np.minimum(points, FIRST_KEPT - 1)
    return np.where(points < FIRST_KEPT, _LOWER[inside], points)


def mix(values: Hashes) -> Hashes:
    """Spread the bits of each hash (the finaliser of SplitMix64, Steele et al. 2014)."""
    values = values ^ (values >> np.uint64(30))
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    values = values ^ (values >> np.uint64(27))
    values = values * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


_LETTER_HASHES = mix(np.arange(1, FIRST_KEPT + 1, dtype=np.uint64))


def _letter_hashes(points: Codes) -> Hashes:
    """The mixed number of each code point, counted from 1; those of usual letters from a table."""
    if points.max(initial=0) < FIRST_KEPT:
        return _LETTER_HASHES[points]
    return mix(points.astype(np.uint64) + np.uint64(1))


@dataclass(frozen=True)
class Words:
    """Words end to end.

    Attributes:
        codes: the code points of all words, uint32[letters].
        starts: where each word begins in `codes`, int64[words].
        ends: where each word ends in `codes`, int64[words].
    """

    codes: Codes
    starts: Ints
    ends: Ints

    def __len__(self) -> int:
        return len(self.starts)

    @classmethod
    def of_lengths(
        cls,
        points: Codes,
        lengths: Ints,
    ) -> Words:
        """Code points cut into words of these lengths."""
        borders = offsets(lengths)
        return cls(points, borders[:-1], borders[1:])

    @property
    def lengths(self) -> Ints:
        """The number of letters of each word, int64[words]."""
        return self.ends - self.starts

    @cached_property
    def _sums(self) -> Hashes:
        """The prefix sums ``P``, uint64[letters + 1]."""
        sums = np.zeros(len(self.codes) + 1, dtype=np.uint64)
        first_powers = _block_powers(_BASE, self._blocks)
        for block, first_power in enumerate(first_powers):
            start = block * _BLOCK
            points = self.codes[start : start + _BLOCK]
            letters = _letter_hashes(points)
            letters *= _POWERS[: len(letters)]
            letters *= first_power
            sums[start + 1 : start + 1 + len(letters)] = letters
        np.cumsum(sums, out=sums)
        return sums

    @property
    def _blocks(self) -> int:
        """The number of blocks of letters; the last may be empty."""
        return len(self.codes) // _BLOCK + 1

    def hashes(
        self,
        starts: Ints,
        ends: Ints,
    ) -> Hashes:
        """The 64-bit hash of each piece ``codes[start:end]``.

        Equal pieces of any two batches have equal hashes. The hash of an empty piece is 0.
        """
        sums = self._sums[ends] - self._sums[starts]
        sums *= _block_powers(_BASE_INVERSE, self._blocks)[starts >> _BLOCK_BITS]
        sums *= _INVERSE_POWERS[starts & (_BLOCK - 1)]
        return mix(sums)

    def word_hashes(self) -> Hashes:
        """The 64-bit hash of each word."""
        return self.hashes(self.starts, self.ends)

    def take(self, rows: Ints) -> Words:
        """The words of these rows, copied end to end."""
        lengths = self.lengths[rows]
        letters = ranges(self.starts[rows], lengths)
        return Words.of_lengths(self.codes[letters], lengths)

    def shortened(self, rows: Ints) -> Words:
        """The words of these rows like `take`, without the middle of those that are too long.

        No word has more than `LONGEST` letters. An address may, and so may data that only looks
        like text; features would need hundreds of bytes for each letter of it.
        """
        starts = self.starts[rows]
        ends = self.ends[rows]
        lengths = ends - starts
        is_long = lengths > LONGEST
        if not is_long.any():
            return self.take(rows)
        half = LONGEST // 2
        heads = np.where(is_long, half, lengths)
        tails = np.where(is_long, half, 0)
        piece_starts = np.stack([starts, ends - tails], axis=1)
        piece_lengths = np.stack([heads, tails], axis=1)
        letters = ranges(piece_starts.ravel(), piece_lengths.ravel())
        return Words.of_lengths(self.codes[letters], heads + tails)

    def alone(self, row: int) -> Words:
        """One of the words."""
        letters = self.codes[self.starts[row] : self.ends[row]]
        return Words.of_lengths(letters, np.array([len(letters)]))

    def filter(self, keep: Bools) -> Words:
        """All words, without the letters where `keep` bool[letters] is false; some may be empty."""
        if keep.all():
            return self
        places = offsets(keep)
        return Words(self.codes[keep], places[self.starts], places[self.ends])


def fold(text: str) -> str:
    """Lower case, and ё as е: the spelling in which forms and lemmas are compared.

    `normalize` does this and more to many words at once.
    """
    return text.lower().replace("ё", "е")


def words_at(
    points: Codes,
    starts: Ints,
    ends: Ints,
) -> Words:
    """The pieces of a text's code points as Words, `shortened` and otherwise without any change."""
    every = np.arange(len(starts))
    return Words(points, starts, ends).shortened(every)


def visible(words: Words) -> Words:
    """й and ё composed, and without stress marks, soft hyphens and zero-width characters.

    Case and emoji stay as they are.
    """
    if not _has_unusual(words.codes):
        return words
    points = words.codes.copy()
    keep = ~np.isin(points, _HIDDEN)  # bool[letters]
    begins = np.zeros(len(points) + 1, dtype=bool)
    begins[words.starts] = True
    for (letter, mark), composed in _COMPOSED.items():
        is_mark = points[1:] == mark
        is_after_letter = points[:-1] == letter
        marks = np.flatnonzero(is_mark & is_after_letter & ~begins[1:-1]) + 1
        points[marks - 1] = composed
        keep[marks] = False
    return Words(points, words.starts, words.ends).filter(keep)


def in_one_script(words: Words) -> Words:
    """Words with letters of two alphabets in one of them, where the others look the same there.

    «Мoсква» with a Latin o is «Москва», and «СNN» with a Cyrillic С is «CNN». Where some letter has
    no such twin the word stays, and so does a Latin word with a Russian ending, such as «SMSка».
    """
    is_latin = _are_latin(words.codes)
    is_cyrillic = words.codes >= _FIRST_CYRILLIC
    is_cyrillic &= words.codes <= _LAST_CYRILLIC
    meets = is_latin[1:] & is_cyrillic[:-1]
    meets |= is_cyrillic[1:] & is_latin[:-1]
    if not meets.any():
        return words
    letters = np.flatnonzero(meets)
    rows = np.searchsorted(words.ends, letters, side="right")
    is_within = letters + 1 < words.ends[rows]
    points = words.codes.copy()
    for row in np.unique(rows[is_within]).tolist():
        word = slice(int(words.starts[row]), int(words.ends[row]))
        text = points[word].tobytes().decode("utf-32-le", "surrogatepass")
        points[word] = codes(_LETTERS.sub(_one_script, text))
    return Words(points, words.starts, words.ends)


def _are_latin(points: Codes) -> Bools:
    """Which code points are letters from A to Z, small or not, bool[letters]."""
    places = (points | 0x20) - ord("a")  # below zero is a large number
    is_latin: Bools = places < 26
    return is_latin


def _one_script(match: re.Match[str]) -> str:
    """A run of letters in the alphabet that all of them look to be in; most of them decide."""
    run = match[0]
    latin = _LATIN.findall(run)
    cyrillic = _LATIN.sub("", run)
    if not latin or not cyrillic:
        return run
    may_be_cyrillic = set(latin) <= set(_LATIN_TWINS)
    may_be_latin = set(cyrillic) <= set(_CYRILLIC_TWINS) and not _INFLECTED.fullmatch(run)
    if may_be_latin and may_be_cyrillic:
        may_be_cyrillic = len(cyrillic) >= len(latin)
    if may_be_cyrillic:
        return run.translate(_TO_CYRILLIC)
    return run.translate(_TO_LATIN) if may_be_latin else run


def normalize(words: Words) -> Words:
    """Visible characters of one alphabet in lower case, ё as е, without the joiners of emoji.

    A word of invisible characters alone keeps its place, with a length of 0. Features of case are
    made of the words before this step (`pipekit.words.features.shapes`).
    """
    words = in_one_script(visible(words))
    points = lower(words.codes)
    points[points == _SMALL_IO] = _SMALL_IE
    words = Words(points, words.starts, words.ends)
    if not _has_unusual(points):
        return words
    return words.filter(~np.isin(points, _JOINERS))


def normal_spellings(words: list[str]) -> list[str]:
    """Words as `normalize` spells them."""
    return to_strings(normalize(from_strings(words)))


def _has_unusual(points: Codes) -> bool:
    """Whether there may be something to drop or to compose.

    Most texts have nothing of the kind, and this quick look spares them the thorough one.
    """
    inside = np.minimum(points, _LAST_OF_PLANE)
    return bool(_UNUSUAL[inside].any())


def from_strings(words: list[str]) -> Words:
    """Strings as Words."""
    lengths = np.fromiter(
        map(len, words),
        dtype=np.int64,
        count=len(words),
    )
    return Words.of_lengths(codes("".join(words)), lengths)


def to_strings(words: Words) -> list[str]:
    """Words as strings."""
    data = words.codes.astype("<u4").tobytes()
    text = data.decode("utf-32-le", "surrogatepass")
    starts = words.starts.tolist()
    ends = words.ends.tolist()
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]
