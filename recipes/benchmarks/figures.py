"""What intervals, judged scores and scores of tags cost.

    python recipes/benchmarks/figures.py ru_core --gold …/morph/ru_taiga-test.conllu.gz

Shown are the seconds of an evaluation and of its intervals, and the words a second of the tagger
with and without scores of tags: medians of some passes, in turn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import pipekit
from pipekit import Doc, Pipeline
from pipekit.corpora.sources import read_corpus
from pipekit.evaluation.evaluate import evaluate


def seconds_of_pass(nlp: Pipeline, docs: list[Doc]) -> float:
    begin = time.process_time()
    for _ in nlp.pipe([doc.copy(bare=True) for doc in docs]):
        pass
    return time.process_time() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what figures for deciding cost.")
    parser.add_argument("pipeline")
    parser.add_argument("--gold", type=Path, required=True)
    parser.add_argument("--passes", type=int, default=5)
    options = parser.parse_args()
    plain = pipekit.load(options.pipeline, include=["tagger"])
    scored = pipekit.load(options.pipeline, include=["tagger"])
    scored.get_pipe("tagger").write_confidence()  # type: ignore[attr-defined]
    docs = list(read_corpus(options.gold, None, plain.tokenize))
    words = sum(map(len, docs))
    begin = time.process_time()
    scores = evaluate(plain, docs)
    evaluated = time.process_time()
    scores.intervals()
    ended = time.process_time()
    print(f"{len(docs)} documents, {words} words")
    print(f"evaluation {evaluated - begin:.2f} s, its intervals {ended - evaluated:.2f} s")
    times: dict[str, list[float]] = {"without": [], "with": []}
    for _ in range(options.passes):
        times["without"].append(seconds_of_pass(plain, docs))
        times["with"].append(seconds_of_pass(scored, docs))
    for name, values in times.items():
        print(f"{name} scores of tags: {words / statistics.median(values):,.0f} words a second")


if __name__ == "__main__":
    main()
