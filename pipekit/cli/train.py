"""`pipekit train RECIPE.toml`: train a pipeline."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipekit.cli.options import training_options


def add(parser: argparse.ArgumentParser) -> None:
    training_options(parser, "training.epochs=3")
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="PNG",
        help="draw the curves (needs matplotlib: the extra plot)",
    )
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    from pipekit.training.loop import BEST, LOG, train
    from pipekit.training.recipe import read_recipe

    output = given.output or Path("runs") / given.recipe.stem
    nlp = train(
        read_recipe(given.recipe, given.set), output, device=given.device, resume=given.resume
    )
    print(f"{nlp!r} is in {output / BEST}; all figures are in {output / LOG}")
    if given.plot:
        from pipekit.training.plot import plot

        plot(output / LOG, given.plot)
        print(f"curves: {given.plot}")
    return 0
