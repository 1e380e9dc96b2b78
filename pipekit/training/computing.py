"""How trainings compute, whatever they learn: threads and seeds, precision, the learning rate,
the log, whole steps of finite numbers.
"""

from __future__ import annotations

import json
import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipekit.devices.memory import keep_memory
from pipekit.errors import ProcessingError
from pipekit.storage.files import write_atomically

_SHOWN = 5  # texts of a batch that a message names


def set_up(
    seed: int,
    threads: int,
) -> None:
    """Make a process ready to train; 0 leaves the number of its threads as it is."""
    keep_memory()
    torch.manual_seed(seed)
    if threads:
        torch.set_num_threads(threads)


@contextmanager
def without_denormals() -> Iterator[None]:
    """Within this context numbers next to zero, which are slow on CPUs, are zero."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def autocast(
    device: torch.device,
    mixed_precision: bool,
) -> torch.autocast:
    """The precision of a step: bfloat16 if it is wanted and the device has units for it."""
    enabled = mixed_precision and has_bfloat16(device.type)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


def has_bfloat16(device: str) -> bool:
    """Whether a device has units for bfloat16.

    The device is asked, its speed is not measured: one machine must train the same weights twice.
    """
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported())
    return False


@contextmanager
def undisturbed() -> Iterator[None]:
    """Within this context Ctrl-C waits until the block is done.

    So a checkpoint is always of whole steps, and a training resumes exactly where it stopped.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: signals.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if signals:
        raise KeyboardInterrupt


def descend(
    optimizer: torch.optim.Optimizer,
    total: Tensor,
    losses: Mapping[str, Tensor],
    weights: Mapping[str, nn.Parameter],
    clip: float,
) -> dict[str, float]:
    """One step of the optimizer.

    Args:
        total: what is to become less, a scalar.
        losses: the scalars that it is made of, by name.
        weights: all that learn, by name.
        clip: the largest norm of all gradients together.

    Returns: the values of the losses.

    Errors: `FloatingPointError` for a loss or a gradient that is no finite number; the weights are
    then as before.
    """
    optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    gradients = {}
    for name, weight in weights.items():
        if weight.grad is not None:
            gradients[name] = weight.grad
    norm = nn.utils.get_total_norm(gradients.values())
    scalars = [*losses.values(), norm.to(total.device)]
    floats = []
    for scalar in scalars:
        floats.append(scalar.detach().float())
    *values, size = torch.stack(floats).tolist()
    for name, value in zip(losses, values, strict=True):
        if not math.isfinite(value):
            raise FloatingPointError(f"the loss of {name} is {value}")
    if not math.isfinite(size):
        where = _first_unfit(gradients) or "all weights together"
        raise FloatingPointError(f"the gradient of {where} is {size}")
    nn.utils.clip_grads_with_norm_(weights.values(), clip, norm)
    optimizer.step()
    return dict(zip(losses, values, strict=True))


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Errors: `FloatingPointError` with the name of a tensor that holds something else."""
    unfit = _first_unfit(tensors)
    if unfit:
        raise FloatingPointError(f"the weights {unfit} are not finite numbers")


def _first_unfit(tensors: Mapping[str, Tensor]) -> str:
    """The name of the first tensor with a number that is not finite; "" for none."""
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            return name
    return ""


@contextmanager
def finite(
    step: int,
    checkpoint: Path,
    texts: Callable[[], Sequence[str]],
) -> Iterator[None]:
    """Within this context, what learns from numbers that are not finite ends the training.

    Args:
        step: the number of the step, from 1.
        checkpoint: the file of the last good step, if there is one.
        texts: names the texts of the step, for the message.

    Errors: `ProcessingError` in place of `FloatingPointError`.
    """
    try:
        yield
    except FloatingPointError as error:
        names = list(texts())
        shown = ", ".join(names[:_SHOWN])
        more = len(names) - _SHOWN
        if more > 0:
            shown = f"{shown} and {more} more"
        good = ""
        if checkpoint.exists():
            good = f" {checkpoint} holds the last good step."
        raise ProcessingError(
            f"step {step}: {error}, after a batch of {shown}: look at these texts; "
            f"a lower learning_rate or clip, or mixed_precision = false, may help.{good}"
        ) from error


def schedule(
    share: float,
    warmup: float,
) -> float:
    """The factor on the learning rate after a `share` of all steps: a line up to 1 over the share
    `warmup`, then half a cosine down to 0.
    """
    if share < warmup:
        return (share + 1e-3) / (warmup + 1e-3)
    after_warmup = share - warmup
    whole = max(1 - warmup, 1e-9)
    cosine = math.cos(math.pi * after_warmup / whole)
    return 0.5 * (1 + cosine)


def write_log(
    path: Path,
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Write all figures of a training, a line of JSON for each evaluation."""
    lines = []
    for row in rows:
        text = json.dumps(row, ensure_ascii=False)
        lines.append(f"{text}\n".encode())
    write_atomically(path, lines)
