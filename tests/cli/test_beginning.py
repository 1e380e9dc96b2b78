"""The verbs that write what one begins with, and show a recipe completed.

Modules: cli.debug, cli.init
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.tiny import TEN

from pipekit.cli import main


def test_a_plugin_and_what_comes_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "plugin", "pipekit-stamps", "--reader", "-o", str(tmp_path)]) == 0
    assert f"pip install -e {tmp_path}" in capsys.readouterr().out
    assert (tmp_path / "pipekit-stamps" / "src" / "pipekit_stamps" / "reader.py").exists()
    assert main(["init", "plugin", "pipekit-stamps", "-o", str(tmp_path)]) == 1
    assert "is there already" in capsys.readouterr().err


def test_a_recipe_is_written_and_completed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.toml"
    files = ["--train", str(TEN), "--dev", str(TEN)]
    assert main(["init", "recipe", "--task", "tagger", *files, "-o", str(path)]) == 0
    capsys.readouterr()
    assert main(["debug", "recipe", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "# -- read by pipekit.components.tagger.tagger:Tagger of pipekit-nlp" in shown
    assert "# hidden = 256    # default" in shown
    assert main(["debug", "recipe", str(path), "--json", "--set", "encoders.main.width=64"]) == 0
    settings = json.loads(capsys.readouterr().out)
    [width] = [
        row for row in settings if (row["section"], row["key"]) == ("[encoders.main]", "width")
    ]
    assert (width["value"], width["origin"]) == (64, "recipe")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('encoders.main.type="bilstn"', "Did you mean 'bilstm'"),
        ("encoders.main.window=4", "windows must be longer"),
        ('encoders.main.features={"sufixes"=[1]}', "Did you mean 'suffixes'"),
        ('components.tagger.lexicon="nosuch"', "no such file, and no installed pipeline"),
        ('train.0.path="nosuch.conllu"', "nosuch.conllu: no such file"),
    ],
)
def test_a_wrong_setting_is_refused_before_a_corpus_is_read(
    change: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.toml"
    files = ["--train", str(TEN), "--dev", str(TEN)]
    assert main(["init", "recipe", "--task", "tagger", *files, "-o", str(path)]) == 0
    assert main(["debug", "recipe", str(path), "--set", change]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        (["--train", "a.jsonl", "--dev", "b.jsonl"], []),
        (["--train", "a.jsonl"], ["[[dev]]"]),
        ([], ["[[train]]", "[[dev]]"]),
    ],
)
def test_what_is_left_to_fill_in_is_what_was_not_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    missing: list[str],
) -> None:
    recipe = tmp_path / "mine.toml"
    assert main(["init", "recipe", "--task", "ner", *options, "-o", str(recipe)]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert [name for name in ("[[train]]", "[[dev]]") if name in first] == missing
