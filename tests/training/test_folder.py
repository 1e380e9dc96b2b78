"""Trainings are guarded as jobs are: nothing is overwritten, and nothing goes on as something else.

Modules: training.checkpoint, training.folder
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.tiny import TEN, StopAt, learn, recipe

from pipekit.cli import main
from pipekit.errors import ConfigError
from pipekit.pipeline.hooks import hooks
from pipekit.training.loop import BEST, LAST, LOG

GRU = {"type": "gru", "width": 16}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.conllu"
    path.write_bytes(TEN.read_bytes())
    return path


def of(corpus: Path, **training: Any) -> dict[str, Any]:
    raw = recipe(GRU, epochs=3, evaluate_every=1, **training)
    source = {"path": str(corpus), "format": "conllu"}
    return {**raw, "train": [source], "dev": [source]}


def interrupt(raw: dict[str, Any], output: Path) -> None:
    stop = StopAt(3)
    hooks.add(stop)
    with pytest.raises(KeyboardInterrupt):
        learn(raw, output)
    hooks.remove(stop)


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "rate": (
        {"training": {"learning_rate": 0.02}},
        "settings: training.learning_rate was 0.01 and is 0.02",
    ),
    "width": (
        {"encoders": {"main": {"width": 24}}},
        "settings: encoders.main.width was 16 and is 24",
    ),
    "dev": (
        {"dev": [{"path": str(TEN), "format": "conllu"}]},
        "input ten.conllu is new",
    ),
    "no dev": ({"dev": []}, "input corpus.conllu is missing"),
    "twice": (
        {"train": [{"path": str(TEN), "format": "ten", "repeat": 3}]},
        "settings: train.0.repeat was None and is 3",
    ),
}


def merged(raw: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    result = dict(raw)
    for key, value in change.items():
        if isinstance(value, dict):
            result[key] = merged(raw.get(key, {}), value)
        else:
            result[key] = value
    return result


def test_a_checkpoint_is_not_gone_on_with_as_another_training(tmp_path: Path, corpus: Path) -> None:
    output = tmp_path / "run"
    interrupt(of(corpus), output)
    before = (output / LAST).read_bytes()
    for change, message in CHANGES.values():
        with pytest.raises(ConfigError, match="was made of something else: ") as caught:
            learn(merged(of(corpus), change), output, resume=True)
        assert message in str(caught.value)
        assert "--overwrite begins anew" in str(caught.value)
    assert (output / LAST).read_bytes() == before
    learn(of(corpus, checkpoint_minutes=1.0), output, resume=True)


def test_a_corpus_that_was_edited_meanwhile_is_named(tmp_path: Path, corpus: Path) -> None:
    interrupt(of(corpus), tmp_path / "run")
    text = corpus.read_text(encoding="utf-8")
    corpus.write_text(text.replace("NOUN", "VERB", 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"input corpus.conllu was changed: .*its contents"):
        learn(of(corpus), tmp_path / "run", resume=True)


@pytest.mark.parametrize("finished", [True, False])
def test_a_second_training_does_not_replace_the_first_unless_it_is_told_to(
    tmp_path: Path, corpus: Path, finished: bool
) -> None:
    output = tmp_path / "run"
    if finished:
        learn(of(corpus), output)
    else:
        interrupt(of(corpus), output)
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    with pytest.raises(ConfigError, match=r"run holds a training.*--resume.*--overwrite"):
        learn(of(corpus, seed=2), output)
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before
    learn(of(corpus, seed=2), output, overwrite=True)
    assert (output / BEST).read_bytes() != before.get(BEST)
    assert len((output / LOG).read_text(encoding="utf-8").splitlines()) == 3


def test_a_training_that_cannot_begin_leaves_the_first_as_it_is(
    tmp_path: Path, corpus: Path
) -> None:
    output = tmp_path / "run"
    learn(of(corpus), output)
    before = (output / BEST).read_bytes()
    with pytest.raises(ConfigError, match="names 'poss'"):
        learn(of(corpus, score="poss"), output, overwrite=True)
    assert (output / BEST).read_bytes() == before


def test_a_folder_without_a_checkpoint_is_not_gone_on_with(tmp_path: Path, corpus: Path) -> None:
    learn(of(corpus), tmp_path / "run")
    (tmp_path / "run" / LAST).unlink()
    with pytest.raises(ConfigError, match=r"no last.checkpoint to go on from: --overwrite"):
        learn(of(corpus), tmp_path / "run", resume=True)


def test_the_command_line_takes_one_of_the_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.toml"
    path.write_text("[training]\nepochs = 1\n", encoding="utf-8")
    command = ["train", str(path), "-o", str(tmp_path / "run"), "--resume", "--overwrite"]
    assert main(command) == 1
    assert "--resume or --overwrite, not both" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["corpus.conllu", "corpus.conllu/deeper"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_is_no_folder_of_a_training(
    place: str, overwrite: bool, corpus: Path, tmp_path: Path
) -> None:
    before = corpus.read_bytes()
    with pytest.raises(ConfigError, match=r"corpus\.conllu is no folder"):
        learn(of(corpus), tmp_path / place, overwrite=overwrite)
    assert corpus.read_bytes() == before
