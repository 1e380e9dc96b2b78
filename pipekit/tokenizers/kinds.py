"""Kinds of characters, and what happens between two of them.

To the tokenizer a text is an array of kinds. `pair_table()[left, right]` says for two neighbours
whether there is a border between them (CUT) or not (JOIN), or whether the characters around them
need a closer look first (CUT_LOOK, JOIN_LOOK). This table alone settles most borders of most texts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipekit.words.arrays import Codes

CharKinds = NDArray[np.uint8]
Mask = NDArray[np.bool_]

LEFT_QUOTE = 0xAB  # «
RIGHT_QUOTE = 0xBB  # »

JOIN = 0
JOIN_LOOK = 1
CUT_LOOK = 2
CUT = 3


class CharKind:
    """The values of an array of kinds; those below SPACE make up words.

    Plain numbers: looking up a member of an enumeration takes as long as an operation on a short
    array.
    """

    LETTER = 0  # and any letter without case
    CAPITAL = 1
    DIGIT = 2
    LOW_LINE = 3
    SPACE = 4
    PERIOD = 5
    ENDING = 6
    COMMA = 7
    COLON = 8
    EYES = 9
    SLASH = 10
    HYPHEN = 11
    DASH = 12
    APOSTROPHE = 13
    OPEN = 14
    CLOSE = 15
    QUOTE = 16
    SIGN = 17
    EMOJI = 18
    SYMBOL = 19
    INVISIBLE = 20  # takes the kind of the character before it


COUNT = 21  # kinds
_TABLE_SIZE = 0x20000  # beyond are rare ideographs (letters) and private characters
_EMOJI = [
    (0x2600, 0x27BF),
    (0x2B50, 0x2B55),
    (0x1F000, 0x1FAFF),
    (0x203C, 0x203C),
    (0x2049, 0x2049),
    (0x23E9, 0x23FA),
]
_MODIFIERS = slice(0x1F3FB, 0x1F3FF + 1)  # skin tones
_CATEGORIES = {
    "Lu": CharKind.CAPITAL,
    "Lt": CharKind.CAPITAL,
    "Nd": CharKind.DIGIT,
    "Cf": CharKind.INVISIBLE,
    "Mn": CharKind.INVISIBLE,
    "Mc": CharKind.INVISIBLE,
    "Me": CharKind.INVISIBLE,
    "Ll": CharKind.LETTER,
    "Lm": CharKind.LETTER,
    "Lo": CharKind.LETTER,
    "Nl": CharKind.LETTER,
    "No": CharKind.LETTER,
}


def _unicode_kind(code: int) -> int:
    character = chr(code)
    if character.isspace():
        return CharKind.SPACE
    category = unicodedata.category(character)
    return _CATEGORIES.get(category, CharKind.SYMBOL)


@cache
def _unicode_table() -> CharKinds:
    kinds = [_unicode_kind(code) for code in range(_TABLE_SIZE)]
    table = np.array(kinds, dtype=np.uint8)
    for first, last in _EMOJI:
        table[first : last + 1] = CharKind.EMOJI
    table[_MODIFIERS] = CharKind.INVISIBLE
    return table


def kind_table(characters: Mapping[str, str]) -> CharKinds:
    """The kind of each code point; the last place stands for all code points beyond.

    Args:
        characters: the characters of a kind by its name in small letters, as in
            ``{"hyphen": "-‐‑"}``. Unicode says the kinds of all others.
    """
    table = _unicode_table().copy()
    table[-1] = CharKind.LETTER
    for name, members in characters.items():
        points = [ord(character) for character in members]
        table[points] = getattr(CharKind, name.upper())
    return table


def kinds_of(
    points: Codes,
    table: CharKinds,
) -> tuple[CharKinds, Mask | None]:
    """The kinds of code points, uint8[characters], and a mask of the invisible ones among them.

    An invisible character takes the kind of the character before it. After a space, or at the
    beginning, it is a letter, and not in the mask: so it stays with the word after it.

    Returns: the mask is bool[characters], or None for a text without invisible characters.
    """
    kinds = table[np.minimum(points, _TABLE_SIZE - 1)]
    invisible = kinds == CharKind.INVISIBLE
    if not invisible.any():
        return kinds, None
    own_places = np.where(invisible, 0, np.arange(len(kinds)))
    carriers = np.maximum.accumulate(own_places)
    kinds = kinds[carriers]
    has_carrier = (kinds != CharKind.SPACE) & (kinds != CharKind.INVISIBLE)
    stray = invisible & ~has_carrier
    kinds[stray] = CharKind.LETTER
    is_first = stray.copy()
    is_first[1:] &= ~stray[:-1]
    return kinds, invisible & ~is_first


def pair_table() -> CharKinds:
    """What happens between two kinds, uint8[COUNT, COUNT]."""
    pairs = np.full((COUNT, COUNT), CUT, dtype=np.uint8)
    words = slice(CharKind.LETTER, CharKind.SPACE)
    pairs[words, words] = JOIN
    for group in ([CharKind.PERIOD, CharKind.ENDING], [CharKind.EMOJI], [CharKind.SPACE]):
        pairs[np.ix_(group, group)] = JOIN
    pairs[CharKind.DIGIT, CharKind.LETTER] = JOIN_LOOK
    pairs[words, CharKind.HYPHEN] = CUT_LOOK
    pairs[CharKind.PERIOD, CharKind.LETTER : CharKind.DIGIT] = CUT_LOOK
    pairs[CharKind.SIGN, words] = CUT_LOOK
    pairs[words, CharKind.SIGN] = CUT_LOOK
    pairs[CharKind.COLON, CharKind.SLASH] = CUT_LOOK
    for eyes in (CharKind.COLON, CharKind.EYES):
        pairs[eyes, CharKind.OPEN] = CUT_LOOK
        pairs[eyes, CharKind.CLOSE] = CUT_LOOK
    return pairs
