"""Phones and the numbers of documents, found in the letters of a text; check digits decide.

No expression repeats without a bound, so the time grows with the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

_DIGIT = re.compile(r"\d", re.ASCII)
_PATTERN = re.compile(
    r"""
    (?P<id> \b(?:ИНН|ОГРНИП|ОГРН|СНИЛС|КПП|БИК)\b [ :№-]{1,3}
            (?P<number>[0-9](?:[ -]?[0-9]){7,14}) (?!\w) )
  | (?P<SNILS> (?<!\w)[0-9]{3}-[0-9]{3}-[0-9]{3}[ -][0-9]{2}(?!\w) )
  | (?P<CARD> (?<!\w)[0-9]{4}(?P<gap>[ -])[0-9]{4}(?P=gap)[0-9]{4}(?P=gap)[0-9]{4}(?!\w) )
  | (?P<PHONE>
        (?<![\w+]) (?:\+7|8|7(?=[ (-]|9[0-9]{9}\b)) [ -]{0,2} (?:\([0-9]{3}\)|[0-9]{3})
                   [ -]{0,2} [0-9]{3} [ –-]? [0-9]{2} [ –-]? [0-9]{2} (?!\w|-[0-9])
      | (?<![\w+]) \([0-9]{3}\) [ ]? [0-9]{3} [ –-]? [0-9]{2} [ –-]? [0-9]{2} (?!\w|-[0-9])
      | (?<![\w+]) \+[0-9] (?:[ ()-]{0,2}[0-9]){7,13} (?!\w) )
    """,
    re.VERBOSE,
)


class Contact(NamedTuple):
    """A phone or the number of a document: its place in characters, its label, its digits."""

    start: int
    end: int
    label: str
    value: str


def contacts(text: str) -> Iterator[Contact]:
    """The phones and numbers of documents in a text, from the left, without overlap."""
    if not _DIGIT.search(text):
        return
    for match in _PATTERN.finditer(text):
        contact = _contact(match)
        if contact is not None:
            yield contact


def _contact(match: re.Match[str]) -> Contact | None:
    if match["id"]:
        keyword = re.match("[А-Я]+", match["id"])
        label = _LABELS[keyword[0]] if keyword else ""
        start, end = match.span("number")
    else:
        label = match.lastgroup or ""
        start, end = match.span()
    text = match.string[start:end]
    digits = "".join(_DIGIT.findall(text))
    if label == "PHONE":
        has_plus = text.startswith("+")
        number = _e164(digits, has_plus=has_plus)
        return Contact(
            start=start,
            end=end,
            label=label,
            value=number,
        )
    is_right = CHECKS[label]
    if not is_right(list(map(int, digits))):
        return None
    return Contact(
        start=start,
        end=end,
        label=label,
        value=digits,
    )


def _e164(
    digits: str,
    *,
    has_plus: bool,
) -> str:
    """A phone as ITU-T E.164 writes it: +79123456789. Without a plus it is one of Russia."""
    return f"+{digits}" if has_plus else f"+7{digits[-10:]}"


_LABELS = {
    "ИНН": "INN",
    "ОГРН": "OGRN",
    "ОГРНИП": "OGRN",
    "СНИЛС": "SNILS",
    "КПП": "KPP",
    "БИК": "BIC",
}
_INN_WEIGHTS = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)


def _is_inn(digits: Sequence[int]) -> bool:
    """Of an organisation, ten digits, or of a person, twelve: order of the Tax Service of 2012."""
    if len(digits) not in (10, 12):
        return False
    count = 1 if len(digits) == 10 else 2
    for place in range(len(digits) - count, len(digits)):
        weights = _INN_WEIGHTS[-place:]
        products = map(int.__mul__, weights, digits[:place])
        total = sum(products)
        if total % 11 % 10 != digits[place]:
            return False
    return True


def _is_ogrn(digits: Sequence[int]) -> bool:
    """Thirteen digits, or fifteen of an entrepreneur: the last is a remainder."""
    if len(digits) not in (13, 15):
        return False
    text = "".join(map(str, digits[:-1]))
    modulus = len(digits) - 2
    remainder = int(text) % modulus
    return remainder % 10 == digits[-1]


def _is_snils(digits: Sequence[int]) -> bool:
    """Eleven digits, the last two a sum modulo 101."""
    if len(digits) != 11:
        return False
    total = 0
    for place, digit in enumerate(digits[:9]):
        total += digit * (9 - place)
    check = 10 * digits[9] + digits[10]
    return total % 101 % 100 == check


def _is_card(digits: Sequence[int]) -> bool:
    """The sum of Luhn (ISO/IEC 7812)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = digit * (1 + place % 2)
        total += doubled - 9 * (doubled > 9)
    return total % 10 == 0


def _has_nine(digits: Sequence[int]) -> bool:
    return len(digits) == 9


CHECKS: dict[str, Callable[[Sequence[int]], bool]] = {
    "INN": _is_inn,
    "OGRN": _is_ogrn,
    "SNILS": _is_snils,
    "CARD": _is_card,
    "KPP": _has_nine,
    "BIC": _has_nine,
}
"""Whether digits are the number of a document, by label; KPP and BIC have no check digit."""
