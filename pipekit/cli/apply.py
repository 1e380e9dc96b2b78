"""`pipekit apply PIPELINE IN… -o OUT`: annotate a corpus, in a job that survives interruptions."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipekit.cli.endings import UNWRITABLE, tell
from pipekit.cli.options import json_option, pipeline_options, precision_option, print_json
from pipekit.errors import ConfigError, JobStopped, StoreError

if TYPE_CHECKING:
    from pipekit.jobs import Begin, Job, Report
    from pipekit.pipeline import Pipeline

_SHIFTS = {"": 0, "K": 10, "M": 20, "G": 30}  # of a number of KB, MB or GB to bytes


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    pipeline_options(parser)
    _add_files(parser)
    _add_records(parser)
    _add_computing(parser)
    _add_survival(parser)
    json_option(parser)
    parser.set_defaults(run=run)


def _add_files(parser: argparse.ArgumentParser) -> None:
    """What is read and written."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="IN",
        help=".txt .jsonl .csv .tsv .conllu (also .gz .xz), .parquet, .docs, or -",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help=".jsonl .conllu (or .gz .xz), .csv, .parquet, .docs, -, a device or pipe, or a folder",
    )
    parser.add_argument(
        "--format", metavar="NAME", help="the format of the inputs (default: by their suffix)"
    )
    parser.add_argument(
        "--to",
        metavar="NAME",
        help="the format of the output (default: by its suffix): also csv-tokens, csv-spans and "
        "csv-relations, with a row for each of these, and jsonl-tables, of one shape for all",
    )


def _add_records(parser: argparse.ArgumentParser) -> None:
    """How records are told apart, and which of them and of their annotations are taken."""
    parser.add_argument(
        "--text",
        "--text-field",
        default="text",
        metavar="FIELD",
        help="the field with the text (default: text); the other fields are kept",
    )
    parser.add_argument(
        "--encoding",
        metavar="NAME",
        help="the encoding of the inputs: cp1251, … (default: UTF-8, or UTF-16 by its mark)",
    )
    parser.add_argument(
        "--delimiter",
        metavar="CHARACTER",
        help="what stands between two cells of a table (default: that by which there is the column "
        "of the text)",
    )
    parser.add_argument(
        "--unit",
        help="what makes a document: line, paragraph or file of plain text, "
        "sentence or document of CoNLL-U",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="NAME",
        help="the annotations to write: ents, lemma, sentiment, … (default: all)",
    )
    parser.add_argument(
        "--max-record",
        metavar="SIZE",
        help="the largest record that is read, in bytes, KB, MB or GB (default: 64MB)",
    )
    parser.add_argument(
        "--shard",
        default="1/1",
        metavar="I/N",
        help="take every n-th record, from the i-th on (default: 1/1, all records)",
    )


def _add_computing(parser: argparse.ArgumentParser) -> None:
    """How it is computed."""
    precision_option(parser)
    parser.add_argument(
        "--processes",
        type=int,
        metavar="N",
        help="worker processes (default: one for each of --devices)",
    )
    parser.add_argument(
        "--devices",
        nargs="+",
        default=[],
        metavar="NAME",
        help="the devices of the workers, in turn: cuda:0 cuda:1",
    )
    parser.add_argument(
        "--doc-timeout",
        type=float,
        metavar="S",
        help="seconds that a document may take, with --processes 2 or more",
    )
    parser.add_argument(
        "--batch-words",
        type=int,
        metavar="N",
        help="about how many words are computed together",
    )


def _add_survival(parser: argparse.ArgumentParser) -> None:
    """How the job begins, ends and goes on."""
    parser.add_argument(
        "--resume", action="store_true", help="go on where the job stopped, or begin it"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an output that is there")
    parser.add_argument(
        "--max-errors",
        type=int,
        metavar="N",
        help="stop, with code 3, when more records fail (default: any number may fail)",
    )
    parser.add_argument(
        "--commit-seconds",
        type=float,
        default=5.0,
        metavar="S",
        help="how much work a crash may cost (default: 5)",
    )


def run(options: argparse.Namespace) -> int:
    """Do one job after another; the first that stops is the last."""
    from pipekit.jobs import TOO_MANY, annotate, refuse_conflicts

    load_pipeline = cache(partial(_load_pipeline, options))
    code = 0
    jobs = list(_jobs(options, load_pipeline))
    refuse_conflicts(jobs)
    for job in jobs:
        try:
            report = annotate(job)
        except JobStopped as stopped:
            tell(f"pipekit apply: {stopped}")
            return stopped.code
        except StoreError as error:
            advice = ""
            if not job.output.is_stream:
                advice = ". The same command with --resume goes on once it can be written"
            tell(f"pipekit apply: {error}{advice}")
            return UNWRITABLE
        if options.json:
            print_json({"output": str(job.output.path), **report._asdict()})
        else:
            tell(_summary(job, report))
        if report.failed and not report.documents:
            code = TOO_MANY
    return code


def _load_pipeline(options: argparse.Namespace) -> Pipeline:
    """The pipeline; where workers compute on devices of their own, it stays on the CPU."""
    from pipekit.pipeline.loading import load

    device = "cpu" if options.devices else options.device
    return load(
        options.pipeline,
        device=device,
        precision=options.precision,
        exclude=options.exclude,
    )


def _summary(
    job: Job,
    report: Report,
) -> str:
    """What a job did, in a line."""
    before = " was finished before" if report.before else ""
    failed = ""
    if report.failed:
        place = "standard error" if job.output.is_stream else job.output.errors
        failed = f"; {report.failed:,} records failed, see {place}"
    counts = f"{report.documents:,} documents, {report.words:,} words"
    return f"{job.output.path}{before}: {counts}{failed}"


def _jobs(
    options: argparse.Namespace,
    load_pipeline: Callable[[], Pipeline],
) -> Iterator[Job]:
    """One job, or one for each input where the output is a folder."""
    from pipekit.jobs import Job, Limits, Reading, Shard, Source, Target

    _check(options)
    sources = [Source.of(path, options.format) for path in options.inputs]
    job = partial(
        Job,
        load_pipeline,
        untouched=_pipeline_files(options.pipeline),
        reading=Reading(
            options.text,
            options.unit,
            Shard.of_text(options.shard),
            _max_record(options),
            options.encoding,
            _delimiter(options),
        ),
        options=_pipe_options(options),
        begin=_begin(options),
        limits=Limits(options.max_errors, options.commit_seconds),
        progress=True,
    )
    output = Path(options.output)
    if not _is_folder(options.output):
        target = Target.of(options.output, options.to, options.only)
        yield job(inputs=sources, output=target)
        return
    names = {source.name for source in sources}
    if len(names) < len(sources):
        raise ConfigError("two of the inputs have the same name: give one file as output")
    for source in sources:
        file = output / f"{source.name}.{options.to or 'jsonl'}"
        target = Target.of(file, options.to, options.only)
        yield job(inputs=[source], output=target)


def _is_folder(output: str) -> bool:
    """Whether an output is a folder, or the name of one that is to be made."""
    if output == "-" or os.path.lexists(output):
        return os.path.isdir(output)
    return output.endswith(os.sep) or not Path(output).suffix


def _pipeline_files(pipeline: str) -> list[Path]:
    """The files that the pipeline is read from, where it is no name of an installed one."""
    path = Path(pipeline)
    if os.path.isdir(path):
        return list(path.glob("*.pipekit"))
    return [path] if os.path.isfile(path) else []


def _max_record(options: argparse.Namespace) -> int:
    """The bytes that --max-record means. Errors: `ConfigError`."""
    from pipekit.jobs.reading import MAX_RECORD

    if options.max_record is None:
        return MAX_RECORD
    match = re.fullmatch(r"(\d{1,9})([KMG]?)B?", options.max_record)
    if match is None:
        raise ConfigError(
            f"--max-record is {options.max_record!r}: it takes a size, for instance 500KB or 64MB"
        )
    return int(match[1]) << _SHIFTS[match[2]]


def _delimiter(options: argparse.Namespace) -> str | None:
    """The delimiter; a shell has no simple way to write a tab."""
    if options.delimiter in ("\\t", "tab"):
        return "\t"
    delimiter: str | None = options.delimiter
    return delimiter


def _check(options: argparse.Namespace) -> None:
    """Errors: `ConfigError` for options that exclude each other."""
    if options.resume and options.overwrite:
        raise ConfigError("give --resume or --overwrite, not both")
    if options.json and options.output == "-":
        raise ConfigError("--json and -o - both print to standard output: give another output")
    has_workers = options.processes not in (None, 1) or options.devices
    if options.doc_timeout is not None and not has_workers:
        raise ConfigError("--doc-timeout takes --processes 2 or more: only a worker can be stopped")


def _begin(options: argparse.Namespace) -> Begin:
    if options.resume:
        return "resume"
    if options.overwrite:
        return "overwrite"
    return "new"


def _pipe_options(options: argparse.Namespace) -> dict[str, Any]:
    """The further arguments of `Pipeline.pipe`; without --batch-words, it has its own default."""
    arguments: dict[str, Any] = {
        "n_process": options.processes,
        "devices": options.devices,
        "doc_timeout": options.doc_timeout,
    }
    if options.batch_words is not None:
        arguments["batch_words"] = options.batch_words
    return arguments
