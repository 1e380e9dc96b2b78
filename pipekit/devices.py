"""Where networks compute, and in which precision. torch is imported when a network is."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from importlib.util import find_spec
from shutil import which
from typing import TYPE_CHECKING, Any

from pipekit.errors import ConfigError, near

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import nn

PRECISIONS = ("auto", "float32", "bfloat16", "int8")
_PROGRAMS = "64"
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
    if target.type == "cuda" and (target.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"{device!r} cannot be used: the last GPU here is cuda:{torch.cuda.device_count() - 1}")
    return target


def to_device(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """An array as a tensor on a device. On a CPU they share their memory; to a GPU it is copied from pinned memory while this process goes
    on, so that nothing waits but the operations that read it.
    """
    import torch

    tensor = torch.from_numpy(array)
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


def to_arrays(tensors: Iterable[torch.Tensor]) -> list[NDArray[Any]]:
    """Tensors as arrays. A GPU is waited for once, for all of them; on a CPU they share their memory."""
    import torch

    given = [tensor.detach() for tensor in tensors]
    found = [tensor.to("cpu", non_blocking=True) for tensor in given]  # into pinned memory
    for device in {tensor.device for tensor in given if tensor.device.type == "cuda"}:
        torch.cuda.current_stream(device).synchronize()
    return [tensor.numpy() for tensor in found]


def check_precision(precision: str, device: str) -> None:
    """Errors: `ConfigError` for what is no precision, and for one that this device or processor cannot compute in."""
    if precision not in PRECISIONS:
        raise ConfigError(f"unknown precision {precision!r}.{near(precision, PRECISIONS)}")
    if precision != "int8":
        return
    if device != "cpu":
        raise ConfigError(f"int8 is computed on CPUs only, and this pipeline is on {device}: take bfloat16 there, or device='cpu'")
    from pipekit.quantization import is_exact

    if not is_exact():
        raise ConfigError("this processor loses digits when it sums products of int8: take float32 or bfloat16")


@contextmanager
def inference(device: torch.device, precision: str) -> Iterator[None]:
    """Within this context networks compute in a precision, and nothing is kept for gradients. int8 is for linear layers: what else there is
    computes in what "auto" chooses.
    """
    import torch

    half = precision == "bfloat16" or (precision != "float32" and bfloat16_pays(device.type))
    if precision == "int8":
        from pipekit.quantization import Int8
    with (
        torch.inference_mode(),
        torch.autocast(device.type, dtype=torch.bfloat16, enabled=half),
        Int8() if precision == "int8" else nullcontext(),
        _all_digits() if precision == "float32" and device.type == "cuda" else nullcontext(),
    ):
        yield


def _all_digits() -> AbstractContextManager[None]:
    """Within it recurrent layers on a GPU compute in float32 as asked: cuDNN would round to TensorFloat-32, of 10 bits."""
    from torch.backends import cudnn

    now = {"enabled": cudnn.enabled, "benchmark": cudnn.benchmark, "deterministic": cudnn.deterministic}
    return cudnn.flags(**now, allow_tf32=False)


def compile_parts(parts: Sequence[nn.Module], device: torch.device) -> None:
    """Let torch compile networks, for inputs of any length, when they are first used.

    Errors: `ConfigError` where there are none, and without the compiler that the device asks for.
    """
    if not parts:
        raise ConfigError("nothing here is compiled: only a transformer or a bert has layers that torch has no kernel for")
    if device.type == "cpu" and not any(map(which, (os.environ.get("CXX", "g++"), "clang++", "cl"))):
        raise ConfigError("torch compiles for a CPU by a C++ compiler, and there is none: install g++ or clang, or name one by CXX")
    if device.type == "cuda" and find_spec("triton") is None:
        raise ConfigError("torch compiles for a GPU by triton, which is not installed: pip install triton")
    for part in parts:
        part.compile(dynamic=True)


@cache
def bfloat16_pays(device: str) -> bool:
    """Whether this device is faster in bfloat16 than in float32: a GPU is asked, a CPU is measured, in some milliseconds."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
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

    Of the programs that oneDNN writes for each shape it meets, few are kept, by oneDNN and by torch: batches are of ever new shapes, and
    1,024 of these programs, as many as each would keep, take some hundred megabytes. That is heard only before the first network computes.
    """
    import ctypes

    for setting in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(setting, _PROGRAMS)
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in ((_MMAP_THRESHOLD, 1 << 30), (_TRIM_THRESHOLD, (1 << 31) - 1), (_TOP_PAD, 1 << 26)):
            mallopt(parameter, value)


def release_memory() -> None:
    """Give back to the system what is kept and not used: between pieces of work of different sizes, which leave gaps."""
    import ctypes

    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
