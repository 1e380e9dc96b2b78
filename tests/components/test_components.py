"""The same questions asked of every component that learns × every encoder.

Modules: components.tagger.capitals, components.tagger.confidence, components.tagger.gold,
    components.tagger.lemma_learning,
    components.tagger.lemmas, components.tagger.ranking, components.tagger.tagger,
    components.tagger.tags
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from helpers.parts import COMPONENTS, ENCODERS, Said, bare, hostile
from helpers.tiny import learn, recipe, ten

import pipekit
from pipekit import Doc, Pipeline
from pipekit.errors import DataError

FEW = {
    "qa": ("bilstm", "gru", "transformer", "bert"),
    "parser": ("bilstm", "transformer", "bert"),
    "seq2seq": ("bilstm", "bert"),
}  # components that learn slowly, with one encoder of each kind
ALIKE = {
    "rnn": ("tagger", "ner"),
    "mut1, one direction": ("tagger", "ner"),
}  # encoders of a kind that stands here already
PAIRS = [(c, e) for c in COMPONENTS for e in FEW.get(c, ENCODERS) if c in ALIKE.get(e, COMPONENTS)]


class Trained(NamedTuple):
    nlp: Pipeline
    said: Said


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: " × ".join(pair))
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    component, encoder = request.param
    settings, said = COMPONENTS[component]
    read = (
        {"spans": {"type": "spans_of_ten", "layer": settings["entities"]}}
        if "entities" in settings
        else {}
    )
    raw = recipe(ENCODERS[encoder], {**read, component: settings})
    return Trained(learn(raw, tmp_path_factory.mktemp("run")), said)


def test_it_learns_ten_sentences_by_heart(trained: Trained) -> None:
    assert [trained.said(doc) for doc in trained.nlp.pipe(bare())] == [
        trained.said(doc) for doc in ten()
    ]


def test_it_writes_what_it_says_and_nothing_else(trained: Trained) -> None:
    assigned = {name for component in trained.nlp.components.values() for name in component.assigns}
    for given in bare():
        before = {*given.tokens, *given.layers}
        doc = trained.nlp(given)
        assert {*doc.tokens, *doc.layers} - before == {name for name in assigned if "." not in name}
        assert all(map(doc.has_annotation, assigned))


def test_a_batch_gives_what_single_docs_give(trained: Trained) -> None:
    alone = [trained.said(trained.nlp(item)) for item in hostile()]
    assert [trained.said(doc) for doc in trained.nlp.pipe(hostile())] == alone
    assert [trained.said(doc) for doc in trained.nlp.pipe(hostile(), batch_words=7)] == alone


def test_it_survives_the_file(trained: Trained, tmp_path: Path) -> None:
    path = tmp_path / "a.pipekit"
    trained.nlp.to_disk(path)
    expected = [trained.said(doc) for doc in trained.nlp.pipe(hostile())]
    for again in (
        pipekit.load(path, device="cpu", precision="float32"),
        pipekit.from_bytes(path.read_bytes(), device="cpu"),
    ):
        assert [
            trained.said(doc) for doc in again.with_precision("float32").pipe(hostile())
        ] == expected
        assert again.to_bytes() == path.read_bytes()


def test_as_float16_it_still_knows_the_ten_sentences(trained: Trained) -> None:
    again = pipekit.from_bytes(trained.nlp.to_bytes(half=True), device="cpu").with_precision(
        "float32"
    )
    assert [trained.said(doc) for doc in again.pipe(bare())] == [trained.said(doc) for doc in ten()]
    assert len(trained.nlp.to_bytes(half=True)) < 0.6 * len(trained.nlp.to_bytes())


def test_a_document_that_goes_through_in_parts_is_a_whole_again(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = " ".join(doc.text for doc in ten()) + " "
    long = trained.nlp(text * 3)
    monkeypatch.setattr("pipekit.pipeline.running.CHUNK_WORDS", 10)
    cut = trained.nlp(text * 3)
    assert trained.said(cut) == trained.said(long)
    assert cut.to_array("start").tolist() == long.to_array("start").tolist()


def test_nothing_is_random_once_it_is_trained(trained: Trained) -> None:
    parts = [*trained.nlp.encoders.values(), *trained.nlp.components.values()]
    assert not any(part.training for part in parts if isinstance(part, torch.nn.Module))
    assert [trained.said(doc) for doc in trained.nlp.pipe(hostile())] == [
        trained.said(doc) for doc in trained.nlp.pipe(hostile())
    ]


def test_the_loss_of_documents_that_say_nothing_is_nothing(trained: Trained) -> None:
    *_, head = trained.nlp.components.values()
    batch = trained.nlp.batch(bare())
    loss = head.loss(batch)
    assert loss.item() == pytest.approx(0, abs=1e-5)
    for gradient in torch.autograd.grad(loss, list(head.parameters()), allow_unused=True):
        assert gradient is None or float(gradient.abs().max()) < 1e-5


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
