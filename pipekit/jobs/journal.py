"""The journal of a job: how far the job is, and what its output is made of.

It stands beside the output and is replaced at each commit, after the outputs lie on the disk; so
what it says is true at any moment. A job that goes on cuts its outputs to the sizes in the journal
and reads on from its position.

A chunk of documents lies before a commit or behind it, never on both sides: scores may depend, in
their last digit, on which documents are computed together.

The file is JSON. Its last value is the SHA-256 of all bytes before that value, so a journal of
which a single bit was altered is not believed.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipekit.errors import DataError
from pipekit.jobs.beginnings import Beginning
from pipekit.jobs.records import Position
from pipekit.storage.files import write_atomically
from pipekit.storage.origins import Description

_VERSION = 2
_TAIL = '"\n}\n'
_SEAL = 64 + len(_TAIL)  # bytes of the checksum and behind it
_COUNTS = ("documents", "words", "failed")
_CURE = "--overwrite begins the job anew"


@dataclass(slots=True)
class Journal:
    """What a journal says; the names of its fields stand in the file.

    Args:
        made_of: what the output depends on: "inputs", "pipeline" and "settings", each a flat
            mapping (see `pipekit.jobs.origin`).
        position: where the next record begins.
        read: of each input up to that of the position, what was read of it.
        output, errors: what was written of the file of rows and of the file of failures. Of a
            finished job, `output` is the whole output.
        documents, words, failed: what was done: documents, their words, records that failed.
        done: whether the output is finished.
        pid: the process that writes, or wrote.
    """

    made_of: dict[str, Description]
    position: Position = field(default_factory=Position)
    read: list[Beginning] = field(default_factory=list)
    output: Beginning = field(default_factory=Beginning)
    errors: Beginning = field(default_factory=Beginning)
    documents: int = 0
    words: int = 0
    failed: int = 0
    done: bool = False
    pid: int = field(default_factory=os.getpid)

    def write(self, path: Path) -> None:
        """Commit. Errors: `StoreError`."""
        data = {"version": _VERSION, **asdict(self)}
        data["position"] = self.position._asdict()
        text = json.dumps(data, indent=1)  # escapes names of files that are no Unicode
        body = text.removesuffix("\n}") + ',\n "sha256": "'
        write_atomically(path, [_sealed(body.encode())])

    @classmethod
    def read_from(cls, path: Path) -> Journal | None:
        """The journal in a file; None for a missing file. Errors: `DataError` for another file."""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
        if _sealed(data[:-_SEAL]) != data:
            raise DataError(f"{path}: {_what_it_is(data)}: {_CURE}")
        values = json.loads(data)
        version = values.pop("version")
        del values["sha256"]
        if version != _VERSION:
            raise DataError(
                f"{path}: the journal has version {version}, this pipekit reads {_VERSION}: {_CURE}"
            )
        try:
            return _journal(values)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: is no journal of a job: {error}: {_CURE}") from error


def _sealed(body: bytes) -> bytes:
    """The bytes of a journal: a body that ends where the checksum stands, and that checksum."""
    checksum = sha256(body).hexdigest()
    return body + checksum.encode() + _TAIL.encode()


def _what_it_is(data: bytes) -> str:
    """What is wrong with bytes that are no journal under its checksum."""
    try:
        version = json.loads(data)["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "is no journal of a job, or was damaged"
    if version == 1:
        return (
            "the journal has version 1, of a pipekit that wrote no checksums; "
            "that pipekit can finish the job"
        )
    return "the journal was altered, its checksum does not hold"


def _journal(values: dict[str, Any]) -> Journal:
    """Errors: `ValueError` for a number that cannot be, `KeyError` and `TypeError` for no journal.

    Only a bug writes such a journal, since the checksum holds.
    """
    values["position"] = Position(**values["position"])
    values["read"] = [Beginning(*numbers) for numbers in values["read"]]
    for name in ("output", "errors"):
        values[name] = Beginning(*values[name])
    journal = Journal(**values)
    numbers = [*journal.position, *journal.output, *journal.errors]
    for beginning in journal.read:
        numbers += beginning
    numbers += [values[name] for name in _COUNTS]
    for number in numbers:
        if not isinstance(number, int) or number < 0:
            raise ValueError(f"{number!r} is no number of bytes or records")
    return journal
