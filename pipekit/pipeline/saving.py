"""A pipeline as a file or bytes, and back.

A pipeline file holds the config, who supplies each part, the meta data, and all tensors. It is data:
nothing in it is run, and a part is built only if an installed package brings its name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipekit import registry
from pipekit.errors import ConfigError, CorruptModelError, near
from pipekit.pipeline.assembly import Assembly
from pipekit.pipeline.hooks import hooks
from pipekit.storage import store

_REGISTRIES = {
    "tokenizer": registry.tokenizers,
    "encoders": registry.encoders,
    "components": registry.components,
}
_TABLES, _WEIGHTS = "tables", "weights"

P = TypeVar("P", bound=Assembly)


def save_pipeline(pipeline: Assembly, path: str | os.PathLike[str], *, half: bool = False) -> None:
    """Write a pipeline to one file; what stood there before stays whole until the new file is. Errors: `StoreError`."""
    store.save(path, *_stored(pipeline), half=half)


def dump_pipeline(pipeline: Assembly, *, half: bool = False) -> bytes:
    """A pipeline as bytes."""
    return store.to_bytes(*_stored(pipeline), half=half)


def pipeline_fingerprint(pipeline: Assembly) -> str:
    """What tells a pipeline from every other: a checksum over all that a file of it would hold."""
    return store.fingerprint(*_stored(pipeline))


def _stored(pipeline: Assembly) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    arrays = dict(_tensors(pipeline))
    same = _doubles(arrays)
    return {**_header(pipeline), "same": same}, {
        name: array for name, array in arrays.items() if name not in same
    }


def _header(pipeline: Assembly) -> dict[str, Any]:
    suppliers = {
        f"{kind} {config['type']}": known.supplier(config["type"]).package
        for kind, known, config in _parts(pipeline.config)
    }
    return {"config": pipeline.config, "meta": pipeline.meta, "suppliers": suppliers}


def _doubles(arrays: Mapping[str, NDArray[Any]]) -> dict[str, str]:
    """Tables that several parts share, such as a lexicon, and the one name under which each is stored."""
    first: dict[int, str] = {}
    return {
        name: first[id(array)]
        for name, array in arrays.items()
        if first.setdefault(id(array), name) != name
    }


def _parts(config: Mapping[str, Any]) -> Iterator[tuple[str, registry.Registry, Mapping[str, Any]]]:
    yield "tokenizer", registry.tokenizers, config["tokenizer"]
    for kind in ("encoders", "components"):
        for part in config[kind].values():
            yield kind, _REGISTRIES[kind], part


def _tensors(pipeline: Assembly) -> Iterator[tuple[str, NDArray[Any]]]:
    """Tables and weights of all parts, "<kind>/<part>/<tables or weights>/<name>"."""
    for kind, parts in (("encoders", pipeline.encoders), ("components", pipeline.components)):
        for name, part in parts.items():
            for key, array in tables(part).items():
                yield f"{kind}/{name}/{_TABLES}/{key}", array
            for key, tensor in _weights(part).items():
                yield (
                    f"{kind}/{name}/{_WEIGHTS}/{key}",
                    np.ascontiguousarray(tensor.detach().cpu().numpy()),
                )


def tables(part: Any) -> dict[str, NDArray[Any]]:
    """The fixed arrays of a part."""
    return {name: np.asarray(array) for name, array in getattr(part, "tables", {}).items()}


def _weights(part: Any) -> dict[str, Any]:
    """The learned tensors of a part; none for a part without a network."""
    torch = sys.modules.get("torch")  # where nobody has imported it, there are no networks
    return dict(part.state_dict()) if torch and isinstance(part, torch.nn.Module) else {}


def read_pipeline(
    container: store.Container,
    where: str,
    built_as: type[P],
    exclude: Sequence[str] = (),
    include: Sequence[str] | None = None,
) -> P:
    """The pipeline that a file holds, as an object of a class. Errors: those of `pipekit.load`."""
    header = container.header
    config = _selected(_config(header, where), exclude, include)
    suppliers = header.get("suppliers", {})
    for kind, known, part in _parts(config):
        known.require(
            part["type"], suppliers.get(f"{kind} {part['type']}", "an unknown package"), where
        )
    tables: dict[str, dict[str, NDArray[Any]]] = {}
    states: dict[str, dict[str, NDArray[Any]]] = {}
    same = {
        name: container.tensors[first]
        for name, first in header.get("same", {}).items()
        if first in container.tensors
    }
    for name, array in {**container.tensors, **same}.items():
        kind, part_name, group, key = _address(name, where)
        target = tables if group == _TABLES else states
        target.setdefault(f"{kind}/{part_name}", {})[key] = array
    pipeline = built_as(config, tables, header.get("meta"))
    for kind in ("encoders", "components"):
        for name, part in getattr(pipeline, kind).items():
            _load_weights(part, states.get(f"{kind}/{name}", {}), f"{where}: {kind}/{name}")
    hooks.tell("pipeline_ready", pipeline=pipeline)
    return pipeline


def _config(header: Mapping[str, Any], where: str) -> dict[str, Any]:
    config = header.get("config")
    if not isinstance(config, dict) or not all(
        isinstance(config.get(k), dict) for k in ("tokenizer", "encoders", "components")
    ):
        raise CorruptModelError(
            f"{where}: holds no pipeline: its header has no config with tokenizer, encoders and components"
        )
    for key in ("meta", "suppliers", "same"):
        if not isinstance(header.get(key, {}), dict):
            raise CorruptModelError(f"{where}: {key!r} in its header is no table")
    for _, _, part in _parts(config):
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise CorruptModelError(f"{where}: a part of its config has no type")
    return config


def _address(name: str, where: str) -> tuple[str, str, str, str]:
    """Kind and name of the part that a tensor belongs to, tables or weights, and its own name."""
    parts = name.split("/", 3)
    if (
        len(parts) < 4
        or parts[0] not in ("encoders", "components")
        or parts[2] not in (_TABLES, _WEIGHTS)
    ):
        raise CorruptModelError(f"{where}: the tensor {name!r} belongs to no part of a pipeline")
    return parts[0], parts[1], parts[2], parts[3]


def _selected(
    config: dict[str, Any], exclude: Sequence[str], include: Sequence[str] | None
) -> dict[str, Any]:
    names = config["components"]
    for name in (*exclude, *(include or ())):
        if name not in names:
            raise ConfigError(f"the pipeline has no component {name!r}.{near(name, names)}")
    kept = {
        n: c for n, c in names.items() if n not in exclude and (include is None or n in include)
    }
    read = {c.get("encoder") for c in kept.values()}
    encoders = {
        n: c
        for n, c in config["encoders"].items()
        if n in read or not (exclude or include is not None)
    }
    return {**config, "components": kept, "encoders": encoders}


def _load_weights(part: Any, state: Mapping[str, NDArray[Any]], where: str) -> None:
    if not state and not _weights(part):
        return
    import torch

    try:
        part.load_state_dict({key: torch.from_numpy(array) for key, array in state.items()})
    except (RuntimeError, AttributeError) as error:
        raise CorruptModelError(f"{where}: its weights do not fit its settings: {error}") from error
