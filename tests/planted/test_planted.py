"""Faults that `python -m tests.planted` plants: each still applies, and its tests exist."""

from __future__ import annotations

import ast
import importlib
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from helpers.places import ROOT
from planted.faults import Fault, all_faults

FAULTS = all_faults()


@cache
def functions(path: Path) -> set[str]:
    """The functions of a module, and its classes of questions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def test_names_are_distinct() -> None:
    doubles = [name for name, times in Counter(f.name for f in FAULTS).items() if times > 1]
    assert len(FAULTS) > 40 and not doubles


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_applies_once_and_the_tests_that_notice_it_exist(fault: Fault) -> None:
    assert fault.places(ROOT) == 1, f"{fault.file} has changed: write its lines anew"
    assert fault.after != fault.before and fault.breaks and fault.promise and fault.tests
    for test in fault.tests:
        path, _, name = test.partition("::")
        assert re.split(r"\[|::", name)[0] in functions(ROOT / path), test


# -- what becomes of a fault, in a project of one line

ADD = "def add(a, b):\n    return a + b\n"
TESTS = """
from pipekit.sums import add

def test_that_sees():
    assert add(2, 3) == 5

def test_that_is_blind():
    assert add(0, 0) == 0
"""


@pytest.mark.parametrize(
    ("before", "after", "test", "word"),
    [
        ("a + b", "a - b", "test_that_sees", "red"),
        ("a + b", "a - b", "test_that_is_blind", "green"),
        ("a + b", "[a for a in iter(int, 1)]", "test_that_sees", "hung"),
        ("a + b", "a +", "test_that_sees", "broken"),
        ("a * b", "a - b", "test_that_sees", "stale"),
    ],
)
def test_a_fault_is_judged_in_a_copy(
    before: str, after: str, test: str, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    planted = importlib.import_module("tests.planted.__main__")
    monkeypatch.setattr(planted, "ROOT", tmp_path)
    for name, text in (
        ("pipekit/__init__.py", ""),
        ("pipekit/sums.py", ADD),
        ("tests/test_sums.py", TESTS),
        ("pyproject.toml", "[tool.pytest.ini_options]\n"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    names = [f"tests/test_sums.py::{test}"]
    fault = Fault("a-fault", "b", "c", "pipekit/sums.py", before, after, names)
    verdict = planted.judge(fault, 5.0 if word == "hung" else 60.0)
    assert verdict.word == word, verdict.details
    assert (tmp_path / "pipekit/sums.py").read_text(encoding="utf-8") == ADD
