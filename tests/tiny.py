"""Small pipelines that are trained for real, in a second, on the ten sentences of cases/ten.conllu."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from pipekit import Doc, Pipeline
from pipekit.training.loop import train
from pipekit.training.readers import read_conllu
from pipekit.training.recipe import parse_recipe

TEN = Path(__file__).parent / "cases" / "ten.conllu"
FEATURES = {"width": 48, "word_width": 24, "word_buckets": 2000, "affix_buckets": 500, "shape_buckets": 100}
TAGGER = {"type": "tagger", "encoder": "main", "hidden": 48, "lemma_width": 24}
TRAINING = {"epochs": 40, "batch_words": 40, "learning_rate": 0.01, "evaluate_every": 1000, "threads": 1, "mixed_precision": False}


def ten() -> list[Doc]:
    """The ten sentences, annotated."""
    return list(read_conllu(TEN))


def gold(docs: Sequence[Doc], columns: Sequence[str] = ("pos", "morph", "lemma")) -> list[list[list[Any]]]:
    """What documents say of their tokens, comparable by ==."""
    return [[list(row) for row in zip(*(doc.tokens[name].strings() for name in columns), strict=True)] for doc in docs]


def recipe(
    encoder: Mapping[str, Any], components: Mapping[str, Any] | None = None, *, dev: bool = False, **training: Any
) -> dict[str, Any]:
    """A recipe as a mapping; each sentence twice, since a lemma's rule is learned where it is seen twice."""
    source = {"path": str(TEN), "format": "conllu"}
    return {
        "pipeline": {"lang": "ru", "name": "tiny"},
        "training": {**TRAINING, **training},
        "encoders": {"main": {"features": FEATURES, **encoder}},
        "components": components or {"tagger": TAGGER},
        "train": [{**source, "repeat": 2}],
        "dev": [source] if dev else [],
    }


def learn(raw: Mapping[str, Any], output: Path, **options: Any) -> Pipeline:
    """Train on the CPU, computing in float32."""
    torch.set_num_threads(1)
    return train(parse_recipe(raw), output, device="cpu", progress=False, **options).with_precision("float32")
