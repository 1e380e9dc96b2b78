"""Checkpoints of others as pipelines; what is read of them is tested beside the encoder.

Modules: pipeline.importing
"""

from __future__ import annotations

from pathlib import Path

import pytest

import pipekit
from pipekit.errors import ConfigError


def test_a_folder_that_is_not_there_is_named_with_what_belongs_into_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nosuch: no such folder.*config.json, model.safe"):
        pipekit.import_bert(tmp_path / "nosuch")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ConfigError, match="no such folder"):
        pipekit.import_bert(tmp_path / "model.safetensors")


def test_an_empty_folder_has_no_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="vocabulary"):
        pipekit.import_bert(tmp_path)
