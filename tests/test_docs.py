"""What documents point to is there: files, links, tests, rows of measurements, modules to run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.places import ROOT

FOLDERS = ("docs", "recipes", "plugins")
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))]
)
PLACES = r"(?:pipekit|plugins|recipes|tests|docs)"
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
NODE = re.compile(rf"\b({PLACES}/[\w/]+\.py)::(\w+)")
FILE = re.compile(rf"(?<![\w/.$])({PLACES}/[\w/.-]*[\w/])")
MODULE = re.compile(r"python -m (tests(?:\.\w+)+)")
ROWS = re.compile(r"faults\.py --only ((?:[\w-]+ ?)+)")


def links(text: str) -> Iterator[str]:
    for target in LINK.findall(text):
        if "://" not in target and not target.startswith("mailto:"):
            yield target


def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text("utf-8")).body if hasattr(node, "name")}


def missing(
    text: str,
    folder: Path,
) -> Iterator[str]:
    """What a document in a folder points to and is not there."""
    yield from (target for target in links(text) if not (folder / target).exists())
    for name in FILE.findall(text):
        path = ROOT / name
        rooms = {path, path.with_suffix(".py"), folder / name}
        if not any(room.exists() for room in rooms):
            yield name
    for name, test in NODE.findall(text):
        if (ROOT / name).exists() and test not in functions_of(ROOT / name):
            yield f"{name}::{test}"
    for module in MODULE.findall(text):
        path = ROOT / module.replace(".", "/")
        if not path.with_suffix(".py").exists() and not (path / "__main__.py").exists():
            yield module


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_points_to_is_there(path: Path) -> None:
    assert not list(missing(path.read_text(encoding="utf-8"), path.parent))


def test_the_rows_of_measurements_that_documents_name_exist() -> None:
    folder = ROOT / "recipes" / "benchmarks"
    sources = [path.read_text(encoding="utf-8") for path in (folder / "fault_rows").glob("*.py")]
    rows = set(re.findall(r'^@row\(\n    "([\w-]+)"', "\n".join(sources), re.MULTILINE))
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = {name for names in ROWS.findall(text) for name in names.split()}
    assert named <= rows, named - rows


@pytest.mark.parametrize(
    "text",
    [
        "[x](nosuch.md)",
        "`tests/nosuch.py`",
        "`tests/test_docs.py::test_nosuch`",
        "`python -m tests.nosuch`",
        "`pipekit/nosuch/`",
    ],
)
def test_the_search_sees_what_is_missing(text: str) -> None:
    assert list(missing(text, ROOT))


def test_the_search_lets_the_rest_pass() -> None:
    text = "[x](README.md#a) `tests/test_docs.py::missing` `python -m tests.style` `pipekit/doc/`"
    assert not list(missing(text, ROOT))
