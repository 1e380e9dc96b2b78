"""The journal of a job: how far it has come, of what it was made. What it says holds, since the outputs lie on the disk before it does.

It stands beside the output and is replaced at each commit. A job that goes on cuts its outputs to the sizes in it and reads on from its
position; a chunk of documents lies before a commit or behind it and is never cut, since scores may depend, in their last digit, on which
documents are computed together.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipekit.errors import DataError
from pipekit.jobs.records import Position, Source, readable
from pipekit.storage.files import write_atomically

_VERSION = 1
_ENDS = 1 << 16  # bytes at the beginning and the end of an input that are looked at


@dataclass(slots=True)
class Journal:
    """`made_of` is what the output depends on, by kind: "inputs", "pipeline", "settings", each a flat mapping; `pid` who writes."""

    made_of: dict[str, dict[str, Any]]
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
        data = {"version": _VERSION, **asdict(self), "position": self.position._asdict()}
        write_atomically(path, [(json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode()])

    @classmethod
    def read(cls, path: Path) -> Journal | None:
        """What stands there, if anything. Errors: `DataError` where that is no journal."""
        try:
            data = json.loads(path.read_bytes())
            version = data.pop("version")
            if version == _VERSION:
                return cls(**{**data, "position": Position(**data["position"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path}: is no journal of a job: {error}: --overwrite begins the job anew"
            ) from error
        raise DataError(
            f"{path}: the journal has version {version}, this pipekit reads {_VERSION}: --overwrite begins the job anew"
        )


def of_inputs(sources: Sequence[Source]) -> dict[str, Any]:
    """What inputs are known by: format, size, time of the last change, and the SHA-256 of beginning and end."""
    return {
        f"{i} {source.path.name}": [source.format, *_known_by(source)]
        for i, source in enumerate(sources)
    }


def _known_by(source: Source) -> list[Any]:
    if source.is_stdin:
        return []
    with readable(source), source.path.open("rb") as file:
        told = os.fstat(file.fileno())
        digest = sha256(file.read(_ENDS))
        file.seek(max(0, told.st_size - _ENDS))
        digest.update(file.read(_ENDS))
    return [told.st_size, told.st_mtime_ns, digest.hexdigest()]


def changes(kind: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is not as it was, in words."""
    if kind == "inputs":
        return [
            f"input {name.partition(' ')[2]} {_change(before.get(name), now.get(name))}"
            for name in _differing(before, now)
        ]
    return [
        f"{kind}: {name} was {before.get(name)!r} and is {now.get(name)!r}"
        for name in _differing(before, now)
    ]


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]


def _change(before: list[Any] | None, now: list[Any] | None) -> str:
    if before is None or now is None:
        return "is new" if before is None else "is missing"
    names = ("its format", "its size", "the time of its last change", "its contents")
    return "was changed: " + ", ".join(
        name for name, a, b in zip(names, before, now, strict=False) if a != b
    )
