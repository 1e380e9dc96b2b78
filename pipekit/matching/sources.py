"""What patterns look at in a batch: its distinct words, and columns of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipekit.doc import Doc
from pipekit.doc.columns import Column, Labels
from pipekit.errors import DocError, near
from pipekit.matching.patterns import ENTS, WORD
from pipekit.parts.batch import Batch
from pipekit.words.arrays import Ints, offsets, ranges

TokenNumbers = NDArray[Any]


@dataclass(frozen=True)
class TokenValues:
    """The values that tokens have in a column, or as words.

    Attributes:
        rows: which of the values each token has, int64[tokens].
        size: how many values there are.
        strings: the values that are strings, "" where unset; of numbers and words, None.
        numbers: the values that are numbers, NaN where unset, [size]; of strings and words, None.
    """

    rows: Ints
    size: int
    strings: Sequence[str] | None = None
    numbers: TokenNumbers | None = None


def token_values(
    batch: Batch,
    source: str,
) -> TokenValues:
    """The values of the tokens of a batch.

    Args:
        source: `WORD`, `ENTS`, or the name of a token column.

    Errors: `DocError` for a column that a document lacks, with near names; and for one that holds
    labels in a document and numbers in another.
    """
    if source == WORD:
        distinct = batch.distinct
        size = len(distinct.words.starts)
        return TokenValues(distinct.index, size)
    docs = [doc for doc in batch.docs if len(doc)]
    if source == ENTS:
        columns = [_labels_of_spans(doc) for doc in docs]
    else:
        columns = [_column(doc, source) for doc in docs]
    kinds = {column.labels is None for column in columns}
    if len(kinds) > 1:
        raise DocError(f"the column {source!r} has labels in a document and numbers in another")
    if kinds == {True}:
        return _as_numbers(columns)
    return _as_strings(columns)


def _column(
    doc: Doc,
    name: str,
) -> Column:
    column = doc.tokens.get(name)
    if column is None:
        raise DocError(
            f"a pattern looks at the token column {name!r}, which no one has written."
            f"{near(name, doc.tokens)}"
        )
    return column


def _labels_of_spans(doc: Doc) -> Column:
    """The label of the last span of the layer "ents" around each token."""
    layer = doc.layers.get(ENTS)
    if layer is None:
        raise DocError(f"a pattern looks at ENT_TYPE, but nobody has written the layer {ENTS!r}")
    codes = np.full(
        len(doc),
        -1,
        dtype=np.int64,
    )
    labels = layer.get("label")
    if labels is None:
        return Column(codes, [])
    starts = layer["start"].values.astype(np.int64)
    lengths = layer["end"].values - starts
    rows = ranges(starts, lengths)
    codes[rows] = np.repeat(labels.values, lengths)
    return Column(codes, labels.labels)


def _as_strings(columns: Sequence[Column]) -> TokenValues:
    """The labels of columns end to end; the value 0 is "", for unset rows.

    Documents of one batch often share a list of labels, which then stands there once.
    """
    strings = [""]
    places: dict[int, int] = {}
    rows = [np.zeros(0, np.int64)]
    for column in columns:
        labels: Labels = column.labels or ()
        first = places.get(id(labels))
        if first is None:
            first = places[id(labels)] = len(strings)
            strings += labels
        codes = column.values
        values = codes.astype(np.int64) + first
        values[codes < 0] = 0
        rows.append(values)
    return TokenValues(
        rows=np.concatenate(rows),
        size=len(strings),
        strings=strings,
    )


def _as_numbers(columns: Sequence[Column]) -> TokenValues:
    numbers = np.concatenate([column.values for column in columns])
    distinct, rows = np.unique(numbers, return_inverse=True)
    return TokenValues(
        rows=rows,
        size=len(distinct),
        numbers=distinct,
    )


class TokenIndex:
    """The tokens that have each value, for the values of several sources.

    Values of all sources are numbered through: those of a source begin at its `first`.
    """

    def __init__(self, sources: Sequence[TokenValues]) -> None:
        self.first = offsets([source.size for source in sources])
        counts = [np.zeros(0, np.int64)]
        orders = [np.zeros(0, np.int64)]
        for source in sources:
            count = np.bincount(source.rows, minlength=source.size)
            order = np.argsort(source.rows, kind="stable")
            counts.append(count)
            orders.append(order)
        self.counts = np.concatenate(counts)  # int64[values]: tokens that have each
        self._tokens = np.concatenate(orders)
        self._starts = offsets(self.counts)

    def tokens(self, values: Ints) -> Ints:
        """The tokens that have each of these values, end to end."""
        starts = self._starts[values]
        counts = self.counts[values]
        rows = ranges(starts, counts)
        return self._tokens[rows]
