"""`pipekit import-bert FOLDER -o FILE`: a published BERT as a pipeline with that encoder."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="config.json, model.safetensors and a vocabulary, as published",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="FILE",
        help="the pipeline file to write",
    )
    parser.add_argument(
        "--lang",
        default="ru",
        help="the language whose tokenizer cuts texts into words (default: ru)",
    )
    parser.add_argument(
        "--half", action="store_true", help="store weights as float16: half the size"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Import the encoder and write a pipeline file."""
    from pipekit.pipeline.importing import ENCODER, import_bert

    nlp = import_bert(options.folder, lang=options.lang)
    nlp.to_disk(options.output, half=options.half)
    encoder = nlp.encoders[ENCODER]
    count = sum(weight.numel() for weight in encoder.parameters())
    print(
        f"{options.output}: encoder {ENCODER!r}, a {nlp.meta['imported']} "
        f"of {count:,} weights, vectors of {encoder.width}"
    )
    if nlp.meta["left_out"]:
        print(f"left out: {', '.join(nlp.meta['left_out'])}")
    return 0
