"""Options that several verbs share, and how documents are shown."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipekit.doc import Doc


def pipeline_options(parser: argparse.ArgumentParser) -> None:
    """Which pipeline, with which components, where."""
    parser.add_argument(
        "pipeline", metavar="PIPELINE", help="an installed name, a file, or a folder"
    )
    parser.add_argument(
        "--device", default="auto", help="cpu, cuda, cuda:0, … or auto (the default)"
    )
    parser.add_argument(
        "--exclude", nargs="+", default=[], metavar="COMPONENT", help="components to leave out"
    )


def corpus_options(parser: argparse.ArgumentParser) -> None:
    """Which annotated files."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="CoNLL-U, JSONL, IOB, brat; .gz and .xz too",
    )
    parser.add_argument(
        "--format", metavar="NAME", help="the reader; told by the suffix where it is not given"
    )


def training_options(parser: argparse.ArgumentParser, example: str) -> None:
    """Which recipe, changed how, trained where and into which folder."""
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a .toml file")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FOLDER",
        help="where the result goes; runs/NAME OF RECIPE by default",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the last checkpoint in the folder"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"override, for instance --set {example}",
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, … or auto (the default)")


def token_lines(doc: Doc) -> Iterator[str]:
    """A line for each token, sentences apart: number, token, part of speech, lemma, features."""
    cells = [
        [
            str(t.i),
            t.text,
            t.pos or "-",
            t.lemma or "-",
            "-" if t.morph is None else str(t.morph) or "_",
        ]
        for t in doc
    ]
    widths = [max((len(row[column]) for row in cells), default=0) for column in range(4)]
    for row, token in zip(cells, doc, strict=True):
        if token.i and token.is_sent_start:
            yield ""
        yield "  ".join(
            cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)
        ).rstrip()
    for name in doc.spans:
        if len(doc.spans[name]):
            yield ""
        for span in doc.spans[name]:
            felt = f"  {span.sentiment.label} {span.sentiment.score:.2f}" if span.sentiment else ""
            yield (
                f"{name}  {span.label or '-'}  {span.text}"
                + (f"  {span.score:.2f}" if span.score is not None else "")
                + felt
            )
    if doc.relations:
        yield ""
        for link in doc.relations:
            yield f"relations  {link}" + (f"  {link.score:.2f}" if link.score is not None else "")
    if doc.cats:
        yield ""
        yield from (f"cats  {name}  {score:.2f}" for name, score in doc.cats.items())
    if doc.sentiment:
        yield ""
        yield f"sentiment  {doc.sentiment.label}  {doc.sentiment.score:.2f}"


def table(lines: Iterable[Iterable[object]]) -> str:
    """Cells in aligned columns."""
    cells = [[str(cell) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )
