"""Files that targets read: in memory, if there is such a place."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

_SHARED = Path("/dev/shm")


@cache
def folder() -> Path:
    """A folder of this process, gone at its end."""
    place = tempfile.mkdtemp(prefix="pipekit-fuzz-", dir=_SHARED if _SHARED.is_dir() else None)
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return Path(place)


def file(name: str, data: bytes) -> Path:
    """A file of this name with these bytes; its folder holds no other file."""
    place = folder() / "one"
    place.mkdir(exist_ok=True)
    for path in place.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    (place / name).write_bytes(data)
    return place / name
