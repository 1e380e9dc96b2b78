"""Rows of processes: workers that die or hang, parents that do, streams that nobody reads on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from helpers.chaos import children, wait_until

from .deeds import install_deeds
from .harness import counted, ended, orphans, program, row, started, texts
from .sides import Side

PATIENCE = 20.0  # seconds after which a program counts as hung
DOC_TIMEOUT = 2.0
MANY = 1000
ALL_OUT = "all out in order"
GONE = "ended, nothing left"


@program
def stream(
    side: Side,
    many: str,
    word: str = "обычный",
    at: str = "-1",
) -> None:
    """Print the texts of Docs as two workers give them; one of the texts has a word of its own."""
    nlp = side.blank()
    nlp.add_pipe("deeds")
    # Settings that only pipekit has: spaCy raises what a document does.
    more: dict[str, Any] = {}
    if side.name == "pipekit":
        more = {"on_error": "record", "doc_timeout": DOC_TIMEOUT if word == "спать" else None}
    source = texts(int(many), **{word: int(at)})
    for doc in side.stream(nlp, source, processes=2, **more):
        failed = getattr(doc, "error", None)
        print(f"failed {doc.text}" if failed else doc.text, flush=True)


@program
def abandoned_stream(
    side: Side,
    many: str,
) -> None:
    """Read three Docs of a stream of two workers, let go of it, and count workers for 2 s."""
    nlp = side.blank()
    nlp.add_pipe("deeds")
    docs = side.stream(nlp, texts(int(many)), processes=2)
    for _ in range(3):
        next(docs)
    begun = time.monotonic()
    del docs
    wait_until(lambda: not workers(os.getpid()), 2)
    print(len(workers(os.getpid())), time.monotonic() - begun, flush=True)


def workers(pid: int) -> list[int]:
    """The children of a process that are workers."""
    pids = []
    for child in children(pid):
        with suppress(OSError):
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"resource_tracker" not in command:
                pids.append(child)
    return pids


class Running:
    """A stream in a Python of its own, whose lines go to a file."""

    def __init__(
        self,
        process: subprocess.Popen[str],
        output: Path,
    ) -> None:
        self.process = process
        self.output = output

    def lines(self) -> list[str]:
        return self.output.read_text(encoding="utf-8").splitlines()

    def reach(self, documents: int) -> None:
        """Wait until so many documents are out."""
        wait_until(lambda: len(self.lines()) >= documents or self.process.poll() is not None, 60)


def streaming(
    side: Side,
    folder: Path,
    *arguments: object,
    seconds: float = 0,
) -> Iterator[Running]:
    """A stream of documents that take some seconds each; for one turn of a loop."""
    install_deeds(side, folder)
    output = folder / "lines.txt"
    environment = {**os.environ, "FAULTS_SECONDS": str(seconds), "PYTHONIOENCODING": "utf-8"}
    with (
        output.open("w", encoding="utf-8") as file,
        started(
            side,
            "stream",
            *arguments,
            stdout=file,
            stderr=subprocess.DEVNULL,
            env=environment,
        ) as process,
    ):
        yield Running(process, output)


def finished(
    run: Running,
    expected: list[str],
    patience: float = PATIENCE,
) -> str:
    """How a stream went on to its end."""
    if not ended(run.process, patience):
        return f"hung for {patience:.0f} s"
    lines = run.lines()
    if lines == expected and not run.process.returncode:
        return ALL_OUT
    return "ended early" if len(lines) < len(expected) else "out of order"


@row(
    "killed-worker",
    "a worker is killed in mid-stream: every document comes out once, in order",
    trials=5,
    good=(ALL_OUT,),
)
def killed_worker(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """One of two workers gets SIGKILL after 100 of 1,000 documents of 2 ms."""

    def trial(number: int) -> str:
        for run in streaming(side, folder, MANY, seconds=0.002):
            run.reach(100 + number)
            pids = workers(run.process.pid)
            os.kill(pids[number % len(pids)], signal.SIGKILL)
            return finished(run, texts(MANY))
        raise AssertionError

    return counted(trials, trial)


@row(
    "killing-document",
    "a document kills its worker: it is named, and all others come out",
    trials=3,
    good=(ALL_OUT,),
)
def killing_document(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """A component sends SIGKILL to its own process at one document of 1,000."""
    return counted(trials, lambda number: _guilty(side, folder, "убить", 100 + 250 * number))


@row(
    "hanging-document",
    "a document hangs: after its time limit it is named, and all others come out",
    trials=2,
    good=(ALL_OUT,),
)
def hanging_document(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """A component sleeps for ever at one document of 1,000. spaCy has no such limit to set."""
    return counted(trials, lambda number: _guilty(side, folder, "спать", 100 + 250 * number))


def _guilty(
    side: Side,
    folder: Path,
    word: str,
    at: int,
) -> str:
    expected = texts(MANY, **{word: at})
    expected[at] = f"failed {expected[at]}"
    for run in streaming(side, folder, MANY, word, at):
        run.reach(1)
        return finished(run, expected)
    raise AssertionError


@row(
    "signals",
    "SIGINT and SIGTERM end a stream within two seconds and leave no process",
    trials=8,
    good=(GONE,),
)
def signals(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """In turn SIGINT and SIGTERM, to the parent and to its group, while documents come out."""
    turns = [
        (number, send)
        for number in (signal.SIGINT, signal.SIGTERM)
        for send in (os.kill, os.killpg)
    ]

    def trial(turn: int) -> str:
        number, send = turns[turn % len(turns)]
        to = "group" if send is os.killpg else "parent"
        for run in streaming(side, folder, 100_000, seconds=0.002):
            run.reach(100)
            send(run.process.pid, number)
            outcome = _ending(run)
            return outcome if outcome == GONE else f"{number.name} to the {to}: {outcome}"
        raise AssertionError

    return counted(trials, trial)


def _ending(run: Running) -> str:
    if not ended(run.process, 2):
        return "ended later" if ended(run.process, PATIENCE) else f"hung for {PATIENCE:.0f} s"
    left = orphans(run.process, 5)
    return f"{left} processes left" if left else GONE


@row(
    "killed-parent",
    "the parent is killed by SIGKILL: no worker is left after five seconds",
    trials=5,
    good=(GONE,),
)
def killed_parent(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """While documents come out."""

    def trial(number: int) -> str:
        for run in streaming(side, folder, 100_000, seconds=0.002):
            run.reach(100 + number)
            run.process.kill()
            return _ending(run)
        raise AssertionError

    return counted(trials, trial)


@row(
    "abandoned-stream",
    "a stream that is no longer read: its workers are gone within two seconds, in silence",
    trials=5,
    good=(GONE,),
)
def abandoned(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """Three Docs of 1,000 are read, then the generator is deleted."""
    install_deeds(side, folder)

    def trial(number: int) -> str:
        environment = {**os.environ, "FAULTS_SECONDS": "0.002"}
        with started(side, "abandoned_stream", MANY + number, env=environment) as process:
            if not ended(process, 60):
                return "hung"
            lines = (process.stdout.read() if process.stdout else "").split()
            noise = process.stderr.read() if process.stderr else ""
        if not lines:
            return "ended with an error"
        left, seconds = int(lines[0]), float(lines[1])
        if left or seconds > 3:
            return f"{left} workers after {seconds:.0f} s"
        return "ended with noise" if noise else GONE

    return counted(trials, trial)
