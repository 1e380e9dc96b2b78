"""`pipekit evaluate PIPELINE FILE…`: compare a pipeline with annotated files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pipekit.cli.options import corpus_options, pipeline_options


def add(parser: argparse.ArgumentParser) -> None:
    pipeline_options(parser)
    corpus_options(parser)
    parser.add_argument(
        "--gold-tokens",
        action="store_true",
        help="give the pipeline the tokens and sentences of the files",
    )
    parser.add_argument(
        "--gold",
        nargs="+",
        default=[],
        metavar="LAYER",
        help="give the pipeline these layers of the files, and tokens",
    )
    parser.add_argument(
        "--by", metavar="KEY", help="figures for each value of a comment too, for instance genre"
    )
    parser.add_argument(
        "--details", action="store_true", help="every attribute and label by itself"
    )
    parser.add_argument(
        "--block",
        type=int,
        default=1,
        metavar="N",
        help="so many sentences make a document (CoNLL-U); 1 is the default",
    )
    parser.add_argument(
        "--precision",
        nargs="+",
        default=["auto"],
        metavar="NAME",
        help="float32, bfloat16, int8 or auto; several stand side by side",
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    from pipekit.corpora.sources import read_corpus
    from pipekit.evaluation.evaluate import evaluate
    from pipekit.evaluation.scores import side_by_side
    from pipekit.pipeline.loading import load

    nlp = load(given.pipeline, device=given.device, exclude=given.exclude)
    for precision in given.precision:
        nlp.with_precision(precision)  # what cannot be is refused before any file is read
    found = {}
    for path in given.files:
        options = {"group": given.block} if given.block > 1 else {}
        docs = read_corpus(path, given.format, nlp.tokenize, **options)
        gold_tokens = given.gold_tokens or bool(given.gold or nlp.given)
        found[str(path)] = {
            precision: evaluate(
                nlp.with_precision(precision),
                docs,
                gold_tokens=gold_tokens,
                keep=given.gold,
                by=given.by,
            )
            for precision in given.precision
        }
    several = len(given.precision) > 1
    if given.json:
        plain = {
            path: {name: scores.to_dict() for name, scores in each.items()}
            for path, each in found.items()
        }
        print(
            json.dumps(
                plain if several else {path: each.popitem()[1] for path, each in plain.items()},
                ensure_ascii=False,
            )
        )
        return 0
    for path, each in found.items():
        first = each[given.precision[0]]
        table = side_by_side(each) if several else first.table(details=given.details)
        print(f"{Path(path).name}: {first.documents} documents\n\n{table}\n")
    return 0
