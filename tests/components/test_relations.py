"""Relations: which pairs are candidates, and a small extractor that is trained for real.

Modules: components.relations.extractor, components.relations.network,
    components.relations.pairs, components.relations.sparse_table
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from helpers.tiny import FEATURES, TEN, TRAINING, learn
from hypothesis import given
from hypothesis import strategies as st

import pipekit
from pipekit import Batch, Doc, Pipeline, Span, Token, registry
from pipekit.components.relations.pairs import (
    RIVAL_CODES,
    candidate_pairs,
    geometry_codes,
    geometry_size,
    read_entities,
    rival_codes,
)
from pipekit.components.relations.sparse_table import sparse_table, table_rows
from pipekit.doc.layer import span_layer
from pipekit.errors import ConfigError, DataError, ProcessingError
from pipekit.evaluation.evaluate import evaluate
from pipekit.parts.spans import CROWD

KINDS = {"A": 0, "B": 1}
TEXTS = [
    ("Анна живёт в Москве .", "LIVES"),
    ("Пётр любит Анну .", "LOVES"),
    ("Пётр живёт в Москве . Анна тоже .", "LIVES"),
]
NAMES = {"Анна": "PER", "Анну": "PER", "Пётр": "PER", "Москве": "LOC"}


class Names:
    """Writes the names above as "ents"."""

    requires: ClassVar[tuple[str, ...]] = ()
    assigns: ClassVar[tuple[str, ...]] = ("ents",)

    def __call__(self, batch: Batch) -> None:
        for doc in batch.docs:
            doc.spans["ents"] = [span for span in map(_named, doc) if span is not None]


def _named(token: Token) -> Span | None:
    start = int(token.doc.starts[token.i])
    return (
        token.doc.char_span(start, start + len(token.text), NAMES[token.text])
        if token.text in NAMES
        else None
    )


def linked() -> list[Doc]:
    """The texts with names, and a link from the first to the second."""
    docs = [pipekit.blank("ru").tokenize([text])[0] for text, _ in TEXTS]
    Names()(Batch(docs))
    for doc, (_, label) in zip(docs, TEXTS, strict=True):
        doc.add_layer("relations", "link", 1, target="ents").set("head", [0]).set("tail", [1]).set(
            "label", [label]
        )
    return docs


@pytest.fixture(scope="module", autouse=True)
def parts() -> Iterator[None]:
    registry.components.register("names_of_test", Names)
    registry.readers.register("linked")(lambda path: linked())
    yield


RELATIONS = {"type": "relations", "encoder": "main", "hidden": 32, "context": 16, "dropout": 0.0}


def raw(**pipeline: Any) -> dict[str, Any]:
    source = {"path": str(TEN), "format": "linked"}
    return {
        "pipeline": {"lang": "ru", **pipeline},
        "training": {**TRAINING, "evaluate_every": 40, "score": "relations"},
        "encoders": {"main": {"type": "gru", "width": 32, "features": FEATURES}},
        "components": {"relations": RELATIONS}
        if pipeline
        else {"names": {"type": "names_of_test"}, "relations": RELATIONS},
        "train": [source],
        "dev": [source],
    }


@pytest.fixture(scope="module")
def nlp(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return learn(raw(), tmp_path_factory.mktemp("run"))


def said(doc: Doc) -> list[tuple[int, str | None, int]]:
    return [(link.head.start, link.label, link.tail.start) for link in doc.relations or ()]


# -- candidates


@st.composite
def spanned(draw: st.DrawFn) -> list[Doc]:
    docs = []
    for size in draw(st.lists(st.integers(0, 12), min_size=1, max_size=3)):
        doc = Doc(words=["а"] * size)
        doc.tokens.set(
            "sent_start",
            np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), dtype=bool),
        )
        edges = (
            draw(
                st.lists(st.tuples(st.integers(0, max(size - 1, 0)), st.integers(1, 4)), max_size=6)
            )
            if size
            else []
        )
        labels = [draw(st.sampled_from(["A", "B", "other", None])) for _ in edges]
        doc.layers["ents"] = span_layer(
            [s for s, _ in edges], [min(s + n, size) for s, n in edges], labels
        )
        docs.append(doc)
    return docs


@pytest.mark.parametrize(("entities", "most"), [(CROWD, 40), (CROWD + 1, 8)])
def test_in_a_crowd_fewer_neighbours_are_candidates(entities: int, most: int) -> None:
    doc = Doc(words=["а"] * entities)
    doc.layers["ents"] = span_layer(
        np.arange(entities), np.arange(entities) + 1, ["A"] * entities, np.ones(entities)
    )
    found = read_entities(Batch([doc]), "ents", KINDS, [0])
    pairs = candidate_pairs(found, np.ones((2, 2), bool), sentences=2, neighbours=40)
    assert np.abs(pairs.head - pairs.tail).max() == most + 1


@given(
    spanned(), st.lists(st.booleans(), min_size=4, max_size=4), st.integers(0, 2), st.integers(0, 3)
)
def test_candidates_are_what_their_definition_says(
    docs: list[Doc], allowed: list[bool], sentences: int, neighbours: int
) -> None:
    found = read_entities(Batch(docs), "ents", KINDS, range(len(docs)))
    table = np.array(allowed).reshape(2, 2)
    pairs = candidate_pairs(found, table, sentences, neighbours)
    expected = {
        (h, t)
        for h in range(len(found))
        for t in range(len(found))
        if h != t
        and found.doc[h] == found.doc[t]
        and abs(found.sentence[h] - found.sentence[t]) <= sentences
        if abs(h - t) <= neighbours + 1
        and min(found.kind[h], found.kind[t]) >= 0
        and table[found.kind[h], found.kind[t]]
    }
    assert len(pairs) == len(expected) <= 2 * (neighbours + 1) * len(found)
    assert set(zip(pairs.head.tolist(), pairs.tail.tolist(), strict=True)) == expected
    geometry = geometry_codes(found, pairs, sentences)
    rivals = rival_codes(found, pairs, 2)
    for codes, size in ((geometry, geometry_size(sentences)), (rivals, RIVAL_CODES)):
        assert codes.shape == (len(pairs),)
        assert all(0 <= code < size for code in codes.tolist())


# -- learning


def test_it_learns_its_texts_by_heart_and_gives_chances(nlp: Pipeline) -> None:
    docs = [nlp(text) for text, _ in TEXTS]
    assert [said(doc) for doc in docs] == [said(doc) for doc in linked()]
    assert all(0.5 <= (link.score or 0) <= 1 for doc in docs for link in doc.relations or ())
    assert str((docs[0].relations or ())[0]) == "Анна → LIVES → Москве"


def test_a_batch_gives_what_single_docs_give_and_a_file_keeps_it(nlp: Pipeline) -> None:
    texts = [
        "",
        " ",
        *(text for text, _ in TEXTS),
        "x" * 300,
        "👍🏻 №5",
        "Москве",
        " ".join(text for text, _ in TEXTS),
    ]
    alone = [said(nlp(text)) for text in texts]
    assert [said(doc) for doc in nlp.pipe(texts)] == alone
    again = pipekit.from_bytes(nlp.to_bytes(), device="cpu").with_precision("float32")
    assert [said(doc) for doc in again.pipe(texts)] == alone
    assert [said(Doc.from_bytes(doc.to_bytes())) for doc in nlp.pipe(texts)] == alone


def test_links_of_a_document_in_parts_stand_in_the_whole(
    nlp: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = " ".join(text for text, _ in TEXTS[:2]) + " "
    monkeypatch.setattr("pipekit.pipeline.running.CHUNK_WORDS", 9)
    one, many = nlp(text), nlp(text * 3)
    size = len(one)
    assert said(many) == [
        (head + i * size, label, tail + i * size)
        for i in range(3)
        for head, label, tail in said(one)
    ]


def test_the_loss_of_documents_that_say_nothing_is_nothing(nlp: Pipeline) -> None:
    head: Any = nlp.components["relations"]
    bare = [doc.copy(bare=True) for doc in linked()]
    loss = head.loss(nlp.batch(bare))
    assert loss.item() == 0
    assert all(
        not g.any()
        for g in torch.autograd.grad(loss, list(head.parameters()), allow_unused=True)
        if g is not None
    )
    mixed = head.loss(nlp.batch([*bare, linked()[0]])) * sum(map(len, [*bare, linked()[0]]))
    assert mixed.item() == pytest.approx(
        head.loss(nlp.batch([linked()[0]])).item() * len(linked()[0]), rel=1e-4
    )


def test_documents_without_links_teach_that_there_are_none(nlp: Pipeline) -> None:
    head: Any = nlp.components["relations"]
    docs = linked()
    for doc in docs:
        doc.add_layer("relations", "link", 0, target="ents").set("head", []).set("tail", []).set(
            "label", []
        )
    assert head.loss(nlp.batch(docs)).item() > 0.1
    assert (
        head.loss(nlp.batch([docs[0], linked()[1]])).item()
        > head.loss(nlp.batch(linked()[:2])).item()
    )


def test_a_temperature_changes_chances_and_no_links(nlp: Pipeline) -> None:
    head: Any = (
        pipekit.from_bytes(nlp.to_bytes(), device="cpu")
        .with_precision("float32")
        .components["relations"]
    )
    docs = [[doc.copy(bare=True) for doc in linked()] for _ in range(2)]
    for some, temperature in zip(docs, (1.0, 3.0), strict=True):
        head.temperature.fill_(temperature)
        batch = nlp.batch(some)
        Names()(batch)
        with torch.inference_mode():
            head(batch)
    assert [said(doc) for doc in docs[0]] == [said(doc) for doc in docs[1]]
    pairs = [
        (a.score, b.score)
        for sure, less in zip(*docs, strict=True)
        for a, b in zip(sure.relations, less.relations, strict=True)
    ]
    assert all(0.5 <= less <= sure for sure, less in pairs) and any(
        less < sure for sure, less in pairs
    )


@given(
    st.lists(st.integers(-9, 9), min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=9),
)
def test_the_greatest_of_a_range_is_its_maximum(
    values: list[int], ranges: list[tuple[int, int]]
) -> None:
    start, end = (
        np.array([min(r[i], len(values)) for r in ranges], dtype=np.int64) for i in (0, 1)
    )
    longest = int((end - start).max(initial=1))
    table = sparse_table(torch.tensor(values)[:, None], longest)
    first, last = torch.from_numpy(table_rows(len(values), start, end))
    found = torch.maximum(table[first], table[last])
    assert found[:, 0].tolist() == [
        max(values[a:b], default=0) for a, b in zip(start.tolist(), end.tolist(), strict=True)
    ]


# -- given entities


def test_entities_that_no_component_writes_are_given(tmp_path: Path) -> None:
    nlp = learn(raw(given=["ents"]), tmp_path)
    assert nlp.given == ("ents",) and pipekit.from_bytes(nlp.to_bytes()).given == ("ents",)
    found = evaluate(nlp, linked())
    assert (found["relations"], found["relations within"], found["ents"]) == (1.0, 1.0, None)
    with pytest.raises(ProcessingError, match="needs Docs that bring the layer 'ents'"):
        nlp("Анна")
    with pytest.raises(ConfigError, match="only with their tokens"):
        evaluate(nlp, linked(), gold_tokens=False)


def test_gold_entities_may_stand_for_those_of_the_pipeline(nlp: Pipeline) -> None:
    docs = linked()
    docs[0].spans["ents"] = [docs[0][0:1], docs[0][3:4]]  # without labels no pair has a pattern
    assert evaluate(nlp, docs[:1])["relations"] == 1.0
    assert evaluate(nlp, docs[:1], keep=["ents"])["relations"] == 0.0


def test_an_extractor_without_patterns_is_refused() -> None:
    nlp = pipekit.blank("ru")
    nlp.add_encoder("main", "bilstm", width=16)
    with pytest.raises(
        ConfigError, match="'relations' reads 'ents', which nothing before it writes"
    ):
        nlp.add_pipe("relations", encoder="main", patterns=["A LIKES B"])
    with pytest.raises(DataError, match="train it, or give patterns="):
        nlp.add_pipe("relations", encoder="main")
    with pytest.raises(ConfigError, match="is not TYPE LABEL TYPE"):
        nlp.add_pipe("relations", encoder="main", patterns=["A-B"])
