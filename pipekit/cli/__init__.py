"""The command line: `pipekit VERB …`, one module for each verb.

Exit codes: 0 done, 1 an error that is named, 2 wrong usage, 3 the data check found problems, or more records failed than may, 4 the
output could not be written, 130 and 143 interrupted (SIGINT, SIGTERM).
"""

from __future__ import annotations

import argparse
import importlib
import io
import sys
from collections.abc import Sequence
from typing import Any

VERBS = {
    "run": "annotate a text, a file, or standard input",
    "apply": "annotate a corpus of any size, in a job that can go on where it stopped",
    "train": "train a pipeline by a recipe",
    "subwords": "learn a vocabulary of subword pieces",
    "pieces": "show how words are cut into subword pieces",
    "pretrain": "let an encoder learn from raw text",
    "import-bert": "make a pipeline of a BERT that others have trained",
    "evaluate": "compare a pipeline with annotated files",
    "benchmark": "words a second, and where the time goes",
    "check": "look for faults in annotated files",
    "attention": "draw what the tokens of a text look at in an encoder",
    "info": "what is installed, and what a pipeline holds",
}


class Verb(argparse.ArgumentParser):
    """A parser that takes options between positional arguments: `run ru_core --format json TEXT`."""

    _within = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._within:
            return super().parse_known_args(args, namespace)
        self._within = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._within = False


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    import pipekit

    whole = argparse.ArgumentParser(
        prog="pipekit", description="NLP pipelines on torch, Russian first."
    )
    whole.add_argument("--version", action="version", version=f"pipekit {pipekit.__version__}")
    verbs = whole.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=Verb)
    for name, summary in VERBS.items():
        importlib.import_module(f"pipekit.cli.{name.replace('-', '_')}").add(
            verbs.add_parser(name, help=summary, description=summary)
        )
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; what is wrong with the input goes to standard error as one message, and the exit code says so."""
    from pipekit.devices.memory import keep_memory
    from pipekit.errors import PipekitError

    keep_memory()
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(
            stream, io.TextIOWrapper
        ):  # a notebook or a test may have put something else in its place
            stream.reconfigure(encoding="utf-8")
    given = parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except PipekitError as error:
        print(f"pipekit {given.verb}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        print(f"pipekit {given.verb}: interrupted", file=sys.stderr)
        return 130
