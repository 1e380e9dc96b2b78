"""Processes that tests start: which there are, where they hang, and their end."""

from __future__ import annotations

import faulthandler
import os
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

_MARK = "PIPEKIT_TESTS_RUN"
_STACK_SECONDS = 2.0  # for a process that was asked for its stack to write it and end


def wait_until(
    reached: Callable[[], bool],
    seconds: float,
) -> bool:
    """Whether something came true within so many seconds."""
    end = time.monotonic() + seconds
    while not (done := reached()) and time.monotonic() < end:
        time.sleep(0.02)
    return done


def running(pid: int) -> bool:
    """Whether there is such a process, and not only its exit code."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    state = stat.rpartition(")")[2].split()[0]
    return state != "Z"


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text(encoding="utf-8").split())
    return found


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, those that these have started, and so on."""
    found = children(pid)
    for child in found:  # grows while it is read
        found += children(child)
    return found


def _is_tracker(pid: int) -> bool:
    """Whether it is the helper of multiprocessing, which serves all tests of a process."""
    try:
        return b"resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def dump_and_end(pids: list[int]) -> None:
    """End processes; those of Python write first where each of their threads is.

    They write it to their standard error, where `PYTHONFAULTHANDLER` was set when they started.
    """
    for number, patience in ((signal.SIGABRT, _STACK_SECONDS), (signal.SIGKILL, 0.0)):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        wait_until(lambda: not any(map(running, pids)), patience)


def own_stacks() -> str:
    """Where each thread of this process is."""
    with tempfile.TemporaryFile() as file:
        faulthandler.dump_traceback(file, all_threads=True)
        file.seek(0)
        return file.read().decode(errors="replace")


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """A test that is not done within so many seconds fails, with the stack of each thread.

    The processes that it has started end, and leave their stacks on standard error. A main thread
    that is busy in compiled code is interrupted when that returns.
    """

    def fail(*_: object) -> None:
        stacks = own_stacks()
        dump_and_end([pid for pid in descendants(os.getpid()) if not _is_tracker(pid)])
        pytest.fail(f"not done within {seconds:g} s\n{stacks}", pytrace=False)

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)  # again, where what cleans up hangs
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def outputs(
    process: subprocess.Popen[str],
    seconds: float,
    input: str | None = None,
) -> tuple[str, str]:
    """What a process has written when it ends, its standard output and standard error.

    A process that does not end in time fails the test, with the stacks of it and of its children.
    """
    try:
        return process.communicate(input, seconds)
    except subprocess.TimeoutExpired:
        family = [*descendants(process.pid), process.pid]
        dump_and_end(family)
        written = ""
        with suppress(subprocess.TimeoutExpired):  # others may hold its pipes open
            written = "\n".join(part or "" for part in process.communicate(timeout=5))
        pytest.fail(f"process {process.args} has not ended within {seconds:g} s\n{written}")


def marked(mark: str) -> list[int]:
    """The processes that have a variable in their environment: "NAME=value"."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


class Ended(NamedTuple):
    """A process that was run to its end, or to the end of its time.

    Attributes:
        code: its exit code, or minus the signal that ended it.
        written: its standard output and standard error together.
        hung: whether its time was over before it ended.
    """

    code: int
    written: str
    hung: bool


def run(
    command: list[str],
    seconds: float,
    **options: Any,
) -> Ended:
    """Run a process and all that it starts; none of them is left when this returns."""
    hung = False
    environment = options.pop("env", None) or os.environ
    token = secrets.token_hex(8)  # by which those are found, too, whose parents are dead
    with tempfile.TemporaryFile() as file:
        process = subprocess.Popen(
            command,
            env={**environment, _MARK: token},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            hung = True
        finally:
            if process.poll() is None:
                dump_and_end([process.pid, *descendants(process.pid)])
            for pid in marked(f"{_MARK}={token}"):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        code = process.wait()
        file.seek(0)
        written = file.read().decode(errors="replace")
    return Ended(code, written, hung)
