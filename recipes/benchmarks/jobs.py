"""What the safety of jobs costs, and how jobs bear records beyond all bounds.

    python recipes/benchmarks/jobs.py --text ${PIPEKIT_DATA}/text/ru_modern.txt.xz
    python recipes/benchmarks/jobs.py --text … --pipeline ru_core --megabytes 0.1

1. The share of a job's processor time that checksums take (and the writes of the output,
   which are counted with them). With a tokenizer
   alone, the default, a job is as fast as it can be.
2. The exponent of time over length, of 2**10 … 2**17 lines of tables with unclosed quotation marks
   and of other records, the fastest of --runs. One above 1.15 makes the exit status 1.
3. The peak memory of a job over one line, and over an archive of zeros, of --bomb megabytes each.
"""

from __future__ import annotations

import argparse
import gzip
import lzma
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from memory import MEGA, peak, written

import pipekit
from pipekit.jobs import Job, Reading, Source, Target, annotate, annotating
from pipekit.jobs.inputs import records
from pipekit.jobs.outputs import OutputWriter
from pipekit.jobs.records import Position

LIMIT = 1.15
SIZES = [1 << power for power in range(10, 18)]
CASES: dict[str, tuple[str, bytes, bytes]] = {
    "a quotation mark that each line opens": ("csv", b"text\n", b'a","\n'),
    "doubled quotation marks": ("csv", b"text\n", b'"a""b,\n'),
    "a cell that is never closed": ("csv", b'text\n"', b"x\n"),
    "lines of JSON": ("jsonl", b"", b'{"text": "a"}\n'),
    "a line without an end": ("txt", b"", b"x" * 1000),
}


def share_of_checksums(job: Job) -> float:
    """The share of a job's time: inputs read again at each commit, sums over outputs."""
    spent = [0.0]

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def timing(*arguments: Any) -> Any:
            begun = time.process_time()
            result = function(*arguments)
            spent[0] += time.process_time() - begun
            return result

        return timing

    with (
        patch.object(annotating, "beginnings_read", timed(annotating.beginnings_read)),
        patch.object(OutputWriter, "_write", timed(OutputWriter._write)),
    ):
        begun = time.process_time()
        annotate(job)
        return spent[0] / (time.process_time() - begun)


def growth(folder: Path, case: str, runs: int) -> float:
    """The exponent of the time of reading, over the number of lines."""
    suffix, head, unit = CASES[case]
    path, times = folder / f"growth.{suffix}", []
    for size in SIZES:
        path.write_bytes(head + unit * size)
        times.append(min(seconds(path) for _ in range(runs)))
    return float(np.polyfit(np.log(SIZES), np.log(times), 1)[0])


def seconds(path: Path) -> float:
    begun = time.process_time()
    for _ in records([Source.of(path)], Reading(max_record=1 << 30), Position()):
        pass
    return time.process_time() - begun


def bombs(folder: Path, megabytes: int) -> Iterator[Path]:
    line, archive = folder / "line.jsonl", folder / "archive.jsonl.gz"
    with line.open("wb") as file:
        file.truncate(megabytes * MEGA)
        file.seek(0, 2)
        file.write(b'\n{"text": "a"}\n')
    yield line
    line.unlink()
    with gzip.open(archive, "wb", compresslevel=9) as packed:
        for _ in range(megabytes):
            packed.write(bytes(MEGA))
        packed.write(b'\n{"text": "a"}\n')
    yield archive
    archive.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--text", type=Path, required=True, help="plain text, .xz")
    parser.add_argument("--pipeline", help="a tokenizer and nothing else by default")
    parser.add_argument("--megabytes", type=float, default=2, help="of text, for the checksums")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--bomb", type=int, default=2048, help="megabytes of a line")
    options = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = options.pipeline or str(folder / "blank.pipekit")
        if not options.pipeline:
            pipekit.blank("ru").to_disk(model)
        text = lzma.decompress(options.text.read_bytes())
        source = written(text, options.megabytes, folder / "in.txt")
        job = Job(lambda: pipekit.load(model), [Source.of(source)], Target.of(folder / "o.jsonl"))
        print(f"checksums: {share_of_checksums(job):.2%} of the job", flush=True)
        for case in CASES:
            exponent = growth(folder, case, options.runs)
            bad |= exponent > LIMIT
            print(f"{case}: exponent {exponent:.2f}", flush=True)
        small = folder / "small.jsonl"
        small.write_bytes(b'{"text": "a"}\n')
        for path in chain([small], bombs(folder, options.bomb)):
            output = str(folder / "bomb.jsonl")
            command = ("apply", model, str(path), "-o", output, "--overwrite")
            most, took = peak(sys.executable, "-m", "pipekit", *command)
            print(f"{path.name}: {most:,.0f} MB at the most, {took:,.0f} s", flush=True)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
