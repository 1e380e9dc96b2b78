"""Names in a recipe are checked before its corpora are read; a source may be an installed pipeline.

Modules: training.checking
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.tiny import TAGGER, TEN, StopAt, learn, read_ten, recipe

from pipekit import Doc, registry
from pipekit.errors import ConfigError, DataError, PipekitError
from pipekit.pipeline.hooks import hooks
from pipekit.training.loop import BEST
from pipekit.training.recipe import read_recipe

GRU = {"type": "gru", "width": 16}
READ: list[Path] = []  # the corpora that were read


@registry.readers.register("ten_counted")
def read_counted(path: Path) -> Iterator[Doc]:
    READ.append(path)
    yield from read_ten(path)


def changed(section: str, change: Any) -> dict[str, Any]:
    """A recipe with another section; "components.tagger" is a section of a section."""
    raw = recipe(GRU, epochs=1)
    source = {"path": str(TEN), "format": "ten_counted"}
    raw |= {"train": [source], "dev": []}
    outer, _, inner = section.partition(".")
    if inner:
        raw[outer] = {**raw[outer], inner: change}
    elif isinstance(change, list):
        raw[outer] = [*raw[outer], *change]
    else:
        raw[outer] = {**raw[outer], **change}
    return raw


WRONG: list[tuple[str, Any, str]] = [
    ("encoders.main", {"type": "grru"}, "no encoder is called 'grru'. Did you mean 'gru'"),
    ("encoders.main", {"type": "gru", "widht": 8}, r"takes no 'widht'. Did you mean 'width'"),
    ("encoders.main", {"type": "gru", "width": "wide"}, "width = 'wide': an integer from 1"),
    (
        "encoders.main",
        {"type": "gru", "features": {"lexicon": "nosuch"}},
        r"\[encoders.main.features\] lexicon = '.*nosuch': no such file",
    ),
    ("components.tagger", {**TAGGER, "type": "tager"}, "no component is called 'tager'"),
    ("components.tagger", {**TAGGER, "encoder": "mian"}, "the encoder 'mian', which is not there"),
    ("components.tagger", {**TAGGER, "hiden": 8}, "takes no 'hiden'. Did you mean 'hidden'"),
    ("components.tfidf", {"min_conut": 1}, "takes no 'min_conut'. Did you mean 'min_count'"),
    ("training", {"freeze": ["encoders.mian"]}, "freeze names 'encoders.mian'. Did you mean"),
    ("training", {"rates": {"components.tager[:]": 0.5}}, "rates names 'components.tager"),
    ("training", {"unfreeze": {"main": 0.5}}, "unfreeze names 'main'"),
    ("training", {"losses": {"tager": 0.5}}, r"losses names 'tager', .* Did you mean 'tagger'"),
    ("training", {"start": "nosuch"}, "nosuch: no such file or folder"),
    ("encoders.main", {"source": "nosuch"}, "nosuch: no such file or folder"),
    ("train", [{"path": "x", "format": "conlu"}], "no reader is called 'conlu'. Did you mean"),
    ("train", [{"path": "x", "format": "conllu"}], "x: no such file or folder"),
    (
        "train",
        [{"path": str(TEN), "format": "conllu", "gruop": 1}],
        "takes no 'gruop'. Did you mean 'group'",
    ),
    ("dev", [{"path": "nosuch", "format": "conllu"}], "nosuch: no such file or folder"),
    (
        "dev",
        [{"path": str(TEN), "format": "conllu", "without": [{"path": "x", "format": "iob"}]}],
        "x: no such file or folder",
    ),
    (
        "dev",
        [{"path": str(TEN), "format": "conllu", "mapping": "rules.toml", "table": "a"}],
        "mapping = '.*rules.toml': no such file",
    ),
]


@pytest.mark.parametrize(("section", "change", "message"), WRONG)
def test_names_are_checked_before_a_corpus_is_read(
    section: str,
    change: Any,
    message: str,
    tmp_path: Path,
) -> None:
    READ.clear()
    with pytest.raises((ConfigError, DataError), match=message):
        learn(changed(section, change), tmp_path)
    assert READ == []


def test_what_prepare_alone_reads_is_no_unknown_key(tmp_path: Path) -> None:
    raw = recipe(GRU, {"classes": {"type": "tfidf", "min_count": 1, "balance": 0.5}}, epochs=1)
    assert learn(raw, tmp_path).pipe_names == ["classes"]


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Path]:
    """The file of a pipeline that a package brings as "tiny_core"."""
    learn(recipe(GRU, epochs=1), tmp_path / "core")
    file = tmp_path / "core" / BEST
    registry.pipelines.register("tiny_core", lambda: file)
    yield file
    registry.pipelines.unregister("tiny_core")


def from_installed(folder: Path) -> Path:
    path = folder / "recipe.toml"
    path.write_text(
        f"""
        [training]
        epochs = 3
        evaluate_every = 1
        start = "tiny_core"
        threads = 1
        [encoders.main]
        source = "tiny_core"
        [components.tagger]
        source = "tiny_core"
        [[train]]
        path = '{TEN}'
        format = "ten"
        """,
        encoding="utf-8",
    )
    return path


def test_a_source_may_be_the_name_of_an_installed_pipeline(
    installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = read_recipe(from_installed(tmp_path), ["training.epochs=1"]).raw
    nlp = learn(raw, tmp_path / "run")
    assert nlp.pipe_names == ["tagger"]
    printed = capsys.readouterr().out
    assert "[encoders.main] source = 'tiny_core': 22 of 22 tensors" in printed
    near = from_installed(tmp_path).read_text(encoding="utf-8").replace("tiny_core", "tiny_cor")
    (tmp_path / "near.toml").write_text(near, encoding="utf-8")
    with pytest.raises(PipekitError, match=r"no such file or folder.* Did you mean 'tiny_core'"):
        learn(read_recipe(tmp_path / "near.toml").raw, tmp_path / "other")


def test_a_file_beside_the_recipe_hides_an_installed_pipeline(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "tiny_core").write_bytes(installed.read_bytes())
    raw = read_recipe(from_installed(tmp_path)).raw
    assert raw["training"]["start"] == str(tmp_path / "tiny_core")


def test_a_resumed_training_knows_the_installed_pipeline_that_it_began_with(
    installed: Path, tmp_path: Path
) -> None:
    raw = read_recipe(from_installed(tmp_path)).raw
    stop = StopAt(2)
    hooks.add(stop)
    with pytest.raises(KeyboardInterrupt):
        learn(raw, tmp_path / "run")
    hooks.remove(stop)
    learn(recipe(GRU, epochs=2), tmp_path / "newer")
    installed.write_bytes((tmp_path / "newer" / BEST).read_bytes())
    with pytest.raises(ConfigError, match=r"input best\.pipekit was changed"):
        learn(raw, tmp_path / "run", resume=True)
