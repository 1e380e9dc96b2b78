"""Where a sentence may end: the gaps between tokens that are looked at, and the lines of a text."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipekit.tokenizers.kinds import CharKind, CharKinds, Mask
from pipekit.words.arrays import Codes, Ints

_NEWLINES = np.array([0x0A, 0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029], dtype=np.uint32)


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
