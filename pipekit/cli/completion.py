"""`pipekit completion SHELL`: completions of the command line for a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from pipekit.errors import ConfigError, cure

SHELLS = {
    "bash": "~/.local/share/bash-completion/completions/pipekit",
    "zsh": "a folder of $fpath, as _pipekit",
    "fish": "~/.config/fish/completions/pipekit.fish",
}
"""By shell, where a system looks for the file."""
_PATHS = (
    "FILE",
    "FIRST",
    "FOLDER",
    "IN",
    "OUT",
    "PIPELINE",
    "PNG",
    "RECIPE",
    "SECOND",
    "VOCABULARY",
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    places = "; ".join(f"{shell}: {place}" for shell, place in SHELLS.items())
    parser.add_argument("shell", choices=tuple(SHELLS), help=f"redirect the output ({places})")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the completions. Errors: `ConfigError` without the library shtab."""
    from pipekit import cli

    try:
        import shtab
    except ImportError as error:
        raise ConfigError(f"completions need the library shtab: {cure('shtab')}") from error
    whole = cli.parser()
    for action in _actions(whole):
        if action.metavar in _PATHS:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(whole, options.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The arguments of a parser and of its verbs."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from _actions(verb)
