"""Brackets and quotation marks around the gaps between tokens.

Sentences within brackets or quotation marks belong to the sentence around these, if it goes on
behind them: «Стой! Куда ты?» — закричала Нина. What stands before the opening mark and behind the
closing one says so.
"""

from __future__ import annotations

import numpy as np

from pipekit.tokenizers.gaps import SplitterTokens
from pipekit.tokenizers.kinds import LEFT_QUOTE, RIGHT_QUOTE, CharKind, CharKinds, Mask
from pipekit.words.arrays import Hashes, Ints

_NOTHING = 31  # the kind of what lies beyond the paragraph


def enclosure_columns(
    tokens: SplitterTokens,
    edges: tuple[CharKinds, CharKinds],
    places: Ints,
    low: Ints,
    high: Ints,
) -> dict[str, Hashes]:
    """What encloses each gap before a token of `places`, uint64[gaps] a column.

    `inside` is 0 for a gap that nothing encloses, and the kind of the token behind the closing mark
    otherwise; `lead` is the kind of the token before the opening mark, and `size` says how many
    tokens are enclosed.

    Args:
        edges: the kinds of the tokens' first and last characters, as `edge_kinds` gives them.
        low, high: the paragraph of each gap, ``[low, high)``, int64[gaps] each.
    """
    first, last = edges
    opening, closing = _marks(tokens, first)
    openers = np.flatnonzero(opening)
    closers = np.flatnonzero(closing)
    opened = _last_before(openers, places)
    closed = _last_before(closers, places)
    is_open = opened > closed
    closes = _next_from(closers, places, len(first))
    is_inside = is_open & (opened >= low) & (closes < high)

    behind = closes + 1
    behind_kinds = _kinds_at(first, behind)
    behind_kinds[behind >= high] = _NOTHING
    # A period there ends the sentence around the marks, which a comma goes on with.
    behind_kinds[behind_kinds == CharKind.PERIOD] = CharKind.COMMA
    lead_kinds = _kinds_at(last, opened - 1)
    lead_kinds[opened <= low] = _NOTHING
    enclosed = np.maximum(closes - opened, 1)
    columns = {
        "inside": behind_kinds,
        "lead": lead_kinds,
        "size": np.ceil(np.log2(enclosed)),
    }
    return {name: _numbered(values, is_inside) for name, values in columns.items()}


def _numbered(
    values: Ints,
    is_inside: Mask,
) -> Hashes:
    """Values from 1 up, and 0 for gaps that nothing encloses."""
    numbers = np.where(is_inside, values + 1, 0)
    return numbers.astype(np.uint64)


def _kinds_at(
    kinds: CharKinds,
    rows: Ints,
) -> Ints:
    """The kinds of tokens; rows beyond the text have that of its first or last token."""
    last_row = len(kinds) - 1
    rows = np.clip(rows, 0, last_row)
    return kinds[rows].astype(np.int64)


def _marks(
    tokens: SplitterTokens,
    first: CharKinds,
) -> tuple[Mask, Mask]:
    """Brackets and quotes that open, and those that close, bool[tokens] each.

    A quote opens if it stands right before a word and not right behind one.
    """
    is_quote = first == CharKind.QUOTE
    is_bracket = first == CharKind.OPEN
    is_adjacent = tokens.ends[:-1] == tokens.starts[1:]
    touches_next = np.append(is_adjacent, False)
    touches_previous = np.append(False, is_adjacent)
    follows_mark = np.append(False, is_quote | is_bracket)
    follows_mark = follows_mark[:-1]

    points = tokens.points[tokens.starts]
    opens = ~touches_previous | follows_mark
    opens &= is_quote
    opens &= touches_next
    opens |= points == LEFT_QUOTE
    opens &= points != RIGHT_QUOTE
    closes = is_quote & touches_previous
    closes &= ~opens
    opens |= is_bracket
    closes |= first == CharKind.CLOSE
    return opens, closes


def _next_from(
    rows: Ints,
    places: Ints,
    size: int,
) -> Ints:
    """The first of some rows from each place on, `size` where there is none: int64[places]."""
    numbers = np.searchsorted(rows, places)
    padded = np.append(rows, size)
    return padded[numbers]


def _last_before(
    rows: Ints,
    places: Ints,
) -> Ints:
    """The last of some rows before each place, -1 where there is none: int64[places]."""
    numbers = np.searchsorted(rows, places)
    padded = np.append(rows, -1)
    return padded[numbers - 1]
