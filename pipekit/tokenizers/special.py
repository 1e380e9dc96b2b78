"""Runs of characters beyond a table of pairs: addresses, tags, smileys, words with hyphens.

One regular expression passes over such a run. Its quantifiers are possessive, and whatever a branch
scans in vain a later branch takes whole. So every character is looked at a bounded number of times,
whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from unicodedata import normalize

_INVISIBLE = (
    r"\u0300-\u036f\u0483-\u0487\u00ad\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u2069\ufe0e\ufe0f\ufeff"
)
# Names in a pattern, and what they stand for; later parts are used in earlier ones.
_PARTS = {
    "TAIL": r"[\w\-./~%&?#=+@:;,!$'()*\[\]]",
    "END": r"(?:[-‐‑](?![-‐‑]))",
    "NUMBER": r"(?:\d++(?:[.,:/]\d++)*+)",
    "WORD": r"[\wINVISIBLE]",
    "INVISIBLE": _INVISIBLE,
}
_BRANCHES = r"""
    (?P<address> (?: (?:https?|ftp)://+ | www\. ) TAIL++ )
  | (?P<site>    (?:WORD++[.-])++ (?:SUFFIXES) (?=/) TAIL++ )
  | (?P<whole>   WORD++ (?:[.+-]WORD++){0,5}+ @WORD++ (?:[.-]WORD++)*+
               | @WORD++ (?:[.-]WORD++)*+
               | \#WORD++ (?:-WORD++)*+ (?:@WORD++(?:\.WORD++)*+)?+
               | (?:&(?:WORD++|\#\d++);)++
               | \+\d++(?:[-_]\d++)++ | \+\d{7,}+
               | NUMBER%-WORD++ | NUMBER[-‐‑][^\W\d]++
               | (?:LITERALS) (?<!\w(?=\w))
               | [:;=]'?+-?+(?:\)++|\(++|[DPp](?!WORD)) )
  | (?P<range>   NUMBER(?:[-‐‑]NUMBER)++ WORD*+ )
  | (?P<unit>    NUMBER(?:UNITS) (?!WORD) )
  | (?P<parts>   WORD++(?:[-‐‑.]WORD++)++ END?+ | WORD++ END )
  | NUMBER WORD*+ | WORD++
"""
_SEPARATORS = ".‐‑-"
_FIRST_PART = re.compile(rf"[^{_SEPARATORS}]*")
_PART = re.compile(rf"([{_SEPARATORS}])([^{_SEPARATORS}]*)")  # a separator, and the word after it
_DASH = re.compile(r"[-‐‑]")
_AFTER_ADDRESS = ".,!?:;)]'"  # punctuation of the sentence, not of the address


class Specials:
    """Finds tokens in a run without spaces that the kinds of its characters do not show.

    Args:
        data: the tables `hyphens` and `suffixes` of a language's rules.
        literals: tokens that are kept letter for letter.
    """

    def __init__(
        self,
        data: Mapping[str, Mapping[str, str]],
        literals: Iterable[str],
    ) -> None:
        suffixes = data["suffixes"]
        units = suffixes["units"].split()
        names = suffixes["names"].split()
        self._finditer = _pattern(literals, units, names).finditer
        self._suffixes = frozenset(names)
        hyphens = data["hyphens"]
        self._joined = frozenset(hyphens["joined"].split())
        self._particles = frozenset(hyphens["particles"].split())
        self._pronouns = frozenset(hyphens["pronouns"].split())
        self._prefixes = frozenset(hyphens["prefixes"].split())
        self._hanging = frozenset(hyphens["hanging"].split())
        self._whole = frozenset(hyphens["whole"].split())
        # Marks that `_plain` composes with their letters may double the length.
        self._longest_whole = 2 * max(map(len, self._whole), default=0)
        self._inflected = tuple(hyphens["inflected"].split())

    def tokens(
        self,
        text: str,
        start: int,
        end: int,
    ) -> Iterator[tuple[int, int]]:
        """Spans within ``text[start:end]`` that are tokens, whatever the table of pairs says."""
        for match in self._finditer(text, start, end):
            branch = match.lastgroup
            if branch is None:
                continue
            if branch == "whole":
                yield match.span()
                continue
            first = match.start()
            borders = self._borders(branch, match.group())
            yield from pairwise([first + border for border in borders])

    def _borders(
        self,
        branch: str,
        text: str,
    ) -> list[int]:
        """Where the tokens of a match begin, and where its last one ends."""
        if branch == "parts":
            return self._borders_of_parts(text)
        if branch == "range":
            return _borders_of_range(text)
        if branch == "unit":
            return _borders_of_unit(text)
        return [0, len(text.rstrip(_AFTER_ADDRESS))]

    def _borders_of_parts(self, text: str) -> list[int]:
        """The borders of words with hyphens and periods between them.

        A site or a file is one token. In all else a period is a border, and for each hyphen the
        words around it decide.
        """
        place = max(map(text.rfind, _SEPARATORS))
        is_name = text[place] == "." and text[place + 1 :] in self._suffixes
        if is_name or self._is_whole(text):
            return [0, len(text)]
        borders = [0]
        left = _FIRST_PART.match(text)[0]  # type: ignore[index]  # it matches any text
        for match in _PART.finditer(text):
            separator, right = match.groups()
            if separator == ".":
                joins = _is_decimal(left, right)
            else:
                joins = self._joins(left, right)
            if not joins:
                end = match.start()
                borders += [end, end + 1]
            left = right
        if borders[-1] != len(text):
            borders.append(len(text))
        return borders

    def _is_whole(self, text: str) -> bool:
        return len(text) <= self._longest_whole and _plain(text) in self._whole

    def _joins(
        self,
        left: str,
        right: str,
    ) -> bool:
        """Whether a hyphen makes one word of both sides."""
        head = _plain(left)
        tail = _plain(right)
        if not tail:
            return head in self._hanging
        if tail in self._particles:
            return head in self._pronouns
        if tail in self._joined or head in self._prefixes or head[0].isdigit():
            return True
        if tail.isdigit():
            return False
        if tail == head and len(tail) > 2:
            return False
        if right[0].isupper() or min(len(head), len(tail)) < 3:
            return True
        return not head.endswith(self._inflected)


def _pattern(
    literals: Iterable[str],
    units: Iterable[str],
    suffixes: Iterable[str],
) -> re.Pattern[str]:
    pattern = _BRANCHES
    for name, part in _PARTS.items():
        pattern = pattern.replace(name, part)
    pattern = pattern.replace("UNITS", _any_of(units))
    pattern = pattern.replace("SUFFIXES", _any_of(suffixes))
    pattern = pattern.replace("LITERALS", _any_of(literals))
    return re.compile(pattern, re.VERBOSE)


def _any_of(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first; without words it matches nothing."""
    longest_first = sorted(words, key=len, reverse=True)
    return "|".join(map(re.escape, longest_first)) or "(?!)"


def _borders_of_range(text: str) -> list[int]:
    """5-7 is cut around its hyphen; numbers with more hyphens are one token: 01-02-2003."""
    hyphens = [match.start() for match in _DASH.finditer(text)]
    if len(hyphens) > 1:
        return [0, len(text)]
    hyphen = hyphens[0]
    return [0, hyphen, hyphen + 1, len(text)]


def _borders_of_unit(text: str) -> list[int]:
    """5кг is cut behind its last digit."""
    digits = [place for place, letter in enumerate(text) if letter.isdigit()]
    return [0, digits[-1] + 1, len(text)]


def _plain(word: str) -> str:
    return normalize("NFC", word).lower().replace("ё", "е")


def _is_decimal(
    left: str,
    right: str,
) -> bool:
    return left[-1:].isdigit() and right[:1].isdigit()
