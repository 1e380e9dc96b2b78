"""Encoders under the same tasks, recipes and heads: accuracy and speed of each.

    python recipes/bert/compare.py --out runs/encoders

`encoders.toml` has the encoders, `tasks/` the recipes. A training that was finished is not done
again; one that was interrupted goes on. The figure is that of the best epoch on the dev part; words
a second are those of the trained tagger on the texts of the dev part of Collection5: one thread,
the encoders in turns, the median.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pipekit
from pipekit.corpora.readers import read_jsonl
from pipekit.training.loop import BEST, LOG, train
from pipekit.training.recipe import parse_recipe
from pipekit.training.toml import data_folder, filled, read_toml

HERE = Path(__file__).resolve().parent
TASKS = ("tagger", "ner", "sentiment", "qa")
SPEED_TASK = "tagger"
REPEATS = 5


def figure(task: str, name: str, encoder: Mapping[str, Any], out: Path) -> float:
    """The best score of an encoder under a task, from the log of its training.

    The training is run unless its log exists.
    """
    folder = out / f"{task}-{name}"
    if not (folder / "done").exists():
        path = HERE / "tasks" / f"{task}.toml"
        raw = read_toml(path)
        raw["encoders"] = {"main": filled(encoder["encoder"], HERE)}
        raw["training"] = {**raw["training"], **encoder.get("training", {})}
        train(parse_recipe(raw, path), folder, device="cpu", resume=True)
        (folder / "done").touch()
    return max(
        json.loads(line)["score"]
        for line in (folder / LOG).read_text(encoding="utf-8").splitlines()
    )


def speeds(paths: Mapping[str, Path]) -> dict[str, float]:
    """Words a second of pipelines on the same texts."""
    corpus = Path(data_folder(HERE)) / "ner" / "collection5-dev.jsonl.gz"
    texts = [doc.text for doc in read_jsonl(corpus, tokenize=pipekit.Pipeline({}).tokenize)]
    torch.set_num_threads(1)
    pipelines = {name: pipekit.load(path, device="cpu") for name, path in paths.items()}
    found: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(REPEATS):
        for name, nlp in pipelines.items():
            begun = time.perf_counter()
            words = sum(len(doc) for doc in nlp.pipe(texts))
            found[name].append(words / (time.perf_counter() - begun))
    return {name: float(np.median(rates)) for name, rates in found.items()}


def compare(names: Iterable[str], tasks: Iterable[str], out: Path) -> None:
    encoders = read_toml(HERE / "encoders.toml")
    rows = {
        name: {task: figure(task, name, encoders[name], out) for task in tasks}
        for name in names or encoders
    }
    paths = {name: out / f"{SPEED_TASK}-{name}" / BEST for name in rows}
    fast = speeds({name: path for name, path in paths.items() if path.exists()})
    print(
        "| | " + " | ".join(tasks) + " | words a second |\n|---|" + "---:|" * (len(list(tasks)) + 1)
    )
    for name, row in rows.items():
        print(
            f"| {name} | "
            + " | ".join(f"{100 * row[task]:.2f}" for task in tasks)
            + f" | {fast.get(name, float('nan')):,.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Encoders under the same tasks.")
    parser.add_argument("--out", type=Path, default=Path("runs/encoders"))
    parser.add_argument(
        "--encoders", nargs="+", default=[], metavar="NAME", help="of encoders.toml; all by default"
    )
    parser.add_argument("--tasks", nargs="+", default=TASKS, choices=TASKS)
    given = parser.parse_args()
    compare(given.encoders, given.tasks, given.out)


if __name__ == "__main__":
    main()
