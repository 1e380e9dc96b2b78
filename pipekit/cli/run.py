"""`pipekit run PIPELINE [TEXT]`: annotate a text, a file, or standard input."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pipekit.cli.options import pipeline_options, token_lines
from pipekit.errors import DataError


def add(parser: argparse.ArgumentParser) -> None:
    pipeline_options(parser)
    parser.add_argument(
        "text",
        nargs="?",
        metavar="TEXT",
        help="the text; without it, and without --file, standard input is read",
    )
    parser.add_argument("--file", type=Path, metavar="FILE", help="a text file, UTF-8")
    parser.add_argument(
        "--format",
        choices=("table", "json", "conllu"),
        default="table",
        help="table is the default",
    )
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    text = given.text if given.text not in (None, "-") else read_input(given.file)
    from pipekit.pipeline.loading import load

    doc = load(given.pipeline, device=given.device, exclude=given.exclude)(text)
    if given.format == "json":
        print(json.dumps(doc.to_dict(), ensure_ascii=False))
    elif given.format == "conllu":
        from pipekit.corpora.readers import write_conllu

        write_conllu([doc], sys.stdout)
    else:
        print("\n".join(token_lines(doc)))
    return 0


def read_input(file: Path | None) -> str:
    """The text of a file or of standard input. Errors: `DataError` naming the file and the first byte that is no UTF-8."""
    name = str(file) if file else "standard input"
    try:
        data = file.read_bytes() if file else sys.stdin.buffer.read()
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}: byte {error.start} is no UTF-8: convert the file, for instance by iconv -f cp1251 -t utf-8"
        ) from error
