"""`pipekit attention PIPELINE [TEXT] -o heat.png`: draw what the tokens of a sentence look at."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipekit.cli.options import pipeline_options
from pipekit.cli.run import read_input
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
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="IMAGE",
        help="a .png, .svg or .pdf file",
    )
    parser.add_argument("--encoder", metavar="NAME", help="where the pipeline has several")
    parser.add_argument(
        "--sentence",
        type=int,
        default=1,
        metavar="N",
        help="which sentence of the text (default: the first)",
    )
    parser.add_argument(
        "--layer",
        type=int,
        metavar="N",
        help="all heads of a layer, from 1; without it, their mean in each layer",
    )
    parser.add_argument("--head", type=int, metavar="N", help="one head, from 1")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    text = given.text if given.text not in (None, "-") else read_input(given.file)
    from pipekit.attention import heat_map
    from pipekit.pipeline.loading import load

    found = load(given.pipeline, device=given.device, exclude=given.exclude).attention(
        text, encoder=given.encoder
    )
    if not 1 <= given.sentence <= len(found):
        raise DataError(f"there is no sentence {given.sentence}: the text has {len(found)}")
    chosen = found[given.sentence - 1]
    heat_map(chosen, given.output, layer=given.layer, head=given.head)
    layers, heads, tokens, _ = chosen.weights.shape
    print(
        f"{given.output}: sentence {given.sentence} of {len(found)}, {tokens} tokens, {layers} layers of {heads} heads"
    )
    return 0
