"""`pipekit import-bert FOLDER -o FILE`: a BERT that others have trained, as a pipeline with that encoder."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(parser: argparse.ArgumentParser) -> None:
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
        "--lang", default="ru", help="whose tokenizer cuts texts into words; ru is the default"
    )
    parser.add_argument(
        "--half", action="store_true", help="store weights as float16: half the size"
    )
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    from pipekit.pipeline.importing import ENCODER, import_bert

    nlp = import_bert(given.folder, lang=given.lang)
    nlp.to_disk(given.output, half=given.half)
    encoder = nlp.encoders[ENCODER]
    count = sum(weight.numel() for weight in encoder.parameters())
    print(
        f"{given.output}: encoder {ENCODER!r}, a {nlp.meta['imported']} of {count:,} weights, vectors of {encoder.width}"
    )
    if nlp.meta["left_out"]:
        print(f"left out: {', '.join(nlp.meta['left_out'])}")
    return 0
