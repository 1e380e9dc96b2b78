"""`pipekit package FILE --name NAME --version VERSION`: build an installable package."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

from pipekit.errors import ConfigError


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument(
        "pipeline", metavar="PIPELINE", help="a file, a folder, or an installed name"
    )
    parser.add_argument(
        "--name", required=True, help="by which pipekit.load finds it, such as ru_mycorp"
    )
    parser.add_argument("--version", required=True, help="such as 0.1")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("dist"),
        metavar="FOLDER",
        help="where the wheel and the sdist go (default: dist)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="state a fact for the model card, for instance --set 'license=\"MIT\"'; "
        "otherwise, those of [pipeline] in the recipe",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a package of this version"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Build the package, and tell what its model card lacks."""
    from pipekit.packages.card import FACTS
    from pipekit.packages.model import build_package

    package = build_package(
        options.pipeline,
        options.name,
        options.version,
        options.output,
        facts=_facts(options.set),
        overwrite=options.overwrite,
    )
    print(f"{package.wheel}\n{package.sdist}")
    for key in package.missing:
        print(
            f"the model card does not tell {FACTS[key]}: [pipeline] {key} in the recipe, or --set"
        )
    print(f'pip install {package.wheel}, then pipekit.load("{options.name}")')
    return 0


def _facts(lines: list[str]) -> dict[str, Any]:
    """The values of --set: TOML, or else texts. Errors: `ConfigError`."""
    facts = {}
    for line in lines:
        key, equals, text = line.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set {line}: write key=value, for instance license=MIT")
        try:
            facts[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            facts[key] = text
    return facts
