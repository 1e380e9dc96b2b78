"""Verbs by which people decide, figures as JSON, and the completions of shells.

Modules: cli.calibrate, cli.completion, cli.diff, cli.find_threshold
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from helpers.tiny import TAGGER, TEN, learn, recipe, ten

import pipekit
from pipekit.cli import VERBS, main, parser
from pipekit.cli.completion import SHELLS

COMPONENTS = {"tagger": TAGGER, "ner": {"type": "ner", "encoder": "main"}}


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process."""

    def call(*arguments: object) -> Ended:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return Ended(code, *capfd.readouterr())

    return call


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deciding")
    learn(recipe({"type": "gru", "width": 32}, COMPONENTS, epochs=15), folder)
    return folder / "best.pipekit"


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The names of the ten sentences, as a file of another format than the trees."""
    path = tmp_path_factory.mktemp("names") / "ten.jsonl"
    lines = []
    for doc in ten():
        ents = [
            {"start": ent.start_char, "end": ent.end_char, "label": ent.label} for ent in doc.ents
        ]
        lines.append(json.dumps({"text": doc.text, "ents": ents}, ensure_ascii=False))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_threshold_is_found_shown_and_written(
    run: Run,
    model: Path,
    names: Path,
    tmp_path: Path,
) -> None:
    output = tmp_path / "careful.pipekit"
    shown = run("find-threshold", model, "ner", names, "--step", "0.25", "-o", output)
    assert (shown.code, shown.err) == (0, "")
    assert "ner: ents, 10 documents" in shown.out and "best" in shown.out
    plain = run("find-threshold", model, "ner", names, "--step", "0.25", "--json")
    data = json.loads(plain.out)
    assert [row["threshold"] for row in data["thresholds"]] == [0, 0.25, 0.5, 0.75]
    assert pipekit.load(output).configs["components"]["ner"]["threshold"] == data["best"]


def test_a_threshold_that_cannot_be_found_is_an_error(run: Run, model: Path, names: Path) -> None:
    ended = run("find-threshold", model, "ner", names, "--least-precision", "1.01")
    assert ended.code == 1 and "no threshold reaches that precision" in ended.err
    assert "has no threshold" in run("find-threshold", model, "tagger", TEN).err
    assert "do not annotate what 'ner' writes" in run("find-threshold", model, "ner", TEN).err


def test_two_pipelines_are_compared_place_by_place(
    run: Run,
    model: Path,
    tmp_path: Path,
) -> None:
    other = tmp_path / "other.pipekit"
    learn(recipe({"type": "gru", "width": 32}, {"tagger": TAGGER}, epochs=1), tmp_path / "run")
    (tmp_path / "run" / "best.pipekit").rename(other)
    shown = run("diff", model, other, TEN, "--gold-tokens", "--examples", "1")
    assert shown.code == 0
    assert "only best is right" in shown.out and "only other" in shown.out
    assert shown.out.count("ten.conllu: 10 documents") == 1
    data = json.loads(run("diff", model, other, TEN, "--gold-tokens", "--json").out)
    figures = data[str(TEN)]["figures"]["pos"]
    places = [place for place in data[str(TEN)]["differences"] if place["figure"] == "pos"]
    assert len(places) == figures["right"]["first"] + figures["right"]["second"]
    assert figures["difference"] == pytest.approx(figures["second"] - figures["first"])


def test_scores_are_calibrated_and_the_file_keeps_them(
    run: Run,
    model: Path,
    tmp_path: Path,
) -> None:
    output = tmp_path / "calibrated.pipekit"
    arguments = (model, TEN, "--component", "tagger", "--gold-tokens", "-o", output)
    shown = run("calibrate", *arguments)
    assert (shown.code, shown.err) == (0, "")
    assert "calibration error" in shown.out
    evaluated = json.loads(run("evaluate", output, TEN, "--json").out)
    figures = evaluated[str(TEN)]["figures"]
    assert 0 <= figures["pos"]["calibration"]["error"] <= 1
    assert figures["pos"]["interval"][0] <= figures["pos"]["f1"] <= figures["pos"]["interval"][1]
    assert "right predictions" in run("evaluate", output, TEN).out


def test_every_verb_that_prints_figures_prints_json() -> None:
    silent = {"attention", "completion", "generate", "run"}  # a picture, a script, texts
    verbs = verbs_of(parser())
    without = {name for name, verb in verbs.items() if "--json" not in verb.format_help()}
    assert without & set(VERBS) <= silent | {"init", "package", "render", "debug"}


def test_json_of_other_verbs_can_be_read(run: Run, model: Path, tmp_path: Path) -> None:
    texts = tmp_path / "a.txt"
    texts.write_text("Кот спит.\nМама мыла раму.\n", encoding="utf-8")
    benchmark = json.loads(run("benchmark", model, texts, "--runs", "2", "--json").out)
    assert benchmark["documents"] == 2 and benchmark["words_per_second"] > 0
    assert benchmark["interval"][0] <= benchmark["interval"][1]
    applied = json.loads(run("apply", model, texts, "-o", tmp_path / "a.jsonl", "--json").out)
    assert (applied["documents"], applied["failed"]) == (2, 0)
    ended = run("apply", model, texts, "-o", "-", "--json")
    assert (ended.code, ended.out) == (1, "") and "both print to standard output" in ended.err


def test_format_is_what_is_read_and_to_is_what_is_written(run: Run, model: Path) -> None:
    new = run("run", model, "Кот", "--to", "json")
    old = run("run", model, "Кот", "--format", "json")
    assert new.out == old.out and new.err == ""
    assert "write --to here" in old.err
    for verb in verbs_of(parser()).values():
        for action in verb._actions:
            if "--format" in action.option_strings and action.help != argparse.SUPPRESS:
                assert "the format of the" in (action.help or "")


@pytest.mark.parametrize("shell", SHELLS)
def test_completions_are_a_script_that_knows_all_verbs(run: Run, shell: str) -> None:
    pytest.importorskip("shtab")
    ended = run("completion", shell)
    assert ended.code == 0
    assert all(verb in ended.out for verb in VERBS)
    program = shutil.which(shell)
    if program:
        subprocess.run([program, "-n"], input=ended.out, text=True, check=True, timeout=60)


def test_bash_completes_verbs_and_options(run: Run) -> None:
    pytest.importorskip("shtab")
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    script = run("completion", "bash").out
    script += """
complete_words() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shtab_pipekit; echo "${COMPREPLY[*]}"
}
complete_words pipekit find-
complete_words pipekit diff a b --ex
"""
    done = subprocess.run([bash], input=script, text=True, capture_output=True, timeout=60)
    assert done.stdout.split() == ["find-threshold", "--examples"]


def test_without_shtab_the_cure_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "shtab", None)
    ended = run("completion", "bash")
    assert ended.code == 1 and "pip install shtab" in ended.err


def verbs_of(whole: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in whole._actions:
        if isinstance(action, argparse._SubParsersAction):
            choices: Any = action.choices
            return dict(choices)
    raise AssertionError("the command line has no verbs")
