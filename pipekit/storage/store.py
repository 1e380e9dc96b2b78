"""A pipeline in one file: a header and one msgpack message per tensor; data, nothing of which is ever run.

    "PIPEKIT\\0", version u16, length of the header u64, SHA-256 of the header
    the header, {"requires": [feature], "header": what the pipeline says of itself,
                 "tensors": [{"name", "dtype", "stored", "shape", "offset", "length", "sha256"}]}
    for each tensor, in the order of its name, {"dtype", "shape", "data"}; nothing follows the last

Numbers are little-endian. `dtype` is what a tensor is, `stored` what its bytes are: float32 may be stored as float16. `offset` counts from
the end of the header. The bytes depend on header and tensors only, and every one of them is under a checksum or fixed by what is.
"""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from pipekit.errors import ConfigError, CorruptModelError, PipekitFormatError
from pipekit.storage.files import Bytes, write_atomically
from pipekit.storage.packing import MAX_DEPTH, pack, unpack

SUFFIX = ".pipekit"
VERSION = 1
FEATURES: frozenset[str] = frozenset()
"""What a file may require of its reader beyond the format's version; a reader refuses a file that requires what it does not know."""

MAX_NAME = 255
_MAGIC = b"PIPEKIT\0"
_PREFIX = Struct("<8sHQ32s")
_TYPES = ("?", "u1", "<u2", "<u4", "<u8", "i1", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8")
_DTYPES = {np.dtype(name).name: np.dtype(name) for name in _TYPES}
_NAME = re.compile(r"[\w][\w.\-]*(/[\w][\w.\-]*)*", re.ASCII)
_FOREIGN = {
    b"PK\x03\x04": "a zip archive, as torch.save and numpy.savez write",
    b"\x80": "a pickle, which pipekit never opens: it could run code",
    b"\x1f\x8b": "gzip: unpack it first",
    b"{": "JSON",
}
_CURE = "Copy or download it again"
_UPGRADE = "Upgrade, pip install -U pipekit-nlp; if that does not help, the file is damaged: copy or download it again"
_PLAIN = (type(None), bool, int, float, str)
_ENTRY = {
    "name": str,
    "dtype": str,
    "stored": str,
    "shape": list,
    "offset": int,
    "length": int,
    "sha256": bytes,
}
_MAX_BYTES = 2**32 - 1  # of a tensor: what a msgpack message counts
_MAX_AXES = 16
_MAX_HALF = float(np.finfo(np.float16).max)


@dataclass(frozen=True, slots=True)
class Container:
    """What a file holds: plain data, and tensors by name, writable."""

    header: dict[str, Any]
    tensors: dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of the index; `offset` is where the tensor's message begins, behind the header."""

    name: str
    dtype: str
    stored: str
    shape: tuple[int, ...]
    offset: int
    length: int
    sha256: bytes


def _lead(stored: str, shape: tuple[int, ...]) -> bytes:
    """A tensor's message up to the data, which come last."""
    size = math.prod(shape) * _DTYPES[stored].itemsize
    return (
        pack({"dtype": stored, "shape": shape, "data": b""})[:-2]
        + b"\xc6"
        + size.to_bytes(4, "big")
    )


# -- writing


def save(
    path: str | os.PathLike[str],
    header: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    *,
    half: bool = False,
) -> None:
    """Write a pipeline file; what stood there before stays whole until all of the new one is on the disk.

    Args:
        header: plain data as for JSON, at most 31 deep; the order of its keys is kept.
        tensors: by name, parts joined by "/" of letters, digits, `_`, `-` and `.`; a name is a key and never a path.
        half: store float32 as float16, which halves the file and rounds to 11 bits; a tensor with values beyond 65504 is kept as it is.

    Errors: `ConfigError` naming what cannot be stored, `StoreError` where the disk refuses.
    """
    chunks = list(_chunks(header, tensors, half))
    write_atomically(path, chunks, size=sum(map(len, chunks)))


def to_bytes(
    header: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]], *, half: bool = False
) -> bytes:
    """What `save` writes."""
    return b"".join(_chunks(header, tensors, half))


def fingerprint(header: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    """The checksum of the header that a file of these would have, in which are those of all tensors."""
    return sha256(next(_chunks(header, tensors, False))).hexdigest()


def _chunks(
    header: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]], half: bool
) -> Iterator[Bytes]:
    _check_plain(header, "header", MAX_DEPTH - 1)
    arrays = {name: _stored(name, tensors[name], half) for name in sorted(tensors)}
    offset, index = 0, []
    messages: list[Bytes] = []
    for name, array in arrays.items():
        lead, data = _lead(array.dtype.name, array.shape), _bytes(array)
        messages += lead, data
        digest = sha256(lead)
        digest.update(data)
        entry = _Entry(
            name,
            tensors[name].dtype.name,
            array.dtype.name,
            array.shape,
            offset,
            len(lead) + len(data),
            digest.digest(),
        )
        index.append(asdict(entry))
        offset += entry.length
    message = _message(header, index)
    yield _PREFIX.pack(_MAGIC, VERSION, len(message), sha256(message).digest())
    yield message
    yield from messages


def _message(header: Mapping[str, Any], index: list[dict[str, Any]]) -> bytes:
    message = pack({"requires": sorted(FEATURES), "header": header, "tensors": index})
    try:
        unpack(message, "the header")
    except PipekitFormatError as error:
        raise ConfigError(
            f"{error}: it could not be read again; put long lists into tensors"
        ) from error
    return message


def _stored(name: str, tensor: NDArray[Any], half: bool) -> NDArray[Any]:
    """The array as it lies in the file."""
    _check_name(name)
    dtype = _DTYPES.get(tensor.dtype.name)
    if dtype is None:
        raise ConfigError(
            f"tensor {name!r} has dtype {tensor.dtype}; a file holds {', '.join(_DTYPES)}"
        )
    if tensor.nbytes > _MAX_BYTES:
        raise ConfigError(
            f"tensor {name!r} has {tensor.nbytes} bytes, a message at most {_MAX_BYTES}: cut it into several"
        )
    array = np.asarray(tensor, dtype=dtype, order="C")
    fits = (
        half
        and dtype == np.float32
        and not (np.isfinite(array) & (np.abs(array) > _MAX_HALF)).any()
    )
    return array.astype(np.float16) if fits else array


def _bytes(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _check_name(name: str) -> None:
    if (
        not isinstance(name, str)
        or len(name) > MAX_NAME
        or not _NAME.fullmatch(name)
        or ".." in name
    ):
        raise ConfigError(
            f"{name!r:.80} cannot name a tensor: use 1 to {MAX_NAME} letters, digits, '_', '-', '.', in parts joined by '/'"
        )


def _check_plain(value: Any, place: str, left: int) -> None:
    """Be sure that a value comes back as it is. Errors: `ConfigError` naming the place."""
    if not left:
        raise ConfigError(
            f"{place}: lists and maps lie more than {MAX_DEPTH - 1} deep in each other"
        )
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ConfigError(f"{place} has the key {key!r}, which is no string")
            _check_plain(item, f"{place}.{key}", left - 1)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            _check_plain(item, f"{place}[{i}]", left - 1)
    elif type(value) not in _PLAIN or (type(value) is int and not -(2**63) <= value < 2**64):
        kind = type(value).__name__
        raise ConfigError(
            f"{place} is {value!r:.60} ({kind}): a header holds None, booleans, 64-bit numbers, strings, lists and maps"
        )


# -- reading


def load(path: str | os.PathLike[str]) -> Container:
    """What a pipeline file holds, or a folder with exactly one. Errors: `CorruptModelError` naming file, part, reason and cure."""
    file = _find(Path(path))
    try:
        with open(file, "rb") as stream:
            return _Reader(stream, os.fstat(stream.fileno()).st_size, str(file)).container()
    except OSError as error:
        raise CorruptModelError(f"{file} cannot be read: {error.strerror or error}") from error


def from_bytes(data: bytes) -> Container:
    """What the bytes of `to_bytes` hold. Errors: `CorruptModelError`."""
    return _Reader(io.BytesIO(data), len(data), "the bytes").container()


def _find(path: Path) -> Path:
    if path.is_dir():
        found = sorted(p.name for p in path.iterdir() if p.name.endswith(SUFFIX))
        if len(found) != 1:
            raise CorruptModelError(
                f"{path} holds {len(found)} files *{SUFFIX} ({', '.join(found) or 'none'}): name the file to load"
            )
        path = path / found[0]
    if not path.is_file():
        raise CorruptModelError(f"{path}: there is no such file")
    return path


@dataclass(frozen=True, slots=True)
class _Reader:
    """A file of known size: no length is believed that goes beyond it, and nothing is parsed before its checksum holds."""

    stream: BinaryIO
    size: int
    where: str

    def container(self) -> Container:
        header, entries = self._header()
        return Container(header, {entry.name: self._tensor(entry) for entry in entries})

    def _refuse(self, reason: str, cure: str = _CURE) -> NoReturn:
        raise CorruptModelError(f"{self.where}: {reason}. {cure}")

    def _header(self) -> tuple[dict[str, Any], list[_Entry]]:
        length, checksum = self._prefix()
        data = self.stream.read(length)
        if sha256(data).digest() != checksum:
            self._refuse("the header was altered: its checksum does not hold")
        try:
            message = unpack(data, f"{self.where}: the header")
        except PipekitFormatError as error:
            raise CorruptModelError(f"{error}. {_CURE}") from error
        kinds = {"requires": list, "header": dict, "tensors": list}
        if (
            not isinstance(message, dict)
            or {key: type(value) for key, value in message.items()} != kinds
        ):
            self._refuse(f"the header does not consist of {', '.join(kinds)}")
        unknown = [feature for feature in message["requires"] if feature not in FEATURES]
        if unknown:
            self._refuse(f"it requires {unknown}, which this pipekit does not know", _UPGRADE)
        return message["header"], self._entries(message["tensors"], _PREFIX.size + length)

    def _prefix(self) -> tuple[int, bytes]:
        """Length and checksum of the header."""
        prefix = self.stream.read(_PREFIX.size)
        if not prefix.startswith(_MAGIC):
            self._refuse(
                f"no pipeline file, but {_guess(prefix)}", "Give the file that nlp.to_disk wrote"
            )
        if len(prefix) < _PREFIX.size:
            self._refuse(f"cut short after {len(prefix)} bytes")
        _, version, length, checksum = _PREFIX.unpack(prefix)
        if version != VERSION:
            self._refuse(
                f"it has format {version}, this pipekit reads up to {VERSION}",
                _UPGRADE if version > VERSION else _CURE,
            )
        if length > self.size - _PREFIX.size:
            self._refuse(
                f"the header of {length} bytes is cut short, or its length was altered: the file has {self.size}"
            )
        return length, checksum

    def _entries(self, rows: list[Any], start: int) -> list[_Entry]:
        entries = [self._entry(row, number) for number, row in enumerate(rows)]
        end = 0
        for before, entry in zip([None, *entries], entries, strict=False):
            if entry.offset != end or (before is not None and before.name >= entry.name):
                self._refuse(f"the index is out of order at tensor {entry.name!r}")
            end += entry.length
            if start + end > self.size:
                self._refuse(
                    f"cut short within tensor {entry.name!r}: the file has {self.size} bytes"
                )
        if start + end < self.size:
            self._refuse(f"{self.size - start - end} bytes follow its end")
        return entries

    def _entry(self, row: Any, number: int) -> _Entry:
        if not isinstance(row, dict) or {key: type(value) for key, value in row.items()} != _ENTRY:
            self._refuse(f"line {number} of the index does not consist of {', '.join(_ENTRY)}")
        shape = tuple(row["shape"])
        entry = _Entry(**{**row, "shape": shape})
        try:
            _check_name(entry.name)
        except ConfigError as error:
            self._refuse(f"line {number} of the index: {error}")
        place = f"tensor {entry.name!r}"
        if entry.dtype not in _DTYPES or (
            entry.stored != entry.dtype and (entry.dtype, entry.stored) != ("float32", "float16")
        ):
            self._refuse(f"{place} of {entry.dtype} is stored as {entry.stored}")
        if (
            len(shape) > _MAX_AXES
            or not all(type(n) is int and n >= 0 for n in shape)
            or math.prod(n or 1 for n in shape) > _MAX_BYTES
        ):
            self._refuse(f"{place} has the shape {shape}")
        if math.prod(shape) * _DTYPES[
            entry.stored
        ].itemsize > _MAX_BYTES or entry.length != _length(entry):
            self._refuse(f"{place} of shape {shape} does not lie in {entry.length} bytes")
        return entry

    def _tensor(self, entry: _Entry) -> NDArray[Any]:
        lead = _lead(entry.stored, entry.shape)
        found = self.stream.read(len(lead))
        array = np.empty(entry.shape, dtype=_DTYPES[entry.stored])
        count = self.stream.readinto(_bytes(array))  # type: ignore[attr-defined]
        digest = sha256(found)
        digest.update(_bytes(array))
        if found != lead or count != array.nbytes or digest.digest() != entry.sha256:
            self._refuse(f"tensor {entry.name!r} was altered: its checksum does not hold")
        if entry.dtype == "bool":
            return array.view(np.uint8) != 0  # type: ignore[no-any-return]
        return array if entry.dtype == entry.stored else array.astype(_DTYPES[entry.dtype])


def _length(entry: _Entry) -> int:
    return (
        len(_lead(entry.stored, entry.shape))
        + math.prod(entry.shape) * _DTYPES[entry.stored].itemsize
    )


def _guess(prefix: bytes) -> str:
    """What a file that is none of ours may be."""
    if not prefix:
        return "an empty file"
    if prefix[8:9] == b"{":
        return "perhaps a safetensors file"
    return next(
        (what for magic, what in _FOREIGN.items() if prefix.startswith(magic)),
        f"a file that begins with {prefix[:8]!r}",
    )
