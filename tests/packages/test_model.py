"""Packages of pipelines: what is in them, what their card tells, and that pip installs them.

Modules: packages.archives, packages.card, packages.model
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from helpers.places import ROOT

import pipekit
from pipekit import Pipeline, registry
from pipekit.cli import main
from pipekit.errors import ConfigError
from pipekit.packages.model import build_package, project_files, requirements_of

META = {
    "name": "first",
    "description": "Names <of> ships",
    "license": "MIT",
    "sources": ["a | b (CC0)"],
    "limits": ["no boats"],
    "performance": {"dev": {"ents": 0.95}},
}


def pipeline() -> Pipeline:
    nlp = pipekit.blank("ru")
    nlp.add_pipe("values")
    nlp.meta.update(META)
    return nlp


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "first.pipekit"
    pipeline().to_disk(path)
    return path


def test_a_package_holds_the_pipeline_under_its_new_name(file: Path, tmp_path: Path) -> None:
    package = build_package(str(file), "ru_ships", "0.1", tmp_path / "dist")
    assert not package.missing
    with zipfile.ZipFile(package.wheel) as archive:
        assert archive.testzip() is None
        nlp = pipekit.from_bytes(archive.read("ru_ships/ru_ships.pipekit"))
        metadata = archive.read("ru_ships-0.1.dist-info/METADATA").decode()
    assert (nlp.meta["name"], nlp.meta["version"]) == ("ru_ships", "0.1")
    assert nlp.meta["requires"] == ["pipekit-nlp>=0.3,<1"]
    assert nlp("5 мая").spans["values"][0].text == "5 мая"
    assert "Name: ru-ships\nVersion: 0.1\nSummary: Names <of> ships\nLicense: MIT" in metadata


def test_the_card_tells_what_the_file_says(file: Path, tmp_path: Path) -> None:
    package = build_package(str(file), "ru_ships", "0.1", tmp_path / "dist")
    with zipfile.ZipFile(package.wheel) as archive:
        card = archive.read("ru_ships-0.1.dist-info/METADATA").decode()
    for line in (
        "Names &lt;of> ships",
        "| values | values (pipekit-nlp) | `values` | - |",
        "| dev | 95.00 |",
        "* a \\| b (CC0)",
        "* no boats",
        "* `pipekit-nlp>=0.3,<1`",
    ):
        assert line in card


def test_two_builds_have_the_same_bytes(file: Path, tmp_path: Path) -> None:
    packages = [build_package(str(file), "ru_ships", "0.1", tmp_path / name) for name in "ab"]
    first, second = packages
    assert first.wheel.read_bytes() == second.wheel.read_bytes()
    assert first.sdist.read_bytes() == second.sdist.read_bytes()


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("ru ships", "1", "cannot name a pipeline"),
        ("ru-ships", "1", "which is no name of a module"),
        ("Ru_ships", "1", "small letters: 'ru_ships'"),
        ("numpy", "1", "numpy .* is installed already"),
        ("json", "1", "would hide the module 'json'"),
        ("ru_ships", "one", "'one' is no version"),
    ],
)
def test_a_name_or_a_version_that_cannot_be_is_refused(
    file: Path, tmp_path: Path, name: str, version: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        build_package(str(file), name, version, tmp_path / "dist")
    assert not (tmp_path / "dist").exists()


def test_a_package_that_is_there_is_replaced_only_where_asked(file: Path, tmp_path: Path) -> None:
    build_package(str(file), "ru_ships", "0.1", tmp_path)
    with pytest.raises(ConfigError, match="raise the version, or give --overwrite"):
        build_package(str(file), "ru_ships", "0.1", tmp_path)
    build_package(str(file), "ru_ships", "0.1", tmp_path, overwrite=True)


def test_a_class_of_this_process_is_in_no_package() -> None:
    class Shout:
        requires = ()
        assigns = ("loud",)

        def __call__(self, batch: pipekit.Batch) -> None:
            pass

    registry.components.register("shouting", Shout)
    try:
        nlp = pipekit.blank("ru")
        nlp.add_pipe("shouting")
        with pytest.raises(ConfigError, match="pipekit init plugin NAME"):
            requirements_of(nlp)
    finally:
        registry.components.unregister("shouting")


def test_what_a_pipeline_needs_is_named_with_versions() -> None:
    nlp = pipekit.blank("ru")
    rule = {"label": "A", "pattern": [{"TEXT": {"REGEX": "^a"}}]}
    nlp.add_pipe("entity_ruler", patterns=[rule])
    assert requirements_of(nlp) == ["pipekit-nlp[matching]>=0.3,<1"]


def test_ru_core_is_described_by_the_same_template() -> None:
    folder = ROOT / "plugins" / "ru_core"
    text = (folder / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    files = project_files(
        "ru_core",
        project["version"],
        project,
        project["dependencies"],
        project["name"],
        "ru_core: the Russian pipeline of pipekit",
    )
    assert files["pyproject.toml"] == text
    code = (folder / "src/ru_core/__init__.py").read_text(encoding="utf-8")
    assert files["src/ru_core/__init__.py"] == code


def test_the_command_line_names_what_the_card_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipekit.blank("ru").to_disk(tmp_path / "a.pipekit")
    arguments = ["package", str(tmp_path / "a.pipekit"), "--name", "ru_ships", "--version", "1"]
    options = ["-o", str(tmp_path / "dist"), "--set", "license=MIT", "--set", 'limits=["few"]']
    assert main([*arguments, *options]) == 0
    printed = capsys.readouterr().out
    assert "does not tell what it is for: [pipeline] description" in printed
    assert "license" not in printed and "limits" not in printed


@pytest.mark.slow
def test_pip_installs_it_in_a_clean_environment(file: Path, tmp_path: Path) -> None:
    package = build_package(str(file), "ru_ships", "0.1", tmp_path / "dist")
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", package.wheel]
    subprocess.run(install, check=True)
    site = next((tmp_path / "venv" / "lib").glob("python*/site-packages"))
    outside = [str(ROOT), *filter(lambda path: "site-packages" in path, sys.path)]
    (site / "outside.pth").write_text("\n".join(outside), encoding="utf-8")
    program = 'import pipekit; print(pipekit.load("ru_ships")("5 мая").spans["values"][0].text)'
    done = subprocess.run([python, "-c", program], capture_output=True, check=True)
    assert done.stdout.decode("utf-8").strip() == "5 мая"
