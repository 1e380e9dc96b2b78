"""A job: records of inputs through a pipeline into an output, in their order, each once, whatever happens in between."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pipekit import registry
from pipekit.errors import ConfigError, JobStopped, PipekitError, StoreError
from pipekit.jobs.inputs import DOCS, Reading, records
from pipekit.jobs.journal import Journal, changes, of_inputs
from pipekit.jobs.outputs import OUTPUT_FORMATS, Stream, Target, Written, check_only
from pipekit.jobs.progress import Progress
from pipekit.jobs.records import Record, Source
from pipekit.jobs.rows import OutputRow, OutputRows, output_rows
from pipekit.pipeline.streams import CHUNK_WORDS
from pipekit.storage.files import File, remove

if TYPE_CHECKING:
    from pipekit.pipeline import Pipeline

Begin = Literal["new", "overwrite", "resume"]
TOO_MANY = 3  # the exit code of a job that met more errors than it may
_NUMBER = re.compile(
    r"(?<=^document) \d+"
)  # counted from where the stream began, which tells nothing once a job has gone on
_HOPELESS = 1_000  # records without one that is good, after which there is no use in reading on


class Limits(NamedTuple):
    """`max_errors`: how many records may fail (None: any number); `commit_seconds`: how much work a death may cost."""

    max_errors: int | None = None
    commit_seconds: float = 5.0

    def check(self) -> None:
        """Errors: `ConfigError` for what is below 0 or no number."""
        for name, value in self._asdict().items():
            if value is not None and not value >= 0:
                raise ConfigError(f"{name} is {value}: it is 0 or more")


class Report(NamedTuple):
    """What a job did; `before`: whether it had been finished when it was called."""

    documents: int
    words: int
    failed: int
    before: bool


@dataclass(frozen=True)
class Job:
    """What is to be done.

    Args:
        pipeline: what loads it, called once the output is known to be free.
        inputs, output: files.
        reading: how inputs are read.
        options: further arguments of `Pipeline.pipe`: n_process, devices, batch_words, doc_timeout.
        begin: "new" refuses an output that is there, "overwrite" replaces it, "resume" goes on where a job stopped, or begins it.
        limits: when it stops, and how often it commits.
        progress: show a bar on a terminal.
    """

    pipeline: Callable[[], Pipeline]
    inputs: Sequence[Source]
    output: Target
    reading: Reading = field(default_factory=Reading)
    options: Mapping[str, Any] = field(default_factory=dict)
    begin: Begin = "new"
    limits: Limits = field(default_factory=Limits)
    progress: bool = False


def annotate(job: Job) -> Report:
    """Do a job; a file `.journal` beside the output says how far it is, `.errors.jsonl` which records failed and why.

    Errors: `JobStopped` where it ends early with all committed that it did; `StoreError` where the output cannot be written, `ConfigError`
    where it is taken, or not what the journal says, `DataError` for inputs that cannot be read.
    """
    job.reading.check(job.inputs)
    job.limits.check()
    _refuse_loss(job)
    job.output.path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(job.output) as body:
        return _Run(job, body).run()


def _refuse_loss(job: Job) -> None:
    for source in job.inputs:
        if (
            not source.is_stdin
            and job.output.path.exists()
            and job.output.path.samefile(source.path)
        ):
            raise ConfigError(
                f"{job.output.path} is among the inputs, and would be lost: choose another output"
            )


@contextmanager
def _locked(output: Target) -> Iterator[File | Stream]:
    """The file of rows, kept from other processes. Errors: `ConfigError` naming who writes it."""
    if output.is_stdout:
        yield Stream(sys.stdout)
        return
    try:
        body = File(output.body, append=True)
    except StoreError as error:
        if not isinstance(error.__cause__, StoreError):
            raise
        journal = Journal.read(output.journal)
        raise ConfigError(
            f"another job writes {output.path}{f', process {journal.pid}' if journal else ''}: wait for it"
        ) from error
    with body:
        try:
            yield body
        finally:  # what was opened for the lock's sake, or is used up, is left nowhere
            empty = not output.body.stat().st_size
            if empty and (output.body != output.path or not output.journal.exists()):
                remove(output.body)


class _Run:
    """A job that holds its output."""

    def __init__(self, job: Job, body: File | Stream) -> None:
        self.job, self.body = job, body

    def run(self) -> Report:
        found = self._found()
        made_of: dict[str, dict[str, Any]] = {"inputs": of_inputs(self.job.inputs)}
        if found is not None:
            self._refuse_changes(found, made_of)
        nlp = self.job.pipeline()
        made_of |= {"pipeline": _of_pipeline(nlp), "settings": self._settings(nlp)}
        if found is not None:
            self._refuse_changes(found, made_of)
            if found.done:
                self._drop_rows()
                return Report(found.documents, found.words, found.failed, before=True)
        self.journal = found or Journal(made_of)
        self.journal.pid = os.getpid()
        made = self._made(nlp)
        self._record()
        self._annotate(made)
        self._finish()
        return Report(self.journal.documents, self.journal.words, self.journal.failed, before=False)

    def _found(self) -> Journal | None:
        """The journal of the job that goes on. Errors: `ConfigError` where something is there that would be lost."""
        output, begin = self.job.output, self.job.begin
        if begin == "overwrite" or output.is_stdout:
            return None
        found = Journal.read(self.job.output.journal)
        if found and found.done and not output.path.exists():
            found = None
        there = next(
            (p for p in (output.path, output.body) if p.exists() and p.stat().st_size), None
        )
        if begin == "resume" and (found or not there):
            if found and not found.done:
                self._refuse_unlike(found)
            return found
        if found and not found.done:
            raise ConfigError(
                f"{output.path} is not finished: --resume goes on with it, --overwrite begins it anew"
            )
        if there:
            what = "has no journal to go on by" if begin == "resume" else "is there already"
            raise ConfigError(
                f"{there} {what}: choose another output, or replace it by --overwrite"
            )
        return None

    def _refuse_unlike(self, found: Journal) -> None:
        if any(source.is_stdin for source in self.job.inputs):
            raise ConfigError(
                "standard input cannot be read a second time: write it to a file, and begin with --overwrite"
            )
        for path, size in (
            (self.job.output.body, found.output),
            (self.job.output.errors, found.errors),
        ):
            if size and (not path.exists() or path.stat().st_size < size):
                raise ConfigError(
                    f"{path} is shorter than the {size} bytes that its journal tells of: --overwrite begins the job anew"
                )

    def _settings(self, nlp: Pipeline) -> dict[str, Any]:
        reading, output = self.job.reading, self.job.output
        only = (
            check_only(output.only, _written(nlp))
            if not any(s.format in DOCS for s in self.job.inputs)
            else output.only
        )
        return {
            "--text": reading.text,
            "--unit": reading.unit,
            "--shard": f"{reading.shard.part}/{reading.shard.of}",
            "--to": output.format,
            "--only": sorted(only),
            "--batch-words": self._batch_words,
            "--device": self._device_types(nlp),
        }

    def _device_types(self, nlp: Pipeline) -> str:
        """Scores depend in their last digit on these, not on how many there are."""
        return " ".join(
            sorted(
                {
                    str(name).partition(":")[0]
                    for name in self.job.options.get("devices") or [nlp.device_name]
                }
            )
        )

    @property
    def _batch_words(self) -> int:
        return int(self.job.options.get("batch_words", CHUNK_WORDS))

    def _refuse_changes(self, found: Journal, made_of: Mapping[str, Mapping[str, Any]]) -> None:
        wrong = [
            change
            for kind in made_of
            for change in changes(kind, found.made_of.get(kind, {}), made_of[kind])
        ]
        if wrong:
            raise ConfigError(
                f"{self.job.output.path} was made of something else: {'; '.join(wrong)}. --overwrite begins it anew"
            )

    # -- the work

    def _made(self, nlp: Pipeline) -> OutputRows:
        job = self.job
        only = frozenset(name.split(".")[0] for name in job.output.only)
        return output_rows(
            nlp,
            records(job.inputs, job.reading, self.journal.position),
            job.output.format,
            only,
            **job.options,
        )

    def _annotate(self, made: OutputRows) -> None:
        job, journal = self.job, self.journal
        with (
            Written(job.output, self.body, journal.output, journal.errors) as written,
            Progress(job.inputs, journal.position, shown=job.progress) as progress,
            _signals() as caught,
            closing(made),
        ):
            try:
                self._write(made, written, progress, caught)
            except PipekitError:
                if not caught:
                    raise  # else a worker got the signal as well, and died of it
            if caught:
                raise self._stopped(f"stopped by {signal.Signals(caught[0]).name}", 128 + caught[0])

    def _write(
        self,
        made: Iterable[tuple[Record, OutputRow]],
        written: Written,
        progress: Progress,
        caught: Sequence[int],
    ) -> None:
        """Write rows up to the end, or to the end of a chunk when a signal was caught; commit there, and whenever it is time."""
        due = time.monotonic() + self.job.limits.commit_seconds
        for record, row in made:
            self._put(record, row, written)
            progress.show(record, row.words)
            if record.last:
                written.end_chunk()
                self.journal.position = record.after
                if caught or time.monotonic() >= due:
                    self._commit(written)
                    due = time.monotonic() + self.job.limits.commit_seconds
                if caught:
                    return
        self._commit(written)

    def _put(self, record: Record, row: OutputRow, written: Written) -> None:
        reason = record.reason or row.reason
        if reason is None:
            written.write(row.data)
            self.journal.documents += 1
            self.journal.words += row.words
            return
        written.fail(record, _NUMBER.sub("", reason))
        self.journal.failed += 1
        most = self.job.limits.max_errors
        if most is not None and self.journal.failed > most:
            raise self._stopped(
                f"{self.journal.failed} records failed, more than --max-errors {most}; the last one {reason}",
                TOO_MANY,
            )
        if not self.journal.documents and self.journal.failed >= _HOPELESS:
            raise self._stopped(
                f"the first {_HOPELESS} records all failed; the last one {reason}", TOO_MANY
            )

    def _commit(self, written: Written) -> None:
        self.journal.output, self.journal.errors = written.sync()
        self._record()

    def _record(self) -> None:
        if not self.job.output.is_stdout:
            self.journal.write(self.job.output.journal)

    def _finish(self) -> None:
        output = self.job.output
        finish = OUTPUT_FORMATS[output.format].finish
        if finish is not None:
            finish(output.body, output.path)
        self.journal.done = True
        self._record()
        self._drop_rows()

    def _drop_rows(self) -> None:
        """What a finished output was made of is needed no more."""
        if self.job.output.body != self.job.output.path:
            self.body.truncate(0)

    def _stopped(self, why: str, code: int) -> JobStopped:
        return JobStopped(
            f"{why}. What was done is kept in {self.job.output.path}: the same command with --resume goes on",
            code=code,
        )


def _of_pipeline(nlp: Pipeline) -> dict[str, Any]:
    from pipekit.pipeline.saving import pipeline_fingerprint

    names = {key: nlp.meta.get(key) for key in ("name", "version")}
    known = {"encoders": registry.encoders, "components": registry.components}
    parts = [
        known[kind].supplier(part["type"])
        for kind, parts in nlp.configs.items()
        for part in parts.values()
    ]
    suppliers = [registry.tokenizers.supplier(nlp.tokenizer_config["type"]), *parts]
    versions = {f"{supplier.package} (its version)": supplier.version for supplier in suppliers}
    return {**names, **versions, "precision": nlp.precision, "contents": pipeline_fingerprint(nlp)}


def _written(nlp: Pipeline) -> set[str]:
    """The names of what a pipeline writes, and of what its documents bring."""
    return {
        *nlp.given,
        *getattr(nlp.tokenizer, "assigns", ()),
        *(name for part in nlp.components.values() for name in part.assigns),
    }


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Gathers the first SIGINT or SIGTERM, so that a chunk can be ended; a second one interrupts."""
    caught: list[int] = []

    def catch(number: int, frame: object) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before = {number: signal.signal(number, catch) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
