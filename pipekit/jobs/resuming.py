"""What an earlier job left: whether a job may go on with it, begin beside it, or has to refuse."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipekit.errors import ConfigError
from pipekit.jobs.job import Job
from pipekit.jobs.journal import Description, Journal
from pipekit.jobs.origin import changes
from pipekit.jobs.outputs import Target


def journal_to_resume(job: Job) -> Journal | None:
    """The journal that a job goes on by; None for a job that begins.

    Errors: `ConfigError` for an output that would be lost, and for one that is no longer what its
    journal says.
    """
    output = job.output
    if job.begin == "overwrite" or output.is_stdout:
        return None
    journal = Journal.read(output.journal)
    if journal and journal.done and not output.path.exists():
        journal = None  # the output was taken away
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
        _refuse_shortened(job.output.body, journal.output)
        _refuse_shortened(job.output.errors, journal.errors)
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


def _refuse_shortened(
    path: Path,
    size: int,
) -> None:
    if not size:
        return
    if not path.exists() or path.stat().st_size < size:
        raise ConfigError(
            f"{path} is shorter than the {size} bytes that its journal tells of: "
            f"--overwrite begins the job anew"
        )


def refuse_changes(
    job: Job,
    journal: Journal,
    origin: Mapping[str, Description],
) -> None:
    """Errors: `ConfigError` with all differences between the origins of output and job."""
    differences = []
    for kind, description in origin.items():
        before = journal.made_of.get(kind, {})
        differences += changes(kind, before, description)
    if differences:
        raise ConfigError(
            f"{job.output.path} was made of something else: {'; '.join(differences)}. "
            f"--overwrite begins it anew"
        )
