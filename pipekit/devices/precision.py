"""In which precision networks compute. torch is imported when a network is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING

from pipekit.errors import ConfigError, near

if TYPE_CHECKING:
    import torch

PRECISIONS = ("auto", "float32", "bfloat16", "int8")


def check_precision(precision: str, device: str) -> None:
    """Errors: `ConfigError` for what is no precision, and for one that this device or processor cannot compute in."""
    if precision not in PRECISIONS:
        raise ConfigError(f"unknown precision {precision!r}.{near(precision, PRECISIONS)}")
    if precision != "int8":
        return
    if device != "cpu":
        raise ConfigError(
            f"int8 is computed on CPUs only, and this pipeline is on {device}: take bfloat16 there, or device='cpu'"
        )
    from pipekit.devices.int8 import is_exact

    if not is_exact():
        raise ConfigError(
            "this processor loses digits when it sums products of int8: take float32 or bfloat16"
        )


@contextmanager
def inference(device: torch.device, precision: str) -> Iterator[None]:
    """Within this context networks compute in a precision, and nothing is kept for gradients. int8 is for linear layers: what else there is
    computes in what "auto" chooses.
    """
    import torch

    half = precision == "bfloat16" or (precision != "float32" and bfloat16_pays(device.type))
    if precision == "int8":
        from pipekit.devices.int8 import Int8
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

    now = {
        "enabled": cudnn.enabled,
        "benchmark": cudnn.benchmark,
        "deterministic": cudnn.deterministic,
    }
    return cudnn.flags(**now, allow_tf32=False)


@cache
def bfloat16_pays(device: str) -> bool:
    """Whether this device is faster in bfloat16 than in float32: a GPU is asked, a CPU is measured, in some milliseconds."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device == "cpu" and 1.5 * _product_seconds(torch.bfloat16) < _product_seconds(
        torch.float32
    )


def _product_seconds(dtype: torch.dtype) -> float:
    import torch

    a, b = torch.ones(256, 256, dtype=dtype), torch.ones(256, 512, dtype=dtype)
    times = []
    for _ in range(8):
        begun = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - begun)
    return min(times)
