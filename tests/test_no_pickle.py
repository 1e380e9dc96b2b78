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
    "pickletools",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "jsonpickle",
    "jinja2",
    "mako",
    "code",
    "codeop",
    "runpy",
    "zipimport",
    "torch.package",
    "torch.hub",
}
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "importlib.__import__",
    "importlib.util.spec_from_file_location",
    "importlib.machinery.SourceFileLoader",
    "pkgutil.resolve_name",
    "pydoc.locate",
    "torch.load",
    "torch.jit.load",
    "torch.export.load",
    "torch.ops.load_library",
    "torch.serialization.load",
    "pandas.read_pickle",
    "yaml.load",
    "yaml.load_all",
    "yaml.full_load",
    "yaml.unsafe_load",
    "logging.config.dictConfig",
    "logging.config.fileConfig",
    "logging.config.listen",
    "os.system",
    "os.popen",
    "os.startfile",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
}
# What imports a module by a name that is no constant, and where such names come from.
IMPORTS = {"importlib.import_module"}
MAY_IMPORT = {
    "pipekit/__init__.py": "its own table of public names",
    "pipekit/cli/__init__.py": "its own verbs",
    "pipekit/registry.py": "entry points of installed packages, and those of pipekit",
}
# Keywords that make a harmless call run data.
KEYWORDS = {"allow_pickle", "shell"}


def sins(
    tree: ast.AST,
    path: str = "",
) -> Iterator[str]:
    """What stands in a source that could run data, with its line."""
    full = _full_names(tree)
    for node in ast.walk(tree):
        for what in _sins_of(node, full, path):
            yield f"line {getattr(node, 'lineno', '?')}: {what}"


def _full_names(tree: ast.AST) -> dict[str, str]:
    """What names that were imported stand for: "np" for "numpy"."""
    full = {"builtins": ""}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            full |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return full


def _sins_of(
    node: ast.AST,
    full: dict[str, str],
    path: str,
) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if _is_banned(alias.name))
    elif isinstance(node, ast.ImportFrom) and node.module:
        names = {f"{node.module}.{alias.name}" for alias in node.names}
        yield from names & CALLS
        yield from (name for name in {node.module, *names} if _is_banned(name))
    elif isinstance(node, ast.Call):
        yield from _sins_of_call(node, full, path)


def _is_banned(module: str) -> bool:
    return any(module == banned or module.startswith(f"{banned}.") for banned in MODULES)


def _sins_of_call(
    node: ast.Call,
    full: dict[str, str],
    path: str,
) -> Iterator[str]:
    first, dot, rest = ast.unparse(node.func).partition(".")
    name = f"{full.get(first, first)}{dot}{rest}".removeprefix(".")
    name = name.removeprefix("builtins.")
    constant = bool(node.args) and isinstance(node.args[0], ast.Constant)
    yield from {name} & CALLS
    if name in IMPORTS and not constant and path not in MAY_IMPORT:
        yield f"{name} of a name that is no constant"
    if name.startswith("ctypes.") and name.endswith("DLL") and not constant:
        yield f"{name} of a name that is no constant"
    for keyword in node.keywords:
        if keyword.arg in KEYWORDS and not _is_false(keyword.value):
            yield f"{keyword.arg}={ast.unparse(keyword.value)}"


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_source_runs_no_data(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not list(sins(tree, path.relative_to(ROOT).as_posix()))


@pytest.mark.parametrize("path", MAY_IMPORT)
def test_the_exceptions_of_the_scan_are_needed(path: str) -> None:
    assert list(sins(ast.parse((ROOT / path).read_text(encoding="utf-8"))))


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import joblib.memory",
        "from dill import loads",
        "from torch import load",
        "from torch import package",
        "import torch.hub",
        "import torch\ntorch.load('x')",
        "import torch as t\nt.load('x')",
        "from torch import jit\njit.load('x')",
        "import numpy\nnumpy.load('x', allow_pickle=True)",
        "import numpy\nnumpy.load('x', allow_pickle=flag)",
        "import yaml\nyaml.load('x')",
        "eval('1')",
        "import builtins\nbuiltins.exec('1')",
        "import builtins as b\nb.exec('1')",
        "from builtins import eval as e\ne('1')",
        "__import__('os')",
        "import importlib\nimportlib.import_module(name)",
        "from importlib import import_module as bring\nbring(name)",
        "from importlib.util import spec_from_file_location",
        "import ctypes\nctypes.CDLL(path)",
        "from jinja2 import Environment",
        "import runpy",
        "import marshal",
        "from os import system",
        "import os as o\no.system('x')",
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
        "import importlib\nimportlib.import_module('json')",
        "import ctypes\nctypes.CDLL(None)",
    ],
)
def test_the_scan_lets_the_rest_pass(source: str) -> None:
    assert not list(sins(ast.parse(source)))
