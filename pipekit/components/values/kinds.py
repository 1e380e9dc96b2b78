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
        is_initial = len(word) == 2 and word[1] == "."
        if is_initial and word[0].isupper():
            return Kinded(OTHER)
        if word in _SCALES:
            return Kinded("c", _SCALES[word])
        kinded = self._kinds.get(word) or self._kinds.get(plain)
        if kinded is not None:
            return kinded
        is_short = len(word) <= _LONGEST_ROMAN
        if is_short and word.isupper() and word.isascii():
            return _of_roman(word.lower())
        return Kinded(OTHER)


@cache
def value_data(lang: str) -> dict[str, Any]:
    """The words and the grammar of a language. Errors: `ConfigError` where there are none."""
    room = resources.files("pipekit.components.values")
    file = room / "data" / f"{lang}.toml"
    if not lang.isalpha() or not file.is_file():
        raise ConfigError(f"no values are known for the language {lang!r:.40}")
    text = file.read_text(encoding="utf-8")
    return tomllib.loads(text)


def _listed(data: dict[str, Any]) -> Iterator[tuple[str, Kinded]]:
    for month, words in enumerate(data["months"]["words"], 1):
        for word in words.split():
            yield word, Kinded("M", month)
    for kind, words in data["plain"].items():
        for word in words.split():
            yield word, Kinded(kind)
    for section in ("cardinals", "multipliers"):
        for kind, lines in data[section].items():
            for digits, word in _lines(lines):
                number = Decimal(digits)
                yield word, Kinded(kind, number)
    for section in ("currencies", "units"):
        for kind, lines in data[section].items():
            for code, word in _lines(lines):
                yield word, Kinded(kind, code)
    ordinals = data["ordinals"]
    endings = ordinals["endings"].split()
    for digits, stem in _lines(ordinals["stems"]):
        kinded = Kinded("r", Decimal(digits))
        for ending in endings:
            yield stem + ending, kinded
    for digits, word in _lines(ordinals["words"]):
        number = Decimal(digits)
        yield word, Kinded("r", number)


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
        kind = _kind_of_number(word)
        return Kinded(kind, Decimal(word))
    date = _DATE.fullmatch(word)
    if date:
        return _of_date(*date.groups())
    time = _TIME.fullmatch(word)
    if time:
        parts = [int(part or 0) for part in time.groups()]
        return _of_time(word, *parts)
    if _GROUPED.fullmatch(word):
        digits = re.sub("[.,]", "", word)
        return Kinded("N", Decimal(digits))
    if _DECIMAL.fullmatch(word):
        kind = "F" if _TWO_PLACES.fullmatch(word) else "f"
        digits = word.replace(",", ".")
        return Kinded(kind, Decimal(digits))
    if _DECADE.fullmatch(word):
        year = word[:4]
        return Kinded("E", Decimal(year))
    inflected = _INFLECTED.fullmatch(word)
    if inflected:
        digits = inflected[1]
        is_year = _kind_of_number(digits) == "y"
        kind = "O" if is_year else "o"
        return Kinded(kind, Decimal(digits))
    return Kinded(OTHER)


def _kind_of_number(digits: str) -> str:
    number = int(digits)
    length = len(digits)
    if length <= 2:
        is_day = 1 <= number <= 31
        return "d" if is_day else "n"
    if length == 3:
        return "t"
    if length > 4 or not 1000 <= number < 2200:
        return "N"
    is_year = 1700 <= number <= 2100
    return "y" if is_year else "z"


def _of_date(*parts: str | None) -> Kinded:
    """12.05.2021 or 2021-05-12; a year of two digits is one from 1969 to 2068, as in POSIX."""
    numbers = [int(part or 0) for part in parts]
    day, month, year = numbers[:3]
    if not parts[0]:
        year, month, day = numbers[3:]
    if year < 69:
        year += 2000
    elif year < 100:
        year += 1900
    date = (year, month, day)
    return Kinded("X", date)


def _of_time(
    word: str,
    hour: int,
    minute: int,
    second: int,
) -> Kinded:
    if hour > 24 or minute > 59 or second > 59:
        return Kinded(OTHER)
    has_seconds = word.count(":") == 2
    text = f"{hour:02}:{minute:02}"
    if has_seconds:
        text += f":{second:02}"
    return Kinded("T", text)


def _of_roman(word: str) -> Kinded:
    if not word or not _ROMAN.fullmatch(word):
        return Kinded(OTHER)
    total = 0
    last = 0
    for letter in reversed(word):
        number = _ROMANS[letter]
        if number < last:
            number = -number
        total += number
        last = _ROMANS[letter]
    return Kinded("i", Decimal(total))
