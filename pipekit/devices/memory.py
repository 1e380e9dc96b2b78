"""Memory: what is kept and given back, how it shows that memory ran out, and how much to try next.

Nothing here imports torch.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from functools import cache

_SIGNS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "ALLOC_FAILED",
)  # of CUDA, CPU allocators, and cuBLAS
_PROGRAMS = "64"  # that oneDNN and torch keep
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # of mallopt(3)
_GROWTH = 64  # so many times the room in words must pass before twice as much is tried: one failure in 64 batches at most


class Room:
    """How many words fit into memory at a time, as far as that has been found out.

    It is halved where a batch does not fit and doubled after a while, since others may have left the device.
    """

    def __init__(self) -> None:
        self.words = sys.maxsize
        self._passed = 0

    def failed(self, words: int) -> None:
        """So many did not fit."""
        self.words, self._passed = max(1, words // 2), 0

    def passed(self, words: int) -> None:
        """So many did."""
        self._passed += words
        if self._passed >= _GROWTH * self.words:
            self.words, self._passed = 2 * self.words, 0


def ran_out(error: Exception) -> bool:
    """Whether an exception says that there was too little memory, on whatever device."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


def lost_device(error: Exception) -> bool:
    """Whether an exception says that this process cannot use its GPU any more: each call after a CUDA error fails alike."""
    if not isinstance(error, RuntimeError) or ran_out(error):
        return False
    return type(error).__name__ == "AcceleratorError" or "CUDA error" in str(error)


def release_devices() -> None:
    """Give back what is kept on GPUs for later, or hangs in circles, so that the next try finds all there is."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()


@cache
def keep_memory() -> None:
    """Let the C library keep what tensors free instead of giving it back to the system and asking for it anew at the next step: new pages
    cost more time than small networks need to compute. For processes that do nothing else; where the library is not glibc, nothing is done.

    Of the programs that oneDNN writes for each shape it meets, few are kept, by oneDNN and by torch: batches are of ever new shapes, and
    1,024 of these programs, as many as each would keep, take some hundred megabytes. That is heard only before the first network computes.
    """
    import ctypes

    for setting in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(setting, _PROGRAMS)
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in (
            (_MMAP_THRESHOLD, 1 << 30),
            (_TRIM_THRESHOLD, (1 << 31) - 1),
            (_TOP_PAD, 1 << 26),
        ):
            mallopt(parameter, value)


def release_memory() -> None:
    """Give back to the system what is kept and not used: between pieces of work of different sizes, which leave gaps."""
    import ctypes

    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
