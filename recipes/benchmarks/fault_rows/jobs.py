"""Rows of jobs: `pipekit apply` and `spacy apply` over a file of JSONL to a file of Docs."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .files import remove
from .harness import command_started, counted, ended, row
from .sides import Side

JOB_SECONDS = 120.0
GOOD_OUT = "all good lines out, the bad one reported"
BAD_LINES = {
    "JSON cut short": b'{"text": "\xd0\x9c\xd0\xb0\xd0\xbc\xd0\xb0',
    "no text": b'{"id": 1}',
    "text null": b'{"text": null}',
    "text a number": b'{"text": 5}',
    "no UTF-8": b'{"text": "\xff\xfe"}',
    "a list": b"[1, 2]",
}


class Job:
    """A pipeline on the disk and an input; a job over it may be disturbed."""

    def __init__(
        self,
        side: Side,
        folder: Path,
        lines: list[bytes],
    ) -> None:
        self.side = side
        self.nlp = side.built()
        self.model = folder / f"model{side.suffix}"
        side.save(self.nlp, self.model)
        self.source = folder / "in.jsonl"
        self.source.write_bytes(b"\n".join(lines) + b"\n")
        self.output = folder / "out" / f"out{side.docs_suffix}"
        self.output.parent.mkdir()

    def run(
        self,
        *,
        resume: bool = False,
        seconds: float = JOB_SECONDS,
        disturb: Callable[[subprocess.Popen[str]], object] = lambda process: None,
        **more: Any,
    ) -> tuple[int | None, float]:
        """The exit status, None where the job hung, and the seconds that the job took."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        begun = time.monotonic()
        with command_started(self.command(resume=resume), **quiet, **more) as process:
            disturb(process)
            ended(process, seconds)
            return process.poll(), time.monotonic() - begun

    def command(
        self,
        *,
        resume: bool = False,
    ) -> list[str]:
        return self.side.apply(self.model, self.source, self.output, resume=resume)

    def out(self) -> list[Any]:
        """The documents of the output that can be read."""
        with suppress(Exception):
            return [self.side.says(doc) for doc in self.side.read(self.nlp, self.output)]
        return []

    def undisturbed(self) -> list[Any]:
        """What the job writes that nobody disturbs. Errors: `RuntimeError` where it fails."""
        status, self.seconds = self.run()
        documents = self.out()
        if status or len(documents) != self.source.read_bytes().count(b"\n"):
            raise RuntimeError(f"the job ended with {status} and {len(documents)} documents")
        return documents

    def clear(self) -> None:
        for path in self.output.parent.iterdir():
            remove(path)


def line(number: int) -> bytes:
    text = f"Мама {number} мыла раму, а папа спал."
    return json.dumps({"text": text}, ensure_ascii=False).encode()


@row(
    "poison-lines",
    "a bad line costs a job nothing but itself, and is reported",
    trials=len(BAD_LINES),
    good=(GOOD_OUT,),
)
def poison_lines(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """1,000 lines, one of which is bad: cut short, no text, null, a number, no UTF-8, a list."""
    kinds = list(BAD_LINES)

    def trial(number: int) -> str:
        kind = kinds[number % len(kinds)]
        lines = [line(i) for i in range(1_000)]
        lines[500] = BAD_LINES[kind]
        place = folder / str(number)
        place.mkdir()
        job = Job(side, place, lines)
        status, _ = job.run()
        good = [text for text, _ in job.out() if text.startswith("Мама")]
        if len(good) == 999:
            report = job.output.with_name(job.output.name + ".errors.jsonl")
            reported = report.exists() and len(report.read_bytes().splitlines()) == 1
            return GOOD_OUT if reported else f"{kind}: all good lines out, nothing reported"
        lost = "job lost" if not good else "good lines lost"
        return f"{kind}: {lost}, code {status}"

    return counted(trials, trial)


@row(
    "killed-job",
    "a job that is killed goes on where it stopped",
    trials=3,
    seconds=900,
)
def killed_job(
    side: Side,
    trials: int,
    folder: Path,
) -> str:
    """SIGKILL to a job over 40,000 documents after 70 % of the time of a whole one; then it is
    begun again."""
    job = Job(side, folder, [line(i) for i in range(40_000)])
    expected = job.undisturbed()
    whole = job.seconds
    saved, same = 0, 0

    def kill(process: subprocess.Popen[str]) -> None:
        time.sleep(0.7 * whole)
        os.killpg(process.pid, signal.SIGKILL)

    for _ in range(trials):
        job.clear()
        job.run(resume=True, disturb=kill)
        saved += len(job.out())
        job.run(resume=True)
        same += job.out() == expected
    share = saved / (trials * len(expected))
    return (
        f"{share:.0%} of the documents were in the output after the kill; "
        f"the second run made the whole output in {same} of {trials} trials"
    )


@row(
    "full-disk-job",
    "a full disk ends a job with its work kept, and the job goes on later",
    trials=3,
)
def full_disk_job(
    side: Side,
    trials: int,
    folder: Path,
) -> str:
    """The output of 20,000 documents may grow to two thirds of its size (RLIMIT_FSIZE)."""
    job = Job(side, folder, [line(i) for i in range(20_000)])
    expected, size = job.undisturbed(), 2 * job.output.stat().st_size // 3
    saved, same, codes = 0, 0, set()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    for _ in range(trials):
        job.clear()
        code, _ = job.run(resume=True, preexec_fn=limit)
        codes.add(code)
        saved += len(job.out())
        job.run(resume=True)
        same += job.out() == expected
    share = saved / (trials * len(expected))
    return (
        f"code {', '.join(map(str, sorted(codes, key=str)))}; {share:.0%} of the documents were "
        f"kept; the second run made the whole output in {same} of {trials} trials"
    )


@row(
    "two-jobs",
    "a second job on the same output is refused, and the first is not disturbed",
    trials=3,
    good=("second refused, first complete",),
)
def two_jobs(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """The second begins two seconds after the first; each has 20,000 documents."""
    job = Job(side, folder, [line(i) for i in range(20_000)])
    expected = job.undisturbed()

    def trial(number: int) -> str:
        job.clear()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with command_started(job.command(), **quiet) as first:
            time.sleep(2 + 0.3 * number)
            status, _ = job.run()
            ended(first, JOB_SECONDS)
        second = "refused" if status else "accepted"
        complete = "complete" if job.out() == expected else "not complete"
        return f"second {second}, first {complete}"

    return counted(trials, trial)
