"""The figures of recipes/ner/README.md: F1 on a recipe's [[dev]] documents, and time of the head.

F1 is that of the documents as they are and in lower case.

python recipes/ner/measure.py runs/ner/best.pipekit recipes/ner/ner.toml ner
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch

import pipekit
from pipekit import Doc
from pipekit.corpora.sources import read_source
from pipekit.evaluation.evaluate import evaluate
from pipekit.evaluation.metrics import score
from pipekit.parts.spans import settle
from pipekit.training.loop import lowered
from pipekit.training.recipe import read_recipe


def outermost(doc: Doc, layer: str) -> Doc:
    """A copy with those spans of a layer that lie within no other."""
    start, end = (doc.layers[layer][edge].values.astype(np.int64) for edge in ("start", "end"))
    other = doc.copy(bare=True)
    other.layers[layer] = doc.layers[layer].take(
        settle(start, end, np.lexsort((start, start - end)))
    )
    return other


def microseconds(nlp: Any, name: str, docs: list[Doc]) -> float:
    """The time of the head alone for a word, on one thread."""
    torch.set_num_threads(1)
    batch = nlp.batch([doc.copy(bare=True) for doc in docs])
    head = nlp.components[name]
    with torch.inference_mode():
        batch.vectors(head.encoder.name)
        took = []
        for _ in range(5):
            began = time.perf_counter()
            head(batch)
            took.append(time.perf_counter() - began)
    return min(took) / len(batch) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description="Figures of a recognizer of entities.")
    parser.add_argument("pipeline")
    parser.add_argument("recipe")
    parser.add_argument("component")
    given = parser.parse_args()
    nlp = pipekit.load(given.pipeline)
    gold = [
        doc for source in read_recipe(given.recipe).dev for doc in read_source(source, nlp.tokenize)
    ]
    layer = nlp.components[given.component].layer  # type: ignore[attr-defined]
    print(evaluate(nlp, gold).table())
    found = list(nlp.pipe([doc.copy(bare=True) for doc in gold]))
    pairs = [
        (outermost(one, layer), outermost(other, layer))
        for one, other in zip(gold, found, strict=True)
    ]
    print(f"outermost spans: F1 {100 * (score(pairs, spans=[layer])[layer] or 0):.2f}")
    print(
        f"in lower case: F1 {100 * (evaluate(nlp, [lowered(doc) for doc in gold])[layer] or 0):.2f}"
    )
    print(f"the head alone: {microseconds(nlp, given.component, gold[:30]):.2f} µs a word")


if __name__ == "__main__":
    main()
