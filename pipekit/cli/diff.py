"""`pipekit diff FIRST SECOND FILE…`: what one pipeline gets right, and the other does not."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipekit.cli.options import (
    corpus_options,
    gives_gold_tokens,
    json_option,
    print_json,
    read_gold,
    token_options,
)

if TYPE_CHECKING:
    from pipekit.evaluation.comparing import Difference, SideBySide

_EXAMPLES = 5


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    for name in ("first", "second"):
        parser.add_argument(name, metavar=name.upper(), help="a name, a file, or a folder")
    corpus_options(parser)
    token_options(parser)
    parser.add_argument("--device", default="auto", help="cpu, cuda, … or auto (the default)")
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="FIGURE",
        help="show the places of these figures alone: ents, pos, …",
    )
    parser.add_argument(
        "--examples",
        type=int,
        default=_EXAMPLES,
        metavar="N",
        help=f"how many places of each figure and pipeline are shown (default: {_EXAMPLES})",
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the figures of both on each file, and places where one of them is right alone."""
    from pipekit.evaluation.comparing import side_by_side_of
    from pipekit.pipeline.loading import load

    first = load(options.first, device=options.device)
    second = load(options.second, device=options.device)
    gold_tokens = gives_gold_tokens(options, first, second)
    plain = {}
    for path in options.files:
        docs = read_gold(options, path, first.tokenize)
        both = side_by_side_of(first, second, docs, gold_tokens=gold_tokens, keep=options.gold)
        if options.json:
            plain[str(path)] = both.to_dict()
            continue
        print(f"{Path(path).name}: {both.first.documents} documents\n")
        print(both.table(_short_names(options.first, options.second)))
        print("\n".join(_example_lines(options, both)))
    if options.json:
        print_json(plain)
    return 0


def _short_names(
    first: str,
    second: str,
) -> tuple[str, str]:
    """The names of the files, where they differ; else what was typed."""
    short = Path(first).stem, Path(second).stem
    return (first, second) if short[0] == short[1] else short


def _example_lines(
    options: argparse.Namespace,
    both: SideBySide,
) -> Iterator[str]:
    names = _short_names(options.first, options.second)
    for figure in options.only or both.first.figures:
        for side, name in zip(("first", "second"), names, strict=True):
            places = [
                place for place in both.differences if (place.figure, place.right) == (figure, side)
            ]
            if places and options.examples > 0:
                yield f"\n{figure}: only {name} is right, {len(places)} places"
                yield from map(_line, places[: options.examples])


def _line(place: Difference) -> str:
    """A place in a line, its words in brackets."""
    where = place.name or f"document {place.document}"
    text = " ".join(f"{place.before}[{place.text}]{place.after}".split())
    words = [word if word is not None else "–" for word in (place.gold, place.first, place.second)]
    return f"  {where}: …{text}…  gold: {words[0]}; first: {words[1]}; second: {words[2]}"
