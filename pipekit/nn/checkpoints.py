"""Networks of others as files: `config.json` and safetensors, neither of which is trusted.

Nothing is run and nothing is fetched. The `safetensors` library, an extra that only this module
uses, reads arrays. Any other file of weights, a pickle above all, is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import torch
from torch import Tensor

from pipekit.errors import ConfigError, cure

CONFIG = "config.json"
WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt", "tf_model.h5", "*.msgpack")
_WEIGHT_TYPES = {"F64", "F32", "F16", "BF16"}
_MAX_BYTES = 2**24  # of a config


class ConfigFile:
    """A file such as `config.json`, whose values are not trusted.

    Attributes:
        file: where it is.
        values: the JSON object in it.

    Errors: `ConfigError` naming the file and the key, here and in all methods.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.values = self._read()

    def _read(self) -> dict[str, Any]:
        try:
            is_short = self.file.stat().st_size <= _MAX_BYTES
            data = self.file.read_bytes() if is_short else b""
            values = json.loads(data.decode("utf-8"))
        except OSError as error:
            self.refuse(
                f"cannot be read: {error.strerror}. "
                f"A network of others is a folder with {CONFIG}, {WHOLE} and a vocabulary"
            )
        except (ValueError, RecursionError) as error:
            self.refuse(f"is no JSON in UTF-8, or too long for a config: {error}")
        if not isinstance(values, dict):
            self.refuse("is no JSON object")
        return values

    def refuse(self, reason: str) -> NoReturn:
        """Raise a `ConfigError` that begins with the file."""
        raise ConfigError(f"{self.file}: {reason}")

    def whole(
        self,
        key: str,
        low: int,
        high: int,
        default: int | None = None,
    ) -> int:
        """The whole number under a key, from `low` to `high`."""
        value = self.values.get(key, default)
        if type(value) is not int or not low <= value <= high:
            state = "missing" if value is None else repr(value)
            self.refuse(f"{key} is {state}; a whole number from {low} to {high} is needed")
        return value

    def check_fixed(self, fixed: Mapping[str, Sequence[Any]]) -> None:
        """Check keys that change what is computed; a key that is left out is as supported."""
        for key, supported in fixed.items():
            value = self.values.get(key)
            if value is not None and value not in supported:
                choices = ", ".join(map(repr, supported))
                self.refuse(f"{key} = {value!r} is not supported, only {choices}")


class StoredTensor(NamedTuple):
    """A tensor in an open file, under its name there."""

    file: Path
    name: str
    handle: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.handle.get_slice(self.name).get_shape())

    @property
    def dtype(self) -> str:
        """Such as "F32"."""
        return str(self.handle.get_slice(self.name).get_dtype())

    def read(self) -> Tensor:
        """The values, float32. Errors: `ConfigError` for values that are no finite numbers."""
        values: Tensor = self.handle.get_tensor(self.name).to(torch.float32)
        if not values.isfinite().all():
            raise ConfigError(
                f"{self.file}: tensor {self.name} holds values that are no finite numbers"
            )
        return values


@contextmanager
def open_tensors(folder: Path) -> Iterator[dict[str, StoredTensor]]:
    """The tensors of a folder's safetensors files, by name.

    Norms whose names end in gamma and beta are listed as weight and bias.

    Errors: `ConfigError`.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise ConfigError(
            f"networks of others need the safetensors library: {cure('safetensors')}"
        ) from error
    with ExitStack() as files:
        tensors: dict[str, StoredTensor] = {}
        for file in _weight_files(folder):
            try:
                handle = files.enter_context(safe_open(file, framework="pt"))
            except (OSError, SafetensorError) as error:
                raise ConfigError(f"{file}: cannot be read as safetensors: {error}") from error
            for name in list(handle.keys()):
                tensors[_modern_name(name)] = StoredTensor(file, name, handle)
        yield tensors


def find_weight(
    tensors: Mapping[str, StoredTensor],
    names: Sequence[str],
    shape: tuple[int, ...],
    folder: Path,
) -> str:
    """The first of some names that the files have; its tensor is checked before it is read.

    Args:
        names: with the prefix of a network, and as a message calls the tensor.
        shape: that its config asks for.
        folder: of the files, for messages.

    Errors: `ConfigError` for a tensor that is missing, of another shape, or no weight.
    """
    present = [name for name in names if name in tensors]
    if not present:
        raise ConfigError(
            f"{folder}: no tensor {names[-1]} is in its safetensors files, "
            f"though {CONFIG} asks for one of {shape}"
        )
    tensor = tensors[present[0]]
    if tensor.shape != shape or tensor.dtype not in _WEIGHT_TYPES:
        raise ConfigError(
            f"{tensor.file}: tensor {tensor.name} is {tensor.dtype} of {tensor.shape}, "
            f"where {CONFIG} asks for float of {shape}"
        )
    return present[0]


def _modern_name(name: str) -> str:
    name = re.sub(r"\.beta$", ".bias", name)
    return re.sub(r"\.gamma$", ".weight", name)


def _weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder: one, or the parts that an index names."""
    if (folder / WHOLE).is_file():
        return [folder / WHOLE]
    if not (folder / INDEX).is_file():
        _refuse_pickles(folder)
        raise ConfigError(f"{folder}: holds no {WHOLE}, nor {INDEX} with its parts")
    index = ConfigFile(folder / INDEX)
    weight_map = index.values.get("weight_map")
    if not isinstance(weight_map, dict) or not all(map(_is_file_name, weight_map.values())):
        index.refuse("its weight_map does not name files that stand beside it")
    return [folder / name for name in sorted(set(weight_map.values()))]


def _is_file_name(name: Any) -> bool:
    """Whether something is the name of a file, without a folder."""
    return isinstance(name, str) and Path(name).name == name


def _refuse_pickles(folder: Path) -> None:
    names: list[str] = []
    for pattern in PICKLES:
        names += [path.name for path in folder.glob(pattern)]
    if names:
        raise ConfigError(
            f"{folder}: holds {', '.join(sorted(names))} and no {WHOLE}. "
            "Loading such a file can run code that it brings, so it is not read: "
            "convert it where you trust it, for instance by transformers: "
            "model.save_pretrained(FOLDER, safe_serialization=True)"
        )


def summary(names: Iterable[str]) -> tuple[str, ...]:
    """What tensors belong to: their names without last parts, a * for the number of a layer."""
    owners = set()
    for name in names:
        owner = re.sub(r"\.\d+(?=\.|$)", ".*", name)
        owner = re.sub(r"\.(weight|bias)$", "", owner)
        if not owner.endswith("position_ids"):
            owners.add(owner)
    return tuple(sorted(owners))
