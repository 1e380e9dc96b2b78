"""How a command ends whose output cannot be written, or whose reader has gone."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

UNWRITABLE = 4
"""The exit code where the output could not be written."""
NO_READER = 141
"""The exit code where nobody reads the output any more, as of a program that SIGPIPE ended."""


def flushed(verb: str) -> int:
    """Hand on what was printed. Returns 0, or the exit code for what cannot be."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return NO_READER
    except OSError as error:
        print(
            f"pipekit {verb}: standard output cannot be written: {error.strerror}", file=sys.stderr
        )
        return UNWRITABLE
    return 0


def drop_output() -> None:
    """Drop what could not be printed: Python would try again, and complain, when it ends."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
