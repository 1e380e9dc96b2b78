"""Published networks of the BERT family, read from a folder with `config.json` and safetensors.

Nothing is run and nothing is fetched. The `safetensors` library, an extra that only this module
uses, reads arrays. Any other file of weights, a pickle above all, is refused.

A tensor of ours may consist of several of theirs, one below the other:

    stack.blocks.0.attention.project.weight  =  …query.weight
                                                …key.weight
                                                …value.weight
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pipekit.encoders.bert.config import CONFIG, WHOLE, PublishedConfig
from pipekit.encoders.bert.network import Network
from pipekit.encoders.bert.published import PublishedKind
from pipekit.errors import ConfigError

INDEX = "model.safetensors.index.json"
PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt", "tf_model.h5", "*.msgpack")
_NUMBERS = {"F64", "F32", "F16", "BF16"}
_PIECES = "embed.pieces.weight"
_POSITIONS = "embed.positions.weight"


@dataclass(frozen=True)
class Checkpoint:
    """A published network.

    Attributes:
        kind: its `model_type`.
        family, network: settings of `pipekit.encoders.bert.encoder.Bert`.
        weights: the state of its network, float32.
        left_out: what else the files hold, such as heads.
    """

    kind: str
    family: str
    network: dict[str, Any]
    weights: dict[str, Tensor]
    left_out: tuple[str, ...]


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


class _Part(NamedTuple):
    """A stored tensor, by name, that is a part of one of ours; without a name it is zeros."""

    name: str
    shape: tuple[int, ...]


def read_checkpoint(
    folder: Path,
    pieces: int,
) -> Checkpoint:
    """The network in a folder, for a vocabulary of so many pieces.

    All names and shapes are checked before the first tensor is read.

    Errors: `ConfigError` naming the file, and the key or tensor that is missing, wrong or not
    supported.
    """
    config = PublishedConfig(folder / CONFIG)
    kind = config.kind()
    network = config.network(kind)
    vocabulary = config.number("vocab_size", "vocab_size")
    if pieces > vocabulary:
        config.refuse(
            f"vocab_size = {vocabulary}, but the vocabulary beside it has {pieces} pieces: "
            "they belong to different networks"
        )
    with torch.device("meta"):
        expected = Network(vocabulary, config.shape(kind, network)).state_dict()
    with open_tensors(folder) as tensors:
        skipped = config.padding_positions(kind)
        reader = _Reader(folder, tensors, kind, skipped, network["heads"])
        shapes = {name: tuple(tensor.shape) for name, tensor in expected.items()}
        parts = {name: reader.find(name, shape) for name, shape in shapes.items()}
        weights = {name: reader.read(name, parts[name]) for name in parts}
    weights[_PIECES] = weights[_PIECES][:pieces].clone()  # the rows behind are no pieces
    unused = set(tensors)
    for stored in parts.values():
        unused.difference_update(part.name for part in stored)
    model_type = config.values["model_type"]
    return Checkpoint(model_type, kind.family, network, weights, _summary(unused))


# -- files


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
            "networks of others need the safetensors library: pip install safetensors"
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
    index = PublishedConfig(folder / INDEX)
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


# -- tensors


@dataclass(frozen=True)
class _Reader:
    """Finds and reads the parts of our tensors among the stored ones.

    Attributes:
        folder: of the files, for messages.
        tensors: the stored tensors by name.
        kind: knows the names.
        skipped: rows of the table of positions that stand before the first position.
        heads: of the attention.
    """

    folder: Path
    tensors: Mapping[str, StoredTensor]
    kind: PublishedKind
    skipped: int
    heads: int

    def find(
        self,
        name: str,
        shape: tuple[int, ...],
    ) -> list[_Part]:
        """The parts of one of our tensors, from top to bottom.

        Errors: `ConfigError` for a part that is missing or does not fit.
        """
        stored_names = self._stored_names(name)
        rows = shape[0] // len(stored_names)
        if name == _POSITIONS:
            rows += self.skipped
        part_shape = (rows, *shape[1:])
        return [_Part(self._checked(stored, part_shape), part_shape) for stored in stored_names]

    def _stored_names(self, name: str) -> list[str]:
        """The names of a tensor's parts, without the prefix of the kind."""
        match = re.match(r"stack\.blocks\.(\d+)\.", name)
        layer = ""
        pattern = name
        if match is not None:
            layer = match[1]
            pattern = name.replace(match[0], "stack.blocks.{n}.")
        patterns: Sequence[str] = self.kind.names.get(pattern, ())
        if not patterns:
            stem, last = pattern.rsplit(".", 1)
            patterns = [f"{stored}.{last}" for stored in self.kind.names[stem]]
        return [stored.replace("{n}", layer) for stored in patterns]

    def _checked(
        self,
        name: str,
        shape: tuple[int, ...],
    ) -> str:
        """The name with the prefix where the file has it; the stored tensor is checked."""
        if not name:
            return name
        names = (self.kind.prefix + name, name)
        present = [candidate for candidate in names if candidate in self.tensors]
        if not present:
            raise ConfigError(
                f"{self.folder}: no tensor {name} is in its safetensors files, "
                f"though {CONFIG} asks for one of {shape}"
            )
        tensor = self.tensors[present[0]]
        if tensor.shape != shape or tensor.dtype not in _NUMBERS:
            raise ConfigError(
                f"{tensor.file}: tensor {tensor.name} "
                f"is {tensor.dtype} of {tensor.shape}, "
                f"where {CONFIG} asks for float of {shape}"
            )
        return present[0]

    def read(
        self,
        name: str,
        parts: Iterable[_Part],
    ) -> Tensor:
        """One of our tensors, put together of its parts, float32."""
        whole = torch.cat([self._values(part) for part in parts])
        if self.kind.by_head and name.endswith("attention.project.weight"):
            whole = self._by_projection(whole)
        if name == _POSITIONS:
            whole = whole[self.skipped :].clone()
        return whole

    def _by_projection(self, weight: Tensor) -> Tensor:
        """The rows of queries, keys and values: theirs lie head by head, ours do not.

        theirs      head 0: q k v | head 1: q k v | …
        ours        q of all heads | k of all heads | v of all heads
        """
        by_head = weight.view(self.heads, 3, -1, weight.shape[1])
        return by_head.transpose(0, 1).reshape(weight.shape)

    def _values(self, part: _Part) -> Tensor:
        if not part.name:
            return torch.zeros(part.shape)
        tensor = self.tensors[part.name]
        values: Tensor = tensor.handle.get_tensor(tensor.name).to(torch.float32)
        if not values.isfinite().all():
            raise ConfigError(
                f"{tensor.file}: tensor {tensor.name} holds values that are no finite numbers"
            )
        return values


def _summary(names: Iterable[str]) -> tuple[str, ...]:
    """What tensors belong to: their names without last parts, a * for the number of a layer."""
    owners = set()
    for name in names:
        owner = re.sub(r"\.\d+(?=\.|$)", ".*", name)
        owner = re.sub(r"\.(weight|bias)$", "", owner)
        if not owner.endswith("position_ids"):
            owners.add(owner)
    return tuple(sorted(owners))
