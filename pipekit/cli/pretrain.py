"""`pipekit pretrain RECIPE.toml`: pretrain an encoder on raw text."""

from __future__ import annotations

import argparse

from pipekit.cli.options import json_option, print_training, training_folder, training_options


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    training_options(parser, "pretraining.steps=300")
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Pretrain by a recipe."""
    from pipekit.pretraining.loop import LOG, RESULT, pretrain
    from pipekit.pretraining.recipe import read_pretraining_recipe

    folder = training_folder(options)
    recipe = read_pretraining_recipe(options.recipe, options.set)
    nlp = pretrain(
        recipe,
        folder,
        device=options.device,
        resume=options.resume,
        overwrite=options.overwrite,
    )
    if options.json:
        print_training(nlp, folder / RESULT, folder / LOG)
    else:
        print(f"{nlp!r} is in {folder / RESULT}; all figures are in {folder / LOG}")
    return 0
