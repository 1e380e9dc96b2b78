"""How trainings compute, whatever they learn: threads and seeds, precision, the learning rate, the log, steps that are done whole."""

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


def set_up(seed: int, threads: int) -> None:
    """Make a process ready to train; 0 leaves its threads as they are."""
    keep_memory()
    torch.manual_seed(seed)
    if threads:
        torch.set_num_threads(threads)


@contextmanager
def without_denormals() -> Iterator[None]:
    """Numbers next to zero, which are slow on CPUs and as good as zero, are zero."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def autocast(device: torch.device, mixed_precision: bool) -> torch.autocast:
    """The precision of a step: bfloat16 where that is wanted and the device has the units for it."""
    return torch.autocast(
        device.type, dtype=torch.bfloat16, enabled=mixed_precision and has_bfloat16(device.type)
    )


def has_bfloat16(device: str) -> bool:
    """Whether a device has units for bfloat16. Asked, not measured: the same machine must train the same weights twice."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C waits until the block is done, so that a checkpoint is of whole steps and the training goes on exactly where it was."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


def schedule(share: float, warmup: float) -> float:
    """The share of the learning rate when `share` of all steps are done: a line up, then half a cosine down."""
    if share < warmup:
        return (share + 1e-3) / (warmup + 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (share - warmup) / max(1 - warmup, 1e-9)))


def write_log(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """All figures of a training, a line of JSON for each evaluation."""
    write_atomically(path, [(json.dumps(row, ensure_ascii=False) + "\n").encode() for row in rows])
