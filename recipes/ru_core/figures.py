"""Figures of the model card: names, fine-grained entities, relations and answers of ru_core.

They are measured on parts that no training has seen.

    python recipes/ru_core/figures.py ru_core

Corpora and their mappings are the [[dev]] sources of the recipes that trained the parts. Tokens and
sentences are pipekit's own; entities are given where a line says so. Sentiment has a comparison of
its own, `recipes/sentiment/compare.py`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

import pipekit
from pipekit import Doc, Pipeline
from pipekit.corpora.sources import read_source
from pipekit.evaluation.evaluate import evaluate
from pipekit.training.recipe import read_recipe

RECIPES = Path(__file__).parent.parent
LINKS = ["relations within", "relations across", "relations"]
# By task: the recipe, the enabled components, the gold layers that they read, the figures.
TASKS = {
    "names, Collection5 dev": ("ner/ner.toml", ["ner"], [], ["ents"]),
    "29 types, NEREL dev": ("ner/fine.toml", ["ner_fine"], [], ["fine", "fine outermost"]),
    "relations, NEREL dev, gold entities": ("ner/fine.toml", ["relations"], ["fine"], LINKS),
    "relations, NEREL dev, predicted entities": (
        "ner/fine.toml",
        ["ner_fine", "relations"],
        [],
        LINKS,
    ),
    "answers, SberQuAD dev part": ("qa/qa.toml", ["qa"], [], ["answers exact", "answers"]),
}


def gold(nlp: Pipeline, recipe: str) -> list[Doc]:
    return [
        doc
        for source in read_recipe(RECIPES / recipe).dev
        for doc in read_source(source, nlp.tokenize)
    ]


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description="The figures of a pipeline on all tasks but morphology."
    )
    parser.add_argument("pipeline")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "auto"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    nlp = pipekit.load(arguments.pipeline, device="cpu", precision=arguments.precision)
    print("| | precision | recall | F1 |\n|---|---:|---:|---:|")
    for task, (recipe, pipes, keep, names) in TASKS.items():
        if not set(pipes) <= set(nlp.pipe_names):
            continue
        scores = evaluate(
            nlp.select_pipes(enable=pipes, given=keep),
            gold(nlp, recipe),
            keep=keep,
        )
        for name in names:
            if (counts := scores.figures.get(name)) is not None:
                figures = [counts.precision, counts.recall, counts.f1]
                print(f"| {task}: {name} | {' | '.join(map(percent, figures))} |", flush=True)


if __name__ == "__main__":
    main()
