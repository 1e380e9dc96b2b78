"""`pipekit pretrain RECIPE.toml`: an encoder learns from raw text."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipekit.cli.options import training_options


def add(parser: argparse.ArgumentParser) -> None:
    training_options(parser, "pretraining.steps=300")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    from pipekit.pretraining.loop import LOG, RESULT, pretrain
    from pipekit.pretraining.recipe import read_pretraining_recipe

    output = given.output or Path("runs") / given.recipe.stem
    nlp = pretrain(
        read_pretraining_recipe(given.recipe, given.set),
        output,
        device=given.device,
        resume=given.resume,
    )
    print(f"{nlp!r} is in {output / RESULT}; all figures are in {output / LOG}")
    return 0
