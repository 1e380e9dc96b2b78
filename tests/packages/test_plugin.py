"""New plugins: names that are refused, files that are written, a package that passes its tests.

Modules: packages.names, packages.plugin, packages.templates
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers.places import ROOT

from pipekit.errors import ConfigError
from pipekit.packages.names import package_names
from pipekit.packages.plugin import PLUGIN_KINDS, write_plugin


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("1 2", "cannot name a package: use up to 64 of"),
        ("имя", "cannot name a package: use up to 64 of"),
        ("../x", "cannot name a package: use up to 64 of"),
        ("x" * 65, "cannot name a package: use up to 64 of"),
        ("-x", "cannot name a package: use up to 64 of"),
        ("class", "Python would import it as 'class'"),
        ("1x", "Python would import it as '1x'"),
        ("pipekit-1x", "'1x' cannot name a part"),
        ("json", "would hide the module 'json'"),
        ("pipekit", "would hide the module 'pipekit'"),
        ("numpy", "numpy .* is installed already"),
        ("tagger", "the component 'tagger' is there already, brought by pipekit-nlp"),
        ("pipekit-tagger", "the component 'tagger' is there already, brought by pipekit-nlp"),
    ],
)
def test_a_name_that_cannot_be_or_is_taken_is_refused(
    name: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        write_plugin(name, ["component"], tmp_path)
    assert not list(tmp_path.iterdir())


def test_names_follow_from_the_name_of_the_distribution() -> None:
    assert package_names("pipekit-Big.Stamps") == (
        "pipekit-Big.Stamps",
        "pipekit_big_stamps",
        "big_stamps",
        "BigStamps",
    )


def test_nothing_that_is_there_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "pipekit-stamps").mkdir()
    (tmp_path / "pipekit-stamps" / "a.txt").write_text("мой", encoding="utf-8")
    with pytest.raises(ConfigError, match="pipekit-stamps is there already"):
        write_plugin("pipekit-stamps", ["component"], tmp_path)
    assert [file.name for file in tmp_path.rglob("*.*")] == ["a.txt"]


def test_a_kind_that_there_is_not_is_told_what_is_near(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'tokenizer'"):
        write_plugin("pipekit-stamps", ["tokeniser"], tmp_path)


@pytest.mark.parametrize("kind", PLUGIN_KINDS)
def test_a_package_has_what_was_asked_for_and_nothing_else(kind: str, tmp_path: Path) -> None:
    folder = write_plugin("pipekit-stamps", [kind], tmp_path)
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert list(project["entry-points"]) == [PLUGIN_KINDS[kind].group]
    assert {path.name for path in folder.rglob("*.py")} == {
        "__init__.py",
        f"{kind}.py",
        f"test_{kind}.py",
    }
    for path in folder.rglob("*.*"):
        assert "{{" not in path.read_text(encoding="utf-8").replace("{{{least", "")


def installed(folder: Path, site: Path) -> None:
    """Lay down the metadata that pip would."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    metadata = site / "pipekit_stamps-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    lines = []
    for group, entries in project["entry-points"].items():
        lines.append(f"[{group}]")
        lines += [f"{name} = {target}" for name, target in entries.items()]
    (metadata / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    headers = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n"
    (metadata / "METADATA").write_text(headers, encoding="utf-8")


def questioned(folder: Path, site: Path) -> None:
    """Run the tests of a package in a process of its own."""
    installed(folder, site)
    paths = (ROOT, site, folder / "src")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_component_a_reader_a_tokenizer_and_a_listener_pass_their_tests(tmp_path: Path) -> None:
    kinds = ["component", "reader", "tokenizer", "listener"]
    folder = write_plugin("pipekit-stamps", kinds, tmp_path)
    questioned(folder, tmp_path / "site")


@pytest.mark.slow
def test_all_kinds_together_pass_their_tests(tmp_path: Path) -> None:
    folder = write_plugin("pipekit-stamps", list(PLUGIN_KINDS), tmp_path)
    questioned(folder, tmp_path / "site")
