"""Values in texts: what is found, what it amounts to, and how long it takes.

Modules: components.values.contacts, components.values.grammar, components.values.kinds,
    components.values.readings, components.values.values
"""

from __future__ import annotations

import datetime
import time
from decimal import Decimal
from typing import Any

import pytest
from helpers.places import TESTS
from hypothesis import given, settings
from hypothesis import strategies as st

import pipekit
from pipekit import Batch, Doc, Pipeline
from pipekit.components.values.contacts import CHECKS
from pipekit.components.values.values import ValueFinder
from pipekit.errors import ConfigError

CASES = (TESTS / "cases" / "values_ru.txt").read_text(encoding="utf-8").splitlines()
MONTHS = "января февраля марта апреля мая июня июля августа сентября октября ноября декабря"
Found = list[tuple[str, str | None, str | None, Any]]


@pytest.fixture(scope="module")
def nlp() -> Pipeline:
    nlp = pipekit.blank("ru")
    nlp.add_pipe("values")
    return nlp


def values(doc: Doc) -> Found:
    return [(v.text, v.label, v.value, v.get("unit")) for v in doc.spans["values"]]


@pytest.mark.parametrize("line", [line for line in CASES if not line.startswith("#")])
def test_a_case_is_read_as_people_read_it(line: str, nlp: Pipeline) -> None:
    text, *rows = line.split("\t")
    expected: Found = []
    for row in rows:
        words, _, value = row.partition(" = ")
        label, number, *unit = value.split(" ")
        expected.append((words, label, number, unit[0] if unit else None))
    assert values(nlp(text)) == expected


def first(nlp: Pipeline, text: str) -> tuple[str, str | None, str | None, Any]:
    found = values(nlp(text))
    assert found, text
    return found[0]


@given(st.dates(datetime.date(1700, 1, 1), datetime.date(2100, 12, 31)))
@settings(max_examples=25, deadline=None)
def test_every_day_is_read_however_it_is_written(nlp: Pipeline, day: datetime.date) -> None:
    month = MONTHS.split()[day.month - 1]
    written = [
        f"{day.day}.{day.month:02}.{day.year}",
        day.isoformat(),
        f"{day.day} {month} {day.year} года",
        f"{day.day}-го {month} {day.year} г.",
    ]
    for text, doc in zip(written, nlp.pipe(written), strict=True):
        assert values(doc)[0][1:3] == ("DATE", day.isoformat()), text


@given(st.decimals(0, 10**9, places=2, allow_nan=False), st.sampled_from(["", "тыс. ", "млн "]))
@settings(max_examples=25, deadline=None)
def test_every_sum_is_read_however_it_is_grouped(nlp: Pipeline, amount: Decimal, word: str) -> None:
    factor = {"": 1, "тыс. ": 10**3, "млн ": 10**6}[word]
    whole = f"{int(amount):,}".replace(",", " ")
    for text, value in ((whole, int(amount)), (str(amount).replace(".", ","), amount)):
        _, label, number, unit = first(nlp, f"{text} {word}руб.")
        assert (label, unit) == ("MONEY", "RUB")
        assert Decimal(number or "x") == value * factor


@given(st.sampled_from(["INN", "OGRN", "SNILS", "CARD"]), st.integers(0, 10**16 - 1))
@settings(max_examples=60, deadline=None)
def test_check_digits_notice_each_wrong_digit(label: str, number: int) -> None:
    """All of these schemes notice most changes of one digit; Luhn's notices all."""
    size = {"INN": 10, "OGRN": 13, "SNILS": 11, "CARD": 16}[label]
    digits = [int(digit) for digit in f"{number:016}"[:size]]
    check = CHECKS[label]
    if label == "CARD" and check(digits):
        for place in range(size):
            changed = [*digits]
            changed[place] = (changed[place] + 1) % 10
            assert not check(changed)
    if label != "CARD":  # the length is the one of a card, by the expression
        assert not check(digits[:-1])


def test_numbers_with_wrong_check_digits_are_plain_numbers(nlp: Pipeline) -> None:
    assert values(nlp("ИНН 7707083894")) == [("7707083894", "NUMBER", "7707083894", None)]


def test_values_go_through_files_batches_and_parts(nlp: Pipeline) -> None:
    texts = ["", " ", "300 р.", "Да.", "С 3 по 5 мая. " * 30, "\n\n5 кг 👍🏻 $", "1" * 300]
    expected = [values(doc) for doc in nlp.pipe(texts)]
    assert [values(nlp(text)) for text in texts] == expected
    again = pipekit.from_bytes(nlp.to_bytes())
    assert [values(doc) for doc in again.pipe(texts)] == expected
    restored = Doc.from_bytes(nlp("5 кг").to_bytes())
    assert restored.spans["values"][0].value == "5"
    assert [doc.spans["values"] == () for doc in nlp.pipe(["", "Да."])] == [True, True]


def test_labels_and_layer_are_settings() -> None:
    nlp = pipekit.blank("ru")
    nlp.add_pipe("values", labels=["MONEY"], layer="sums")
    doc = nlp("12 мая отдал 300 р.")
    assert [span.label for span in doc.spans["sums"]] == ["MONEY"]
    with pytest.raises(ConfigError, match="no values are known for the language 'xx'"):
        nlp.add_pipe("values", name="other", lang="xx")


@given(st.text("0123456789 .,:-+()тмлнсга₽$%/", max_size=60))
@settings(max_examples=50, deadline=None)
def test_values_of_any_text_lie_in_it_and_do_not_overlap(nlp: Pipeline, text: str) -> None:
    doc = nlp(text)
    last = 0
    for span in doc.spans["values"]:
        assert last <= span.start < span.end
        assert span.label and span.value is not None
        last = span.end


@pytest.mark.parametrize("unit", ["100 ", "тысяча ", "1-", "с 3 ", "+7(", "пять тысяч "])
def test_time_grows_with_the_text(unit: str) -> None:
    """Texts that are made to be tried again and again at each word."""
    component = ValueFinder()
    tokenizer = pipekit.blank("ru")
    seconds = []
    for size in (250, 4_000):
        batch = Batch(tokenizer.tokenize([unit * size]))
        begin = time.process_time()
        component(batch)
        seconds.append(time.process_time() - begin)
    assert seconds[1] < 16 * 6 * max(seconds[0], 0.02)
