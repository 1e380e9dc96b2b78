"""Killing of processes and breaking of disks, at each I/O call in turn, or at random."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helpers.places import TESTS
from helpers.processes import children as children
from helpers.processes import outputs, wait_until
from helpers.processes import running as running

from pipekit.storage import files


@contextmanager
def failing_at(at: int, fail: Callable[[], None]) -> Iterator[list[str]]:
    """What happens at I/O call number `at`, counted from 1; gives the list of the calls so far."""
    calls: list[str] = []

    def failpoint(call: str, path: str) -> None:
        calls.append(call)
        if len(calls) == at:
            fail()

    files.failpoint = failpoint
    try:
        yield calls
    finally:
        files.failpoint = None


def killed_at(at: int, work: Callable[[], object], short: int) -> bool:
    """Do work in a process of its own, which is killed at I/O call number `at`.

    Its writes write `short` bytes at most. Returns whether it came so far. For programs of one
    thread: it forks.
    """
    child = os.fork()
    if not child:
        calls: list[str] = []

        def failpoint(call: str, path: str) -> int:
            calls.append(call)
            if len(calls) == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return short

        files.failpoint = failpoint
        work()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def run_alone(program: str, *arguments: object) -> str:
    """A program in a Python of its own, which finds this module; what it prints."""
    environment = {
        **os.environ,
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path]),
    }
    command = [sys.executable, "-c", program, *map(str, arguments)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, env=environment, **pipes)
    written, errors = outputs(process, seconds=120)
    assert process.returncode == 0, errors
    return written


def apply_job(
    model: Path, source: Path, output: Path, *more: str, **given: Any
) -> subprocess.Popen[str]:
    """`pipekit apply` in small batches, each committed; it leads a group of processes."""
    command = [
        sys.executable,
        "-m",
        "pipekit",
        "apply",
        str(model),
        str(source),
        "-o",
        str(output),
        "--commit-seconds",
        "0",
        *more,
    ]
    return subprocess.Popen(
        [*command, "--batch-words", "20"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **given,
    )


def committed(output: Path, process: subprocess.Popen[str], documents: int = 1) -> None:
    """Wait until a job has committed so many documents."""
    journal = output.with_name(output.name + ".journal")

    def reached() -> bool:
        return process.poll() is not None or (
            journal.exists() and json.loads(journal.read_bytes())["documents"] >= documents
        )

    assert wait_until(reached, 60)
    if process.poll() is not None:
        message = process.stderr.read() if process.stderr else ""
        raise AssertionError(f"the job ended with {process.poll()}: {message}")


def job_outputs(output: Path) -> dict[str, bytes]:
    """What a job leaves, without its journal, which tells of times and processes."""
    return {
        path.name: path.read_bytes()
        for path in (output, output.with_name(output.name + ".errors.jsonl"))
        if path.exists()
    }
