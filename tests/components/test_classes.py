"""Classes of texts and sentiment: components, views of documents, tables of texts, figures.

Modules: components.classes.annotations, components.classes.classifier,
    components.classes.entity_sentiment, components.classes.linear, components.classes.pooling,
    components.classes.terms, components.classes.texts, components.classes.tfidf
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.tiny import FEATURES, TRAINING, learn
from hypothesis import given
from hypothesis import strategies as st

import pipekit
from pipekit import Batch, Doc, Pipeline
from pipekit.components.classes.annotations import check_classes, document_targets
from pipekit.components.classes.classifier import Classifier
from pipekit.components.classes.linear import (
    class_loss,
    fit_weights,
    network_penalty,
    term_logits,
)
from pipekit.components.classes.pooling import pool_attention, pool_max, pool_mean
from pipekit.components.classes.terms import Vocabulary, learn_vocabulary
from pipekit.components.classes.texts import document_texts, entity_rows, tokens_around
from pipekit.corpora.readers.table import read_table
from pipekit.doc.cutting import concatenate, cut_doc
from pipekit.doc.layer import span_layer
from pipekit.errors import ConfigError, DataError, PipekitWarning
from pipekit.evaluation.evaluate import evaluate, figure
from pipekit.evaluation.metrics import score
from pipekit.parts.spans import CROWD

Tokenizer = Callable[[Sequence[str]], list[Doc]]
TEXTS = [
    ("Какой чудесный день, я счастлив!", "positive"),
    ("Отличный фильм, всем советую.", "positive"),
    ("Ужасная погода, всё плохо.", "negative"),
    ("Мне грустно и страшно.", "negative"),
    ("Поезд прибывает в пять часов.", "neutral"),
    ("Заседание назначено на вторник.", "neutral"),
]
WORDS = [
    "".join(word) for word in np.random.default_rng(1).choice(list("абвгдеклмнорст"), (400, 6))
]
HOSTILE = ["", " ", "x" * 300, "👍🏻 №5", "Поезд прибывает в пять часов. " * 5]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "texts.csv"
    path.write_text(
        "text,label\n" + "".join(f'"{text}",{label}\n' for text, label in TEXTS), encoding="utf-8"
    )
    return path


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    path = tmp_path / "targets.tsv"
    rows = [
        ("Анна победила, а Пётр обманул всех.", "Анна", 1),
        ("Анна победила, а Пётр обманул всех.", "Пётр", -1),
        ("Вчера Москва принимала гостей.", "Москва", 0),
        ("Суд наказал Павла за обман.", "Павла", -1),
    ]
    lines = [
        f"{text}\tPER\t{text.index(name)}\t{text.index(name) + len(name)}\t{label}"
        for text, name, label in rows
    ]
    path.write_text("\n".join(["sentence\ttag\tstart\tend\tlabel", *lines]), encoding="utf-8")
    return path


def recipe(
    component: dict[str, Any], source: dict[str, Any], *, encoder: bool = True, **training: Any
) -> dict[str, Any]:
    return {
        "pipeline": {"lang": "ru", "given": ["ents"] if "entities" in component else []},
        "training": {**TRAINING, "epochs": 25, **training},
        "encoders": {"main": {"type": "bilstm", "width": 32, "features": FEATURES}}
        if encoder
        else {},
        "components": {"one": component},
        "train": [source],
    }


def trained(kind: str, table: Path, output: Path) -> Pipeline:
    source = {"path": str(table), "format": "csv", "layer": "sentiment"}
    if kind == "tfidf":
        one = {"type": "tfidf", "layer": "sentiment", "min_count": 1}
        return learn(recipe(one, source, encoder=False, epochs=1, learning_rate=0.0), output)
    one = {
        "type": "classifier",
        "encoder": "main",
        "layer": "sentiment",
        "hidden": 32,
        "terms": kind == "classifier with terms",
    }
    return learn(recipe(one, source), output)


@pytest.mark.parametrize("kind", ["classifier", "classifier with terms", "tfidf"])
def test_classes_are_learned_alone_in_batches_and_from_the_file(
    kind: str, table: Path, tmp_path: Path
) -> None:
    nlp = trained(kind, table, tmp_path / "run")
    assert [doc.sentiment.label for doc in nlp.pipe([text for text, _ in TEXTS])] == [
        label for _, label in TEXTS
    ]
    items = [text for text, _ in TEXTS] + HOSTILE
    alone = [nlp(text).sentiment for text in items]
    assert [said is None for said in alone] == [not text.strip() for text in items]
    for said in (
        nlp.pipe(items),
        nlp.pipe(items, batch_words=7),
        pipekit.from_bytes(nlp.to_bytes(), device="cpu").pipe(items),
    ):
        for doc, expected in zip(said, alone, strict=True):
            assert doc.has_annotation("sentiment") and doc.cats is None
            if expected is None:
                assert doc.sentiment is None
                continue
            assert doc.sentiment.probabilities == pytest.approx(expected.probabilities, abs=0.02)
            assert sum(doc.sentiment.probabilities.values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("kind", ["classifier", "classifier with terms", "tfidf"])
def test_documents_without_classes_add_nothing_to_the_loss(
    kind: str, table: Path, tmp_path: Path
) -> None:
    nlp = trained(kind, table, tmp_path / "run")
    [head] = nlp.components.values()
    assert head.loss(nlp.batch(nlp.tokenize(["Один текст.", ""]))).item() == 0


def test_a_document_in_parts_has_the_mean_weighted_by_tokens(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp = trained("classifier", table, tmp_path / "run")
    text = " ".join(text for text, _ in TEXTS)
    [doc] = nlp.tokenize([text])
    monkeypatch.setattr("pipekit.pipeline.running.CHUNK_WORDS", 8)
    parts = [nlp(part.copy(bare=True)) for part in cut_doc(doc, 8)]
    weights = [len(part) for part in parts]
    for name, value in nlp(text).sentiment.probabilities.items():
        assert value == pytest.approx(
            np.average([part.sentiment.probabilities[name] for part in parts], weights=weights),
            abs=1e-4,
        )


def test_several_classes_at_once_are_learned(tmp_path: Path) -> None:
    path = tmp_path / "emotions.csv"
    rows = [
        "text,labels,source",
        "Радость и удивление!,[0 2],lj",
        "Радость.,[0],lj",
        "Поезд идёт.,[],lenta",
        "Вот удивление,[2],lenta",
    ]
    path.write_text("\n".join([*rows, ""]), encoding="utf-8")
    source = {
        "path": str(path),
        "format": "csv",
        "label": "labels",
        "exclusive": False,
        "classes": {"0": "joy", "2": "surprise"},
    }
    nlp = learn(
        recipe({"type": "classifier", "encoder": "main", "exclusive": False}, source, epochs=40),
        tmp_path / "run",
    )
    gold = list(
        read_table(
            path,
            tokenize=nlp.tokenize,
            **{k: v for k, v in source.items() if k not in ("path", "format")},
        )
    )
    assert [list(doc.cats.items()) for doc in gold] == [
        [("joy", a), ("surprise", b)] for a, b in ((1, 1), (1, 0), (0, 0), (0, 1))
    ]
    found = evaluate(nlp, gold, by="source")
    assert (
        found["cats"] == 1
        and figure(found, "cats macro") == 1
        and set(found.groups) == {"lj", "lenta"}
    )


def topical(number: int) -> tuple[str, str]:
    """A text and its topic: two words of fourteen tell it, the others tell nothing."""
    random = np.random.default_rng(number)
    topic = number % 3
    telling = WORDS[20 * topic : 20 * topic + 20]
    words = [*random.choice(telling, 2), *random.choice(WORDS[60:], 12)]
    return " ".join(random.permutation(words)), f"topic {topic}"


@pytest.mark.slow
def test_a_classifier_that_trains_for_long_on_little_is_no_worse_than_its_terms(
    tmp_path: Path,
) -> None:
    path = tmp_path / "topics.csv"
    rows = [",".join(topical(number)) for number in range(60)]
    path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    source = {"path": str(path), "format": "csv"}
    dev = [topical(number) for number in range(1_000, 1_150)]
    right = {}
    for kind, settings in (
        ("tfidf", {"type": "tfidf"}),
        ("classifier", {"type": "classifier", "encoder": "main"}),
    ):
        pace = {"epochs": 1, "learning_rate": 0.0} if kind == "tfidf" else {"epochs": 20}
        nlp = learn(recipe(settings, source, **pace), tmp_path / kind)
        docs = nlp.pipe(text for text, _ in dev)
        right[kind] = sum(
            max(doc.cats, key=doc.cats.get) == topic
            for doc, (_, topic) in zip(docs, dev, strict=True)
        )
    assert right["classifier"] >= right["tfidf"] - 3, right


def test_the_fewer_texts_the_more_is_left_to_the_terms(table: Path) -> None:
    docs = list(read_table(table, tokenize=Pipeline({"lang": "ru"}).tokenize))
    for count, penalty in ((6, 0.5), (1_000, 0.4), (10_000, 0.04)):
        assert network_penalty(count) == penalty
    prepared = Classifier.prepare({}, docs)
    assert prepared.settings["penalty"] == 0.5 and "weights" in prepared.tables
    assert Classifier.prepare({"penalty": 0.2}, docs).settings["penalty"] == 0.2
    assert "penalty" not in Classifier.prepare({"terms": False}, docs).settings
    grown = Classifier.grow(prepared, ["mixed"], docs)
    assert "penalty" not in grown.settings and len(grown.settings["class_weights"]) == 4


@pytest.mark.parametrize("kind", ["classifier", "tfidf"])
@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (["1.5", "2", "3,25", "-4", "5e3", "6"], "6 of 6 .* are numbers: -4, 1.5, 2, 3,25, 5e3, …"),
        (["1", "2", "3", "no"], "3 of 4 .* are numbers: 1, 2, 3. "),
    ],
)
def test_numbers_for_classes_are_told(
    kind: str, labels: list[str], shown: str, tmp_path: Path
) -> None:
    path = tmp_path / "prices.csv"
    rows = [f'текст {number},"{label}"' for number, label in enumerate(labels)]
    path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    part = {"type": kind} if kind == "tfidf" else {"type": kind, "encoder": "main"}
    with pytest.warns(PipekitWarning, match=f"(?s){shown}.*regression"):
        learn(recipe(part, {"path": str(path), "format": "csv"}, epochs=1), tmp_path / "run")


@pytest.mark.parametrize("labels", [["0", "1"], ["1", "2", "no", "yes"], ["nan", "inf", "none"]])
def test_two_numbers_and_names_are_classes_like_others(labels: list[str]) -> None:
    assert check_classes(labels, "cats") == labels


def test_terms_are_fitted_where_all_texts_are_in_one_fold(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("text,label\nда,yes\nДа,no\n", encoding="utf-8")
    part = {"type": "classifier", "encoder": "main"}
    nlp = learn(recipe(part, {"path": str(path), "format": "csv"}, epochs=1), tmp_path / "run")
    assert np.isfinite(list(nlp("да").cats.values())).all()


ENTITY = {"type": "entity_sentiment", "encoder": "main", "entities": "ents", "hidden": 32}
TOWARD = {
    "tfidf": {"type": "tfidf", "entities": "ents", "min_count": 1},
    "network": {**ENTITY, "terms": False},
    "with terms": ENTITY,
}


@pytest.mark.parametrize("kind", TOWARD)
def test_the_sentiment_toward_entities_is_learned_and_measured(
    kind: str, targets: Path, tmp_path: Path
) -> None:
    source = {
        "path": str(targets),
        "format": "csv",
        "text": "sentence",
        "span": ["start", "end", "tag"],
        "classes": {"-1": "negative", "0": "neutral", "1": "positive"},
    }
    nlp = learn(recipe(TOWARD[kind], source, epochs=40), tmp_path / "run")
    gold = list(
        read_table(
            targets,
            tokenize=nlp.tokenize,
            **{k: v for k, v in source.items() if k not in ("path", "format")},
        )
    )
    assert [(entity.text, entity.sentiment.label) for entity in gold[0].ents] == [
        ("Анна", "positive"),
        ("Пётр", "negative"),
    ]
    found = evaluate(nlp, gold)
    assert found["ents.sentiment"] == 1 and figure(found, "ents.sentiment PN") == 1
    bare = gold[1].copy(bare=True)
    bare.set_spans("ents", ())
    assert nlp(bare).has_annotation("ents.sentiment")
    assert [
        head.loss(nlp.batch([bare.copy(bare=True)])).item() for head in nlp.components.values()
    ] == [0]


def test_sentiment_is_none_until_someone_wrote_it() -> None:
    doc = Doc(words=["Мама", "спит"])
    doc.set_spans("ents", [doc.char_span(0, 4, "PER")])
    assert doc.sentiment is None and doc.ents[0].sentiment is None and doc[0:1].sentiment is None
    assert (
        not doc.has_annotation("sentiment")
        and not doc.has_annotation("ents.sentiment")
        and not doc.has_annotation("ents.label.x")
    )
    assert doc.has_annotation("ents.label")


def felt() -> Doc:
    doc = Doc(words=["Мама", "спит"])
    doc.set_spans("ents", [doc.char_span(0, 4, "PER")])
    doc.add_layer("sentiment", "doc", 1).set("negative", np.array([0.25], np.float32)).set(
        "positive", np.array([0.75], np.float32)
    )
    doc.layers["ents"].set("sentiment.negative", np.array([0.5], np.float32)).set(
        "sentiment.neutral", np.array([0.25], np.float32)
    )
    return doc


def test_sentiment_survives_plain_data_and_bytes() -> None:
    for doc in (felt(), Doc.from_dict(felt().to_dict()), Doc.from_bytes(felt().to_bytes())):
        assert doc.sentiment == ("positive", 0.75, {"negative": 0.25, "positive": 0.75})
        assert doc.ents[0].sentiment == ("negative", 0.5, {"negative": 0.5, "neutral": 0.25})
    assert felt().to_dict()["sentiment"] == {"negative": 0.25, "positive": 0.75}


def test_a_table_of_a_doc_shows_its_sentiment() -> None:
    from pipekit.cli.display import doc_lines

    assert list(doc_lines(felt()))[-3:] == [
        "ents  PER  Мама  negative 0.50",
        "",
        "sentiment  positive  0.75",
    ]


def test_layers_of_another_shape_are_those_of_the_first_part() -> None:
    parts = [Doc(words=["а"]), Doc(words=["б"])]
    for number, part in enumerate(parts):
        part.add_layer("meta", "doc", 1).set("line", [number])
    assert concatenate(parts).layers["meta"]["line"][0] == 0


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_pooling_is_that_of_each_owner_alone(sizes: list[int]) -> None:
    owners = torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes))
    values, logits = torch.randn(len(owners), 3), torch.randn(len(owners), 2)
    pooled = pool_attention(values, logits, owners, len(sizes))
    for owner, size in enumerate(sizes):
        own, scores = values[owners == owner], logits[owners == owner]
        expected = torch.cat(
            [(torch.softmax(scores[:, i], 0)[:, None] * own).sum(0) for i in range(2)]
        )
        assert torch.allclose(pooled[owner], expected, atol=1e-5)
        assert torch.allclose(
            pool_max(values, owners, len(sizes))[owner], own.amax(0) if size else torch.zeros(3)
        )
        assert torch.allclose(
            pool_mean(values, owners, len(sizes))[owner],
            own.mean(0) if size else torch.zeros(3),
            atol=1e-5,
        )


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("text,labl\nа,б\n", {}, r"t\.csv:1: has no column 'label'.*labl"),
        ("text,label\nа,б\nа\n", {}, r"t\.csv:3: has 1 cells, but the first row names 2"),
        ('text,label\n"а"б,в\n', {}, r"t\.csv:2: is no row of a table"),
        ("text,label,s,e\nа,б,x,1\n", {"span": ["s", "e", "label"]}, r"t\.csv:2: s is 'x'"),
        (
            "text,label,s,e\nа,б,0,9\n",
            {"span": ["s", "e", "label"]},
            r"t\.csv:2: \[0, 9\) is no part of the text",
        ),
    ],
)
def test_faults_of_a_table_are_named_with_their_line(
    content: str, options: dict[str, Any], message: str, tmp_path: Path, tokenize: Tokenizer
) -> None:
    (tmp_path / "t.csv").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        list(read_table(tmp_path / "t.csv", tokenize=tokenize, **options))
    with pytest.raises(ConfigError, match="three columns"):
        list(read_table(tmp_path / "t.csv", tokenize=tokenize, span=["s"]))


def test_a_label_without_a_class_leaves_the_text_without_one(
    tmp_path: Path, tokenize: Tokenizer
) -> None:
    (tmp_path / "t.csv").write_text(
        "text,label\nа,[]\nб,[0]\nв,[0 1]\nг,[1 3]\nд,[2]\n", encoding="utf-8"
    )
    classes = {"0": "positive", "1": "negative", "3": "negative"}
    docs = list(
        read_table(
            tmp_path / "t.csv",
            tokenize=tokenize,
            layer="sentiment",
            classes=classes,
            none="neutral",
        )
    )
    assert [doc.sentiment and doc.sentiment.label for doc in docs] == [
        "neutral",
        "positive",
        None,
        "negative",
        None,
    ]
    assert [
        doc.text for doc in read_table(tmp_path / "t.csv", tokenize=tokenize, rows=[0.8, 1.0])
    ] == ["д"]


def test_figures_of_classes_count_what_gold_annotates() -> None:
    gold, silent = felt(), Doc(words=["Мама", "спит"])
    assert score([(gold, gold)])["sentiment"] == 1 and score([(gold, silent)])["sentiment"] is None
    assert "sentiment" not in score([(silent, gold)]).figures


def test_the_corpora_are_read(data: Path, tokenize: Tokenizer) -> None:
    emotions = {"0": "joy", "1": "sadness", "2": "surprise", "3": "fear", "4": "anger"}
    rows = read_table(
        data / "sentiment" / "cedr-test.csv",
        tokenize=tokenize,
        label="labels",
        exclusive=False,
        classes=emotions,
    )
    cedr = list(rows)
    assert len(cedr) == 1882 and sum(doc.cats["joy"] for doc in cedr) == 353
    span = ("entity_pos_start_rel", "entity_pos_end_rel", "entity_tag")
    with pytest.warns(PipekitWarning, match="read with repairs, 4 in all"):
        news = list(
            read_table(
                data / "sentiment" / "rusentne-dev.tsv",
                tokenize=tokenize,
                text="sentence",
                span=span,
            )
        )
    assert len(news) == 2144 and sum(len(doc.ents) for doc in news) == 2845
    assert sum(entity.sentiment.label == "-1" for doc in news for entity in doc.ents) == 438


@pytest.mark.parametrize(("entities", "tokens"), [(CROWD, 81), (CROWD + 1, 17)])
def test_in_a_crowd_an_entity_sees_as_far_as_its_fourth_neighbour(
    entities: int, tokens: int
) -> None:
    size = 2 * entities
    doc = Doc(words=["а"] * size)
    starts = np.arange(0, size, 2)
    doc.layers["ents"] = span_layer(starts, starts + 1, ["A"] * entities, np.ones(entities))
    batch = Batch([doc])
    around = tokens_around(batch, entity_rows(batch, "ents"), window=40)
    assert np.bincount(around.owner).max() == tokens
    own = around.row[around.distance == 0]
    assert own.tolist() == starts.tolist()


@given(st.lists(st.integers(0, 30), min_size=1, max_size=90), st.integers(0, 9))
def test_an_entity_sees_itself_whatever_stands_around_it(starts: list[int], window: int) -> None:
    doc = Doc(words=["а"] * 40)
    begins = np.array(starts)
    ends = begins + 1 + np.arange(len(starts)) % 9
    doc.layers["ents"] = span_layer(begins, ends, ["A"] * len(starts), np.ones(len(starts)))
    batch = Batch([doc])
    entities = entity_rows(batch, "ents")
    around = tokens_around(batch, entities, window)
    own = np.bincount(around.owner[around.distance == 0], minlength=len(entities))
    assert own.tolist() == (entities.end - entities.start).tolist()
    assert np.abs(around.distance).max() <= window


def test_fitted_weights_are_where_the_gradient_vanishes(table: Path) -> None:
    nlp = pipekit.blank("ru")
    docs = list(read_table(table, tokenize=nlp.tokenize, layer="sentiment"))
    batch = Batch(docs)
    texts = document_texts(batch)
    labels = ["negative", "neutral", "positive"]
    _, targets = document_targets(docs, "sentiment", labels, exclusive=True)
    tables = learn_vocabulary(batch, texts, (2, 3), min_count=1)
    vocabulary = Vocabulary(tables, (2, 3))
    terms = vocabulary.terms(batch, texts)
    size = len(vocabulary)
    fit = fit_weights(terms, targets, size, exclusive=True, strength=2.0, power=0.0)
    weights, bias = (torch.from_numpy(array).requires_grad_() for array in fit)
    logits = term_logits(terms, weights, bias)
    loss = class_loss(logits, torch.from_numpy(targets), exclusive=True).sum()
    (loss + weights.square().sum() / 4).backward()
    assert weights.grad is not None
    assert bias.grad is not None
    assert float(weights.grad.abs().max()) < 1e-3
    assert float(bias.grad.abs().max()) < 1e-3
