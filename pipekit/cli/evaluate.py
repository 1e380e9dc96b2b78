"""`pipekit evaluate PIPELINE FILE…`: compare a pipeline with annotated files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipekit.cli.options import (
    corpus_options,
    gives_gold_tokens,
    json_option,
    pipeline_options,
    print_json,
    read_gold,
    token_options,
)

if TYPE_CHECKING:
    from pipekit.evaluation.mistakes import Mistakes
    from pipekit.evaluation.scores import Scores
    from pipekit.pipeline import Pipeline


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    pipeline_options(parser)
    corpus_options(parser)
    token_options(parser)
    parser.add_argument(
        "--by",
        metavar="KEY",
        help="show figures for each value of a comment too, for instance genre",
    )
    parser.add_argument(
        "--details", action="store_true", help="show every attribute and label by itself"
    )
    parser.add_argument(
        "--precision",
        nargs="+",
        default=["auto"],
        metavar="NAME",
        help="float32, bfloat16, int8 or auto; several are shown side by side",
    )
    parser.add_argument(
        "--errors",
        type=Path,
        metavar="HTML",
        help="write a page with every mistake in its context, by label and source",
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the scores of each file, in each precision."""
    from pipekit.pipeline.loading import load

    nlp = load(options.pipeline, device=options.device, exclude=options.exclude)
    for precision in options.precision:
        nlp.with_precision(precision)  # a wrong one is refused before any file is read
    mistakes = None
    if options.errors:
        mistakes = _mistakes(options)
    scores = {str(path): _evaluate(options, nlp, path, mistakes) for path in options.files}
    if mistakes is not None:
        _write_errors(options, mistakes)
    if options.json:
        print_json(_plain(options, scores))
        return 0
    for path, by_precision in scores.items():
        first = by_precision[options.precision[0]]
        head = f"{Path(path).name}: {first.documents} documents"
        if not first.figures:
            print(f"{head}, which annotate nothing that can be measured")
            continue
        print(f"{head}\n\n{_table(options, by_precision)}\n")
        scored = first.calibration_table()
        if scored:
            print(f"Scores beside the share of right predictions:\n\n{scored}\n")
    return 0


def _evaluate(
    options: argparse.Namespace,
    nlp: Pipeline,
    path: Path,
    mistakes: Mistakes | None,
) -> dict[str, Scores]:
    """The scores on a file by precision; mistakes are those in the first precision."""
    from pipekit.evaluation.evaluate import evaluate

    docs = read_gold(options, path, nlp.tokenize)
    gold_tokens = gives_gold_tokens(options, nlp)
    watch = None
    if mistakes is not None:
        watch = mistakes.watcher(path.name, options.by)
    scores = {}
    for precision in options.precision:
        scores[precision] = evaluate(
            nlp.with_precision(precision),
            docs,
            gold_tokens=gold_tokens,
            keep=options.gold,
            by=options.by,
            watch=watch,
        )
        watch = None
    return scores


def _mistakes(options: argparse.Namespace) -> Mistakes:
    """An empty collection, once it is clear that its page can be written."""
    from pipekit.evaluation.mistakes import Mistakes
    from pipekit.rendering.rendering import check_suffix

    check_suffix(options.errors)
    return Mistakes()


def _write_errors(
    options: argparse.Namespace,
    mistakes: Mistakes,
) -> None:
    from pipekit.evaluation.errors_page import errors_page

    names = ", ".join(path.name for path in options.files)
    errors_page(mistakes, f"{options.pipeline} on {names}").save(options.errors)
    if not options.json:
        print(f"every mistake in its context: {options.errors}\n")


def _table(
    options: argparse.Namespace,
    scores: dict[str, Scores],
) -> str:
    from pipekit.evaluation.scores import side_by_side

    if len(options.precision) > 1:
        return side_by_side(scores)
    return scores[options.precision[0]].table(details=options.details)


def _plain(
    options: argparse.Namespace,
    scores: dict[str, dict[str, Scores]],
) -> dict[str, Any]:
    """The scores by file as plain data; several precisions have a level of their own."""
    plain: dict[str, Any] = {}
    for path, by_precision in scores.items():
        values = {name: score.to_dict() for name, score in by_precision.items()}
        if len(options.precision) > 1:
            plain[path] = values
        else:
            plain[path] = values[options.precision[0]]
    return plain
