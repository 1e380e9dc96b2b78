"""Names that go away: they warn for two minor releases, then they are gone.

The policy stands in CONTRIBUTING.md. A test fails as soon as a release comes in which a name was to
go away, so none stays by mistake.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from pipekit.errors import PipekitDeprecationWarning

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


def deprecated(
    instead: str,
    *,
    since: str,
    until: str,
) -> Callable[[Callable[Parameters, Answer]], Callable[Parameters, Answer]]:
    """A decorator for a function or a method that goes away; each call of it warns.

        @deprecated("nlp.pipe(texts)", since="0.4", until="0.6")
        def annotate_all(self, texts): ...

    Args:
        instead: what to write in its place.
        since: the release that warns first.
        until: the release that has it no more.

    Source: PEP 702 for the attribute ``__deprecated__``, by which editors strike the name out.
    """

    def decorate(function: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        name = getattr(function, "__qualname__", repr(function))
        message = f"{name} is deprecated since {since} and goes away in {until}: use {instead}"

        @functools.wraps(function)
        def warning(
            *arguments: Parameters.args,
            **options: Parameters.kwargs,
        ) -> Answer:
            warnings.warn(message, PipekitDeprecationWarning, stacklevel=2)
            return function(*arguments, **options)

        warning.__deprecated__ = message  # type: ignore[attr-defined]
        return warning

    return decorate
