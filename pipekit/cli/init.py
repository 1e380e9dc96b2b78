"""`pipekit init plugin NAME`, `pipekit init recipe --task TASK`: write what one begins with."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    from pipekit.packages.plugin import PLUGIN_KINDS
    from pipekit.packages.recipes import TASKS

    subjects = parser.add_subparsers(dest="subject", required=True, metavar="WHAT")
    plugin = subjects.add_parser("plugin", help="a package with parts of your own, and its tests")
    plugin.add_argument("name", metavar="NAME", help="of the package, such as pipekit-contacts")
    for name, kind in PLUGIN_KINDS.items():
        plugin.add_argument(f"--{name}", action="store_true", help=f"with {kind.summary}")
    plugin.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="where the folder of the package is made (default: here)",
    )
    plugin.set_defaults(run=run_plugin)

    recipe = subjects.add_parser("recipe", help="a recipe that trains, with its keys explained")
    recipe.add_argument(
        "--task",
        required=True,
        choices=list(TASKS),
        help="what the pipeline learns: %(choices)s",
        metavar="TASK",
    )
    recipe.add_argument("--lang", default="ru", help="the language (default: ru)")
    for part, meaning in (("train", "to learn from"), ("dev", "that choose the best epoch")):
        recipe.add_argument(
            f"--{part}",
            type=Path,
            metavar="FILE",
            help=f"annotated documents {meaning}",
        )
    recipe.add_argument("--format", metavar="NAME", help="the format of the files")
    recipe.add_argument(
        "--source",
        metavar="PIPELINE",
        help="take the encoder of a pipeline, such as ru_core, as it is",
    )
    recipe.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="the recipe (default: TASK.toml)",
    )
    recipe.set_defaults(run=run_recipe)


def run_plugin(options: argparse.Namespace) -> int:
    """Write a package, and tell what comes next."""
    from pipekit.packages.plugin import PLUGIN_KINDS, write_plugin

    kinds = [kind for kind in PLUGIN_KINDS if getattr(options, kind)]
    folder = write_plugin(options.name, kinds or ["component"], options.output)
    print(f"{folder} holds {', '.join(kinds or ['component'])}, with tests and a README. Next:")
    print(f"  pip install -e {folder}")
    print("  pipekit info")
    print(f"  python -m pytest {folder}")
    return 0


def _left_to_do(options: argparse.Namespace) -> str:
    """Which files nobody has named yet, as a sentence."""
    missing = [name for name in ("train", "dev") if not getattr(options, name)]
    if not missing:
        return ""
    return f"Name your files in it, at path of {' and '.join(f'[[{name}]]' for name in missing)}. "


def run_recipe(options: argparse.Namespace) -> int:
    """Write a recipe, and tell what comes next."""
    from pipekit.packages.recipes import write_recipe

    path = options.output or Path(f"{options.task}.toml")
    write_recipe(
        path,
        options.task,
        lang=options.lang,
        train=options.train,
        dev=options.dev,
        format=options.format,
        source=options.source,
    )
    print(f"{path}: a recipe for {options.task}. {_left_to_do(options)}Next:")
    print(f"  pipekit debug recipe {path}")
    print(f"  pipekit train {path} -o runs/{path.stem}")
    return 0
