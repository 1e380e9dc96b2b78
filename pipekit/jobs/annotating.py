"""A job at work: records through a pipeline into an output, in order, each once.

    records ──▶ rows ──▶ OutputWriter ──▶ the disk
                             │ at the end of a chunk, when it is time, or after a signal
                             ▼
                         the journal

Whatever happens in between, a job that goes on leaves the bytes of one that never stopped.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain, islice

from pipekit.errors import ConfigError, DataError, JobStopped, PipekitError, StoreError
from pipekit.jobs.beginnings import Beginning
from pipekit.jobs.formats import OUTPUT_FORMATS, layer_names
from pipekit.jobs.identity import refuse_conflicts
from pipekit.jobs.inputs import records
from pipekit.jobs.job import TOO_MANY, Job, Report
from pipekit.jobs.journal import Journal
from pipekit.jobs.origin import (
    beginnings_read,
    describe_inputs,
    describe_pipeline,
    describe_settings,
)
from pipekit.jobs.outputs import OutputWriter, Target
from pipekit.jobs.progress import Progress
from pipekit.jobs.records import Record
from pipekit.jobs.resuming import journal_to_resume, refuse_changes, refuse_untrue
from pipekit.jobs.rows import OutputRow, OutputRows, output_rows
from pipekit.pipeline import Pipeline
from pipekit.storage.files import File, Stream, make_folder, remove
from pipekit.storage.origins import Description

# The number of a document in its stream says nothing once a job has gone on.
_NUMBER = re.compile(r"(?<=^document) \d+")
_HOPELESS = 1_000  # records that all failed, after which there is no use in reading on


def annotate(job: Job) -> Report:
    """Do a job.

    Beside the output stand a file `.journal`, which says how far the job is, and a file
    `.errors.jsonl` with the records that failed, and why.

    Errors: `JobStopped` for an early end, with all work committed; `StoreError` for an output that
    cannot be written; `ConfigError` for one that is taken, or not what its journal says;
    `DataError` for inputs that cannot be read.

        job = Job(lambda: pipekit.load("ru_core"), [Source.of("in.txt")], Target.of("out.jsonl"))
        annotate(job).documents
    """
    job.reading.check(job.inputs)
    job.limits.check()
    require = OUTPUT_FORMATS[job.output.format].require
    if require is not None:
        require()
    refuse_conflicts([job])
    if not job.output.is_stream:
        make_folder(job.output.path.parent)
    with _locked(job.output) as body:
        return _Work(job, body).run()


@contextmanager
def _locked(output: Target) -> Iterator[File | Stream]:
    """The file of rows, kept from other processes. Errors: `ConfigError` naming who writes it."""
    if output.is_stream:
        with output.stream() as stream:
            yield stream
        return
    with _open_body(output) as body:
        try:
            yield body
        finally:
            _remove_empty(output, body)


def _open_body(output: Target) -> File:
    try:
        return File(output.body, append=True)
    except StoreError as error:
        is_locked = isinstance(error.__cause__, StoreError)
        if not is_locked:
            raise
        writer = _writer_of(output)
        raise ConfigError(f"another job writes {output.path}{writer}: wait for it") from error


def _writer_of(output: Target) -> str:
    """Who writes an output, by its journal, which may be there."""
    try:
        journal = Journal.read_from(output.journal)
    except DataError:
        return ""
    return f", process {journal.pid}" if journal else ""


def _remove_empty(
    output: Target,
    body: File,
) -> None:
    """Remove a file of rows that was opened for its lock alone, or whose rows are used up.

    The lock is still held, and whoever waits for it looks whether the file is there afterwards.
    """
    if output.body.stat().st_size:
        return
    is_output = output.body == output.path
    is_own = body.created and not output.journal.exists()
    if is_own or not is_output:
        remove(output.body)


class _Work:
    """A job that holds its output.

    Args:
        job: what is to be done.
        body: the file of rows, open.
    """

    def __init__(
        self,
        job: Job,
        body: File | Stream,
    ) -> None:
        self.job = job
        self.body = body
        self._bytes_read = 0  # of the input where the position is

    def run(self) -> Report:
        """Go on or begin, and finish. What can be refused is refused before the pipeline loads."""
        journal = journal_to_resume(self.job)
        origin: dict[str, Description] = {}
        origin["inputs"] = describe_inputs(self.job.inputs)
        if journal is not None:
            refuse_changes(self.job, journal, origin)
            refuse_untrue(self.job, journal)
        nlp = self.job.pipeline()
        origin["pipeline"] = describe_pipeline(nlp)
        origin["settings"] = describe_settings(self.job, nlp)
        if journal is not None:
            refuse_changes(self.job, journal, origin)
            if journal.done:
                self._drop_rows()
                return _report(journal, before=True)
        self.journal = journal or Journal(origin)
        self.journal.pid = os.getpid()
        self._annotate(self._rows(nlp))
        self._finish()
        return _report(self.journal, before=False)

    def _rows(self, nlp: Pipeline) -> OutputRows:
        job = self.job
        stream = records(job.inputs, job.reading, self.journal.position)
        selection = layer_names(job.output.only)
        return output_rows(nlp, stream, job.output.format, selection, **job.options)

    def _annotate(self, rows: OutputRows) -> None:
        """Write all rows. Errors: `JobStopped` after a signal, with all whole chunks committed."""
        with _caught_signals() as caught, closing(rows):
            try:
                started = _started(rows)
                self._write_journal()
                self._write_all(started, caught)
            except PipekitError:
                if not caught:
                    raise  # otherwise a worker died of the same signal
            if caught:
                number = caught[0]
                name = signal.Signals(number).name
                raise self._stopped(f"stopped by {name}", 128 + number)

    def _write_all(
        self,
        rows: Iterable[tuple[Record, OutputRow]],
        caught: Sequence[int],
    ) -> None:
        job = self.job
        journal = self.journal
        with (
            OutputWriter(job.output, self.body, journal.output, journal.errors) as writer,
            Progress(job.inputs, journal.position, shown=job.progress) as progress,
        ):
            self._write(rows, writer, progress, caught)

    def _write(
        self,
        rows: Iterable[tuple[Record, OutputRow]],
        writer: OutputWriter,
        progress: Progress,
        caught: Sequence[int],
    ) -> None:
        """Write rows to the end, or to the end of a chunk after a signal.

        Commits there, and at the end of a chunk whenever it is time.
        """
        due = self._next_commit()
        for record, row in rows:
            self._put(record, row, writer)
            progress.show(record, row.words)
            if not record.ends_chunk:
                continue
            writer.end_chunk()
            self._read_up_to(record)
            if caught or time.monotonic() >= due:
                self._commit(writer)
                due = self._next_commit()
            if caught:
                return
        self._commit(writer)

    def _read_up_to(self, record: Record) -> None:
        """Set the position behind the last record of a chunk."""
        self.journal.position = record.after
        self._bytes_read = max(record.read, record.depends_on)

    def _next_commit(self) -> float:
        return time.monotonic() + self.job.limits.commit_seconds

    def _put(
        self,
        record: Record,
        row: OutputRow,
        writer: OutputWriter,
    ) -> None:
        reason = record.reason or row.reason
        if reason is None:
            writer.write(row.data)
            self.journal.documents += 1
            self.journal.words += row.words
            return
        writer.fail(record, _NUMBER.sub("", reason))
        self.journal.failed += 1
        self._stop_at_limits(reason)

    def _stop_at_limits(self, reason: str) -> None:
        """Errors: `JobStopped` for too many failures; `reason` is that of the last one."""
        failed = self.journal.failed
        most = self.job.limits.max_errors
        if most is not None and failed > most:
            why = f"{failed} records failed, more than --max-errors {most}"
        elif not self.journal.documents and failed >= _HOPELESS:
            why = f"the first {_HOPELESS} records all failed"
        else:
            return
        raise self._stopped(f"{why}; the last one {reason}", TOO_MANY)

    def _commit(self, writer: OutputWriter) -> None:
        journal = self.journal
        journal.output, journal.errors = writer.sync()
        if not self.job.output.is_stream:
            journal.read = beginnings_read(
                self.job.inputs,
                journal.read,
                journal.position.input,
                self._bytes_read,
            )
        self._write_journal()

    def _write_journal(self) -> None:
        if not self.job.output.is_stream:
            self.journal.write(self.job.output.journal)

    def _finish(self) -> None:
        """Make the output of the file of rows, where that is a file of its own."""
        output = self.job.output
        finish = OUTPUT_FORMATS[output.format].finish
        if finish is not None:
            finish(output.body, output.path)
            self.journal.output = Beginning().grown(output.path, output.path.stat().st_size)
        self.journal.done = True
        self._write_journal()
        self._drop_rows()

    def _drop_rows(self) -> None:
        """Empty the file of rows of which a finished output was made."""
        if self.job.output.body != self.job.output.path:
            self.body.truncate(0)

    def _stopped(
        self,
        why: str,
        code: int,
    ) -> JobStopped:
        cure = ""
        if not self.job.output.is_stream:
            cure = (
                f". What was done is kept in {self.job.output.path}: "
                f"the same command with --resume goes on"
            )
        return JobStopped(f"{why}{cure}", code=code)


def _started(
    rows: Iterator[tuple[Record, OutputRow]],
) -> Iterator[tuple[Record, OutputRow]]:
    """The rows, of which the first has been made.

    What is wrong from the start, such as a column that is not there, is seen before a file is
    written or replaced.
    """
    first = list(islice(rows, 1))
    return chain(first, rows)


def _report(
    journal: Journal,
    *,
    before: bool,
) -> Report:
    return Report(
        documents=journal.documents,
        words=journal.words,
        failed=journal.failed,
        before=before,
    )


@contextmanager
def _caught_signals() -> Iterator[list[int]]:
    """Catches the first SIGINT or SIGTERM, so that a chunk can end; a second one interrupts.

    Gives the list of the signals so far. In another thread than the main one, it stays empty.
    """
    caught: list[int] = []

    def catch(
        number: int,
        frame: object,
    ) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: signal.signal(number, catch) for number in numbers}
    try:
        yield caught
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
