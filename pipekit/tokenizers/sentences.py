"""Sentences: a small trained classifier over the gaps where one may end.

A blank line always ends a sentence. Elsewhere a gap is a candidate unless a small letter follows a word or a comma, or a dash (as in
«Да!» — сказал он), and a linear model over hashed features of the tokens around it decides (`recipes/sentences/train.py` trains it).
All candidates of a batch are judged at once. What a feature may see never reaches beyond the blank lines around its candidate, so
texts do not influence each other.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np

from pipekit.storage.packing import unpack
from pipekit.tokenizers.kinds import CharKind, CharKinds, Mask
from pipekit.words import chars
from pipekit.words.arrays import Codes, Hashes, Ints

BITS = 16  # of a feature's row in the table of weights
NEWLINE = 2.0  # what a single line break adds to the log-odds of a border
_WINDOW = 40  # tokens that the counts of what a text is like look at, to either side
_NEWLINES = np.array([0x0A, 0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029], dtype=np.uint32)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)

# Which columns make a feature together. `form` is a token's spelling, `shape` its kinds of characters and length; 0 is the token
# before the gap, 1 the one after it, _1 and 2 those around them.
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
    """The tokens of a text: its code points and their kinds, and where each token begins and ends in them."""

    points: Codes
    kinds: CharKinds
    starts: Ints
    ends: Ints


class Splitter:
    """Tells which tokens begin a sentence."""

    def __init__(self, lang: str):
        model = _weights(lang)
        self._weights = np.frombuffer(model["weights"], dtype=np.int8)
        self._scale, self._bias = float(model["scale"]), float(model["bias"])

    def sentence_starts(self, tokens: SplitterTokens) -> Mask:
        """Which tokens begin a sentence, bool[tokens]."""
        begins, newlines = line_breaks(tokens)
        places = border_candidates(tokens, begins, newlines)
        if places.size:
            odds = np.zeros(len(places), dtype=np.int32)
            for column in features(tokens, places, begins):
                odds += self._weights[column]
            begins[places] = odds * self._scale + self._bias + NEWLINE * newlines[places] > 0
        return begins


@cache
def _weights(lang: str) -> dict[str, Any]:
    file = resources.files("pipekit.tokenizers") / "data" / f"{lang}.sentences.msgpack"
    model: dict[str, Any] = unpack(file.read_bytes(), file.name)
    return model


def newlines_of(points: Codes) -> Ints:
    """Where lines end; a carriage return and a line feed together end one."""
    places = np.flatnonzero(np.isin(points, _NEWLINES))
    pairs = (points[places] == 0x0D) & (points[np.minimum(places + 1, len(points) - 1)] == 0x0A)
    return np.compress(~pairs, places)


def line_breaks(tokens: SplitterTokens) -> tuple[Mask, Mask]:
    """Which tokens are the first of the text or after a blank line, and which are after a line break at all, bool[tokens] each."""
    places = np.searchsorted(tokens.starts, newlines_of(tokens.points))
    counts = np.bincount(places, minlength=len(tokens.starts) + 1)[:-1]
    blank = counts > 1
    blank[:1] = True
    return blank, counts == 1


def border_candidates(tokens: SplitterTokens, begins: Mask, newlines: Mask) -> Ints:
    """Tokens that may begin a sentence, apart from those that are known to: int64[candidates]."""
    first, last = edge_kinds(tokens)
    after, before = first[1:], last[:-1]
    spaced = tokens.starts[1:] > tokens.ends[:-1]
    ends = (before == CharKind.PERIOD) | (before == CharKind.ENDING) | (before == CharKind.EMOJI)
    flows = (after == CharKind.LETTER) & ((before < CharKind.SPACE) | (before == CharKind.COMMA))
    flows |= (
        (after == CharKind.DASH)
        & (np.append(first[2:], CharKind.SPACE) == CharKind.LETTER)
        & ~newlines[1:]
    )
    possible = np.where(spaced, ~flows, ends & (after == CharKind.CAPITAL))
    return np.flatnonzero(possible & ~begins[1:]) + 1


def edge_kinds(tokens: SplitterTokens) -> tuple[CharKinds, CharKinds]:
    """The kinds of each token's first and last characters; ``, '' and &quot; are quotes here, and - or -- a dash."""
    first, last = tokens.kinds[tokens.starts], tokens.kinds[tokens.ends - 1]
    quotes = ((first == CharKind.SIGN) & (last == CharKind.EYES)) | (
        (first == CharKind.APOSTROPHE) & (last == CharKind.APOSTROPHE)
    )
    dashes = (first == CharKind.HYPHEN) & (last == CharKind.HYPHEN)
    for which, kind in ((quotes, CharKind.QUOTE), (dashes, CharKind.DASH)):
        first[which] = last[which] = kind
    return first, last


def features(tokens: SplitterTokens, places: Ints, begins: Mask) -> list[Ints]:
    """Rows of the table of weights for each template, int64[candidates] each."""
    columns = _columns(tokens, places, begins)
    rows = []
    for number, template in enumerate(TEMPLATES, 1):
        value = np.full(len(places), number, dtype=np.uint64) * _GOLDEN
        for name in template.split():
            value = (value ^ columns[name]) * _GOLDEN
            value ^= value >> np.uint64(29)
        rows.append(
            (value >> np.uint64(64 - BITS - 8) & np.uint64((1 << BITS) - 1)).astype(np.int64)
        )
    return rows


def _columns(tokens: SplitterTokens, places: Ints, begins: Mask) -> dict[str, Hashes]:
    firsts = np.flatnonzero(begins)
    paragraph = np.searchsorted(firsts, places, side="right")
    low, high = firsts[paragraph - 1], np.append(firsts, len(begins))[paragraph]
    around = {"_1": places - 2, "0": places - 1, "1": places, "2": places + 1}
    columns: dict[str, Hashes] = {}
    forms, tails = _forms(tokens, np.unique(np.concatenate(list(around.values()))))
    shapes = _shapes(tokens)
    for name, rows in around.items():
        inside = (rows >= low) & (rows < high)
        rows = np.minimum(np.maximum(rows, 0), len(begins) - 1)
        columns["form" + name] = np.where(inside, forms[rows], 0)
        columns["shape" + name] = np.where(inside, shapes[rows], 0)
    columns["tail0"] = tails[places - 1]
    first, last = edge_kinds(tokens)
    columns["kind0"] = last[places - 1].astype(np.uint64)
    columns["kind1"] = first[places].astype(np.uint64)
    columns["gap"] = (tokens.starts[places] > tokens.ends[places - 1]).astype(np.uint64)
    return columns | _context(tokens, places, low, high)


def _forms(tokens: SplitterTokens, rows: Ints) -> tuple[Hashes, Hashes]:
    """Hashes of whole tokens (Я is not я) and of their last two letters, of the chosen tokens, uint64[tokens] each."""
    rows = rows[(rows >= 0) & (rows < len(tokens.starts))]
    words = chars.normalize(chars.words_at(tokens.points, tokens.starts[rows], tokens.ends[rows]))
    forms = np.zeros(len(tokens.starts), dtype=np.uint64)
    tails = np.zeros(len(tokens.starts), dtype=np.uint64)
    forms[rows] = words.hashes(words.starts, words.ends) + tokens.kinds[tokens.starts[rows]]
    tails[rows] = words.hashes(np.maximum(words.starts, words.ends - 2), words.ends)
    return forms, tails


def _shapes(tokens: SplitterTokens) -> Hashes:
    """The kinds of a token's first two and last characters and its length up to 4, as one number."""
    lengths = tokens.ends - tokens.starts
    first, last = edge_kinds(tokens)
    second = tokens.kinds[np.minimum(tokens.starts + 1, tokens.ends - 1)]
    shapes: Hashes = (
        (first.astype(np.uint64) * np.uint64(32) + second) * np.uint64(32) + last
    ) * np.uint64(8)
    shapes += np.minimum(lengths, 4).astype(np.uint64) + np.uint64(1)
    return shapes


def _context(tokens: SplitterTokens, places: Ints, low: Ints, high: Ints) -> dict[str, Hashes]:
    """What the paragraph is like around each candidate."""
    first = tokens.kinds[tokens.starts]
    points = tokens.points[tokens.starts]
    ends = (first == CharKind.PERIOD) | (first == CharKind.ENDING)
    words = first <= CharKind.CAPITAL
    capitals = np.zeros(len(first), dtype=bool)
    capitals[1:] = (first[1:] == CharKind.CAPITAL) & (words[:-1] | (first[:-1] == CharKind.COMMA))
    capitals[low] = False
    left, right = np.maximum(low, places - _WINDOW), np.minimum(high, places + _WINDOW)
    size = right - left

    def share(which: Mask) -> Hashes:
        return _logarithm(_between(which, left, right) * 64 // size)

    marks = np.flatnonzero(ends)
    where = np.searchsorted(marks, places - 1)
    previous = np.append(marks, -1)[where - 1]
    following = np.append(marks, len(first))[np.searchsorted(marks, places)]
    opened = _between(first == CharKind.OPEN, left, places) - _between(
        first == CharKind.CLOSE, left, places
    )
    quoted = _between((points == 0xAB), left, places) - _between(points == 0xBB, left, places)
    return {
        "brackets": (np.clip(opened, -1, 1) + 1).astype(np.uint64),
        "quotes": (np.clip(quoted, -1, 1) + 1).astype(np.uint64),
        "before": _logarithm(places - np.maximum(low, previous)),
        "after": _logarithm(np.minimum(high, following) - places),
        "ends": share(ends),
        "capitals": share(capitals),
        "signs": share((first == CharKind.SIGN) | (first == CharKind.EMOJI)),
    }


def _between(which: Mask, left: Ints, right: Ints) -> Ints:
    """How many are true in each ``[left, right)``."""
    sums: Ints = np.concatenate([[0], np.cumsum(which)])
    return sums[right] - sums[left]


def _logarithm(counts: Ints) -> Hashes:
    """0, 1, 2, 3-4, 5-8, … as small numbers."""
    logarithms: Hashes = np.ceil(np.log2(np.maximum(counts, 0) + 1)).astype(np.uint64)
    return logarithms
