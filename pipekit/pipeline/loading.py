"""Pipelines by name, and from files, folders and bytes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pipekit import installed, registry
from pipekit.errors import ConfigError, UnknownNameError, near
from pipekit.habits import tells_keywords
from pipekit.pipeline.pipeline import Pipeline
from pipekit.pipeline.saving import read_pipeline
from pipekit.storage import store


@tells_keywords("pipekit.blank")
def blank(lang: str) -> Pipeline:
    """A pipeline with the tokenizer of a language and nothing else.

        nlp = pipekit.blank("ru")
        nlp.add_pipe("values")

    Errors: `UnknownNameError` with the languages that there are.
    """
    return Pipeline({"lang": lang})


@tells_keywords("pipekit.load")
def load(
    name: str | os.PathLike[str],
    *,
    device: str = "auto",
    precision: str = "auto",
    exclude: Sequence[str] = (),
    include: Sequence[str] | None = None,
) -> Pipeline:
    """A pipeline by the name of an installed package, or from a file or a folder that holds one.

        nlp = pipekit.load("ru_core")
        nlp = pipekit.load("runs/tagger/best", device="cuda")
        nlp = pipekit.load("ru_core", include=["tagger", "parser"])

    Nothing is downloaded.

    Args:
        device: "cpu", "cuda", "cuda:1", or "auto" for a GPU where there is one.
        precision: "float32", "bfloat16", "int8" for linear layers on a CPU, or "auto" for bfloat16
            on devices where that is faster.
        exclude: components to leave out.
        include: the only components to take. With either of the two, encoders that no remaining
            component reads are left out too.

    Errors: `UnknownNameError` with what is installed, `CorruptModelError`, `PluginMissingError`,
    `ConfigError`.
    """
    container = store.load_container(pipeline_path(name))
    pipeline = read_pipeline(container, str(name), Pipeline, exclude, include)
    return pipeline.to(device).with_precision(precision)


def from_bytes(
    data: bytes,
    *,
    device: str = "auto",
    exclude: Sequence[str] = (),
    include: Sequence[str] | None = None,
) -> Pipeline:
    """The pipeline of `Pipeline.to_bytes`. Errors: those of `load`."""
    container = store.container_from_bytes(data)
    pipeline = read_pipeline(container, "these bytes", Pipeline, exclude, include)
    return pipeline.to(device)


def pipeline_path(name: str | os.PathLike[str]) -> Path:
    """The file or folder of a pipeline. What lies in the current folder hides an installed name.

    Errors: `UnknownNameError` with what is installed.
    """
    if not isinstance(name, str | os.PathLike) or not os.fspath(name):
        raise ConfigError(
            f"a pipeline is loaded by its name or the path of its file, not by {name!r:.60}"
        )
    path = Path(name)
    if path.exists():
        return path
    names = registry.pipelines.names()
    name = os.fspath(name)
    if path.name != name:
        similar = near(path.name, names)
        raise UnknownNameError(
            f"{path}: no such file or folder, and no installed pipeline.{similar}"
        )
    if name not in names:
        raise UnknownNameError(
            f"no pipeline is called {name!r}, and no file or folder is."
            f"{near(name, names)}{installed.unreadable()}"
        )
    locate = registry.pipelines.get(name)
    return Path(locate())
