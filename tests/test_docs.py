"""What documents point to is there: files, links, tests, rows, modules; what they show runs."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from helpers.places import ROOT

import pipekit
from pipekit import builtin, registry, testing
from pipekit.pipeline.hooks import Specs

FOLDERS = ("", "docs/**/", "recipes/**/", "plugins/**/")
DOCUMENTS = sorted(chain.from_iterable(ROOT.glob(f"{folder}*.md") for folder in FOLDERS))
PLACES = r"(?:pipekit|plugins|recipes|tests|docs)"
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s\"]+)[^)]*\)")
NODE = re.compile(rf"\b({PLACES}/[\w/]+\.py)::(\w+)")
FILE = re.compile(rf"(?<![\w/.$])({PLACES}/[\w/.-]*[\w/])")
MODULE = re.compile(r"python -m (tests(?:\.\w+)+)")
ROWS = re.compile(r"faults\.py --only ((?:[\w-]+ ?)+)")
ROW = re.compile(r'^@row\(\n    "([\w-]+)"', re.MULTILINE)


def missing(
    text: str,
    folder: Path,
) -> Iterator[str]:
    """What a document in a folder points to and is not there."""
    prose = CODE.sub("", text)
    for target in LINK.findall(prose):
        if "://" not in target and not (folder / target).exists():
            yield target
    for name in FILE.findall(text):
        if not is_there(ROOT / name):
            yield name
    for name, test in NODE.findall(text):
        if is_there(ROOT / name) and test not in functions_of(ROOT / name):
            yield f"{name}::{test}"
    for module in MODULE.findall(text):
        path = ROOT / module.replace(".", "/")
        if not is_there(path):
            yield module


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder; a module may stand without its suffix."""
    return path.exists() or path.with_suffix(".py").exists()


def functions_of(path: Path) -> set[str]:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_points_to_is_there(path: Path) -> None:
    assert not list(missing(path.read_text(encoding="utf-8"), path.parent))


def test_the_rows_of_measurements_that_documents_name_exist() -> None:
    rows: set[str] = set()
    for path in (ROOT / "recipes" / "benchmarks" / "fault_rows").glob("*.py"):
        rows.update(ROW.findall(path.read_text(encoding="utf-8")))
    assert len(rows) > 20
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = set(" ".join(ROWS.findall(text)).split())
    assert named and named <= rows, named - rows


def names_in_pages() -> set[str]:
    """The names in code, of all pages of the documentation."""
    words: set[str] = set()
    for path in (ROOT / "docs").rglob("*.md"):
        for code in re.findall(r"`([^`\n]+)`", path.read_text(encoding="utf-8")):
            for name in re.findall(r"[\w.]+", code):
                words |= {name, name.rpartition(".")[2]}
    return words


def test_every_registry_hook_and_public_name_has_a_page() -> None:
    hooks = {name for name in vars(Specs) if not name.startswith("_")}
    registries = set()
    for name, value in vars(registry).items():
        if isinstance(value, registry.Registry):
            registries |= {f"registry.{name}", value.group}
    modules = {f"pipekit.{name}" for name in pipekit._MODULES}
    public = {*pipekit.__all__, *modules, *testing.__all__} - {"HOSTILE", "PLAIN"}
    assert len(registries) == 12 and hooks
    assert public | hooks | registries <= names_in_pages()


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


# -- snippets


# The pages for users. Recipes have commands that take hours.
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_snippet_runs(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From top to bottom, in a folder of its own."""
    snippets = pytest.importorskip("helpers.snippets", reason='pip install ".[test]"')
    if "ru_core" not in registry.pipelines.names():
        pytest.skip("ru_core is not installed: pip install ./plugins/ru_core")
    snippets.share_ru_core(monkeypatch)
    monkeypatch.chdir(tmp_path)
    for example in snippets.examples(path):
        example.evaluate()


# -- names


NAME = re.compile(r"^#+ `(pipekit[\w.]*)`$", re.MULTILINE)


def documented() -> set[str]:
    """The names that the reference shows."""
    pages = (ROOT / "docs" / "api").glob("*.md")
    return {name for page in pages for name in NAME.findall(page.read_text(encoding="utf-8"))}


def test_the_reference_shows_every_public_name_and_every_part() -> None:
    public = {f"pipekit.{name}" for name in pipekit.__all__ if not name.startswith("__")}
    errors = {"pipekit.PipekitError", "pipekit.PipekitWarning"}  # stand with all others
    factories = {
        target.replace(":", ".") for group in builtin.PARTS.values() for target in group.values()
    }
    assert public | factories <= documented() | errors


def test_every_name_of_the_reference_is_there() -> None:
    for name in documented():
        assert pkgutil.resolve_name(name) is not None


@pytest.mark.parametrize("kind", ["components", "encoders"])
def test_every_part_has_a_page_that_the_table_of_its_kind_names(kind: str) -> None:
    folder = ROOT / "docs" / kind
    table = (folder / "index.md").read_text(encoding="utf-8")
    titles = " ".join(
        page.read_text(encoding="utf-8").partition("\n")[0] for page in folder.glob("*.md")
    )
    for name in builtin.PARTS[f"pipekit_{kind}"]:
        assert re.search(rf"`{name}`", table), name
        assert re.search(rf"\b{name}\b", titles), name


# -- the site


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    for needed in ("sphinx", "myst_parser", "furo", "latex2mathml"):
        pytest.importorskip(needed, reason='pip install ".[docs]"')
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "docs", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "encoders" / "gru.html").read_text(encoding="utf-8")
    assert "<math" in page and "http://" not in page.replace("http://www.w3.org", "")
    assert "mathjax" not in page  # a page asks no other site for anything
