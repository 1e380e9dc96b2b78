"""Fit the temperature of a component of entities or relations, and write the pipeline again.

The documents are those that it has not seen.

    python recipes/ner/calibrate.py runs/ner/best.pipekit recipes/ner/ner.toml ner
    python recipes/ner/calibrate.py runs/ner_fine/best.pipekit recipes/ner/fine.toml ner_fine
    python recipes/ner/calibrate.py runs/relations/best.pipekit \\
        recipes/relations/nerel.toml relations

What is found in the recipe's [[dev]] documents, spans or links between gold spans, is right or
wrong; the temperature is that of a list with which its scores lose the least (minus log
likelihood). Nothing that is found changes. Shown are the loss and the expected calibration error
(ten bins) before and after.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pipekit
from pipekit import Doc, Pipeline
from pipekit.corpora.sources import read_source
from pipekit.training.recipe import read_recipe

TEMPERATURES = np.round(np.arange(0.7, 3.01, 0.1), 2)


def judged(nlp: Pipeline, head: Any, gold: list[Doc]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The scores of all that is found, and whether each is right."""
    [layer] = head.assigns
    rest = nlp.select_pipes(
        disable=[
            name for name, part in nlp.components.items() if set(head.requires) & set(part.assigns)
        ],
        given=head.requires,
    )
    scores, right = [], []
    answers: Any = rest.pipe([_bare(doc, head.requires) for doc in gold])
    for doc, wanted in zip(answers, gold, strict=True):
        known = {what for what, _ in found(wanted, layer)}
        scores += [score for _, score in found(doc, layer)]
        right += [what in known for what, _ in found(doc, layer)]
    return np.clip(np.array(scores, float), 1e-6, 1 - 1e-6), np.array(right, bool)


def _bare(doc: Doc, kept: Sequence[str]) -> Doc:
    copy = doc.copy(bare=True)
    copy.layers.update({name: doc.layers[name] for name in kept})
    return copy


def found(doc: Doc, layer: str) -> list[tuple[Any, float | None]]:
    """What a layer of spans or links says, comparable by ==, and its score."""
    if doc.layers[layer].kind == "link":
        return [
            (
                (link.head.start, link.head.end, link.label, link.tail.start, link.tail.end),
                link.score,
            )
            for link in doc.relations or ()
        ]
    return [((span.start, span.end, span.label), span.score) for span in doc.spans[layer]]


def log_loss(scores: NDArray[Any], right: NDArray[Any]) -> float:
    return float(-np.log(np.where(right, scores, 1 - scores)).mean())


def error(scores: NDArray[Any], right: NDArray[Any]) -> float:
    """The expected calibration error: scores against the share of right spans, in ten bins."""
    bins = np.minimum((scores * 10).astype(int), 9)
    return float(
        sum(
            abs(scores[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean()
            for b in set(bins.tolist())
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Fit the temperature of a component that finds entities or relations."
    )
    parser.add_argument("pipeline")
    parser.add_argument("recipe")
    parser.add_argument("component")
    given = parser.parse_args()
    nlp = pipekit.load(given.pipeline)
    gold = [
        doc for source in read_recipe(given.recipe).dev for doc in read_source(source, nlp.tokenize)
    ]
    head: Any = nlp.components[given.component]
    losses = {}
    for temperature in TEMPERATURES.tolist():
        head.temperature.fill_(temperature)
        scores, right = judged(nlp, head, gold)
        losses[temperature] = log_loss(scores, right)
        print(
            f"{temperature:.1f}  log loss {losses[temperature]:.4f}  "
            f"calibration error {error(scores, right):.4f}",
            flush=True,
        )
    head.temperature.fill_(min(losses, key=losses.__getitem__))
    nlp.to_disk(given.pipeline, half=True)


if __name__ == "__main__":
    main()
