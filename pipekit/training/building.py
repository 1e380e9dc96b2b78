"""What a recipe names, read and built: its corpora, and the pipeline whose parts learn from them or come from saved ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipekit import model, registry
from pipekit.doc import Doc
from pipekit.errors import ConfigError, DataError, near
from pipekit.loading import load
from pipekit.model import Tables
from pipekit.pipeline import Pipeline
from pipekit.training.recipe import Recipe
from pipekit.training.sources import read_source

KINDS = (("encoders", registry.encoders), ("components", registry.components))


@dataclass(frozen=True)
class Prepared:
    """A pipeline with its data; `until` float[train] is the share of the epochs in which a document takes part."""

    pipeline: Pipeline
    train: list[Doc]
    until: NDArray[np.float64]
    dev: list[Doc]


class Parts(NamedTuple):
    """The config of a pipeline, the tables of its parts by "kind/name", saved pipelines by path, and which of them each part comes from."""

    config: dict[str, Any]
    tables: dict[str, Tables]
    saved: dict[str, Pipeline]
    origin: dict[str, str]


def prepare(recipe: Recipe) -> Prepared:
    """Read the corpora, let the parts complete their settings from them, and build the pipeline."""
    tokenize = Pipeline({key: recipe.pipeline[key] for key in ("lang", "tokenizer") if key in recipe.pipeline}).tokenize
    sources = [(read_source(source, tokenize), source.until) for source in recipe.train]
    given = [(doc, share) for docs, share in sources for doc in docs if len(doc)]
    train_docs, until = [doc for doc, _ in given], np.array([share for _, share in given])
    dev_docs = [doc for source in recipe.dev for doc in read_source(source, tokenize)]
    if not train_docs:
        raise DataError(f"{recipe.path}: [[train]] names no document to learn from")
    return Prepared(build(recipe, train_docs), train_docs, until, dev_docs)


def build(recipe: Recipe, docs: Sequence[Doc]) -> Pipeline:
    """The pipeline of a recipe; parts that have a `source` are those of a saved pipeline, others begin as `start` says, or new."""
    parts = Parts({key: recipe.pipeline[key] for key in ("lang", "tokenizer", "given") if key in recipe.pipeline}, {}, {}, {})
    for kind, known in KINDS:
        parts.config[kind] = {}
        for name, part in recipe.pipeline.get(kind, {}).items():
            if "source" in part:
                _take(parts, kind, name, part)
                continue
            factory = known.get(part.get("type", name))
            settings = {k: v for k, v in part.items() if k != "type"}
            if hasattr(factory, "prepare"):
                settings, parts.tables[f"{kind}/{name}"] = factory.prepare(settings, docs)
            parts.config[kind][name] = {"type": part.get("type", name), **settings}
    pipeline = Pipeline(parts.config, shared(parts.tables), recipe.meta)
    if recipe.settings.start:
        start_from(pipeline, load(recipe.settings.start, device="cpu"))
    for name, path in parts.origin.items():
        start_from(pipeline, parts.saved[path], only=name)
    return pipeline


def _take(parts: Parts, kind: str, name: str, part: Mapping[str, Any]) -> None:
    """The settings and tables of a part of a saved pipeline. Errors: `ConfigError` where it has none of that name."""
    if set(part) != {"source"}:
        raise ConfigError(f"[{kind}.{name}] has a source, which brings all settings: leave {', '.join(sorted(set(part) - {'source'}))} out")
    path = parts.origin[f"{kind}.{name}"] = part["source"]
    other = parts.saved[path] = parts.saved.get(path) or load(path, device="cpu")
    if name not in other.configs[kind]:
        raise ConfigError(f"[{kind}.{name}] source = {path!r}: no {name!r} is there.{near(name, other.configs[kind])}")
    parts.config[kind][name] = dict(other.configs[kind][name])
    parts.tables[f"{kind}/{name}"] = model.tables(getattr(other, kind)[name])


def shared(tables: Mapping[str, Tables]) -> dict[str, Tables]:
    """The same tables, of which those that are equal are one object: what parts from several files share is kept and stored once."""
    first: dict[tuple[str, tuple[int, ...], bytes], NDArray[Any]] = {}

    def one(array: NDArray[Any]) -> NDArray[Any]:
        key = (array.dtype.str, array.shape, blake2b(np.ascontiguousarray(array).tobytes()).digest())
        return first.setdefault(key, array)

    return {part: {name: one(array) for name, array in arrays.items()} for part, arrays in tables.items()}


def start_from(pipeline: Pipeline, other: Pipeline, only: str | None = None) -> None:
    """Copy the weights of all parts that have the same name and shape in another pipeline, or of one part only."""
    theirs = {name: tensor for name, module in modules(other).items() for name, tensor in named(name, module)}
    with torch.no_grad():
        for name, module in modules(pipeline).items():
            for key, tensor in named(name, module):
                if only in (None, name) and key in theirs and theirs[key].shape == tensor.shape:
                    tensor.copy_(theirs[key])


def modules(pipeline: Pipeline) -> dict[str, nn.Module]:
    """The parts that learn, by "encoders.name" and "components.name"."""
    kinds: dict[str, Mapping[str, Any]] = {"encoders": pipeline.encoders, "components": pipeline.components}
    return {f"{kind}.{name}": part for kind, parts in kinds.items() for name, part in parts.items() if isinstance(part, nn.Module)}


def named(prefix: str, module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a part, by names that tell which part it is."""
    return ((f"{prefix}.{name}", tensor) for name, tensor in module.state_dict().items())
