"""Where networks compute, and how arrays get there. torch is imported when a network is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from shutil import which
from typing import TYPE_CHECKING, Any

from pipekit.errors import ConfigError, cure

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import nn


def pick_device(device: str | torch.device) -> torch.device:
    """The device of a name: cpu, cuda, cuda:0, …, or auto for a GPU where there is one.

    Errors: `ConfigError` with the reason where there is no such device.
    """
    import torch

    if str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        target = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(
            f"no device is called {device!r}: use cpu, cuda, cuda:0, … or auto"
        ) from error
    if target.type == "cuda":
        _check_gpu(target, device)
    return target


def _check_gpu(
    target: torch.device,
    name: str | torch.device,
) -> None:
    import torch

    if not torch.cuda.is_available():
        reason = "no driver or no GPU was found"
        if torch.version.cuda is None:
            reason = "this torch has no CUDA"
        raise ConfigError(f"{name!r} cannot be used: {reason}. device='auto' takes the CPU then")
    gpus = torch.cuda.device_count()
    if (target.index or 0) >= gpus:
        raise ConfigError(f"{name!r} cannot be used: the last GPU here is cuda:{gpus - 1}")


def to_device(
    array: NDArray[Any],
    device: torch.device,
) -> torch.Tensor:
    """An array as a tensor on a device.

    On a CPU array and tensor share their memory. To a GPU the array is copied from pinned memory
    while this process goes on; only operations that read the tensor wait for the copy.
    """
    import torch

    tensor = torch.from_numpy(array)
    if device.type == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)


def to_arrays(tensors: Iterable[torch.Tensor]) -> list[NDArray[Any]]:
    """Tensors as arrays.

    On a CPU tensor and array share their memory. A GPU is waited for once, for all tensors.
    """
    import torch

    sources = [tensor.detach() for tensor in tensors]
    copies = [tensor.to("cpu", non_blocking=True) for tensor in sources]  # into pinned memory
    devices = {tensor.device for tensor in sources}
    for device in devices:
        if device.type == "cuda":
            torch.cuda.current_stream(device).synchronize()
    return [tensor.numpy() for tensor in copies]


def compile_parts(
    parts: Sequence[nn.Module],
    device: torch.device,
) -> None:
    """Let torch compile networks for inputs of any length; it does so when they are first used.

    Errors: `ConfigError` where there are no networks, and where the compiler is missing that torch
    uses for the device.
    """
    if not parts:
        raise ConfigError(
            "nothing here is compiled: "
            "only a transformer or a bert has layers that torch has no kernel for"
        )
    if device.type == "cpu" and not _has_cpp_compiler():
        raise ConfigError(
            "torch compiles for a CPU by a C++ compiler, and there is none: "
            "install g++ or clang, or name one by CXX"
        )
    if device.type == "cuda" and find_spec("triton") is None:
        raise ConfigError(
            f"torch compiles for a GPU by triton, which is not installed: {cure('triton')}"
        )
    for part in parts:
        part.compile(dynamic=True)


def _has_cpp_compiler() -> bool:
    names = (os.environ.get("CXX", "g++"), "clang++", "cl")
    return any(which(name) for name in names)
