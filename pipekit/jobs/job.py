"""What a job is, and what there is to say of one that is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pipekit.errors import ConfigError
from pipekit.jobs.outputs import Target
from pipekit.jobs.reading import Reading
from pipekit.jobs.records import Source
from pipekit.pipeline import Pipeline

Begin = Literal["new", "overwrite", "resume"]
TOO_MANY = 3
"""The exit code of a job in which more records failed than may."""


class Limits(NamedTuple):
    """When a job stops, and how often it commits.

    Args:
        max_errors: how many records may fail; None for any number.
        commit_seconds: the time between two commits: how much work a death may cost.
    """

    max_errors: int | None = None
    commit_seconds: float = 5.0

    def check(self) -> None:
        """Errors: `ConfigError` for a limit that is below 0, or no number."""
        for name, value in self._asdict().items():
            if value is not None and not value >= 0:
                raise ConfigError(f"{name} is {value}: it is 0 or more")


class Report(NamedTuple):
    """What a job did.

    Args:
        documents, words: what was written.
        failed: how many records failed.
        before: whether the job had been finished before it was called.
    """

    documents: int
    words: int
    failed: int
    before: bool


@dataclass(frozen=True)
class Job:
    """What is to be done.

    Args:
        pipeline: loads the pipeline; it is called once the output is known to be free.
        inputs: the files to read.
        output: the file to write.
        untouched: further files that the job must not write, such as that of the pipeline.
        reading: how inputs are read.
        options: further arguments of `Pipeline.pipe`: n_process, devices, batch_words, doc_timeout.
        begin: "new" refuses an output that is there, "overwrite" replaces it, "resume" goes on
            where a job stopped, or begins it.
        limits: when the job stops, and how often it commits.
        progress: show a bar on a terminal.
    """

    pipeline: Callable[[], Pipeline]
    inputs: Sequence[Source]
    output: Target
    untouched: Sequence[Path] = ()
    reading: Reading = field(default_factory=Reading)
    options: Mapping[str, Any] = field(default_factory=dict)
    begin: Begin = "new"
    limits: Limits = field(default_factory=Limits)
    progress: bool = False
