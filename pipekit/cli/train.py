"""`pipekit train RECIPE.toml`: train a pipeline."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipekit.cli.endings import tell
from pipekit.cli.options import json_option, print_training, training_folder, training_options


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    training_options(parser, "training.epochs=3")
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="PNG",
        help="draw the curves (needs matplotlib: the extra plot)",
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train by a recipe."""
    from pipekit.training.loop import BEST, LOG, train
    from pipekit.training.recipe import read_recipe

    folder = training_folder(options)
    recipe = read_recipe(options.recipe, options.set)
    nlp = train(
        recipe,
        folder,
        device=options.device,
        resume=options.resume,
        overwrite=options.overwrite,
    )
    if options.json:
        print_training(nlp, folder / BEST, folder / LOG)
    else:
        print(f"{nlp!r} is in {folder / BEST}; all figures are in {folder / LOG}")
    if options.plot:
        from pipekit.training.plot import plot

        plot(folder / LOG, options.plot)
        tell(f"curves: {options.plot}")
    return 0
