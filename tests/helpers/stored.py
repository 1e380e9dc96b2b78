"""A pipeline file as it should be, and ones that were altered under checksums that hold."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from pipekit.storage import store
from pipekit.storage.packing import pack, unpack

COMPONENTS = {"tagger": {"type": "tagger"}, "ner": {"type": "ner", "labels": ["PER", "МЕСТО"]}}
HEADER = {"config": {"components": COMPONENTS}, "meta": {"name": "проба"}}
PREFIX = struct.Struct("<8sHQ32s")


def tensors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "components/tagger/weights/out.weight": rng.normal(size=(7, 5)).astype(np.float32),
        "components/ner/weights/out.weight": rng.normal(size=(3, 5)).astype(np.float32),
        "encoders/main/tables/hashes": np.arange(9, dtype=np.uint64) * 2**60,
        "encoders/main/weights/scalar": np.array(3.5),
        "encoders/main/weights/empty": np.zeros((0, 4), dtype=np.int16),
        "encoders/main/weights/mask": np.array([[True, False], [False, True]]),
    }


def saved() -> bytes:
    return store.to_bytes(HEADER, tensors())


def reheaded(change: Callable[[dict[str, Any]], object], data: bytes | None = None) -> bytes:
    """A file with another header, whose checksum holds."""
    data = saved() if data is None else data
    _, version, length, _ = PREFIX.unpack(data[: PREFIX.size])
    message = unpack(data[PREFIX.size : PREFIX.size + length], "it")
    change(message)
    return with_header(pack(message), data[PREFIX.size + length :], version)


def with_header(header: bytes, rest: bytes, version: int = 1) -> bytes:
    return (
        PREFIX.pack(b"PIPEKIT\0", version, len(header), hashlib.sha256(header).digest())
        + header
        + rest
    )
