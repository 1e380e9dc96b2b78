"""The spans of many documents as rows of a batch, and which of overlapping spans stay.

A span in a document counts tokens from the start of the document. Here it counts token rows of the
batch (see `Batch`), so that the spans of all documents are three arrays:

    documents    [0, 2) PER | [1, 2) LOC          the first document has 5 tokens
    SpanRows     start 0 6, end 2 7, label 0 1    labels are ["PER", "LOC"]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.doc import Doc
from pipekit.doc.columns import Column
from pipekit.doc.layer import Layer
from pipekit.parts.batch import Batch
from pipekit.words.arrays import Bools, Ints, ranges

_Codes = dict[str | None, int]
CROWD = 64  # spans that a sentence may have before work on each of them is bounded
UNKNOWN = -1  # the code of a label that is unset, or not among those asked for


class SpanRows(NamedTuple):
    """Spans of a batch, all int64[spans].

    Attributes:
        start: the first token row of each span.
        end: the token row behind its last one.
        label: the code of its label, a place in a list of labels, or `UNKNOWN`.
    """

    start: Ints
    end: Ints
    label: Ints

    def take(self, rows: NDArray[Any]) -> SpanRows:
        """The chosen spans, by row numbers or by a mask."""
        return SpanRows(*(column[rows] for column in self))


def crowded(sentences: Ints) -> Bools:
    """Which spans stand in a sentence of more than `CROWD` spans, bool[spans].

    What is computed of the neighbours of a span grows with their number. In a text without
    sentence borders that is all its spans, and in others none has so many.

    Args:
        sentences: the number of the sentence of each span, int64[spans].
    """
    counts = np.bincount(sentences)
    crowd: Bools = counts[sentences] > CROWD
    return crowd


def label_names(
    docs: Sequence[Doc],
    layer: str,
) -> list[str]:
    """The labels that spans of a layer have in some documents, sorted."""
    labels: set[str | None] = set()
    for doc in docs:
        if layer not in doc.layers:
            continue
        spans = doc.layers[layer]
        column = spans.get("label")
        if column is not None:
            labels.update(column.strings())
    return sorted(label for label in labels if label is not None)


def annotated(
    batch: Batch,
    layer: str,
) -> Bools:
    """Which tokens belong to documents that have a layer, bool[tokens]."""
    has_layer = [layer in doc.layers for doc in batch.docs]
    lengths = np.diff(batch.offsets)
    return np.repeat(np.array(has_layer, dtype=bool), lengths)


def batch_spans(
    batch: Batch,
    layer: str,
    labels: Sequence[str],
) -> SpanRows:
    """The spans of a layer in all documents of a batch that have it.

    Args:
        labels: the labels in the order of their codes; spans of other labels are `UNKNOWN`.
    """
    codes: _Codes = {label: code for code, label in enumerate(labels)}
    parts = [np.zeros((3, 0), dtype=np.int64)]
    offsets = batch.offsets[:-1].tolist()
    for doc, offset in zip(batch.docs, offsets, strict=True):
        if layer not in doc.layers:
            continue
        spans = doc.layers[layer]
        starts = spans["start"].values + offset
        ends = spans["end"].values + offset
        label_codes = _label_codes(spans, codes)
        columns = [starts, ends, label_codes]
        parts.append(np.array(columns, dtype=np.int64))
    start, end, label = np.concatenate(parts, axis=1)
    return SpanRows(start, end, label)


def _label_codes(
    spans: Layer,
    codes: _Codes,
) -> list[int]:
    column = spans.get("label")
    if column is None:
        return [UNKNOWN] * spans.size
    return [codes.get(label, UNKNOWN) for label in column.strings()]


def write_spans(
    batch: Batch,
    layer: str,
    spans: SpanRows,
    labels: Sequence[str],
    scores: NDArray[Any],
) -> None:
    """Write spans as a layer of each document of a batch.

    Args:
        spans: in ascending order of their starts.
        labels: the labels in the order of their codes.
        scores: of the spans, float[spans].
    """
    cuts = np.searchsorted(spans.start, batch.offsets)  # int64[docs + 1]: first span of each doc
    counts = np.diff(cuts)  # int64[docs]
    shifts = np.repeat(batch.offsets[:-1], counts)  # int64[spans]
    starts = (spans.start - shifts).astype(np.int32)
    ends = (spans.end - shifts).astype(np.int32)
    codes = spans.label.astype(np.int32)
    chances = scores.astype(np.float32)
    names = list(labels)
    firsts = cuts[:-1].tolist()
    lasts = cuts[1:].tolist()
    for doc, first, last in zip(batch.docs, firsts, lasts, strict=True):
        rows = slice(first, last)
        start = Column(starts[rows])
        end = Column(ends[rows])
        label = Column(codes[rows], names)
        score = Column(chances[rows])
        written = Layer("span", last - first)
        written.put("start", start)
        written.put("end", end)
        written.put("label", label)
        written.put("score", score)
        doc.layers[layer] = written


def owners(
    batch: Batch,
    spans: SpanRows,
) -> list[int]:
    """The number of the document of each span."""
    following = np.searchsorted(batch.offsets, spans.start, "right")
    numbers: list[int] = (following - 1).tolist()
    return numbers


def within(
    borders: Ints,
    start: Ints,
    end: Ints,
) -> Bools:
    """Which spans are not empty and lie within one sequence, bool[spans].

    Args:
        borders: of the sequences ``borders[i]:borders[i + 1]``.
        start, end: of the spans, int64[spans].
    """
    following = np.searchsorted(borders, start, "right")  # the first border behind each start
    following = np.minimum(following, len(borders) - 1)
    return (end > start) & (end <= borders[following])


def settle(
    start: Ints,
    end: Ints,
    order: Ints,
    *,
    nested: bool = False,
) -> Bools:
    """Which spans stay, bool[spans], where each stays that fits with the stronger spans that stay.

    Args:
        start, end: of the spans, int64[spans].
        order: rows of the spans, the strongest first.
        nested: whether a span may lie within another. Then only crossing spans do not fit: they
            share tokens, and each has tokens of its own.
    """
    if nested:
        return _settle_crossing(start, end, order)
    stays = np.ones(len(start), dtype=bool)
    taken: set[int] = set()
    for row in order.tolist():
        tokens = range(int(start[row]), int(end[row]))
        stays[row] = taken.isdisjoint(tokens)
        if stays[row]:
            taken.update(tokens)
    return stays


def _settle_crossing(
    start: Ints,
    end: Ints,
    order: Ints,
) -> Bools:
    """Of each crossing pair the weaker span goes, pairs with the strongest spans first."""
    stays = np.ones(len(start), dtype=bool)
    rank = np.empty(len(order), dtype=np.int64)  # int64[spans], 0 for the strongest
    rank[order] = np.arange(len(order))
    left, right = _crossing_pairs(start, end)
    stronger = np.minimum(rank[left], rank[right])
    order_of_pairs = np.argsort(stronger, kind="stable")
    firsts = left[order_of_pairs].tolist()
    seconds = right[order_of_pairs].tolist()
    for first, second in zip(firsts, seconds, strict=True):
        if not stays[first] or not stays[second]:
            continue
        if rank[first] > rank[second]:
            stays[first] = False
        else:
            stays[second] = False
    return stays


def _crossing_pairs(
    start: Ints,
    end: Ints,
) -> tuple[Ints, Ints]:
    """The rows of spans of which the second begins within the first and ends behind it.

    Returns: two arrays, int64[pairs].
    """
    by_start = np.argsort(start, kind="stable")
    sorted_starts = start[by_start]
    # In the order of starts, the spans that begin within a span are those from `firsts` to `lasts`.
    firsts = np.searchsorted(sorted_starts, start, "right")
    lasts = np.searchsorted(sorted_starts, end, "left")
    counts = np.maximum(lasts - firsts, 0)
    left = np.repeat(np.arange(len(start)), counts)
    right = by_start[ranges(firsts, counts)]
    crosses = end[right] > end[left]
    return left[crosses], right[crosses]
