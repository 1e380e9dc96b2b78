"""Spans of many documents at once as rows of a batch, and what becomes of those that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.doc import Doc
from pipekit.doc.columns import Column
from pipekit.doc.layer import Layer
from pipekit.parts.batch import Batch
from pipekit.words.arrays import Bools, Ints

UNKNOWN = -1  # the code of a span whose label is unset, or none of those asked for


class SpanRows(NamedTuple):
    """Spans of a batch: token rows of the batch (end exclusive), and a code for the label of each; all int64[spans]."""

    start: Ints
    end: Ints
    label: Ints

    def take(self, rows: NDArray[Any]) -> SpanRows:
        return SpanRows(self.start[rows], self.end[rows], self.label[rows])


def label_names(docs: Sequence[Doc], layer: str) -> list[str]:
    """The labels that the spans of a layer have in some documents, sorted."""
    columns = (doc.layers[layer].get("label") for doc in docs if layer in doc.layers)
    return sorted(
        {
            label
            for column in columns
            if column is not None
            for label in column.strings()
            if label is not None
        }
    )


def annotated(batch: Batch, layer: str) -> Bools:
    """Which tokens belong to documents that have the layer, bool[tokens]."""
    return np.repeat(
        np.array([layer in doc.layers for doc in batch.docs], dtype=bool), np.diff(batch.offsets)
    )


def batch_spans(batch: Batch, layer: str, labels: Sequence[str]) -> SpanRows:
    """The spans of a layer in all documents of the batch that have it; codes are places in `labels`, or UNKNOWN."""
    place: dict[str | None, int] = {label: i for i, label in enumerate(labels)}
    parts = [np.zeros((3, 0), dtype=np.int64)]
    for doc, offset in zip(batch.docs, batch.offsets.tolist(), strict=False):
        if layer in doc.layers:
            found = doc.layers[layer]
            column = found.get("label")
            codes = (
                [UNKNOWN] * found.size
                if column is None
                else [place.get(label, UNKNOWN) for label in column.strings()]
            )
            parts.append(
                np.array(
                    [found["start"].values + offset, found["end"].values + offset, codes],
                    dtype=np.int64,
                )
            )
    return SpanRows(*np.concatenate(parts, axis=1))


def write_spans(
    batch: Batch, layer: str, spans: SpanRows, labels: Sequence[str], scores: NDArray[Any]
) -> None:
    """Give every document of the batch its share of the spans, which ascend by start, as a layer."""
    cuts = np.searchsorted(spans.start, batch.offsets)
    shift = np.repeat(batch.offsets[:-1], np.diff(cuts))
    start, end = ((rows - shift).astype(np.int32) for rows in (spans.start, spans.end))
    label, names, score = spans.label.astype(np.int32), list(labels), scores.astype(np.float32)
    for doc, first, last in zip(batch.docs, cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        found = doc.layers[layer] = Layer("span", last - first)
        found.put("start", Column(start[first:last])).put("end", Column(end[first:last]))
        found.put("label", Column(label[first:last], names)).put("score", Column(score[first:last]))


def within(borders: Ints, start: Ints, end: Ints) -> Bools:
    """Which spans are not empty and lie within one of the sequences ``borders[i]:borders[i + 1]``, bool[spans]."""
    found = np.searchsorted(borders, start, "right")
    return (end > start) & (end <= borders[np.minimum(found, len(borders) - 1)])


def settle(start: Ints, end: Ints, order: Ints, *, nested: bool = False) -> Bools:
    """Which spans stay when each, in the given order, stays if it fits with those that stayed before it, bool[spans].

    Args:
        order: rows of the spans, the strongest first.
        nested: whether a span may lie within another, so that only those that cross (share some tokens, not all of either) do not fit.
    """
    stays = np.ones(len(start), dtype=bool)
    if not nested:
        taken: set[int] = set()
        for row in order.tolist():
            tokens = range(int(start[row]), int(end[row]))
            stays[row] = taken.isdisjoint(tokens)
            if stays[row]:
                taken.update(tokens)
        return stays
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    for first, second in sorted(
        _crossing(start, end), key=lambda pair: int(min(rank[pair[0]], rank[pair[1]]))
    ):
        if stays[first] and stays[second]:
            stays[first if rank[first] > rank[second] else second] = False
    return stays


def _crossing(start: Ints, end: Ints) -> list[tuple[int, int]]:
    """Pairs of spans of which one begins within the other and ends behind it."""
    by_start = np.argsort(start, kind="stable")
    firsts, lasts = (
        np.searchsorted(start[by_start], start, "right"),
        np.searchsorted(start[by_start], end, "left"),
    )
    count = np.maximum(lasts - firsts, 0)
    left = np.repeat(np.arange(len(start)), count)
    right = by_start[
        np.arange(len(left)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(firsts, count)
    ]
    crosses = end[right] > end[left]
    return list(zip(left[crosses].tolist(), right[crosses].tolist(), strict=True))
