"""Slices of a corpus as the rows that a network reads: one text between [CLS] and [SEP], or two (Devlin et al. 2019; Lan et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipekit.errors import ConfigError
from pipekit.pretraining.masking import Sequences
from pipekit.pretraining.shards import NUMBER, SENTENCE, WORD, Pieces
from pipekit.subwords.cutter import Special
from pipekit.words.arrays import Ints

REACH = 64  # pieces within which a text of a pair looks for a sentence to begin with

Flags = NDArray[np.bool_]


class Framing(NamedTuple):
    """How rows are made of slices of a corpus.

    Attributes:
        spare: how many pieces a slice has beside those that a row holds.
        special: how many special pieces a row has.
        rows: slices uint32[rows, needs(length)], length, special pieces and a source of chance to rows.
    """

    spare: int
    special: int
    rows: Callable[[Pieces, int, Special, np.random.Generator], Sequences]

    def needs(self, length: int) -> int:
        """How many pieces of the corpus a row of that length is made from."""
        return length - self.special + self.spare


class Texts(NamedTuple):
    """A text for each row: the slice in which it stands, where it begins there and how many pieces it has, int64[rows] each."""

    slice: Ints
    begin: Ints
    size: Ints


def framing_of(objectives: Iterable[nn.Module]) -> Framing:
    """How rows are made that all of these learn of. Errors: `ConfigError` for two that need different ones."""
    needed = {str(each.framing) for each in objectives} - {"single"}
    if len(needed) > 1:
        raise ConfigError(
            f"the objectives {' and '.join(sorted(needed))} learn of different pairs of texts: choose one of them"
        )
    return FRAMINGS[needed.pop() if needed else "single"]


def sentence_order(
    slices: Pieces, length: int, special: Special, random: np.random.Generator
) -> Sequences:
    """Two texts one after the other, exchanged in half of the rows."""
    first, second = divided(slices, length, random)
    follows = random.random(len(slices)) < 0.5
    return pairs(
        slices, either(follows, first, second), either(follows, second, first), follows, special
    )


def next_sentence(
    slices: Pieces, length: int, special: Special, random: np.random.Generator
) -> Sequences:
    """Two texts, of which the second one is from another slice in half of the rows; where there is no other it follows always."""
    first, second = divided(slices, length, random)
    foreign = np.roll(first.slice, len(slices) // 2)
    elsewhere = Texts(foreign, border(slices, np.zeros_like(foreign))[foreign], second.size)
    follows = (random.random(len(slices)) < 0.5) | (foreign == first.slice)
    return pairs(slices, first, either(follows, second, elsewhere), follows, special)


def divided(slices: Pieces, length: int, random: np.random.Generator) -> tuple[Texts, Texts]:
    """Two texts of each slice, the second one after the first, a quarter to three quarters of the pieces each.

    Both begin with a sentence where one begins within reach, else with a word, and both end wherever it happens to be: whether they
    belong together shows by what they say, and not by how they are cut.
    """
    rows, size = np.arange(len(slices)), length - 3
    sizes = random.integers(size // 4, size - size // 4 + 1, len(slices))
    begin = border(slices, np.zeros_like(rows))
    return Texts(rows, begin, sizes), Texts(rows, border(slices, begin + sizes), size - sizes)


def single(slices: Pieces, special: Special) -> Sequences:
    """Each slice, uint32[rows, length - 2], between [CLS] and [SEP]."""
    ids = np.empty((len(slices), slices.shape[1] + 2), dtype=np.int64)
    ids[:, 0], ids[:, -1] = special.cls, special.sep
    ids[:, 1:-1] = slices & NUMBER
    begins = np.zeros(ids.shape, dtype=bool)
    begins[:, 1:-1] = slices & WORD
    return Sequences(torch.from_numpy(ids), torch.from_numpy(begins))


def border(slices: Pieces, begin: Ints) -> Ints:
    """The first piece of each row, from `begin` on and within reach, with which a sentence begins, else a word, else `begin`."""
    window = np.take_along_axis(slices, begin[:, None] + np.arange(REACH), 1)
    starts = np.where((window & SENTENCE).any(1, keepdims=True), window & SENTENCE, window & WORD)
    return begin + np.argmax(starts > 0, axis=1)  # type: ignore[no-any-return]


def either(which: Flags, one: Texts, other: Texts) -> Texts:
    """The first of two texts where `which` says so."""
    return Texts(*(np.where(which, a, b) for a, b in zip(one, other, strict=True)))


def pairs(
    slices: Pieces, first: Texts, second: Texts, follows: Flags, special: Special
) -> Sequences:
    """[CLS] first [SEP] second [SEP]; segments are 0 up to the [SEP] between, and 1 after it."""
    place = np.arange(int(first.size[0] + second.size[0]) + 3)
    middle = 1 + first.size[:, None]
    later = place > middle
    outside = (place == 0) | (place == middle) | (place == place[-1])
    column = place + np.where(later, second.begin[:, None] - middle - 1, first.begin[:, None] - 1)
    cells = slices[
        np.where(later, second.slice[:, None], first.slice[:, None]), np.where(outside, 0, column)
    ]
    ids = np.where(outside, special.sep, cells & NUMBER).astype(np.int64)
    ids[:, 0] = special.cls
    begins = ~outside & (cells & WORD > 0)
    return Sequences(
        *(
            torch.from_numpy(part)
            for part in (ids, begins, later.astype(np.int64), follows.astype(np.int64))
        )
    )


FRAMINGS = {
    "single": Framing(0, 2, lambda slices, length, special, random: single(slices, special)),
    "next": Framing(2 * REACH, 3, next_sentence),
    "order": Framing(2 * REACH, 3, sentence_order),
}
