"""BIOES tags: spans that do not overlap, as one tag for each token.

    tokens    Анна   Иванова   живёт   в   Риме
    tags      B-PER  E-PER     O       O   S-LOC

A span of several tokens is a B, any number of I, and an E. A span of one token is an S. All other
tokens are O. As numbers, O is 0, and each label has four tags in a row:

    0   1 2 3 4   5 6 7 8   …
    O   B I E S   B I E S   …       tag = kind + 4 * label
        label 0   label 1
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipekit.words.arrays import Bools, Ints, ranges

OUTSIDE, BEGIN, INSIDE, END, SINGLE = range(5)
KINDS = 4  # kinds of tags that each label has


class AllowedTags(NamedTuple):
    """Which sequences of tags spell spans."""

    follows: Bools  # (T, T), [tag, next tag]
    begins: Bools  # (T,), for the first token of a sentence
    ends: Bools  # (T,), for the last token of a sentence


class BioesTags(NamedTuple):
    """The tags of a number of labels.

    Spans as tags and back, a span of label 0 and one of label 1:

        start, end, label = np.array([0, 4]), np.array([2, 5]), np.array([0, 1])
        BioesTags(labels=2).spell(start, end, label, length=5)      # [1, 3, 0, 0, 8]
        BioesTags.read(np.array([1, 3, 0, 0, 8]))                   # start, end, label
    """

    labels: int

    @property
    def size(self) -> int:
        """The number of tags, T."""
        return 1 + KINDS * self.labels

    def names(
        self,
        labels: Sequence[str],
    ) -> list[tuple[int, str]]:
        """The kind and the label of each tag."""
        names = [(OUTSIDE, "")]
        for label in labels:
            names += [(kind, label) for kind in (BEGIN, INSIDE, END, SINGLE)]
        return names

    def allowed(self) -> AllowedTags:
        """The sequences of tags that spell spans, as masks."""
        label_kinds = [BEGIN, INSIDE, END, SINGLE]
        kind = np.array([OUTSIDE, *label_kinds * self.labels])  # (T,)
        labels = np.arange(self.labels)
        label = np.array([-1, *np.repeat(labels, KINDS)])  # (T,)
        opens = np.isin(kind, [BEGIN, INSIDE])  # the span goes on after this tag
        continues = np.isin(kind, [INSIDE, END])  # the span has begun before this tag
        same_label = label[:, None] == label[None, :]  # (T, T)
        follows = np.where(
            opens[:, None],
            continues[None, :] & same_label,
            ~continues[None, :],
        )
        return AllowedTags(
            follows=follows,
            begins=~continues,
            ends=~opens,
        )

    def spell(
        self,
        start: Ints,  # int64[spans]
        end: Ints,  # exclusive
        label: Ints,
        length: int,
    ) -> Ints:
        """The tags of a row of tokens with spans that do not overlap, int64[length]."""
        tags = np.full(length, OUTSIDE, dtype=np.int64)
        lengths = end - start
        rows = ranges(start, lengths)
        first_tag = KINDS * label
        tags[rows] = INSIDE + np.repeat(first_tag, lengths)
        tags[start] = BEGIN + first_tag
        tags[end - 1] = END + first_tag
        is_single = lengths == 1
        tags[start[is_single]] = SINGLE + first_tag[is_single]
        return tags

    @staticmethod
    def read(tags: Ints) -> tuple[Ints, Ints, Ints]:
        """Start, end (exclusive) and label of the spans that valid tags spell, int64[spans]."""
        place = tags - 1  # among the tags of all labels
        kind = BEGIN + place % KINDS
        kind[tags == OUTSIDE] = OUTSIDE
        is_single = kind == SINGLE
        start = np.flatnonzero((kind == BEGIN) | is_single)
        end = np.flatnonzero((kind == END) | is_single) + 1
        label = place[start] // KINDS
        return start, end, label
