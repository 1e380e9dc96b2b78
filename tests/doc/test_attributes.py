"""Custom attributes, and documents joined by people.

Modules: doc.attributes, doc.values
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pipekit
from pipekit import Attr, Doc, Span, Token, registry
from pipekit.doc.layer import span_layer
from pipekit.errors import ConfigError, DocError
from pipekit.parts.batch import Batch

polarity = Attr[float]("polarity", on=Span)
topic = Attr[str]("topic", on=Doc)
rank = Attr[int]("rank_here", on=Token)
is_odd = Attr[bool]("is_odd", on=Token)


def annotated() -> Doc:
    doc = Doc(words=["Мама", "мыла", "раму"])
    doc.layers["ents"] = span_layer([0, 2], [1, 3], ["PER", "THING"])
    polarity[doc.ents[1]] = 0.1
    topic[doc] = "дом"
    rank.fill(doc, [1, None, 3])
    is_odd[doc[0]] = True
    is_odd[doc[1]] = False
    return doc


def held(doc: Doc) -> list[Any]:
    return [polarity.values(doc), topic[doc], rank.values(doc), is_odd.values(doc)]


HELD = [[None, 0.1], "дом", [1, None, 3], [True, False, None]]


def through_file(doc: Doc, folder: Path) -> Doc:
    pipekit.write_docs([doc], folder / "one.docs")
    [again] = pipekit.read_docs(folder / "one.docs")
    return again


WAYS: dict[str, Callable[[Doc, Path], Doc]] = {
    "bytes": lambda doc, _: Doc.from_bytes(doc.to_bytes()),
    "JSON": lambda doc, _: Doc.from_dict(json.loads(json.dumps(doc.to_dict()))),
    "file": through_file,
    "copy": lambda doc, _: doc.copy(),
    "part": lambda doc, _: Doc.from_docs([doc]),
}


@pytest.mark.parametrize("way", WAYS)
def test_attributes_go_where_the_document_goes(way: str, tmp_path: Path) -> None:
    again = WAYS[way](annotated(), tmp_path)
    assert held(again) == HELD
    assert type(rank[again[0]]) is int and type(is_odd[again[0]]) is bool
    assert again.ents[1].get("polarity") == 0.1


def test_an_attribute_that_nobody_has_set_is_none_and_one_can_be_unset() -> None:
    doc = annotated()
    assert polarity[doc.ents[0]] is None and Attr[str]("other", on=Token)[doc[0]] is None
    del topic[doc]
    polarity[doc.ents[1]] = None
    assert topic[doc] is None and polarity.values(doc) == [None, None]
    again = Doc.from_dict(doc.to_dict())
    assert polarity.values(again) == [None, None]
    polarity[again.ents[0]] = 1
    assert polarity.values(again) == [1.0, None]


def test_a_copy_has_attributes_of_its_own() -> None:
    doc = annotated()
    other = Doc.from_bytes(doc.to_bytes())
    view = Doc.trusted(doc.text, doc.starts, doc.ends)
    view.layers = {name: layer.shared() for name, layer in doc.layers.items()}
    rank[view[0]] = 7
    assert (rank[doc[0]], rank[other[0]], rank[view[0]]) == (1, 1, 7)


def test_a_span_with_a_label_takes_its_attributes_into_a_group() -> None:
    doc = annotated()
    span = Span(doc, 0, 2, "PHRASE")
    polarity[span] = -0.5
    doc.spans["phrases"] = [span, Span(doc, 1, 2, "WORD")]
    assert polarity.values(doc, "phrases") == [-0.5, None]


WRONG: list[tuple[Callable[[Doc], Any], str]] = [
    (lambda doc: polarity.__setitem__(doc.ents[0], "high"), r"cannot be 'high', of type str"),
    (lambda doc: polarity.__setitem__(doc.ents[0], float("nan")), "finite number is needed"),
    (
        lambda doc: rank.__setitem__(doc[0], 2.5),
        r"Attr\[int\]\('rank_here', on=Token\) cannot be 2.5",
    ),
    (lambda doc: rank.__setitem__(doc[0], True), "cannot be True, of type bool"),
    (lambda doc: rank.__setitem__(doc[0], 2**60), "its size is"),
    (lambda doc: is_odd.__setitem__(doc[0], 1), "cannot be 1, of type int"),
    (lambda doc: topic.__setitem__(doc, "\ud800"), "lone surrogate"),
    (lambda doc: topic[doc[0]], "is no attribute of a Token"),
    (lambda doc: polarity[doc[0:2]], r'write doc.spans\["mine"\] = \[doc\[0:2\]\]'),
    (lambda doc: polarity.values(doc, "entz"), "no span group 'entz'. Did you mean 'ents'"),
    (lambda doc: rank.fill(doc, [1]), "1 values for 3 rows"),
    (
        lambda doc: Attr[float]("word_class", on=Token)[doc[0]],
        "holds 'x', which somebody else wrote",
    ),
    (lambda doc: Attr[int]("share", on=Token)[doc[0]], "holds 0.5, which somebody else wrote"),
]


@pytest.mark.parametrize(("call", "reason"), WRONG)
def test_what_does_not_fit_is_an_error_and_changes_nothing(
    call: Callable[[Doc], Any],
    reason: str,
) -> None:
    doc = annotated()
    doc.tokens.set("word_class", ["x", "y", "z"])
    doc.tokens.set("share", np.array([0.5, 1, 2]))
    with pytest.raises(DocError, match=reason):
        call(doc)
    assert held(doc) == HELD


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Attr[list]("a", on=Doc), "cannot be of type list"),  # type: ignore[type-var]
        (lambda: Attr("a", on=Doc), "needs a type"),
        (lambda: Attr[int]("lemma", on=Token), "choose another name, such as 'my_lemma'"),
        (lambda: Attr[int]("label", on=Span), "documents use it themselves"),
        (lambda: Attr[int]("two words", on=Span), "a Python identifier is needed"),
        (lambda: Attr[int]("a", on=pipekit.Relation), "on=Doc, on=Span or on=Token"),  # type: ignore[arg-type]
    ],
)
def test_a_declaration_that_cannot_be_is_refused(make: Callable[[], Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        make()


class Shouts:
    """Writes attributes of all three kinds, as a plugin does."""

    requires = ()
    assigns = ("rank_here", "attributes")

    def __call__(self, batch: Batch) -> None:
        for doc in batch.docs:
            rank.fill(doc, range(len(doc)))
            topic[doc] = doc.text.upper()


def test_attributes_of_a_component_and_of_the_caller_come_out_of_the_pipeline() -> None:
    registry.components.register("shouts", Shouts)
    nlp = pipekit.blank("ru")
    nlp.add_pipe("shouts")
    assert (topic.written_as(), polarity.written_as("fine")) == ("attributes", "fine.polarity")
    doc = Doc(words=["Кот", "спит"])
    doc.layers["terms"] = span_layer([0], [1], ["X"])
    polarity[doc.spans["terms"][0]] = 0.5
    [out] = nlp.pipe([doc])
    assert (topic[out], rank.values(out)) == ("КОТ СПИТ", [0, 1])
    assert polarity.values(out, "terms") == [0.5]


@pytest.mark.limit(120)
def test_workers_carry_attributes() -> None:
    docs = [annotated() for _ in range(4)]
    for doc in pipekit.blank("ru").pipe(docs, n_process=2):
        assert held(doc) == HELD


# -- documents joined


def test_documents_become_one_and_what_points_to_tokens_still_does() -> None:
    first = annotated()
    first.tokens.set("sent_start", np.array([True, False, False]))
    first.tokens.set("head", np.array([1, 1, 1], np.int32))
    first.add_layer("meta", "doc", 1).set("genre", ["проза"])
    second = Doc(words=["Кот", "спит"])
    second.tokens.set("sent_start", np.array([False, False]))
    second.layers["ents"] = span_layer([0], [1], ["PER"])
    second.tokens.set("head", np.array([1, 1], np.int32))
    second.add_layer("meta", "doc", 1).set("genre", ["стихи"])
    second.add_layer("questions", "doc", 1).set("text", ["Кто спит?"])
    second.layers["answers"] = span_layer([0], [1]).set("question", np.array([0], np.int32))
    third = second.copy()
    whole = Doc.from_docs(iter([first, second, third]))
    assert whole.text == "Мама мыла раму Кот спит Кот спит"
    assert [sent.text for sent in whole.sents] == ["Мама мыла раму", "Кот спит", "Кот спит"]
    assert [ent.text for ent in whole.ents] == ["Мама", "раму", "Кот", "Кот"]
    assert [token.head.text for token in whole][3:5] == ["спит", "спит"]
    assert whole.layers["meta"].values("genre") == ["проза", "стихи", "стихи"]
    assert whole.layers["answers"].values("question") == [0, 1]
    assert whole.layers["questions"].size == 2
    assert polarity.values(whole) == [None, 0.1, None, None]
    assert topic[whole] == "дом"
    assert second.tokens["sent_start"].values.tolist() == [False, False]


def test_white_space_between_documents_is_what_is_asked_for() -> None:
    first, second = Doc(words=["а"], spaces=["\n"]), Doc(words=["б"])
    assert Doc.from_docs([first, second]).text == "а\nб"
    assert Doc.from_docs([second, second], space="").text == "бб"
    with pytest.raises(DocError, match="only white space"):
        Doc.from_docs([first, second], space="; ")
    with pytest.raises(DocError, match="no documents"):
        Doc.from_docs([])


def test_a_span_knows_its_sentences_names_and_phrases() -> None:
    doc = Doc(words=["Мама", "мыла", "раму", ".", "Кот", "спал", "."])
    assert doc[0:2].sent is doc[0:2].sents is doc[0:2].ents is doc[0:2].noun_chunks is None
    doc.tokens.set("sent_start", np.array([True, False, False, False, True, False, False]))
    doc.tokens.set("pos", ["NOUN", "VERB", "NOUN", "PUNCT", "NOUN", "VERB", "PUNCT"])
    doc.tokens.set("head", np.array([1, 1, 1, 1, 5, 5, 5], np.int32))
    doc.layers["ents"] = span_layer([0, 4], [1, 5], ["PER", "PER"])
    assert doc[2:6].sent.text == "Мама мыла раму ."
    assert [sent.start for sent in doc[2:6].sents] == [0, 4]
    assert [sent.start for sent in doc[4:6].sents] == [4]
    assert [sent.start for sent in doc[0:4].sents] == [0]
    assert doc[4:4].sents == () and doc[7:7].sent is None
    assert [ent.text for ent in doc.sents[1].ents] == ["Кот"]
    assert [chunk.text for chunk in doc.sents[0].noun_chunks] == ["Мама", "раму"]
