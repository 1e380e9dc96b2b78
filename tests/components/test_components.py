"""The same questions asked of every component that learns × every encoder.

Modules: components.tagger.capitals, components.tagger.confidence, components.tagger.gold,
    components.tagger.lemma_learning,
    components.tagger.lemmas, components.tagger.ranking, components.tagger.tagger,
    components.tagger.tags
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from helpers.parts import COMPONENTS, ENCODERS, hostile
from helpers.tiny import FEATURES, TRAINING, ten, with_features

import pipekit
from pipekit import Doc, Pipeline, testing
from pipekit.errors import DataError

Settings = Mapping[str, Mapping[str, Any]]


def of_kind(component: str) -> Settings:
    """The component that writes the spans of the ten sentences, for one that reads them."""
    settings, _ = COMPONENTS[component]
    if "entities" not in settings:
        return {}
    return {"spans": {"type": "spans_of_ten", "layer": settings["entities"]}}


def encoders(*names: str) -> Settings:
    """Settings of some encoders; of all where none is named."""
    return {name: with_features(ENCODERS[name], FEATURES) for name in names or ENCODERS}


EACH_KIND = ("bilstm", "gru", "transformer", "bert", "causal")
ALIKE = ("rnn", "mut1, one direction")  # of a kind that stands here already
DISTINCT = encoders(*[name for name in ENCODERS if name not in ALIKE])


class OfTen(testing.HeadTests):
    """A component that has learned the ten sentences."""

    encoders = DISTINCT
    training = TRAINING
    n_process = 1

    def __init_subclass__(cls) -> None:
        cls.settings, said = COMPONENTS[cls.type]
        cls.before = of_kind(cls.type)
        cls.said = cls.said_by_heart = staticmethod(said)
        super().__init_subclass__()

    @classmethod
    def docs(cls) -> list[Doc]:
        return ten() * 2  # the rule of a lemma is learned only when it is seen twice

    def inputs(self) -> list[str | Doc]:
        return hostile()

    def long_text(self) -> str:
        return (" ".join(doc.text for doc in ten()) + " ") * 3


class TestTagger(OfTen):
    type = "tagger"
    encoders = encoders()
    n_process = 2


class TestNer(OfTen):
    type = "ner"
    encoders = encoders()


class TestSpanNer(OfTen):
    type = "span_ner"


class TestRelations(OfTen):
    type = "relations"


class TestClassifier(OfTen):
    type = "classifier"


class TestTfidf(OfTen):
    type = "tfidf"
    encoders = encoders("bilstm")  # it reads none


class TestEntitySentiment(OfTen):
    type = "entity_sentiment"


class TestParser(OfTen):
    type = "parser"
    encoders = encoders("bilstm", "transformer", "bert")


class TestSeq2Seq(OfTen):
    type = "seq2seq"
    encoders = encoders("bilstm", "bert")


class TestAnswers(OfTen):
    type = "qa"
    encoders = encoders(*EACH_KIND)


# -- the tagger


TAGS = ["NOUN|Case=Nom", "NOUN|Case=Gen", "VERB|Voice=Act", "VERB|Voice=Pass", "PUNCT|"]


def tagger() -> Pipeline:
    torch.manual_seed(1)
    nlp = pipekit.blank("ru").with_precision("float32")
    nlp.add_encoder("main", "bilstm", width=16, features={"width": 16, "word_buckets": 100})
    nlp.add_pipe("tagger", encoder="main", tags=TAGS)
    return nlp


def loss_of(nlp: Pipeline, pos: str | None, morph: str | None) -> float:
    doc = Doc(words=["мыши"])
    doc.tokens.set("pos", [pos]).set("morph", [morph])
    return nlp.components["tagger"].loss(nlp.batch([doc])).item()


def probabilities(nlp: Pipeline) -> dict[str, float]:
    head = nlp.components["tagger"]
    hidden = head.hidden(nlp.batch([Doc(words=["мыши"])]).vectors("main"))
    scores = torch.nn.functional.linear(hidden, *head.tag_weights())
    return dict(zip(TAGS, torch.softmax(scores[0], 0).tolist(), strict=True))


@pytest.mark.parametrize(
    ("pos", "morph", "agree"),
    [
        ("NOUN", "Case=Gen", ["NOUN|Case=Gen"]),
        ("VERB", "Voice=?", ["VERB|Voice=Act", "VERB|Voice=Pass"]),
        ("NOUN", None, ["NOUN|Case=Nom", "NOUN|Case=Gen"]),
        (None, "Case=Nom", ["NOUN|Case=Nom"]),
        (None, None, TAGS),
        ("NOUN", "Case=Xyz", TAGS),
        ("NOUN", "Mood=Ind", TAGS),
    ],
)
def test_what_an_annotation_leaves_open_is_summed_over(
    pos: str | None, morph: str | None, agree: list[str]
) -> None:
    nlp = tagger()
    expected = -np.log(sum(probabilities(nlp)[tag] for tag in agree))
    assert loss_of(nlp, pos, morph) == pytest.approx(expected, abs=1e-5)


def test_the_gradient_of_the_partial_loss_is_that_of_its_formula() -> None:
    from pipekit.components.tagger.tags import partial_loss

    scores = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    allowed = torch.tensor(
        [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [0, 1, 0, 1, 1]], dtype=torch.bool
    )
    expected = (scores.logsumexp(1) - scores.masked_fill(~allowed, -torch.inf).logsumexp(1)).sum()
    found = partial_loss(scores, allowed).sum()
    assert found.item() == pytest.approx(expected.item())
    pairs = zip(
        torch.autograd.grad(found, scores), torch.autograd.grad(expected, scores), strict=True
    )
    assert all(torch.allclose(one, other) for one, other in pairs)


def test_the_white_space_that_a_text_begins_with_has_no_tag() -> None:
    first, *rest = tagger()("\n Мама мыла раму.")
    assert (first.pos, first.morph, first.lemma) == (None, None, None)
    assert all(token.pos for token in rest)


def test_a_tagger_without_tags_is_refused() -> None:
    nlp = pipekit.blank("ru")
    nlp.add_encoder("main", "bilstm", width=16)
    with pytest.raises(DataError, match="train it, or give tags="):
        nlp.add_pipe("tagger", encoder="main")


@pytest.mark.parametrize(
    ("lemma", "word", "shown"),
    [
        ("москва", "Москве", "Москва"),
        ("нато", "НАТО", "НАТО"),
        ("мамин-сибиряк", "Мамина-Сибиряка", "Мамин-Сибиряк"),
        ("ростов-на-дону", "Ростове-на-Дону", "Ростов-на-Дону"),
        ("я", "Я", "Я"),
    ],
)
def test_the_lemma_of_a_name_has_the_capitals_of_the_word(
    lemma: str, word: str, shown: str
) -> None:
    from pipekit.components.tagger.capitals import capitalise

    assert capitalise(lemma, word) == shown
