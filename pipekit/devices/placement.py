"""Where networks compute, and how arrays get there. torch is imported when a network is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from shutil import which
from typing import TYPE_CHECKING, Any

from pipekit.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import nn


def pick_device(device: str | torch.device) -> torch.device:
    """The device of that name. Errors: `ConfigError` with the reason where it is not there."""
    import torch

    if str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        target = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(
            f"no device is called {device!r}: use cpu, cuda, cuda:0, … or auto"
        ) from error
    if target.type == "cuda" and not torch.cuda.is_available():
        reason = (
            "this torch has no CUDA"
            if torch.version.cuda is None
            else "no driver or no GPU was found"
        )
        raise ConfigError(f"{device!r} cannot be used: {reason}. device='auto' takes the CPU then")
    if target.type == "cuda" and (target.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"{device!r} cannot be used: the last GPU here is cuda:{torch.cuda.device_count() - 1}"
        )
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


def compile_parts(parts: Sequence[nn.Module], device: torch.device) -> None:
    """Let torch compile networks, for inputs of any length, when they are first used.

    Errors: `ConfigError` where there are none, and without the compiler that the device asks for.
    """
    if not parts:
        raise ConfigError(
            "nothing here is compiled: only a transformer or a bert has layers that torch has no kernel for"
        )
    if device.type == "cpu" and not any(
        map(which, (os.environ.get("CXX", "g++"), "clang++", "cl"))
    ):
        raise ConfigError(
            "torch compiles for a CPU by a C++ compiler, and there is none: install g++ or clang, or name one by CXX"
        )
    if device.type == "cuda" and find_spec("triton") is None:
        raise ConfigError(
            "torch compiles for a GPU by triton, which is not installed: pip install triton"
        )
    for part in parts:
        part.compile(dynamic=True)
