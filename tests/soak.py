"""A long run: does a process that annotates document after document stay as large as it is?

    python -m tests.soak --documents 1000000 --output DIR
    python -m tests.soak --hours 1 --unseen 0.05 --processes 2 --output DIR

Lines of real texts, cut to --characters, go through `nlp.pipe` of a pipeline, again and again;
--unseen is the share of words that have a letter of their own put in, so that no cache has seen
them. After every --every documents a row is added to DIR/samples.csv:

    documents, seconds, resident and own memory (RSS, USS) in bytes, files, threads, children

At the end DIR/memory.png shows them, and these figures are printed, of the last 75 % of the rows:

    slope        of the memory over the documents (Theil 1950, Sen 1968), in MB a million documents
    hourly       the same slope over the time, in per cent of the memory an hour
    steady       whether there were never more files, threads and children than in the first half
    pace         documents a second of the last tenth of all rows by those of the first

The exit status is 1 where one of them is not what is wanted: at most 1 MB and 0.5 %, steady, and
at least 0.95. An interrupted run shows what it has; `--read DIR` shows the rows of a run, which may
still be going on.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import lzma
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

MEGA = 1 << 20
MILLION = 1_000_000
TEXTS = ("ru_modern", "ru_technical", "ru_laws", "ru_duma")
STRANGE = "ґєіїўј"  # letters of no Russian word
COLUMNS = ("documents", "seconds", "rss", "uss", "files", "threads", "children")
SKIPPED = 0.25  # the share of the rows that belongs to the start


class Sizes(NamedTuple):
    """What a process holds: bytes in memory, bytes that no other process shares, and counts."""

    rss: int
    uss: int
    files: int
    threads: int
    children: int


# -- sampling


def sizes() -> Sizes:
    """Of this process and of all that it started."""
    processes = [Path("/proc/self"), *map(_proc, _children(os.getpid()))]
    rss = 0
    uss = 0
    for process in processes:
        lines = (process / "smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
        fields = {line.split()[0]: int(line.split()[1]) << 10 for line in lines}
        rss += fields["Rss:"]
        uss += fields["Private_Clean:"] + fields["Private_Dirty:"]
    files = len(os.listdir("/proc/self/fd"))
    return Sizes(rss, uss, files, threading.active_count(), len(processes) - 1)


def _proc(process: int) -> Path:
    return Path(f"/proc/{process}")


def _children(process: int) -> list[int]:
    found: list[int] = []
    for path in _proc(process).glob("task/*/children"):
        found += map(int, path.read_text(encoding="ascii").split())
    return found


# -- texts


def texts(options: argparse.Namespace) -> Iterator[str]:
    """Lines of real texts without end, a line of each in turn; some words are unseen."""
    dice = random.Random(1)
    for line in itertools.chain.from_iterable(zip(*map(_lines, TEXTS), strict=False)):
        yield _with_unseen(line[: options.characters], options, dice)


def _lines(name: str) -> Iterator[str]:
    """The lines of a text that are not empty, again and again."""
    path = Path(os.environ["PIPEKIT_DATA"]) / "text" / f"{name}.txt.xz"
    while True:
        with lzma.open(path, "rt", encoding="utf-8") as file:
            yield from filter(None, map(str.strip, file))


def _with_unseen(
    text: str,
    options: argparse.Namespace,
    dice: random.Random,
) -> str:
    if not options.unseen:
        return text
    words = text.split(" ")
    for place, word in enumerate(words):
        if dice.random() < options.unseen:
            words[place] = word + "".join(dice.choices(STRANGE, k=9))
    return " ".join(words)


# -- the run


def run(options: argparse.Namespace) -> None:
    """Annotate documents, and add a row to the file of samples after some of them."""
    from pipekit.devices.memory import keep_memory

    if not options.release:
        keep_memory(options.limit)
    import torch

    import pipekit

    torch.set_num_threads(options.threads)
    nlp = pipekit.load(options.pipeline, include=options.include)
    stream = itertools.islice(texts(options), options.documents)
    start = time.perf_counter()
    with (options.output / "samples.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for number, _ in enumerate(nlp.pipe(stream, n_process=options.processes), 1):
            if number % options.every == 0:
                seconds = time.perf_counter() - start
                rows.writerow([number, round(seconds, 2), *sizes()])
                file.flush()
                if seconds > options.hours * 3600:
                    return


# -- the figures


def theil_sen(
    x: np.ndarray,
    y: np.ndarray,
) -> float:
    """The median slope of all pairs of points."""
    first, second = np.triu_indices(len(x), 1)
    return float(np.median((y[second] - y[first]) / (x[second] - x[first])))


def show(options: argparse.Namespace) -> bool:
    """Print the figures and draw the memory; whether all is as wanted."""
    table = np.loadtxt(options.output / "samples.csv", delimiter=",", skiprows=1, ndmin=2)
    if len(table) < 8:
        raise SystemExit(f"{len(table)} rows: run more documents, or sample more often (--every)")
    _draw(table, options.output / "memory.png")
    pace = table[:, 0] / table[:, 1]
    tenth = max(2, len(table) // 10)
    first = pace[tenth - 1]
    last = np.ptp(table[-tenth:, 0]) / np.ptp(table[-tenth:, 1])
    late = table[int(len(table) * SKIPPED) :]
    late = late[:: max(1, len(late) // 2_000)]  # two million pairs are enough
    documents, seconds, _, uss, *counts = late.T
    slope = theil_sen(documents, uss) * MILLION / MEGA
    hourly = theil_sen(seconds, uss) * 3600 / float(np.median(uss)) * 100
    half = len(late) // 2
    steady = all(count[half:].max() <= count[:half].max() for count in counts)
    print(f"documents  {int(table[-1, 0]):>12,} in {table[-1, 1] / 60:,.1f} minutes")
    print(f"memory     {uss.min() / MEGA:,.0f} to {uss.max() / MEGA:,.0f} MB of its own")
    print(f"slope      {slope:+12.2f} MB a million documents, at most 1")
    print(f"hourly     {hourly:+12.2f} % an hour, at most 0.5")
    print(f"steady     {'yes' if steady else 'no':>12}: files, threads, children")
    print(f"pace       {last / first:12.2f}, at least 0.95")
    print(f"drawn      {options.output / 'memory.png'}")
    return slope <= 1 and hourly <= 0.5 and steady and last >= 0.95 * first


def _draw(
    table: np.ndarray,
    path: Path,
) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for column, name in ((2, "resident"), (3, "its own")):
        axes.plot(table[:, 0] / 1_000, table[:, column] / MEGA, label=name, linewidth=1)
    axes.set_xlabel("thousand documents")
    axes.set_ylabel("MB")
    axes.set_ylim(0)
    axes.legend()
    figure.savefig(path, dpi=120)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, help="stop after so many")
    parser.add_argument("--hours", type=float, default=24, help="stop after so long")
    parser.add_argument("--unseen", type=float, default=0, help="the share of unseen words")
    parser.add_argument("--characters", type=int, default=120, help="of a document, at most")
    parser.add_argument("--pipeline", default="ru_core")
    parser.add_argument("--include", nargs="*", default=["tagger"], help="its components")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=int, help="megabytes, of `keep_memory`")
    parser.add_argument("--release", action="store_true", help="run without `keep_memory`")
    parser.add_argument("--every", type=int, default=1_000, help="documents between two rows")
    parser.add_argument("--output", type=Path, help="a folder for the rows and the plot")
    parser.add_argument("--read", type=Path, metavar="DIR", help="show the rows of a run")
    options = parser.parse_args()
    options.output = options.read or options.output
    if options.output is None:
        parser.error("name a folder: --output DIR")
    options.output.mkdir(parents=True, exist_ok=True)
    if not options.read:
        try:
            run(options)
        except KeyboardInterrupt:
            print("interrupted: the figures are of the rows so far", file=sys.stderr)
    return 0 if show(options) else 1


if __name__ == "__main__":
    sys.exit(main())
