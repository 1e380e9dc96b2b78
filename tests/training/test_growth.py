"""A component of a saved pipeline learns what is new in the data, and keeps what it knows.

Modules: training.building, training.transfer
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.parts import COMPONENTS, bare
from helpers.tiny import TEN, learn, read_ten, recipe, ten

import pipekit
from pipekit import Doc, registry
from pipekit.errors import ConfigError
from pipekit.parts.contracts import Head
from pipekit.training.building import prepare
from pipekit.training.loop import BEST
from pipekit.training.recipe import parse_recipe

GRU = {"type": "gru", "width": 32}

# Of each component, something that it has not seen at first, and the setting that lists it.
NEW = {
    "tagger": ("NUM", "tags"),
    "parser": ("nummod", "labels"),
    "ner": ("LOC", "labels"),
    "span_ner": ("THING", "labels"),
    "relations": ("HAS", "patterns"),
    "classifier": ("shop", "labels"),
    "tfidf": ("shop", "labels"),
    "entity_sentiment": ("negative", "labels"),
}


def said_of(doc: Doc) -> set[str | None]:
    """All labels of a document."""
    said = {*doc.tokens["pos"].strings(), *doc.tokens["dep"].strings(), *doc.layers["cats"]}
    for name in ("ents", "fine", "relations"):
        said.update(doc.layers[name]["label"].strings())
    said.update(span.sentiment.label for span in doc.spans["ents"] if span.sentiment)
    return said


@registry.readers.register("ten_without")
def read_without(path: Path, label: str) -> Iterator[Doc]:
    """Those of the ten sentences that say nothing of a label."""
    for doc in read_ten(path):
        if label not in said_of(doc):
            if f"sentiment.{label}" in doc.layers["ents"]:
                doc.layers["ents"].remove(f"sentiment.{label}")
            yield doc


def components(name: str) -> dict[str, Any]:
    settings, _ = COMPONENTS[name]
    read = {"type": "spans_of_ten", "layer": settings.get("entities")}
    return {**({"spans": read} if "entities" in settings else {}), name: settings}


def grown(name: str, first: Path, **changes: Any) -> dict[str, Any]:
    """The recipe that goes on from a saved pipeline, on all ten sentences."""
    source = {"source": str(first / BEST)}
    parts = {**components(name), name: {**source, **changes}}
    return {**recipe(GRU, parts), "encoders": {"main": source}}


@pytest.fixture(scope="module", params=NEW)
def first(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The name of a component, and the folder of a training without one of its labels."""
    name = request.param
    folder = tmp_path_factory.mktemp(name)
    raw = recipe(GRU, components(name), epochs=2)
    source = {"path": str(TEN), "format": "ten_without", "label": NEW[name][0], "repeat": 2}
    learn({**raw, "train": [source]}, folder)
    return name, folder


def rows(head: Head) -> Iterator[tuple[str, list[Any], torch.Tensor]]:
    """The tensors whose rows have names: their own names, those of their rows, the rows."""
    state = head.state_dict()
    for name, axes in head.rows().items():
        for axis, names in enumerate(axes):
            if names is not None:
                yield f"{name}, axis {axis}", list(names), state[name].movedim(axis, 0)


def test_new_labels_are_added_and_counted_and_the_old_ones_keep_their_weights(
    first: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    name, folder = first
    grown_nlp = prepare(parse_recipe(grown(name, folder))).pipeline
    saved = pipekit.load(folder / BEST, device="cpu")
    label, setting = NEW[name]
    old, new = (nlp.configs["components"][name][setting] for nlp in (saved, grown_nlp))
    assert new[: len(old)] == old
    more = new[len(old) :]
    assert more
    assert any(label in words for words in more)
    assert f"{setting}: {len(old)} kept, {len(more)} new ({more[0]}" in capsys.readouterr().out
    ours, theirs = (nlp.components[name] for nlp in (grown_nlp, saved))
    for (what, names, tensor), (_, old_names, old_tensor) in zip(
        rows(ours), rows(theirs), strict=True
    ):
        assert len(names) == len(tensor), what
        places = {name: row for row, name in enumerate(names)}
        assert places.keys() >= set(old_names), what
        if tensor.shape[1:] == old_tensor.shape[1:]:
            kept = tensor[[places[name] for name in old_names]]
            assert torch.equal(kept, old_tensor), what


@pytest.mark.slow
def test_after_a_training_it_knows_the_old_and_the_new(
    first: tuple[str, Path], tmp_path: Path
) -> None:
    name, folder = first
    _, said = COMPONENTS[name]
    nlp = learn(grown(name, folder), tmp_path)
    assert [said(doc) for doc in nlp.pipe(bare())] == [said(doc) for doc in ten()]


def test_fixed_labels_refuse_new_ones_by_name(first: tuple[str, Path], tmp_path: Path) -> None:
    name, folder = first
    label, _ = NEW[name]
    with pytest.raises(ConfigError, match=rf"\[components.{name}\].*fixed.*{label}"):
        learn(grown(name, folder, labels="fixed"), tmp_path)


def test_what_is_frozen_does_not_grow(first: tuple[str, Path]) -> None:
    name, folder = first
    raw = grown(name, folder)
    raw["training"]["freeze"] = [f"components.{name}"]
    raw["components"]["other"] = COMPONENTS["ner"][0] | {"layer": "fine"}
    nlp = prepare(parse_recipe(raw)).pipeline
    assert NEW[name][0] not in str(nlp.configs["components"][name])


def test_labels_in_another_order_bring_their_own_weights(tmp_path: Path) -> None:
    """The same number of labels is not the same labels."""
    saved = learn(recipe(GRU, components("ner"), epochs=8), tmp_path / "one")
    parts = {"ner": COMPONENTS["ner"][0] | {"labels": ["PER", "LOC"]}}
    start = str(tmp_path / "one" / BEST)
    nlp = learn(recipe(GRU, parts, epochs=1, learning_rate=0.0, start=start), tmp_path / "two")
    _, said = COMPONENTS["ner"]
    before = [said(doc) for doc in saved.pipe(bare())]
    assert any(before)
    assert [said(doc) for doc in nlp.pipe(bare())] == before


def test_new_labels_that_nothing_would_teach_are_refused(
    first: tuple[str, Path], tmp_path: Path
) -> None:
    name, folder = first
    raw = grown(name, folder)
    raw["training"]["learning_rate"] = 0.0
    with pytest.raises(ConfigError, match=rf"learning_rate = 0.*\[components.{name}\]"):
        learn(raw, tmp_path)
