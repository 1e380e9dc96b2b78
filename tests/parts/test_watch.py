"""What a component may do to the documents of its batch, and everything that it may not do.

Modules: parts.watch, parts.written
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from helpers.packages import Site

import pipekit
from pipekit import Batch, Doc, Layer, Pipeline
from pipekit.doc.columns import Column
from pipekit.doc.layer import span_layer
from pipekit.errors import PluginContractError
from pipekit.parts.watch import Watch, numbers_breach

Act = Callable[[Doc], object]
NAN = float("nan")


def annotated() -> Doc:
    """Three tokens, with annotations of others."""
    doc = Doc(words=["Мама", "мыла", "раму"])
    doc.tokens.set("sent_start", np.array([True, False, False]))
    doc.tokens.set("pos", ["NOUN", "VERB", "NOUN"])
    doc.layers["ents"] = span_layer([0, 2], [1, 3], ["PER", "THING"], [0.5, 1.0])
    links = doc.add_layer("relations", "link", 1).set("head", [0]).set("tail", [1])
    links.set("label", ["WASHES"])
    doc.add_layer("cats", "doc", 1).set("home", np.ones(1, np.float32))
    return doc


def breach_of(act: Act, assigns: Sequence[str]) -> str | None:
    """What is said of a component that does this to the second of three documents."""
    docs = [annotated(), annotated(), annotated()]
    watch = Watch(docs)
    act(docs[1])
    return watch.breach(docs, assigns, None)


def span(starts: Any, ends: Any, **columns: Any) -> Act:
    """A component that writes spans."""

    def act(doc: Doc) -> None:
        layer = doc.add_layer("ents", "span", len(starts)).set("start", starts).set("end", ends)
        for name, values in columns.items():
            layer.put(name, values)

    return act


def link(head: Any, tail: Any, target: str = "ents") -> Act:
    return lambda doc: (
        doc.add_layer("relations", "link", 1, target=target).set("head", head).set("tail", tail)
    )


def classes(layer: str, *scores: Any) -> Act:
    def act(doc: Doc) -> None:
        row = doc.add_layer(layer, "doc", 1)
        for number, score in enumerate(scores):
            row.set(f"class{number}", [score])

    return act


def put(name: str, values: Any, labels: Any = None) -> Act:
    return lambda doc: doc.tokens.put(name, Column(values, labels))


# What a component may write, what it writes, and what is said of that.
WRITTEN: list[tuple[str, Act, str]] = [
    ("cats", classes("cats", NAN, 0.5), "a score that is no number to the column 'class0'"),
    ("cats", classes("cats", 0.2, float("inf")), "scores from inf to inf"),
    (
        "cats",
        classes("cats", 1.5),
        "scores from 1.5 to 1.5 instead of 0 to 1 to the column 'class0' of 'cats'",
    ),
    (
        "cats",
        classes("cats", "home"),
        "strings instead of numbers to the column 'class0' of 'cats'",
    ),
    ("cats", lambda doc: doc.add_layer("cats", "doc", 2), "layer 'cats' with several rows"),
    (
        "cats",
        lambda doc: setattr(doc.layers["cats"], "kind", "span"),
        "'cats' as one of kind 'doc' and 'span'",
    ),
    ("sentiment", classes("sentiment", NAN), "a score that is no number"),
    ("sentiment", classes("sentiment", -0.2), "scores from -0.2 to -0.2"),
    ("relations", link([0], [2]), "a link of 'relations' to nowhere: to span 2 of 2"),
    ("relations", link([-1], [0]), "to nowhere: to span -1 of 2"),
    ("relations", link([0.0], [1.0]), "float64 instead of int32 to the column 'head'"),
    ("relations", link([0], [1], "fine"), "between rows of 'fine', which is no layer of spans"),
    ("relations", link([0], [1], "cats"), "between rows of 'cats', which is no layer of spans"),
    (
        "relations",
        lambda doc: doc.add_layer("relations", "link", 1).set("head", [0]),
        "'relations' without the column 'tail'",
    ),
    ("ents", span([0.0], [1.0]), "float64 instead of int32 to the column 'start' of 'ents'"),
    ("ents", span([], []), "float64 instead of int32 to the column 'start' of 'ents'"),
    ("ents", span([True], [True]), "bool instead of int32 to the column 'start' of 'ents'"),
    (
        "ents",
        span(["0"], ["1"]),
        "numbers in some documents and strings in others to the column",
    ),
    ("ents", span([2], [1]), r"does not lie in its document: \[2, 1\) of 3 tokens"),
    ("ents", span([1], [1]), r"does not lie in its document: \[1, 1\)"),
    ("ents", span([0], [4]), r"does not lie in its document: \[0, 4\) of 3 tokens"),
    ("ents", span([-1], [1]), r"does not lie in its document: \[-1, 1\)"),
    ("ents", span([0], [1], score=Column(np.array([NAN]))), "a score that is no number"),
    ("ents", span([0], [1], score=Column(np.array([7]))), "scores from 0.5 to 7 instead of 0 to 1"),
    (
        "ents",
        span([0], [1], label=Column(np.array([3]))),
        "numbers in some documents and strings in others to the column 'label'",
    ),
    (
        "ents",
        span([0], [1], label=Column(np.array([1]), ["A"])),
        "codes from 0 to 1, beyond its labels, to the column 'label' of 'ents'",
    ),
    ("ents", span([0], [1], label=Column(np.array([-2]), ["A"])), "codes from -2 to 1"),
    ("ents", span([0], [1], label=Column(np.array([0.0]), ["A"])), "codes of labels as float64"),
    ("ents", span([0], [1], label=Column(np.array([0]), [5])), "labels that are no strings to"),
    ("ents", span([0], [1], label=Column(np.array([0]), ["\ud800"])), "a lone surrogate"),
    (
        "ents",
        span([0], [1], x=Column(np.array([1, 2]))),
        r"the shape \(2,\) instead of \(1,\)",
    ),
    ("ents", span([0], [1], x=Column(np.zeros((1, 1)))), r"the shape \(1, 1\)"),
    ("ents", span([0], [1], x=Column(np.array([None]))), "object instead of numbers"),
    ("ents", span([0], [1], x=Column(np.array(["a"]))), "<U1 instead of numbers, booleans"),
    ("ents", span([0], [1], x=np.zeros(1)), "something that is no Column to the column 'x'"),
    ("ents", span([0], [1], x=Column([1])), "values that are no array to"),
    ("ents", span([0], [1], x=Column(np.array([np.inf]))), "an infinite number to the column 'x'"),
    ("ents", lambda doc: setattr(doc.layers["ents"], "size", 5), "an array of the shape"),
    ("ents", lambda doc: doc.layers.update(ents=Layer("span", np.int64(0))), "no int of 0 or more"),
    ("lemma", put("lemma", np.zeros(3)), "numbers instead of strings to the column"),
    ("lemma", put("lemma", np.zeros(2, np.int32), ["а"]), r"shape \(2,\) instead of \(3,\)"),
    ("lemma", put("lemma", np.zeros(4, np.int32), ["а"]), r"shape \(4,\) instead of \(3,\)"),
    (
        "sents",
        put("sent_start", np.array([1, 0, 0])),
        "numbers instead of booleans to the column 'sent_start'",
    ),
    (
        "sents",
        lambda doc: doc.tokens.remove("sent_start"),
        "assigns 'sents' but wrote none to <Doc",
    ),
    (
        "rows",
        lambda doc: doc.add_layer("rows", "token", 2),
        "another number of rows than there are",
    ),
]
# What a component does that assigns the layer "mine" and nothing else.
INTRUSIONS: list[tuple[Act, str]] = [
    (lambda doc: None, "assigns 'mine' but wrote none to <Doc, 3 tokens"),
    (lambda doc: doc.tokens.remove("sent_start"), "changed the column 'sent_start' of 'tokens'"),
    (lambda doc: doc.tokens.set("lemma", ["а"] * 3), "changed the column 'lemma' of 'tokens'"),
    (lambda doc: doc.tokens.set("pos", ["X"] * 3), "changed the column 'pos' of 'tokens'"),
    (lambda doc: doc.tokens["pos"].values.fill(0), "changed values of the column 'pos' of 'tok"),
    (lambda doc: doc.tokens["pos"].labels.reverse(), "changed values of the column 'pos'"),
    (lambda doc: doc.layers["cats"]["home"].values.fill(0), "changed values of the column 'home'"),
    (lambda doc: doc.layers["ents"].set("x", [1, 2]), "changed the column 'x' of 'ents'"),
    (lambda doc: doc.layers["ents"].set("start", [0, 1]), "changed the column 'start' of 'ents'"),
    (lambda doc: doc.layers.pop("ents"), "removed the layer 'ents', which it does not assign"),
    (lambda doc: doc.set_spans("ents", []), "changed rows of the layer '(ents|relations)'"),
    (lambda doc: setattr(doc.layers["relations"], "target", "x"), "changed rows of the layer 'rel"),
    (lambda doc: doc.add_layer("more", "doc", 1), "wrote 'more', which it does not assign"),
    (lambda doc: setattr(doc, "layers", {"tokens": doc.tokens}), "removed the layer"),
    (lambda doc: setattr(doc, "name", "x"), "changed the text, the tokens, the name or the error"),
    (lambda doc: setattr(doc, "_text", "иной"), "changed the text, the tokens"),
    (lambda doc: setattr(doc, "_starts", doc.starts + 1), "changed the text, the tokens"),
    (lambda doc: setattr(doc, "_ends", doc.ends.copy()), "changed the text, the tokens"),
]


@pytest.mark.parametrize(("assigns", "act", "message"), WRITTEN)
def test_what_a_component_writes_fits_the_document(
    assigns: str,
    act: Act,
    message: str,
) -> None:
    if assigns not in ("lemma", "rows", "sentiment"):
        assert breach_of(lambda doc: None, [assigns]) is None
    breach = breach_of(act, [assigns])
    assert breach is not None
    with pytest.raises(PluginContractError, match=message):
        raise PluginContractError(breach)


@pytest.mark.parametrize(("act", "message"), INTRUSIONS)
def test_a_component_changes_nothing_but_what_it_assigns(act: Act, message: str) -> None:
    docs = [annotated(), annotated(), annotated()]
    watch = Watch(docs)
    for doc in docs[:: 2 if act is INTRUSIONS[0][0] else 1]:
        doc.layers["mine"] = Layer("doc", 1)
    act(docs[1])
    breach = watch.breach(docs, ["mine"], None)
    assert breach is not None
    with pytest.raises(PluginContractError, match=message):
        raise PluginContractError(breach)


@pytest.mark.parametrize(
    "change",
    [
        lambda docs: docs[:2],
        lambda docs: [docs[1], docs[0], docs[2]],
        lambda docs: [docs[0].copy(), *docs[1:]],
        lambda docs: [*docs, docs[0]],
        lambda docs: [],
        lambda docs: [None] * 3,
    ],
)
def test_a_batch_keeps_its_documents(change: Callable[[list[Doc]], list[Doc]]) -> None:
    docs = [annotated(), annotated(), annotated()]
    breach = Watch(docs).breach(change(docs), [], None)
    assert breach == "dropped, reordered or replaced documents of its batch"


@pytest.mark.parametrize("answer", [True, [], (each for each in ()), Doc(words=["а"])])
def test_a_component_returns_nothing(answer: object) -> None:
    docs = [annotated()]
    breach = Watch(docs).breach(docs, [], answer)
    assert breach == (
        f"returned {type(answer).__name__}: it writes to the documents and returns nothing"
    )


@pytest.mark.parametrize(
    ("assigns", "act"),
    [
        (["ents"], span([0], [3])),
        (["ents"], span(np.zeros(0, np.int32), np.zeros(0, np.int32))),
        (["ents"], span(np.array([0], ">i4"), np.array([1], np.uint8))),
        (["ents"], span([0], [1], score=Column(np.array([1.0001])))),
        (["ents"], span([0], [1], frequency=Column(np.array([NAN])))),
        (["ents"], span([0], [1], label=Column(np.array([-1]), []))),
        (["relations"], link([1], [1])),
        (["ents", "relations"], lambda doc: (span([0], [1])(doc), link([0], [0])(doc))),
        (["pos", "mark"], lambda doc: doc.tokens.set("mark", ["x", None, "y"])),
        (["sents"], put("sent_start", np.array([True, True, False]))),
        (["ents.sentiment"], lambda doc: doc.layers["ents"].set("sentiment.bad", [0.1, 0.9])),
        (["cats"], lambda doc: doc.add_layer("cats", "doc", 0)),
        (["cats"], classes("cats", 0, 1)),
        (["pages"], lambda doc: doc.add_layer("pages", "doc", 7).set("number", range(7))),
        ([], lambda doc: doc.tokens.set("pos", ["NOUN", "VERB", "NOUN"])),
        ([], lambda doc: doc.layers.update(ents=doc.layers["ents"].copy())),
    ],
)
def test_what_fits_is_written(assigns: list[str], act: Act) -> None:
    docs = [annotated(), annotated()]
    for doc in docs:
        if assigns == ["ents"]:
            del doc.layers["relations"]  # links between spans that are replaced
    watch = Watch(docs)
    for doc in docs:
        act(doc)
    assert watch.breach(docs, assigns, None) is None
    for doc in docs:
        assert Doc.from_bytes(doc.to_bytes()).to_bytes() == doc.to_bytes()


@pytest.mark.parametrize("layer", ["cats", "ents"])
def test_a_score_of_pipekits_own_component_that_is_no_number_is_found(layer: str) -> None:
    docs = [annotated(), annotated(), Doc(words=["а"])]
    column = "score" if layer == "ents" else "home"
    assert numbers_breach(docs, [layer, "pos", "ents.sentiment"]) is None
    docs[1].layers[layer][column].values[0] = NAN
    breach = numbers_breach(docs, [layer])
    assert breach == f"wrote a score that is no number to the column {column!r} of {layer!r}"


def test_what_one_component_has_written_the_next_may_not_change() -> None:
    docs = [annotated(), annotated()]
    watch = Watch(docs)
    for doc in docs:
        doc.tokens.set("mine", [1, 2, 3])
    assert watch.breach(docs, ["mine"], None) is None
    docs[1].tokens["mine"].values[0] = 5
    breach = watch.breach(docs, [], None)
    assert breach == "changed values of the column 'mine' of 'tokens', which it does not assign"


# -- in a pipeline


def plugin(site: Site, body: str) -> Pipeline:
    """A pipeline with a component of the package "rude", which does this to each document."""
    site.install(
        "rude",
        f"""
import numpy as np

class Part:
    requires = ()
    assigns = ("cats",)

    def __call__(self, batch):
        for doc in batch.docs:
            doc.add_layer("cats", "doc", 1).set("home", np.ones(1))
            if "яд" in doc.text:
                {body}
""",
        {"pipekit_components": "rude = rude:Part"},
        version="2.5",
    )
    nlp = pipekit.blank("ru")
    nlp.add_pipe("rude")
    return nlp


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("doc.layers['cats'].set('home', [float('nan')])", "a score that is no number to"),
        ("doc.tokens.remove('sent_start')", "changed the column 'sent_start' of 'tokens'"),
        ("doc.layers.pop('cats')", "assigns 'cats' but wrote none"),
        ("batch._docs = batch._docs[::-1] + batch._docs", "dropped, reordered or replaced"),
    ],
)
def test_a_breach_costs_its_document_only_and_names_plugin_and_document(
    site: Site,
    body: str,
    message: str,
) -> None:
    nlp = plugin(site, body)
    texts = ["один", "два", "яд", "три", ""]
    docs: list[Doc] = list(nlp.pipe(texts, on_error="record"))
    assert [doc.text for doc in docs] == texts
    assert [doc.error is None for doc in docs] == [True, True, False, True, True]
    assert [doc.cats for doc in docs if doc.error is None] == [{"home": 1.0}] * 4
    error = docs[2].error or ""
    assert error.startswith("document 2, 'яд': rude failed: rude 2.5 (rude:Part) ")
    assert message in error


def test_gold_layers_of_a_callers_doc_stay_where_a_component_breaks_its_contract(
    site: Site,
) -> None:
    nlp = plugin(site, "doc.tokens['pos'].values[:] = 0")
    doc = Doc(words=["яд", "он"])
    doc.tokens.set("pos", ["NOUN", "PRON"])
    with pytest.raises(PluginContractError, match="changed values of the column 'pos'"):
        nlp(doc)
    assert doc.tokens["pos"].plain() == ["NOUN", "PRON"] and list(doc.layers) == ["tokens"]


def test_names_in_one_string_are_no_promise(site: Site) -> None:
    source = "class Part:\n    requires = ()\n    assigns = 'mark'\n    def __call__(self, b): ..."
    site.install("rude", source, {"pipekit_components": "rude = rude:Part"})
    with pytest.raises(PluginContractError, match="has assigns = 'mark', which is no tuple of n"):
        pipekit.blank("ru").add_pipe("rude")


def test_a_batch_without_documents_breaks_nothing() -> None:
    assert Watch([]).breach(Batch([]).docs, ["mine"], None) is None
