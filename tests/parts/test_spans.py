"""Spans of many documents as rows of a batch, and back.

Modules: parts.spans
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipekit import Batch, Doc
from pipekit.doc.layer import span_layer
from pipekit.parts.spans import (
    UNKNOWN,
    annotated,
    batch_spans,
    label_names,
    settle,
    within,
    write_spans,
)

SPANS = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4), st.integers(0, 2)), max_size=6)
LABELS = ["LOC", "ORG", "PER"]


def columns(spans: list[tuple[int, int, int]]) -> tuple[NDArray[np.int64], ...]:
    start, size, label = np.array(spans, dtype=np.int64).reshape(-1, 3).T
    return start, start + size, label


def document(spans: list[tuple[int, int, int]]) -> Doc:
    """Fourteen words, with spans in ascending order of their starts."""
    doc = Doc(words=list("абвгдежзиклмно"))
    start, end, label = columns(sorted(spans))
    doc.layers["ents"] = span_layer(start, end, [LABELS[code] for code in label], start / 10)
    return doc


@given(st.lists(st.one_of(st.none(), SPANS), max_size=4))
def test_spans_of_documents_are_rows_of_the_batch_and_come_back(every: list[Any]) -> None:
    docs = [Doc(words=["а"]) if spans is None else document(spans) for spans in every]
    batch = Batch(docs)
    rows = batch_spans(batch, "ents", LABELS)
    copies = Batch([doc.copy(bare=True) for doc in docs])
    write_spans(copies, "ents", rows, LABELS, np.zeros(len(rows.start)))
    for doc, copy, spans in zip(docs, copies.docs, every, strict=True):
        written = [(span.start, span.end, span.label) for span in copy.spans["ents"]]
        before = doc.spans["ents"] if spans is not None else ()
        assert written == [(span.start, span.end, span.label) for span in before]


def test_a_label_that_nobody_asked_for_is_unknown_and_one_that_is_unset_too() -> None:
    doc = Doc(words=["а", "б", "в"])
    doc.layers["ents"] = span_layer([0, 1, 2], [1, 2, 3], ["PER", "MISC", None])
    assert batch_spans(Batch([doc]), "ents", LABELS).label.tolist() == [2, UNKNOWN, UNKNOWN]
    assert label_names([doc, Doc(words=["а"])], "ents") == ["MISC", "PER"]


def test_tokens_are_annotated_where_their_document_has_the_layer() -> None:
    batch = Batch([Doc(words=["а", "б"]), document([]), Doc(words=["в"])])
    assert annotated(batch, "ents").tolist() == [False] * 2 + [True] * 14 + [False]


@pytest.mark.parametrize(
    ("start", "end", "lies"),
    [(0, 2, True), (1, 3, False), (2, 5, True), (2, 2, False), (4, 6, False)],
)
def test_a_span_lies_within_one_sequence_or_it_crosses_a_border(
    start: int, end: int, lies: bool
) -> None:
    borders = np.array([0, 2, 5])
    assert within(borders, np.array([start]), np.array([end])).tolist() == [lies]


@given(SPANS, st.booleans())
def test_what_stays_fits_together_and_what_goes_does_not_fit_with_something_stronger(
    spans: list[Any], nested: bool
) -> None:
    start, end, _ = columns(spans)
    stays = settle(start, end, np.arange(len(start)), nested=nested)

    def clash(a: int, b: int) -> bool:
        crossing = start[a] < start[b] < end[a] < end[b] or start[b] < start[a] < end[b] < end[a]
        return crossing if nested else bool(start[a] < end[b] and start[b] < end[a])

    for a in range(len(start)):
        rivals = [b for b in range(len(start)) if b != a and stays[b] and clash(a, b)]
        assert not rivals if stays[a] else min(rivals) < a
