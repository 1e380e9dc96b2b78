"""What words that the grammar has found amount to.

Dates are those of ISO 8601, and of EDTF (ISO 8601-2) where the year is open: "XXXX-05-12". A period
is two of them with "/" between. Amounts are decimal numbers, as strings.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from pipekit.components.values.kinds import Kinded

_ANY_YEAR = "XXXX"
_DIGITS = "dntyzNfF"


class ValueReading(NamedTuple):
    """A value, and the unit that it is counted in: "5000" of "RUB"; "" where it has none."""

    value: str
    unit: str = ""


class _Words:
    """Words that are read from the left."""

    def __init__(self, words: Sequence[Kinded]) -> None:
        self._words = words
        self.place = 0

    def next_is(self, kinds: str) -> bool:
        if self.place >= len(self._words):
            return False
        word = self._words[self.place]
        return word.kind in kinds

    def take(self, kinds: str) -> Kinded | None:
        """The next word, if it is of one of these kinds."""
        if not self.next_is(kinds):
            return None
        word = self._words[self.place]
        self.place += 1
        return word

    def skip(self, kinds: str) -> None:
        while self.take(kinds):
            pass


def plain(number: Decimal) -> str:
    """A number without an exponent and without zeros at its end: "2500000", "0.5"."""
    text = format(number, "f")
    if "." not in text:
        return text
    without_zeros = text.rstrip("0")
    return without_zeros.rstrip(".")


def _amount(words: _Words) -> Decimal | None:
    """A number in digits or in words."""
    is_negative = words.take("-m") is not None
    if words.next_is(_DIGITS):
        number: Decimal | None = _digits(words)
    else:
        number = _number_in_words(words)
    if number is None or not is_negative:
        return number
    return -number


def _digits(words: _Words) -> Decimal:
    may_go_on = words.next_is("dnt")
    first = words.take(_DIGITS)
    number = Decimal(0) if first is None else first.value
    if may_go_on:
        while group := words.take("t"):  # 1 000 000
            number *= 1000
            number += group.value
    multiplier = words.take("kK")
    if multiplier is not None:
        number *= multiplier.value
    return number


def _number_in_words(words: _Words) -> Decimal | None:
    """«Пять тысяч двести»; None where multipliers do not fall, as in «тысяча миллионов»."""
    total = Decimal(0)
    below: Decimal | None = None
    while words.next_is("ABCkK"):
        part = Decimal(0)
        has_part = False
        while small := words.take("ABC"):
            part += small.value
            has_part = True
        multiplier = words.take("kK")
        if multiplier is None:
            return total + part
        if below is not None and multiplier.value >= below:
            return None
        below = multiplier.value
        if not has_part:
            part = Decimal(1)
        total += part * multiplier.value
    return total


def _ordinal(words: _Words) -> int:
    total = Decimal(0)
    while word := words.take("doriBC"):
        total += word.value
        if word.kind not in "BC":
            break
    return int(total)


def _year(words: _Words) -> int | None:
    year = words.take("yzO")
    words.skip("gY")
    if year is None:
        return None
    return int(year.value)


def _calendar_day(
    year: int | None,
    month: int,
    day: int,
) -> str | None:
    """The day in ISO 8601; None where there is no such day."""
    if not 1 <= month <= 12:
        return None
    if year is not None and not 1 <= year <= 9999:
        return None
    leap_year = 2000
    _, last = calendar.monthrange(year or leap_year, month)
    if not 1 <= day <= last:
        return None
    text = _year_text(year)
    return f"{text}-{month:02}-{day:02}"


def _year_text(year: int | None) -> str:
    if year is None:
        return _ANY_YEAR
    return f"{year:04}"


def _period(
    start: str | None,
    end: str | None,
) -> ValueReading | None:
    if start is None or end is None:
        return None
    is_open = _ANY_YEAR in start + end
    if start > end and not is_open:
        return None
    return ValueReading(f"{start}/{end}")


# -- readings of rules, by name


def _read_days(words: _Words) -> ValueReading | None:
    """«С 3 по 5 мая 2021 г.»"""
    words.skip("sc")
    first = _ordinal(words)
    words.skip("ea-")
    last = _ordinal(words)
    month = words.take("M")
    year = _year(words)
    if month is None:
        return None
    start = _calendar_day(year, month.value, first)
    end = _calendar_day(year, month.value, last)
    return _period(start, end)


def _read_dates(words: _Words) -> ValueReading | None:
    """«С 3 мая по 5 июня 2021 г.»: a year that is not said is that of the other day."""
    words.skip("sc")
    start = _date_parts(words)
    words.skip("ea-")
    end = _date_parts(words)
    if start is None or end is None:
        return None
    start_year, *start_day = start
    end_year, *end_day = end
    if start_year is None:
        start_year = end_year
    if end_year is None:
        end_year = start_year
    return _period(
        _calendar_day(start_year, *start_day),
        _calendar_day(end_year, *end_day),
    )


def _date_parts(words: _Words) -> tuple[int | None, int, int] | None:
    whole = words.take("X")
    if whole is not None:
        year, month, day = whole.value
        words.skip("gY")
        return year, month, day
    day = _ordinal(words)
    name = words.take("M")
    if name is None:
        return None
    return _year(words), name.value, day


def _read_months(words: _Words) -> ValueReading | None:
    words.skip("sc")
    first = words.take("M")
    first_year = _year(words)
    words.skip("ea-")
    last = words.take("M")
    last_year = _year(words)
    if first is None or last is None:
        return None
    if first_year is None:
        first_year = last_year
    if last_year is None:
        last_year = first_year
    start = _year_text(first_year)
    end = _year_text(last_year)
    return _period(
        f"{start}-{first.value:02}",
        f"{end}-{last.value:02}",
    )


def _read_years(words: _Words) -> ValueReading | None:
    words.skip("sc")
    first = _year(words)
    words.skip("ea-")
    last = _year(words)
    start = _year_text(first)
    end = _year_text(last)
    return _period(start, end)


def _read_part_of_year(words: _Words) -> ValueReading | None:
    """«II квартал 2020 г.», «первое полугодие»: from its first month to its last."""
    number = _ordinal(words)
    part = words.take("qh")
    year = _year_text(_year(words))
    months = 6
    if part is not None and part.kind == "q":
        months = 3
    if not 1 <= number <= 12 // months:
        return None
    last = number * months
    first = last - months + 1
    return ValueReading(f"{year}-{first:02}/{year}-{last:02}")


def _read_century(words: _Words) -> ValueReading | None:
    """«XX век», «1990-е годы»: from the first year to the last."""
    decade = words.take("E")
    if decade is not None:
        first = int(decade.value)
        return ValueReading(f"{first}/{first + 9}")
    century = _ordinal(words)
    if not 1 <= century <= 21:
        return None
    last = century * 100
    first = last - 99
    return ValueReading(f"{first:04}/{last:04}")


def _read_date(words: _Words) -> ValueReading | None:
    if words.next_is("M"):
        month = words.take("M")
        year = _year_text(_year(words))
        if month is None:
            return None
        return ValueReading(f"{year}-{month.value:02}")
    if words.next_is("yzO"):
        year = _year_text(_year(words))
        return ValueReading(year)
    parts = _date_parts(words)
    if parts is None:
        return None
    day = _calendar_day(*parts)
    if day is None:
        return None
    return ValueReading(day)


def _read_time(words: _Words) -> ValueReading | None:
    time = words.take("T")
    if time is None:
        return None
    return ValueReading(time.value)


def _read_money(words: _Words) -> ValueReading | None:
    symbol = words.take("S")
    amount = _amount(words)
    currency = symbol or words.take("SRP")
    if amount is None or currency is None:
        return None
    if currency.kind == "P":
        amount /= 100
    words.skip("U")
    coins = words.take("dn")
    if coins is not None:
        amount += coins.value / 100
    return ValueReading(plain(amount), currency.value)


def _read_quantity(words: _Words) -> ValueReading | None:
    first = _amount(words)
    last = _amount(words) if words.take("-") else None
    unit = words.take("upg")
    if first is None or unit is None:
        return None
    name = unit.value or "g"
    if words.take("/"):
        under = words.take("u")
        name += "/"
        if under is not None:
            name += under.value
    scale = words.take("c")
    if scale is not None:
        name += scale.value
    value = plain(first)
    if last is not None:
        value += "/" + plain(last)
    return ValueReading(value, name)


def _read_number(words: _Words) -> ValueReading | None:
    number = _amount(words)
    if number is None:
        return None
    return ValueReading(plain(number))


def _read_ordinal(words: _Words) -> ValueReading | None:
    word = words.take("O")
    if word:
        return ValueReading(plain(word.value))
    number = _ordinal(words)
    return ValueReading(str(number))


_READINGS: dict[str, Callable[[_Words], ValueReading | None]] = {
    "days": _read_days,
    "dates": _read_dates,
    "months": _read_months,
    "years": _read_years,
    "part_of_year": _read_part_of_year,
    "century": _read_century,
    "date": _read_date,
    "time": _read_time,
    "money": _read_money,
    "quantity": _read_quantity,
    "number": _read_number,
    "ordinal": _read_ordinal,
}


def reading_of(
    name: str,
    words: Sequence[Kinded],
) -> ValueReading | None:
    """What words amount to by a rule's `read`; None where they are no such value, as 31 February.

    A single word that is mostly no number is none: «один», «тысяча», "12.05".
    """
    if name == "number" and len(words) == 1:
        [word] = words
        is_one = word == ("A", 1)
        if is_one or word.kind in "KF":
            return None
    read = _READINGS[name]
    return read(_Words(words))
