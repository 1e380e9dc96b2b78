"""Packages whose files are damaged harm no other; a package may require a version of pipekit.

Modules: installed
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.packages import Site
from hypothesis import given
from hypothesis import strategies as st

import pipekit
from pipekit import PipekitWarning, builtin, installed, registry
from pipekit.cli import info
from pipekit.errors import PluginVersionError, UnknownComponentError
from pipekit.pipeline.hooks import Hooks

PART = """
    class Part:
        requires = ()
        assigns = ("mark",)

        def __call__(self, batch):
            for doc in batch.docs:
                doc.tokens.set("mark", ["x"] * len(doc) if len(doc) else [])
"""
ENTRY = {"pipekit_components": "marks = pipekit_marks:Part"}
BAD = "[pipekit_components]\nbad = broken:Part\n"


@pytest.fixture(autouse=True)
def forget_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test hears the warnings of its own packages."""
    monkeypatch.setattr(installed, "_warned", set())


@pytest.fixture
def broken(site: Site) -> Path:
    """The metadata of a package to be broken, beside one that works."""
    site.install("pipekit-marks", PART, ENTRY)
    return site.install("broken", PART, {"pipekit_components": "bad = broken:Part"})


def written(data: bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(data)


def linked_to(target: str) -> Callable[[Path], object]:
    return lambda file: (file.unlink(), file.symlink_to(target))


def replaced_by_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


# What is done to the file of entry points of the package "broken", and what is said of it.
DAMAGED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no header": (written(b"bad = broken:Part\n"), r"line 1, 'bad = broken:Part': it stands under"),
    "prose": (written("Привет".encode()), r"line 1, 'Привет': it stands under no \[group\]"),
    "open header": (written(BAD.replace("]", "").encode()), r"line 1, .*: a header ends with \]"),
    "no value": (written(b"[pipekit_components]\nbad\n"), r"line 2, 'bad': write name = module:"),
    "empty value": (written(b"[pipekit_components]\nbad =\n"), r"line 2, 'bad =': write name ="),
    "empty name": (written(b"[pipekit_components]\n= broken:Part\n"), r"line 2, .*: write name ="),
    "no target": (written(b"[pipekit_components]\nbad = 1 + 1\n"), r"line 2, .*: write name ="),
    "not UTF-8": (written(BAD.encode("utf-16")), "UnicodeDecodeError"),
    "bytes": (written(bytes(range(256))), "UnicodeDecodeError"),
    "NUL": (written(bytes(4096)), r"line 1, .*: it stands under no \[group\]"),
    "huge": (written(BAD.encode() * 40_000), "more than 1000000 bytes"),
    "link to nothing": (linked_to("nowhere"), "a link that leads nowhere: No such file"),
    "link to itself": (linked_to("entry_points.txt"), "a link that leads nowhere: Too many levels"),
    "folder": (replaced_by_a_folder, "IsADirectoryError"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file_of_entry_points_is_named_and_harms_nobody(broken: Path, kind: str) -> None:
    damage, reason = DAMAGED[kind]
    damage(broken / "entry_points.txt")
    with pytest.warns(PipekitWarning, match=rf"broken 1\.0: entry_points\.txt, {reason}") as heard:
        nlp = pipekit.blank("ru")
    nlp.add_pipe("marks")
    assert [token.get("mark") for token in pipekit.from_bytes(nlp.to_bytes())("Мама")] == ["x"]
    facts = info.installation_facts()
    assert "marks (pipekit-marks)" in facts["components"]
    assert "bad (broken)" not in facts["components"]
    [fault] = facts["faults"]
    assert fault in str(heard[0].message) and len(heard) == 1
    with pytest.raises(UnknownComponentError) as caught:
        nlp.add_pipe("bad")
    assert str(caught.value).endswith(f" Entry points that cannot be read may bring it: {fault}.")


def test_a_line_that_is_no_entry_point_costs_its_own_name_only(broken: Path) -> None:
    (broken / "entry_points.txt").write_text(
        f"[console_scripts]\nany thing\n# a comment\n\n{BAD}worse\n", encoding="utf-8"
    )
    with pytest.warns(PipekitWarning, match=r"broken 1\.0: entry_points\.txt, line 7, 'worse'"):
        assert registry.components.supplier("bad").package == "broken"


def test_a_file_of_entry_points_may_begin_with_a_mark_of_byte_order(broken: Path) -> None:
    (broken / "entry_points.txt").write_text(BAD, encoding="utf-8-sig")
    assert registry.components.supplier("bad").package == "broken"


def test_a_package_without_entry_points_is_nothing_to_speak_of(broken: Path) -> None:
    (broken / "entry_points.txt").unlink()
    assert registry.components.suppliers("bad") == []
    assert installed.faults() == []


def test_a_file_that_was_mended_is_read_again(broken: Path) -> None:
    file = broken / "entry_points.txt"
    file.write_bytes(b"\xff")
    with pytest.warns(PipekitWarning, match="UnicodeDecodeError"):
        assert "bad" not in registry.components.names()
    file.write_text(BAD, encoding="utf-8")
    assert "bad" in registry.components.names()


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (None, "METADATA"),
        (b"", "METADATA"),
        (b"Metadata-Version: 2.1\nVersion: 1.0\n", "METADATA without a name or a version"),
        (b"Metadata-Version: 2.1\nName: broken\n", "METADATA without a name or a version"),
        (b"Name: \xff\nVersion: 1.0\n", "METADATA, UnicodeDecodeError"),
    ],
)
def test_a_package_without_metadata_is_called_as_its_folder_is(
    broken: Path, contents: bytes | None, reason: str
) -> None:
    metadata = broken / "METADATA"
    metadata.unlink()
    if contents is not None:
        metadata.write_bytes(contents)
    nlp = pipekit.blank("ru")
    nlp.add_pipe("bad")
    assert len(pipekit.from_bytes(nlp.to_bytes())("Мама")) == 1
    assert str(registry.components.supplier("bad")) == "broken 1.0 (broken:Part)"
    [fault] = info.installation_facts()["faults"]
    assert fault.startswith(f"broken 1.0: {reason}")


def test_one_name_that_a_package_brings_twice_is_a_conflict_and_one_line_twice_is_not(
    broken: Path,
) -> None:
    file = broken / "entry_points.txt"
    file.write_text(f"{BAD}bad = broken:Part\n", encoding="utf-8")
    assert registry.components.supplier("bad").target == "broken:Part"
    file.write_text(f"{BAD}bad = broken:Other\n", encoding="utf-8")
    with pytest.raises(pipekit.PipekitError, match=r"broken 1\.0 \(broken:Part\); broken 1\.0"):
        registry.components.supplier("bad")


def test_of_two_copies_of_a_package_the_first_on_the_path_counts(
    site: Site, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("pipekit-marks", PART, ENTRY, version="2.0")
    other = Site(tmp_path_factory.mktemp("other"))
    other.install("Pipekit.Marks", PART, {"pipekit_components": "marks = elsewhere:Part"})
    monkeypatch.setattr(sys, "path", [*sys.path, str(other.folder)])
    assert str(registry.components.supplier("marks")) == "pipekit-marks 2.0 (pipekit_marks:Part)"


def test_entry_points_within_a_zip_file_are_read(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("pipekit-marks", PART, ENTRY)
    archive = tmp_path.parent / f"{tmp_path.name}.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for file in sorted(tmp_path.rglob("*")):
            zipped.write(file, file.relative_to(tmp_path))
    site.uninstall("pipekit-marks")
    assert "marks" not in registry.components.names()
    monkeypatch.syspath_prepend(str(archive))
    nlp = pipekit.blank("ru")
    nlp.add_pipe("marks")
    assert nlp("Мама")[0].get("mark") == "x"


WORDS = st.text("abпр_.-", min_size=1)
LINES = st.tuples(WORDS, st.just("part:Part")) | WORDS.map(lambda word: (word, None))


@given(st.lists(LINES))
def test_each_line_is_an_entry_point_or_a_fault(lines: list[tuple[str, str | None]]) -> None:
    text = "[pipekit_readers]\n"
    for name, target in lines:
        text += f"{name} = {target}\n" if target else f"{name}\n"
    listing = installed.parse_entry_points(text)
    entries = [("pipekit_readers", name, target) for name, target in lines if target]
    assert list(listing.entries) == entries
    assert len(listing.faults) == len(lines) - len(entries)


# -- versions


def test_the_version_of_the_code_is_that_of_the_distribution() -> None:
    project = Path(pipekit.__file__).parents[1] / "pyproject.toml"
    settings = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    assert settings["version"] == builtin.RELEASE == pipekit.__version__
    assert settings["name"] == builtin.DISTRIBUTION


@pytest.mark.parametrize(
    "requires",
    [
        [],
        ["pipekit-nlp"],
        ["pipekit-nlp>=0.1,<1"],
        ["Pipekit_NLP >= 0.2"],
        ["pipekit-nlp[bert]>=0.2; python_version >= '3'"],
        ["pipekit-nlp>=9; python_version < '3'"],
        ["pipekit-nlp>=9; extra == 'next'"],
        ["numpy>=99", "pipekit-nlp-extras>=9", "no requirement at all"],
        ["pipekit-nlp @ https://example.org/pipekit_nlp.whl"],
    ],
)
def test_a_package_for_this_version_or_an_older_minor_one_is_imported(
    site: Site, requires: list[str]
) -> None:
    site.install("pipekit-marks", PART, ENTRY, requires=requires)
    nlp = pipekit.blank("ru")
    nlp.add_pipe("marks")
    assert nlp("Мама")[0].get("mark") == "x"
    assert installed.faults() == []


@pytest.mark.parametrize(
    ("requires", "wanted"),
    [
        (["pipekit-nlp>=9"], "pipekit-nlp>=9"),
        (["pipekit.nlp[bert] (>=0.1,<0.2)"], "pipekit-nlp<0.2,>=0.1"),
        (["pipekit-nlp>=0.1", "pipekit-nlp~=7.5"], "pipekit-nlp~=7.5"),
    ],
)
def test_a_package_for_another_version_is_refused_before_it_is_imported(
    site: Site, requires: list[str], wanted: str
) -> None:
    site.install("pipekit-marks", PART, ENTRY, requires=requires)
    nlp = pipekit.blank("ru")
    with pytest.raises(PluginVersionError) as caught:
        nlp.add_pipe("marks")
    assert str(caught.value) == (
        "the component 'marks' is brought by pipekit-marks 1.0 (pipekit_marks:Part), "
        f"which requires {wanted}, and installed is {builtin.RELEASE}: "
        "install such a pipekit, or another version of pipekit-marks"
    )
    assert not site.imported() and nlp.pipe_names == []
    [fault] = info.installation_facts()["faults"]
    assert fault.startswith(f"pipekit-marks 1.0: requires {wanted}")
    assert "marks (pipekit-marks)" in info.installation_facts()["components"]


def test_a_requirement_that_cannot_be_read_is_refused_and_shown(site: Site) -> None:
    site.install("pipekit-marks", PART, ENTRY, requires=["pipekit-nlp >> 0.1"])
    with pytest.raises(PluginVersionError, match=r"requires 'pipekit-nlp >> 0.1', which is no req"):
        registry.components.get("marks")
    assert not site.imported()


def test_a_development_version_counts_as_the_release_that_it_leads_to(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("pipekit-marks", PART, ENTRY, requires=["pipekit-nlp>=0.4,<0.5"])
    monkeypatch.setattr(builtin, "RELEASE", "0.4.0.dev3")
    assert registry.components.get("marks")
    monkeypatch.setattr(builtin, "RELEASE", "0.5.0rc1")
    with pytest.raises(PluginVersionError, match=r"installed is 0\.5\.0rc1"):
        registry.components.get("marks")


def test_a_listener_for_another_version_is_left_out_with_a_warning(site: Site) -> None:
    site.install("keen", "heard = []", {"pipekit": "keen = keen"}, requires=["pipekit-nlp>=9"])
    with pytest.warns(PipekitWarning, match=r"'keen' of keen 1\.0 \(keen\) is left out: .*>=9"):
        Hooks().tell("batch_done", docs=(), seconds=0.1)
    assert not site.imported()


def test_no_file_is_read_again_as_long_as_it_stays_the_same(broken: Path) -> None:
    registry.components.names()
    opened: list[str] = []

    def listen(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and str(arguments[0]).endswith("entry_points.txt"):
            opened.append(str(arguments[0]))

    sys.addaudithook(listen)
    registry.components.names()
    assert opened == []
    file = broken / "entry_points.txt"
    file.write_text(BAD.replace("bad", "worse"), encoding="utf-8")
    assert "worse" in registry.components.names()
    assert opened == [str(file)] * 2  # written and read


def cures_of(source: str) -> Iterator[str]:
    """What the messages of a module name for pip to install: the packages that it gives `cure`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "cure":
            yield from [item.value for item in node.args if isinstance(item, ast.Constant)]


def other_cures_of(source: str) -> Iterator[str]:
    """The strings, docstrings apart, that tell people to run pip by themselves."""
    tree = ast.parse(source)
    documented = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if is_owner(node)}
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and "pip install" in node.value and node.value not in documented:
            yield node.value


def is_owner(node: ast.AST) -> bool:
    return isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)


def test_the_cure_for_a_missing_library_is_one_that_pip_can_follow() -> None:
    """No index has pipekit-nlp, so libraries are named; each is in one of its extras."""
    root = Path(pipekit.__file__).parent
    project = tomllib.loads((root.parent / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    libraries = {re.split(r"[<>=;\[ ]", line)[0] for lines in extras.values() for line in lines}
    cures = []
    others = {}
    for path in root.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        cures += cures_of(source)
        others[path.relative_to(root).as_posix()] = [*other_cures_of(source)]
    assert {"pyarrow", "matplotlib", "tokenizers", "safetensors"} <= set(cures)
    assert set(cures) <= (libraries - {builtin.DISTRIBUTION}) | {"triton"}, cures
    # Verbs that write a package, and its card, tell how that package is installed.
    written = {"packages/card.py", "cli/init.py", "cli/package.py"}
    assert others["builtin.py"] == [builtin.UPGRADE]
    assert {place for place, texts in others.items() if texts} == {
        "builtin.py",
        "errors.py",
        *written,
    }


def test_a_cure_of_its_own_is_seen() -> None:
    source = "raise ConfigError(\"pip install 'pipekit-nlp[parquet]'\")"
    assert list(other_cures_of(source)) == ["pip install 'pipekit-nlp[parquet]'"]
    assert list(other_cures_of(f'"""{source!r}"""')) == []
    assert list(cures_of("cure('duckdb', 'polars')")) == ["duckdb", "polars"]


def test_a_load_looks_at_the_installed_packages_once(monkeypatch: pytest.MonkeyPatch) -> None:
    nlp = pipekit.blank("ru")
    nlp.add_pipe("values")
    nlp.add_pipe("entity_ruler", patterns=[{"label": "A", "pattern": "а"}])
    data = nlp.to_bytes()
    looks: list[int] = []
    every = installed.distributions

    def counted() -> Iterator[Any]:
        looks.append(1)
        return iter(every())

    monkeypatch.setattr(installed, "distributions", counted)
    pipekit.from_bytes(data)
    assert len(looks) <= 2
    before = len(looks)
    installed.entries("pipekit_components")
    assert len(looks) == before + 1
