"""What to do when memory runs out: how it shows, what can be given back, and how many words are worth trying next. No import of torch."""

from __future__ import annotations

import gc
import sys

_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")  # of CUDA, CPU allocators, and cuBLAS
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


def release() -> None:
    """Give back what is kept on GPUs for later, or hangs in circles, so that the next try finds all there is."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()
