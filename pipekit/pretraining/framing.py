"""Slices of a corpus as the rows that a network reads: one text between [CLS] and [SEP], or two, or
the slice as it is.

Pairs of texts are those of BERT (Devlin et al. 2019) and of ALBERT (Lan et al. 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from pipekit.errors import ConfigError
from pipekit.pretraining.masking import Sequences
from pipekit.pretraining.shards import NUMBER, SENTENCE, WORD, Pieces
from pipekit.subwords.cutter import Special
from pipekit.words.arrays import Bools, Ints

REACH = 64  # pieces within which a text of a pair looks for a sentence to begin with


class Framing(NamedTuple):
    """How rows are made of slices of a corpus.

    Attributes:
        spare: pieces of a slice beyond those that a row holds.
        special: special pieces of a row.
        rows: slices uint32[rows, needs(length)], length, special pieces and a source of random
            numbers to rows.
    """

    spare: int
    special: int
    rows: Callable[[Pieces, int, Special, np.random.Generator], Sequences]

    def needs(self, length: int) -> int:
        """How many pieces of the corpus a row of that length is made from."""
        return length - self.special + self.spare


class Texts(NamedTuple):
    """A text for each row, int64[rows] each: its slice, where it begins there, and its length."""

    slice: Ints
    begin: Ints
    size: Ints


def framing_of(objectives: Iterable[nn.Module]) -> Framing:
    """The framing whose rows all objectives can learn from.

    Errors: `ConfigError` for two objectives that need different rows.
    """
    needed = {str(objective.framing) for objective in objectives} - {"single"}
    if len(needed) > 1:
        raise ConfigError(
            f"the objectives {' and '.join(sorted(needed))} learn of different pairs of texts: "
            "choose one of them"
        )
    return FRAMINGS[needed.pop() if needed else "single"]


def single_text(
    slices: Pieces,
    length: int,
    special: Special,
    random: np.random.Generator,
) -> Sequences:
    """Each slice as a row."""
    return single(slices, special)


def stream_of_texts(
    slices: Pieces,
    length: int,
    special: Special,
    random: np.random.Generator,
) -> Sequences:
    """Each slice as a row, as it lies in the corpus, with the borders of documents."""
    begins = slices & WORD > 0
    ids = (slices & NUMBER).astype(np.int64)
    return Sequences(torch.from_numpy(ids), torch.from_numpy(begins))


def sentence_order(
    slices: Pieces,
    length: int,
    special: Special,
    random: np.random.Generator,
) -> Sequences:
    """Two consecutive texts, exchanged in half of the rows."""
    first, second = divided(slices, length, random)
    follows = random.random(len(slices)) < 0.5
    left = either(follows, first, second)
    right = either(follows, second, first)
    return pairs(slices, left, right, follows, special)


def next_sentence(
    slices: Pieces,
    length: int,
    special: Special,
    random: np.random.Generator,
) -> Sequences:
    """Two texts; in half of the rows the second text is from another slice.

    Where there is only one slice, its second text always follows.
    """
    first, second = divided(slices, length, random)
    foreign = np.roll(first.slice, len(slices) // 2)
    foreign_begin = border(slices, np.zeros_like(foreign))[foreign]
    elsewhere = Texts(foreign, foreign_begin, second.size)
    follows = random.random(len(slices)) < 0.5
    follows |= foreign == first.slice
    return pairs(slices, first, either(follows, second, elsewhere), follows, special)


def divided(
    slices: Pieces,
    length: int,
    random: np.random.Generator,
) -> tuple[Texts, Texts]:
    """Two consecutive texts of each slice, a quarter to three quarters of the pieces each.

    Both begin with a sentence if one begins within reach, else with a word; both end anywhere. So
    their contents tell whether they belong together, and not their edges.
    """
    rows = np.arange(len(slices))
    size = length - 3
    first_size = random.integers(
        size // 4,
        size - size // 4 + 1,
        len(slices),
    )
    first_begin = border(slices, np.zeros_like(rows))
    second_begin = border(slices, first_begin + first_size)
    first = Texts(rows, first_begin, first_size)
    second = Texts(rows, second_begin, size - first_size)
    return first, second


def single(
    slices: Pieces,
    special: Special,
) -> Sequences:
    """Each slice, uint32[rows, length - 2], between [CLS] and [SEP]."""
    rows, size = slices.shape
    ids = np.empty((rows, size + 2), dtype=np.int64)
    ids[:, 0] = special.cls
    ids[:, -1] = special.sep
    ids[:, 1:-1] = slices & NUMBER
    begins = np.zeros(ids.shape, dtype=bool)
    begins[:, 1:-1] = slices & WORD
    return Sequences(torch.from_numpy(ids), torch.from_numpy(begins))


def border(
    slices: Pieces,
    begin: Ints,
) -> Ints:
    """Where a text of each row may begin, int64[rows]: within reach of `begin` at the first
    sentence, else at the first word, else at `begin` itself.
    """
    columns = begin[:, None] + np.arange(REACH)  # (rows, REACH)
    window = np.take_along_axis(slices, columns, 1)
    sentences = window & SENTENCE
    has_sentence = sentences.any(1, keepdims=True)
    starts = np.where(has_sentence, sentences, window & WORD)
    borders: Ints = begin + np.argmax(starts > 0, axis=1)
    return borders


def either(
    mask: Bools,
    first: Texts,
    second: Texts,
) -> Texts:
    """The first of two texts where the mask is true, else the second."""
    return Texts(
        np.where(mask, first.slice, second.slice),
        np.where(mask, first.begin, second.begin),
        np.where(mask, first.size, second.size),
    )


def pairs(
    slices: Pieces,
    first: Texts,
    second: Texts,
    follows: Bools,
    special: Special,
) -> Sequences:
    """Rows of two texts.

    pieces     [CLS] first … [SEP] second … [SEP]
    segments     0     0       0      1       1
    """
    length = int(first.size[0] + second.size[0]) + 3
    place = np.arange(length)
    middle = 1 + first.size[:, None]  # (rows, 1): the place of the first [SEP]
    is_second = place > middle  # (rows, length)
    is_special = (place == 0) | (place == middle) | (place == length - 1)
    source = np.where(
        is_second,
        second.slice[:, None],
        first.slice[:, None],
    )
    shift = np.where(
        is_second,
        second.begin[:, None] - middle - 1,
        first.begin[:, None] - 1,
    )
    column = np.where(is_special, 0, place + shift)
    cells = slices[source, column]
    ids = np.where(is_special, special.sep, cells & NUMBER).astype(np.int64)
    ids[:, 0] = special.cls
    begins = ~is_special & (cells & WORD > 0)
    return Sequences(
        ids=torch.from_numpy(ids),
        begins=torch.from_numpy(begins),
        segments=torch.from_numpy(is_second.astype(np.int64)),
        follows=torch.from_numpy(follows.astype(np.int64)),
    )


FRAMINGS = {
    "single": Framing(0, 2, single_text),
    "stream": Framing(0, 0, stream_of_texts),
    "next": Framing(2 * REACH, 3, next_sentence),
    "order": Framing(2 * REACH, 3, sentence_order),
}
