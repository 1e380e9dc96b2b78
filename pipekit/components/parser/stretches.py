"""What a parser reads at a time: the words of a sentence, or a stretch of a very long one.

Tokens of white space are no words: they stand in no tree.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipekit.parts.batch import Batch
from pipekit.words.arrays import Ints, offsets, places

# The most words of a stretch. The scores of arcs take its square, so time and memory for a word
# stay bounded in a text without sentence borders. Two sentences of UD Russian-Taiga are longer.
LONGEST_STRETCH = 96
ROOT = 0  # the column of the root among the scores of heads


class Stretches(NamedTuple):
    """The stretches of a batch, in the order of the text. Its words are numbered from 0.

    Attributes:
        rows: the token row of each word, int64[words].
        owner: the stretch of each word, int64[words].
        start: the first word of each stretch, int64[stretches].
        length: its words, int64[stretches].
        first: the first stretch of the same sentence, int64[stretches].
    """

    rows: Ints
    owner: Ints
    start: Ints
    length: Ints
    first: Ints


def stretches(batch: Batch) -> Stretches:
    """The stretches of a batch: sentences, those that are longer in parts of like length."""
    rows = _word_rows(batch)
    borders = np.searchsorted(rows, batch.sequences)  # among the words
    lengths = np.diff(borders)
    filled = np.flatnonzero(lengths)
    sentence_starts = borders[filled]
    lengths = lengths[filled]
    parts = (lengths + LONGEST_STRETCH - 1) // LONGEST_STRETCH  # of each sentence, rounded up
    sentence = np.repeat(np.arange(len(lengths)), parts)
    steps = places(parts) * lengths[sentence]
    start = sentence_starts[sentence] + steps // parts[sentence]
    length = np.diff(np.append(start, len(rows)))
    first = offsets(parts)[sentence]
    owner = np.repeat(np.arange(len(start)), length)
    return Stretches(
        rows=rows,
        owner=owner,
        start=start,
        length=length,
        first=first,
    )


def _word_rows(batch: Batch) -> Ints:
    """The rows of all tokens that are words, int64[words]."""
    is_space = [word.isspace() for word in batch.distinct.strings]
    if not any(is_space):
        return np.arange(len(batch))
    is_word = ~np.array(is_space)[batch.distinct.index]
    return np.flatnonzero(is_word)


def governors_of(
    columns: Ints,  # the head of each word as a column of the scores of its stretch, int64[words]
    plan: Stretches,
) -> Ints:
    """The head of each word as the number of a word, or the number of words for the root.

    The root of a stretch that does not begin its sentence depends on the root of the first one.
    """
    words = len(columns)
    starts = plan.start[plan.owner]
    roots = np.flatnonzero(columns == ROOT)  # of each stretch, in this order
    firsts = plan.first[plan.owner[roots]]
    governors = starts + columns - 1
    governors[roots] = roots[firsts]
    governors[governors == np.arange(words)] = words
    return governors


def stretch_columns(
    governors: Ints,  # as `governors_of` gives them, -1 for unset, int64[words]
    plan: Stretches,
) -> Ints:
    """Heads as columns of the scores of their stretches, -1 where unset or beyond the stretch."""
    words = len(governors)
    starts = plan.start[plan.owner]
    columns = governors - starts + 1
    lengths = plan.length[plan.owner]
    is_beyond = columns <= 0
    is_beyond |= columns > lengths
    is_beyond |= governors < 0
    columns[is_beyond] = -1
    columns[governors == words] = ROOT
    return columns
