"""A pipeline in one file: a header and tensors. Nothing in it is ever run as code.

    b"PIPEKIT\\0", version u16, length of the header u64, SHA-256 of the header
    the header, msgpack: {"requires": [feature], "header": data of the pipeline, "tensors": index}
    for each tensor, in the order of names, msgpack: {"dtype", "shape", "data"}

The index has a row for each tensor, {"name", "dtype", "stored", "shape", "offset", "length",
"sha256"}: `dtype` is the tensor's, `stored` that of its bytes, since float32 may be stored as
float16; `offset` counts from the end of the header. Nothing follows the last tensor. Numbers are
little-endian.

The same header and tensors give the same bytes. Each byte of the file is covered by a checksum, or
follows from bytes that are.
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

from pipekit.builtin import UPGRADE
from pipekit.errors import ConfigError, CorruptModelError, PipekitFormatError
from pipekit.storage.files import Bytes, FilePath, write_atomically
from pipekit.storage.packing import MAX_DEPTH, pack, unpack

SUFFIX = ".pipekit"
VERSION = 1
FEATURES: frozenset[str] = frozenset()
"""Features beyond the version of the format; a file that requires an unknown feature is refused."""

MAX_NAME = 255  # characters
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
_UPGRADE = (
    f"{UPGRADE.capitalize()}; if that does not help, the file is damaged: copy or download it again"
)
_PLAIN = (type(None), bool, int, float, str)
_HEADER_TYPES = {"requires": list, "header": dict, "tensors": list}
_ROW_TYPES = {
    "name": str,
    "dtype": str,
    "stored": str,
    "shape": list,
    "offset": int,
    "length": int,
    "sha256": bytes,
}
_MAX_BYTES = 2**32 - 1  # of a tensor: msgpack counts the bytes of a message with 32 bits
_MAX_AXES = 16
_MAX_HALF = float(np.finfo(np.float16).max)

Header = Mapping[str, Any]
Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Container:
    """The contents of a file.

    Attributes:
        header: plain data.
        tensors: writable arrays by name.
        size: of the file in bytes.
    """

    header: dict[str, Any]
    tensors: dict[str, NDArray[Any]]
    size: int


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the index; `offset` is where the tensor's message begins, behind the header."""

    name: str
    dtype: str
    stored: str
    shape: tuple[int, ...]
    offset: int
    length: int
    sha256: bytes


def _data_size(
    stored: str,
    shape: tuple[int, ...],
) -> int:
    """Bytes of a tensor's data."""
    return math.prod(shape) * _DTYPES[stored].itemsize


def _lead(
    stored: str,
    shape: tuple[int, ...],
) -> bytes:
    """The message of a tensor up to its data, which come last."""
    empty = pack({"dtype": stored, "shape": shape, "data": b""})
    size = _data_size(stored, shape)
    # The message ends with the two bytes of empty data; c6 begins data with a length of 32 bits.
    return empty[:-2] + b"\xc6" + size.to_bytes(4, "big")


def _as_bytes(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


# -- writing


def save(
    path: FilePath,
    header: Header,
    tensors: Tensors,
    *,
    half: bool = False,
) -> None:
    """Write a pipeline file. An old file stays whole until all of the new one is on the disk.

    Args:
        header: plain data as for JSON, at most 31 deep; the order of its keys is kept.
        tensors: arrays by name. A name has parts of letters, digits, `_`, `-` and `.`, joined by
            "/"; it is a key and never a path.
        half: store float32 as float16, which halves the file and rounds to 11 bits. A tensor with
            values beyond 65504 stays float32.

    Errors: `ConfigError` naming what cannot be stored, `StoreError` where the disk refuses.

        save("words.pipekit", {"words": ["a", "b"]}, {"vectors": np.zeros((2, 300))})
    """
    chunks = list(_chunks(header, tensors, half))
    write_atomically(path, chunks, size=sum(map(len, chunks)))


def to_bytes(
    header: Header,
    tensors: Tensors,
    *,
    half: bool = False,
) -> bytes:
    """The bytes that `save` writes."""
    return b"".join(_chunks(header, tensors, half))


def fingerprint(
    header: Header,
    tensors: Tensors,
) -> str:
    """A checksum of header and tensors.

    It is the checksum of the file's beginning, in which the checksums of all tensors stand.
    """
    prefix = next(_chunks(header, tensors, half=False))
    return sha256(prefix).hexdigest()


def _chunks(
    header: Header,
    tensors: Tensors,
    half: bool,
) -> Iterator[Bytes]:
    """The file in pieces: prefix, header, then beginning and data of each tensor."""
    _check_plain(header, "header", MAX_DEPTH - 1)
    arrays = {}
    for name in sorted(tensors):
        arrays[name] = _stored_array(name, tensors[name], half)
    offset = 0
    index = []
    messages: list[Bytes] = []
    for name, array in arrays.items():
        lead = _lead(array.dtype.name, array.shape)
        data = _as_bytes(array)
        messages += lead, data
        digest = sha256(lead)
        digest.update(data)
        row = _Row(
            name=name,
            dtype=tensors[name].dtype.name,
            stored=array.dtype.name,
            shape=array.shape,
            offset=offset,
            length=len(lead) + len(data),
            sha256=digest.digest(),
        )
        index.append(asdict(row))
        offset += row.length
    message = _header_message(header, index)
    checksum = sha256(message).digest()
    yield _PREFIX.pack(_MAGIC, VERSION, len(message), checksum)
    yield message
    yield from messages


def _header_message(
    header: Header,
    index: list[dict[str, Any]],
) -> bytes:
    message = pack({"requires": sorted(FEATURES), "header": header, "tensors": index})
    try:
        unpack(message, "the header")
    except PipekitFormatError as error:
        raise ConfigError(
            f"{error}: it could not be read again; put long lists into tensors"
        ) from error
    return message


def _stored_array(
    name: str,
    tensor: NDArray[Any],
    half: bool,
) -> NDArray[Any]:
    """The array as it lies in the file."""
    _check_tensor_name(name)
    dtype = _DTYPES.get(tensor.dtype.name)
    if dtype is None:
        raise ConfigError(
            f"tensor {name!r} has dtype {tensor.dtype}; a file holds {', '.join(_DTYPES)}"
        )
    if tensor.nbytes > _MAX_BYTES:
        raise ConfigError(
            f"tensor {name!r} has {tensor.nbytes} bytes, a message at most {_MAX_BYTES}: "
            "cut it into several"
        )
    array = np.asarray(tensor, dtype=dtype, order="C")
    if half and dtype == np.float32 and _fits_half(array):
        return array.astype(np.float16)
    return array


def _fits_half(array: NDArray[Any]) -> bool:
    beyond = np.isfinite(array) & (np.abs(array) > _MAX_HALF)
    return not beyond.any()


def _check_tensor_name(name: str) -> None:
    if not isinstance(name, str) or not _is_tensor_name(name):
        raise ConfigError(
            f"{name!r:.80} cannot name a tensor: use 1 to {MAX_NAME} letters, digits, "
            "'_', '-', '.', in parts joined by '/'"
        )


def _is_tensor_name(text: str) -> bool:
    if len(text) > MAX_NAME or ".." in text:
        return False
    return _NAME.fullmatch(text) is not None


def _check_plain(
    value: Any,
    place: str,
    depth: int,
) -> None:
    """Check that a value of at most this depth comes back as it is.

    Errors: `ConfigError` naming the place.
    """
    if not depth:
        raise ConfigError(
            f"{place}: lists and maps lie more than {MAX_DEPTH - 1} deep in each other"
        )
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ConfigError(f"{place} has the key {key!r}, which is no string")
            _check_plain(item, f"{place}.{key}", depth - 1)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            _check_plain(item, f"{place}[{i}]", depth - 1)
    elif type(value) not in _PLAIN or not _fits_64_bits(value):
        kind = type(value).__name__
        raise ConfigError(
            f"{place} is {value!r:.60} ({kind}): a header holds None, booleans, "
            "64-bit numbers, strings, lists and maps"
        )


def _fits_64_bits(value: Any) -> bool:
    return type(value) is not int or -(2**63) <= value < 2**64


# -- reading


def load_container(path: FilePath) -> Container:
    """The contents of a pipeline file, or of the only one in a folder.

    Errors: `CorruptModelError` naming file, part, reason and cure.

        load_container("words.pipekit").tensors["vectors"]
    """
    file = _find_file(Path(path))
    try:
        with open(file, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            return _Reader(stream, size, str(file)).container()
    except OSError as error:
        raise CorruptModelError(f"{file} cannot be read: {error.strerror or error}") from error


def container_from_bytes(data: bytes) -> Container:
    """The contents of the bytes of `to_bytes`. Errors: `CorruptModelError`."""
    return _Reader(io.BytesIO(data), len(data), "the bytes").container()


def _find_file(path: Path) -> Path:
    if path.is_dir():
        names = sorted(file.name for file in path.iterdir() if file.name.endswith(SUFFIX))
        if len(names) != 1:
            listed = ", ".join(names) or "none"
            raise CorruptModelError(
                f"{path} holds {len(names)} files *{SUFFIX} ({listed}): name the file to load"
            )
        path = path / names[0]
    if not path.is_file():
        raise CorruptModelError(f"{path}: there is no such file")
    return path


def _types_of(data: dict[str, Any]) -> dict[str, type]:
    return {key: type(value) for key, value in data.items()}


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads a file of known size.

    Lengths that go beyond the file are refused, and nothing is parsed before its checksum holds.
    """

    stream: BinaryIO
    size: int
    where: str

    def container(self) -> Container:
        header, index = self._header()
        tensors = {row.name: self._tensor(row) for row in index}
        return Container(header, tensors, self.size)

    def _refuse(
        self,
        reason: str,
        cure: str = _CURE,
    ) -> NoReturn:
        raise CorruptModelError(f"{self.where}: {reason}. {cure}")

    def _header(self) -> tuple[dict[str, Any], list[_Row]]:
        length, checksum = self._prefix()
        data = self.stream.read(length)
        if sha256(data).digest() != checksum:
            self._refuse("the header was altered: its checksum does not hold")
        try:
            message = unpack(data, f"{self.where}: the header")
        except PipekitFormatError as error:
            raise CorruptModelError(f"{error}. {_CURE}") from error
        if not isinstance(message, dict) or _types_of(message) != _HEADER_TYPES:
            self._refuse(f"the header does not consist of {', '.join(_HEADER_TYPES)}")
        if any(type(feature) is not str for feature in message["requires"]):
            self._refuse("what it requires are no names")
        unknown = [feature for feature in message["requires"] if feature not in FEATURES]
        if unknown:
            self._refuse(f"it requires {unknown}, which this pipekit does not know", _UPGRADE)
        index = self._index(message["tensors"], _PREFIX.size + length)
        return message["header"], index

    def _prefix(self) -> tuple[int, bytes]:
        """Length and checksum of the header."""
        prefix = self.stream.read(_PREFIX.size)
        if not prefix.startswith(_MAGIC):
            self._refuse(
                f"no pipeline file, but {_foreign_kind(prefix)}",
                "Give the file that nlp.to_disk wrote",
            )
        if len(prefix) < _PREFIX.size:
            self._refuse(f"cut short after {len(prefix)} bytes")
        _, version, length, checksum = _PREFIX.unpack(prefix)
        if version != VERSION:
            cure = _UPGRADE if version > VERSION else _CURE
            self._refuse(f"it has format {version}, this pipekit reads up to {VERSION}", cure)
        if length > self.size - _PREFIX.size:
            self._refuse(
                f"the header of {length} bytes is cut short, or its length was altered: "
                f"the file has {self.size}"
            )
        return length, checksum

    def _index(
        self,
        data: list[Any],
        start: int,
    ) -> list[_Row]:
        """The rows of the index: tensors from byte `start` on, sorted, without gaps."""
        rows = [self._row(row, number) for number, row in enumerate(data)]
        end = start
        previous = ""
        for row in rows:
            if start + row.offset != end or row.name <= previous:
                self._refuse(f"the index is out of order at tensor {row.name!r}")
            previous = row.name
            end += row.length
            if end > self.size:
                self._refuse(
                    f"cut short within tensor {row.name!r}: the file has {self.size} bytes"
                )
        if end < self.size:
            self._refuse(f"{self.size - end} bytes follow its end")
        return rows

    def _row(
        self,
        data: Any,
        number: int,
    ) -> _Row:
        if not isinstance(data, dict) or _types_of(data) != _ROW_TYPES:
            self._refuse(f"line {number} of the index does not consist of {', '.join(_ROW_TYPES)}")
        row = _Row(**{**data, "shape": tuple(data["shape"])})
        try:
            _check_tensor_name(row.name)
        except ConfigError as error:
            self._refuse(f"line {number} of the index: {error}")
        place = f"tensor {row.name!r}"
        if not _may_be_stored(row.dtype, row.stored):
            self._refuse(f"{place} of {row.dtype} is stored as {row.stored}")
        if not _is_shape(row.shape):
            self._refuse(f"{place} has the shape {row.shape}")
        size = _data_size(row.stored, row.shape)
        if size > _MAX_BYTES or row.length != len(_lead(row.stored, row.shape)) + size:
            self._refuse(f"{place} of shape {row.shape} does not lie in {row.length} bytes")
        return row

    def _tensor(self, row: _Row) -> NDArray[Any]:
        expected = _lead(row.stored, row.shape)
        lead = self.stream.read(len(expected))
        array = np.empty(row.shape, dtype=_DTYPES[row.stored])
        count = self.stream.readinto(_as_bytes(array))  # type: ignore[attr-defined]
        digest = sha256(lead)
        digest.update(_as_bytes(array))
        if lead != expected or count != array.nbytes or digest.digest() != row.sha256:
            self._refuse(f"tensor {row.name!r} was altered: its checksum does not hold")
        if row.dtype == "bool":
            return array.view(np.uint8) != 0  # type: ignore[no-any-return]
        if row.dtype != row.stored:
            return array.astype(_DTYPES[row.dtype])
        return array


def _may_be_stored(
    dtype: str,
    stored: str,
) -> bool:
    if dtype not in _DTYPES:
        return False
    return stored == dtype or (dtype, stored) == ("float32", "float16")


def _is_shape(shape: tuple[Any, ...]) -> bool:
    if len(shape) > _MAX_AXES:
        return False
    if not all(type(axis) is int and axis >= 0 for axis in shape):
        return False
    cells: int = math.prod(axis or 1 for axis in shape)  # large axes count beside an empty one too
    return cells <= _MAX_BYTES


def _foreign_kind(prefix: bytes) -> str:
    """What a file of another format may be, by its first bytes."""
    if not prefix:
        return "an empty file"
    if prefix[8:9] == b"{":
        return "perhaps a safetensors file"
    for magic, kind in _FOREIGN.items():
        if prefix.startswith(magic):
            return kind
    return f"a file that begins with {prefix[:8]!r}"
