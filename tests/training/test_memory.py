"""Training from Python: recipes as mappings, Docs in memory, tables of pipelines by their name.

Modules: training.explaining
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.packages import Site
from helpers.tiny import FEATURES, recipe, ten

import pipekit
from pipekit import resources
from pipekit.errors import ConfigError
from pipekit.training.explaining import documented
from pipekit.training.recipe import TrainingSettings


def raw(**settings: Any) -> dict[str, Any]:
    """A recipe that names no corpus."""
    whole = recipe({"type": "gru", "width": 32}, **{"epochs": 2, **settings})
    return {key: value for key, value in whole.items() if key not in ("train", "dev")}


def test_docs_in_memory_teach_and_choose(tmp_path: Path) -> None:
    options: dict[str, Any] = {"train": ten(), "dev": ten(), "device": "cpu", "progress": False}
    nlp = pipekit.train(raw(epochs=25), **options)
    assert pipekit.evaluate(nlp, ten())["pos"] > 0.9
    assert nlp.meta["data"]["train"].startswith("in memory: 10 documents")
    assert nlp.meta["performance"]["dev"]["pos"] > 0.9
    kept = pipekit.train(raw(epochs=25), tmp_path / "run", **options)
    assert kept.to_bytes() == nlp.to_bytes()
    assert (tmp_path / "run" / "best.pipekit").exists()


def test_a_training_on_other_docs_does_not_go_on(tmp_path: Path) -> None:
    pipekit.train(raw(), tmp_path / "run", train=ten(), progress=False)
    with pytest.raises(ConfigError, match="the train documents was changed: its contents"):
        pipekit.train(raw(), tmp_path / "run", train=ten()[::-1], resume=True, progress=False)


def test_what_is_no_doc_is_named_by_its_place() -> None:
    with pytest.raises(ConfigError, match=r"train\[1\] = 'Мама': a Doc is needed"):
        pipekit.train(raw(), train=[ten()[0], "Мама"])  # type: ignore[list-item]


def test_tables_are_taken_from_a_pipeline_by_its_name(site: Site, tmp_path: Path) -> None:
    vectors = {
        "hashes": np.arange(3, dtype=np.uint32),
        "values": np.ones((3, 4), np.int8),
        "scale": np.ones(1, np.float32),
    }
    nlp = pipekit.blank("ru")
    tables = {f"vectors.{name}": array for name, array in vectors.items()}
    features = {**FEATURES, "vectors": True}
    nlp.add_encoder("main", "gru", width=8, features=features, tables=tables)
    nlp.to_disk(tmp_path / "a.pipekit")
    source = f"def path():\n    return {str(tmp_path / 'a.pipekit')!r}\n"
    site.install("ru-tables", source, {"pipekit_pipelines": "ru_tables = ru_tables:path"})
    read = resources.read("ru_tables", "vectors")
    assert sorted(read) == ["hashes", "scale", "values"]
    with pytest.raises(ConfigError, match="ru_tables: this pipeline has no lexicon"):
        resources.read("ru_tables", "lexicon")
    with pytest.raises(ConfigError, match="Did you mean 'ru_tables'"):
        resources.read("ru_table", "vectors")
    settings = raw()
    settings["encoders"]["main"]["features"] = {**FEATURES, "vectors": "ru_tables"}
    trained = pipekit.train(settings, train=ten(), progress=False)
    assert trained.encoders["main"].tables["vectors.values"].tolist() == [[1] * 4] * 3


def test_the_meaning_of_each_setting_of_a_training_is_told() -> None:
    told = documented(TrainingSettings)
    assert set(TrainingSettings.__dataclass_fields__) == set(told)
    assert told["patience"].startswith("stop after so many evaluations")
