"""The cost of a word in a text without sentence borders, for each component.

    python recipes/benchmarks/crowds.py ru_core

Two texts of the same names, and two of the same plain words: in short sentences, and in one of many
thousand words. Prints microseconds of the processor a word, and the most memory of the process
while a component runs. Where a component takes more than twice as long a word, the exit status
is 1.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from pathlib import Path
from typing import NamedTuple

import torch

import pipekit
from pipekit import Pipeline
from pipekit.devices.memory import keep_memory
from pipekit.pipeline.running import Order, Run
from pipekit.pipeline.streams import CHUNK_WORDS, Item

NAMES = "Иван Петров|Анна Смирнова|Москва|Омск|Газпром|Мария Кузнецова|Сергей Волков|Казань|Тверь"
WORDS = "она уже вчера пошла туда где всегда шёл дождь и тихо играла музыка за окном"
SIZE = 8_000  # names, and plain words
LIMIT = 2.0
LEAST = 1.0  # microseconds a word that count


class Cost(NamedTuple):
    """Microseconds a word, and megabytes."""

    time: float
    memory: int


def texts(pieces: list[str], every: int, comma: str) -> tuple[str, str]:
    """Pieces as sentences of `every` pieces, and as one sentence."""
    begins = range(0, len(pieces), every)
    sentences = [comma.join(pieces[begin : begin + every]) for begin in begins]
    short = " ".join(f"{sentence[:1].upper()}{sentence[1:]}." for sentence in sentences)
    return short, comma.join(pieces)


def peak() -> int:
    """The most megabytes since the last call."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return int(line.split()[1]) >> 10


def costs(nlp: Pipeline, text: str) -> dict[str, Cost]:
    """The cost of each component; the encoder counts with the first that reads its vectors."""
    marks: list[tuple[str, float, int]] = []

    def mark(name: str) -> None:
        marks.append((name, time.process_time(), peak()))

    run = Run(nlp, Order(overwrite=False, batch_words=CHUNK_WORDS))
    run.on_component = mark
    [result] = run.chunk([Item(0, text)])
    mark("end")
    spent = dict.fromkeys(nlp.pipe_names, Cost(0.0, 0))
    for (name, begin, _), (_, end, memory) in itertools.pairwise(marks):
        if name not in spent:
            continue
        before = spent[name]
        microseconds = 1e6 * (end - begin) / len(result.doc)
        spent[name] = Cost(before.time + microseconds, max(before.memory, memory))
    return spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pipeline")
    options = parser.parse_args()
    keep_memory()
    torch.set_num_threads(1)
    nlp = pipekit.load(options.pipeline, device="cpu", precision="float32")
    chance = random.Random(1)
    names = chance.choices(NAMES.split("|"), k=SIZE)
    words = chance.choices(WORDS.split(), k=SIZE)
    kinds = {"names": texts(names, 4, ", "), "plain words": texts(words, 8, " ")}
    nlp(kinds["names"][0][:2_000])
    worst = 0.0
    print("| | | short sentences | one sentence | ratio | MB | MB |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for kind, (short, long) in kinds.items():
        usual, crowded = costs(nlp, short), costs(nlp, long)
        for name in nlp.pipe_names:
            first, second = usual[name], crowded[name]
            ratio = second.time / max(first.time, LEAST)
            worst = max(worst, ratio)
            figures = f"{first.time:.1f} | {second.time:.1f} | {ratio:.2f}"
            print(f"| {kind} | {name} | {figures} | {first.memory} | {second.memory} |", flush=True)
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
