"""What rows share: a table of them, trials in processes of their own, and the clearing up.

A row is a function of a side, a number of trials and an empty folder. It returns how often each
outcome came, or a text. Whatever it starts bears the mark of the run in its environment, by which
`sweep` finds and kills what a trial left.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.chaos import running, wait_until
from tqdm import tqdm

from .sides import Side

Measure = Callable[[Side, int, Path], "Counter[str] | str"]
Program = Callable[..., object]
SCRIPT = Path(__file__).parents[1] / "faults.py"
MARK = "PIPEKIT_FAULTS_MARK"
HUNG, CRASHED = "hung", "crashed"


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        promise: what should hold, in a line.
        trials: how many by default; what a trial is stands in the docstring of `measure`.
        good: the outcomes that keep the promise; empty where the result is a text.
        seconds: the most that a side may take.
    """

    name: str
    promise: str
    trials: int
    good: tuple[str, ...]
    seconds: float
    measure: Measure


ROWS: dict[str, Row] = {}
PROGRAMS: dict[str, Program] = {}


def row(
    name: str,
    promise: str,
    *,
    trials: int,
    good: Iterable[str] = (),
    seconds: float = 900,
) -> Callable[[Measure], Measure]:
    def add(measure: Measure) -> Measure:
        ROWS[name] = Row(name, promise, trials, tuple(good), seconds, measure)
        return measure

    return add


def program(function: Program) -> Program:
    """A function that `started` runs in a Python of its own: it gets the side, then strings."""
    PROGRAMS[function.__name__] = function
    return function


def shown(
    row: Row,
    result: Counter[str] | str,
) -> str:
    """A cell of the table: how many trials were good, and what came of all."""
    if isinstance(result, str):
        return result
    good = sum(result[outcome] for outcome in row.good)
    parts = [f"{count:,} {outcome}" for outcome, count in result.most_common()]
    return f"{good:,} of {result.total():,} ({'; '.join(parts)})"


# -- trials in processes of their own


def forked(
    work: Callable[[], str],
    seconds: float = 60,
) -> str:
    """What `work` returns in a forked process, or how that ended: `HUNG`, or `CRASHED` by what."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _work_in_child(work, writing)
    os.close(writing)
    text, ended = b"", False
    end = time.monotonic() + seconds
    while not ended and time.monotonic() < end:
        if select.select([reading], [], [], 0.1)[0]:
            part = os.read(reading, 1 << 16)
            text, ended = text + part, not part
    os.close(reading)
    if not ended:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if not ended:
        return HUNG
    if os.WIFSIGNALED(status):
        return f"{CRASHED} by {signal.Signals(os.WTERMSIG(status)).name}"
    return text.decode()


def _work_in_child(
    work: Callable[[], str],
    writing: int,
) -> None:
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)
    try:
        text = work()
    except BaseException as error:
        text = f"{type(error).__name__}: {error}"
    os.write(writing, text.encode(errors="replace")[: 1 << 15])
    os._exit(0)


@contextmanager
def started(
    side: Side,
    name: str,
    *arguments: object,
    **more: Any,
) -> Iterator[subprocess.Popen[str]]:
    """A program of the table in a Python of its own, the head of a group of processes."""
    command = [sys.executable, str(SCRIPT), "--program", name, "--sides", side.name]
    with command_started([*command, "--arguments", *map(str, arguments)], **more) as process:
        yield process


@contextmanager
def command_started(
    command: list[str],
    **more: Any,
) -> Iterator[subprocess.Popen[str]]:
    settings: dict[str, Any] = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        **more,
    }
    with subprocess.Popen(command, start_new_session=True, **settings) as process:
        try:
            yield process
        finally:
            # Its workers may hold the ends of its pipes.
            for pid in {*family(), process.pid} - {os.getpid()}:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def ended(
    process: subprocess.Popen[str],
    seconds: float,
) -> bool:
    """Whether a process ends in time."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.poll() is not None


def family() -> set[int]:
    """All processes that were started below this one, whoever is their parent now."""
    mark = f"{MARK}={os.environ[MARK]}".encode()
    pids = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0") and running(int(folder.name)):
                pids.add(int(folder.name))
    return pids - {os.getpid(), os.getppid()}


def orphans(
    process: subprocess.Popen[str],
    seconds: float,
) -> int:
    """How many processes are left of an ended one after some seconds."""
    wait_until(lambda: not family() - {process.pid}, seconds)
    return len(family() - {process.pid})


def sweep(mark: str) -> None:
    """Kill what bears the mark of a run."""
    os.environ[MARK] = mark
    for pid in family():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


# -- trials


def counted(
    trials: int,
    trial: Callable[[int], str],
) -> Counter[str]:
    """The outcomes of trials 0, 1, …"""
    return Counter(trial(number) for number in tqdm(range(trials), leave=False))


def texts(
    many: int,
    **words: int,
) -> list[str]:
    """Texts of four words; some have a word more: `word=number`."""
    marked = {number: word for word, number in words.items()}
    return [f"Текст номер {i} {marked.get(i, 'обычный')}" for i in range(many)]
