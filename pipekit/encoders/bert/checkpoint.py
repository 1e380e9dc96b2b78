"""Published networks of the BERT family, read from a folder with `config.json` and safetensors.

A tensor of ours may consist of several of theirs, one below the other:

    stack.blocks.0.attention.project.weight  =  …query.weight
                                                …key.weight
                                                …value.weight
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pipekit.encoders.bert.config import PublishedConfig
from pipekit.encoders.bert.guessing import PieceHead
from pipekit.encoders.bert.network import Network
from pipekit.encoders.bert.published import PublishedKind
from pipekit.nn.checkpoints import CONFIG, StoredTensor, find_weight, open_tensors, summary

_PIECES = "embed.pieces.weight"
_POSITIONS = "embed.positions.weight"
_BIAS = "bias"  # of the head, a number for each piece


@dataclass(frozen=True)
class Checkpoint:
    """A published network.

    Attributes:
        kind: its `model_type`.
        family, network: settings of `pipekit.encoders.bert.encoder.Bert`.
        weights: the state of its network, float32.
        head: the state of its `PieceHead`, float32; empty where the files have none that is tied to
            the embedded pieces.
        left_out: what else the files hold, such as heads.
    """

    kind: str
    family: str
    network: dict[str, Any]
    weights: dict[str, Tensor]
    head: dict[str, Tensor]
    left_out: tuple[str, ...]


class _Part(NamedTuple):
    """A stored tensor, by name, that is a part of one of ours; without a name it is zeros."""

    name: str
    shape: tuple[int, ...]


_PartsByName = dict[str, list[_Part]]


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
    shape = config.shape(kind, network)
    with torch.device("meta"):
        expected = Network(vocabulary, shape)
        expected_head = PieceHead(shape, expected.embed.pieces)
    with open_tensors(folder) as tensors:
        reader = _Reader(folder, tensors, kind, config.padding_positions(kind), network["heads"])
        parts = reader.parts(expected)
        head_reader = replace(reader, kind=replace(kind, prefix="", names=kind.guessing))
        head_parts: _PartsByName = {}
        if config.guesses(kind, shape) and head_reader.has_all(expected_head):
            head_parts = head_reader.parts(expected_head)
        weights = {name: reader.read(name, parts[name]) for name in parts}
        head = {name: head_reader.read(name, head_parts[name]) for name in head_parts}
    weights[_PIECES] = weights[_PIECES][:pieces].clone()  # the rows behind are no pieces
    if head:
        head[_BIAS] = head[_BIAS][:pieces].clone()
    unused = set(tensors)
    for stored in (*parts.values(), *head_parts.values()):
        unused.difference_update(part.name for part in stored)
    model_type = config.values["model_type"]
    return Checkpoint(model_type, kind.family, network, weights, head, summary(unused))


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

    def has_all(self, module: nn.Module) -> bool:
        """Whether the files have all tensors of a module."""
        names = chain.from_iterable(map(self._stored_names, module.state_dict()))
        return self.tensors.keys() >= set(names)

    def parts(self, module: nn.Module) -> _PartsByName:
        """The parts of each tensor of a module. Errors: see `find`."""
        parts = {}
        for name, tensor in module.state_dict().items():
            parts[name] = self.find(name, tuple(tensor.shape))
        return parts

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
        return find_weight(self.tensors, names, shape, self.folder)

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
        return self.tensors[part.name].read()
