"""What decides about a training: only what dev documents measure, and only numbers.

Modules: training.computing, training.figures
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.parts import COMPONENTS
from helpers.tiny import TAGGER, TEN, learn, recipe

import pipekit
from pipekit import Batch, registry
from pipekit.errors import ConfigError, ProcessingError
from pipekit.parts.contracts import EncoderRef, Head
from pipekit.storage.store import load_container
from pipekit.training.loop import BEST, LAST, LOG, train
from pipekit.training.recipe import parse_recipe
from pipekit.training.transfer import modules

GRU = {"type": "gru", "width": 16}
NER = {"type": "ner", "encoder": "main", "hidden": 16}
SHORT = {"epochs": 2, "evaluate_every": 1}


def log(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / LOG).read_text(encoding="utf-8").splitlines()]


def with_dev(raw: dict[str, Any], path: Path, format: str) -> dict[str, Any]:
    return {**raw, "dev": [{"path": str(path), "format": format}]}


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A text that nobody has annotated."""
    path = tmp_path / "plain.txt"
    path.write_text("Мама мыла раму.\nКот спит.\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", COMPONENTS)
def test_dev_documents_without_what_a_component_writes_are_refused_before_the_first_step(
    tmp_path: Path, plain: Path, name: str
) -> None:
    settings, _ = COMPONENTS[name]
    read = {}
    if "entities" in settings:
        read = {"spans": {"type": "spans_of_ten", "layer": settings["entities"]}}
    raw = recipe(GRU, {**read, name: settings}, **SHORT)
    message = rf"\[components.{name}\] writes .*, which no dev document .*plain.txt"
    with pytest.raises(ConfigError, match=message):
        learn(with_dev(raw, plain, "text"), tmp_path / "run")
    assert not (tmp_path / "run" / LOG).exists()


def test_one_component_that_dev_documents_cannot_measure_is_enough_to_refuse(
    tmp_path: Path,
) -> None:
    raw = recipe(GRU, {"tagger": COMPONENTS["tagger"][0], "ner": NER}, **SHORT)
    with pytest.raises(ConfigError, match=r"\[components.ner\] writes ents, which no dev document"):
        learn(with_dev(raw, TEN, "conllu"), tmp_path / "run")
    named = recipe(GRU, raw["components"], score=["pos"], **SHORT)
    learn(with_dev(named, TEN, "conllu"), tmp_path / "run")
    assert [row["score"] for row in log(tmp_path / "run")] == [
        row["scores"]["pos"] for row in log(tmp_path / "run")
    ]


@pytest.mark.parametrize("score", ["ents", "sentiment PN", "ents.sentiment PN"])
def test_a_figure_of_which_the_dev_documents_hold_nothing_is_no_figure(
    tmp_path: Path, score: str
) -> None:
    """Entities that are annotated, though there are none; classes of which none is asked for."""
    lines = [
        {"text": "Мама мыла раму.", "ents": [], "sentiment": {"joy": 1.0, "fear": 0.0}},
        {"text": "Кот спит.", "ents": [], "sentiment": {"joy": 0.0, "fear": 1.0}},
    ]
    dev = tmp_path / "dev.jsonl"
    dev.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    raw = recipe(GRU, {"ner": NER}, score=score, **SHORT)
    with pytest.raises(ConfigError, match=f"names '{score}', which the dev documents do not give"):
        learn(with_dev(raw, dev, "jsonl"), tmp_path / "run")


class Stress(Head):
    """A head of a plugin: it learns something that no figure of pipekit's measures."""

    assigns = ("stress",)

    def __init__(self, encoder: EncoderRef) -> None:
        super().__init__(encoder)
        self.network = torch.nn.Linear(encoder.width, 1)

    def scores(self, batch: Batch) -> torch.Tensor:
        scores: torch.Tensor = self.network(batch.vectors(self.encoder.name))
        return scores

    def decode(self, batch: Batch, scores: torch.Tensor) -> None:
        for doc in batch.docs:
            doc.tokens.set("stress", ["а"] * len(doc))

    def loss(self, batch: Batch) -> torch.Tensor:
        return self.scores(batch).square().mean()


@pytest.fixture
def stress() -> Iterator[Mapping[str, Any]]:
    registry.components.register("stress", Stress)
    yield {"stress": {"type": "stress", "encoder": "main"}}
    registry.components.unregister("stress")


def test_a_head_that_no_figure_measures_keeps_the_last_epoch_and_says_so(
    tmp_path: Path, stress: Mapping[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    nlp = learn(recipe(GRU, stress, dev=True, **SHORT), tmp_path / "two")
    shown = capsys.readouterr().out
    assert "[components.stress] no figure measures stress: the last epoch is kept" in shown
    assert "best" not in shown
    assert [row["score"] for row in log(tmp_path / "two")] == [None, None]
    without_dev = learn(recipe(GRU, stress, **SHORT), tmp_path / "bare")
    without_dev.meta = nlp.meta  # which tells of the dev documents
    assert nlp.to_bytes() == without_dev.to_bytes()


def test_patience_waits_for_a_figure_and_is_refused_where_there_is_none(
    tmp_path: Path, stress: Mapping[str, Any]
) -> None:
    raw = recipe(GRU, stress, dev=True, patience=2, **SHORT)
    with pytest.raises(ConfigError, match=r"patience.*no figure measures stress"):
        learn(raw, tmp_path / "run")


def test_a_training_without_dev_documents_shows_losses_and_no_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learn(recipe(GRU, {"ner": NER}, **SHORT), tmp_path / "run")
    shown = capsys.readouterr().out
    assert "score" not in shown
    assert "best" not in shown
    assert "epoch   2  loss: ner " in shown


def test_classes_of_any_layer_are_measured(tmp_path: Path) -> None:
    table = tmp_path / "topics.csv"
    rows = [("Мама мыла раму.", "home"), ("Кот спит на окне.", "home"), ("Он купил чай.", "shop")]
    lines = ["text,label", *(f"{text},{label}" for text, label in rows)]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    source = {"path": str(table), "format": "csv", "layer": "topics"}
    topics = {"type": "classifier", "encoder": "main", "layer": "topics", "hidden": 16}
    raw = recipe(GRU, {"topics": topics}, score="topics macro", **SHORT)
    learn({**raw, "train": [source], "dev": [source]}, tmp_path / "run")
    assert {"topics"} == log(tmp_path / "run")[0]["scores"].keys()


# -- a loss that is no number


class Broken(Stress):
    """A head whose loss, or whose gradient, is no number from the third step on."""

    kind = "loss"
    calls = 0

    def loss(self, batch: Batch) -> torch.Tensor:
        type(self).calls += 1
        loss = super().loss(batch)
        if self.calls < 3:
            return loss
        if self.kind == "loss":
            return loss * torch.nan
        outside = self.network.weight.sum() * 0
        return loss + outside.sqrt()  # 0 with a gradient of 0 * inf


@pytest.fixture(params=["loss", "gradient"])
def broken(request: pytest.FixtureRequest) -> Iterator[str]:
    Broken.kind, Broken.calls = request.param, 0
    registry.components.register("broken", Broken)
    yield request.param
    registry.components.unregister("broken")


def test_the_first_loss_or_gradient_that_is_no_number_stops_a_training(
    tmp_path: Path, broken: str
) -> None:
    components = {"tagger": TAGGER, "odd": {"type": "broken", "encoder": "main"}}
    raw = recipe(GRU, components, epochs=20, evaluate_every=1, batch_words=1000)
    with pytest.raises(ProcessingError) as caught:
        learn(raw, tmp_path)
    message = str(caught.value)
    assert message.startswith("step 3: ")
    assert "components.odd" in message
    assert "nan" in message
    assert "after a batch of ten-" in message
    assert "and 15 more" in message
    assert "a lower learning_rate" in message
    progress = load_container(tmp_path / LAST).header["progress"]
    assert progress["step"] == 2
    for part in modules(pipekit.load(tmp_path / BEST)).values():
        assert all(bool(tensor.isfinite().all()) for tensor in part.state_dict().values())


def test_weights_that_are_no_numbers_are_neither_saved_nor_the_best(tmp_path: Path) -> None:
    """At a rate that no recipe may name, the first step itself leaves them."""
    made = parse_recipe(recipe(GRU, epochs=1, batch_words=1000, clip=1e-3, warmup=0.0))
    made = replace(made, settings=replace(made.settings, learning_rate=3e38))
    with pytest.raises(ProcessingError, match=r"step 1: the weights .* are not finite"):
        train(made, tmp_path, device="cpu", progress=False)
    assert not list(tmp_path.iterdir())
