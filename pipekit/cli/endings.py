"""The standard streams of a command, and how it ends where one cannot be written."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import TextIO

UNWRITABLE = 4
"""The exit code where the output could not be written."""
NO_READER = 141
"""The exit code where nobody reads the output any more, as of a program that SIGPIPE ended."""

_OF_OUTPUT = (errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC)
# What stands for a closed stream. Reading input and writing output fail there; messages vanish.
_CLOSED = {
    "stdin": os.O_WRONLY,
    "stdout": os.O_RDONLY,
    "stderr": os.O_WRONLY,
}


def open_streams() -> None:
    """Read and write UTF-8 in any locale, and open the standard streams that are closed.

    Services start programs without standard streams. The next file that such a program opens would
    be its standard output, and get whatever it prints.
    """
    for number, name in enumerate(_CLOSED):
        if _is_closed(number):
            _open(number, name)
        stream = getattr(sys, name)
        # A notebook or a test may have put something else in the place of a stream.
        if isinstance(stream, io.TextIOWrapper):
            # A message may name a file whose name is no Unicode.
            errors = "strict" if stream is sys.stdin else "backslashreplace"
            stream.reconfigure(encoding="utf-8", errors=errors)


def _is_closed(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return True
    return False


def _open(
    number: int,
    name: str,
) -> None:
    """Open a standard stream that is closed; worker processes inherit it."""
    null = os.open(os.devnull, _CLOSED[name])
    os.dup2(null, number)
    if null != number:
        os.close(null)
    os.set_inheritable(number, True)
    mode = "r" if name == "stdin" else "w"
    setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


def tell(message: str) -> None:
    """Write a message to standard error, if anything can be written there."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(message, file=sys.stderr, flush=True)


def flush() -> None:
    """Hand on what was printed. Errors: `OSError`."""
    if sys.stdout is not None:
        sys.stdout.flush()


def report_error(
    error: OSError,
    title: str,
) -> int:
    """Tell of an error of the system; returns the exit code.

    Args:
        title: the name of the command, with which the message begins.
    """
    if isinstance(error, BrokenPipeError):
        return NO_READER
    is_file = error.filename is not None
    if is_file or error.errno not in _OF_OUTPUT:
        tell(f"{title}: {error}")
        return 1
    tell(f"{title}: standard output cannot be written: {error.strerror}")
    return UNWRITABLE


def drop_output() -> None:
    """Drop what cannot be written: Python would try again, and complain, when it ends."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except OSError:
            _drop(stream)


def _drop(stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
