"""`pipekit import FOLDER -o FILE`: a published BERT or GPT-2 as a pipeline."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pipekit.cli.options import json_option, print_json


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
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Import the network and write a pipeline file."""
    from pipekit.pipeline.importing import ENCODER, MODEL, import_model

    nlp = import_model(options.folder, lang=options.lang)
    nlp.to_disk(options.output, half=options.half)
    network: Any = nlp.encoders.get(ENCODER)
    what = f"encoder {ENCODER!r}"
    if network is None:
        network = nlp.components[MODEL]
        what = f"component {MODEL!r}"
    count = sum(weight.numel() for weight in network.parameters())
    width = network.width if ENCODER in nlp.encoders else network.decoder.width
    if options.json:
        print_json({**nlp.meta, "pipeline": str(options.output), "weights": count})
        return 0
    print(
        f"{options.output}: {what}, a {nlp.meta['imported']} "
        f"of {count:,} weights, vectors of {width}"
    )
    if nlp.meta["left_out"]:
        print(f"left out: {', '.join(nlp.meta['left_out'])}")
    return 0
