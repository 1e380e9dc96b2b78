"""`pipekit train RECIPE.toml`: train a pipeline."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a .toml file")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="where the result goes; runs/NAME OF RECIPE by default")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in the folder")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override, for instance --set training.epochs=3")
    parser.add_argument("--device", default="auto", help="cpu, cuda, … or auto (the default)")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw the curves (needs matplotlib: the extra plot)")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    from pipekit.training.loop import BEST, LOG, train
    from pipekit.training.recipe import read_recipe

    output = given.output or Path("runs") / given.recipe.stem
    nlp = train(read_recipe(given.recipe, given.set), output, device=given.device, resume=given.resume)
    print(f"{nlp!r} is in {output / BEST}; all figures are in {output / LOG}")
    if given.plot:
        from pipekit.training.plot import plot

        plot(output / LOG, given.plot)
        print(f"curves: {given.plot}")
    return 0
