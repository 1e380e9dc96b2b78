"""The command line: `pipekit VERB …`, one module for each verb.

Each module of a verb has two functions: `add` adds the arguments of the verb to a parser, `run`
does the work and returns the exit code.

Exit codes:
    0    done
    1    an error, which is named
    2    wrong usage
    3    `check` saw errors, or more records failed than may
    4    the output could not be written
    130, 143    interrupted by SIGINT, SIGTERM
    141    nobody reads the output any more
"""

from __future__ import annotations

import argparse
import importlib
import io
import sys
from collections.abc import Sequence
from typing import Any

from pipekit.cli.display import plain_warnings
from pipekit.cli.endings import NO_READER, UNWRITABLE, drop_output, flushed

VERBS = {
    "run": "annotate a text, a file, or standard input",
    "apply": "annotate a corpus of any size, in a job that can go on where it stopped",
    "train": "train a pipeline by a recipe",
    "subwords": "learn a vocabulary of subword pieces",
    "pieces": "show how words are cut into subword pieces",
    "pretrain": "pretrain an encoder on raw text",
    "import-bert": "make a pipeline of a published BERT",
    "evaluate": "compare a pipeline with annotated files",
    "benchmark": "measure words a second, and where the time goes",
    "check": "look for faults in annotated files",
    "attention": "draw the attention weights of an encoder on a text",
    "info": "show what is installed, or what a pipeline holds",
}


class VerbParser(argparse.ArgumentParser):
    """Takes options between positional arguments: `run ru_core --format json TEXT`."""

    _within = False

    def parse_known_args(
        self,
        args: Any = None,
        namespace: Any = None,
    ) -> Any:
        """Parse intermixed arguments; that calls this method again, which then parses as usual."""
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
    verbs = whole.add_subparsers(
        dest="verb",
        required=True,
        metavar="VERB",
        parser_class=VerbParser,
    )
    for name, summary in VERBS.items():
        module = importlib.import_module(f"pipekit.cli.{name.replace('-', '_')}")
        module.add(verbs.add_parser(name, help=summary, description=summary))
    return whole


@plain_warnings()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    An error of the user, such as a missing file, is one message on standard error.
    """
    from pipekit.devices.memory import keep_memory
    from pipekit.errors import PipekitError

    _use_utf8()
    options = parser().parse_args(arguments)
    try:
        keep_memory()
        code = int(options.run(options))
    except PipekitError as error:
        print(f"pipekit {options.verb}: {error}", file=sys.stderr)
        code = 1
    except BrokenPipeError:
        code = NO_READER
    except OSError as error:
        print(f"pipekit {options.verb}: {error}", file=sys.stderr)
        is_file = error.filename is not None
        code = 1 if is_file else UNWRITABLE
    except KeyboardInterrupt:
        print(f"pipekit {options.verb}: interrupted", file=sys.stderr)
        code = 130
    unwritten = flushed(options.verb)
    if unwritten:
        drop_output()
    return code or unwritten


def _use_utf8() -> None:
    """Read and write UTF-8 in any locale."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        # A notebook or a test may have put something else in the place of a stream.
        if isinstance(stream, io.TextIOWrapper):
            # A message may name a file whose name is no Unicode.
            errors = "backslashreplace" if stream is sys.stderr else "strict"
            stream.reconfigure(encoding="utf-8", errors=errors)
