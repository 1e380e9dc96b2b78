"""The journal of a job: how far the job is, and what its output is made of.

It stands beside the output and is replaced at each commit, after the outputs lie on the disk; so
what it says is true at any moment. A job that goes on cuts its outputs to the sizes in the journal
and reads on from its position.

A chunk of documents lies before a commit or behind it, never on both sides: scores may depend, in
their last digit, on which documents are computed together.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipekit.errors import DataError
from pipekit.jobs.records import Position
from pipekit.storage.files import write_atomically

_VERSION = 1

Description = dict[str, Any]
"""What is to be known of the inputs, the pipeline or the settings of a job, without nesting."""


@dataclass(slots=True)
class Journal:
    """What a journal says; the names of its fields stand in the file.

    Args:
        made_of: what the output depends on: "inputs", "pipeline" and "settings", each a flat
            mapping (see `pipekit.jobs.origin`).
        position: where the next record begins.
        output, errors: the bytes of the file of rows and of the file of failures.
        documents, words, failed: what was done: documents, their words, records that failed.
        done: whether the output is finished.
        pid: the process that writes, or wrote.
    """

    made_of: dict[str, Description]
    position: Position = field(default_factory=Position)
    output: int = 0
    errors: int = 0
    documents: int = 0
    words: int = 0
    failed: int = 0
    done: bool = False
    pid: int = field(default_factory=os.getpid)

    def write(self, path: Path) -> None:
        """Commit. Errors: `StoreError`."""
        data = {"version": _VERSION, **asdict(self)}
        data["position"] = self.position._asdict()
        text = json.dumps(data, ensure_ascii=False, indent=1) + "\n"
        write_atomically(path, [text.encode()])

    @classmethod
    def read(cls, path: Path) -> Journal | None:
        """The journal in a file; None for a missing file. Errors: `DataError` for another file."""
        try:
            data = json.loads(path.read_bytes())
            version = data.pop("version")
            if version == _VERSION:
                data["position"] = Position(**data["position"])
                return cls(**data)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path}: is no journal of a job: {error}: --overwrite begins the job anew"
            ) from error
        raise DataError(
            f"{path}: the journal has version {version}, this pipekit reads {_VERSION}: "
            f"--overwrite begins the job anew"
        )
