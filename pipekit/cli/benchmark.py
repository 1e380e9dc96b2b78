"""`pipekit benchmark PIPELINE FILE…`: words a second, and where the time goes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipekit.cli.display import table
from pipekit.cli.options import (
    corpus_options,
    json_option,
    pipeline_options,
    precision_option,
    print_json,
)

if TYPE_CHECKING:
    from pipekit.pipeline import Pipeline
    from pipekit.pipeline.profiling import Stage


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    pipeline_options(parser)
    corpus_options(parser)
    parser.add_argument(
        "--runs",
        type=int,
        default=5,
        help="how often the work is timed; medians are shown (default: 5)",
    )
    precision_option(parser)
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="the threads of torch on the CPU (default: 1)",
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Time a pipeline on the texts of a corpus."""
    import torch

    from pipekit.evaluation.bootstrap import median_interval
    from pipekit.pipeline.loading import load
    from pipekit.pipeline.profiling import profile

    torch.set_num_threads(options.threads)
    nlp = load(
        options.pipeline,
        device=options.device,
        precision=options.precision,
        exclude=options.exclude,
    )
    texts = _texts(options, nlp)
    measured = profile(nlp, texts, options.runs)
    speed = median_interval(measured.speeds)
    if options.json:
        facts = {
            "documents": len(texts),
            "runs": options.runs,
            "device": nlp.device_name,
            "threads": options.threads,
        }
        print_json(facts | measured.to_dict() | {"interval": speed})
        return 0
    print(table(stage_rows(measured.stages())))
    print(
        f"\n{len(texts):,} documents, {measured.words:,} words, {options.runs} runs, "
        f"on {nlp.device}, {options.threads} thread(s)"
    )
    if speed is not None:
        print(
            f"median of the runs: {measured.speed:,.0f} words a second, "
            f"95 % of bootstrap medians: {speed.low:,.0f} to {speed.high:,.0f}"
        )
    if nlp.device.type != "cpu":
        print(
            f"{nlp.device} waits {100 * measured.waiting:.1f} % of the time: "
            f"pipe(…, n_process=…) lets several processes share it"
        )
    return 0


def _texts(
    options: argparse.Namespace,
    nlp: Pipeline,
) -> list[str]:
    from pipekit.corpora.sources import read_corpus

    texts = []
    for file in options.files:
        for doc in read_corpus(file, options.format, nlp.tokenize):
            texts.append(doc.text)
    return texts


def stage_rows(stages: list[Stage]) -> Iterator[tuple[str, str, str, str]]:
    """A row for each stage: the speed of a pipeline that ends there, the time, its share."""
    from pipekit.pipeline.profiling import NETWORK

    whole = sum(stage.seconds for stage in stages)
    so_far = 0.0
    yield "", "words a second so far", "microseconds a word", "share"
    for stage in stages:
        so_far += stage.seconds
        yield stage.name, _speed(so_far), _microseconds(stage.seconds), _share(stage.seconds, whole)
    around = sum(stage.seconds for stage in stages if stage.kind != NETWORK)
    yield "all", _speed(whole), _microseconds(whole), ""
    yield "around the networks", "", _microseconds(around), _share(around, whole)


def _speed(seconds: float) -> str:
    return f"{1 / seconds:,.0f}"


def _microseconds(seconds: float) -> str:
    return f"{1e6 * seconds:.2f}"


def _share(
    seconds: float,
    whole: float,
) -> str:
    return f"{100 * seconds / whole:.1f} %"
