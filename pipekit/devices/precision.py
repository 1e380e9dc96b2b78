"""In which precision networks compute. torch is imported when a network is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING

from pipekit.errors import ConfigError, near

if TYPE_CHECKING:
    import torch

PRECISIONS = ("auto", "float32", "bfloat16", "int8")
_RUNS = 8  # of a product that is timed


def check_precision(
    precision: str,
    device: str,
) -> None:
    """Check that a device can compute in a precision.

    Errors: `ConfigError` for an unknown precision, and for one that this device or processor cannot
    compute in.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"unknown precision {precision!r}.{near(precision, PRECISIONS)}")
    if precision != "int8":
        return
    if device != "cpu":
        raise ConfigError(
            f"int8 is computed on CPUs only, and this pipeline is on {device}: "
            "take bfloat16 there, or device='cpu'"
        )
    from pipekit.devices.int8 import is_exact

    if not is_exact():
        raise ConfigError(
            "this processor loses digits when it sums products of int8: take float32 or bfloat16"
        )


@contextmanager
def inference(
    device: torch.device,
    precision: str,
) -> Iterator[None]:
    """A context in which networks compute in a precision, and nothing is kept for gradients.

    "int8" is for linear layers; the other layers then compute as under "auto".

    Example:
        with inference(torch.device("cpu"), "float32"):
            vectors = encoder(features)
    """
    import torch

    half = precision == "bfloat16"
    if precision in ("auto", "int8"):
        half = bfloat16_pays(device.type)
    with ExitStack() as contexts:
        contexts.enter_context(torch.inference_mode())
        contexts.enter_context(torch.autocast(device.type, dtype=torch.bfloat16, enabled=half))
        if precision == "int8":
            from pipekit.devices.int8 import Int8

            contexts.enter_context(Int8())
        if precision == "float32" and device.type == "cuda":
            contexts.enter_context(full_float32())
        yield


def full_float32() -> AbstractContextManager[None]:
    """A context in which recurrent layers on a GPU compute in float32.

    Outside of it cuDNN would round to TensorFloat-32, which has 10 bits for the fraction.
    """
    from torch.backends import cudnn

    return cudnn.flags(
        enabled=cudnn.enabled,
        benchmark=cudnn.benchmark,
        deterministic=cudnn.deterministic,
        allow_tf32=False,
    )


@cache
def bfloat16_pays(device: str) -> bool:
    """Whether a type of device is faster in bfloat16 than in float32.

    A GPU tells whether it has the units. A CPU is measured, which takes some milliseconds: it must
    be 1.5 times as fast.
    """
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device != "cpu":
        return False
    half_seconds = _product_seconds(torch.bfloat16)
    return 1.5 * half_seconds < _product_seconds(torch.float32)


def _product_seconds(dtype: torch.dtype) -> float:
    """The seconds that a product of matrices takes, the fastest of some runs."""
    import torch

    left = torch.ones(256, 256, dtype=dtype)
    right = torch.ones(256, 512, dtype=dtype)
    seconds = []
    for _ in range(_RUNS):
        begin = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)
