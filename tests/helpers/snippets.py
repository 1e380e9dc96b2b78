"""The code of a Markdown file, run from top to bottom as a reader would run it.

    ```python     is run; what it binds is there for the blocks below it
    ```sh         lines that begin with `pipekit` are run, in this process
    ```text       behind a block that has run, with nothing but blank lines between: what it prints
    ```toml, ```json, ```jsonl   can be read
    any other     under a line that ends with a file name in backquotes and a colon, `a.toml`:
                  is that file
    <!-- not run: WHY -->   above a block: nobody runs it

Numbers with a point may differ by 0.05, since processors compute differently; a line `…` stands for
any lines.
"""

from __future__ import annotations

import copy
import io
import json
import math
import re
import shlex
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from sybil import Document, Example, Region, Sybil
from sybil.evaluators.python import pad
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

import pipekit
from pipekit import Pipeline
from pipekit.cli import main
from pipekit.pipeline import loading

LANGUAGES = {
    "python",
    "sh",
    "toml",
    "json",
    "jsonl",
    "text",
    "console",
    "conllu",
    "csv",
    "html",
    "sql",
    "md",
}
# Whoever shows a recipe or data shows some that can be read.
READERS: dict[str, Callable[[str], object]] = {
    "toml": tomllib.loads,
    "json": json.loads,
    "jsonl": lambda source: [json.loads(line) for line in source.splitlines()],
}
_NOT_RUN = re.compile(r"<!-- not run: [^>]+ -->\s*\Z")
_FILE = re.compile(r"`([\w./-]+\.\w+)`:\s*\Z")
_NUMBER = re.compile(r"-?\d+\.\d+")
_ANY = "…"
_LEXER = RawFencedCodeBlockLexer(
    info_pattern=re.compile(r"(?P<language>[^\n`]*)\n"),
)


def blocks(document: Document) -> Iterable[Region]:
    """The fenced blocks of a document, for sybil."""
    behind = 0
    for region in _LEXER(document):
        region.lexemes["before"] = document.text[behind : region.start]
        region.parsed = region.lexemes["source"]
        region.evaluator = evaluate
        behind = document.text.index("\n", region.end)
        yield region


def examples(path: Path) -> list[Example]:
    """The blocks of a Markdown file, to be evaluated in their order."""
    sybil = Sybil(parsers=[blocks], patterns=["*.md"], path=str(path.parent))
    document = sybil.parse(path)
    document.namespace.update({"__name__": "snippets", "printed": None})
    return list(document.examples())


def evaluate(example: Example) -> None:
    """Run a block. Errors: whatever it raises, and `AssertionError` for another output."""
    __tracebackhide__ = True
    language = example.region.lexemes["language"]
    before = example.region.lexemes["before"]
    namespace = example.namespace
    printed = namespace.pop("printed", None)
    source = str(example.parsed)
    file = _FILE.search(before)
    assert language in LANGUAGES, f"a block of the language {language!r}"
    if _NOT_RUN.search(before):
        return
    if language == "text" and printed is not None and not before.strip():
        compare(printed, source)
    elif file is not None:
        path = Path(file[1])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    elif language == "console":
        raise AssertionError("commands with their output are not run: say why, <!-- not run: … -->")
    elif language in READERS:
        READERS[language](source)
    elif language == "python":
        code = pad(source, example.line + example.parsed.line_offset)
        namespace["printed"] = output_of(compile(code, example.path, "exec"), namespace)
    elif language == "sh":
        namespace["printed"] = "".join(map(command_output, commands(source)))


def output_of(
    code: Any,
    namespace: dict[str, Any],
) -> str:
    """What code prints."""
    output = io.StringIO()
    with redirect_stdout(output):
        exec(code, namespace)
    return output.getvalue()


def commands(source: str) -> Iterator[list[str]]:
    """The commands of a block, each as its words."""
    for line in source.replace("\\\n", " ").splitlines():
        if line.strip():
            yield shlex.split(line, comments=True)


def command_output(words: list[str]) -> str:
    """What a command of pipekit prints. Errors: `AssertionError` where it fails, and of others."""
    assert words[0] == "pipekit", f"{words[0]} is not run here: say why, <!-- not run: … -->"
    expanded = []
    for word in words[1:]:
        matches = sorted(map(str, Path().glob(word))) if "*" in word else []
        expanded += matches or [word]
    output = io.StringIO()
    with redirect_stdout(output):
        code = main(expanded)
    assert code == 0, f"{' '.join(words)} ended with {code}"
    return output.getvalue()


def compare(
    printed: str,
    documented: str,
) -> None:
    """Compare line by line, numbers roughly. Errors: `AssertionError`."""
    __tracebackhide__ = True
    actual = [line.split() for line in printed.splitlines() if line.strip()]
    expected = [line.split() for line in documented.splitlines() if line.strip()]
    while [_ANY] in expected:
        place = expected.index([_ANY])
        behind = len(expected) - place - 1
        assert len(actual) >= place + behind, printed
        assert_alike(actual[:place], expected[:place], printed)
        actual = actual[len(actual) - behind :]
        expected = expected[place + 1 :]
    assert_alike(actual, expected, printed)


def assert_alike(
    actual: list[list[str]],
    expected: list[list[str]],
    printed: str,
) -> None:
    __tracebackhide__ = True
    for words, wanted in zip_longest(actual, expected):
        assert words is not None and wanted is not None, printed
        alike = len(words) == len(wanted) and all(map(_word_alike, words, wanted))
        assert alike, f"{' '.join(words)}\nis not\n{' '.join(wanted)}\nin\n{printed}"


def _word_alike(
    word: str,
    wanted: str,
) -> bool:
    numbers = _NUMBER.findall(word)
    others = _NUMBER.findall(wanted)
    if _NUMBER.sub("", word) != _NUMBER.sub("", wanted) or len(numbers) != len(others):
        return False
    return all(map(_near, numbers, others))


def _near(
    number: str,
    other: str,
) -> bool:
    return math.isclose(float(number), float(other), abs_tol=0.05)


@cache
def _ru_core() -> Pipeline:
    return _load("ru_core")


_load = loading.load


def load_once(
    name: Any,
    **options: Any,
) -> Pipeline:
    """`pipekit.load`, but ru_core comes from the disk once; each caller has a pipeline of its own.

    A copy shares the weights, and what is added to it stays its own.
    """
    plain = options.get("device", "auto") == "auto"
    partial = {*options} - {"device", "exclude"} or options.get("exclude")
    if str(name) == "ru_core" and plain and not partial:
        return copy.copy(_ru_core())
    return _load(name, **options)


def share_ru_core(patch: Any) -> None:
    """Let all that load ru_core share its weights, as long as a test runs."""
    patch.setattr(loading, "load", load_once)
    patch.setattr(pipekit, "load", load_once, raising=False)
