"""Words with bits, looked up by their hashes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipekit.words import chars
from pipekit.words.arrays import Hashes


class WordBits:
    """A table of words, each with up to eight bits.

    Args:
        bits: the bits of each word in small letters, none of them 0.

        WordBits({"ул": 1}).of(hashes)
    """

    def __init__(self, bits: Mapping[str, int]) -> None:
        words = chars.normalize(chars.from_strings(list(bits)))
        hashes = words.word_hashes()
        order = np.argsort(hashes)
        numbers = np.array(list(bits.values()), dtype=np.uint8)
        self._hashes = hashes[order]
        self._bits = numbers[order]

    def of(self, hashes: Hashes) -> NDArray[np.uint8]:
        """The bits of normalised words by their hashes, uint8[words]; 0 for other words."""
        rows = np.searchsorted(self._hashes, hashes)
        rows = np.minimum(rows, len(self._hashes) - 1)
        is_there = self._hashes[rows] == hashes
        bits: NDArray[np.uint8] = self._bits[rows] * is_there
        return bits
