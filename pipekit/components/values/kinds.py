"""The kind and the value of each word: a letter for the grammar, and what the word stands for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from pipekit.errors import ConfigError

OTHER = "."
_LONGEST = 40  # letters of a word that can be a number
_DATE = re.compile(r"(\d{1,2})[./](\d{1,2})[./](\d{4}|\d{2})\.?|(\d{4})-(\d{2})-(\d{2})")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_GROUPED = re.compile(r"\d{1,3}(?:\.\d{3}){2,}|\d{1,3}(?:,\d{3}){2,}")
_DECIMAL = re.compile(r"\d+[.,]\d+")
_INFLECTED = re.compile(r"(\d{1,4})[-‐‑](?:го|ого|е|ое|й|ый|ий|я|ая|ю|ую|м|ом|му|ому|х|ых|ые)")
_DECADE = re.compile(r"\d{3}0[-‐‑](?:е|ые|х|ых)")
_ROMAN = re.compile(r"(x{0,3})(ix|iv|v?i{0,3})")
_LONGEST_ROMAN = 6
_SCALES = {"C": "C", "С": "C", "F": "F"}  # of temperature; a capital «С» may begin a period too
_TWO_PLACES = re.compile(r"\d{1,2}\.\d{2}")
_ROMANS = {"i": 1, "v": 5, "x": 10}


class Kinded(NamedTuple):
    """A word as the grammar sees it.

    Attributes:
        kind: a letter, see ``data/ru.toml``.
        value: a number, a month, the code of a currency or a unit, a date, or nothing.
    """

    kind: str
    value: Any = None


class WordKinds:
    """The kinds of words of a language.

    Args:
        data: the lists of ``data/<language>.toml``.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self._kinds = dict(_listed(data))
        for kind, words in data["exact"].items():
            for word in words.split():
                self._kinds[word] = Kinded(kind)

    def of(
        self,
        word: str,
        plain: str,
    ) -> Kinded:
        """The kind of a word, as it is written and normalised."""
        if plain[:1].isdigit():
            return _of_digits(plain)
        if len(word) == 2 and word[1] == "." and word[0].isupper():  # an initial
            return Kinded(OTHER)
        if word in _SCALES:
            return Kinded("c", _SCALES[word])
        kinded = self._kinds.get(word) or self._kinds.get(plain)
        if kinded is not None:
            return kinded
        if word.isupper() and word.isascii() and len(word) <= _LONGEST_ROMAN:
            return _of_roman(word.lower())
        return Kinded(OTHER)


@cache
def value_data(lang: str) -> dict[str, Any]:
    """The words and the grammar of a language. Errors: `ConfigError` where there are none."""
    file = resources.files("pipekit.components.values") / "data" / f"{lang}.toml"
    if not lang.isalpha() or not file.is_file():
        raise ConfigError(f"no values are known for the language {lang!r:.40}")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _listed(data: dict[str, Any]) -> Iterator[tuple[str, Kinded]]:
    for month, words in enumerate(data["months"]["words"], 1):
        for word in words.split():
            yield word, Kinded("M", month)
    for kind, words in data["plain"].items():
        for word in words.split():
            yield word, Kinded(kind)
    for section in ("cardinals", "multipliers"):
        for kind, lines in data[section].items():
            for number, word in _lines(lines):
                yield word, Kinded(kind, Decimal(number))
    for section in ("currencies", "units"):
        for kind, lines in data[section].items():
            for code, word in _lines(lines):
                yield word, Kinded(kind, code)
    ordinals = data["ordinals"]
    for number, stem in _lines(ordinals["stems"]):
        for ending in ordinals["endings"].split():
            yield stem + ending, Kinded("r", Decimal(number))
    for number, word in _lines(ordinals["words"]):
        yield word, Kinded("r", Decimal(number))


def _lines(lines: str) -> Iterator[tuple[str, str]]:
    """Each word of lines with the first of its line: "5 пять пяти" has "пять" and "пяти"."""
    for line in lines.strip().split("\n"):
        first, *words = line.split()
        for word in words:
            yield first, word


def _of_digits(word: str) -> Kinded:
    if len(word) > _LONGEST:
        return Kinded(OTHER)
    if word.isdecimal() and word.isascii():
        return Kinded(_kind_of_number(word), Decimal(word))
    date = _DATE.fullmatch(word)
    if date:
        return _of_date(*date.groups())
    time = _TIME.fullmatch(word)
    if time:
        return _of_time(
            word,
            *(int(part or 0) for part in time.groups()),
        )
    if _GROUPED.fullmatch(word):
        return Kinded("N", Decimal(re.sub("[.,]", "", word)))
    if _DECIMAL.fullmatch(word):
        kind = "F" if _TWO_PLACES.fullmatch(word) else "f"
        return Kinded(kind, Decimal(word.replace(",", ".")))
    if _DECADE.fullmatch(word):
        return Kinded("E", Decimal(word[:4]))
    inflected = _INFLECTED.fullmatch(word)
    if inflected:
        number = inflected[1]
        kind = "O" if _kind_of_number(number) == "y" else "o"
        return Kinded(kind, Decimal(number))
    return Kinded(OTHER)


def _kind_of_number(digits: str) -> str:
    number = int(digits)
    if len(digits) <= 2:
        return "d" if 1 <= number <= 31 else "n"
    if len(digits) == 3:
        return "t"
    if len(digits) == 4 and 1000 <= number < 2200:
        return "y" if 1700 <= number <= 2100 else "z"
    return "N"


def _of_date(*parts: str | None) -> Kinded:
    """12.05.2021 or 2021-05-12; a year of two digits is one from 1969 to 2068, as in POSIX."""
    day, month, year = parts[:3] if parts[0] else (parts[5], parts[4], parts[3])
    number = int(year or 0)
    if number < 100:
        number += 2000 if number < 69 else 1900
    return Kinded(
        "X",
        (number, int(month or 0), int(day or 0)),
    )


def _of_time(
    word: str,
    hour: int,
    minute: int,
    second: int,
) -> Kinded:
    if hour > 24 or minute > 59 or second > 59:
        return Kinded(OTHER)
    has_seconds = word.count(":") == 2
    text = f"{hour:02}:{minute:02}" + (f":{second:02}" if has_seconds else "")
    return Kinded("T", text)


def _of_roman(word: str) -> Kinded:
    if not word or not _ROMAN.fullmatch(word):
        return Kinded(OTHER)
    total = 0
    for letter, following in zip(word, [*word[1:], ""], strict=True):
        number = _ROMANS[letter]
        total += -number if _ROMANS.get(following, 0) > number else number
    return Kinded("i", Decimal(total))
