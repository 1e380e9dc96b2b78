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

from pipekit.words.chars import Codes

Kinds = NDArray[np.uint8]
Mask = NDArray[np.bool_]

JOIN, JOIN_LOOK, CUT_LOOK, CUT = 0, 1, 2, 3


class Kind(IntEnum):
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


COUNT = len(Kind)
_TABLE_SIZE = 0x20000  # beyond are rare ideographs (letters) and private characters
_EMOJI = [(0x2600, 0x27BF), (0x2B50, 0x2B55), (0x1F000, 0x1FAFF), (0x203C, 0x203C), (0x2049, 0x2049), (0x23E9, 0x23FA)]
_MODIFIERS = (0x1F3FB, 0x1F3FF)  # skin tones
_CATEGORIES = {
    "Lu": Kind.CAPITAL,
    "Lt": Kind.CAPITAL,
    "Nd": Kind.DIGIT,
    "Cf": Kind.INVISIBLE,
    "Mn": Kind.INVISIBLE,
    "Mc": Kind.INVISIBLE,
    "Me": Kind.INVISIBLE,
    **dict.fromkeys(("Ll", "Lm", "Lo", "Nl", "No"), Kind.LETTER),
}


def _unicode_kind(code: int) -> Kind:
    character = chr(code)
    if character.isspace():
        return Kind.SPACE
    return _CATEGORIES.get(unicodedata.category(character), Kind.SYMBOL)


@cache
def _unicode_table() -> Kinds:
    table = np.array([_unicode_kind(code) for code in range(_TABLE_SIZE)], dtype=np.uint8)
    for first, last in _EMOJI:
        table[first : last + 1] = Kind.EMOJI
    table[_MODIFIERS[0] : _MODIFIERS[1] + 1] = Kind.INVISIBLE
    return table


def kind_table(characters: Mapping[str, str]) -> Kinds:
    """The kind of each code point, the last one standing for all beyond. `characters` names a kind and its characters."""
    table = _unicode_table().copy()
    table[-1] = Kind.LETTER
    for name, members in characters.items():
        table[[ord(character) for character in members]] = Kind[name.upper()]
    return table


def kinds_of(points: Codes, table: Kinds) -> tuple[Kinds, Mask | None]:
    """Kinds of code points, and which were invisible if any were: these take the kind of what they follow.

    After a space or at the beginning an invisible character is a letter, so that it stays with the word it precedes.
    """
    kinds = table[np.minimum(points, _TABLE_SIZE - 1)]
    invisible = kinds == Kind.INVISIBLE
    if not invisible.any():
        return kinds, None
    carriers = np.maximum.accumulate(np.where(invisible, 0, np.arange(len(kinds))))
    kinds = kinds[carriers]
    lost = invisible & ((kinds == Kind.SPACE) | (kinds == Kind.INVISIBLE))
    kinds[lost] = Kind.LETTER
    first = lost.copy()
    first[1:] &= ~lost[:-1]
    return kinds, invisible & ~first


def pair_table() -> Kinds:
    """What happens between two kinds, uint8[COUNT, COUNT]."""
    pairs = np.full((COUNT, COUNT), CUT, dtype=np.uint8)
    words = slice(Kind.LETTER, Kind.SPACE)
    pairs[words, words] = JOIN
    for group in ([Kind.PERIOD, Kind.ENDING], [Kind.EMOJI], [Kind.SPACE]):
        pairs[np.ix_(group, group)] = JOIN
    pairs[words, Kind.HYPHEN] = CUT_LOOK
    pairs[Kind.DIGIT, Kind.LETTER] = JOIN_LOOK
    pairs[Kind.PERIOD, Kind.LETTER : Kind.DIGIT] = CUT_LOOK
    pairs[Kind.SIGN, words] = CUT_LOOK
    pairs[words, Kind.SIGN] = CUT_LOOK
    pairs[Kind.COLON, Kind.SLASH] = CUT_LOOK
    pairs[[Kind.COLON, Kind.EYES], [[Kind.OPEN], [Kind.CLOSE]]] = CUT_LOOK
    return pairs
