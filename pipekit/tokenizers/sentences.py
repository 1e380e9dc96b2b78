"""Sentences: a small trained classifier of the gaps between tokens.

A blank line always ends a sentence. Elsewhere a gap is a candidate, unless a small letter follows a
word or a comma, or follows a dash (as in «Да!» — сказал он). A linear model over hashed features of
the tokens around the gap decides about each candidate, over all candidates of a batch at once:

    gap ─► columns (form, shape, … of the tokens around it)
        ─► one feature for each template: a hash of its columns ─► a weight of the table
        ─► sum of the weights ─► border or none

No feature looks beyond the blank lines around its candidate, so texts do not influence each other.
`recipes/sentences/train.py` trains the model.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np

from pipekit.storage.packing import unpack
from pipekit.tokenizers.kinds import CharKind, CharKinds, Mask
from pipekit.words import chars
from pipekit.words.arrays import Codes, Hashes, Ints, offsets

BITS = 16  # of a feature's row in the table of weights
NEWLINE = 2.0  # what a single line break adds to the log-odds of a border
_WINDOW = 40  # tokens to either side that say what a text is like
_NEWLINES = np.array([0x0A, 0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029], dtype=np.uint32)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_LEFT_QUOTE = 0xAB
_RIGHT_QUOTE = 0xBB

# Which columns make a feature together. `form` is a token's spelling, `shape` its kinds of
# characters and its length. 0 is the token before the gap, 1 the token after it; _1 and 2 are the
# tokens around these two.
TEMPLATES = (
    "form0",
    "form1",
    "shape0 shape1",
    "form0 shape1",
    "shape0 form1",
    "form0 form1",
    "form_1 form0 kind1",
    "form_1 shape0 shape1",
    "shape_1 shape0 shape1",
    "shape_1 form0 form1",
    "shape0 shape1 shape2",
    "form0 form1 shape2",
    "form1 form2 kind0",
    "shape_1 form0 shape1 shape2",
    "tail0 kind1",
    "tail0 shape1 shape2",
    "kind0 kind1 brackets",
    "kind0 kind1 quotes",
    "kind0 kind1 before after",
    "form0 kind1 before",
    "kind0 form1 after",
    "shape0 shape1 before",
    "kind0 kind1 ends",
    "kind0 form1 signs",
    "form0 kind1 signs",
    "shape0 shape1 ends signs",
    "kind0 kind1 capitals",
    "kind0 kind1 signs",
    "kind0 kind1 ends capitals",
    "kind0 kind1 gap",
)


class SplitterTokens(NamedTuple):
    """The tokens of a text.

    Attributes:
        points: the code points of the text, uint32[characters].
        kinds: their kinds, uint8[characters].
        starts: where each token begins, int64[tokens].
        ends: where each token ends, int64[tokens].
    """

    points: Codes
    kinds: CharKinds
    starts: Ints
    ends: Ints


class Splitter:
    """Says which tokens begin a sentence."""

    def __init__(self, lang: str) -> None:
        model = trained_model(lang)
        self._weights = np.frombuffer(model["weights"], dtype=np.int8)
        self._scale = float(model["scale"])
        self._bias = float(model["bias"])

    def sentence_starts(self, tokens: SplitterTokens) -> Mask:
        """Which tokens begin a sentence, bool[tokens]."""
        begins, newlines = line_breaks(tokens)
        candidates = border_candidates(tokens, begins, newlines)
        if not candidates.size:
            return begins
        odds = np.zeros(len(candidates), dtype=np.int32)
        for rows in features(tokens, candidates, begins):
            odds += self._weights[rows]
        scores = odds * self._scale + self._bias
        scores = scores + NEWLINE * newlines[candidates]
        begins[candidates] = scores > 0
        return begins


@cache
def trained_model(lang: str) -> dict[str, Any]:
    """The weights of a language, with their scale and bias, as training left them."""
    file = resources.files("pipekit.tokenizers") / "data" / f"{lang}.sentences.msgpack"
    model: dict[str, Any] = unpack(file.read_bytes(), file.name)
    return model


# -- candidates


def newlines_of(points: Codes) -> Ints:
    """Where lines end; a carriage return and a line feed together end one line."""
    places = np.flatnonzero(np.isin(points, _NEWLINES))
    next_places = np.minimum(places + 1, len(points) - 1)
    after = points[next_places]
    is_pair = (points[places] == 0x0D) & (after == 0x0A)
    return np.compress(~is_pair, places)


def line_breaks(tokens: SplitterTokens) -> tuple[Mask, Mask]:
    """Tokens that begin a paragraph, and tokens after a single line break, bool[tokens] each.

    A paragraph begins at the beginning of the text, and after a blank line.
    """
    following = np.searchsorted(tokens.starts, newlines_of(tokens.points))
    counts = np.bincount(following, minlength=len(tokens.starts) + 1)
    counts = counts[:-1]  # without those behind the last token
    begins = counts > 1
    begins[:1] = True
    return begins, counts == 1


def border_candidates(
    tokens: SplitterTokens,
    begins: Mask,
    newlines: Mask,
) -> Ints:
    """Tokens that may begin a sentence, apart from those in `begins`: int64[candidates]."""
    first, last = edge_kinds(tokens)
    before = last[:-1]
    after = first[1:]
    second_after = np.append(first[2:], CharKind.SPACE)
    is_spaced = tokens.starts[1:] > tokens.ends[:-1]

    is_end = before == CharKind.PERIOD
    is_end |= before == CharKind.ENDING
    is_end |= before == CharKind.EMOJI
    is_in_clause = (before < CharKind.SPACE) | (before == CharKind.COMMA)
    flows = (after == CharKind.LETTER) & is_in_clause
    is_dash = (after == CharKind.DASH) & (second_after == CharKind.LETTER)
    flows |= is_dash & ~newlines[1:]

    possible = np.where(
        is_spaced,
        ~flows,
        is_end & (after == CharKind.CAPITAL),
    )
    return np.flatnonzero(possible & ~begins[1:]) + 1


def edge_kinds(tokens: SplitterTokens) -> tuple[CharKinds, CharKinds]:
    """The kinds of each token's first and last characters, uint8[tokens] each.

    Here ``, '' and &quot; are quotes, and - or -- is a dash.
    """
    first = tokens.kinds[tokens.starts]
    last = tokens.kinds[tokens.ends - 1]
    entities = (first == CharKind.SIGN) & (last == CharKind.EYES)
    apostrophes = (first == CharKind.APOSTROPHE) & (last == CharKind.APOSTROPHE)
    quotes = entities | apostrophes
    dashes = (first == CharKind.HYPHEN) & (last == CharKind.HYPHEN)
    for mask, kind in ((quotes, CharKind.QUOTE), (dashes, CharKind.DASH)):
        first[mask] = kind
        last[mask] = kind
    return first, last


# -- features


def features(
    tokens: SplitterTokens,
    places: Ints,
    begins: Mask,
) -> list[Ints]:
    """Rows of the table of weights, int64[candidates] for each template.

    Args:
        tokens: the tokens of the text.
        places: the candidates, as `border_candidates` gives them.
        begins: the tokens that begin a paragraph, as `line_breaks` gives them.
    """
    columns = _columns(tokens, places, begins)
    mask = np.uint64((1 << BITS) - 1)
    shift = np.uint64(64 - BITS - 8)
    rows = []
    for number, template in enumerate(TEMPLATES, 1):
        hashes = np.full(len(places), number, dtype=np.uint64) * _GOLDEN
        for name in template.split():
            hashes = (hashes ^ columns[name]) * _GOLDEN
            hashes ^= hashes >> np.uint64(29)
        bits = hashes >> shift & mask
        rows.append(bits.astype(np.int64))
    return rows


def _columns(
    tokens: SplitterTokens,
    places: Ints,
    begins: Mask,
) -> dict[str, Hashes]:
    """The columns of each candidate by name, uint64[candidates] each."""
    before = places - 1
    around = {
        "_1": places - 2,
        "0": before,
        "1": places,
        "2": places + 1,
    }
    firsts = np.flatnonzero(begins)
    paragraph = np.searchsorted(firsts, places, side="right")
    low = firsts[paragraph - 1]
    high = np.append(firsts, len(begins))[paragraph]

    columns: dict[str, Hashes] = {}
    all_rows = np.concatenate(list(around.values()))
    rows_around = np.unique(all_rows)
    forms, tails = _forms(tokens, rows_around)
    shapes = _shapes(tokens)
    for name, rows in around.items():
        is_inside = (rows >= low) & (rows < high)
        last_row = len(begins) - 1
        rows = np.maximum(rows, 0)
        rows = np.minimum(rows, last_row)
        columns["form" + name] = np.where(is_inside, forms[rows], 0)
        columns["shape" + name] = np.where(is_inside, shapes[rows], 0)
    columns["tail0"] = tails[before]

    first, last = edge_kinds(tokens)
    gaps = tokens.starts[places] > tokens.ends[before]
    columns["kind0"] = last[before].astype(np.uint64)
    columns["kind1"] = first[places].astype(np.uint64)
    columns["gap"] = gaps.astype(np.uint64)
    return columns | _context(tokens, places, low, high)


def _forms(
    tokens: SplitterTokens,
    rows: Ints,
) -> tuple[Hashes, Hashes]:
    """Hashes of whole tokens (Я is not я) and of their last two letters, uint64[tokens] each.

    They are 0 for all tokens but those in `rows`.
    """
    is_inside = (rows >= 0) & (rows < len(tokens.starts))
    rows = rows[is_inside]
    starts = tokens.starts[rows]
    words = chars.words_at(tokens.points, starts, tokens.ends[rows])
    words = chars.normalize(words)
    tail_starts = np.maximum(words.starts, words.ends - 2)
    forms = np.zeros(len(tokens.starts), dtype=np.uint64)
    tails = np.zeros(len(tokens.starts), dtype=np.uint64)
    forms[rows] = words.word_hashes() + tokens.kinds[starts]
    tails[rows] = words.hashes(tail_starts, words.ends)
    return forms, tails


def _shapes(tokens: SplitterTokens) -> Hashes:
    """Each token's first two and last kinds, and its length up to 4, as one number."""
    first, last = edge_kinds(tokens)
    second_places = np.minimum(tokens.starts + 1, tokens.ends - 1)
    second = tokens.kinds[second_places]
    lengths = np.minimum(tokens.ends - tokens.starts, 4)
    shapes: Hashes = first.astype(np.uint64) * np.uint64(32)
    shapes = (shapes + second) * np.uint64(32)
    shapes = (shapes + last) * np.uint64(8)
    shapes += lengths.astype(np.uint64) + np.uint64(1)
    return shapes


def _context(
    tokens: SplitterTokens,
    places: Ints,
    low: Ints,
    high: Ints,
) -> dict[str, Hashes]:
    """Columns of the paragraph ``[low, high)`` around each candidate."""
    first = tokens.kinds[tokens.starts]
    points = tokens.points[tokens.starts]
    is_end = (first == CharKind.PERIOD) | (first == CharKind.ENDING)
    is_sign = (first == CharKind.SIGN) | (first == CharKind.EMOJI)

    left = np.maximum(low, places - _WINDOW)
    right = np.minimum(high, places + _WINDOW)
    size = right - left

    def share(mask: Mask) -> Hashes:
        count = _count(mask, left, right)
        return _logarithm(count * 64 // size)

    def balance(
        opening: Mask,
        closing: Mask,
    ) -> Hashes:
        opened = _count(opening, left, places)
        closed = _count(closing, left, places)
        signs: Ints = np.clip(opened - closed, -1, 1)
        return (signs + 1).astype(np.uint64)

    marks = np.flatnonzero(is_end)
    before = np.searchsorted(marks, places - 1) - 1
    after = np.searchsorted(marks, places)
    previous = np.append(marks, -1)[before]
    following = np.append(marks, len(first))[after]
    return {
        "brackets": balance(first == CharKind.OPEN, first == CharKind.CLOSE),
        "quotes": balance(points == _LEFT_QUOTE, points == _RIGHT_QUOTE),
        "before": _logarithm(places - np.maximum(low, previous)),
        "after": _logarithm(np.minimum(high, following) - places),
        "ends": share(is_end),
        "capitals": share(_inner_capitals(first, low)),
        "signs": share(is_sign),
    }


def _inner_capitals(
    first: CharKinds,
    paragraphs: Ints,
) -> Mask:
    """Words with a capital after a word or a comma of the same paragraph, bool[tokens]."""
    is_word = first <= CharKind.CAPITAL
    is_before = is_word | (first == CharKind.COMMA)
    capitals: Mask = first == CharKind.CAPITAL
    capitals[:1] = False
    capitals[1:] &= is_before[:-1]
    capitals[paragraphs] = False
    return capitals


def _count(
    mask: Mask,
    left: Ints,
    right: Ints,
) -> Ints:
    """How many are true in each ``[left, right)``."""
    sums = offsets(mask)
    counts: Ints = sums[right] - sums[left]
    return counts


def _logarithm(counts: Ints) -> Hashes:
    """0, 1, 2, 3-4, 5-8, … as small numbers."""
    logarithms = np.log2(np.maximum(counts, 0) + 1)
    numbers: Hashes = np.ceil(logarithms).astype(np.uint64)
    return numbers
