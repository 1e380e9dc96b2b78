"""`pipekit run PIPELINE [TEXT]`: annotate a text, a file, or standard input."""

from __future__ import annotations

import argparse
import json
import sys

from pipekit.cli.display import doc_lines
from pipekit.cli.endings import tell
from pipekit.cli.options import pipeline_options, read_text_option, text_options
from pipekit.cli.terminal import has_colours, is_terminal, terminal_lines

SHAPES = ("table", "json", "conllu")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    pipeline_options(parser)
    text_options(parser)
    parser.add_argument(
        "--to",
        choices=SHAPES,
        default="table",
        help="how the document is shown (default: table)",
    )
    parser.add_argument("--format", choices=SHAPES, help=argparse.SUPPRESS)  # its older name
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Annotate a text and print the document."""
    text = read_text_option(options)
    from pipekit.pipeline.loading import load

    nlp = load(options.pipeline, device=options.device, exclude=options.exclude)
    doc = nlp(text)
    shape = options.to
    if options.format:
        tell("pipekit run: warning: --format is the format of files that are read; write --to here")
        shape = options.format
    if shape == "json":
        print(json.dumps(doc.to_dict(), ensure_ascii=False))
    elif shape == "conllu":
        from pipekit.corpora.readers import write_conllu

        write_conllu([doc], sys.stdout)
    elif is_terminal():
        print("\n".join(terminal_lines(doc, colours=has_colours())))
    else:
        print("\n".join(doc_lines(doc)))
    return 0
