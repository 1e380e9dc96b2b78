"""Settings, tables and weights that a pipeline takes from saved ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipekit.errors import ConfigError
from pipekit.parts.contracts import Axes, Head, RowNames, Tables
from pipekit.pipeline import Pipeline

_SHOWN = 8  # names that a message lists


class Match(NamedTuple):
    """How many tensors out of how many were copied, and the first misfit in words."""

    taken: int
    total: int
    misfit: str


def modules(pipeline: Pipeline) -> dict[str, nn.Module]:
    """The parts that learn, by "encoders.name" and "components.name"."""
    learning: dict[str, nn.Module] = {}
    for name, encoder in pipeline.encoders.items():
        if isinstance(encoder, nn.Module):
            learning[f"encoders.{name}"] = encoder
    for name, component in pipeline.components.items():
        if isinstance(component, nn.Module):
            learning[f"components.{name}"] = component
    return learning


def named(
    prefix: str,
    module: nn.Module,
) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a part, by names that begin with that of the part."""
    for name, tensor in module.state_dict().items():
        yield f"{prefix}.{name}", tensor


def merge_settings(
    settings: Mapping[str, Any],
    changes: Mapping[str, Any],
) -> dict[str, Any]:
    """Settings with changes; in a table within a table only the named keys are changed."""
    merged = {**settings, **changes}
    for key, new in changes.items():
        old = settings.get(key)
        if isinstance(new, Mapping) and isinstance(old, Mapping):
            merged[key] = merge_settings(old, new)
    return merged


def shared(tables: Mapping[str, Tables]) -> dict[str, Tables]:
    """The same tables; equal arrays become one object.

    So what parts of several files have in common is in memory once, and is stored once.
    """
    first: dict[tuple[str, tuple[int, ...], bytes], NDArray[Any]] = {}

    def first_equal(array: NDArray[Any]) -> NDArray[Any]:
        content = np.ascontiguousarray(array).tobytes()
        digest = blake2b(content).digest()
        key = (array.dtype.str, array.shape, digest)
        return first.setdefault(key, array)

    unique: dict[str, Tables] = {}
    for part, arrays in tables.items():
        unique_arrays: Tables = {}
        for name, array in arrays.items():
            unique_arrays[name] = first_equal(array)
        unique[part] = unique_arrays
    return unique


def start_from(
    pipeline: Pipeline,
    saved: Pipeline,
    pairs: Mapping[str, str],
    setting: str,
) -> None:
    """Copy the tensors that have the same name and shape in a saved pipeline, and print how many.

    Args:
        pairs: for each part the part of the saved pipeline that it begins as, both as
            "encoders.name".
        setting: the place in the recipe, for messages.

    Errors: `ConfigError` where there are tensors and none of them fits.
    """
    ours = modules(pipeline)
    theirs = modules(saved)
    matches = {}
    listed = {}
    reason = ""
    for name, saved_name in pairs.items():
        if name not in ours:
            continue
        part = ours[name]
        if saved_name in theirs:
            match = copied(part, theirs[saved_name])
            reason = reason or match.misfit
            listed[name] = _listed(pipeline, saved, name, saved_name)
        else:
            match = Match(0, len(part.state_dict()), f"there is no {saved_name}")
        matches[name] = match
    taken = sum(match.taken for match in matches.values())
    if matches and not taken:
        if not listed:
            reason = f"it has {', '.join(theirs)}, and the recipe {', '.join(pairs)}"
        raise ConfigError(f"{setting} gives nothing to begin with: {reason}")
    for name, match in matches.items():
        inventory = listed.get(name, "")
        misfit = ""
        if match.misfit:
            misfit = f"; {match.misfit}"
        print(f"{setting}: {match.taken} of {match.total} tensors of {name}{inventory}{misfit}")


def _listed(
    pipeline: Pipeline,
    saved: Pipeline,
    name: str,
    saved_name: str,
) -> str:
    """How much of the inventory of a head is that of a saved one, for the message."""
    setting = getattr(modules(pipeline)[name], "inventory", "")
    ours = _inventory(pipeline, name, setting)
    theirs = _inventory(saved, saved_name, setting)
    if not ours:
        return ""
    new = _beyond(ours, theirs)
    gone = _beyond(theirs, ours)
    staying = len(ours) - len(new)
    parts = [f"{staying} kept"]
    if new:
        parts.append(f"{len(new)} new ({shortened(new)})")
    if gone:
        parts.append(f"{len(gone)} left out ({shortened(gone)})")
    return f"; {setting}: {', '.join(parts)}"


def _beyond(
    items: Sequence[str],
    others: Sequence[str],
) -> list[str]:
    """The items that are not among others."""
    beyond = []
    for item in items:
        if item not in others:
            beyond.append(item)
    return beyond


def _inventory(
    pipeline: Pipeline,
    name: str,
    setting: str,
) -> list[str]:
    """What a part, "components.name", lists in a setting."""
    kind, _, own_name = name.partition(".")
    settings = pipeline.configs[kind].get(own_name, {})
    return list(settings.get(setting, ()))


def shortened(names: Sequence[str]) -> str:
    """Names for a message, the first of many."""
    listed = ", ".join(names[:_SHOWN])
    if len(names) > _SHOWN:
        return f"{listed}, …"
    return listed


def copied(
    ours: nn.Module,
    theirs: nn.Module,
) -> Match:
    """Copy the tensors that have the same name and shape in another part.

    Where the rows of a tensor stand for something by name, each row goes to the row of its name.
    """
    sources = theirs.state_dict()
    targets = ours.state_dict()
    our_rows = _rows(ours)
    their_rows = _rows(theirs)
    taken = 0
    misfit = ""
    for name, target in targets.items():
        source = sources.get(name)
        shape = list(target.shape)
        if source is None:
            misfit = misfit or f"{name} is {shape} here and not there"
            continue
        our_axes = our_rows.get(name, ())
        their_axes = their_rows.get(name, ())
        if _copy(target, source, our_axes, their_axes):
            taken += 1
            continue
        shape_there = list(source.shape)
        misfit = misfit or f"{name} is {shape} here and {shape_there} there"
    return Match(taken, len(targets), misfit)


def _rows(part: nn.Module) -> dict[str, Axes]:
    """What the rows of the tensors of a part stand for; nothing for an encoder."""
    if isinstance(part, Head):
        return part.rows()
    return {}


def _copy(
    target: Tensor,
    source: Tensor,
    our_axes: Axes,
    their_axes: Axes,
) -> bool:
    """Copy a tensor, row by name where both have names, and say whether it fitted."""
    if not our_axes or not their_axes:
        if target.shape != source.shape:
            return False
        target.copy_(source)
        return True
    our_rows = []
    their_rows = []
    for axis, (names, their_names) in enumerate(zip(our_axes, their_axes, strict=True)):
        if names is None or their_names is None:
            names = range(target.shape[axis])
            their_names = range(source.shape[axis])
            if names != their_names:
                return False
        rows, rows_there = _same_names(names, their_names)
        our_rows.append(rows)
        their_rows.append(rows_there)
    target[_grid(our_rows)] = source[_grid(their_rows)]
    return True


def _same_names(
    names: RowNames,
    their_names: RowNames,
) -> tuple[list[int], list[int]]:
    """The rows here, and the rows there, of the names that are in both."""
    places = {name: row for row, name in enumerate(their_names)}
    rows = []
    rows_there = []
    for row, name in enumerate(names):
        if name in places:
            rows.append(row)
            rows_there.append(places[name])
    return rows, rows_there


def _grid(rows: Sequence[Sequence[int]]) -> tuple[Tensor, ...]:
    """The cells at which rows of all axes cross, as an index."""
    indices = [torch.tensor(numbers, dtype=torch.long) for numbers in rows]
    return torch.meshgrid(*indices, indexing="ij")
