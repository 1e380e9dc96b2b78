"""Measure relations between gold entities on NEREL dev, and on plain sentences of other wordings.

    python recipes/relations/measure.py runs/relations/best.pipekit build/relations_plain-dev.zip

Templates of the second file made no sentence of the training.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pipekit
from pipekit.corpora.sources import read_source
from pipekit.evaluation.evaluate import evaluate
from pipekit.training.recipe import read_recipe


def main() -> None:
    pipeline, plain = map(Path, sys.argv[1:3])
    nlp = pipekit.load(pipeline, device="cpu", precision="float32")
    [news] = read_recipe(Path(__file__).with_name("nerel.toml")).dev
    options = {name: value for name, value in news.options.items() if name != "part"}
    for source in (news, replace(news, path=plain, options=options)):
        scores = evaluate(nlp, read_source(source, nlp.tokenize), keep=["fine"])
        print(f"{source.path}\n{scores}\n")


if __name__ == "__main__":
    main()
