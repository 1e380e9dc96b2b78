"""How trainings compute, whatever they learn: threads and seeds, precision, the learning rate,
the log, whole steps.
"""

from __future__ import annotations

import json
import math
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from pipekit.devices.memory import keep_memory
from pipekit.storage.files import write_atomically


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
    return device == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


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


def schedule(
    share: float,
    warmup: float,
) -> float:
    """The factor on the learning rate after a `share` of all steps: a line up to 1 over the share
    `warmup`, then half a cosine down to 0.
    """
    if share < warmup:
        return (share + 1e-3) / (warmup + 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (share - warmup) / max(1 - warmup, 1e-9)))


def write_log(
    path: Path,
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Write all figures of a training, a line of JSON for each evaluation."""
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    write_atomically(path, [line.encode() for line in lines])
