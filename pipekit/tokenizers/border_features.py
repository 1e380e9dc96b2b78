"""Features of the gaps between tokens, for the classifier of `sentences`.

A template names columns. Its feature is a hash of their values, the row of a weight in a table.
"""

from __future__ import annotations

import numpy as np

from pipekit.tokenizers.enclosures import enclosure_columns
from pipekit.tokenizers.gaps import SplitterTokens, edge_kinds
from pipekit.tokenizers.kinds import LEFT_QUOTE, RIGHT_QUOTE, CharKind, CharKinds, Mask
from pipekit.tokenizers.stems import Stems
from pipekit.words import chars
from pipekit.words.arrays import Hashes, Ints, offsets

BITS = 18  # of a feature's row in the table of weights
_WINDOW = 40  # tokens to either side that say what a text is like
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)

# Which columns make a feature together. `form` is a token's spelling, `shape` its kinds of
# characters and its length. 0 is the token before the gap, 1 the token after it; _1 and 2 are the
# tokens around these two. `stems` and `enclosures` describe the columns of the last templates.
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
    "stem share1",
    "stem share1 prior",
    "stem share1 prior2",
    "stem share1 share2",
    "stem prior kind1",
    "stem share0 share1",
    "word0 share1",
    "word0 prior kind1",
    "word0 share1 prior",
    "share0 share1 kind0",
    "share1 kind0 kind1",
    "shape0 share1 share2",
    "inside kind0 kind1",
    "inside size lead",
    "inside lead stem kind1",
    "inside size shape0 shape1",
)


def _by_width() -> list[tuple[Hashes, Ints]]:
    """Numbers of templates, and their columns as rows of `_NAMES`, by how many columns they have.

    uint64[templates], int64[templates, columns]. Templates of one width are hashed at once.
    """
    groups = []
    widths = [len(template.split()) for template in TEMPLATES]
    for width in sorted(set(widths)):
        numbers = [number for number, size in enumerate(widths) if size == width]
        members = [list(map(_NAMES.index, TEMPLATES[number].split())) for number in numbers]
        groups.append((np.array(numbers, dtype=np.uint64) + np.uint64(1), np.array(members)))
    return groups


_NAMES = sorted(set(" ".join(TEMPLATES).split()))
_BY_WIDTH = _by_width()


def features(
    tokens: SplitterTokens,
    places: Ints,
    begins: Mask,
    stems: Stems,
) -> Ints:
    """Rows of the table of weights, int64[templates, candidates], in the order of `_BY_WIDTH`.

    Args:
        tokens: the tokens of the text.
        places: the candidates, as `border_candidates` gives them.
        begins: the tokens that begin a paragraph, as `line_breaks` gives them.
        stems: the words before periods.
    """
    columns = _columns(tokens, places, begins, stems)
    table = np.stack([columns[name] for name in _NAMES])  # uint64[columns, candidates]
    mask = np.uint64((1 << BITS) - 1)
    shift = np.uint64(64 - BITS - 8)
    rows = []
    for numbers, members in _BY_WIDTH:
        hashes = numbers[:, None] * _GOLDEN
        for column in members.T:
            hashes = (hashes ^ table[column]) * _GOLDEN
            hashes ^= hashes >> np.uint64(29)
        bits = hashes >> shift & mask
        rows.append(bits.astype(np.int64))
    return np.concatenate(rows)


def _columns(
    tokens: SplitterTokens,
    places: Ints,
    begins: Mask,
    stems: Stems,
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
    first, last = edge_kinds(tokens)
    shapes = _shapes(tokens, first, last)
    for name, rows in around.items():
        is_inside = (rows >= low) & (rows < high)
        last_row = len(begins) - 1
        rows = np.maximum(rows, 0)
        rows = np.minimum(rows, last_row)
        columns["form" + name] = np.where(is_inside, forms[rows], 0)
        columns["shape" + name] = np.where(is_inside, shapes[rows], 0)
    columns["tail0"] = tails[before]

    gaps = tokens.starts[places] > tokens.ends[before]
    columns["kind0"] = last[before].astype(np.uint64)
    columns["kind1"] = first[places].astype(np.uint64)
    columns["gap"] = gaps.astype(np.uint64)
    columns |= stems.columns(tokens, places, low, high)
    columns |= enclosure_columns(tokens, (first, last), places, low, high)
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


def _shapes(
    tokens: SplitterTokens,
    first: CharKinds,
    last: CharKinds,
) -> Hashes:
    """Each token's first two and last kinds, and its length up to 4, as one number."""
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
        "quotes": balance(points == LEFT_QUOTE, points == RIGHT_QUOTE),
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
