"""`pipekit render FILE… -o page.html`: draw annotated documents."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from pipekit.doc.pictures import STYLES, render
from pipekit.errors import ConfigError
from pipekit.rendering.rendering import WIDE, check_suffix

if TYPE_CHECKING:
    from pipekit.doc import Doc
    from pipekit.pipeline import Pipeline

_MOST = 100  # documents
_DOCS = ".docs"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help=".docs, and all that can be evaluated: CoNLL-U, JSONL, IOB, brat, text; .gz and .xz",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="PAGE",
        help="a .html or .svg file",
    )
    _add_choices(parser)
    parser.set_defaults(run=run)


def _add_choices(parser: argparse.ArgumentParser) -> None:
    """What is drawn of the documents, and how."""
    parser.add_argument(
        "--style",
        choices=STYLES,
        default="ents",
        help="what is drawn (default: ents)",
    )
    parser.add_argument(
        "--pipeline",
        metavar="PIPELINE",
        help="annotate the texts by this pipeline, and draw what it writes",
    )
    parser.add_argument("--device", default="auto", help="of the pipeline: cpu, cuda, … or auto")
    parser.add_argument(
        "--format", metavar="NAME", help="the format of the files (default: by their suffix)"
    )
    parser.add_argument(
        "--layers",
        nargs="+",
        metavar="NAME",
        help="the groups of spans that are drawn",
    )
    parser.add_argument(
        "--labels",
        nargs="+",
        metavar="LABEL",
        help="the labels that are drawn (default: all)",
    )
    parser.add_argument(
        "--limit",
        type=int,
        default=_MOST,
        metavar="N",
        help=f"how many documents are drawn; 0 for all (default: {_MOST})",
    )
    parser.add_argument(
        "--width",
        type=float,
        default=WIDE,
        metavar="PIXELS",
        help=f"of drawings (default: {WIDE:.0f})",
    )


def run(options: argparse.Namespace) -> int:
    """Draw the documents. Errors: `ConfigError` for options, `DataError` for files."""
    check_suffix(options.output)
    if options.limit < 0:
        raise ConfigError(f"--limit is {options.limit}: it is a number of documents, 0 for all")
    nlp = _pipeline(options)
    every = chain.from_iterable(_documents(path, options, nlp) for path in options.files)
    docs = list(islice(every, options.limit or None))
    is_cut = next(every, None) is not None
    if options.pipeline:
        bare = [doc.copy(bare=True) for doc in docs]
        docs = list(nlp.pipe(bare))
    rendering = render(
        docs,
        options.style,
        layers=options.layers,
        labels=options.labels,
        width=options.width,
    )
    rendering.save(options.output)
    rest = ", and there are more: --limit 0 draws all" if is_cut else ""
    print(f"{options.output}: {len(docs):,} documents{rest}")
    return 0


def _pipeline(options: argparse.Namespace) -> Pipeline:
    """The pipeline that annotates; without one a tokenizer, for files of plain text."""
    from pipekit.pipeline.loading import blank, load

    if options.pipeline:
        return load(options.pipeline, device=options.device)
    return blank("ru")


def _documents(
    path: Path,
    options: argparse.Namespace,
    nlp: Pipeline,
) -> Iterator[Doc]:
    """The documents of a file."""
    if path.suffix == _DOCS and options.format is None:
        from pipekit.doc.file import read_docs

        return iter(read_docs(path))
    from pipekit.corpora.sources import read_corpus

    return iter(read_corpus(path, options.format, nlp.tokenize))
