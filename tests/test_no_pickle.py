"""No source of pipekit, its plugins or its recipes can run what a file holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.places import ROOT

SOURCES = sorted(
    path for folder in ("pipekit", "plugins", "recipes") for path in (ROOT / folder).rglob("*.py")
)

MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "jsonpickle",
    "jinja2",
}
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "torch.load",
    "yaml.load",
    "yaml.unsafe_load",
    "os.system",
    "os.popen",
}


def sins(tree: ast.AST) -> Iterator[str]:
    """What stands in a source that could run data, with its line."""
    for node in ast.walk(tree):
        for what in _sins_of(node):
            yield f"line {getattr(node, 'lineno', '?')}: {what}"


def _sins_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.split(".")[0] in MODULES)
    elif isinstance(node, ast.ImportFrom) and node.module:
        named = {f"{node.module}.{alias.name}" for alias in node.names}
        yield from named & CALLS
        yield from {node.module} if node.module.split(".")[0] in MODULES else ()
    elif isinstance(node, ast.Call):
        name = ast.unparse(node.func).replace("builtins.", "")
        yield from {name} & CALLS
        yield from (
            k.arg for k in node.keywords if k.arg == "allow_pickle" and not _is_false(k.value)
        )
        yield from (
            f"shell={ast.unparse(k.value)}"
            for k in node.keywords
            if k.arg == "shell" and not _is_false(k.value)
        )


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_source_runs_no_data(path: Path) -> None:
    assert not list(sins(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import joblib.memory",
        "from dill import loads",
        "from torch import load",
        "import torch\ntorch.load('x')",
        "import numpy\nnumpy.load('x', allow_pickle=True)",
        "import yaml\nyaml.load('x')",
        "eval('1')",
        "import builtins\nbuiltins.exec('1')",
        "__import__('os')",
        "import marshal",
        "import subprocess\nsubprocess.run('x', shell=True)",
    ],
)
def test_the_scan_sees_what_it_forbids(source: str) -> None:
    assert list(sins(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "import re\nre.compile('x')",
        "model.eval()",
        "import numpy\nnumpy.load('x', allow_pickle=False)",
    ],
)
def test_the_scan_lets_the_rest_pass(source: str) -> None:
    assert not list(sins(ast.parse(source)))
