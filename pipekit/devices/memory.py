"""Memory that was freed, and memory that ran out. Nothing here imports torch.

What tensors free does not go back to the system by itself. Two keepers hold it for the next tensor:

    keeper                   keeps freed memory         gives it back
    the C library (glibc)    some of it; up to a        `release_memory`
                             limit after `keep_memory`
    torch, on a GPU          always                     `release_gpu_memory`

Memory runs out on a batch of too many words. `ran_out` tells such an exception from others, and
`Room` says how many words to try next.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipekit.errors import ConfigError

# Settings of mallopt(3), as <malloc.h> numbers them.
_TRIM_THRESHOLD = -1
_TOP_PAD = -2
_MMAP_THRESHOLD = -3
# How much of it a process keeps, unless it or its environment asks for another limit.
_MEGABYTE = 1 << 20
_KEPT = 128  # megabytes
KEEP_VARIABLE = "PIPEKIT_KEEP_MB"
# Batches between two looks at the size of the process. After memory went back, the next batch asks
# for what it needs anew, which takes a quarter of its time at most.
_INTERVAL = 16
_PAGES = Path("/proc/self/statm")  # the second number is the size in memory, in pages
# How many compiled programs oneDNN and torch keep, each.
_PROGRAMS = "64"
_PROGRAM_LIMITS = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
# What messages of CUDA, of allocators on the CPU, of cuBLAS and of oneDNN say where memory ran out.
# oneDNN does not tell why it could not make or run a program; what it is given here always fits it.
_SIGNS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "ALLOC_FAILED",
    "could not create a primitive",
    "could not create a memory object",
    "could not execute a primitive",
)
# Twice as many words are tried after 64 times the room has passed: at most one batch in 64 fails.
_GROWTH = 64


# -- memory that was freed


def keep_memory(limit: int | None = None) -> None:
    """Let this process keep the memory that tensors free, for the tensors that come next.

    Without this the C library gives freed memory back to the system and asks for it anew at the
    next step; new pages cost more time than small networks need to compute. Call it in a process
    that does nothing else, before the first network computes: command line, workers, trainings. It
    does nothing where the C library is not glibc.

    Tensors of ever new sizes leave gaps between what is still in use, and the gaps would add up, by
    some hundred megabytes in a million documents. So the process looks at its size every 16
    batches. Where it has grown by more than `limit`, all that is free goes back to the system.

    oneDNN compiles a program for each shape of a batch, and shapes never end. oneDNN and torch
    would keep 1,024 programs each, some hundred megabytes; this lets them keep 64 each.

        pipekit.devices.keep_memory(limit=32)       # where memory is short

    Args:
        limit: megabytes by which the process may grow; by default those of an earlier call, of the
            environment variable PIPEKIT_KEEP_MB, or 128.

    Errors: `ConfigError` for a limit that is no whole number, or is negative.
    """
    global _keeper
    megabytes = _limit(limit)
    for setting in _PROGRAM_LIMITS:
        os.environ.setdefault(setting, _PROGRAMS)
    _call_glibc("mallopt", _MMAP_THRESHOLD, 1 << 30)
    _call_glibc("mallopt", _TRIM_THRESHOLD, (1 << 31) - 1)
    _call_glibc("mallopt", _TOP_PAD, 1 << 26)
    if _keeper is None or limit is not None:
        _keeper = _Keeper(megabytes * _MEGABYTE)


def _limit(limit: int | None) -> int:
    """The limit asked for, by an argument or by the environment."""
    asked = os.environ.get(KEEP_VARIABLE, _KEPT) if limit is None else limit
    source = KEEP_VARIABLE if limit is None else "limit"
    with suppress(ValueError):
        megabytes = int(asked)
        if megabytes >= 0:
            return megabytes
    raise ConfigError(
        f"{source} is {asked!r}: it is a whole number of megabytes, 0 or more, as in 128"
    )


@dataclass
class _Keeper:
    """Bounds the memory that a process keeps.

    Attributes:
        limit: bytes by which the process may grow before free memory goes back.
        size: of the process when memory last went back, in bytes.
        batches: how many have begun.
    """

    limit: int
    size: int = 0
    batches: int = 0

    def begin_batch(self) -> None:
        """Give free memory back if the process has grown by more than the limit."""
        self.batches += 1
        if self.batches % _INTERVAL == 0 and resident() > self.size + self.limit:
            release_memory()
            self.size = resident()


_keeper: _Keeper | None = None


def begin_batch() -> None:
    """Bound what the process keeps, between two batches, when the tensors of the last are freed.

    Without `keep_memory` this does nothing.
    """
    if _keeper is not None:
        _keeper.begin_batch()


def resident() -> int:
    """The size of this process in memory, in bytes; 0 where the system has no /proc."""
    with suppress(OSError):
        _, pages, *_ = _PAGES.read_bytes().split()
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return 0


def release_memory() -> None:
    """Give the free memory of the C library back to the system.

    Call it between pieces of work of different sizes, since those leave gaps.
    """
    _call_glibc("malloc_trim", 0)


def release_gpu_memory() -> None:
    """Give the free memory that torch keeps on GPUs back, so that the next try finds all there is.

    Tensors in reference cycles are freed first.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()


def _call_glibc(
    name: str,
    *arguments: int,
) -> None:
    """Call a function of the C library; do nothing where there is no such function."""
    import ctypes

    with suppress(OSError, AttributeError, TypeError):
        getattr(ctypes.CDLL(None), name)(*arguments)


# -- memory that ran out


class Room:
    """How many words fit into memory at a time, as far as is known.

    Half as many are tried after a batch that did not fit, and twice as many after a while, since
    other processes may have left the device.

    Attributes:
        words: the most words to try in a batch.
    """

    def __init__(self) -> None:
        self.words = sys.maxsize
        self._passed = 0

    def failed(self, words: int) -> None:
        """Note that a batch of so many words did not fit."""
        self.words = max(1, words // 2)
        self._passed = 0

    def passed(self, words: int) -> None:
        """Note that a batch of so many words did fit."""
        self._passed += words
        if self._passed >= _GROWTH * self.words:
            self.words *= 2
            self._passed = 0


def ran_out(error: Exception) -> bool:
    """Whether an exception says that there was too little memory, on whatever device."""
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, RuntimeError):
        return False
    message = str(error)
    return any(sign in message for sign in _SIGNS)


def lost_device(error: Exception) -> bool:
    """Whether an exception says that this process can use its GPU no more.

    After a CUDA error each further call fails alike.
    """
    if not isinstance(error, RuntimeError) or ran_out(error):
        return False
    return type(error).__name__ == "AcceleratorError" or "CUDA error" in str(error)
