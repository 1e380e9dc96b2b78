"""Tokens by rules.

A batch of texts is one array of code points. Each is given a kind, a table of pairs of kinds says where tokens end (`kinds`), runs
of characters with something unusual in them are cut by a regular expression (`special`), and periods go back to abbreviations.
Only the second of these steps loops in Python, over the few per cent of words that need it. The rules themselves are data
(``data/<language>.toml``).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.tokenizers.kinds import (
    CUT,
    CUT_LOOK,
    JOIN,
    JOIN_LOOK,
    CharKind,
    CharKinds,
    Mask,
    kind_table,
    kinds_of,
    pair_table,
)
from pipekit.tokenizers.sentences import Splitter, SplitterTokens, newlines_of
from pipekit.tokenizers.special import Specials
from pipekit.words import chars
from pipekit.words.arrays import Codes, Ints, ranges

_BETWEEN = "\n\n"  # a blank line ends every sentence and every token, so texts joined by it are cut as if they were alone
_GROUP = 1 << 18  # characters
_REPEATS = np.ones(len(CharKind), dtype=bool)
_REPEATS[[CharKind.QUOTE, CharKind.COMMA]] = False
_IN_NUMBERS = np.isin(
    np.arange(len(CharKind)), [CharKind.PERIOD, CharKind.COMMA, CharKind.COLON, CharKind.SLASH]
)
_BEFORE = {"always": 255, "before_lower": 1, "before_upper": 2, "before_digit": 4}
_AFTER_INITIAL = np.isin(
    np.arange(len(CharKind)), [CharKind.CAPITAL, CharKind.COMMA, CharKind.COLON, CharKind.HYPHEN]
)
_NEXT = np.full(
    len(CharKind), 8, dtype=np.uint8
)  # which bit of `_BEFORE` stands for the kind that a word begins with
_NEXT[[CharKind.LETTER, CharKind.CAPITAL, CharKind.DIGIT, CharKind.COMMA, CharKind.SPACE]] = [
    1,
    2,
    4,
    1,
    16,
]


class Segments(NamedTuple):
    """The tokens of one text: where each begins and ends, int32[tokens], and which begin a sentence, bool[tokens]."""

    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    sentence_starts: Mask


@cache
def language_data(lang: str) -> dict[str, Any]:
    """The rules of a language. Raises ValueError if there are none."""
    file = resources.files("pipekit.tokenizers") / "data" / f"{lang}.toml"
    if not lang.isalpha() or not file.is_file():
        raise ValueError(f"no tokenization rules for language {lang!r}")
    return tomllib.loads(file.read_text(encoding="utf-8"))


class RuleTokenizer:
    """Tokens and sentences of a language.

    `abbreviations` keep their period wherever they stand. `special` adds to the lists of the same name in the language's data
    (``{"words": ["Яндекс.Еда"]}``): tokens that are kept letter for letter.
    """

    def __init__(
        self,
        lang: str = "ru",
        abbreviations: Sequence[str] = (),
        special: Mapping[str, Sequence[str]] | None = None,
    ):
        data = language_data(lang)
        literals = [
            token
            for group in (data["special"], special or {})
            for tokens in group.values()
            for token in tokens
        ]
        self._kinds = kind_table(data["characters"])
        self._pairs = _with_literals(pair_table(), self._kinds, literals)
        self._specials = Specials(data, literals)
        self._abbreviations = _Abbreviations(data["abbreviations"], abbreviations)
        self._splitter = Splitter(lang)

    def segment(self, texts: Sequence[str]) -> list[Segments]:
        """Tokens of each text. Whitespace at the beginning of a text is a token, all other whitespace lies between tokens."""
        return [segments for group in _groups(texts) for segments in self._segment(group)]

    def _segment(self, texts: Sequence[str]) -> list[Segments]:
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        offsets = np.cumsum(lengths + len(_BETWEEN)) - lengths - len(_BETWEEN)
        tokens = self.tokens(_BETWEEN.join(texts), offsets, lengths)
        first = self._splitter.sentence_starts(tokens)
        return _split(tokens, first, offsets, lengths)

    def tokens(self, text: str, offsets: Ints, lengths: Ints) -> SplitterTokens:
        """The tokens of texts that were joined by blank lines, without sentences."""
        points = chars.codes(text)
        if not points.size:
            return SplitterTokens(points, np.zeros(0, dtype=np.uint8), offsets[:0], offsets[:0])
        kinds, hidden = kinds_of(points, self._kinds)
        cuts = self._cuts(text, points, kinds, hidden)
        cuts[offsets] = True
        cuts[offsets + lengths] = True
        edges = np.flatnonzero(cuts)
        starts, ends = edges[:-1], edges[1:]
        leading = np.zeros(len(points) + 1, dtype=bool)
        leading[offsets[lengths > 0]] = True
        kept = (kinds[starts] != CharKind.SPACE) | leading[starts]
        return self._abbreviations.join(SplitterTokens(points, kinds, starts[kept], ends[kept]))

    def _cuts(self, text: str, points: Codes, kinds: CharKinds, hidden: Mask | None) -> Mask:
        """Where a token or a gap begins, bool[characters + 1]."""
        actions = self._pairs[kinds[:-1], kinds[1:]]
        actions[(points[1:] == points[:-1]) & _REPEATS[kinds[1:]]] = JOIN
        _join_inside(actions, kinds == CharKind.DIGIT, _IN_NUMBERS[kinds])
        _join_inside(actions, kinds <= CharKind.CAPITAL, kinds == CharKind.APOSTROPHE)
        if hidden is not None:
            actions[hidden[1:]] = JOIN
        cuts = np.ones(len(points) + 1, dtype=bool)
        np.greater_equal(actions, CUT_LOOK, out=cuts[1:-1])
        looks = np.flatnonzero((actions == JOIN_LOOK) | (actions == CUT_LOOK)) + 1
        runs = _runs(looks, np.flatnonzero(kinds == CharKind.SPACE), len(points))
        spans = np.array(
            [span for start, end in runs for span in self._specials.tokens(text, start, end)],
            dtype=np.int64,
        ).reshape(-1, 2)
        cuts[ranges(spans[:, 0], spans[:, 1] - spans[:, 0])] = False
        cuts[spans] = True
        return cuts


class WhitespaceTokenizer:
    """Tokens are what stands between spaces; a line is a sentence."""

    def segment(self, texts: Sequence[str]) -> list[Segments]:
        return [self._segment(text) for text in texts]

    def _segment(self, text: str) -> Segments:
        space = np.fromiter(
            (character.isspace() for character in text), dtype=bool, count=len(text)
        )
        edges = (
            np.flatnonzero(np.concatenate([[True], space[1:] != space[:-1], [True]]))
            if text
            else np.zeros(1, dtype=np.int64)
        )
        kept = ~space[edges[:-1]]
        kept[:1] = True
        starts, ends = edges[:-1][kept].astype(np.int32), edges[1:][kept].astype(np.int32)
        lines = np.cumsum(np.isin(chars.codes(text), [0x0A, 0x0D, 0x2028, 0x2029]))
        first = np.ones(len(starts), dtype=bool)
        first[1:] = lines[starts[1:]] != lines[ends[:-1] - 1]
        return Segments(starts, ends, first)


class _Abbreviations:
    """Words that keep their period, by hash, each with the bits of what may come next."""

    def __init__(self, lists: Mapping[str, str], additions: Iterable[str]):
        bits: dict[str, int] = {}
        for name, listed in lists.items():
            for word in listed.split():
                bits[word] = bits.get(word, 0) | _BEFORE[name]
        bits |= {word.rstrip(".").lower(): 255 for word in additions}
        words = chars.normalize(chars.from_strings(list(bits)))
        hashes = words.hashes(words.starts, words.ends)
        order = np.argsort(hashes)
        self._hashes = hashes[order]
        self._bits = np.array(list(bits.values()), dtype=np.uint8)[order]
        self._longest = max(map(len, bits)) + 2  # stress marks

    def join(self, tokens: SplitterTokens) -> SplitterTokens:
        """Tokens whose periods are joined to the abbreviations before them."""
        kinds, starts, ends = tokens.kinds, tokens.starts, tokens.ends
        first = kinds[starts]
        periods = (
            np.flatnonzero(
                (first[1:] == CharKind.PERIOD)
                & (ends[1:] - starts[1:] == 1)
                & (ends[:-1] == starts[1:])
            )
            + 1
        )
        lengths = ends[periods - 1] - starts[periods - 1]
        periods = periods[(lengths <= self._longest) & (first[periods - 1] <= CharKind.DIGIT)]
        if not periods.size:
            return tokens
        following = _following(tokens, periods)
        words = chars.normalize(
            chars.words_at(tokens.points, starts[periods - 1], ends[periods - 1])
        )
        hashes = words.hashes(words.starts, words.ends)
        places = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        keeps = (self._hashes[places] == hashes) & (self._bits[places] & _NEXT[following] > 0)
        keeps |= (
            (words.lengths == 1)
            & (first[periods - 1] == CharKind.CAPITAL)
            & _AFTER_INITIAL[following]
        )
        joined = periods[keeps]
        ends = ends.copy()
        ends[joined - 1] = ends[joined]
        return SplitterTokens(
            tokens.points, kinds, np.delete(starts, joined), np.delete(ends, joined)
        )


def _following(tokens: SplitterTokens, rows: Ints) -> CharKinds:
    """What the token after each of the chosen ones begins with, a space if a blank line or the end of the text comes first."""
    starts = np.append(tokens.starts, len(tokens.points))[rows + 1]
    newlines = newlines_of(tokens.points)
    blank = np.searchsorted(newlines, starts) - np.searchsorted(newlines, tokens.ends[rows]) > 1
    return np.where(
        blank, np.uint8(CharKind.SPACE), np.append(tokens.kinds, np.uint8(CharKind.SPACE))[starts]
    )


def _groups(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Texts in groups of some `_GROUP` characters: larger arrays leave the caches of the processor."""
    start = size = 0
    for stop, text in enumerate(texts, 1):
        size += len(text)
        if size >= _GROUP or stop == len(texts):
            yield texts[start:stop]
            start, size = stop, 0


def _join_inside(actions: CharKinds, outer: Mask, inner: Mask) -> None:
    """No border in 0,5 and 13:30 and 1/2 and 01.02.2003, nor in can't."""
    middles = np.flatnonzero(inner[1:-1] & outer[:-2] & outer[2:])
    actions[middles] = actions[middles + 1] = JOIN


def _runs(places: Ints, spaces: Ints, length: int) -> Iterable[tuple[int, int]]:
    """The runs without spaces in which the places lie."""
    bounds = np.concatenate([[-1], spaces, [length]])
    right = np.unique(np.searchsorted(bounds, places))
    return zip((bounds[right - 1] + 1).tolist(), bounds[right].tolist(), strict=True)


def _with_literals(pairs: CharKinds, table: CharKinds, literals: Iterable[str]) -> CharKinds:
    """The table of pairs, with a closer look at some pair of each literal."""
    for literal in literals:
        kinds = table[np.minimum(chars.codes(literal), len(table) - 1)]
        actions = pairs[kinds[:-1], kinds[1:]]
        if (actions == CUT).any() and not (actions == CUT_LOOK).any():
            place = int(np.argmax(actions == CUT))
            pairs[kinds[place], kinds[place + 1]] = CUT_LOOK
    return pairs


def _split(tokens: SplitterTokens, first: Mask, offsets: Ints, lengths: Ints) -> list[Segments]:
    """The tokens of all texts, text by text."""
    begins, stops = (
        np.searchsorted(tokens.starts, offsets),
        np.searchsorted(tokens.starts, offsets + lengths),
    )
    first[begins[stops > begins]] = True
    owner = np.repeat(offsets, stops - begins)
    starts, ends = (tokens.starts - owner).astype(np.int32), (tokens.ends - owner).astype(np.int32)
    return [
        Segments(starts[i:j], ends[i:j], first[i:j])
        for i, j in zip(begins.tolist(), stops.tolist(), strict=True)
    ]
