"""The share of the time that the contract of components costs: checks around each of them.

    python recipes/benchmarks/contracts.py ru_core contacts \\
        --texts "$PIPEKIT_DATA/ner/collection5-dev.jsonl.gz"

All components are checked, pipekit's own as those of plugins. A name that is no pipeline is a
component, alone on pipekit.blank("ru"). Texts go through as documents, and line by line. The time
is that of the thread, so that other processes of the machine count little; of --runs passes the
median counts.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import pipekit
from pipekit import Pipeline, registry
from pipekit.devices.memory import keep_memory
from pipekit.parts.watch import Watch
from pipekit.pipeline.assembly import Assembly


class Clock:
    """Adds up the seconds that functions take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            begin = time.thread_time()
            try:
                return function(*arguments)
            finally:
                self.seconds += time.thread_time() - begin

        return timed


def pipeline(name: str) -> Pipeline:
    if name in registry.components.names():
        nlp = pipekit.blank("ru")
        nlp.add_pipe(name)
        return nlp
    return pipekit.load(name, device="cpu")


def shares(nlp: Pipeline, texts: list[str], clock: Clock, runs: int) -> list[float]:
    """Percent of the time of each pass that the checks take."""
    percents = []
    for _ in range(runs + 1):
        clock.seconds = 0.0
        begin = time.thread_time()
        for _ in nlp.pipe(texts):
            pass
        percents.append(100 * clock.seconds / (time.thread_time() - begin))
    return percents[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description="The cost of the contract of components.")
    parser.add_argument("names", nargs="+", help="pipelines and components")
    parser.add_argument("--texts", type=Path, required=True, help="JSONL with a field text, .gz")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    keep_memory()
    torch.set_num_threads(1)
    clock = Clock()
    Assembly.is_own = lambda *_: False  # type: ignore[method-assign]
    for name in ("__init__", "breach"):
        setattr(Watch, name, clock.around(getattr(Watch, name)))
    with gzip.open(arguments.texts, "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    lines = [line for text in texts for line in text.split("\n") if line.strip()]
    print("| | characters a document | percent of the time, median | least |\n|---|---:|---:|---:|")
    for name in arguments.names:
        nlp = pipeline(name)
        for documents in (texts, lines):
            size = sum(map(len, documents)) // len(documents)
            percents = shares(nlp, documents, clock, arguments.runs)
            median = statistics.median(percents)
            print(f"| {name} | {size} | {median:.2f} | {min(percents):.2f} |", flush=True)


if __name__ == "__main__":
    main()
