"""`pipekit apply PIPELINE IN… -o OUT`: annotate a corpus, in a job that survives whatever stops it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pipekit.cli.options import pipeline_options
from pipekit.errors import ConfigError, JobStopped, StoreError

UNWRITABLE = 4


def add(parser: argparse.ArgumentParser) -> None:
    pipeline_options(parser)
    wanted: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
        (
            ("inputs",),
            {
                "nargs": "+",
                "metavar": "IN",
                "help": ".txt .jsonl .csv .tsv .conllu (also .gz .xz), .parquet, .docs, or -",
            },
        ),
        (
            ("-o", "--output"),
            {
                "required": True,
                "metavar": "OUT",
                "help": ".jsonl .conllu (or .gz .xz), .parquet, .docs, -, or a folder",
            },
        ),
        (
            ("--format",),
            {
                "metavar": "NAME",
                "help": "the format of the inputs; told by the suffix where it is not given",
            },
        ),
        (
            ("--to",),
            {
                "metavar": "NAME",
                "help": "the format of the output; told by the suffix where it is not given",
            },
        ),
        (
            ("--text", "--text-field"),
            {
                "default": "text",
                "metavar": "FIELD",
                "help": "the field with the text; all others are kept",
            },
        ),
        (
            ("--unit",),
            {
                "help": "a document is a line, paragraph or file of plain text, a sentence or document of CoNLL-U"
            },
        ),
        (
            ("--only",),
            {
                "nargs": "+",
                "default": [],
                "metavar": "NAME",
                "help": "the annotations to write: ents, lemma, sentiment, …",
            },
        ),
        (
            ("--precision",),
            {
                "default": "auto",
                "metavar": "NAME",
                "help": "float32, bfloat16, int8 or auto (the default)",
            },
        ),
        (
            ("--processes",),
            {
                "type": int,
                "metavar": "N",
                "help": "worker processes; one for each of --devices by default",
            },
        ),
        (
            ("--devices",),
            {
                "nargs": "+",
                "default": [],
                "metavar": "NAME",
                "help": "where they compute, in turn: cuda:0 cuda:1",
            },
        ),
        (
            ("--doc-timeout",),
            {
                "type": float,
                "metavar": "S",
                "help": "seconds that a document may take, with --processes 2 or more",
            },
        ),
        (
            ("--batch-words",),
            {"type": int, "metavar": "N", "help": "about how many words are computed together"},
        ),
        (
            ("--shard",),
            {
                "default": "1/1",
                "metavar": "I/N",
                "help": "take every n-th record, from the i-th on",
            },
        ),
        (
            ("--resume",),
            {"action": "store_true", "help": "go on where the job stopped, or begin it"},
        ),
        (("--overwrite",), {"action": "store_true", "help": "replace an output that is there"}),
        (
            ("--max-errors",),
            {
                "type": int,
                "metavar": "N",
                "help": "stop, with code 3, when more records fail; any number may by default",
            },
        ),
        (
            ("--commit-seconds",),
            {
                "type": float,
                "default": 5.0,
                "metavar": "S",
                "help": "how much work a crash may cost; 5 by default",
            },
        ),
    )
    for names, options in wanted:
        parser.add_argument(*names, **options)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    from pipekit.jobs import TOO_MANY, annotate
    from pipekit.pipeline.loading import load

    nlp: list[Any] = []

    def loaded() -> Any:
        if not nlp:
            device = "cpu" if given.devices else given.device
            nlp.append(
                load(
                    given.pipeline, device=device, precision=given.precision, exclude=given.exclude
                )
            )
        return nlp[0]

    code = 0
    for job in list(_jobs(given, loaded)):
        try:
            done = annotate(job)
        except JobStopped as stopped:
            print(f"pipekit apply: {stopped}", file=sys.stderr)
            return stopped.code
        except StoreError as error:
            print(
                f"pipekit apply: {error}. The same command with --resume goes on once it can be written",
                file=sys.stderr,
            )
            return UNWRITABLE
        failed = f"; {done.failed:,} records failed, see {job.output.errors}" if done.failed else ""
        had = " was finished before:" if done.before else ":"
        print(
            f"{job.output.path}{had} {done.documents:,} documents, {done.words:,} words{failed}",
            file=sys.stderr,
        )
        code = max(code, TOO_MANY if done.failed and not done.documents else 0)
    return code


def _jobs(given: argparse.Namespace, loaded: Any) -> Iterator[Any]:
    """One job, or one for each input where the output is a folder."""
    from pipekit.jobs import Begin, Job, Limits, Reading, Shard, Source, Target

    if given.resume and given.overwrite:
        raise ConfigError("give --resume or --overwrite, not both")
    if given.doc_timeout is not None and given.processes in (None, 1) and not given.devices:
        raise ConfigError("--doc-timeout takes --processes 2 or more: only a worker can be stopped")
    sources = [Source.of(path, given.format) for path in given.inputs]
    begin: Begin = "resume" if given.resume else "overwrite" if given.overwrite else "new"
    make = partial(
        Job,
        loaded,
        reading=Reading(given.text, given.unit, Shard.of_text(given.shard)),
        options={
            "n_process": given.processes,
            "devices": given.devices,
            "doc_timeout": given.doc_timeout,
            **({"batch_words": given.batch_words} if given.batch_words is not None else {}),
        },
        begin=begin,
        limits=Limits(given.max_errors, given.commit_seconds),
        progress=True,
    )
    output = Path(given.output)
    if given.output != "-" and (output.is_dir() or not output.suffix):
        names = [source.name for source in sources]
        if len({*names}) < len(names):
            raise ConfigError("two of the inputs have the same name: give one file as output")
        for name, source in zip(names, sources, strict=True):
            yield make(
                inputs=[source],
                output=Target.of(output / f"{name}.{given.to or 'jsonl'}", given.to, given.only),
            )
    else:
        yield make(inputs=sources, output=Target.of(given.output, given.to, given.only))
