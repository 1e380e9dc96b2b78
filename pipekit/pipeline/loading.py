"""Pipelines by name, and from files, folders and bytes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pipekit import registry
from pipekit.errors import UnknownNameError, near
from pipekit.pipeline.pipeline import Pipeline
from pipekit.pipeline.saving import read_pipeline
from pipekit.storage import store


def blank(lang: str) -> Pipeline:
    """A pipeline with the tokenizer of a language and nothing else. Errors: `UnknownNameError` with the languages that there are."""
    return Pipeline({"lang": lang})


def load(
    name: str | os.PathLike[str],
    *,
    device: str = "auto",
    precision: str = "auto",
    exclude: Sequence[str] = (),
    include: Sequence[str] | None = None,
) -> Pipeline:
    """A pipeline by the name of an installed package, or from a file or a folder that holds one.

    Args:
        device: "cpu", "cuda", "cuda:1", or "auto" for a GPU where there is one.
        precision: "float32", "bfloat16", "int8" for linear layers on a CPU, or "auto" for bfloat16 on devices where that is faster.
        exclude: components to leave out; include: the only components to take. Encoders that none of them reads are left out too.

    Nothing is downloaded. Errors: `UnknownNameError` with what is installed, `CorruptModelError`, `PluginMissingError`, `ConfigError`.
    """
    path = _find(name)
    pipeline = read_pipeline(store.load(path), str(name), Pipeline, exclude, include)
    return pipeline.to(device).with_precision(precision)


def from_bytes(
    data: bytes,
    *,
    device: str = "auto",
    exclude: Sequence[str] = (),
    include: Sequence[str] | None = None,
) -> Pipeline:
    """The pipeline of `Pipeline.to_bytes`. Errors: those of `load`."""
    pipeline = read_pipeline(store.from_bytes(data), "these bytes", Pipeline, exclude, include)
    return pipeline.to(device)


def _find(name: str | os.PathLike[str]) -> Path:
    path = Path(name)
    if isinstance(name, str) and path.name == name and not path.exists():
        if name not in registry.pipelines.names():
            raise UnknownNameError(
                f"no pipeline is called {name!r}, and no file or folder is.{near(name, registry.pipelines.names())}"
            )
        found = registry.pipelines.get(name)()
        return Path(found)
    if not path.exists():
        raise UnknownNameError(
            f"{path}: no such file or folder. Installed pipelines: {', '.join(registry.pipelines.names()) or 'none'}."
        )
    return path
