"""A gold Doc beside a predicted one: which of their tokens are the same.

Both have the same text but for white space, and tokens of their own. Borders are therefore counted
in characters that are no white space:

    gold         Рим ,  вечный          0-3  3-4  4-10
    predicted    Рим,   вечный          0-4       4-10      the last token is the same
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from pipekit.doc import Doc, Layer
from pipekit.doc.layer import UNSURE
from pipekit.doc.limits import LINKED
from pipekit.errors import DataError
from pipekit.evaluation.counts import Counts
from pipekit.words.arrays import Ints, offsets, pair_keys

Borders = tuple[int, int]
NO_FEATURES: frozenset[str] = frozenset()
_OPEN = f"={UNSURE}"
_SHOWN = 20  # characters before and after a difference that an error shows


class Side(NamedTuple):
    """A Doc with the borders of its tokens, counted in characters that are no white space."""

    doc: Doc
    starts: Ints  # int64[tokens]
    ends: Ints  # int64[tokens]
    rows: Ints  # the tokens with such characters

    def borders(self) -> set[Borders]:
        """The borders of all tokens in `rows`."""
        starts = self.starts[self.rows].tolist()
        ends = self.ends[self.rows].tolist()
        return set(zip(starts, ends, strict=True))

    def row_borders(self) -> list[Borders]:
        """The borders of each token."""
        return list(zip(self.starts.tolist(), self.ends.tolist(), strict=True))

    def span_borders(self, layer: Layer) -> list[Borders]:
        """The borders of each span of a layer."""
        starts = self.starts[layer["start"].values].tolist()
        ends = self.ends[layer["end"].values - 1].tolist()
        return list(zip(starts, ends, strict=True))

    def link_borders(self, layer: Layer) -> list[tuple[Borders, Borders]]:
        """The borders of the head and of the tail of each relation of a layer."""
        if not layer.size:
            return []
        spans = self.span_borders(self.doc.layers[layer.target or LINKED])
        heads = layer["head"].values.tolist()
        tails = layer["tail"].values.tolist()
        return [(spans[head], spans[tail]) for head, tail in zip(heads, tails, strict=True)]

    def keys(self, size: int) -> Ints:
        """The borders of all tokens in `rows`, packed; `size` is above all of them."""
        starts = self.starts[self.rows]
        ends = self.ends[self.rows]
        return pair_keys(starts, ends, size)

    def sentences(self) -> set[Borders]:
        """The borders of all sentences."""
        rows = self.doc.sent_borders()
        if rows is None or not len(self.doc):
            return set()
        starts = self.starts[rows[:-1]].tolist()
        ends = self.ends[rows[1:] - 1].tolist()
        pairs = zip(starts, ends, strict=True)
        return {(start, end) for start, end in pairs if start < end}


class AlignedDocs(NamedTuple):
    """A gold and a predicted Doc."""

    gold: Side
    predicted: Side
    same: list[tuple[int, int]]  # gold row and predicted row of each token that both have
    masked: Mapping[int, frozenset[str]]  # by predicted row: features that gold leaves open


def align(
    gold: Doc,
    predicted: Doc,
) -> AlignedDocs:
    """Two Docs of the same text. Errors: `DataError` where the texts differ."""
    left = _side(gold)
    right = _side(predicted)
    if gold.text != predicted.text:
        _check_texts(gold, predicted)

    left_length = left.ends.max(initial=0)
    right_length = right.ends.max(initial=0)
    size = int(max(left_length, right_length)) + 1
    _, left_places, right_places = np.intersect1d(
        left.keys(size),
        right.keys(size),
        assume_unique=True,
        return_indices=True,
    )
    gold_rows = left.rows[left_places].tolist()
    predicted_rows = right.rows[right_places].tolist()
    same = list(zip(gold_rows, predicted_rows, strict=True))

    masks = [_masked(morph) for morph in column_strings(gold, "morph")]
    masked = {}
    for gold_row, predicted_row in same:
        mask = masks[gold_row]
        if mask:
            masked[predicted_row] = mask
    return AlignedDocs(left, right, same, masked)


def column_strings(
    doc: Doc,
    name: str,
) -> list[str | None]:
    """The values of a token column; None for each token where there is no such column."""
    column = doc.tokens.get(name)
    if column is None:
        return [None] * len(doc)
    return column.strings()


def compare_tokens(docs: AlignedDocs) -> Counts:
    """Tokens by their borders."""
    gold = docs.gold.borders()
    predicted = docs.predicted.borders()
    return Counts(
        gold=len(gold),
        predicted=len(predicted),
        correct=len(gold & predicted),
    )


def compare_sentences(docs: AlignedDocs) -> Counts:
    """Sentences by their borders."""
    gold = docs.gold.sentences()
    predicted = docs.predicted.sentences()
    return Counts(
        gold=len(gold),
        predicted=len(predicted),
        correct=len(gold & predicted),
        has_prediction=docs.predicted.doc.has_annotation("sents"),
    )


def _side(doc: Doc) -> Side:
    solid = offsets(not character.isspace() for character in doc.text)
    starts = solid[doc.starts]
    ends = solid[doc.ends]
    return Side(
        doc=doc,
        starts=starts,
        ends=ends,
        rows=np.flatnonzero(starts < ends),
    )


def _check_texts(
    gold: Doc,
    predicted: Doc,
) -> None:
    left = "".join(gold.text.split())
    right = "".join(predicted.text.split())
    if left == right:
        return
    shared = 0
    for left_letter, right_letter in zip(left, right, strict=False):
        if left_letter != right_letter:
            break
        shared += 1
    start = max(0, shared - _SHOWN)
    end = shared + _SHOWN
    name = gold.name or "a document"
    raise DataError(
        f"{name}: gold and predicted differ in their text: "
        f"after {left[start:shared]!r} "
        f"there is {left[shared:end]!r} and {right[shared:end]!r}: "
        f"predict on the text of the gold Doc"
    )


def _masked(morph: str | None) -> frozenset[str]:
    """The features that an annotation leaves open, "Voice=?"."""
    if not morph or _OPEN not in morph:
        return NO_FEATURES
    names = set()
    for pair in morph.split("|"):
        if pair.endswith(_OPEN):
            names.add(pair.removesuffix(_OPEN))
    return frozenset(names)
