"""What an earlier job left: whether a job may go on with it, begin beside it, or has to refuse."""

from __future__ import annotations

import os
from pathlib import Path

from pipekit.errors import ConfigError, DataError
from pipekit.jobs.beginnings import Beginning
from pipekit.jobs.job import Job
from pipekit.jobs.journal import Journal
from pipekit.jobs.outputs import Target
from pipekit.jobs.records import readable
from pipekit.storage.origins import Origins, all_changes


def journal_to_resume(job: Job) -> Journal | None:
    """The journal that a job goes on by; None for a job that begins.

    Errors: `ConfigError` for an output that would be lost, and for one that is no longer what its
    journal says.
    """
    output = job.output
    if job.begin == "overwrite" or output.is_stream:
        return None
    journal = Journal.read_from(output.journal)
    if journal and journal.done and not output.path.exists():
        journal = None  # the output was taken away, but not its failures
    if journal is None and os.path.lexists(output.errors):
        raise ConfigError(
            f"{output.errors} is there already, and the failures of this job would replace it: "
            f"move it away, choose another output, or replace it by --overwrite"
        )
    if job.begin == "resume":
        return _checked_journal(job, journal)
    if journal and not journal.done:
        raise ConfigError(
            f"{output.path} is not finished: --resume goes on with it, --overwrite begins it anew"
        )
    _refuse_leftover(output, "is there already")
    return None


def _checked_journal(
    job: Job,
    journal: Journal | None,
) -> Journal | None:
    if journal is None:
        _refuse_leftover(job.output, "has no journal to go on by")
        return None
    if not journal.done:
        _refuse_stdin(job)
    return journal


def _refuse_leftover(
    output: Target,
    what: str,
) -> None:
    """Errors: `ConfigError` for a file of rows that holds something."""
    for path in (output.path, output.body):
        if path.exists() and path.stat().st_size:
            raise ConfigError(f"{path} {what}: choose another output, or replace it by --overwrite")


def _refuse_stdin(job: Job) -> None:
    if any(source.is_stdin for source in job.inputs):
        raise ConfigError(
            "standard input cannot be read a second time: "
            "write it to a file, and begin with --overwrite"
        )


def refuse_untrue(
    job: Job,
    journal: Journal,
) -> None:
    """Compare what a journal says with the bytes of outputs and inputs.

    Of a finished job, which writes nothing any more, only the size of the output is looked at.

    Errors: `ConfigError` naming the file that is not what the journal says, and its cure.
    """
    output = job.output
    if journal.done:
        _refuse_shortened(output.path, journal.output)
        return
    _refuse_altered(output.body, journal.output)
    _refuse_altered(output.errors, journal.errors)
    _refuse_place(job, journal)
    for source, beginning in zip(job.inputs, journal.read, strict=False):
        with readable(source):
            if not beginning.is_of(source.path):
                raise ConfigError(
                    f"input {source.path} was changed: its first {beginning.size} bytes are not "
                    f"those that were read for {output.path}: --overwrite begins it anew"
                )


def _refuse_shortened(
    path: Path,
    beginning: Beginning,
) -> None:
    size = path.stat().st_size if path.exists() else 0
    if size < beginning.size:
        raise ConfigError(
            f"{path} is shorter than the {beginning.size} bytes that its journal tells of: "
            f"--overwrite begins the job anew"
        )


def _refuse_altered(
    path: Path,
    beginning: Beginning,
) -> None:
    _refuse_shortened(path, beginning)
    if beginning.size and not beginning.is_of(path):
        raise ConfigError(
            f"{path} was altered: its first {beginning.size} bytes are not those that the job "
            f"wrote: --overwrite begins the job anew"
        )


def _refuse_place(
    job: Job,
    journal: Journal,
) -> None:
    """Errors: `DataError` for a position in no input, or one that the counts of records contradict.

    A journal whose checksum holds has neither, unless a bug wrote it.
    """
    position = journal.position
    records = job.reading.shard.count(position.number)
    counted = journal.documents + journal.failed
    if position.input >= len(job.inputs) or records != counted:
        raise DataError(
            f"{job.output.journal}: says that {counted} records lie before record "
            f"{position.number} of input {position.input}: --overwrite begins the job anew"
        )


def refuse_changes(
    job: Job,
    journal: Journal,
    origin: Origins,
) -> None:
    """Errors: `ConfigError` with all differences between the origins of output and job."""
    differences = all_changes(journal.made_of, origin)
    if differences:
        raise ConfigError(
            f"{job.output.path} was made of something else: {'; '.join(differences)}. "
            f"--overwrite begins it anew"
        )
