"""Which files jobs touch: none of them may be read and written, or written twice.

Files are compared as the system knows them, so that links do not deceive: by device and inode, or
where there is no such file yet, by the path without links.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pipekit.errors import ConfigError
from pipekit.jobs.job import Job
from pipekit.jobs.records import STDIN

_STDIN, _STDOUT = 0, 1  # file descriptors
_OF_SYSTEM = ("dev", "proc")  # folders in the root that hold no files of users, but for /dev/shm


class _Use(NamedTuple):
    """A file and what it is for, in the words of a message."""

    path: Path | int
    role: str


def refuse_conflicts(jobs: Sequence[Job]) -> None:
    """See that no file that jobs write is an input, a file of the pipeline, or written twice.

    Outputs come with all that stands beside them. Nothing is opened.

    Errors: `ConfigError` naming both uses of the file.
    """
    roles: dict[Hashable, str] = {}
    for job in jobs:
        for use in _reads(job):
            roles.setdefault(_identity(use.path), use.role)
    for job in jobs:
        for use in _writes(job):
            key = _identity(use.path)
            if key in roles:
                raise ConfigError(
                    f"{use.role} is {roles[key]}, and would be lost: choose another output"
                )
            if isinstance(use.path, Path):
                _refuse_special(use.path, use.role)
                roles[key] = f"the same file as {use.role}"


def _reads(job: Job) -> Iterator[_Use]:
    for source in job.inputs:
        path = _STDIN if source.is_stdin else source.path
        yield _Use(path, "among the inputs")
    for path in job.untouched:
        yield _Use(path, f"the file {path}, which the job reads")


def _writes(job: Job) -> Iterator[_Use]:
    output = job.output
    if output.is_stream:
        if output.body != output.path:
            raise ConfigError(f"{output.path}: {output.format!r} is written to files only")
        if str(output.path) == STDIN:
            yield _Use(_STDOUT, "standard output")
        return
    yield _Use(output.path, str(output.path))
    if output.body != output.path:
        yield _Use(output.body, f"{output.body}, the file of rows of {output.path},")
    yield _Use(output.journal, f"{output.journal}, the journal of {output.path},")
    yield _Use(output.errors, f"{output.errors}, the file of failures of {output.path},")


def _identity(path: Path | int) -> Hashable:
    """Device and inode of a file; what is no file, such as a terminal, is like nothing else."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return os.path.realpath(path) if isinstance(path, Path) else object()
    if isinstance(path, int) and not stat.S_ISREG(status.st_mode):
        return object()
    return status.st_dev, status.st_ino


def _refuse_special(
    path: Path,
    role: str,
) -> None:
    """Errors: `ConfigError` for what is no file, and for a file that the system makes up."""
    path = Path(os.path.abspath(path))
    folder = path.parts[1:2]
    if folder and folder[0] in _OF_SYSTEM and "shm" not in path.parts[2:3]:
        raise ConfigError(f"{role} is a file of the system: - is standard output")
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return  # opening it tells what is wrong
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{role} is no regular file: choose another output")
