"""Kinds of characters, and what happens between two of them.

A text is seen as an array of kinds. `pair_table()[left, right]` says for two neighbours whether there is a border (CUT) or not (JOIN),
or whether a closer look at the characters around them may say otherwise. Most borders of most texts are settled by this table alone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipekit.words.arrays import Codes

CharKinds = NDArray[np.uint8]
Mask = NDArray[np.bool_]

JOIN, JOIN_LOOK, CUT_LOOK, CUT = 0, 1, 2, 3


class CharKind(IntEnum):
    """The values of an array of kinds; those below SPACE make up words."""

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
    INVISIBLE = 20  # takes the kind of what it follows


COUNT = len(CharKind)
_TABLE_SIZE = 0x20000  # beyond are rare ideographs (letters) and private characters
_EMOJI = [
    (0x2600, 0x27BF),
    (0x2B50, 0x2B55),
    (0x1F000, 0x1FAFF),
    (0x203C, 0x203C),
    (0x2049, 0x2049),
    (0x23E9, 0x23FA),
]
_MODIFIERS = (0x1F3FB, 0x1F3FF)  # skin tones
_CATEGORIES = {
    "Lu": CharKind.CAPITAL,
    "Lt": CharKind.CAPITAL,
    "Nd": CharKind.DIGIT,
    "Cf": CharKind.INVISIBLE,
    "Mn": CharKind.INVISIBLE,
    "Mc": CharKind.INVISIBLE,
    "Me": CharKind.INVISIBLE,
    **dict.fromkeys(("Ll", "Lm", "Lo", "Nl", "No"), CharKind.LETTER),
}


def _unicode_kind(code: int) -> CharKind:
    character = chr(code)
    if character.isspace():
        return CharKind.SPACE
    return _CATEGORIES.get(unicodedata.category(character), CharKind.SYMBOL)


@cache
def _unicode_table() -> CharKinds:
    table = np.array([_unicode_kind(code) for code in range(_TABLE_SIZE)], dtype=np.uint8)
    for first, last in _EMOJI:
        table[first : last + 1] = CharKind.EMOJI
    table[_MODIFIERS[0] : _MODIFIERS[1] + 1] = CharKind.INVISIBLE
    return table


def kind_table(characters: Mapping[str, str]) -> CharKinds:
    """The kind of each code point, the last one standing for all beyond. `characters` names a kind and its characters."""
    table = _unicode_table().copy()
    table[-1] = CharKind.LETTER
    for name, members in characters.items():
        table[[ord(character) for character in members]] = CharKind[name.upper()]
    return table


def kinds_of(points: Codes, table: CharKinds) -> tuple[CharKinds, Mask | None]:
    """Kinds of code points, and which were invisible if any were: these take the kind of what they follow.

    After a space or at the beginning an invisible character is a letter, so that it stays with the word it precedes.
    """
    kinds = table[np.minimum(points, _TABLE_SIZE - 1)]
    invisible = kinds == CharKind.INVISIBLE
    if not invisible.any():
        return kinds, None
    carriers = np.maximum.accumulate(np.where(invisible, 0, np.arange(len(kinds))))
    kinds = kinds[carriers]
    lost = invisible & ((kinds == CharKind.SPACE) | (kinds == CharKind.INVISIBLE))
    kinds[lost] = CharKind.LETTER
    first = lost.copy()
    first[1:] &= ~lost[:-1]
    return kinds, invisible & ~first


def pair_table() -> CharKinds:
    """What happens between two kinds, uint8[COUNT, COUNT]."""
    pairs = np.full((COUNT, COUNT), CUT, dtype=np.uint8)
    words = slice(CharKind.LETTER, CharKind.SPACE)
    pairs[words, words] = JOIN
    for group in ([CharKind.PERIOD, CharKind.ENDING], [CharKind.EMOJI], [CharKind.SPACE]):
        pairs[np.ix_(group, group)] = JOIN
    pairs[words, CharKind.HYPHEN] = CUT_LOOK
    pairs[CharKind.DIGIT, CharKind.LETTER] = JOIN_LOOK
    pairs[CharKind.PERIOD, CharKind.LETTER : CharKind.DIGIT] = CUT_LOOK
    pairs[CharKind.SIGN, words] = CUT_LOOK
    pairs[words, CharKind.SIGN] = CUT_LOOK
    pairs[CharKind.COLON, CharKind.SLASH] = CUT_LOOK
    pairs[[CharKind.COLON, CharKind.EYES], [[CharKind.OPEN], [CharKind.CLOSE]]] = CUT_LOOK
    return pairs
