"""Offsets of tools that count UTF-16 units, as Java and JavaScript do, in characters.

A character beyond U+FFFF, an emoji above all, is two units of UTF-16 and one character here.
"""

from __future__ import annotations

import numpy as np

from pipekit.words.arrays import Ints, offsets
from pipekit.words.chars import codes

_FIRST_PAIR = 0x10000  # the first code point of two units


class Utf16Units:
    """The places of a text, counted in units of UTF-16.

    Utf16Units("🙂 да").characters(3)         # 2
    """

    def __init__(self, text: str) -> None:
        points = codes(text)
        self._borders: Ints = offsets(1 + (points >= _FIRST_PAIR))

    @property
    def are_characters(self) -> bool:
        """Whether the text has no character of two units."""
        return int(self._borders[-1]) == len(self._borders) - 1

    def of(self, place: int) -> int:
        """Utf16Units before a place in characters; a place outside the text stays outside."""
        if not 0 <= place < len(self._borders):
            return place
        return int(self._borders[place])

    def characters(self, place: int) -> int:
        """Characters before a place in units; one within a character is the end of it."""
        if not 0 <= place <= int(self._borders[-1]):
            return place
        return int(np.searchsorted(self._borders, place))
