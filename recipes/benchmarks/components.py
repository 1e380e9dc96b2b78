"""The cost of each component of a pipeline: words a second with it and without it.

    python recipes/benchmarks/components.py ru_core \\
        --texts "$PIPEKIT_DATA/ner/collection5-dev.jsonl.gz"

From texts to Docs, one thread a process. All variants take turns over the same texts; of each the
fastest of --runs passes counts, since what else a machine does costs more than some components. A
component that others read goes together with them. "two processes" counts from the first Doc on,
since processes take a while to start.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from tqdm import tqdm

import pipekit
from pipekit import Pipeline
from pipekit.devices.memory import keep_memory


def read(path: Path, times: int) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file] * times


def without(nlp: Pipeline, name: str) -> Pipeline:
    """The pipeline without a component and without all that read what it writes."""
    dropped, lost = {name}, set(nlp.components[name].assigns)
    for other, component in nlp.components.items():
        if lost & set(component.requires):
            dropped.add(other)
            lost |= set(component.assigns)
    return nlp.select_pipes(disable=sorted(dropped))


def one(nlp: Pipeline, texts: list[str]) -> float:
    begun = time.perf_counter()
    words = sum(len(doc) for doc in nlp.pipe(texts))
    return words / (time.perf_counter() - begun)


def two(nlp: Pipeline, texts: list[str]) -> float:
    docs = iter(nlp.pipe(texts, n_process=2))
    next(docs)
    begun = time.perf_counter()
    words = sum(len(doc) for doc in docs)
    return words / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description="Words a second with and without each component.")
    parser.add_argument("pipeline")
    parser.add_argument("--texts", type=Path, required=True, help="JSONL with a field text, .gz")
    parser.add_argument(
        "--times", type=int, default=3, help="how often the texts are repeated in a pass"
    )
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    keep_memory()
    torch.set_num_threads(1)
    nlp = pipekit.load(arguments.pipeline, device="cpu")
    texts = read(arguments.texts, arguments.times)
    variants: dict[str, Callable[[], float]] = {
        "all": lambda: one(nlp, texts),
        "all, two processes": lambda: two(nlp, texts * 2),
    }
    for name in nlp.pipe_names:
        rest = without(nlp, name)
        lost = [n for n in nlp.pipe_names if n not in rest.pipe_names]
        variants[f"without {', '.join(lost)}"] = lambda rest=rest: one(rest, texts)  # type: ignore[misc]
    speeds = dict.fromkeys(variants, 0.0)
    for _ in tqdm(range(arguments.runs), desc="runs"):
        for name, run in variants.items():
            speeds[name] = max(speeds[name], run())
    print("| | words a second | microseconds a word saved |\n|---|---:|---:|")
    for name, speed in speeds.items():
        saved = f"{1e6 / speeds['all'] - 1e6 / speed:.2f}" if name.startswith("without") else ""
        print(f"| {name} | {speed:,.0f} | {saved} |")


if __name__ == "__main__":
    main()
