"""Every write of pipekit to a disk passes here, so that a test can count the calls and break each one in turn.

A file is replaced atomically: the new one is written beside the old one under a name of its own, flushed, and put in its place by one
`os.replace`, the only moment that counts. What a killed process leaves, `.pipekit-….tmp`, is never read.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from pipekit.errors import StoreError

try:
    import fcntl
except ImportError:  # Windows has no such locks; there, two processes that append to one file at once are not kept apart
    fcntl = None  # type: ignore[assignment]

Bytes = bytes | memoryview
Path = str | os.PathLike[str]
Failpoint = Callable[[str, str], int | None]

failpoint: Failpoint | None = None
"""Called before each I/O call with its name and path. A test raises here, or kills; or returns how many bytes a write may write."""

_GATHERED = 1 << 20  # bytes before a write
_AT_ONCE = 1 << 26  # bytes of one write: no system takes any number of them
_BINARY = getattr(os, "O_BINARY", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY
_APPEND = os.O_RDWR | os.O_CREAT | _BINARY


@contextmanager
def _call(name: str, path: str) -> Iterator[int | None]:
    """Around one I/O call. Errors: `StoreError` naming the path, the call and the reason."""
    try:
        yield None if failpoint is None else failpoint(name, path)
    except OSError as error:
        raise _named(error, f"{path}: {name} failed: {error.strerror or error}") from error


def _named(error: OSError, message: str) -> StoreError:
    named = StoreError(message)
    named.errno = error.errno
    return named


class File:
    """A file to write to, in `with`; what was written lies on the disk once `sync` returns.

    Args:
        append: open the file that is there, or a new one, and keep other processes from doing so; otherwise none of that name may be there.
    """

    def __init__(self, path: Path, *, append: bool = False) -> None:
        self.path = os.fspath(path)
        self.written = 0
        self._gathered: list[Bytes] = []
        self._size = 0
        with _call("open", self.path):
            self._fd = os.open(self.path, _APPEND if append else _NEW, 0o666)
        if append:
            try:
                self._lock()
            except BaseException:
                os.close(self._fd)
                raise

    def _lock(self) -> None:
        try:
            with _call("lock", self.path):
                if fcntl is not None:
                    fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.lseek(self._fd, 0, os.SEEK_END)
        except StoreError as error:
            if isinstance(error.__cause__, BlockingIOError):
                raise _named(
                    error,
                    f"{self.path} is being written by another process: wait for it, or write to another file",
                ) from error
            raise

    def write(self, chunk: Bytes) -> None:
        self._gathered.append(chunk)
        self._size += len(chunk)
        if self._size >= _GATHERED:
            *small, last = self._gathered  # a large chunk comes last, and is not copied
            self._gathered, self._size = [], 0
            self._write(b"".join(small))
            self._write(last)

    def _write(self, chunk: Bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            with _call("write", self.path) as most:
                done = os.write(self._fd, rest[: most or _AT_ONCE])
            self.written += done
            rest = rest[done:]

    def sync(self) -> None:
        """Be sure that all of it lies on the disk."""
        self._write(b"".join(self._gathered))
        self._gathered, self._size = [], 0
        with _call("fsync", self.path):
            os.fsync(self._fd)

    def truncate(self, size: int) -> None:
        """Cut the file to that size; what is written next begins there."""
        with _call("truncate", self.path):
            os.ftruncate(self._fd, size)
            os.lseek(self._fd, size, os.SEEK_SET)

    def close(self) -> None:
        """Let it go; what `sync` has not written is lost."""
        os.close(self._fd)

    def __enter__(self) -> File:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def write_atomically(path: Path, chunks: Iterable[Bytes], *, size: int | None = None) -> None:
    """Put a file in the place of the one that is there, if any: at every moment the path holds the old bytes or the new.

    Args:
        size: how many bytes the chunks have together, if that is known, for the message of an error.

    Errors: `StoreError` where the disk refuses, and whatever `chunks` raises; both leave the old file as it was.
    """
    target = os.path.realpath(path)  # a link stays a link
    beside = os.path.join(os.path.dirname(target), f".pipekit-{secrets.token_hex(8)}.tmp")
    try:
        _write_and_replace(target, beside, chunks, size)
    except BaseException:
        with suppress(StoreError):
            remove(beside)
        raise
    sync_name(target)


def _write_and_replace(target: str, beside: str, chunks: Iterable[Bytes], size: int | None) -> None:
    file = None
    try:
        with File(beside) as file:
            for chunk in chunks:
                file.write(chunk)
            file.sync()
        with _call("replace", target):
            os.replace(beside, target)
    except StoreError as error:
        needed = "" if size is None else f" of the {size}"
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise _named(
            error,
            f"{target} could not be written: {reason}, after {file.written if file else 0}{needed} bytes. "
            f"What stood there before is intact: make room or mend the cause, then save again",
        ) from error


def remove(path: Path) -> None:
    """Remove a file; none being there is fine."""
    with _call("unlink", os.fspath(path)), suppress(FileNotFoundError):
        os.unlink(path)


def sync_name(path: Path) -> None:
    """Make the name of a new file last: it is data of the folder."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    folder = os.path.dirname(os.path.realpath(path))
    with _call("fsync folder", folder):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
