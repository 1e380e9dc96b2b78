"""The Python of README and of the pages of docs/ passes mypy --strict, as a user would write it.

A block is checked with all blocks before it on the page. A block behind the line
`<!-- mypy: skip -->` is left out.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.places import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
SKIP = "<!-- mypy: skip -->"
# What the pages speak of without making it.
NAMES = """
import re
import pipekit
from collections.abc import Iterable
from pathlib import Path
from pipekit import Attr, Doc, Pipeline, Span, Token

nlp: Pipeline
doc: Doc
docs: list[Doc]
texts: Iterable[str]
messages: Iterable[str]
pairs: Iterable[tuple[str, int]]
EMAIL: re.Pattern[str]
"""


def code_of(page: str) -> str:
    """The Python of a page, each line where it stands on the page; other lines are empty."""
    lines = []
    fence = None
    is_skipped = False
    for line in page.splitlines():
        if fence is None:
            fence = line.strip() if line.lstrip().startswith("```") else None
            is_skipped = line.strip() == SKIP or (is_skipped and fence is not None)
            lines.append("")
        elif line.strip() == "```":
            fence, is_skipped = None, False
            lines.append("")
        else:
            lines.append(line if fence == "```python" and not is_skipped else "")
    lines[0] = "from snippet_names import *"
    return "\n".join(lines) + "\n"


def pages_as_modules(folder: Path) -> Iterator[Path]:
    (folder / "snippet_names.py").write_text(NAMES, encoding="utf-8")
    for page in PAGES:
        code = code_of(page.read_text(encoding="utf-8"))
        if code.count("\n") and code.split("\n", 1)[1].strip():
            name = "page_" + str(page.relative_to(ROOT)).replace("/", "_").replace("-", "_")
            module = folder / f"{name.removesuffix('.md')}.py"
            module.write_text(code, encoding="utf-8")
            yield module


def mypy(*arguments: str) -> subprocess.CompletedProcess[str]:
    config = ["--config-file", str(ROOT / "pyproject.toml"), "--no-error-summary"]
    return subprocess.run(
        [sys.executable, "-m", "mypy", *config, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )


@pytest.mark.slow
def test_the_python_of_all_pages_is_strictly_typed(tmp_path: Path) -> None:
    modules = list(pages_as_modules(tmp_path))
    assert modules[0].name == "page_README.py"
    done = mypy("--no-strict-equality", *map(str, [tmp_path / "snippet_names.py", *modules]))
    assert not done.stdout + done.stderr


@pytest.mark.slow
def test_a_wrong_name_in_a_snippet_is_seen(tmp_path: Path) -> None:
    """A class that answers to every name would let all mistakes pass."""
    (tmp_path / "wrong.py").write_text(
        "import pipekit\n"
        "nlp = pipekit.load('ru_core')\n"
        "for doc in nlp.pipe(['а']):\n"
        "    doc.entz\n"
        "    doc[0].lemma_\n"
        "    doc.ents[0].lable\n"
        "for both in nlp.pipe([('а', 1)], as_tuples=True):\n"
        "    reveal_type(both)\n"
        "nlp.pipe(['а'], batch_size=3)\n"
        "polarity = pipekit.Attr[float]('polarity', on=pipekit.Span)\n"
        "polarity[doc.ents[0]] = 'high'\n",
        encoding="utf-8",
    )
    done = mypy(str(tmp_path / "wrong.py"))
    lines = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line}
    assert lines == {4, 5, 6, 9, 11}, done.stdout
    assert 'Revealed type is "tuple[pipekit.doc.doc.Doc, ' in done.stdout


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ("# A\n```python\nx = 1\n```\n", "\nx = 1\n"),
        (f"# A\n{SKIP}\n```python\nx = 1\n```\n```python\ny = 2\n```", "\n\n\n\n\ny = 2\n"),
        ("# A\n```toml\nx = 1\n```", "\n\n"),
    ],
)
def test_code_stands_on_the_lines_of_its_page(page: str, code: str) -> None:
    assert code_of(page).split("\n", 1)[1].rstrip("\n") == code.rstrip("\n").removeprefix("")
