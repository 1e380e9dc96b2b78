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
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from pipekit.cli.display import plain_warnings
from pipekit.cli.endings import (
    UNWRITABLE,
    drop_output,
    flush,
    open_streams,
    report_error,
    tell,
)

VERBS = {
    "run": "annotate a text, a file, or standard input",
    "apply": "annotate a corpus of any size, in a job that can go on where it stopped",
    "init": "write a plugin or a recipe to begin with",
    "debug": "show a recipe completed, before it trains",
    "train": "train a pipeline by a recipe",
    "package": "build an installable package of a pipeline",
    "subwords": "learn a vocabulary of subword pieces",
    "pieces": "show how words are cut into subword pieces",
    "pretrain": "pretrain an encoder on raw text",
    "import": "make a pipeline of a published BERT or GPT-2",
    "import-bert": "the same, by its older name",
    "evaluate": "compare a pipeline with annotated files",
    "find-threshold": "show precision and recall over the thresholds of a component",
    "calibrate": "fit the scores of components to the share of right predictions",
    "diff": "compare two pipelines: what one gets right, and the other does not",
    "benchmark": "measure words a second, and where the time goes",
    "check": "look for faults in annotated files",
    "generate": "write how a text goes on",
    "render": "draw annotated documents as a page or an SVG",
    "attention": "draw the attention weights of an encoder on a text",
    "info": "show what is installed, or what a pipeline holds",
    "completion": "print the completions of this command line for a shell",
}


MODULES = {"import": "import_model", "import-bert": "import_model"}
"""The modules of verbs whose names no module can have."""


class LineParser(argparse.ArgumentParser):
    """Fails where help cannot be printed; argparse is silent there."""

    def _print_message(
        self,
        message: str,
        file: Any = None,
    ) -> None:
        if file is sys.stdout and file is not None:
            print(message, end="")
        else:
            tell(message.rstrip("\n"))

    def exit(
        self,
        status: int = 0,
        message: str | None = None,
    ) -> NoReturn:
        """End, once what was printed has been handed on. Errors: `OSError`."""
        flush()
        super().exit(status, message)


class VerbParser(LineParser):
    """Takes options between positional arguments: `run ru_core --to json TEXT`."""

    _within = False

    def parse_known_args(
        self,
        args: Any = None,
        namespace: Any = None,
    ) -> Any:
        """Parse intermixed arguments; that calls this method again, which then parses as usual.

        A verb with subjects, `init plugin NAME`, leaves that to the parsers of these.
        """
        if self._within or self._subparsers is not None:
            return super().parse_known_args(args, namespace)
        self._within = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._within = False


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    import pipekit

    whole = LineParser(prog="pipekit", description="NLP pipelines on torch, Russian first.")
    whole.add_argument("--version", action="version", version=f"pipekit {pipekit.__version__}")
    verbs = whole.add_subparsers(
        dest="verb",
        required=True,
        metavar="VERB",
        parser_class=VerbParser,
    )
    for name, summary in VERBS.items():
        module_name = MODULES.get(name, name.replace("-", "_"))
        module = importlib.import_module(f"pipekit.cli.{module_name}")
        module.add(verbs.add_parser(name, help=summary, description=summary))
    return whole


@plain_warnings()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    An error of the user, such as a missing file, is one message on standard error.
    """
    from pipekit.errors import PipekitError, StoreError

    open_streams()
    title = "pipekit"
    try:
        options = parser().parse_args(arguments)
        title = f"pipekit {options.verb}"
        code = _run(options)
    except SystemExit as end:  # argparse has printed help, or what is wrong
        code = int(end.code or 0)
    except StoreError as error:
        tell(f"{title}: {error}")
        code = UNWRITABLE
    except PipekitError as error:
        tell(f"{title}: {error}")
        code = 1
    except OSError as error:
        code = report_error(error, title)
    except KeyboardInterrupt:
        tell(f"{title}: interrupted")
        code = 130
    drop_output()
    return code


def _run(options: argparse.Namespace) -> int:
    from pipekit.devices.memory import keep_memory

    keep_memory()
    code = int(options.run(options))
    if code != UNWRITABLE:  # of which the verb has told
        flush()
    return code
