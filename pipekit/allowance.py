"""How much memory a file may take while it is read: in proportion to its size.

What a file says may be many times as large as the file: a width of 65,536 is a few bytes. Who makes
something large of what a file says takes its size from the allowance before, and is refused where
it is used up. Outside of `allowed` nothing is counted.

    with allowed(bytes, "ru_core.pipekit"):
        take(8 * rows * columns, "a table of tags")
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from pipekit.errors import CorruptModelError


@dataclass(slots=True)
class _Allowance:
    """The bytes that are left for what `where` holds."""

    left: int
    where: str


_current: ContextVar[_Allowance | None] = ContextVar("allowance", default=None)


@contextmanager
def allowed(
    size: int,
    where: str,
) -> Iterator[None]:
    """A context in which `take` may take so many bytes in sum, of the file `where`."""
    token = _current.set(_Allowance(size, where))
    try:
        yield
    finally:
        _current.reset(token)


def is_limited() -> bool:
    """Whether an allowance is counted here."""
    return _current.get() is not None


def take(
    size: int,
    what: str,
) -> None:
    """Take so many bytes for `what`, before they are allocated.

    Errors: `CorruptModelError` where less is left.
    """
    allowance = _current.get()
    if allowance is None:
        return
    allowance.left -= size
    if allowance.left < 0:
        raise CorruptModelError(
            f"{allowance.where}: {what} takes {size} bytes, "
            "more than a file of this size can need: its settings do not fit its weights"
        )
