"""What a target is, the limits under which it runs, and the name of what it finds."""

from __future__ import annotations

import re
import resource
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from pipekit.errors import PipekitError

CORPUS = Path(__file__).parent / "corpus"
MB = 1 << 20
SECONDS_PER_MB = 1.0
_TIMES = 16  # the size of an input that its memory may take, beside 16 MB
_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class Target(NamedTuple):
    """What is fuzzed.

    Attributes:
        check: calls it with bytes; raises where a promise is broken, and may raise `PipekitError`.
        mutate: makes another input of one that is well formed; what must hold before anything is
            read, such as checksums, holds again.
    """

    check: Callable[[bytes], object]
    mutate: Callable[[bytes, Random], bytes]


class LimitBroken(Exception):
    """An input took too much time or memory."""


def run(target: Target, data: bytes) -> None:
    """Check an input. Errors: whatever is not pipekit's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            target.check(data)
        except PipekitError:
            return


def run_within_limits(target: Target, data: bytes) -> None:
    """Check an input, and the time and memory that it takes. Errors: `LimitBroken` besides."""
    peak = _peak_memory()
    begun = time.process_time()
    run(target, data)
    seconds = time.process_time() - begun
    allowed = SECONDS_PER_MB * (1 + len(data) // MB)
    if seconds > allowed:
        seconds = min(_seconds(target, data) for _ in range(3))
    if seconds > allowed:
        raise LimitBroken(f"{seconds:.1f} s for {len(data)} bytes")
    if _peak_memory() - peak > _memory_allowed(data):
        check_memory(target, data)


def _seconds(target: Target, data: bytes) -> float:
    begun = time.process_time()
    run(target, data)
    return time.process_time() - begun


def _memory_allowed(data: bytes) -> int:
    return _TIMES * len(data) + 16 * MB


def _peak_memory() -> int:
    """The most memory that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def check_memory(target: Target, data: bytes) -> None:
    """Check once more, by a peak that counts from now; where the system has one."""
    if not _CLEAR.exists():
        return
    _CLEAR.write_text("5", encoding="utf-8")
    before = _high_water()
    run(target, data)
    grown = _high_water() - before
    if grown > _memory_allowed(data):
        raise LimitBroken(f"{grown >> 20} MB for {len(data)} bytes")


def _high_water() -> int:
    match = re.search(r"VmHWM:\s+(\d+)", _STATUS.read_text(encoding="utf-8"))
    assert match
    return int(match[1]) << 10


def name_of(error: BaseException) -> str:
    """A name for what was found: its kind, and the deepest line of pipekit on the way to it."""
    places = [
        f"{Path(frame.filename).stem}-{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if "/pipekit/" in frame.filename
    ]
    place = places[-1] if places else "check"
    return f"{type(error).__name__}-{place}"


def corpus(name: str) -> Iterator[tuple[str, bytes]]:
    """The inputs of a target, with their names."""
    folder = CORPUS / name
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        yield path.name, path.read_bytes()
