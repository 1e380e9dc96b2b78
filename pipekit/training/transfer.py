"""Settings, tables and weights that a pipeline takes from saved ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from pipekit.errors import ConfigError
from pipekit.parts.contracts import Tables
from pipekit.pipeline import Pipeline


class Match(NamedTuple):
    """How many tensors out of how many were copied, and the first misfit in words."""

    taken: int
    total: int
    misfit: str


def modules(pipeline: Pipeline) -> dict[str, nn.Module]:
    """The parts that learn, by "encoders.name" and "components.name"."""
    parts: dict[str, Any] = {}
    parts |= {f"encoders.{name}": part for name, part in pipeline.encoders.items()}
    parts |= {f"components.{name}": part for name, part in pipeline.components.items()}
    return {name: part for name, part in parts.items() if isinstance(part, nn.Module)}


def named(
    prefix: str,
    module: nn.Module,
) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a part, by names that begin with that of the part."""
    return ((f"{prefix}.{name}", tensor) for name, tensor in module.state_dict().items())


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
        digest = blake2b(np.ascontiguousarray(array).tobytes()).digest()
        return first.setdefault((array.dtype.str, array.shape, digest), array)

    unique: dict[str, Tables] = {}
    for part, arrays in tables.items():
        unique[part] = {name: first_equal(array) for name, array in arrays.items()}
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
    learning = [name for name in pairs if name in ours]
    matches = {}
    for name in learning:
        if pairs[name] in theirs:
            matches[name] = copied(ours[name], theirs[pairs[name]])
    if learning and not any(match.taken for match in matches.values()):
        misfits = [match.misfit for match in matches.values()]
        lacking = f"it has {', '.join(theirs)}, and the recipe {', '.join(pairs)}"
        reason = misfits[0] if misfits else lacking
        raise ConfigError(f"{setting} gives nothing to begin with: {reason}")
    for name in learning:
        absent = Match(
            0,
            len(ours[name].state_dict()),
            f"there is no {pairs[name]}",
        )
        match = matches.get(name, absent)
        misfit = f"; {match.misfit}" if match.misfit else ""
        print(f"{setting}: {match.taken} of {match.total} tensors of {name}{misfit}")


def copied(
    ours: nn.Module,
    theirs: nn.Module,
) -> Match:
    """Copy the tensors that have the same name and shape in another part."""
    sources = theirs.state_dict()
    targets = ours.state_dict()
    misfits = []
    for name, target in targets.items():
        source = sources.get(name)
        if source is not None and source.shape == target.shape:
            target.copy_(source)
            continue
        there = "not there" if source is None else f"{list(source.shape)} there"
        misfits.append(f"{name} is {list(target.shape)} here and {there}")
    taken = len(targets) - len(misfits)
    return Match(taken, len(targets), misfits[0] if misfits else "")
