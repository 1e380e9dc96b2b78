"""Docs of every shape that the formats must carry."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipekit import Doc, Layer

ODD = st.sampled_from("аяёЙ-«»…—\u0301\u00ad\u200b\ufeff\x00\u2028🙂")
TEXTS = st.text(ODD | st.characters(exclude_categories=["Cs"]), max_size=8)
WORDS = TEXTS.filter(bool)
GAPS = st.sampled_from(["", " ", " ", "\n", "\u00a0\t", "   "])
NAMES = st.one_of(
    st.sampled_from(["pos", "lemma", "text", "start", "label", "score", "", "тон"]), TEXTS
)
DTYPES = ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", ">i4", ">f8"]


@st.composite
def columns(draw: st.DrawFn, size: int) -> tuple[Any, list[str] | None]:
    """Values, and labels or None: more labels than are used, as a batch that shares them has."""
    if draw(st.booleans()):
        labels = draw(st.lists(TEXTS, max_size=6))
        dtype = draw(st.sampled_from(["i1", "i4", "i8"]))
        return draw(hnp.arrays(dtype, size, elements=st.integers(-1, len(labels) - 1))), labels
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    return draw(hnp.arrays(dtype, size)), None


def _fill(draw: st.DrawFn, layer: Layer, taken: tuple[str, ...] = ()) -> Layer:
    for name in draw(
        st.lists(NAMES.filter(lambda name: name not in taken), max_size=3, unique=True)
    ):
        values, labels = draw(columns(layer.size))
        if name != "score" or labels is None:  # a score is a number
            layer.set(name, values, labels)
    return layer


@st.composite
def bare_docs(draw: st.DrawFn) -> Doc:
    words = draw(st.lists(WORDS, max_size=6))
    return Doc(words=words, spaces=draw(st.lists(GAPS, min_size=len(words), max_size=len(words))))


@st.composite
def docs(draw: st.DrawFn) -> Doc:
    """Docs with layers of every kind."""
    doc = draw(bare_docs())
    doc.name, doc.error = draw(st.none() | st.text(max_size=5)), draw(st.none() | TEXTS)
    _fill(draw, doc.tokens)
    if draw(st.booleans()):
        doc.tokens.set(
            "sent_start", draw(hnp.arrays(draw(st.sampled_from(["?", "?", "u1"])), len(doc)))
        )
    for name in draw(
        st.lists(st.sampled_from(["ents", "spans", "answers", "x"]), max_size=3, unique=True)
    ):
        doc.layers[name] = draw(spans(len(doc)))
    for name in draw(st.lists(st.sampled_from(["relations", "links"]), max_size=2, unique=True)):
        targets = [n for n, layer in doc.layers.items() if layer.kind == "span"]
        if targets:
            doc.layers[name] = draw(links(doc, draw(st.sampled_from(targets))))
    for name in draw(
        st.lists(st.sampled_from(["cats", "sentiment", "знаки"]), max_size=2, unique=True)
    ):
        doc.layers[name] = _fill(draw, Layer("doc", draw(st.integers(0, 3))))
    if draw(st.booleans()):
        doc.layers["shapes"] = _fill(draw, Layer("token", len(doc)))
    return doc


@st.composite
def spans(draw: st.DrawFn, tokens: int) -> Layer:
    edges = draw(
        st.lists(st.lists(st.integers(0, tokens), min_size=2, max_size=2).map(sorted), max_size=4)
    )
    starts, ends = np.array(edges, dtype=np.int32).reshape(-1, 2).T
    layer = Layer("span", len(edges)).set("start", starts).set("end", ends)
    return _fill(draw, layer, ("start", "end"))


@st.composite
def links(draw: st.DrawFn, doc: Doc, target: str) -> Layer:
    most = doc.layers[target].size - 1
    size = draw(st.integers(0, 3)) if most >= 0 else 0
    layer = Layer("link", size, target=target)
    for edge in ("head", "tail"):
        layer.set(edge, draw(hnp.arrays(np.int32, size, elements=st.integers(0, max(most, 0)))))
    return _fill(draw, layer, ("head", "tail"))


def table(layer: Layer, *, widths: bool) -> dict[str, Any]:
    """All that a layer says, comparable by ==; widths: with the dtypes of its columns."""
    columns = {name: _column(layer, name, widths) for name in layer}
    return {"kind": layer.kind, "size": layer.size, "target": layer.target, "columns": columns}


def _column(layer: Layer, name: str, widths: bool) -> tuple[Any, ...]:
    column = layer[name]
    values = [column[row] for row in range(layer.size)]
    if not widths:
        return (values,)
    return values, column.values.dtype.newbyteorder("<"), column.labels is None


def content(doc: Doc, *, widths: bool = True) -> dict[str, Any]:
    """All that a Doc says, comparable by ==."""
    layers = {name: table(layer, widths=widths) for name, layer in doc.layers.items()}
    return {
        "text": doc.text,
        "words": doc.words,
        "starts": doc.starts.tolist(),
        "name": doc.name,
        "error": doc.error,
        "layers": layers,
    }


def tagged(words: list[str] | None = None) -> Doc:
    doc = Doc(
        words=words or ["Мама", "мыла", "раму", "."],
        spaces=[True, True, False, False] if words is None else None,
    )
    doc.name = "пример"
    doc.tokens.set("pos", ["NOUN", "VERB", "NOUN", None][: len(doc)])
    doc.tokens.set("sent_start", np.array([True, False, False, False][: len(doc)]))
    doc.set_spans("ents", [doc.char_span(0, 4, "PER"), doc.char_span(10, 14)])  # type: ignore[list-item]
    doc.add_layer("relations", "link", 1, target="ents").set("head", [0]).set("tail", [1]).set(
        "label", ["МОЕТ"]
    ).set("score", [0.5])
    doc.add_layer("cats", "doc", 1).set("быт", [0.75])
    return doc
