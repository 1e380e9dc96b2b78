"""`pipekit check FILE`: look for faults in annotated files before they are trained on."""

from __future__ import annotations

import argparse
import inspect
import json
from pathlib import Path
from typing import Any

FOUND = 3  # the exit code where there are errors; warnings alone are no reason to stop


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="CoNLL-U, JSONL, IOB, brat, text; .gz and .xz too; a folder of them",
    )
    parser.add_argument(
        "--dev",
        type=Path,
        metavar="FILE",
        help="another part of the corpus, held against the first",
    )
    parser.add_argument(
        "--format", metavar="NAME", help="the reader; told by the suffix where it is not given"
    )
    parser.add_argument(
        "--lang",
        default="ru",
        help="whose tokenizer cuts texts that come without tokens; ru is the default",
    )
    parser.add_argument(
        "--fewest",
        type=int,
        default=3,
        metavar="N",
        help="labels seen less often are reported; 3 is the default",
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    from pipekit.corpora.check import check
    from pipekit.corpora.sources import corpus_format

    name = given.format or corpus_format(given.file)
    report = check(
        given.file, name, dev=given.dev, fewest=given.fewest, **tokenizer_for(name, given.lang)
    )
    print(json.dumps(report.to_dict(), ensure_ascii=False) if given.json else report.table())
    return FOUND if report.errors else 0


def tokenizer_for(format: str, lang: str) -> dict[str, Any]:
    """The option `tokenize`, for a reader that takes one."""
    from pipekit.pipeline.loading import blank
    from pipekit.registry import readers

    takes = inspect.signature(readers.get(format)).parameters
    return {"tokenize": blank(lang).tokenize} if "tokenize" in takes else {}
