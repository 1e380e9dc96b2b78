"""`pipekit benchmark PIPELINE FILE…`: words a second, and where the time goes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipekit.cli.options import corpus_options, pipeline_options, table

if TYPE_CHECKING:
    from pipekit.pipeline.profiling import Stage


def add(parser: argparse.ArgumentParser) -> None:
    pipeline_options(parser)
    corpus_options(parser)
    parser.add_argument(
        "--runs", type=int, default=5, help="of which the medians are shown (default: 5)"
    )
    parser.add_argument(
        "--precision",
        default="auto",
        metavar="NAME",
        help="float32, bfloat16, int8 or auto (the default)",
    )
    parser.add_argument("--threads", type=int, default=1, help="of torch on the CPU (default: 1)")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    import torch

    from pipekit.corpora.sources import read_corpus
    from pipekit.pipeline.loading import load
    from pipekit.pipeline.profiling import profile

    torch.set_num_threads(given.threads)
    nlp = load(
        given.pipeline, device=given.device, precision=given.precision, exclude=given.exclude
    )
    texts = [
        doc.text for file in given.files for doc in read_corpus(file, given.format, nlp.tokenize)
    ]
    found = profile(nlp, texts, given.runs)
    print(table(lines(found.stages())))
    print(
        f"\n{len(texts):,} documents, {found.words:,} words, {given.runs} runs, on {nlp.device}, {given.threads} thread(s)"
    )
    if nlp.device.type != "cpu":
        print(
            f"{nlp.device} waits {100 * found.waiting:.1f} % of the time: pipe(…, n_process=…) lets several processes share it"
        )
    return 0


def lines(stages: list[Stage]) -> Iterator[tuple[str, str, str, str]]:
    """A row for each stage: the speed were there no more than what stands up to it, what it takes, and its share."""
    from pipekit.pipeline.profiling import NETWORK

    whole, so_far = sum(stage.seconds for stage in stages), 0.0
    yield "", "words a second so far", "microseconds a word", "share"
    for stage in stages:
        so_far += stage.seconds
        yield (
            stage.name,
            f"{1 / so_far:,.0f}",
            f"{1e6 * stage.seconds:.2f}",
            f"{100 * stage.seconds / whole:.1f} %",
        )
    around = sum(stage.seconds for stage in stages if stage.kind != NETWORK)
    yield "all", f"{1 / whole:,.0f}", f"{1e6 * whole:.2f}", ""
    yield "around the networks", "", f"{1e6 * around:.2f}", f"{100 * around / whole:.1f} %"
