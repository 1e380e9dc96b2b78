"""The same questions asked of every component that learns × every encoder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from tiny import TAGGER, learn, recipe, ten

import pipekit
from pipekit import Doc, Pipeline
from pipekit.errors import DataError

Said = Callable[[Doc], Any]

NETWORK = {"width": 32, "heads": 2, "layers": 2}
ENCODERS: dict[str, dict[str, Any]] = {
    "bilstm": {"type": "bilstm", "width": 32},
    "bilstm, two layers, no skip": {"type": "bilstm", "width": 32, "layers": 2, "skip": False, "dropout": 0.1},
    "gru": {"type": "gru", "width": 32},
    "rnn": {"type": "rnn", "width": 32},
    "mut1, one direction": {"type": "mut1", "width": 32, "bidirectional": False},
    "transformer": {"type": "transformer", "width": 32, "heads": 2},
    "transformer, learned, post": {"type": "transformer", "width": 32, "heads": 2, "positions": "learned", "norm": "post"},
    "transformer, learned, pre": {"type": "transformer", "width": 32, "heads": 2, "positions": "learned"},
    "transformer, sinusoidal, post": {"type": "transformer", "width": 32, "heads": 2, "norm": "post"},
    "bert": {"type": "bert", "network": NETWORK, "features": None},
    "bert, first piece": {"type": "bert", "network": NETWORK, "pool": "first", "subwords": {"algorithm": "wordpiece", "size": 200}},
}


def tokens(doc: Doc) -> list[tuple[str | None, ...]]:
    """What is said of the tokens."""
    return [(token.pos, None if token.morph is None else str(token.morph), token.lemma) for token in doc]


def answers(doc: Doc) -> dict[int, tuple[int, int]]:
    """The best answer to each question that has one: token rows. Answers are written best first."""
    layer = doc.layers["answers"]
    rows = zip(*(layer[name].values.tolist() for name in ("question", "start", "end")), strict=True)
    found: dict[int, tuple[int, int]] = {}
    for question, start, end in rows:
        found.setdefault(question, (start, end))
    return found


def spans(layer: str) -> Said:
    """What is said of spans; a bare copy of a document has no such layer."""
    return lambda doc: None if layer not in doc.layers else sorted((s.start, s.end, s.label or "") for s in doc.spans[layer])


def links(doc: Doc) -> list[tuple[int, int, str | None, int, int]] | None:
    found = doc.relations
    return None if found is None else sorted((a.start, a.end, label, b.start, b.end) for a, b, label, *_ in found)


# Within sentences, so that a document in parts says what the whole does.
RELATIONS = {"type": "relations", "encoder": "main", "entities": "fine", "sentences": 0, "hidden": 32, "context": 16, "dropout": 0.0}

def likeliest(doc: Doc) -> str | None:
    """The class of a document; that of a long one may go through in parts, of which test_classifier.py has a test."""
    return max(doc.cats, key=doc.cats.__getitem__) if doc.cats and len(doc) < 40 else None


def felt(doc: Doc) -> list[tuple[int, int, str | None]]:
    """The sentiment toward the entities; a bare copy has none."""
    spans = doc.spans["ents"] if "ents" in doc.layers else ()
    return sorted((span.start, span.end, span.sentiment and span.sentiment.label) for span in spans)


# A component is a line: its settings, and what it says of a document. One that reads `entities` is given those of the ten sentences.
COMPONENTS: dict[str, tuple[dict[str, Any], Said]] = {
    "tagger": (TAGGER, tokens),
    "ner": ({"type": "ner", "encoder": "main", "hidden": 48, "dropout": 0.0}, spans("ents")),
    "span_ner": ({"type": "span_ner", "encoder": "main", "hidden": 128, "dropout": 0.0, "threshold": 0.4}, spans("fine")),
    "relations": (RELATIONS, links),
    "classifier": ({"type": "classifier", "encoder": "main", "hidden": 24, "context": 16, "dropout": 0.1}, likeliest),
    "tfidf": ({"type": "tfidf", "min_count": 1}, likeliest),
    "entity_sentiment": ({"type": "entity_sentiment", "encoder": "main", "entities": "ents", "hidden": 24, "dropout": 0.1}, felt),
    "qa": ({"type": "qa", "encoder": "main", "mixed": 24, "hidden": 24, "threshold": 0.5}, answers),
}

FEW = {"qa": ("bilstm", "gru", "transformer", "bert")}  # components that learn slowly, with one encoder of each kind
ALIKE = {"rnn": ("tagger", "ner"), "mut1, one direction": ("tagger", "ner")}  # encoders of a kind that stands here already
PAIRS = [(c, e) for c in COMPONENTS for e in FEW.get(c, ENCODERS) if c in ALIKE.get(e, COMPONENTS)]


class Trained(NamedTuple):
    nlp: Pipeline
    said: Said


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: " × ".join(pair))
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    component, encoder = request.param
    settings, said = COMPONENTS[component]
    read = {"spans": {"type": "spans_of_ten", "layer": settings["entities"]}} if "entities" in settings else {}
    raw = recipe(ENCODERS[encoder], {**read, component: settings})
    return Trained(learn(raw, tmp_path_factory.mktemp("run")), said)


def bare() -> list[Doc]:
    return [doc.copy(bare=True) for doc in ten()]


def hostile() -> list[Doc | str]:
    """The ten sentences among texts of other lengths and alphabets."""
    strange = ["", " ", "а", "\n\nДа.", "ко\u0301т \u200b", "x" * 300, "Кот спит. " * 40, "👍🏻 №5 — 3,14%", "a\ud800b"]
    return [item for pair in zip(bare(), [*strange, "Нет"], strict=True) for item in pair]


def test_it_learns_ten_sentences_by_heart(trained: Trained) -> None:
    assert [trained.said(doc) for doc in trained.nlp.pipe(bare())] == [trained.said(doc) for doc in ten()]


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
    for again in (pipekit.load(path, device="cpu", precision="float32"), pipekit.from_bytes(path.read_bytes(), device="cpu")):
        assert [trained.said(doc) for doc in again.with_precision("float32").pipe(hostile())] == expected
        assert again.to_bytes() == path.read_bytes()


def test_as_float16_it_still_knows_the_ten_sentences(trained: Trained) -> None:
    again = pipekit.from_bytes(trained.nlp.to_bytes(half=True), device="cpu").with_precision("float32")
    assert [trained.said(doc) for doc in again.pipe(bare())] == [trained.said(doc) for doc in ten()]
    assert len(trained.nlp.to_bytes(half=True)) < 0.6 * len(trained.nlp.to_bytes())


def test_a_document_that_goes_through_in_parts_is_a_whole_again(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(doc.text for doc in ten()) + " "
    long = trained.nlp(text * 3)
    monkeypatch.setattr("pipekit.pipeline.running.CHUNK_WORDS", 10)
    cut = trained.nlp(text * 3)
    assert trained.said(cut) == trained.said(long)
    assert cut.to_array("start").tolist() == long.to_array("start").tolist()


def test_nothing_is_random_once_it_is_trained(trained: Trained) -> None:
    parts = [*trained.nlp.encoders.values(), *trained.nlp.components.values()]
    assert not any(part.training for part in parts if isinstance(part, torch.nn.Module))
    assert [trained.said(doc) for doc in trained.nlp.pipe(hostile())] == [trained.said(doc) for doc in trained.nlp.pipe(hostile())]


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
def test_what_an_annotation_leaves_open_is_summed_over(pos: str | None, morph: str | None, agree: list[str]) -> None:
    nlp = tagger()
    expected = -np.log(sum(probabilities(nlp)[tag] for tag in agree))
    assert loss_of(nlp, pos, morph) == pytest.approx(expected, abs=1e-5)


def test_the_gradient_of_the_partial_loss_is_that_of_its_formula() -> None:
    from pipekit.components.tagger.tagger import PartialLoss

    scores = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    allowed = torch.tensor([[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [0, 1, 0, 1, 1]], dtype=torch.bool)
    expected = (scores.logsumexp(1) - scores.masked_fill(~allowed, -torch.inf).logsumexp(1)).sum()
    found = PartialLoss.apply(scores, allowed).sum()
    assert found.item() == pytest.approx(expected.item())
    pairs = zip(torch.autograd.grad(found, scores), torch.autograd.grad(expected, scores), strict=True)
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
def test_the_lemma_of_a_name_has_the_capitals_of_the_word(lemma: str, word: str, shown: str) -> None:
    from pipekit.components.tagger.tagger import capitalise

    assert capitalise(lemma, word) == shown
