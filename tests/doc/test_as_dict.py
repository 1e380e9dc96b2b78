"""Docs as plain data: what reads well, comes back, and is refused by its key.

Modules: doc.as_dict, doc.from_dict
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from helpers.doc_strategies import content, docs, tagged
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipekit import Doc
from pipekit.errors import PipekitFormatError


def linked_without_rows() -> Doc:
    doc, none = Doc(words=[]), np.zeros(0, dtype=np.int32)
    doc.add_layer("ents", "span", 0).set("start", none).set("end", none)
    doc.add_layer("relations", "link", 0, target="ents").set("head", none).set("tail", none).set(
        "text", none, labels=[]
    )
    return doc


@settings(max_examples=100, deadline=None)
@given(docs())
@example(linked_without_rows())
def test_json_gives_back_everything_but_the_width_of_numbers(doc: Doc) -> None:
    text = json.dumps(doc.to_dict(), ensure_ascii=True)
    back = Doc.from_dict(json.loads(text))
    assert content(back, widths=False) == content(doc, widths=False)
    assert back.to_dict() == doc.to_dict()


def test_plain_data_read_well() -> None:
    doc = tagged()
    doc.add_layer("sentiment", "doc", 1).set("label", ["neutral"]).set("score", [0.5])
    assert doc.to_dict() == {
        "text": "Мама мыла раму.",
        "name": "пример",
        "tokens": [
            {"text": "Мама", "start": 0, "end": 4, "pos": "NOUN"},
            {"text": "мыла", "start": 5, "end": 9, "pos": "VERB"},
            {"text": "раму", "start": 10, "end": 14, "pos": "NOUN"},
            {"text": ".", "start": 14, "end": 15, "pos": None},
        ],
        "sents": [{"start": 0, "end": 15}],
        "ents": [
            {"start": 0, "end": 4, "text": "Мама", "label": "PER"},
            {"start": 10, "end": 14, "text": "раму", "label": None},
        ],
        "relations": [{"head": 0, "tail": 1, "label": "МОЕТ", "score": 0.5}],
        "cats": {"быт": 0.75},
        "layers": {
            "sentiment": {
                "kind": "doc",
                "size": 1,
                "columns": {"label": ["neutral"], "score": [0.5]},
            }
        },
    }


@pytest.mark.parametrize("rows", [0, 2])
def test_names_and_relations_stand_in_rows_whatever_they_have_and_are_of(rows: int) -> None:
    doc = Doc(words=["Мама", "Рим"])
    edges = np.arange(rows)
    doc.add_layer("fine", "span", rows).set("start", edges).set("end", edges + 1).set(
        "label", ["X"] * rows
    ).set("sure", edges / 2)
    links = (
        doc.add_layer("relations", "link", rows, target="fine")
        .set("head", edges)
        .set("tail", edges)
    )
    links.set("label", ["В"] * rows)
    data = doc.to_dict()
    assert data["targets"] == {"relations": "fine"}
    assert [(row["text"], row["sure"]) for row in data["spans"]["fine"]] == [
        ("Мама", 0.0),
        ("Рим", 0.5),
    ][:rows]
    assert data["relations"] == [{"head": i, "tail": i, "label": "В"} for i in range(rows)]
    assert data.get("columns") == (
        None if rows else {"fine": ["label", "sure"], "relations": ["head", "tail", "label"]}
    )
    assert "layers" not in data
    back = Doc.from_dict(json.loads(json.dumps(data)))
    assert {name: list(layer) for name, layer in back.layers.items()} == {
        name: list(layer) for name, layer in doc.layers.items()
    }


def test_what_no_one_has_written_stays_absent() -> None:
    doc = Doc.from_dict(Doc(words=["Мама"]).to_dict())
    assert doc.to_dict() == {"text": "Мама", "tokens": [{"text": "Мама", "start": 0, "end": 4}]}
    assert (doc.ents, doc.sents, doc.cats, doc.relations, doc.name) == (None,) * 5


def test_found_nothing_is_not_the_same_as_not_looked() -> None:
    doc = Doc(words=["Мама"])
    doc.set_spans("ents", [])
    back = Doc.from_dict(doc.to_dict())
    assert back.ents == () and back.relations is None


def with_layer(layer: dict[str, Any]) -> dict[str, Any]:
    return {"text": "ab", "tokens": [WORD], "layers": {"x": layer}}


WORD = {"text": "ab", "start": 0, "end": 2}
PLAIN: dict[str, tuple[Any, str]] = {
    "a list": ([], "the Doc is \\[\\]; it must be Mapping"),
    "no text": ({"tokens": []}, "text is None; it must be str"),
    "no tokens": ({"text": "ab"}, "tokens is None; it must be list"),
    "a key that is none": (
        {"text": "ab", "tokens": [WORD], "entz": []},
        "unknown key 'entz'. Did you mean 'ents'",
    ),
    "a token without an end": (
        {"text": "ab", "tokens": [{"start": 0}]},
        r"tokens\[0\].end is None; it must be an integer from 0 to 2",
    ),
    "an offset that is a boolean": (
        {"text": "ab", "tokens": [{"start": False, "end": 2}]},
        r"tokens\[0\].start is False",
    ),
    "an offset beyond the text": (
        {"text": "ab", "tokens": [{"start": 0, "end": 3}]},
        r"tokens\[0\].end is 3",
    ),
    "tokens that leave letters out": (
        {"text": "ab", "tokens": [{"start": 0, "end": 1}]},
        "'b' after token 0 lies in no token",
    ),
    "a token of another text": (
        {"text": "ab", "tokens": [{**WORD, "text": "x"}]},
        r"tokens\[0\].text is 'x', but the text has 'ab'",
    ),
    "a sentence within a token": (
        {"text": "ab", "tokens": [WORD], "sents": [{"start": 1}]},
        r"sents\[0\].start is 1, where no token",
    ),
    "an entity within a token": (
        {"text": "ab", "tokens": [WORD], "ents": [{"start": 0, "end": 1}]},
        r"ents\[0\] \[0, 1\) does not begin",
    ),
    "a label that is a number": (
        {
            "text": "a b",
            "tokens": [{"start": 0, "end": 1, "pos": "X"}, {"start": 2, "end": 3, "pos": 1}],
        },
        r"tokens\[…\].pos mixes int, str",
    ),
    "a label that is a list": (
        {"text": "ab", "tokens": [{**WORD, "pos": []}]},
        r"tokens\[…\].pos mixes list",
    ),
    "a number beyond 64 bits": (
        {"text": "ab", "tokens": [{**WORD, "n": 2**64}]},
        "more than 64 bits",
    ),
    "a relation of no entities": (
        {"text": "ab", "tokens": [WORD], "relations": [{"head": 0, "tail": 0}]},
        "which is no span layer",
    ),
    "a target of no relations": (
        {"text": "ab", "tokens": [WORD], "targets": {"relations": "x"}},
        "targets.relations is the target of no",
    ),
    "relations of no layer": (
        {"text": "ab", "tokens": [WORD], "relations": [], "targets": {"relations": "x"}},
        "rows of 'x', which is no",
    ),
    "columns of no layer": (
        {"text": "ab", "tokens": [WORD], "columns": {"ents": ["label"]}},
        "columns.ents is of no layer",
    ),
    "columns of rows": (
        {
            "text": "ab",
            "tokens": [WORD],
            "ents": [{"start": 0, "end": 2}],
            "columns": {"ents": ["label"]},
        },
        "columns.ents names the columns of rows that",
    ),
    "columns that are no names": (
        {"text": "ab", "tokens": [WORD], "columns": {"ents": [1]}},
        "columns.ents is 1; it must be str",
    ),
    "a layer of no kind": (
        with_layer({"kind": "tokens", "size": 1}),
        "layers.x.kind is 'tokens'. Did you",
    ),
    "a layer without a size": (with_layer({"kind": "doc"}), "layers.x.size is None"),
    "a column too short": (
        with_layer({"kind": "doc", "size": 2, "columns": {"y": [1]}}),
        "column 'y' has shape",
    ),
    "a layer twice": (
        {"text": "ab", "tokens": [WORD], "ents": [], "spans": {"ents": []}},
        "layer 'ents' stands there twice",
    ),
    "rows that share no keys": (
        {
            "text": "a" * 2000,
            "tokens": [{"start": i, "end": i + 1, str(i): 1} for i in range(2000)],
        },
        "most of them absent",
    ),
}


@pytest.mark.parametrize("case", PLAIN)
def test_plain_data_that_are_no_doc_are_refused_with_the_key(case: str) -> None:
    data, reason = PLAIN[case]
    with pytest.raises(PipekitFormatError, match=reason):
        Doc.from_dict(data)


@settings(max_examples=100, deadline=None)
@given(docs(), st.data())
def test_plain_data_with_one_value_replaced_are_read_or_refused(
    doc: Doc, data: st.DataObject
) -> None:
    tree = doc.to_dict()
    node: Any = tree
    junk = data.draw(
        st.sampled_from([None, -1, 10**30, 0.5, "x", [], {}, True, [[]], {"x": {}}, float("nan")])
    )
    while True:
        key = data.draw(
            st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node)))
        )
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = junk
    with suppress(PipekitFormatError):
        content(Doc.from_dict(tree))


def test_layers_have_the_order_of_the_dict_whatever_the_seed_of_hashes() -> None:
    plain = Doc(words=["да"]).to_dict()
    for names in (("cats", "sentiment"), ("sentiment", "cats")):
        doc = Doc.from_dict({**plain, **{name: {"x": 0.5} for name in names}})
        assert list(doc.layers) == ["tokens", *names]
