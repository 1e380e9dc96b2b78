"""The house: imports between rooms go strictly down, each outside package has one door."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest
import style
from helpers.places import TESTS

import pipekit

ROOT = Path(pipekit.__file__).parent
# From the lowest to the highest; those on one line know nothing of each other.
LEVELS = (
    "errors builtin",
    "habits",
    "settings tables allowance deprecation",
    "installed drawing storage",
    "rendering",
    "registry",
    "attention",
    "words",
    "resources",
    "doc",
    "subwords frames",
    "devices",
    "nn",
    "parts",
    "matching generation",
    "tokenizers encoders decoders components",
    "pipeline",
    "corpora",
    "evaluation",
    "training",
    "pretraining jobs packages",
    "__init__",
    "testing",
    "cli",
    "__main__",
)
LEVEL_OF = {room: level for level, rooms in enumerate(LEVELS) for room in rooms.split()}
IN_ROOT = {
    "errors",
    "builtin",
    "habits",
    "settings",
    "tables",
    "allowance",
    "deprecation",
    "installed",
    "registry",
    "drawing",
    "attention",
    "resources",
}
FACES = {"__init__", "__main__"}

# The modules that may import an outside package.
DOORS = {
    "catalogue": {"registry"},
    "packaging": {"installed"},
    "pluggy": {"pipeline.hooks"},
    "msgpack": {"storage.packing"},
    "srsly": {"training.plot"},
    "matplotlib": {"drawing"},
    "shtab": {"cli.completion"},
    "tokenizers": {"subwords.cutter"},
    "safetensors": {"nn.checkpoints"},
    "pyarrow": {"frames.arrays", "jobs.parquet", "matching.regexes"},
    "pandas": {"frames.tables"},
    "polars": {"frames.tables"},
    "polib": {"corpora.readers.parallel"},
    "pytest": {
        "testing",
        "testing.components",
        "testing.encoders",
        "testing.heads",
        "testing.readers",
    },
}
EVERYWHERE = {"numpy", "torch", "tqdm"}
# What imports torch when it is imported; all other rooms wait for a network.
WITH_TORCH = (
    "nn",
    "generation",
    "encoders",
    "decoders",
    "components",
    "training",
    "pretraining",
    "testing",
    "packages",
)
MODULES_WITH_TORCH = {
    "devices.from_file",
    "devices.int8",
    "parts.contracts",
    "parts.decoding",
    "pipeline.importing",
    "pipeline.profiling",
}
WITHOUT_TORCH = {
    "generation.search",
    "components.tagger.lemmas",
    "nn.padding",
    "training.recipe",
    "training.toml",
    "pretraining.recipe",
}


class Import(NamedTuple):
    """An import of the module `target` by the module `source`, both without "pipekit."."""

    source: str
    target: str


@cache
def modules() -> dict[str, Path]:
    """Each module of the package by its name, without "pipekit."."""
    names = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        names[name.removesuffix(".__init__")] = path
    return names


def imports_of(source: str, tree: ast.AST) -> Iterator[Import]:
    """All imports: at the top, within functions, and those that only a type checker sees."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(source, alias.name)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{source}: write imports from pipekit, not from a dot"
            for alias in node.names:
                yield Import(source, _module(node.module or "", alias.name))


def _module(module: str, name: str) -> str:
    """`from pipekit.storage import store` names a module, `from pipekit import load` does not."""
    dotted = f"{module}.{name}"
    return dotted if dotted.removeprefix("pipekit.") in modules() else module


@cache
def imports() -> tuple[Import, ...]:
    every: list[Import] = []
    for name, path in modules().items():
        every += imports_of(name, ast.parse(path.read_text(encoding="utf-8")))
    return tuple(every)


def own_imports() -> list[Import]:
    """The imports of pipekit's modules among themselves."""
    own = []
    for source, target in imports():
        if target == "pipekit":
            own.append(Import(source, "__init__"))
        elif target.startswith("pipekit."):
            own.append(Import(source, target.removeprefix("pipekit.")))
    return own


def room_of(module: str) -> str:
    return module.split(".")[0]


# -- rooms


def test_every_module_lies_in_a_room_that_the_list_names() -> None:
    assert {room_of(name) for name in modules()} == set(LEVEL_OF)


def test_the_root_holds_what_all_rooms_share_and_nothing_else() -> None:
    assert {path.stem for path in ROOT.glob("*.py")} == IN_ROOT | FACES


def test_imports_between_rooms_go_strictly_down_hidden_ones_counted() -> None:
    upwards = []
    for source, target in own_imports():
        below = LEVEL_OF[room_of(target)] < LEVEL_OF[room_of(source)]
        if room_of(source) != room_of(target) and not below:
            upwards.append(f"{source} imports {target}")
    assert not upwards


def test_no_modules_import_each_other_in_a_circle_hidden_imports_counted() -> None:
    graph: dict[str, set[str]] = {}
    for source, target in own_imports():
        graph.setdefault(source, set()).add(target)
    assert list(TopologicalSorter(graph).static_order())


def test_nobody_imports_the_private_names_of_another_module() -> None:
    private = []
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipekit"):
                private += [f"{name}: {a.name}" for a in node.names if a.name.startswith("_")]
    assert not private


def test_each_outside_package_has_one_door() -> None:
    inside = {*sys.stdlib_module_names, *EVERYWHERE, "pipekit"}
    doors: dict[str, set[str]] = {}
    for source, target in imports():
        package = target.split(".")[0]
        if package not in inside:
            doors.setdefault(package, set()).add(source)
    assert doors == DOORS


# -- what an import brings


def imported(program: str) -> set[str]:
    """The outside packages that a program has imported."""
    program += (
        "\nimport json, sys; print(json.dumps([name for name in sys.modules if '.' not in name]))"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout)) & {*DOORS, *EVERYWHERE, "hypothesis"}


def test_importing_pipekit_takes_numpy_and_nothing_else() -> None:
    assert imported("import pipekit") == {"numpy"}
    assert imported("from pipekit import Doc, Token; Doc(words=['а']).sents") == {"numpy"}


def test_modules_of_numbers_need_no_torch() -> None:
    names = [name for name in modules() if room_of(name) not in {*WITH_TORCH, "__main__"}]
    names = [name for name in names if name not in MODULES_WITH_TORCH and name != "__init__"]
    program = "\n".join(f"import pipekit.{name}" for name in [*names, *sorted(WITHOUT_TORCH)])
    assert "torch" not in imported(program)


def test_a_text_is_tokenized_and_a_doc_is_saved_without_torch() -> None:
    program = """
import pipekit
doc = pipekit.blank("ru")("Мама мыла раму.")
assert pipekit.Doc.from_bytes(doc.to_bytes()).words == doc.words
"""
    assert "torch" not in imported(program)


def test_importing_pipekit_leaves_the_process_as_it_was() -> None:
    """What a fork does changes where a network is built, not at an import."""
    program = """
import os
registered = []
os.register_at_fork = lambda **hooks: registered.append(hooks)
import torch
before = len(registered)
import pipekit.parts.contracts, pipekit.encoders.recurrent, pipekit.training.loop
assert len(registered) == before, registered
nlp = pipekit.blank("ru")
nlp.add_encoder("main", "gru", width=8, features={"width": 8})
assert len(registered) == before + 1, registered
"""
    imported(program)


# -- names


def test_the_public_names_are_what_is_there() -> None:
    here = set()
    for name, value in vars(pipekit).items():
        if getattr(value, "__module__", "").startswith("pipekit."):
            here.add(name)
    assert {*here, *pipekit._LATER, "__version__"} == set(pipekit.__all__)
    assert sorted(pipekit.__all__) == pipekit.__all__ == dir(pipekit)
    assert all(getattr(pipekit, name) is not None for name in pipekit.__all__)
    with pytest.raises(AttributeError, match=r"no attribute 'laod'\. Did you mean 'load'\?"):
        pipekit.laod  # noqa: B018


def test_public_modules_are_there_without_an_import_of_their_own() -> None:
    names = ("attention.heat_map", "devices.keep_memory", "jobs.Job", "resources.read")
    for name in names:
        imported(f"import pipekit; assert callable(pipekit.{name})")


# Names by convention: the two functions of a verb, and the suffixes of a reader.
CONVENTIONS = {"add", "run", "SUFFIXES"}


def test_one_public_name_stands_for_one_thing() -> None:
    places = style.public_names(modules().values())
    ambiguous = {name: where for name, where in places.items() if len(where) > 1}
    assert set(ambiguous) <= CONVENTIONS, {n: ambiguous[n] for n in set(ambiguous) - CONVENTIONS}


# -- lines


@cache
def style_of_package() -> style.Style:
    return style.style_of(modules().values())


@pytest.mark.parametrize("figure", style.GOALS)
def test_lines_can_be_read(figure: str) -> None:
    package = style_of_package()
    worst = sorted(package.dense, reverse=True)[:5]
    assert package.figures()[figure] <= style.GOALS[figure], (worst, package.wide, package.vague)


@pytest.mark.parametrize("name", modules())
def test_a_module_can_be_read_in_a_sitting(name: str) -> None:
    text = modules()[name].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 500
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            docstring = ast.get_docstring(node, clean=False) or ""
            code = lines - len(docstring.splitlines())
            assert code <= 50, f"{name}.{node.name}"


@pytest.mark.parametrize("name", modules())
def test_a_module_says_what_it_is_for(name: str) -> None:
    assert ast.get_docstring(ast.parse(modules()[name].read_text(encoding="utf-8")))


# -- tests


def modules_named_by_tests() -> dict[str, set[str]]:
    """The modules that the docstrings of each room's tests name: `Modules: jobs.job, jobs.rows`."""
    named: dict[str, set[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        _, _, listed = text.partition("Modules:")
        room = path.relative_to(TESTS).parts[0] if path.parent != TESTS else ""
        names = {name.strip(" .\n") for name in listed.replace("\n", " ").split(",")}
        named.setdefault(room, set()).update(names - {""})
    return named


def test_every_module_has_a_test_in_its_room_that_names_it() -> None:
    named = modules_named_by_tests()
    missing = []
    for name, path in modules().items():
        room = room_of(name) if "." in name else ""
        if path.name != "__init__.py" and name != "__main__" and name not in named.get(room, ()):
            missing.append(name)
    assert not missing


def test_tests_name_no_module_that_is_gone() -> None:
    gone = set().union(*modules_named_by_tests().values()) - set(modules())
    assert not gone
