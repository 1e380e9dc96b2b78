"""Characters that a page can show, and how wide they are.

Texts come from anywhere. Characters that HTML or XML forbid, or that would rearrange what stands
around them, are replaced by others that are seen:

    NUL and other controls      the picture of each, such as ␀
    marks of direction          the name of each, such as [RLO]
    lone surrogates             �
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

_DIRECTIONS = {
    0x202A: "[LRE]",
    0x202B: "[RLE]",
    0x202C: "[PDF]",
    0x202D: "[LRO]",
    0x202E: "[RLO]",
    0x2066: "[LRI]",
    0x2067: "[RLI]",
    0x2068: "[FSI]",
    0x2069: "[PDI]",
}
_PICTURES = 0x2400  # where the pictures of the control characters begin
_DELETE = 0x7F
_DELETE_PICTURE = "␡"
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_RETURNS = re.compile(r"\r\n?")

# The widths of characters, as shares of the size of a font without serifs.
_NARROW = frozenset("iljftrI.,:;'|!()[]{}-/\\`·ıїі")
_BROAD = frozenset("mwMWжшщмфыюЖШЩМФЫЮДОЪ@%—…₽")
_WIDTHS = {"narrow": 0.36, "usual": 0.58, "capital": 0.7, "broad": 0.88, "full": 1.02}
_FULL = frozenset("WF")  # the East Asian widths of characters that fill a square
_WITHOUT_WIDTH = frozenset({"Mn", "Me", "Cf"})


def displayed(text: str) -> str:
    """The text with characters that can be seen in the place of those that cannot be shown."""
    if "\r" in text:
        text = _RETURNS.sub("\n", text)
    return _UNSEEN.sub(_replacement, text)


def _replacement(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code in _DIRECTIONS:
        return _DIRECTIONS[code]
    if code < ord(" "):
        return chr(_PICTURES + code)
    if code == _DELETE:
        return _DELETE_PICTURE
    return "�"


def markup(text: str) -> str:
    """The text as characters of HTML or XML, within an element or within quotes."""
    return html.escape(displayed(text))


def in_one_line(
    text: str,
    longest: int,
) -> str:
    """A text in one line of at most so many characters; what is left out is "…"."""
    line = " ".join(displayed(text[: 2 * longest]).split())
    if len(line) <= longest and len(text) <= 2 * longest:
        return line
    return f"{line[: longest - 1]}…"


def width_of(
    text: str,
    size: float,
) -> float:
    """About how wide a text is in a font without serifs of a size, in the unit of the size."""
    return size * sum(map(_width, text))


@lru_cache(4096)
def _width(character: str) -> float:
    if unicodedata.category(character) in _WITHOUT_WIDTH:
        return 0.0
    if unicodedata.east_asian_width(character) in _FULL:
        return _WIDTHS["full"]
    if character in _BROAD:
        return _WIDTHS["broad"]
    if character in _NARROW:
        return _WIDTHS["narrow"]
    if character.isupper():
        return _WIDTHS["capital"]
    return _WIDTHS["usual"]
