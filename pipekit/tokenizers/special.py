"""Runs of characters that a table of pairs cannot cut: addresses, tags, smileys, words with hyphens.

One regular expression passes over such a run. Its quantifiers are possessive, and whatever a branch scans in vain a later branch
takes whole, so every character is looked at a bounded number of times, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from unicodedata import normalize

_PARTS = {
    "INVISIBLE": r"\u0300-\u036f\u0483-\u0487\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe0e\ufe0f\ufeff",
    "WORD": r"[\wINVISIBLE]",
    "END": r"(?:[-‐‑](?![-‐‑]))",
    "NUMBER": r"(?:\d++(?:[.,:/]\d++)*+)",
    "TAIL": r"[\w\-./~%&?#=+@:;,!$'()*\[\]]",
}
_BRANCHES = r"""
    (?P<address> (?: (?:https?|ftp)://+ | www\. ) TAIL++ )
  | (?P<whole>   WORD++ (?:[.+-]WORD++){0,5}+ @WORD++ (?:[.-]WORD++)*+
               | @WORD++ (?:[.-]WORD++)*+
               | \#WORD++ (?:-WORD++)*+ (?:@WORD++(?:\.WORD++)*+)?+
               | (?:&(?:WORD++|\#\d++);)++
               | \+\d++(?:[-_]\d++)++ | \+\d{7,}+
               | NUMBER%-WORD++ | NUMBER[-‐‑][^\W\d]++
               | (?:LITERALS) (?<!\w(?=\w))
               | [:;=]['-]?+(?:\)++|\(++) )
  | (?P<range>   NUMBER(?:[-‐‑]NUMBER)++ WORD*+ )
  | (?P<unit>    NUMBER(?:UNITS) (?!WORD) )
  | (?P<parts>   WORD++(?:[-‐‑.]WORD++)++ END?+ | WORD++ END )
  | NUMBER WORD*+ | WORD++
"""
_SEPARATOR = re.compile(r"([-‐‑.])")
_DASH = re.compile(r"[-‐‑]")


class Specials:
    """Finds what is kept whole, or cut otherwise than its characters suggest, in a run without spaces."""

    def __init__(self, data: Mapping[str, Mapping[str, str]], literals: Iterable[str]):
        hyphens, suffixes = data["hyphens"], data["suffixes"]
        pattern = _BRANCHES.replace("LITERALS", _any_of(literals)).replace(
            "UNITS", _any_of(suffixes["units"].split())
        )
        for name in ("TAIL", "END", "NUMBER", "WORD", "INVISIBLE"):
            pattern = pattern.replace(name, _PARTS[name])
        self._finditer = re.compile(pattern, re.VERBOSE).finditer
        self._suffixes = frozenset(suffixes["names"].split())
        (
            self._joined,
            self._particles,
            self._pronouns,
            self._prefixes,
            self._hanging,
            self._whole,
        ) = (
            frozenset(hyphens[name].split())
            for name in ("joined", "particles", "pronouns", "prefixes", "hanging", "whole")
        )
        self._inflected = tuple(hyphens["inflected"].split())

    def tokens(self, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Spans within ``text[start:end]`` that are tokens, whatever the pairs of their characters say."""
        for match in self._finditer(text, start, end):
            if match.lastgroup == "whole":
                yield match.span()
            elif match.lastgroup is not None:
                borders = [
                    match.start() + border
                    for border in self._borders(match.lastgroup, match.group())
                ]
                yield from pairwise(borders)

    def _borders(self, branch: str, text: str) -> list[int]:
        """Where the tokens of a match begin, and where its last one ends."""
        if branch == "parts":
            return self._borders_of_parts(text)
        if branch == "range":
            hyphens = [match.start() for match in _DASH.finditer(text)]
            return (
                [0, hyphens[0], hyphens[0] + 1, len(text)] if len(hyphens) == 1 else [0, len(text)]
            )
        if branch == "unit":
            return [0, max(i for i, letter in enumerate(text, 1) if letter.isdigit()), len(text)]
        return [0, len(text.rstrip(".,!?:;)]'"))]

    def _borders_of_parts(self, text: str) -> list[int]:
        """A site or a file is one token; otherwise periods cut, and each hyphen is asked for."""
        parts = _SEPARATOR.split(text)
        if _plain(text) in self._whole or (parts[-2] == "." and parts[-1] in self._suffixes):
            return [0, len(text)]
        borders, end = [0], len(parts[0])
        for left, separator, right in zip(parts[::2], parts[1::2], parts[2::2], strict=False):
            if not (_is_decimal(left, right) if separator == "." else self._joins(left, right)):
                borders += [end, end + 1]
            end += 1 + len(right)
        return borders if borders[-1] == end else [*borders, end]

    def _joins(self, left: str, right: str) -> bool:
        """Whether a hyphen makes one word of both sides."""
        head, tail = _plain(left), _plain(right)
        if not tail:
            return head in self._hanging
        if tail in self._particles:
            return head in self._pronouns
        if tail in self._joined or head in self._prefixes or head[0].isdigit():
            return True
        if tail.isdigit():
            return False
        if len(tail) > 2 and tail == head:
            return False
        return (
            right[0].isupper()
            or min(len(head), len(tail)) < 3
            or not head.endswith(self._inflected)
        )


def _plain(word: str) -> str:
    return normalize("NFC", word).lower().replace("ё", "е")


def _is_decimal(left: str, right: str) -> bool:
    return left[-1:].isdigit() and right[:1].isdigit()


def _any_of(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or "(?!)"
