"""The house: imports go only upwards, each outside package has one door, and nothing is too long to be read in a sitting."""

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

import pipekit

ROOT = Path(pipekit.__file__).parent
ROOMS = (
    "errors builtin",
    "chars columns layer names similarity views",
    "doc",
    "files packing drawing attention",
    "docdict codec docfile store",
    "registry hooks",
    "lexicon features ragged batching spans terms devices quantization linear vectors reading subwords sentencepieces vocabularies",
    "resources model memory arriving",
    "tokenizers encoders components",
    "running answering embedding workers pipeline loading importing profiling",
    "training",
    "pretraining jobs",
    "cli __init__ __main__",
)
ROOM_OF = {name: number for number, room in enumerate(ROOMS) for name in room.split()}
# What may be imported downwards, within a function: a Doc turns itself into bytes, a pipeline into a file.
DOWNWARDS = {("doc", "codec"), ("pipeline", "loading"), ("workers.annotator", "loading")}

# The modules that may import an outside package.
DOORS = {
    "catalogue": {"registry"},
    "pluggy": {"hooks"},
    "msgpack": {"packing"},
    "srsly": {"training.plot"},
    "matplotlib": {"drawing"},
    "tokenizers": {"subwords"},
    "safetensors": {"encoders.bert.checkpoint"},
    "pyarrow": {"jobs.parquet"},
}
EVERYWHERE = {"numpy", "torch", "tqdm"}
# Besides all encoders and components.
TRAINING = {
    f"training.{name}" for name in ("building", "computing", "loop", "checkpoint", "layers", "plot")
}
WITH_TORCH = {"importing", "linear", "model", "profiling", "quantization", "reading"} | TRAINING


class Import(NamedTuple):
    """An import of `target` (a dotted name) by `source` (a module of pipekit, without "pipekit.")."""

    source: str
    target: str
    later: bool


def modules() -> dict[str, Path]:
    names = {
        path: ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted(ROOT.rglob("*.py"))
    }
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


def imports_of(source: str, tree: ast.AST, later: bool = False) -> Iterator[Import]:
    """All imports but those that only a type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (Import(source, alias.name, later) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{source}: write imports from pipekit, not from a dot"
            yield from (
                Import(source, _module(node.module or "", alias.name), later)
                for alias in node.names
            )
        else:
            yield from imports_of(
                source,
                node,
                later or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda),
            )


def _module(module: str, name: str) -> str:
    """`from pipekit import store` names a module, `from pipekit.storage.store import load` does not."""
    dotted = f"{module}.{name}"
    return (
        dotted
        if dotted.removeprefix("pipekit.") in modules() and dotted.startswith("pipekit.")
        else module
    )


@cache
def imports() -> tuple[Import, ...]:
    return tuple(
        found
        for name, path in modules().items()
        for found in imports_of(name, ast.parse(path.read_text(encoding="utf-8")))
    )


def own() -> list[Import]:
    """The imports of pipekit's modules among themselves."""
    found = [
        one._replace(target=one.target.removeprefix("pipekit."))
        for one in imports()
        if one.target.split(".")[0] == "pipekit"
    ]
    return [one._replace(target="__init__") if one.target == "pipekit" else one for one in found]


def room(module: str) -> int:
    return ROOM_OF[module.split(".")[0]]


def test_every_module_has_a_room() -> None:
    assert {name.split(".")[0] for name in modules()} == set(ROOM_OF)


def test_imports_go_only_upwards() -> None:
    wrong = [one for one in own() if not one.later and room(one.target) > room(one.source)]
    assert not wrong


def test_imports_within_functions_go_upwards_too_but_for_a_few() -> None:
    downwards = {
        (one.source, one.target)
        for one in own()
        if one.later and room(one.target) > room(one.source)
    }
    assert downwards - {("cli.info", "__init__")} <= DOWNWARDS


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for one in own():
        if not one.later:
            graph.setdefault(one.source, set()).add(one.target)
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("part", ["tokenizers", "encoders", "components"])
def test_a_kind_of_part_knows_no_other(part: str) -> None:
    others = {"tokenizers", "encoders", "components", "pipeline", "loading"} - {part}
    assert not [
        one
        for one in own()
        if one.source.split(".")[0] == part and one.target.split(".")[0] in others
    ]


def test_components_know_no_pipeline_and_inference_no_training() -> None:
    may = {"training", "pretraining", "jobs", "cli"}
    assert not [
        one
        for one in own()
        if one.target.split(".")[0] == "training" and one.source.split(".")[0] not in may
    ]


def test_each_outside_package_has_one_door() -> None:
    outside = {(one.target.split(".")[0], one.source) for one in imports()}
    strangers = {
        (package, source)
        for package, source in outside
        if package not in {*sys.stdlib_module_names, *EVERYWHERE, "pipekit"}
    }
    assert strangers == {
        (package, source) for package, sources in DOORS.items() for source in sources
    }


def imported(program: str) -> set[str]:
    """The outside packages that a program has imported."""
    program += (
        "\nimport json, sys; print(json.dumps([name for name in sys.modules if '.' not in name]))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout)) & {*DOORS, *EVERYWHERE, "hypothesis", "tokenizers"}


def test_importing_pipekit_takes_numpy_and_nothing_else() -> None:
    assert imported("import pipekit") == {"numpy"}
    assert imported("from pipekit import Doc, Token; Doc(words=['а']).sents") == {"numpy"}


def test_modules_of_numbers_need_no_torch() -> None:
    others = ("encoders.", "components.", "pretraining.", "__")
    names = [name for name in modules() if name not in WITH_TORCH and not name.startswith(others)]
    program = "\n".join(f"import pipekit.{name}" for name in [*names, "components.lemmas"])
    assert "torch" not in imported(program)


def test_a_text_is_tokenized_and_a_doc_is_saved_without_torch() -> None:
    program = """
import pipekit
doc = pipekit.blank("ru")("Мама мыла раму.")
assert pipekit.Doc.from_bytes(doc.to_bytes()).words == doc.words
"""
    assert "torch" not in imported(program)


def test_the_public_names_are_what_is_there() -> None:
    here = {
        name
        for name, value in vars(pipekit).items()
        if getattr(value, "__module__", "").startswith("pipekit.")
    }
    assert {*here, *pipekit._LATER, "__version__"} == set(pipekit.__all__)
    assert sorted(pipekit.__all__) == pipekit.__all__ == dir(pipekit)
    assert all(getattr(pipekit, name) is not None for name in pipekit.__all__)
    with pytest.raises(AttributeError, match="module 'pipekit' has no attribute 'nosuch'"):
        pipekit.nosuch  # noqa: B018


@pytest.mark.parametrize("name", modules())
def test_a_module_can_be_read_in_a_sitting(name: str) -> None:
    text = modules()[name].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 500
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40, f"{name}.{node.name}"


@pytest.mark.parametrize("name", modules())
def test_a_module_says_what_it_is_for(name: str) -> None:
    assert ast.get_docstring(ast.parse(modules()[name].read_text(encoding="utf-8")))
