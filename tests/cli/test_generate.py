"""`pipekit generate`: texts that go on, on the command line.

Modules: cli.generate
"""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.tiny import learn, recipe

from pipekit.cli import main


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("lm")
    component = {
        "type": "lm",
        "decoder": {"type": "rnn", "width": 24},
        "subwords": {"algorithm": "letters"},
    }
    raw = recipe({"type": "bilstm"}, {"lm": component}, epochs=2)
    del raw["encoders"]
    path = folder / "lm.pipekit"
    learn(raw, folder / "run").to_disk(path)
    return str(path)


def test_a_text_goes_on_behind_what_was_given(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", model, "Мама", "--most", "5"]) == 0
    first = capsys.readouterr().out
    assert first.startswith("Мама") and first.endswith("\n") and len(first) <= 10
    assert main(["generate", model, "Мама", "--most", "5"]) == 0
    assert capsys.readouterr().out == first


def test_several_texts_stand_below_each_other(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--most", "5", "--temperature", "1.5", "--samples", "3", "--seed", "4"]
    assert main(["generate", model, "Кот", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(line[10:].startswith("Кот") and float(line[:8]) < 0 for line in lines)


def test_guesses_of_a_place_stand_below_each_other(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", model, "Мам[MASK]", "--samples", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(line[10:].startswith("Мам") and 0 < float(line[:8]) < 1 for line in lines)
    assert main(["generate", model, "Мам[MASK]", "--top-k", "3"]) == 1
    assert "--top-k has no meaning for [MASK]" in capsys.readouterr().err


def test_what_does_not_fit_is_one_line(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", model, "Кот", "--beams", "2", "--temperature", "1"]) == 1
    error = capsys.readouterr().err
    assert "beams draw nothing by chance" in error and "Traceback" not in error
