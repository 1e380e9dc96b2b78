"""Annotation that a component cannot learn from is counted and named, never dropped in silence.

Modules: training.passed_over
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.parts import COMPONENTS
from helpers.tiny import learn, recipe

GRU = {"type": "gru", "width": 16}
TEXT = "Мама мыла раму. Папа пил чай. Кот спал."


def span(text: str, label: str) -> list[Any]:
    start = TEXT.index(text)
    return [start, start + len(text), label]


FINE = {"text": TEXT, "ents": [span("Мама", "PER"), span("Кот", "ANIMAL")]}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "ner across": (
        {"type": "ner", "encoder": "main", "hidden": 8},
        {"ents": [span("Мама", "PER"), span("раму. Папа", "PER"), span("чай. Кот", "X")]},
        "2 spans of ents cross a sentence border",
    ),
    "ner overlap": (
        {"type": "ner", "encoder": "main", "hidden": 8},
        {"ents": [span("Мама мыла", "PER"), span("Мама", "PER")]},
        "1 spans of ents overlap a longer one",
    ),
    "span_ner across": (
        {"type": "span_ner", "encoder": "main", "layer": "ents", "hidden": 8},
        {"ents": [span("Мама", "PER"), span("раму. Папа", "PER")]},
        "1 spans of ents cross a sentence border",
    ),
    "span_ner long": (
        {"type": "span_ner", "encoder": "main", "layer": "ents", "hidden": 8, "longest": 2},
        {"ents": [span("Мама", "PER"), span("Мама мыла раму", "PER")]},
        "1 spans of ents are longer than 2 tokens",
    ),
    "relations far": (
        COMPONENTS["relations"][0] | {"entities": "ents"},
        {
            "ents": [span("Мама", "A"), span("раму", "B"), span("чай", "B")],
            "relations": [[0, 1, "R"], [0, 2, "R"]],
        },
        "1 relations link entities that are too far apart",
    ),
    "classes": (
        {"type": "classifier", "encoder": "main", "hidden": 8},
        {"cats": {"a": 1.0, "b": 1.0}},
        "1 documents have no class of cats, or several",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_learned_is_counted_and_named(
    tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, data, expected = CASES[case]
    name = settings["type"]
    lines = [
        {**FINE, "cats": {"a": 1.0, "b": 0.0}},
        {"text": TEXT, "cats": {"a": 0.0, "b": 1.0}, **data},
        {"text": TEXT, "ents": []},
    ]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    read = {}
    if name == "relations":
        read = {"spans": {"type": "spans_of_ten", "layer": "ents"}}
    raw = recipe(GRU, {**read, name: settings}, epochs=1)
    source = {"path": str(path), "format": "jsonl", "repeat": 2}
    learn({**raw, "train": [source]}, tmp_path / "run")
    shown = capsys.readouterr().out
    assert f"[components.{name}] {expected}" in shown
    assert "train.jsonl:2" in shown
    assert "train.jsonl:1" not in shown


def test_where_all_can_be_learned_nothing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    components = {name: COMPONENTS[name][0] for name in ("ner", "span_ner", "classifier", "qa")}
    learn(recipe(GRU, components, epochs=1), tmp_path)
    assert "[components" not in capsys.readouterr().out


def test_an_answer_that_is_too_long_is_told_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    components = {"qa": COMPONENTS["qa"][0] | {"longest": 1}}
    learn(recipe(GRU, components, epochs=1), tmp_path)
    assert "[components.qa] 5 answers are longer than 1 tokens" in capsys.readouterr().out
