"""Sentences, spans and relations of a Doc: sequences like tuples, and what is written as one.

Modules: doc.groups, doc.layers, doc.lookup
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipekit import Doc, Layer, Relation, Span
from pipekit.doc.layer import span_layer
from pipekit.doc.layers import NAMED_KINDS
from pipekit.doc.lookup import links_between, rows_within
from pipekit.errors import DocError, PipekitFormatError

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


# -- what is written


def named() -> Doc:
    """Three names with a score and a column of their own, and a relation between the outer two."""
    doc = doc_with([[0, 1], [2, 3], [4, 6]], [(0, 2)])
    doc.layers["ents"].set("score", np.array([0.5, 0.75, 1.0], np.float32))
    doc.layers["ents"].set("sentiment.negative", np.array([0.25, 0.5, 0.75], np.float32))
    return doc


def pairs_of(doc: Doc) -> list[tuple[int, int]]:
    """Head and tail of each link."""
    links = doc.layers["relations"]
    return list(zip(links.values("head"), links.values("tail"), strict=True))


@pytest.mark.parametrize("container", [list, tuple, iter, lambda spans: (span for span in spans)])
def test_a_group_is_made_of_any_iterable(container: Callable[[list[Span]], Iterable[Span]]) -> None:
    doc = named()
    doc.spans["some"] = container([doc[0:1], doc[1:3]])
    doc.set_spans("same", container([doc[0:1], doc[1:3]]))
    assert doc.spans["some"] == doc.spans["same"] == (doc[0:1], doc[1:3])


def test_a_group_that_is_filtered_by_itself_keeps_all_that_its_spans_have() -> None:
    doc = named()
    before = [(span, span.score, span.sentiment) for span in doc.ents or ()]
    doc.spans["ents"] = filter(lambda span: span.start != 2, doc.spans["ents"])
    after = [(span, span.score, span.sentiment) for span in doc.ents or ()]
    assert after == [before[0], before[2]]
    assert doc.relations == (Relation(before[0][0], before[2][0], None, None),)


def test_spans_of_several_layers_and_of_none_make_one_group() -> None:
    doc = named()
    labelled = doc.char_span(6, 11, "NEW")
    assert labelled is not None
    doc.spans["mixed"] = [doc.spans["ents"][1], labelled, doc[3:5]]
    group = doc.spans["mixed"]
    assert [span.label for span in group] == ["PER", "NEW", None]
    assert [span.score for span in group] == [0.75, None, None]
    assert Doc.from_bytes(doc.to_bytes()).spans["mixed"][0].sentiment == group[0].sentiment


@given(linked(), st.data())
def test_links_follow_their_spans_when_a_group_is_written_anew(
    doc: Doc, data: st.DataObject
) -> None:
    spans = list(doc.ents or ())
    links = pairs_of(doc)
    rows = data.draw(st.permutations(range(len(spans))))[: data.draw(st.integers(0, len(spans)))]
    doc.spans["ents"] = (spans[row] for row in rows)
    places = {row: place for place, row in enumerate(rows)}
    expected = [(places[a], places[b]) for a, b in links if a in places and b in places]
    assert pairs_of(doc) == expected
    doc.to_bytes()


def test_links_follow_spans_that_are_made_anew() -> None:
    doc = named()
    relations = list(doc.relations or ())
    doc.spans["ents"] = [
        doc.char_span(span.start_char, span.end_char, span.label)  # type: ignore[misc]
        for span in reversed(doc.spans["ents"])
    ]
    assert list(doc.relations or ()) == relations


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        (lambda doc: [doc[0:1], None], r"'x'.* 1 is None: char_span gives None .*expand"),
        (lambda doc: [doc.char_span(1, 3)], r"'x'.* 0 is None"),
        (lambda doc: [doc[2]], r"0 is the token 2: doc\[2:3\] is a span"),
        (lambda doc: doc[2:4], r"one span: write \[span\]"),
        (lambda doc: [(0, 1, "PER")], r"0 is of type tuple: doc\[0:2\] .*char_span"),
        (lambda doc: {"a": doc[0:1]}, r"0 is of type str"),
        (lambda doc: None, r"of type NoneType.*del doc\.spans\['x'\]"),
        (lambda doc: 5, r"of type int"),
        (lambda doc: [Span(doc, 2, 99)], r"0 is \[2, 99\).* 6 tokens"),
        (lambda doc: [Span(doc, -1, 2)], r"0 is \[-1, 2\)"),
        (lambda doc: [Span(doc, 3, 2)], r"0 is \[3, 2\)"),
        (lambda doc: [named()[0:2]], r"belongs to another document: .*doc\[0:2\]"),
    ],
)
def test_what_is_no_span_of_the_document_is_named_and_changes_nothing(
    spans: Callable[[Doc], Any], message: str
) -> None:
    doc = named()
    doc.spans["x"] = [doc[0:1]]
    with pytest.raises(DocError, match=message):
        doc.spans["x"] = spans(doc)
    assert doc.spans["x"] == (doc[0:1],)


TAKEN = [name for name, kind in NAMED_KINDS.items() if kind != "span"]


@pytest.mark.parametrize("name", TAKEN)
def test_a_name_of_another_kind_is_refused_and_keeps_what_it_has(name: str) -> None:
    doc = named()
    doc.tokens.set("pos", ["NOUN"] * TOKENS)
    doc.add_layer("cats", "doc", 1).set("быт", [0.5])
    before = doc.to_bytes()
    writers: list[Callable[[], object]] = [
        lambda: doc.set_spans(name, [doc[0:1]]),
        lambda: doc.spans.update({name: [doc[0:1]]}),
        lambda: doc.add_layer(name, "span", 0),
        lambda: doc.layers.update({name: span_layer([0], [1])}),
        lambda: doc.layers.setdefault(f"{name}", span_layer([0], [1])),
        lambda: doc.layers.__ior__({name: span_layer([0], [1])}),
        lambda: setattr(doc, "layers", {**doc.layers, name: span_layer([0], [1])}),
    ]
    for write in writers:
        if write is writers[4] and name in doc.layers:
            continue
        with pytest.raises(DocError, match=f"'{name}' is"):
            write()
    assert doc.to_bytes() == before


def test_a_group_may_have_a_name_in_any_script() -> None:
    doc = named()
    for name in ("термины", "힐", "用語", "😂"):
        doc.spans[name] = [doc[0:1]]
        assert Doc.from_bytes(doc.to_bytes()).spans[name][0].text == "слово"


@pytest.mark.parametrize("name", ["ents", "answers"])
def test_a_name_of_spans_takes_nothing_else(name: str) -> None:
    with pytest.raises(DocError, match=f"'{name}' is"):
        named().add_layer(name, "doc", 1)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda doc: doc.layers.update(x=[1, 2]), "'x'.*list"),
        (lambda doc: doc.spans.update({3: []}), "3.*string"),
        (lambda doc: doc.set_spans("a\ud800", []), "surrogate"),
        (lambda doc: doc.layers.update(tokens=Layer("token", 2)), "6 tokens"),
        (lambda doc: doc.layers.pop("tokens"), "'tokens'"),
        (lambda doc: doc.layers.clear(), "'tokens'"),
        (lambda doc: setattr(doc, "layers", {}), "'tokens'"),
        (lambda doc: setattr(doc, "layers", None), "NoneType"),
        (lambda doc: doc.spans.pop("ents"), r"'relations' .*del doc\.layers"),
    ],
)
def test_layers_that_cannot_be_are_refused_when_they_are_written(
    write: Callable[[Doc], object], message: str
) -> None:
    doc = named()
    before = doc.to_bytes()
    with pytest.raises(DocError, match=message):
        write(doc)
    assert doc.to_bytes() == before


def test_a_file_that_gives_a_name_another_kind_is_refused() -> None:
    data = Doc(words=["а"]).to_dict()
    data["spans"] = {"sentiment": []}
    with pytest.raises(PipekitFormatError, match="'sentiment' is"):
        Doc.from_dict(data)


def test_a_column_that_is_called_like_a_layer_is_no_layer() -> None:
    doc = Doc(words=["а"])
    doc.tokens.set("ents", [1])
    assert doc.ents is None


def test_entities_are_set_as_any_group_is() -> None:
    doc = Doc(words=["Анна", "живёт", "в", "Омске"])
    doc.ents = [Span(doc, 0, 1, "PER"), Span(doc, 3, 4, "LOC")]
    assert [(span.text, span.label) for span in doc.ents or ()] == [
        ("Анна", "PER"),
        ("Омске", "LOC"),
    ]


def test_an_empty_document_has_empty_columns_with_labels() -> None:
    doc = Doc(words=[])
    doc.tokens.set("pos", [], ["NOUN"])
    assert doc.tokens.values("pos") == []
