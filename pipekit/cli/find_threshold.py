"""`pipekit find-threshold PIPELINE COMPONENT FILE…`: precision and recall over thresholds."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipekit.cli.options import (
    corpus_options,
    gives_gold_tokens,
    json_option,
    pipeline_options,
    print_json,
    read_all_gold,
    token_options,
)
from pipekit.errors import ConfigError


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    pipeline_options(parser)
    parser.add_argument(
        "component", metavar="COMPONENT", help="its name in the pipeline: ner, relations, qa, …"
    )
    corpus_options(parser)
    token_options(parser)
    parser.add_argument(
        "--step",
        type=float,
        default=0.05,
        metavar="N",
        help="the distance between two thresholds (default: 0.05)",
    )
    for name in ("precision", "recall"):
        parser.add_argument(
            f"--least-{name}",
            type=float,
            default=0.0,
            metavar="N",
            help=f"the {name} that the best threshold reaches, 0 to 1 (default: any)",
        )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write the pipeline with the best threshold to this file",
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the table; write the pipeline where a file is named."""
    from pipekit.evaluation.fitting import find_threshold, set_threshold
    from pipekit.pipeline.loading import load
    from pipekit.pipeline.saving import fits_half

    if not 0.001 <= options.step <= 0.5:
        raise ConfigError(f"--step is {options.step}: a number from 0.001 to 0.5 is needed")
    nlp = load(options.pipeline, device=options.device, exclude=options.exclude)
    docs = read_all_gold(options, nlp.tokenize)
    steps = range(1, round(1 / options.step))
    over = find_threshold(
        nlp,
        options.component,
        docs,
        gold_tokens=gives_gold_tokens(options, nlp),
        keep=options.gold,
        thresholds=[round(options.step * step, 6) for step in steps],
        least_precision=options.least_precision,
        least_recall=options.least_recall,
        progress=True,
    )
    if options.json:
        print_json(over.to_dict())
    else:
        print(f"{options.component}: {over.figure}, {len(docs)} documents\n\n{over.table()}\n")
    if over.best is None:
        raise ConfigError("no threshold reaches that precision and recall: ask for less of one")
    if options.output:
        set_threshold(nlp, options.component, over.best)
        nlp.to_disk(options.output, half=fits_half(nlp))
        if not options.json:
            print(f"{options.output}: {options.component} with threshold {over.best:.3g}")
    return 0
