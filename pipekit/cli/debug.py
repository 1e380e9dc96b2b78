"""`pipekit debug recipe FILE`: show a recipe completed, before anything is read or trained."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipekit.cli.options import json_option, print_json


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    subjects = parser.add_subparsers(dest="subject", required=True, metavar="WHAT")
    recipe = subjects.add_parser("recipe", help="check a recipe, and show every default")
    recipe.add_argument("recipe", type=Path, metavar="RECIPE", help="a .toml file")
    recipe.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting of the recipe, as in `pipekit train`",
    )
    json_option(recipe)
    recipe.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check a recipe, and print it with every key that it leaves out."""
    from pipekit.training.building import SavedPipelines
    from pipekit.training.checking import check_recipe
    from pipekit.training.explaining import completed_recipe, completed_toml
    from pipekit.training.recipe import read_recipe

    recipe = read_recipe(options.recipe, options.set)
    check_recipe(recipe, SavedPipelines().get)
    settings = completed_recipe(recipe)
    if options.json:
        print_json([setting._asdict() for setting in settings])
        return 0
    print(completed_toml(settings))
    return 0
