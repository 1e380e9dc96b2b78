"""Networks of the BERT family that others have trained, read from the folders in which they come: `config.json` and safetensors files.

Nothing is run and nothing is fetched: a config is numbers, whose ranges are checked before anything is allocated, and the one user of
the `safetensors` library, an extra, reads arrays. What is no such array, a pickle above all, is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import torch
from torch import Tensor

from pipekit.encoders.bert.families import BertShape, shape_of
from pipekit.encoders.bert.network import Network
from pipekit.encoders.bert.published import PUBLISHED_ACTIVATIONS, PUBLISHED_KINDS, PublishedKind
from pipekit.errors import ConfigError, near

CONFIG, WHOLE, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt", "tf_model.h5", "*.msgpack")
_LIMITS: dict[str, tuple[int, int]] = {  # of settings, and of the keys that are no setting of ours
    "width": (1, 2**15),
    "layers": (1, 512),
    "heads": (1, 512),
    "hidden": (1, 2**18),
    "positions": (3, 2**20),
    "segments": (0, 2**10),
    "embedding_width": (1, 2**15),
    "vocab_size": (1, 2**24),
    "pad_token_id": (0, 2**24),
    "position_buckets": (-1, 2**16),
    "max_relative_positions": (-1, 2**16),
}
_NUMBERS = {"F64", "F32", "F16", "BF16"}
_MAX_CONFIG = 2**24  # bytes


@dataclass(frozen=True)
class Checkpoint:
    """A network that others have trained.

    Attributes:
        kind: their `model_type`.
        family, network: settings of `pipekit.encoders.bert.encoder.Bert`.
        weights: the state of its network, float32.
        left_out: what else the files hold, such as heads.
    """

    kind: str
    family: str
    network: dict[str, Any]
    weights: dict[str, Tensor]
    left_out: tuple[str, ...]


def read_checkpoint(folder: Path, pieces: int) -> Checkpoint:
    """The network in a folder, for a vocabulary of so many pieces.

    Errors: `ConfigError` naming the file, and the key or tensor that is missing, wrong or not supported.
    """
    config = _Config(folder / CONFIG)
    kind = config.kind()
    network = config.network(kind)
    vocabulary = config.number("vocab_size", "vocab_size")
    if pieces > vocabulary:
        config.refuse(
            f"vocab_size = {vocabulary}, but the vocabulary beside it has {pieces} pieces: they belong to different networks"
        )
    with torch.device("meta"):
        wanted = Network(vocabulary, config.shape(kind, network)).state_dict()
    with opened(folder) as files:
        reader = _Reader(folder, files, kind, config.before(kind), network["heads"])
        sources = {
            name: reader.sources(name, tuple(tensor.shape)) for name, tensor in wanted.items()
        }  # before anything is read
        weights = {name: reader.read(name, parts) for name, parts in sources.items()}
    weights["embed.pieces.weight"] = weights["embed.pieces.weight"][
        :pieces
    ].clone()  # the rows behind them are no pieces
    left_out = _grouped(set(files) - {part for parts in sources.values() for part, _ in parts})
    return Checkpoint(config.given["model_type"], kind.family, network, weights, left_out)


# -- the config


class _Config:
    """A `config.json`, whose values are not trusted."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            data = file.read_bytes() if file.stat().st_size <= _MAX_CONFIG else b""
            self.given: dict[str, Any] = json.loads(data.decode("utf-8"))
        except OSError as error:
            self.refuse(
                f"cannot be read: {error.strerror}. A network of others is a folder with {CONFIG}, {WHOLE} and a vocabulary"
            )
        except (ValueError, RecursionError) as error:
            self.refuse(f"is no JSON in UTF-8, or too long for a config: {error}")
        if not isinstance(self.given, dict):
            self.refuse("is no JSON object")

    def refuse(self, why: str) -> NoReturn:
        raise ConfigError(f"{self.file}: {why}")

    def kind(self) -> PublishedKind:
        name = self.given.get("model_type")
        if not isinstance(name, str) or name not in PUBLISHED_KINDS:
            self.refuse(
                f"no network of model_type = {name!r} can be read.{near(str(name), PUBLISHED_KINDS)}"
            )
        kind = PUBLISHED_KINDS[name]
        for key, values in kind.fixed.items():
            value = self.given.get(key)
            if value is not None and value not in values:
                self.refuse(
                    f"{key} = {value!r} is not supported, only {', '.join(map(repr, values))}"
                )
        return kind

    def network(self, kind: PublishedKind) -> dict[str, Any]:
        """Settings of `BertShape`."""
        found = {
            setting: self.setting(setting, key, kind.defaults.get(key))
            for setting, key in kind.keys.items()
        }
        if found["width"] % found["heads"]:
            self.refuse(
                f"{kind.keys['width']} = {found['width']} cannot be shared among {found['heads']} heads"
            )
        found["positions"] -= self.before(kind)
        if found["positions"] < _LIMITS["positions"][0]:
            self.refuse(
                f"{kind.keys['positions']} leaves {found['positions']} positions for a text"
            )
        if kind.family == "albert" and found["embedding_width"] == found["width"]:
            self.refuse("an embedding_size that is the hidden_size is not supported")
        return (
            found
            | dict(kind.settings)
            | (self.distances(kind, found) if kind.family.startswith("deberta") else {})
        )

    def shape(self, kind: PublishedKind, network: Mapping[str, Any]) -> BertShape:
        try:
            return shape_of(kind.family, network)
        except ConfigError as error:
            self.refuse(str(error))

    def before(self, kind: PublishedKind) -> int:
        """How many of its rows of positions belong to none."""
        return self.number("pad_token_id", "pad_token_id", 1) + 1 if kind.behind_pad else 0

    def setting(self, setting: str, key: str, default: Any) -> Any:
        value = self.given.get(key, default)
        if setting == "activation":
            if not isinstance(value, str) or value not in PUBLISHED_ACTIVATIONS:
                self.refuse(
                    f"{key} = {value!r} is not supported.{near(str(value), PUBLISHED_ACTIVATIONS)}"
                )
            return PUBLISHED_ACTIVATIONS[value]
        if setting in ("dropout", "epsilon"):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
                self.refuse(f"{key} = {value!r} is no number from 0 to 1")
            return float(value)
        return self.number(key, setting, default)

    def number(self, key: str, setting: str, default: int | None = None) -> int:
        """A whole number within its limits."""
        value = self.given.get(key, default)
        low, high = _LIMITS[setting]
        if type(value) is not int or not low <= value <= high:
            self.refuse(
                f"{key} is {'missing' if value is None else repr(value)}; a whole number from {low} to {high} is needed"
            )
        return value

    def distances(self, kind: PublishedKind, found: Mapping[str, Any]) -> dict[str, Any]:
        """What DeBERTa has beside the others."""
        terms = self.given.get("pos_att_type")
        if sorted(
            terms.split("|")
            if isinstance(terms, str)
            else map(str, terms if isinstance(terms, list) else ())
        ) != ["c2p", "p2c"]:
            self.refuse(f"pos_att_type = {terms!r} is not supported, only ['c2p', 'p2c']")
        if self.given.get("relative_attention") is not True:
            self.refuse("relative_attention is not supported but as true")
        for key, expected in (
            ("embedding_size", found["width"]),
            ("attention_head_size", found["width"] // found["heads"]),
        ):
            if self.given.get(key, expected) != expected:
                self.refuse(f"{key} = {self.given[key]!r} is not supported, only {expected}")
        norm = str(self.given.get("norm_rel_ebd", "none"))
        if norm not in ("none", "layer_norm"):
            self.refuse(f"norm_rel_ebd = {norm!r} is not supported, only 'none' and 'layer_norm'")
        v2 = kind.family == "deberta_v2"
        farthest = self.number("max_relative_positions", "max_relative_positions", -1)
        return {
            "positions": found["positions"] if self.given.get("position_biased_input", True) else 0,
            "relative": farthest if farthest > 0 else found["positions"],
            "buckets": max(self.number("position_buckets", "position_buckets", -1), 0) if v2 else 0,
            "relative_norm": v2 and norm == "layer_norm",
            "relative_own": not (v2 and self.given.get("share_att_key", False)),
        }


# -- the tensors


class Held(NamedTuple):
    """A tensor in an open file, under the name that it has there."""

    file: Path
    name: str
    handle: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.handle.get_slice(self.name).get_shape())

    @property
    def dtype(self) -> str:
        return str(self.handle.get_slice(self.name).get_dtype())


@contextmanager
def opened(folder: Path) -> Iterator[dict[str, Held]]:
    """The tensors of a folder's safetensors files by name; norms that say gamma and beta say weight and bias. Errors: `ConfigError`."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise ConfigError(
            "networks of others need the safetensors library: pip install 'pipekit-nlp[bert]'"
        ) from error
    with ExitStack() as stack:
        found: dict[str, Held] = {}
        for file in _files(folder):
            try:
                handle = stack.enter_context(safe_open(file, framework="pt"))
            except (OSError, SafetensorError) as error:
                raise ConfigError(f"{file}: cannot be read as safetensors: {error}") from error
            names = list(handle.keys())
            found |= {
                re.sub(r"\.gamma$", ".weight", re.sub(r"\.beta$", ".bias", name)): Held(
                    file, name, handle
                )
                for name in names
            }
        yield found


def _files(folder: Path) -> list[Path]:
    if (folder / WHOLE).is_file():
        return [folder / WHOLE]
    if not (folder / INDEX).is_file():
        pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
        if pickles:
            raise ConfigError(
                f"{folder}: holds {', '.join(pickles)} and no {WHOLE}. Loading such a file can run code that it brings, so it is not read: "
                "convert it where you trust it, for instance by transformers: model.save_pretrained(FOLDER, safe_serialization=True)"
            )
        raise ConfigError(f"{folder}: holds no {WHOLE}, nor {INDEX} with its parts")
    names = _Config(folder / INDEX).given.get("weight_map")
    if not isinstance(names, dict) or not all(
        isinstance(name, str) and Path(name).name == name for name in names.values()
    ):
        raise ConfigError(
            f"{folder / INDEX}: its weight_map does not name files that stand beside it"
        )
    return [folder / name for name in sorted(set(names.values()))]


@dataclass(frozen=True)
class _Reader:
    """Finds the tensors of ours among theirs."""

    folder: Path
    files: Mapping[str, Held]
    kind: PublishedKind
    before: int
    heads: int

    def sources(self, name: str, shape: tuple[int, ...]) -> list[tuple[str, tuple[int, ...]]]:
        """The name and the shape of each part of a tensor. Errors: `ConfigError` for one that is missing or does not fit."""
        parts = self.parts(name)
        rows = shape[0] // len(parts) + (self.before if name == "embed.positions.weight" else 0)
        return [(self.found(part, (rows, *shape[1:])), (rows, *shape[1:])) for part in parts]

    def parts(self, name: str) -> tuple[str, ...]:
        number = re.match(r"stack\.blocks\.(\d+)\.", name)
        pattern = name if number is None else name.replace(number[0], "stack.blocks.{n}.")
        stem, last = pattern.rsplit(".", 1)
        names = self.kind.names.get(pattern) or tuple(
            f"{one}.{last}" for one in self.kind.names[stem]
        )
        return tuple(one.replace("{n}", number[1] if number else "") for one in names)

    def found(self, part: str, shape: tuple[int, ...]) -> str:
        if not part:
            return part
        name = next((one for one in (self.kind.prefix + part, part) if one in self.files), None)
        if name is None:
            raise ConfigError(
                f"{self.folder}: no tensor {part} is in its safetensors files, though {CONFIG} asks for one of {shape}"
            )
        held = self.files[name]
        if held.shape != shape or held.dtype not in _NUMBERS:
            is_ = f"is {held.dtype} of {held.shape}"
            raise ConfigError(
                f"{held.file}: tensor {held.name} {is_}, where {CONFIG} asks for float of {shape}"
            )
        return name

    def read(self, name: str, parts: Iterable[tuple[str, tuple[int, ...]]]) -> Tensor:
        whole = torch.cat(
            [self.values(part) if part else torch.zeros(shape) for part, shape in parts]
        )
        if self.kind.by_head and name.endswith("attention.project.weight"):
            whole = (
                whole.view(self.heads, 3, -1, whole.shape[1]).transpose(0, 1).reshape(whole.shape)
            )
        return whole[self.before :].clone() if name == "embed.positions.weight" else whole

    def values(self, name: str) -> Tensor:
        held = self.files[name]
        values: Tensor = held.handle.get_tensor(held.name).to(torch.float32)
        if not values.isfinite().all():
            raise ConfigError(
                f"{held.file}: tensor {held.name} holds values that are no finite numbers"
            )
        return values


def _grouped(names: Iterable[str]) -> tuple[str, ...]:
    """What tensors belong to: their names without last parts, a * for the number of a layer."""
    plain = {
        re.sub(r"\.(weight|bias)$", "", re.sub(r"\.\d+(?=\.|$)", ".*", name)) for name in names
    }
    return tuple(sorted(name for name in plain if not name.endswith("position_ids")))
