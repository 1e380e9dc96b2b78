"""Where networks compute, and in which precision. torch is imported when a network is."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from pipekit.errors import ConfigError

if TYPE_CHECKING:
    import torch

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # of mallopt(3)


def pick_device(device: str | torch.device) -> torch.device:
    """The device of that name. Errors: `ConfigError` with the reason where it is not there."""
    import torch

    if str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        target = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"no device is called {device!r}: use cpu, cuda, cuda:0, … or auto") from error
    if target.type == "cuda" and not torch.cuda.is_available():
        reason = "this torch has no CUDA" if torch.version.cuda is None else "no driver or no GPU was found"
        raise ConfigError(f"{device!r} cannot be used: {reason}. device='auto' takes the CPU then")
    return target


@cache
def bfloat16_pays(device: str) -> bool:
    """Whether this device is faster in bfloat16 than in float32: a GPU is asked, a CPU is measured, in some milliseconds."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device == "cpu" and 1.5 * _product_seconds(torch.bfloat16) < _product_seconds(torch.float32)


def _product_seconds(dtype: torch.dtype) -> float:
    import torch

    a, b = torch.ones(256, 256, dtype=dtype), torch.ones(256, 512, dtype=dtype)
    times = []
    for _ in range(8):
        begun = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - begun)
    return min(times)


@cache
def keep_memory() -> None:
    """Let the C library keep what tensors free instead of giving it back to the system and asking for it anew at the next step: new pages
    cost more time than small networks need to compute. For processes that do nothing else; where the library is not glibc, nothing is done.
    """
    import ctypes

    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in ((_MMAP_THRESHOLD, 1 << 30), (_TRIM_THRESHOLD, (1 << 31) - 1), (_TOP_PAD, 1 << 26)):
            mallopt(parameter, value)


def release_memory() -> None:
    """Give back to the system what is kept and not used: between pieces of work of different sizes, which leave gaps."""
    import ctypes

    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
