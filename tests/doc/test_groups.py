"""Sentences, spans and relations of a Doc: sequences like tuples, which look rows up in an order.

Modules: doc.groups, doc.lookup
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipekit import Doc, Relation, Span
from pipekit.doc.layer import span_layer
from pipekit.doc.lookup import links_between, rows_within

TOKENS = 6
ROWS = st.integers(0, TOKENS)
SPANS = st.lists(st.tuples(ROWS, ROWS).map(sorted), max_size=12)


def doc_with(
    borders: list[list[int]],
    links: list[tuple[int, int]] = [],  # noqa: B006
) -> Doc:
    doc = Doc(words=["слово"] * TOKENS)
    doc.tokens.set("sent_start", np.arange(TOKENS) % 2 == 0)
    starts = [start for start, _ in borders]
    ends = [end for _, end in borders]
    labels = ["PER" if row % 3 else "LOC" for row in range(len(borders))]
    doc.layers["ents"] = span_layer(starts, ends, labels)
    layer = doc.add_layer("relations", "link", len(links), target="ents")
    layer.set("head", np.array([head for head, _ in links], np.int32))
    layer.set("tail", np.array([tail for _, tail in links], np.int32))
    return doc


@st.composite
def linked(draw: st.DrawFn) -> Doc:
    borders = draw(SPANS)
    rows = st.integers(0, max(len(borders) - 1, 0))
    links = draw(st.lists(st.tuples(rows, rows), max_size=8 * bool(borders)))
    return doc_with(borders, links)


@given(linked())
def test_they_behave_like_tuples(doc: Doc) -> None:
    layer = doc.layers["ents"]
    borders = zip(layer["start"].values.tolist(), layer["end"].values.tolist(), strict=True)
    spans = tuple(Span(doc, *border, layer=layer, row=row) for row, border in enumerate(borders))
    links = doc.layers["relations"]
    pairs = zip(links["head"].values.tolist(), links["tail"].values.tolist(), strict=True)
    relations = tuple(Relation(spans[head], spans[tail], None, None) for head, tail in pairs)
    sents = tuple(doc[start : start + 2] for start in range(0, TOKENS, 2))
    for views, items in ((doc.ents, spans), (doc.relations, relations), (doc.sents, sents)):
        assert views is not None
        assert_alike(views, items)


def assert_alike(
    views: Any,
    items: tuple[Any, ...],
) -> None:
    assert views == items and items == views and hash(views) == hash(items)
    assert (len(views), bool(views), repr(views)) == (len(items), bool(items), repr(items))
    assert [*views] == [*items] and [*reversed(views)] == [*reversed(items)]
    assert views[1:] == items[1:] and views[::-2] == items[::-2]
    assert views + items == items + views == views + views == items + items
    for row, item in enumerate(items):
        assert views[row] == item and views[row - len(items)] == items[row - len(items)]
        assert item in views
        assert (views.index(item), views.count(item)) == (items.index(item), items.count(item))
    for row in (len(items), -len(items) - 1):
        with pytest.raises(IndexError):
            views[row]
    for other in (None, "PER", (), doc_with([])[0:1], ("a", "b", None, None)):
        assert other not in views
        with pytest.raises(ValueError, match="is not among these"):
            views.index(other)


def test_an_equal_item_is_searched_for_within_the_rows_asked() -> None:
    doc = doc_with([[0, 1], [2, 3], [4, 4], [0, 1]])
    assert doc.ents is not None
    span = doc.ents[0]
    assert (doc.ents.index(span), doc.ents.index(span, 1), doc.ents.count(span)) == (0, 3, 2)
    with pytest.raises(ValueError, match="is not among these 4"):
        doc.ents.index(span, 1, 3)
    assert doc[0:1] not in doc.ents  # it has no label
    assert doc.char_span(0, 5, "LOC") in doc.ents


@given(linked(), ROWS, ROWS)
def test_rows_are_those_that_a_look_at_each_would_find(doc: Doc, start: int, end: int) -> None:
    layer = doc.layers["ents"]
    mask = (layer["start"].values >= start) & (layer["end"].values <= end)
    rows = rows_within(layer, start, end)
    assert rows.tolist() == np.flatnonzero(mask).tolist()

    links = doc.layers["relations"]
    pairs = zip(links["head"].values.tolist(), links["tail"].values.tolist(), strict=True)
    place = {row: number for number, row in enumerate(rows.tolist())}
    expected = [(place[a], place[b]) for a, b in pairs if a in place and b in place]
    inside = links_between(links, rows)
    assert list(zip(inside["head"].values, inside["tail"].values, strict=True)) == expected


# -- what is made once


def test_a_column_that_is_replaced_is_looked_up_anew() -> None:
    doc = doc_with([[0, 2]])
    assert (len(doc.sents or ()), doc[0:2] == (doc.sents or ())[0]) == (3, True)
    doc.tokens.set("sent_start", [True, False, False, True, False, False])
    assert [(sent.start, sent.end) for sent in doc.sents or ()] == [(0, 3), (3, 6)]
    assert doc[4].sent == doc[3:6]
    doc.tokens.remove("sent_start")
    assert (doc.sents, doc[0].sent) == (None, None)
    span = (doc.ents or ())[0]
    assert span in (doc.ents or ())
    doc.layers["ents"].set("end", [3])
    assert span not in (doc.ents or ())
    assert doc.char_span(0, 17, "LOC") in (doc.ents or ())


def test_a_change_in_place_is_refused_once_sentences_were_asked_for() -> None:
    doc = doc_with([])
    doc.tokens["sent_start"].values[1] = True
    assert len(doc.sents or ()) == 4
    with pytest.raises(ValueError, match="read-only"):
        doc.tokens["sent_start"].values[3] = True
    assert len(doc.copy().sents or ()) == 4
    doc.copy().tokens["sent_start"].values[3] = True


def test_an_array_that_a_column_is_a_part_of_stays_its_owners() -> None:
    flags = np.zeros(2 * TOKENS, bool)
    doc = doc_with([])
    doc.tokens.set("sent_start", flags[:TOKENS])
    assert len(doc.sents or ()) == 1
    flags[2] = True
    assert len(doc.sents or ()) == 1 and not doc[2].is_sent_start
