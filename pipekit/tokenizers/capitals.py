"""How often words have a capital within a sentence, as a table of bytes.

After «ул.» or «проф.» a name goes on, and a common word begins a sentence. Whether a word is a name
is told by the share of its occurrences with a capital in the middle of sentences, as a class:

    0    never seen
    1    below 1 of 100: «он», «дорога»       4    up to 80: «Волга»
    2    up to 10: «лес», «горький»           5    up to 97
    3    up to 40                             6    nearly always: «Петров», «Омске»

The table has one byte for each value of 20 bits of a word's hash: five other bits of the hash, and
three bits for the class. A word that is not in the table has a class by chance, 1 time of 80.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from pipekit.words import chars
from pipekit.words.arrays import Hashes

CapitalClasses = NDArray[np.uint8]
_ROW_BITS = 20
_CLASS_BITS = 3
_BORDERS = (0.01, 0.1, 0.4, 0.8, 0.97)  # between the classes 1 to 6
_ROW_SHIFT = np.uint64(64 - _ROW_BITS)
_CHECK_SHIFT = np.uint64(64 - _ROW_BITS - 8 + _CLASS_BITS)
_CHECK_MASK = np.uint64(0xFF >> _CLASS_BITS)
_CLASS_MASK = np.uint8((1 << _CLASS_BITS) - 1)


def capital_table(
    words: Sequence[str],
    shares: Sequence[float],
) -> CapitalClasses:
    """The table of words in small letters, uint8[2**20].

    Args:
        words: the words, rarest first: of words that share a row the last one stays.
        shares: how often each has a capital, from 0 to 1.
    """
    hashes = chars.normalize(chars.from_strings(list(words))).word_hashes()
    classes = np.digitize(shares, _BORDERS) + 1
    table = np.zeros(1 << _ROW_BITS, dtype=np.uint8)
    checks = _checks(hashes) << np.uint8(_CLASS_BITS)
    table[hashes >> _ROW_SHIFT] = checks | classes.astype(np.uint8)
    return table


@cache
def load_capitals(lang: str) -> CapitalClasses:
    """The table of a language, uint8[2**20]."""
    file = resources.files("pipekit.tokenizers") / "data" / f"{lang}.capitals.bin"
    return np.frombuffer(file.read_bytes(), dtype=np.uint8)


def capital_classes(
    table: CapitalClasses,
    hashes: Hashes,
) -> CapitalClasses:
    """The class of each word by its hash, uint8[words]."""
    entries = table[hashes >> _ROW_SHIFT]
    is_same = entries >> np.uint8(_CLASS_BITS) == _checks(hashes)
    classes: CapitalClasses = np.where(is_same, entries & _CLASS_MASK, np.uint8(0))
    return classes


def _checks(hashes: Hashes) -> CapitalClasses:
    """Five bits of each hash, besides those that number its row."""
    checks: CapitalClasses = (hashes >> _CHECK_SHIFT & _CHECK_MASK).astype(np.uint8)
    return checks
