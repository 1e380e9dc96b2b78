"""What of written files lies on the disk for certain: that for which `os.fsync` has returned."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

Identity = tuple[int, int]  # of a file, whatever its name: device, number


def identity(stat: os.stat_result) -> Identity:
    return stat.st_dev, stat.st_ino


class Synced:
    """The files and folders that were synced, in a model of a disk that loses all the rest.

    Attributes:
        sizes: the bytes of each file that are certain.
        replaced: each file that was put in place, and whether all of it was certain by then.
        names: the folders that were synced after the last file was put in place in them.
    """

    def __init__(self) -> None:
        self.sizes: dict[Identity, int] = {}
        self.replaced: list[tuple[Path, bool]] = []
        self.names: set[Identity] = set()

    def is_certain(
        self,
        path: Path,
        size: int,
    ) -> bool:
        """Whether the first bytes of a file, so many, lie on the disk."""
        return self.sizes.get(identity(path.stat()), 0) >= size


@contextmanager
def watched(
    before_replace: Callable[[Synced, Path, Path], object] | None = None,
) -> Iterator[Synced]:
    """Watches real calls of `os.fsync` and `os.replace`.

    Args:
        before_replace: called with the model, the old and the new path of a file that is about to
            be put in place.
    """
    model = Synced()
    real_fsync = os.fsync
    real_replace = os.replace

    def fsync(fd: int) -> None:
        real_fsync(fd)
        stat = os.fstat(fd)
        model.sizes[identity(stat)] = stat.st_size
        model.names.add(identity(stat))

    def replace(
        source: str,
        target: str,
    ) -> None:
        old, new = Path(source), Path(target)
        if before_replace is not None:
            before_replace(model, old, new)
        model.replaced.append((new, model.is_certain(old, old.stat().st_size)))
        if new.exists():  # its number may be that of another file soon
            model.sizes.pop(identity(new.stat()), None)
        real_replace(source, target)
        model.names.discard(identity(new.parent.stat()))

    with patch("os.fsync", fsync), patch("os.replace", replace):
        yield model
