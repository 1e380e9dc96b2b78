"""Docs as pictures: each style, what a Doc lacks, several Docs, and what a notebook shows.

Modules: doc.in_context, doc.pictures.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from helpers.doc_strategies import docs as full_docs
from hypothesis import given, settings
from hypothesis import strategies as st

import pipekit
from pipekit import Doc, Span, render
from pipekit.doc.layer import Layer, span_layer
from pipekit.doc.pictures import STYLES
from pipekit.errors import ConfigError, DocError
from pipekit.rendering.rendering import Rendering


def anna() -> Doc:
    """A Doc with something for each style."""
    words = ["Анна", "Петрова", "живёт", "в", "Риме", ".", "Она", "рада", "."]
    doc = Doc(words=words, spaces=[True, True, True, True, False, True, True, False, False])
    doc.tokens.set("sent_start", [True, *[False] * 5, True, False, False])
    doc.tokens.set("pos", ["PROPN", "PROPN", "VERB", "ADP", "PROPN", "PUNCT", "PRON", "ADJ", None])
    doc.tokens.set("lemma", ["Анна", "Петрова", "жить", "в", "Рим", ".", "она", "рад", None])
    doc.tokens.set("morph", ["Case=Nom|Number=Sing", *["_"] * 8])
    doc.tokens.set("head", [2, 0, 2, 4, 2, 2, 7, 7, -1])
    doc.tokens.set("dep", ["nsubj", "flat", "root", "case", "obl", "punct", "nsubj", "root", None])
    ents = span_layer([0, 4], [2, 5], ["PER", "LOC"], [0.9, 0.75])
    ents.set("sentiment.positive", [0.8, 0.1]).set("sentiment.negative", [0.2, 0.9])
    doc.layers["ents"] = ents
    doc.layers["fine"] = span_layer([0, 1, 0], [2, 2, 5], ["PERSON", "FAMILY", "EVENT"])
    doc.layers["relations"] = Layer("link", 1).set("head", [0]).set("tail", [1])
    doc.layers["relations"].set("label", ["LIVES_IN"]).set("score", [0.5])
    feeling = Layer("doc", 1).set("positive", [0.7]).set("negative", [0.3])
    doc.layers["sentiment"] = feeling
    doc.layers["questions"] = Layer("doc", 2).set("text", ["Где Анна?", "Кто рад?"])
    answers = span_layer([3, 4], [5, 5], None, [0.2, 0.9])
    doc.layers["answers"] = answers.set("question", [0, 0])
    return doc


def texts_of(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg.encode("utf-8"))
    return [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text")]


def plain(page: str) -> str:
    body = page[page.index("<body") :]
    return " ".join(re.sub("<[^>]*>", " ", body).split())


SAID = {
    "ents": ["Анна Петрова PER 0.90", "Риме LOC 0.75"],
    "spans": ["fine", "PERSON", "FAMILY", "EVENT"],
    "relations": ["LIVES_IN 0.50", "PER", "LOC"],
    "sentiment": ["positive 0.70 negative 0.30", "PER positive 0.80", "LOC negative 0.90"],
    "answers": ["Где Анна?", "answer 1 0.90", "answer 2 0.20", "The text has no answer."],
    "morph": ["живёт жить VERB", "Анна Анна PROPN Case=Nom Number=Sing"],
    "dep": ["nsubj", "flat", "root", "case", "obl"],
}


@pytest.mark.parametrize("style", STYLES)
def test_each_style_says_what_the_doc_holds(style: str) -> None:
    rendering = render(anna(), style)
    for piece in SAID[style]:
        assert piece in plain(rendering.html), piece
    drawn = texts_of(rendering.svg)
    assert {"живёт", "Риме"} <= set(drawn)
    assert rendering.html == render(anna(), style).html


def test_labels_and_layers_can_be_chosen() -> None:
    doc = anna()
    assert "LOC" not in plain(render(doc, labels="PER").html)
    page = plain(render(doc, "spans", layers=["fine"], labels=["EVENT"]).html)
    assert "EVENT" in page
    assert "PERSON" not in page
    assert "nsubj" not in plain(render(doc, "dep", labels=["root"]).html)
    assert "FAMILY" in plain(render(doc, layers="fine").html)


def test_a_tree_has_an_arrow_for_each_word_and_one_for_each_root() -> None:
    root = ElementTree.fromstring(render(anna(), "dep", width=10_000).svg.encode())
    classes = [node.attrib.get("class") for node in root.iter()]
    assert classes.count("pk-point") == 8
    assert classes.count("pk-arc") == 8


@pytest.mark.parametrize("style", STYLES)
def test_what_a_doc_lacks_is_said_with_who_writes_it(style: str) -> None:
    page = plain(render(Doc(words=["Рим"]), style).html)
    assert "Рим" in page
    assert "component" in page
    assert "Рим" in texts_of(render(Doc(words=["Рим"]), style).svg)


def test_an_empty_layer_is_no_missing_layer() -> None:
    doc = Doc(words=["Рим"])
    doc.ents = ()
    assert "The layer 'ents' is there, with nothing to show." in plain(render(doc).html).replace(
        "&#x27;", "'"
    )


@pytest.mark.parametrize("style", STYLES)
def test_an_empty_text_is_said_to_be_empty(style: str) -> None:
    for words in ([], [" "]):
        assert "The text is empty." in plain(render(Doc(words=words), style).html)


def test_a_document_that_failed_says_why() -> None:
    doc = Doc(words=["Рим"])
    doc.error = "<out of memory>"
    assert "could not be processed: &lt;out of memory&gt;" in render(doc).html


def test_several_documents_stand_below_each_other() -> None:
    docs = [anna(), anna()]
    docs[0].name = "первый"
    page = plain(render(iter(docs)).html)
    assert page.index("первый") < page.index("document 2")
    assert "There are no documents." in plain(render([]).html)


def test_what_cannot_be_rendered_is_named() -> None:
    with pytest.raises(ConfigError, match=r"no style 'ner'.*Known: answers, dep, ents"):
        render(anna(), "ner")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="number 2 is of type str"):
        render([anna(), "текст"])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="width is 0"):
        render(anna(), width=0)


def test_the_public_name_is_this_function() -> None:
    assert pipekit.render is render
    assert isinstance(render(anna()), Rendering)


def test_a_notebook_shows_names_first_and_how_much_there_is() -> None:
    shown = anna()._repr_html_()
    assert "mathjax_ignore" in shown
    assert "9 tokens · 2 sentences" in shown
    assert "relations 1" in shown
    assert "Рим" in Doc(words=["Рим"])._repr_html_()


def test_a_notebook_shows_the_beginning_of_a_long_document() -> None:
    doc = Doc(words=["слово"] * 5_000)
    doc.ents = [Span(doc, 0, 1, "PER"), Span(doc, 4_000, 4_001, "LOC")]
    shown = doc._repr_html_()
    assert "and 3,000 more words" in shown
    assert "PER" in shown
    assert "5,000 tokens" in shown
    assert len(shown) < 60_000


def test_a_span_stands_in_its_sentence() -> None:
    doc = anna()
    shown = doc.ents[0]._repr_html_()
    assert "Анна Петрова" in shown
    assert "PER" in shown
    assert "рада" not in shown
    assert "рада" in doc[7:8]._repr_html_()
    assert "Анна" in Doc(words=["Анна", "тут"])[1:1]._repr_html_()
    assert Doc(words=[])[0:0]._repr_html_()


@settings(max_examples=40)
@given(full_docs(), st.sampled_from(STYLES))
def test_any_document_can_be_rendered(doc: Doc, style: str) -> None:
    feeling = doc.layers.get("sentiment", Layer("doc", 0))
    for name in [name for name in feeling if feeling[name].labels is not None]:
        feeling.remove(name)  # words for scores, see the next test
    rendering = render(doc, style)
    ElementTree.fromstring(rendering.svg.encode("utf-8"))
    assert rendering.html
    assert doc._repr_html_()
    for span in list(doc.ents or ())[:3]:
        assert span._repr_html_()


def test_words_for_the_scores_of_classes_are_refused_by_name() -> None:
    doc = Doc(words=["Дождь", "льёт"])
    for layer in ("cats", "sentiment"):
        doc.add_layer(layer, "doc", 1).set("плохо", ["очень"])
    doc.ents = [Span(doc, 0, 1, "X")]
    doc.layers["ents"].set("sentiment.плохо", ["очень"])
    readings: list[Callable[[], object]] = [
        lambda: doc.cats,
        lambda: doc.sentiment,
        lambda: doc.ents[0].sentiment,
        lambda: render(doc, "sentiment"),
    ]
    for reading in readings:
        with pytest.raises(DocError, match=r"'плохо'.*'очень' for a score"):
            reading()
    assert "Дождь" in doc._repr_html_()
    assert doc.to_dict()["layers"]["cats"]
