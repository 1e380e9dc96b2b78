"""Rules of a span ruler as lines of JSON.

Modules: matching.rules
"""

from __future__ import annotations

from pathlib import Path

import pytest

import pipekit
from pipekit.errors import DataError
from pipekit.matching.rules import lines_of, lines_table, pattern_tables, read_rule_lines


def test_lines_are_rules_and_empty_ones_are_passed_over() -> None:
    lines = ['{"label": "A", "pattern": "x"}', "", '{"label": "B", "pattern": [{}], "id": "b"}']
    rules = read_rule_lines(lines, "a.jsonl")
    assert [(rule.owner, rule.where) for rule in rules] == [
        (("A", None), "a.jsonl:1"),
        (("B", "b"), "a.jsonl:3"),
    ]


def test_patterns_and_terms_go_into_tables_of_their_own() -> None:
    rules = [{"label": "A", "pattern": "х у"}, {"label": "B", "pattern": [{"LOWER": "z"}]}]
    tables = pattern_tables(rules, pipekit.blank("ru"))
    assert lines_of(tables["lines"]) == ['{"label": "B", "pattern": [{"LOWER": "z"}]}']
    assert lines_of(tables["terms.words"]) == ["х", "у"]
    assert lines_of(tables["owners"]) == ['["A", null]']


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jsonl: No such file"):
        lines_table(tmp_path / "none.jsonl")
    (tmp_path / "a.jsonl").write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"a\.jsonl: no UTF-8 at byte 0"):
        lines_table(tmp_path / "a.jsonl")
