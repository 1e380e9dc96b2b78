"""A pipeline as a file or bytes, and back.

A pipeline file has a header of plain data and named arrays:

    header   config       the settings of all parts, in their order
             meta         whatever describes the pipeline
             suppliers    {"components tagger": the package that brings it, …}
             same         {name of an array: name under which it is stored, …}
    arrays   encoders/main/tables/words, components/tagger/weights/output.bias, …

Nothing in the file is run, and a part is built only if an installed package brings its type.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, NamedTuple, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipekit import installed, registry
from pipekit.allowance import allowed
from pipekit.errors import ConfigError, CorruptModelError, PipekitError, near
from pipekit.pipeline.assembly import Assembly
from pipekit.pipeline.config import PipelineSettings
from pipekit.pipeline.hooks import hooks
from pipekit.registry import check_arguments
from pipekit.settings import LabelName, Length, check_values, names_of
from pipekit.storage import store

_KINDS = ("encoders", "components")  # of parts that have tables and weights
# What a pipeline may take of memory while it is read: so many bytes for each of its file, and these
# for all files. A network of float16 takes 4 beside the bytes of the file, 4-bit vectors 8.
_PER_BYTE = 12
_SPARE = 12 << 20
_LONGEST = 500  # characters of a reason that others give
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*|this process")

_Arrays = dict[str, NDArray[Any]]
_ByPart = dict[str, _Arrays]
_Settings = Mapping[str, Any]
_P = TypeVar("_P", bound=Assembly)

# -- a pipeline to a file


def save_pipeline(
    pipeline: Assembly,
    path: str | os.PathLike[str],
    *,
    half: bool = False,
) -> None:
    """Write a pipeline to one file; half: weights as float16.

    An older file of that name stays whole until the new one is. Errors: `StoreError`.
    """
    header, arrays = _contents(pipeline)
    store.save(path, header, arrays, half=half)


def dump_pipeline(
    pipeline: Assembly,
    *,
    half: bool = False,
) -> bytes:
    """A pipeline as bytes; half: weights as float16."""
    header, arrays = _contents(pipeline)
    return store.to_bytes(header, arrays, half=half)


def fits_half(pipeline: Assembly) -> bool:
    """Whether all weights are float16 numbers, as of a pipeline that was saved as such."""
    for name, array in _all_arrays(pipeline).items():
        if "/weights/" in name and array.dtype == np.float32:
            is_narrow = np.abs(array).max(initial=0) <= np.finfo(np.float16).max
            if not is_narrow or not (array.astype(np.float16) == array).all():
                return False
    return True


def pipeline_fingerprint(pipeline: Assembly) -> str:
    """A checksum of all that a file of the pipeline would hold, which tells it from every other."""
    header, arrays = _contents(pipeline)
    return store.fingerprint(header, arrays)


def _contents(pipeline: Assembly) -> tuple[dict[str, Any], _Arrays]:
    """The header and the arrays of a pipeline file; an array that parts share stands there once."""
    config = pipeline.config
    suppliers = {}
    for kind, settings in _part_settings(config):
        type = settings["type"]
        supplier = registry.BY_KIND[kind].supplier(type)
        suppliers[f"{kind} {type}"] = supplier.package
    arrays = _all_arrays(pipeline)
    same = _duplicates(arrays)
    for name in same:
        del arrays[name]
    header = {
        "config": config,
        "meta": pipeline.meta,
        "suppliers": suppliers,
        "same": same,
    }
    return header, arrays


def _part_settings(config: _Settings) -> Iterator[tuple[str, _Settings]]:
    """Kind and settings of each part of a config."""
    yield "tokenizer", config["tokenizer"]
    for kind in _KINDS:
        for settings in config[kind].values():
            yield kind, settings


def _all_arrays(pipeline: Assembly) -> _Arrays:
    """Tables and weights of all parts, by the names that `_address` reads."""
    arrays: _Arrays = {}
    for place, part in _places(pipeline):
        for key, array in tables(part).items():
            arrays[f"{place}/tables/{key}"] = array
        for key, tensor in _weights(part).items():
            array = tensor.detach().cpu().numpy()
            arrays[f"{place}/weights/{key}"] = np.ascontiguousarray(array)
    return arrays


def _places(pipeline: Assembly) -> Iterator[tuple[str, Any]]:
    """Each part with its place in the pipeline, "<kind>/<name>"."""
    for name, encoder in pipeline.encoders.items():
        yield f"encoders/{name}", encoder
    for name, component in pipeline.components.items():
        yield f"components/{name}", component


def _duplicates(arrays: _Arrays) -> dict[str, str]:
    """Arrays that stand under an earlier name already, such as a shared lexicon, with that name."""
    first_names: dict[int, str] = {}
    duplicates = {}
    for name, array in arrays.items():
        first = first_names.setdefault(id(array), name)
        if first != name:
            duplicates[name] = first
    return duplicates


def tables(part: Any) -> _Arrays:
    """The fixed arrays of a part."""
    arrays = getattr(part, "tables", {})
    return {name: np.asarray(array) for name, array in arrays.items()}


def _weights(part: Any) -> dict[str, Any]:
    """The learned tensors of a part; none of a part without a network."""
    torch = sys.modules.get("torch")
    if torch is None:  # nobody has imported it, so there are no networks
        return {}
    if not isinstance(part, torch.nn.Module):
        return {}
    return dict(part.state_dict())


# -- a file to a pipeline


def read_pipeline(
    container: store.Container,
    where: str,
    built_as: type[_P],
    exclude: Sequence[str] = (),
    include: Sequence[str] | None = None,
) -> _P:
    """The pipeline that a file holds.

    Args:
        container: the contents of the file.
        where: what error messages call the file.
        built_as: the class of the pipeline.
        exclude, include: components, as of `pipekit.load`.

    Errors: those of `pipekit.load`.
    """
    limited = allowed(_PER_BYTE * container.size + _SPARE, where)
    with _named(where), installed.one_look(), limited:
        header = container.header
        whole = _checked_config(header)
        excluded = names_of(exclude, "exclude")
        included = None if include is None else names_of(include, "include")
        config = _selected(whole, excluded, included)
        _require_types(config, header.get("suppliers", {}))
        tables, weights = _by_part(_with_duplicates(container), _places_of(whole))
        try:
            pipeline = built_as(config, tables, header.get("meta"))
        except ConfigError:
            _explain(whole, tables, built_as, excluded, included)
            raise
        for place, part in _places(pipeline):
            _load_weights(part, weights.get(place, {}), place)
    hooks.tell("pipeline_ready", pipeline=pipeline)
    return pipeline


def rebuilt(
    built_as: type[_P],
    data: bytes,
    device: str,
    precision: str,
) -> _P:
    """The pipeline of some bytes on a device, in a precision. Errors: those of `pipekit.load`."""
    container = store.container_from_bytes(data)
    pipeline = read_pipeline(container, "the bytes of a pipeline", built_as)
    return pipeline.to(device).with_precision(precision)


def unpickled(
    built_as: type[_P],
    data: bytes,
    device: str,
    precision: str,
) -> _P:
    """As `rebuilt`, but a pipeline that comes again is not built again: views share its weights.

    A pool of processes sends it with each task.
    """
    pipeline: _P = _last_rebuilt(built_as, data, device, precision)
    return pipeline.select_pipes()


_last_rebuilt = lru_cache(maxsize=1)(rebuilt)


def _explain(
    config: _Settings,
    tables: Mapping[str, _Arrays],
    built_as: type[Assembly],
    exclude: Sequence[str],
    include: Sequence[str] | None,
) -> None:
    """Errors: `ConfigError` where components were left out that others need.

    Only built components tell what they read and write, so all of them are built for the message.
    """
    if exclude or include is not None:
        built_as(config, tables).check_left_out(exclude, include)


@contextmanager
def _named(where: str) -> Iterator[None]:
    """Errors in a file name it. What is no error of pipekit's own becomes `CorruptModelError`."""
    try:
        yield
    except PipekitError as error:
        if str(error).startswith(where):
            raise
        raise type(error)(f"{where}: {error}") from error
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise CorruptModelError(
            f"{where}: a part cannot be built from what it holds: {reason:.{_LONGEST}}"
        ) from error


def _checked_config(header: Mapping[str, Any]) -> dict[str, Any]:
    """The config in a header. Errors: `CorruptModelError` for a header of another shape."""
    config = header.get("config")
    if not _has_parts(config):
        raise CorruptModelError(
            "holds no pipeline: its header has no config with tokenizer, encoders and components"
        )
    try:
        check_values(_HeaderSettings, header, "its header")
        check_arguments(PipelineSettings, config, "its config")
        for kind, settings in _part_settings(config):
            with_type = {"type": None, **settings}
            check_values(_PartSettings, with_type, f"a part of its {kind}")
    except ConfigError as error:
        raise CorruptModelError(str(error)) from error
    return config


@dataclass(frozen=True)
class _HeaderSettings:
    """What a header holds beside the config."""

    meta: Mapping[str, Any]
    suppliers: Mapping[str, Annotated[str, Length(1, 80)]]
    same: Mapping[str, str]


@dataclass(frozen=True)
class _PartSettings:
    """What any part may have; the rest is for its type to say."""

    type: LabelName
    encoder: LabelName | None


def _has_parts(config: Any) -> TypeGuard[dict[str, Any]]:
    if not isinstance(config, dict):
        return False
    groups = [config.get(kind) for kind in registry.BY_KIND]
    return all(isinstance(group, dict) for group in groups)


def _selected(
    config: dict[str, Any],
    exclude: Sequence[str],
    include: Sequence[str] | None,
) -> dict[str, Any]:
    """The config with some of its components, and the encoders that they read."""
    components = config["components"]
    asked_for = [*exclude, *(include or ())]
    for name in asked_for:
        if name not in components:
            raise ConfigError(f"the pipeline has no component {name!r}.{near(name, components)}")
    selected = {}
    encoders_read = set()
    for name, settings in components.items():
        is_included = include is None or name in include
        if is_included and name not in exclude:
            selected[name] = settings
            encoders_read.add(settings.get("encoder"))
    encoders = {}
    is_whole = not exclude and include is None
    for name, settings in config["encoders"].items():
        if is_whole or name in encoders_read:
            encoders[name] = settings
    return {**config, "components": selected, "encoders": encoders}


def _require_types(
    config: dict[str, Any],
    suppliers: Mapping[str, str],
) -> None:
    """Errors: `PluginMissingError` for a part whose type no installed package brings."""
    types = {(kind, settings["type"]) for kind, settings in _part_settings(config)}
    for kind, type in sorted(types):
        package = suppliers.get(f"{kind} {type}", "")
        if not _PACKAGE.fullmatch(package):
            package = "an unknown package"
        registry.BY_KIND[kind].require(type, package, f"its config, under {kind!r},")


def _with_duplicates(container: store.Container) -> _Arrays:
    """The arrays of a file, with the tables that stand there under another name.

    Errors: `CorruptModelError` for a name that stands there itself, or another that does not.
    """
    stored = container.tensors
    arrays = dict(stored)
    same = container.header.get("same", {})
    for name, first in same.items():
        if first not in stored or name in stored or "/tables/" not in name:
            raise CorruptModelError(f"{name!r:.80} cannot be the same as {first!r:.80}")
        arrays[name] = stored[first]
    return arrays


def _places_of(config: _Settings) -> set[str]:
    """The places of all parts that have arrays, "<kind>/<name>"."""
    return {f"{kind}/{name}" for kind in _KINDS for name in config[kind]}


def _by_part(
    arrays: _Arrays,
    places: set[str],
) -> tuple[_ByPart, _ByPart]:
    """The tables and the weights of each part, by "<kind>/<name>"."""
    tables: _ByPart = {}
    weights: _ByPart = {}
    for name, array in arrays.items():
        address = _address(name)
        if address.place not in places:
            raise CorruptModelError(f"the tensor {name!r:.80} belongs to no part of a pipeline")
        parts = tables if address.is_table else weights
        own_arrays = parts.setdefault(address.place, {})
        own_arrays[address.key] = array
    return tables, weights


class _Address(NamedTuple):
    """The owner of an array.

    Attributes:
        place: "<kind>/<name>" of the part.
        is_table: whether it is one of the part's tables, and not of its weights.
        key: its name within the part.
    """

    place: str
    is_table: bool
    key: str


def _address(name: str) -> _Address:
    """The owner of the array "<kind>/<name of the part>/<tables or weights>/<key>"."""
    kind, _, rest = name.partition("/")
    part, _, rest = rest.partition("/")
    group, has_key, key = rest.partition("/")
    if group not in ("tables", "weights") or not has_key:
        raise CorruptModelError(f"the tensor {name!r:.80} belongs to no part of a pipeline")
    return _Address(f"{kind}/{part}", group == "tables", key)


def _load_weights(
    part: Any,
    weights: _Arrays,
    place: str,
) -> None:
    """Errors: `CorruptModelError` for weights of other names, shapes or types, and not finite."""
    expected = _weights(part)
    if not weights and not expected:
        return
    import torch

    state = {}
    former = getattr(part, "former_names", {})
    try:
        learned = dict(part.named_parameters())
        for name, array in weights.items():
            key = _renamed(name, former)
            state[key] = torch.from_numpy(array)
            _check_weight(state[key], expected.get(key), key, key in learned)
        part.load_state_dict(state)
    except (RuntimeError, AttributeError, ConfigError) as error:
        reason = f"{error}"
        raise CorruptModelError(
            f"{place}: its weights do not fit its settings: {reason:.{_LONGEST}}"
        ) from error


def _renamed(
    name: str,
    former: Mapping[str, str],
) -> str:
    """What a weight is called now, see `Part.former_names`."""
    for pattern, now in former.items():
        name = re.sub(pattern, now, name)
    return name


def _check_weight(
    weight: Any,
    expected: Any,
    key: str,
    is_learned: bool,
) -> None:
    """Errors: `ConfigError`. A constant, such as a mask, may be infinite."""
    if expected is not None and weight.dtype != expected.dtype:
        raise ConfigError(f"{key} is {weight.dtype}, and not {expected.dtype}")
    if weight.is_floating_point() and weight.numel():
        least, most = weight.aminmax()
        is_finite = least.isfinite() and most.isfinite()
        if least.isnan() or (is_learned and not is_finite):
            raise ConfigError(f"{key} has a number that is infinite, or NaN")
