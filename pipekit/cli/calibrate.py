"""`pipekit calibrate PIPELINE FILE… -o OUT`: fit the temperatures of components."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipekit.cli.display import table
from pipekit.cli.options import (
    corpus_options,
    gives_gold_tokens,
    json_option,
    pipeline_options,
    print_json,
    read_all_gold,
    token_options,
)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    pipeline_options(parser)
    corpus_options(parser)
    token_options(parser)
    parser.add_argument(
        "--component",
        nargs="+",
        required=True,
        metavar="NAME",
        help="the components to fit: tagger, ner, relations, …",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write the calibrated pipeline to this file",
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fit one component after the other, and print the errors before and after."""
    from pipekit.evaluation.fitting import calibrate
    from pipekit.pipeline.loading import load
    from pipekit.pipeline.saving import fits_half

    nlp = load(options.pipeline, device=options.device, exclude=options.exclude)
    half = fits_half(nlp)
    docs = read_all_gold(options, nlp.tokenize)
    gold_tokens = gives_gold_tokens(options, nlp)
    fits = []
    for name in options.component:
        fits.append(calibrate(nlp, name, docs, gold_tokens=gold_tokens, keep=options.gold))
    if options.output:
        nlp.to_disk(options.output, half=half)
    if options.json:
        print_json({fit.component: fit.to_dict() for fit in fits})
        return 0
    rows = [("", "predictions", "temperature", "calibration error", "log loss")]
    for fit in fits:
        rows.append((fit.component, *fit.cells()))
    print(table(rows))
    if options.output:
        print(f"\n{options.output}: the calibrated pipeline")
    return 0
