"""`pipekit check FILE`: look for faults in annotated files before they are trained on."""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path
from typing import Any

from pipekit.cli.options import json_option, print_json

HAS_ERRORS = 3
"""The exit code of a corpus with errors; warnings alone are no reason to stop."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="CoNLL-U, JSONL, IOB, brat, text; .gz and .xz too; or a folder of them",
    )
    parser.add_argument(
        "--dev",
        type=Path,
        metavar="FILE",
        help="another part of the corpus, to be compared with the first",
    )
    parser.add_argument(
        "--format", metavar="NAME", help="the format of the files (default: by their suffix)"
    )
    parser.add_argument(
        "--lang",
        default="ru",
        help="the language whose tokenizer cuts texts without tokens (default: ru)",
    )
    parser.add_argument(
        "--fewest",
        type=int,
        default=3,
        metavar="N",
        help="report labels that are seen less often (default: 3)",
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the faults of a corpus."""
    from pipekit.corpora.check import check
    from pipekit.corpora.sources import corpus_format

    format = options.format or corpus_format(options.file)
    reading = tokenizer_for(format, options.lang)
    report = check(options.file, format, dev=options.dev, fewest=options.fewest, **reading)
    if options.json:
        print_json(report.to_dict())
    else:
        print(report.table())
    return HAS_ERRORS if report.errors else 0


def tokenizer_for(
    format: str,
    lang: str,
) -> dict[str, Any]:
    """The option `tokenize`, for a reader that takes it."""
    from pipekit.pipeline.loading import blank
    from pipekit.registry import readers

    parameters = inspect.signature(readers.get(format)).parameters
    if "tokenize" not in parameters:
        return {}
    return {"tokenize": blank(lang).tokenize}
