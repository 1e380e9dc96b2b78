"""Small pipelines, really trained in a second, on the ten sentences of cases/ten.conllu."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from helpers.places import CASES

from pipekit import Batch, Doc, Pipeline, hookimpl, registry
from pipekit.corpora.readers import read_conllu
from pipekit.doc.layer import span_layer
from pipekit.doc.views import Span
from pipekit.training.loop import train
from pipekit.training.recipe import parse_recipe

TEN = CASES / "ten.conllu"
FEATURES = {
    "width": 48,
    "word_width": 24,
    "word_buckets": 2000,
    "affix_buckets": 500,
    "shape_buckets": 100,
    "dropout": 0.15,
}
TAGGER = {"type": "tagger", "encoder": "main", "hidden": 48, "lemma_width": 24}
TRAINING = {
    "epochs": 40,
    "batch_words": 40,
    "learning_rate": 0.01,
    "evaluate_every": 1000,
    "threads": 1,
    "mixed_precision": False,
}

# The spans of the ten sentences, in their order: "ents" are flat, "fine" are nested.
# A bare copy of a document has no such layers.
SPANS: list[dict[str, list[tuple[str, str]]]] = [
    {"ents": [("Мама", "PER")], "fine": [("Мама", "PERSON"), ("раму", "THING")]},
    {"ents": [("Кот", "PER"), ("окне", "LOC")], "fine": [("Кот", "ANIMAL"), ("окне", "PLACE")]},
    {"ents": [("Москве", "LOC")], "fine": [("Мы", "PERSON"), ("Москве", "CITY")]},
    {"ents": [("Старая собака", "PER")], "fine": [("Старая собака", "ANIMAL"), ("Старая", "AGE")]},
    {"ents": [], "fine": [("Он", "PERSON"), ("три книги", "THING"), ("три", "NUMBER")]},
    {"ents": [("Зимний лес", "LOC")], "fine": [("Зимний лес", "PLACE"), ("Зимний", "DATE")]},
    {"ents": [], "fine": [("твой брат", "PERSON"), ("твой", "PERSON")]},
    {"ents": [("Анна", "PER")], "fine": [("Анна", "PERSON"), ("письма", "THING")]},
    {
        "ents": [("Дети", "PER"), ("дворе", "LOC")],
        "fine": [("Дети", "PERSON"), ("дворе", "PLACE"), ("весь день", "DATE")],
    },
    {"ents": [], "fine": [("зонт", "THING")]},
]

# Links between the "fine" spans of the ten sentences.
LINKS: list[list[tuple[str, str, str]]] = [
    [("Мама", "WASHES", "раму")],
    [("Кот", "SLEEPS", "окне")],
    [("Мы", "LIVES", "Москве")],
    [("Старая собака", "HAS", "Старая")],
    [("Он", "BUYS", "три книги"), ("три книги", "HAS", "три")],
    [],
    [("твой брат", "HAS", "твой")],
    [("Анна", "WRITES", "письма")],
    [("Дети", "PLAYS", "дворе"), ("Дети", "PLAYS", "весь день")],
    [],
]

# A class of each of the ten sentences, and the sentiment toward its "ents".
CLASSES = ["home", "home", "place", "home", "shop", "place", "home", "shop", "place", "shop"]
FELT: list[list[str]] = [
    ["positive"],
    ["neutral", "positive"],
    ["positive"],
    ["negative"],
    [],
    ["neutral"],
    [],
    ["negative"],
    ["positive", "neutral"],
    [],
]

# A question to each of the ten sentences, and the answer in it, or None.
# A bare copy of a document keeps its questions.
ASKED: list[tuple[str, str | None]] = [
    ("Кто мыл раму?", "Мама"),
    ("Где спит кот?", "на окне"),
    ("Где мы живём?", "в Москве"),
    ("Какая собака спит?", "Старая собака"),
    ("Сколько книг он купил?", "три книги"),
    ("Кто купил слона?", None),
    ("Где твой брат?", None),
    ("Что пишет Анна?", "письма"),
    ("Где играли дети?", "во дворе"),
    ("Что взять с собой?", "зонт"),
]

# What is written for each of the ten sentences.
WRITTEN = [
    "mother washes",
    "the cat sleeps",
    "we live here",
    "an old dog",
    "three books",
    "a winter forest",
    "your brother",
    "anna writes",
    "children play",
    "an umbrella",
]


@registry.readers.register("ten")
def read_ten(path: Path) -> Iterator[Doc]:
    """The format "ten" of the recipes of tests: the ten sentences with all annotations.

    The morphology is that of the file; spans, links, classes and questions are those above.
    """
    for row, (doc, layers, links, (question, answer)) in enumerate(
        zip(read_conllu(path), SPANS, LINKS, ASKED, strict=True)
    ):
        for name, spans in layers.items():
            doc.set_spans(name, [_span(doc, text, label) for text, label in spans])
        doc.add_layer("cats", "doc", 1).set(CLASSES[row], np.ones(1, np.float32))
        for label in ("negative", "neutral", "positive"):
            doc.layers["ents"].set(
                f"sentiment.{label}", np.array([label == felt for felt in FELT[row]], np.float32)
            )
        rows = {text: row for row, (text, _) in enumerate(layers["fine"])}
        edges = doc.add_layer("relations", "link", len(links), target="fine").set(
            "label", [label for _, label, _ in links]
        )
        for name, place in (("head", 0), ("tail", 2)):
            edges.set(name, np.array([rows[link[place]] for link in links], dtype=np.int32))
        doc.add_layer("questions", "doc", 1).set("text", [question])
        answers = [] if answer is None else [_span(doc, answer, "")]
        layer = span_layer([one.start for one in answers], [one.end for one in answers])
        doc.layers["answers"] = layer.set("question", np.zeros(len(answers), dtype=np.int32))
        doc.layers["translation"] = span_layer([0], [len(doc)]).set("text", [WRITTEN[row]])
        yield doc


@registry.components.register("spans_of_ten")
class SpansOfTen:
    """Writes a layer of the spans above wherever their words stand, for components that read it."""

    requires: tuple[str, ...] = ()

    def __init__(self, layer: str) -> None:
        self.layer = layer
        self.assigns = (layer,)
        self.labels = {
            tuple(text.split()): label for layers in SPANS for text, label in layers[layer]
        }

    def __call__(self, batch: Batch) -> None:
        for doc in batch.docs:
            words = [token.text for token in doc]
            found = [
                (i, text)
                for text in self.labels
                for i in range(len(words))
                if tuple(words[i : i + len(text)]) == text
            ]
            labels = [self.labels[text] for _, text in found]
            doc.layers[self.layer] = span_layer(
                [i for i, _ in found], [i + len(text) for i, text in found], labels
            )


def _span(doc: Doc, text: str, label: str) -> Span:
    start = doc.text.index(text)
    span = doc.char_span(start, start + len(text), label)
    assert span is not None
    return span


def ten() -> list[Doc]:
    """The ten sentences, annotated."""
    return list(read_ten(TEN))


def gold(
    docs: Sequence[Doc], columns: Sequence[str] = ("pos", "morph", "lemma")
) -> list[list[list[Any]]]:
    """What documents say of their tokens, comparable by ==."""
    return [
        [list(row) for row in zip(*(doc.tokens[name].strings() for name in columns), strict=True)]
        for doc in docs
    ]


def with_features(
    settings: Mapping[str, Any],
    features: Mapping[str, Any],
) -> dict[str, Any]:
    """The settings of an encoder, with features of words where it can have some."""
    if settings.get("type") == "causal":
        return dict(settings)
    return {"features": features, **settings}


def recipe(
    encoder: Mapping[str, Any],
    components: Mapping[str, Any] | None = None,
    *,
    dev: bool = False,
    **training: Any,
) -> dict[str, Any]:
    """A recipe as a mapping.

    It has each sentence twice, since the rule of a lemma is learned only when it is seen twice.
    """
    source = {"path": str(TEN), "format": "ten"}
    return {
        "pipeline": {"lang": "ru", "name": "tiny"},
        "training": {**TRAINING, **training},
        "encoders": {"main": with_features(encoder, FEATURES)},
        "components": components or {"tagger": TAGGER},
        "train": [{**source, "repeat": 2}],
        "dev": [source] if dev else [],
    }


def learn(raw: Mapping[str, Any], output: Path, **options: Any) -> Pipeline:
    """Train on the CPU, computing in float32."""
    torch.set_num_threads(1)
    return train(parse_recipe(raw), output, device="cpu", progress=False, **options).with_precision(
        "float32"
    )


class StopAt:
    """Interrupts a training after some steps."""

    def __init__(self, step: int) -> None:
        self.step = step

    @hookimpl
    def train_step(self, step: int) -> None:
        if step == self.step:
            raise KeyboardInterrupt
