"""Regular expressions of patterns, in time that is linear whatever the expression and the word.

They are those of RE2 (https://github.com/google/re2/wiki/Syntax), which pyarrow brings: without
look-around and backreferences. \\w, \\d and \\s are those of Unicode, as in Python.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from pipekit.errors import ConfigError, cure
from pipekit.words.arrays import Bools

_LONGEST = 1_000  # characters of an expression
# Classes of characters as RE2 writes them for Unicode; those in capitals stand outside of [].
_CLASSES = {
    "w": r"\p{L}\p{N}_",
    "d": r"\p{Nd}",
    "s": r"\s\p{Z}",
}
_PIECE = re.compile(r"\\.|\[\^?\]?|\]|[^\\\[\]]+", re.DOTALL)


def check_regex(
    regex: str,
    where: str,
) -> str:
    """The expression as RE2 takes it.

    Errors: `ConfigError` for one that RE2 does not take, and where pyarrow is not installed.
    """
    if len(regex) > _LONGEST:
        raise ConfigError(f"{where}: the expression has more than {_LONGEST} characters")
    translated = _translated(regex, where)
    try:
        Searched([""]).holds([translated])
    except _library().ArrowInvalid as error:
        raise ConfigError(
            f"{where} = {regex!r:.80}: {error} (expressions are those of RE2: they have no "
            "look-around and no backreferences, so that none takes long)"
        ) from None
    return translated


class Searched:
    """Strings in which expressions are searched; they are copied for the library once."""

    def __init__(self, strings: Sequence[str]) -> None:
        library = _library()
        self._array = library.array(strings, library.string())

    def holds(self, regexes: Sequence[str]) -> Bools:
        """Which strings have something that one of the expressions describes, bool[strings]."""
        matches = np.zeros(len(self._array), dtype=bool)
        for regex in regexes:
            matched = _library().compute.match_substring_regex(self._array, regex)
            matches |= matched.to_numpy(zero_copy_only=False)
        return matches


@lru_cache(maxsize=1)
def _library() -> Any:
    """The module pyarrow. Errors: `ConfigError` with the cure."""
    try:
        import pyarrow.compute
    except ImportError:
        raise ConfigError(
            f"REGEX runs through RE2 of pyarrow, in linear time: {cure('pyarrow')}"
        ) from None
    return pyarrow


def _translated(
    regex: str,
    where: str,
) -> str:
    """The expression with classes of Unicode for \\w, \\d, \\s and their opposites."""
    pieces = []
    is_inside = False  # of []
    for piece in _PIECE.findall(regex):
        letter = piece[1:] if piece[0] == "\\" else ""
        if letter in _CLASSES:
            characters = _CLASSES[letter]
            pieces.append(characters if is_inside else f"[{characters}]")
        elif letter and letter.lower() in _CLASSES:
            if is_inside:
                raise ConfigError(rf"{where} = {regex!r:.80}: write [^{letter.lower()}] without []")
            pieces.append(f"[^{_CLASSES[letter.lower()]}]")
        elif letter in ("b", "B"):
            raise ConfigError(
                f"{where} = {regex!r:.80}: \\{letter} knows no letters but Latin ones: "
                "a token begins at ^ and ends at $"
            )
        else:
            if piece[0] == "[":
                is_inside = True
            elif piece == "]":
                is_inside = False
            pieces.append(piece)
    return "".join(pieces)
