"""Tokens by rules.

A batch of texts is one array of code points, and goes through these steps:

    texts ─► code points ─► kinds of characters (`kinds`)
          ─► borders, by a table of pairs of kinds
          ─► unusual runs of characters, by a regular expression (`special`)
          ─► periods joined to abbreviations ─► tokens
          ─► sentences (`sentences`)

Only the regular expression runs in a Python loop, over the few per cent of words that need it. The
rules themselves are data (``data/<language>.toml``).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Annotated, Any

import numpy as np

from pipekit.errors import ConfigError
from pipekit.parts.protocols import Segments
from pipekit.settings import LabelName, Length
from pipekit.tokenizers.gaps import SplitterTokens, newlines_of
from pipekit.tokenizers.kinds import (
    COUNT,
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
from pipekit.tokenizers.sentences import Splitter
from pipekit.tokenizers.special import Specials
from pipekit.tokenizers.splits import Splits
from pipekit.tokenizers.word_bits import WordBits
from pipekit.words import chars
from pipekit.words.arrays import Codes, Ints, offsets

# A blank line ends every token and every sentence, so texts joined by it are cut as if alone.
_BETWEEN = "\n\n"
_GROUP = 1 << 18  # characters
_BLOCK = 1 << 14  # characters whose pairs are looked up at once: numpy needs 16 bytes for each
_LINE_ENDS = (0x0A, 0x0D, 0x2028, 0x2029)  # of `WhitespaceTokenizer`


def _mask_of(*kinds: int) -> Mask:
    """Which kinds are among these, bool[kinds]."""
    return np.isin(np.arange(COUNT), kinds)


_REPEATS = ~_mask_of(CharKind.QUOTE, CharKind.COMMA)  # one token, if the same character repeats
_IN_NUMBERS = _mask_of(CharKind.PERIOD, CharKind.COMMA, CharKind.COLON, CharKind.SLASH)
_AFTER_INITIAL = _mask_of(CharKind.CAPITAL, CharKind.COMMA, CharKind.COLON, CharKind.HYPHEN)

_Pieces = Annotated[Sequence[LabelName], Length(1, 256)]

# What may follow an abbreviation with its period, as bits: the bits of each list in the rules,
# and the bit of each kind that the next token may begin with.
_MOST_LITERALS = 20_000  # characters of tokens that are kept whole, all in one pattern
_ALWAYS = 255
_BEFORE = {
    "always": _ALWAYS,
    "before_lower": 1,
    "before_upper": 2,
    "before_digit": 4,
}
_NEXT = np.full(COUNT, 8, dtype=np.uint8)
_NEXT[CharKind.LETTER] = 1
_NEXT[CharKind.COMMA] = 1
_NEXT[CharKind.CAPITAL] = 2
_NEXT[CharKind.DIGIT] = 4
_NEXT[CharKind.SPACE] = 16


@cache
def language_data(lang: str) -> dict[str, Any]:
    """The rules of a language. Errors: `ConfigError` if there are none."""
    file = resources.files("pipekit.tokenizers") / "data" / f"{lang}.toml"
    if not lang.isalpha() or not file.is_file():
        raise ConfigError(f"no tokenization rules for language {lang!r}")
    return tomllib.loads(file.read_text(encoding="utf-8"))


class RuleTokenizer:
    """Tokens and sentences of a language.

        tokenizer = RuleTokenizer("ru", special={"words": ["Яндекс.Еда"]})
        starts, ends, sentence_starts = tokenizer.segment(["Мама мыла раму."])[0]

    Args:
        lang: the language, one of ``data/``.
        abbreviations: words that keep their period wherever they stand.
        special: tokens that are kept letter for letter, added to the lists of the same name in the
            language's rules.
        splits: words that are cut, letter for letter, with the tokens of each:
            {"чтоли": ["что", "ли"]}. Borders of sentences are judged by these tokens.

    Errors: `ConfigError` for a language without rules, and for pieces that are not their word.
    """

    def __init__(
        self,
        lang: Annotated[str, Length(1, 16)] = "ru",
        abbreviations: Annotated[Sequence[LabelName], Length(0, 4_096)] = (),
        special: Mapping[str, Annotated[Sequence[LabelName], Length(0, 1_024)]] | None = None,
        splits: Annotated[Mapping[str, _Pieces], Length(0, 4_096)] | None = None,
    ) -> None:
        data = language_data(lang)
        literals: list[str] = []
        for lists in (data["special"], special or {}):
            for tokens in lists.values():
                literals += tokens
        if sum(map(len, literals)) > _MOST_LITERALS:
            raise ConfigError(
                f"special has more than {_MOST_LITERALS} characters: keep fewer tokens whole"
            )
        self._kinds = kind_table(data["characters"])
        self._pairs = _with_literals(pair_table(), self._kinds, literals)
        self._specials = Specials(data, literals)
        self._abbreviations = _Abbreviations(data["abbreviations"], abbreviations)
        self._splits = Splits(splits) if splits else None
        self._splitter = Splitter(lang, data["followed_by"])

    def segment(self, texts: Sequence[str]) -> list[Segments]:
        """The tokens of each text.

        White space at the beginning of a text is a token. All other white space lies between
        tokens.
        """
        segments: list[Segments] = []
        for group in _groups(texts):
            segments += self._segment_group(group)
        return segments

    def _segment_group(self, texts: Sequence[str]) -> list[Segments]:
        lengths = np.fromiter(
            map(len, texts),
            dtype=np.int64,
            count=len(texts),
        )
        starts = offsets(lengths + len(_BETWEEN))[:-1]
        tokens = self.tokens(_BETWEEN.join(texts), starts, lengths)
        sentence_starts = self._splitter.sentence_starts(tokens)
        return _split(tokens, sentence_starts, starts, lengths)

    def tokens(
        self,
        text: str,
        offsets: Ints,
        lengths: Ints,
    ) -> SplitterTokens:
        """The tokens of texts, without sentences.

        Args:
            text: the texts, joined by blank lines.
            offsets: where each of them begins, int64[texts].
            lengths: the length of each, int64[texts].
        """
        points = chars.codes(text)
        if not points.size:
            no_kinds = np.zeros(0, dtype=np.uint8)
            return SplitterTokens(points, no_kinds, offsets[:0], offsets[:0])
        kinds, hidden = kinds_of(points, self._kinds)
        cuts = self._cuts(text, points, kinds, hidden)
        cuts[offsets] = True
        cuts[offsets + lengths] = True
        edges = np.flatnonzero(cuts)
        starts = edges[:-1]
        ends = edges[1:]

        begins_text = np.zeros(len(points) + 1, dtype=bool)
        begins_text[offsets[lengths > 0]] = True
        keep = (kinds[starts] != CharKind.SPACE) | begins_text[starts]
        tokens = SplitterTokens(points, kinds, starts[keep], ends[keep])
        tokens = self._abbreviations.join(tokens)
        return self._splits.cut(tokens) if self._splits else tokens

    def _cuts(
        self,
        text: str,
        points: Codes,
        kinds: CharKinds,
        hidden: Mask | None,
    ) -> Mask:
        """Where a token or a gap begins, bool[characters + 1]."""
        actions = _actions(kinds, self._pairs)
        is_same = points[1:] == points[:-1]
        may_repeat = _REPEATS[kinds[1:]]
        actions[is_same & may_repeat] = JOIN
        _join_inside(actions, kinds == CharKind.DIGIT, _IN_NUMBERS[kinds])
        _join_inside(actions, kinds <= CharKind.CAPITAL, kinds == CharKind.APOSTROPHE)
        if hidden is not None:
            actions[hidden[1:]] = JOIN
        cuts = np.ones(len(points) + 1, dtype=bool)
        np.greater_equal(actions, CUT_LOOK, out=cuts[1:-1])

        needs_look = (actions == JOIN_LOOK) | (actions == CUT_LOOK)
        looks = np.flatnonzero(needs_look) + 1
        spaces = np.flatnonzero(kinds == CharKind.SPACE)
        spans: list[tuple[int, int]] = []
        for start, end in _runs(looks, spaces, len(points)):
            spans += self._specials.tokens(text, start, end)
        for start, end in spans:
            cuts[start:end] = False
        cuts[np.array(spans, dtype=np.int64)] = True
        return cuts


class WhitespaceTokenizer:
    """The tokens are the runs of characters between white space; a line is a sentence."""

    def segment(self, texts: Sequence[str]) -> list[Segments]:
        """The tokens of each text; white space at the beginning of a text is a token."""
        return [self._segment(text) for text in texts]

    def _segment(self, text: str) -> Segments:
        spaces = np.fromiter(
            map(str.isspace, text),
            dtype=bool,
            count=len(text),
        )
        is_edge = np.ones(len(text) + 1, dtype=bool)
        np.not_equal(
            spaces[1:],
            spaces[:-1],
            out=is_edge[1:-1],
        )
        edges = np.flatnonzero(is_edge)
        starts = edges[:-1]
        ends = edges[1:]
        keep = ~spaces[starts]
        keep[:1] = True
        starts = starts[keep].astype(np.int32)
        ends = ends[keep].astype(np.int32)

        lines = np.cumsum(np.isin(chars.codes(text), _LINE_ENDS))
        first_lines = lines[starts[1:]]
        last_lines = lines[ends[:-1] - 1]
        sentence_starts = np.ones(len(starts), dtype=bool)
        sentence_starts[1:] = first_lines != last_lines
        return Segments(starts, ends, sentence_starts)


class _Abbreviations:
    """Words that keep their period, by hash, each with the bits of what may come next."""

    def __init__(
        self,
        lists: Mapping[str, str],
        additions: Iterable[str],
    ) -> None:
        bits: dict[str, int] = {}
        for name, listed in lists.items():
            for word in listed.split():
                bits[word] = bits.get(word, 0) | _BEFORE[name]
        for addition in additions:
            word = addition.rstrip(".").lower()
            bits[word] = _ALWAYS
        self._bits = WordBits(bits)
        self._longest = max(map(len, bits)) + 2  # stress marks

    def join(self, tokens: SplitterTokens) -> SplitterTokens:
        """The tokens, with periods joined to the abbreviations before them."""
        periods = self._candidates(tokens)
        if not periods.size:
            return tokens
        joined = periods[self._keeps_period(tokens, periods)]
        ends = tokens.ends.copy()
        ends[joined - 1] = ends[joined]
        return SplitterTokens(
            tokens.points,
            tokens.kinds,
            np.delete(tokens.starts, joined),
            np.delete(ends, joined),
        )

    def _candidates(self, tokens: SplitterTokens) -> Ints:
        """Single periods right behind a short word or number, int64[periods]."""
        starts = tokens.starts
        ends = tokens.ends
        first = tokens.kinds[starts]
        is_single = ends[1:] - starts[1:] == 1
        is_adjacent = ends[:-1] == starts[1:]
        is_period = (first[1:] == CharKind.PERIOD) & is_single & is_adjacent
        periods = np.flatnonzero(is_period) + 1
        before = periods - 1
        is_short = ends[before] - starts[before] <= self._longest
        is_word = first[before] <= CharKind.DIGIT
        return periods[is_short & is_word]

    def _keeps_period(
        self,
        tokens: SplitterTokens,
        periods: Ints,
    ) -> Mask:
        """Whether each period belongs to the word before it, bool[periods]."""
        before = periods - 1
        starts = tokens.starts[before]
        words = chars.words_at(tokens.points, starts, tokens.ends[before])
        words = chars.normalize(words)
        bits = self._bits.of(words.word_hashes())

        following = _following(tokens, periods)
        may_follow = bits & _NEXT[following] > 0
        is_capital = tokens.kinds[starts] == CharKind.CAPITAL
        is_initial = (words.lengths == 1) & is_capital & _AFTER_INITIAL[following]
        keeps: Mask = may_follow | is_initial
        return keeps


def _following(
    tokens: SplitterTokens,
    rows: Ints,
) -> CharKinds:
    """The kind that begins the token after each of these tokens, uint8[rows].

    It is a space where a blank line or the end of the text comes first.
    """
    starts = np.append(tokens.starts, len(tokens.points))
    starts = starts[rows + 1]
    newlines = newlines_of(tokens.points)
    lines_before = np.searchsorted(newlines, tokens.ends[rows])
    lines_after = np.searchsorted(newlines, starts)
    is_blank = lines_after - lines_before > 1
    space = np.uint8(CharKind.SPACE)
    kinds = np.append(tokens.kinds, space)[starts]
    return np.where(is_blank, space, kinds)


def _groups(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Texts in groups of some `_GROUP` characters.

    Larger arrays would leave the caches of the processor.
    """
    start = 0
    size = 0
    for stop, text in enumerate(texts, 1):
        size += len(text)
        if size >= _GROUP or stop == len(texts):
            yield texts[start:stop]
            start = stop
            size = 0


def _actions(
    kinds: CharKinds,
    pairs: CharKinds,
) -> CharKinds:
    """What happens between neighbours, uint8[characters - 1], some of them at a time."""
    actions = np.empty(len(kinds) - 1, dtype=np.uint8)
    for start in range(0, len(actions), _BLOCK):
        left = kinds[:-1][start : start + _BLOCK]
        right = kinds[1:][start : start + _BLOCK]
        actions[start : start + _BLOCK] = pairs[left, right]
    return actions


def _join_inside(
    actions: CharKinds,
    outer: Mask,
    inner: Mask,
) -> None:
    """Join a character with both neighbours, as in 0,5 and 13:30 and 1/2 and 01.02.2003 and can't.

    Args:
        actions: what happens between neighbours, uint8[characters - 1]; changed in place.
        outer: the kinds of the neighbours, bool[characters].
        inner: the kinds of the character between them, bool[characters].
    """
    left = outer[:-2]
    right = outer[2:]
    middles = np.flatnonzero(inner[1:-1] & left & right)
    actions[middles] = JOIN
    actions[middles + 1] = JOIN


def _runs(
    looks: Ints,
    spaces: Ints,
    length: int,
) -> Iterable[tuple[int, int]]:
    """The spans of the runs without spaces that need a closer look, each once.

    Args:
        looks: the borders that need it.
        spaces: the places of spaces.
        length: of the text.
    """
    bounds = np.concatenate([[-1], spaces, [length]])
    right = np.unique(np.searchsorted(bounds, looks))
    starts = bounds[right - 1] + 1
    ends = bounds[right]
    return zip(starts.tolist(), ends.tolist(), strict=True)


def _with_literals(
    pairs: CharKinds,
    table: CharKinds,
    literals: Iterable[str],
) -> CharKinds:
    """The table of pairs, with a closer look at some pair of each literal."""
    for literal in literals:
        points = np.minimum(chars.codes(literal), len(table) - 1)
        kinds = table[points]
        actions = pairs[kinds[:-1], kinds[1:]]
        is_cut = actions == CUT
        if is_cut.any() and not (actions == CUT_LOOK).any():
            place = int(np.argmax(is_cut))
            pairs[kinds[place], kinds[place + 1]] = CUT_LOOK
    return pairs


def _split(
    tokens: SplitterTokens,
    sentence_starts: Mask,
    offsets: Ints,
    lengths: Ints,
) -> list[Segments]:
    """The tokens of all texts, text by text; `sentence_starts` is changed in place."""
    first = np.searchsorted(tokens.starts, offsets)
    last = np.searchsorted(tokens.starts, offsets + lengths)
    sentence_starts[first[last > first]] = True
    text_starts = np.repeat(offsets, last - first)  # int64[tokens]
    starts = (tokens.starts - text_starts).astype(np.int32)
    ends = (tokens.ends - text_starts).astype(np.int32)
    segments = []
    for i, j in zip(first.tolist(), last.tolist(), strict=True):
        segment = Segments(
            starts[i:j],
            ends[i:j],
            sentence_starts[i:j],
        )
        segments.append(segment)
    return segments
