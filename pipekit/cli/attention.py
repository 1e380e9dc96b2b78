"""`pipekit attention PIPELINE [TEXT] -o heat.png`: draw the attention weights of a sentence, or
those of a text that is written from it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pipekit.cli.options import pipeline_options, read_text_option, text_options
from pipekit.errors import DataError


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    pipeline_options(parser)
    text_options(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="IMAGE",
        help="a .png, .svg or .pdf file",
    )
    parser.add_argument(
        "--encoder", metavar="NAME", help="the encoder, in a pipeline that has several"
    )
    parser.add_argument(
        "--component",
        metavar="NAME",
        help="a seq2seq: at which words each piece of its text looks",
    )
    parser.add_argument(
        "--sentence",
        type=int,
        default=1,
        metavar="N",
        help="the number of the sentence in the text (default: 1)",
    )
    parser.add_argument(
        "--layer",
        type=int,
        metavar="N",
        help="draw all heads of a layer, from 1 on (default: the mean of the heads of each layer)",
    )
    parser.add_argument(
        "--head",
        type=int,
        metavar="N",
        help="draw one head, from 1 on",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Draw the weights of a sentence. Errors: `DataError` where the text has no such sentence."""
    text = read_text_option(options)
    from pipekit.attention import heat_map
    from pipekit.pipeline.loading import load

    nlp = load(options.pipeline, device=options.device, exclude=options.exclude)
    if options.component is None:
        sentences = nlp.attention(text, encoder=options.encoder)
    else:
        sentences = nlp.alignment(text, component=options.component)
    number = options.sentence
    if not 1 <= number <= len(sentences):
        raise DataError(f"there is no sentence {number}: the text has {len(sentences)}")
    sentence = sentences[number - 1]
    heat_map(
        sentence,
        options.output,
        layer=options.layer,
        head=options.head,
    )
    layers, heads, tokens, seen = sentence.weights.shape
    what = f"{tokens} tokens"
    if sentence.source is not None:
        what = f"{tokens} pieces that look at {seen} words"
    print(
        f"{options.output}: sentence {number} of {len(sentences)}, "
        f"{what}, {layers} layers of {heads} heads"
    )
    return 0
