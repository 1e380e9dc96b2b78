"""What a recipe names, read and built: its corpora, and the pipeline whose parts learn from them or come from saved ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from pipekit import registry
from pipekit.corpora.sources import read_source
from pipekit.doc import Doc
from pipekit.errors import ConfigError, DataError, near
from pipekit.parts.contracts import Tables
from pipekit.pipeline import Pipeline, loading, saving
from pipekit.training.recipe import Recipe
from pipekit.training.toml import PATH_KEYS

PART_KINDS = (("encoders", registry.encoders), ("components", registry.components))


@dataclass(frozen=True)
class PreparedParts:
    """A pipeline with its data; `until` float[train] is the share of the epochs in which a document takes part."""

    pipeline: Pipeline
    train: list[Doc]
    until: NDArray[np.float64]
    dev: list[Doc]


class Origin(NamedTuple):
    """Where a part comes from: a saved pipeline, and the part there, as "encoders.name"."""

    path: str
    part: str


class Parts(NamedTuple):
    """The config of a pipeline, the tables of its parts by "kind/name", saved pipelines by path, and the origin of parts that have one."""

    config: dict[str, Any]
    tables: dict[str, Tables]
    saved: dict[str, Pipeline]
    origin: dict[str, Origin]


class Match(NamedTuple):
    """How many tensors of how many were copied, and in words which one is the first that does not fit."""

    taken: int
    total: int
    misfit: str


def prepare(recipe: Recipe) -> PreparedParts:
    """Read the corpora, let the parts complete their settings from them, and build the pipeline."""
    tokenize = Pipeline(
        {key: recipe.pipeline[key] for key in ("lang", "tokenizer") if key in recipe.pipeline}
    ).tokenize
    sources = [(read_source(source, tokenize), source.until) for source in recipe.train]
    given = [(doc, share) for docs, share in sources for doc in docs if len(doc)]
    train_docs, until = [doc for doc, _ in given], np.array([share for _, share in given])
    dev_docs = [doc for source in recipe.dev for doc in read_source(source, tokenize)]
    if not train_docs:
        raise DataError(f"{recipe.path}: [[train]] names no document to learn from")
    return PreparedParts(build_pipeline(recipe, train_docs), train_docs, until, dev_docs)


def build_pipeline(recipe: Recipe, docs: Sequence[Doc]) -> Pipeline:
    """The pipeline of a recipe; parts that have a `source` are those of a saved pipeline, others begin as `start` says, or new.

    What was taken of saved pipelines is printed. Errors: `ConfigError` where they have no such part, or nothing of it fits.
    """
    parts = Parts(
        {
            key: recipe.pipeline[key]
            for key in ("lang", "tokenizer", "given")
            if key in recipe.pipeline
        },
        {},
        {},
        {},
    )
    for kind, known in PART_KINDS:
        parts.config[kind] = {}
        for name, part in recipe.pipeline.get(kind, {}).items():
            if "source" in part:
                _take(parts, kind, name, part, docs)
                continue
            factory = known.get(part.get("type", name))
            settings = {k: v for k, v in part.items() if k != "type"}
            if hasattr(factory, "prepare"):
                settings, parts.tables[f"{kind}/{name}"] = factory.prepare(settings, docs)
            parts.config[kind][name] = {"type": part.get("type", name), **settings}
    pipeline = Pipeline(parts.config, shared(parts.tables), recipe.meta)
    if path := recipe.settings.start:
        pairs = {name: name for name in modules(pipeline) if name not in parts.origin}
        start_from(
            pipeline, loading.load(path, device="cpu"), pairs, f"[training] start = {path!r}"
        )
    for name, origin in parts.origin.items():
        start_from(
            pipeline,
            parts.saved[origin.path],
            {name: origin.part},
            f"[{name}] source = {origin.path!r}",
        )
    return pipeline


def _take(parts: Parts, kind: str, name: str, part: Mapping[str, Any], docs: Sequence[Doc]) -> None:
    """The settings and tables of a part of a saved pipeline, with what the recipe says beside them."""
    path, theirs = part["source"], part.get("part", name)
    other = parts.saved[path] = parts.saved.get(path) or loading.load(path, device="cpu")
    if theirs not in other.configs[kind]:
        hint = "" if "part" in part else ' Take a part of another name with part = "NAME".'
        raise ConfigError(
            f"[{kind}.{name}] source = {path!r}: no {theirs!r} is there.{near(theirs, other.configs[kind])}{hint}"
        )
    parts.origin[f"{kind}.{name}"] = Origin(path, f"{kind}.{theirs}")
    settings, tables = (
        dict(other.configs[kind][theirs]),
        saving.tables(getattr(other, kind)[theirs]),
    )
    changes = {key: value for key, value in part.items() if key not in ("source", "part")}
    if changes:
        _check_changes(kind, name, changes)
        settings = merge_settings(settings, changes)
    if changes and kind == "encoders":
        settings, tables = _completed(settings, tables, docs)
    parts.config[kind][name], parts.tables[f"{kind}/{name}"] = settings, tables


def _check_changes(kind: str, name: str, changes: Mapping[str, Any]) -> None:
    """A source brings the type of a part, and the tables of a component, which were made for its weights."""
    for key, value in changes.items():
        if key == "type" or (kind == "components" and key in PATH_KEYS and isinstance(value, str)):
            raise ConfigError(
                f"[{kind}.{name}] has a source, which brings the {key}: leave {key} out"
            )


def _completed(
    settings: Mapping[str, Any], tables: Tables, docs: Sequence[Doc]
) -> tuple[dict[str, Any], Tables]:
    """Changed settings of an encoder, with the outer files that they name read into tables in place of those of the same kind."""
    factory: Any = registry.encoders.get(settings["type"])
    completed, new = factory.prepare(
        {key: value for key, value in settings.items() if key != "type"}, docs
    )
    replaced = {name.partition(".")[0] for name in new}
    kept = {name: array for name, array in tables.items() if name.partition(".")[0] not in replaced}
    return {"type": settings["type"], **completed}, {**kept, **new}


def merge_settings(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with changes; of a table in a table only what is named is changed."""
    inner = {
        key: new
        for key, new in changes.items()
        if isinstance(new, Mapping) and isinstance(settings.get(key), Mapping)
    }
    return {
        **settings,
        **changes,
        **{key: merge_settings(settings[key], new) for key, new in inner.items()},
    }


def shared(tables: Mapping[str, Tables]) -> dict[str, Tables]:
    """The same tables, of which those that are equal are one object: what parts from several files share is kept and stored once."""
    first: dict[tuple[str, tuple[int, ...], bytes], NDArray[Any]] = {}

    def one(array: NDArray[Any]) -> NDArray[Any]:
        key = (
            array.dtype.str,
            array.shape,
            blake2b(np.ascontiguousarray(array).tobytes()).digest(),
        )
        return first.setdefault(key, array)

    return {
        part: {name: one(array) for name, array in arrays.items()}
        for part, arrays in tables.items()
    }


def start_from(pipeline: Pipeline, other: Pipeline, pairs: Mapping[str, str], setting: str) -> None:
    """Copy the tensors that have the same name and shape in parts of another pipeline, and print how many those are.

    Args:
        pairs: the part of the other pipeline that a part begins as, both as "encoders.name".
        setting: of the recipe, for messages.

    Errors: `ConfigError` where there are tensors and none of them fits.
    """
    ours, theirs = modules(pipeline), modules(other)
    found = {
        name: copied(ours[name], theirs[part])
        for name, part in pairs.items()
        if name in ours and part in theirs
    }
    if not any(match.taken for match in found.values()) and any(name in ours for name in pairs):
        why = next(
            (match.misfit for match in found.values()),
            f"it has {', '.join(theirs)}, and the recipe {', '.join(pairs)}",
        )
        raise ConfigError(f"{setting} gives nothing to begin with: {why}")
    for name in (name for name in pairs if name in ours):
        match = found.get(
            name, Match(0, len(ours[name].state_dict()), f"there is no {pairs[name]}")
        )
        print(
            f"{setting}: {match.taken} of {match.total} tensors of {name}{match.misfit and f'; {match.misfit}'}"
        )


def copied(ours: nn.Module, theirs: nn.Module) -> Match:
    """Copy the tensors that have the same name and shape in another part."""
    given, misfits = theirs.state_dict(), []
    own = ours.state_dict()
    for name, tensor in own.items():
        if name in given and given[name].shape == tensor.shape:
            tensor.copy_(given[name])
        else:
            there = f"{list(given[name].shape)} there" if name in given else "not there"
            misfits.append(f"{name} is {list(tensor.shape)} here and {there}")
    return Match(len(own) - len(misfits), len(own), misfits[0] if misfits else "")


def modules(pipeline: Pipeline) -> dict[str, nn.Module]:
    """The parts that learn, by "encoders.name" and "components.name"."""
    kinds: dict[str, Mapping[str, Any]] = {
        "encoders": pipeline.encoders,
        "components": pipeline.components,
    }
    return {
        f"{kind}.{name}": part
        for kind, parts in kinds.items()
        for name, part in parts.items()
        if isinstance(part, nn.Module)
    }


def named(prefix: str, module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a part, by names that tell which part it is."""
    return ((f"{prefix}.{name}", tensor) for name, tensor in module.state_dict().items())
