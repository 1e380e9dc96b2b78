"""The folder of a training: whether a training may begin there, or go on with what is there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipekit.doc import Doc
from pipekit.errors import ConfigError
from pipekit.pipeline.loading import pipeline_path
from pipekit.registry import pipelines
from pipekit.storage import store
from pipekit.storage.origins import Description, Origins, all_changes, flattened, identity
from pipekit.training.toml import PATH_KEYS, PIPELINE_KEYS

# Settings that may change when a training goes on: how long it goes on, and what changes nothing.
_FREE = (
    "training.epochs",
    "training.checkpoint_minutes",
    "pretraining.checkpoint_minutes",
    "pretraining.pieces",
)
_CURE = "--overwrite begins anew, or choose another folder"


@dataclass(frozen=True)
class TrainingFolder:
    """The files of a training.

    Attributes:
        checkpoint: the state of the last steps, from which a training goes on.
        results: the files that a training writes besides.
    """

    checkpoint: Path
    results: tuple[Path, ...]

    def begin(
        self,
        origins: Origins,
        *,
        resume: bool,
        overwrite: bool,
    ) -> bool:
        """Whether a training goes on from the checkpoint; otherwise it begins.

        Errors: `ConfigError` for a file in the place of the folder, where files would be lost, and
        for a checkpoint of other settings or other files, with each difference.
        """
        if resume and overwrite:
            raise ConfigError("give --resume or --overwrite, not both")
        _refuse_file(self.checkpoint.parent)
        left = [path for path in (self.checkpoint, *self.results) if path.exists()]
        if overwrite or not left:
            return False
        folder = self.checkpoint.parent
        if not resume:
            raise ConfigError(
                f"{folder} holds a training, {left[0].name}: --resume goes on with it, {_CURE}"
            )
        if not self.checkpoint.exists():
            raise ConfigError(f"{folder} has no {self.checkpoint.name} to go on from: {_CURE}")
        header = store.load_container(self.checkpoint).header
        differences = all_changes(header.get("made_of", {}), origins)
        if differences:
            raise ConfigError(
                f"{self.checkpoint} was made of something else: {'; '.join(differences)}. {_CURE}"
            )
        return True

    def clear(self) -> None:
        """Remove what an earlier training left."""
        for path in (self.checkpoint, *self.results):
            path.unlink(missing_ok=True)


def _refuse_file(folder: Path) -> None:
    """Errors: `ConfigError` where a folder would have the name of a file, or lie within one."""
    for place in (folder, *folder.parents):
        if place.is_dir():
            return
        if os.path.lexists(place):
            raise ConfigError(f"{place} is no folder: a training needs one for its files")


def origins_of(
    sections: Mapping[str, Any],
    device: str,
    docs: Mapping[str, Sequence[Doc]] | None = None,
) -> dict[str, Description]:
    """What a training is made of: the identity of each file that its recipe names, and settings.

    Args:
        sections: those of the recipe, with absolute paths.
        device: the type of the device; scores depend on it in their last digit.
        docs: documents in memory, by what they are for.
    """
    inputs: Description = {}
    for part, own_docs in (docs or {}).items():
        digest = sha256()
        for doc in own_docs:
            digest.update(doc.to_bytes())
        inputs[f"memory the {part} documents"] = ["", len(own_docs), 0, digest.hexdigest()]
    settings: Description = {"--device": device}
    for name, value in flattened(sections).items():
        if name in _FREE:
            continue
        paths = _files(name, value)
        settings[name] = [path.name for path in paths] or value
        for path in paths:
            inputs[f"{name} {path.name}"] = ["", *identity(path)]
    return {"inputs": inputs, "settings": settings}


def _files(
    name: str,
    value: Any,
) -> list[Path]:
    """The files that a setting names."""
    _, _, key = name.rpartition(".")
    if key not in PATH_KEYS:
        return []
    values = value if isinstance(value, list) else [value]
    paths = []
    for item in values:
        if not isinstance(item, str) or not item:
            continue
        is_name = key in PIPELINE_KEYS or item in pipelines.names()
        paths.append(pipeline_path(item) if is_name else Path(item))
    return [path for path in paths if path.exists()]
