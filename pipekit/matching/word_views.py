"""How a pattern looks at a word: as a string, a number or a flag, for each distinct word once.

Words are as a reader sees them: without stress marks, soft hyphens and zero-width characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from unicodedata import category

import numpy as np
from numpy.typing import NDArray

from pipekit.parts.batch import Distinct
from pipekit.words.arrays import Bools
from pipekit.words.chars import (
    FIRST_KEPT,
    Words,
    from_strings,
    lower,
    normal_spellings,
    normalize,
    to_strings,
    visible,
)

_LONG = 100  # letters of a word whose shape nobody asks for
_RUN = 4  # characters of one kind that a shape shows
_NUMBER = re.compile(r"[+\-−~]?\d++(?:[.,:/ \u00a0]\d++)*+%?+")
_URL = re.compile(
    r"(?:https?://|ftp://|www\.)\S++|(?:[\w-]++\.)++\w{2,}+(?:/\S*+)?+", re.IGNORECASE
)
_SUFFIX = re.compile(r"\.(?:com|org|net|ru|рф|su|info|io|edu|gov|by|ua|kz|uk|de|fr)(?:/|$)", re.I)
_EMAIL = re.compile(r"[\w.+-]++@(?:[\w-]++\.)++\w++")
_QUOTES = frozenset("\"'`«»‘’‚‛“”„‟‹›❮❯''``")
_BRACKETS = frozenset("(){}[]<>")
_LEFT = frozenset("([{<«‘“„‹\"'`‚")
_RIGHT = frozenset(")]}>»’”›\"'")
_RARE_CAPITALS = np.array(
    [
        0x0130,  # İ, whose small letter is two characters
        0x03A3,  # Σ, whose small letter depends on what follows
    ],
    dtype=np.uint32,
)


def shape(word: str) -> str:
    """The shape of a word, as spaCy writes it: X, x, d and other characters, at most four alike.

    shape("Яндекс-360")     # "Xxxxx-ddd"
    """
    if len(word) >= _LONG:
        return "LONG"
    kinds: list[str] = []
    last = ""
    run = 0
    for letter in word:
        kind = letter
        if letter.isupper() and letter.isalpha():
            kind = "X"
        elif letter.isalpha():
            kind = "x"
        elif letter.isdigit():
            kind = "d"
        run = run + 1 if kind == last else 1
        last = kind
        if run <= _RUN:
            kinds.append(kind)
    return "".join(kinds)


def _likes_url(word: str) -> bool:
    if not _URL.fullmatch(word):
        return False
    if word.startswith(("http", "ftp", "www.")):
        return True
    return _SUFFIX.search(word) is not None


def _is_punct(word: str) -> bool:
    return all(category(letter)[0] == "P" for letter in word)


def _is_currency(word: str) -> bool:
    return all(category(letter) == "Sc" for letter in word)


STRINGS: dict[str, Callable[[Distinct], Sequence[str]]] = {
    "text": lambda words: words.strings,
    "lower": lambda words: [word.lower() for word in words.strings],
    "norm": lambda words: words.plain_strings,
    "shape": lambda words: list(map(shape, words.strings)),
    "prefix": lambda words: [word[:1] for word in words.strings],
    "suffix": lambda words: [word[-3:] for word in words.strings],
}
"""Views that are strings. `norm` is as `Token.norm`; a prefix has one letter, a suffix three."""


def _lower(words: Words) -> Words | None:
    """Words in small letters; None where some letter has a small one of a kind of its own."""
    points = words.codes
    rare = np.isin(points, _RARE_CAPITALS)
    rare |= points >= FIRST_KEPT
    for point in np.unique(points[rare]).tolist():
        if chr(point).lower() != chr(point):
            return None
    return Words(lower(points), words.starts, words.ends)


VIEWS: dict[str, Callable[[Words], Words | None]] = {
    "text": lambda words: words,
    "lower": _lower,
    "norm": normalize,
}
"""Views of words as their letters, of all tokens at once; None where only `STRINGS` tells."""


def spelled(
    view: str,
    words: Sequence[str],
) -> list[str]:
    """Words of a pattern as a view of strings spells them: of `norm`, «Ёлка» is «елка»."""
    if view == "norm":
        return normal_spellings(list(words))
    letters = from_strings(list(words))
    seen = to_strings(visible(letters))
    if view == "lower":
        return [word.lower() for word in seen]
    return seen


NUMBERS: dict[str, Callable[[Distinct], NDArray[np.int64]]] = {
    "length": lambda words: np.fromiter(map(len, words.strings), np.int64),
}
"""Views that are numbers."""

_FLAGS: dict[str, Callable[[str], bool]] = {
    "is_alpha": str.isalpha,
    "is_ascii": str.isascii,
    "is_digit": str.isdigit,
    "is_lower": str.islower,
    "is_upper": str.isupper,
    "is_title": str.istitle,
    "is_space": str.isspace,
    "is_punct": _is_punct,
    "is_currency": _is_currency,
    "is_quote": _QUOTES.__contains__,
    "is_bracket": _BRACKETS.__contains__,
    "is_left_punct": _LEFT.__contains__,
    "is_right_punct": _RIGHT.__contains__,
    "like_num": lambda word: _NUMBER.fullmatch(word) is not None,
    "like_url": _likes_url,
    "like_email": lambda word: _EMAIL.fullmatch(word) is not None,
}
FLAGS = frozenset(_FLAGS)
"""Names of views that are true or false."""


def flags(
    view: str,
    words: Iterable[str],
) -> Bools:
    """A view of words that is true or false, bool[words]. The word of no letters has no flag."""
    test = _FLAGS[view]
    return np.array(
        [word != "" and test(word) for word in words],
        dtype=bool,
    )
