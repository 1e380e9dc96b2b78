"""Writes to the disk: every write of pipekit passes here, and tests break each I/O call in turn.

A file is replaced atomically. The new file is written beside the old one under a name of its own
and flushed; then a single `os.replace` puts it in place. A killed process may leave a file
`.pipekit-….tmp` behind, which is never read. Devices and pipes are not replaced but written into.
"""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TextIO

from pipekit.errors import ConfigError, StoreError

try:
    import fcntl
except ImportError:  # Windows has no such locks: two processes may append to one file at once
    fcntl = None  # type: ignore[assignment]

Bytes = bytes | memoryview
FilePath = str | os.PathLike[str]
Failpoint = Callable[[str, str], int | None]

failpoint: Failpoint | None = None
"""For tests: called before each I/O call with the name of the call and the path.

It may raise, kill the process, or return the most bytes that a write may write.
"""

_GATHERED = 1 << 20  # bytes: smaller chunks are gathered before a write
_AT_ONCE = 1 << 26  # bytes of a single write: systems limit them
_BINARY = getattr(os, "O_BINARY", 0)
_NO_FILES = {
    "a folder": stat.S_ISDIR,
    "a socket": stat.S_ISSOCK,
    "a disk": stat.S_ISBLK,
}
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY
_APPEND = os.O_RDWR | os.O_CREAT | _BINARY


@contextmanager
def _call(
    name: str,
    path: str,
) -> Iterator[int | None]:
    """Around one I/O call; gives what the failpoint returns.

    Errors: `StoreError` naming the path, the call and the reason; `BrokenPipeError` as it is, since
    nothing is wrong where a reader has seen enough.
    """
    try:
        most = None
        if failpoint is not None:
            most = failpoint(name, path)
        yield most
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise _store_error(error, f"{path}: {name} failed: {reason}") from error


def _store_error(
    cause: OSError,
    message: str,
) -> StoreError:
    error = StoreError(message)
    error.errno = cause.errno
    return error


class File:
    """A file to write to, a context manager. Its bytes are safe on the disk once `sync` returns.

    Args:
        append: open the existing file of that name, or a new one, and lock it against other
            processes. By default the file must not exist.

    Errors: `StoreError`; `ConfigError` for something to which nothing can be appended.

    Attributes:
        created: whether there was no file of that name before.
        written: bytes on their way to the disk so far.

        with File("words.txt") as file:
            file.write(b"...")
            file.sync()
    """

    def __init__(
        self,
        path: FilePath,
        *,
        append: bool = False,
    ) -> None:
        self.path = os.fspath(path)
        self.written = 0
        self._gathered: list[Bytes] = []
        self._size = 0
        self.created = True
        if not append:
            self._open(_NEW)
            return
        if is_stream(path):
            raise ConfigError(f"{self.path} is a device or a pipe: append to a file")
        self._open_and_lock()
        # Whoever had the lock before may have removed the file after it was opened here.
        while not self._has_name():
            os.close(self._fd)
            self._open_and_lock()

    def _open(self, flags: int) -> None:
        with _call("open", self.path):
            self._fd = os.open(self.path, flags, 0o666)

    def _open_and_lock(self) -> None:
        self.created = not os.path.lexists(self.path)
        self._open(_APPEND)
        try:
            self._lock()
        except BaseException:
            os.close(self._fd)
            raise

    def _has_name(self) -> bool:
        """Whether the file at the path is the open one."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return False
        return os.path.samestat(status, os.fstat(self._fd))

    def _lock(self) -> None:
        try:
            with _call("lock", self.path):
                if fcntl is not None:
                    fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.lseek(self._fd, 0, os.SEEK_END)
        except StoreError as error:
            if not isinstance(error.__cause__, BlockingIOError):
                raise
            raise _store_error(
                error,
                f"{self.path} is being written by another process: "
                "wait for it, or write to another file",
            ) from error

    def write(self, chunk: Bytes) -> None:
        """Write a chunk, now or with the next ones."""
        self._gathered.append(chunk)
        self._size += len(chunk)
        if self._size < _GATHERED:
            return
        *small, last = self._gathered  # a large chunk comes last, and is not copied
        self._clear()
        self._write(b"".join(small))
        self._write(last)

    def _clear(self) -> None:
        self._gathered = []
        self._size = 0

    def _write(self, chunk: Bytes) -> None:
        rest = memoryview(chunk)
        while rest:
            with _call("write", self.path) as most:
                count = os.write(self._fd, rest[: most or _AT_ONCE])
            self.written += count
            rest = rest[count:]

    def sync(self) -> None:
        """Write the rest, and wait until the disk has all of it."""
        self._write(b"".join(self._gathered))
        self._clear()
        with _call("fsync", self.path):
            os.fsync(self._fd)

    def truncate(self, size: int) -> None:
        """Cut the file to this size in bytes; the next write begins there."""
        with _call("truncate", self.path):
            os.ftruncate(self._fd, size)
            os.lseek(self._fd, size, os.SEEK_SET)

    def close(self) -> None:
        """Close the file; chunks since the last `sync` may be lost."""
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


class Stream:
    """Standard output or standard error in the place of a `File`.

    A notebook may have put a stream in its place that takes no bytes; a service may have none.

    Errors: `StoreError` where it cannot be written, `BrokenPipeError` where nobody reads any more.
    """

    def __init__(
        self,
        stream: TextIO | None,
        name: str,
    ) -> None:
        if stream is None or not hasattr(stream, "buffer"):
            raise StoreError(f"{name} takes no bytes here: write to a file")
        self._stream = stream.buffer
        self._name = name

    def write(self, chunk: Bytes) -> None:
        """Write a chunk, now or with the next ones."""
        with _call("write", self._name):
            self._stream.write(chunk)

    def sync(self) -> None:
        """Hand on what was written."""
        with _call("write", self._name):
            self._stream.flush()

    def truncate(self, size: int) -> None:
        """Does nothing: what was written to a stream is gone."""

    def close(self) -> None:
        """Hand on what was written; the stream stays open."""
        self.sync()


def is_stream(path: FilePath) -> bool:
    """Whether a path is that of a device or a pipe, into which one writes.

    A file of that name would take its place.

    Errors: `ConfigError` for a folder, a socket or a disk, which can be neither written into nor
    replaced.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False  # opening it tells what is wrong
    for what, is_such in _NO_FILES.items():
        if is_such(mode):
            raise ConfigError(f"{os.fspath(path)} is {what}: choose the name of a file")
    return not stat.S_ISREG(mode)


@contextmanager
def stream_to(path: FilePath) -> Iterator[Stream]:
    """A device or a pipe to write into. A pipe waits until somebody reads it.

    Errors: as those of `Stream`.
    """
    name = os.fspath(path)
    with _call("open", name):
        file = open(path, "w", encoding="utf-8")  # noqa: SIM115
    try:
        stream = Stream(file, name)
        yield stream
        stream.sync()
    finally:
        with suppress(OSError):
            file.close()


def write_atomically(
    path: FilePath,
    chunks: Iterable[Bytes],
    *,
    size: int | None = None,
) -> None:
    """Write a file, in place of an old one of that name if there is any.

    At every moment the path holds either the old bytes or the new ones. A device or a pipe stays
    what it is, and is written into.

    Args:
        size: how many bytes the chunks have together, for the message of an error.

    Errors: `StoreError` where the disk refuses, and errors of `chunks`; both leave the old file as
    it was. `ConfigError` for a folder, a socket or a disk.

        write_atomically("words.txt", [b"..."])
    """
    if is_stream(path):
        with stream_to(path) as stream:
            for chunk in chunks:
                stream.write(chunk)
        return
    target = os.path.realpath(path)  # a link stays a link
    beside = os.path.join(os.path.dirname(target), f".pipekit-{secrets.token_hex(8)}.tmp")
    try:
        _write_and_replace(target, beside, chunks, size)
    except BaseException:
        with suppress(StoreError):
            remove(beside)
        raise
    sync_name(target)


def _write_and_replace(
    target: str,
    beside: str,
    chunks: Iterable[Bytes],
    size: int | None,
) -> None:
    file = None
    try:
        with File(beside) as file:
            for chunk in chunks:
                file.write(chunk)
            file.sync()
        with _call("replace", target):
            os.replace(beside, target)
    except StoreError as error:
        reason = str(error)
        if error.errno:
            reason = os.strerror(error.errno)
        written = file.written if file is not None else 0
        progress = f"{written} bytes"
        if size is not None:
            progress = f"{written} of the {size} bytes"
        raise _store_error(
            error,
            f"{target} could not be written: {reason}, after {progress}. "
            "What stood there before is intact: make room or mend the cause, then save again",
        ) from error


@contextmanager
def lent_file(data: bytes) -> Iterator[str]:
    """The path of a file with these bytes, for processes of this process, as long as it lasts.

    On Linux the file has no name in any folder, so that nothing is left of it, whatever ends the
    process. Errors: `StoreError`.
    """
    folder = tempfile.gettempdir()
    with _call("write", folder), tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        copy = os.dup(file.fileno())
    path = f"/proc/{os.getpid()}/fd/{copy}"
    try:
        if os.path.exists(path):
            yield path
            return
    finally:
        os.close(copy)
    with tempfile.TemporaryDirectory(prefix="pipekit-") as folder:
        path = os.path.join(folder, "lent")
        write_atomically(path, [data])
        yield path


def make_folder(path: FilePath) -> None:
    """Make a folder, and those around it, where there is none; they survive a crash.

    Errors: `StoreError`.
    """
    new: list[str] = []
    place = os.path.abspath(path)
    while not os.path.lexists(place):
        new.append(place)
        place = os.path.dirname(place)
    with _call("mkdir", os.fspath(path)):
        os.makedirs(path, exist_ok=True)
    for folder in reversed(new):
        sync_name(folder)


def remove(path: FilePath) -> None:
    """Remove a file, if it exists."""
    with _call("unlink", os.fspath(path)), suppress(FileNotFoundError):
        os.unlink(path)


def sync_name(path: FilePath) -> None:
    """Make the name of a new file survive a crash: a name is data of the folder."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    folder = os.path.dirname(os.path.realpath(path))
    with _call("fsync folder", folder):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
