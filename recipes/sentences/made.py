"""Sentences that treebanks lack, made from theirs: addresses, references, initials, amounts.

A maker changes a sentence and leaves it one sentence: it adds a piece with periods inside or at the
end, shortens a word, or puts short sentences between quotation marks or brackets. What follows is
the next sentence of the corpus, so its first word is as people begin sentences.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from pipekit.tokenizers.rules import language_data
from pipekit.tokenizers.stems import FOLLOWERS

Choice = TypeVar("Choice")
FOLLOWED_BY = {name: words.split() for name, words in language_data("ru")["followed_by"].items()}
assert set(FOLLOWED_BY) == set(FOLLOWERS)
ABBREVIATIONS = {word for words in FOLLOWED_BY.values() for word in words}
STREETS = [
    "ул",
    "пер",
    "наб",
    "пл",
    "просп",
    "пр",
    "пр-т",
    "б-р",
    "бул",
    "ш",
    "туп",
    "пр-д",
    "ал",
    "мкр",
]
PLACES = ["г", "гор", "с", "сел", "д", "дер", "п", "пос", "рп", "пгт", "х", "ст", "о"]
REGIONS = ["обл", "респ", "р-н", "кр"]
HOUSES = [
    "д",
    "дом",
    "кв",
    "корп",
    "стр",
    "к",
    "лит",
    "влад",
    "под",
    "эт",
    "пом",
    "оф",
    "офис",
    "каб",
    "комн",
    "подъезд",
]
PARTS = [
    "п",
    "пп",
    "ст",
    "ч",
    "гл",
    "разд",
    "абз",
    "подп",
    "прим",
    "рис",
    "табл",
    "т",
    "стр",
    "с",
    "вып",
    "кн",
    "прил",
]
TITLES = [
    word
    for word in FOLLOWED_BY["name"]
    if word not in {*STREETS, *PLACES, *REGIONS, "оз", "р", "м"}
]
UNITS = [
    "руб",
    "тыс",
    "млн",
    "млрд",
    "шт",
    "экз",
    "чел",
    "г",
    "кг",
    "км",
    "см",
    "мм",
    "л",
    "мин",
    "сек",
    "ч",
    "га",
    "т",
    "долл",
    "коп",
    "сут",
    "лет",
    "кв.м",
    "м",
]
LEADS = [
    "Он сказал:",
    "Она ответила:",
    "Кто-то крикнул:",
    "Мать спросила:",
    "Я подумал:",
    "На двери написано:",
]
TAILS = [
    "— сказал он.",
    "— спросила она.",
    "— ответила мать.",
    "- подумала она.",
    "— крикнул кто-то.",
    "— и ушёл.",
]
THINGS = [
    "Сборник",
    "Спектакль",
    "Фильм",
    "Книга",
    "Статья",
    "Выставка",
    "Программа",
    "Песня",
    "Фирма",
    "ООО",
    "Акция",
]
PREDICATES = ["вышел", "отменён", "закрыта", "в двух томах", "нравится всем"]
CLAUSES = ["Она ответила", "Он молчал", "Всё кончилось", "Он приехал", "Дом продан"]
CLAUSE_ENDS = ["что не придёт", "и ушёл", "а потом ушла"]
LETTERS = "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЭЮЯ"
LATIN = "ABCDEFGHIKLMNPRSTUVXYZ"
LETTERED = [
    "вариант",
    "точка",
    "пункт",
    "корпус",
    "подъезд",
    "группа",
    "класс",
    "витамин",
    "план",
    "сектор",
    "тип",
    "раздел",
    "ряд",
    "буква",
]
CONSONANTS = "бвгджзклмнпрстфхцчшщ"
MID = re.compile(r"(?<=[а-яё]) (?=[а-яё])")
BEFORE_NAME = re.compile(r"(?<= )([а-яё]{5,}) (?=[А-ЯЁ][а-яё])")
BEFORE_NUMBER = re.compile(r"(?<= )([а-яё]{5,}) (?=\d)")


class Pools(NamedTuple):
    """Words to make pieces of.

    Attributes:
        short_nouns: nouns of at most four letters.
        twins: nouns that are spelled like an abbreviation, such as «рис».
    """

    last_names: list[str]
    first_names: list[str]
    cities: list[str]
    nouns: list[str]
    short_nouns: list[str]
    twins: list[str]


def of(choices: Sequence[Choice]) -> Choice:
    """One of the choices."""
    return random.choice(choices)


def number() -> str:
    return str(random.choice([random.randint(1, 20), random.randint(1, 400)]))


def spaced(piece: str) -> str:
    """The piece; now and then without the spaces behind its periods."""
    return piece.replace(". ", ".") if random.random() < 0.1 else piece


def initials() -> str:
    count = random.choice([1, 2, 2, 2])
    return of([". ", "."]).join(random.choices(LETTERS, k=count)) + "."


def person(pools: Pools) -> str:
    """A last name with initials on either side, or with a title."""
    name = of(pools.last_names)
    return of(
        [
            f"{initials()} {name}",
            f"{name} {initials()}",
            f"{of(TITLES)}. {name}",
            f"{of(TITLES)}. {initials()} {name}",
            f"{of(pools.first_names)} {name}",
        ]
    )


def street(pools: Pools) -> str:
    name = of([of(pools.last_names), of(pools.last_names), of(pools.nouns).capitalize()])
    before = f"{of(STREETS)}. {name}"
    after = f"{name} {of(STREETS)}."
    return of([before, before, before, after])


def address(pools: Pools) -> str:
    pieces = []
    if random.random() < 0.3:
        pieces.append(f"{of(pools.cities)} {of(REGIONS)}.")
    if random.random() < 0.6:
        city = of(pools.cities)
        pieces.append(of([city, f"{of(PLACES)}. {city}", f"{of(PLACES)}.{city}"]))
    pieces.append(street(pools))
    houses = random.sample(HOUSES, random.randint(0, 4))
    if not houses:
        pieces.append(number())
    for house in houses:
        value = of([number(), number(), number(), of(LETTERS), number() + of("абв")])
        pieces.append(f"{house}. {value}")
    return ", ".join(pieces)


def reference(pools: Pools) -> str:
    count = random.randint(1, 3)
    pieces = [
        f"{of(PARTS)}. {of([number(), number(), f'{number()}, {number()}'])}" for _ in range(count)
    ]
    law = of(["", " ГК РФ", " УК РФ", " Закона", " Договора", " НК РФ", " Конституции"])
    return of([" ", ", ", " и "]).join(pieces) + law


def amount(pools: Pools) -> str:
    count = of([number(), number(), f"{random.randint(1, 99)},{random.randint(1, 99)}", "1924"])
    return f"{count} {of(UNITS)}."


def date(pools: Pools) -> str:
    return of(
        [
            f"в {random.randint(1700, 2030)} г.",
            f"в {random.randint(1, 29)} в.",
            f"в {random.randint(1900, 2030)}–{random.randint(1900, 2030)} гг.",
            f"в {of(['V', 'II', 'X', 'III', 'I'])} в. до н. э.",
            f"в {random.randint(1700, 2030)}-е гг.",
        ]
    )


def ending(pools: Pools) -> str:
    """A piece with a period of its own that ends a sentence."""
    return of(
        [
            f", {amount(pools)}",
            f" — {amount(pools)}",
            f" {amount(pools)}",
            f" {date(pools)}",
            " и т. д.",
            " и т.п.",
            " и др.",
            " и пр.",
            f", {of(pools.last_names)} {initials()}",
        ]
    )


def last_piece(pools: Pools) -> str:
    """A piece behind which a sentence ends with a period."""
    letter = of([of(LETTERS), of(LETTERS), of(LATIN)])
    decimal = f"{random.randint(0, 40)}.{random.randint(0, 99)}"
    return of(
        [
            f", {address(pools)}",
            f" ({reference(pools)})",
            f" {of(LETTERED)} {letter}",
            f" {letter}",
            f", {person(pools)}",
            f" {decimal}",
            f", версия {decimal}",
            f" {random.randint(0, 23)}:{random.randint(10, 59)}",
            f" {random.randint(1900, 2030)}",
            f" и {of(pools.short_nouns)}",
            f" {of(pools.short_nouns)}",
            f" {of(pools.twins)}",
            f" и {of(pools.twins)}",
            f" {number()} {of(pools.twins)}",
            f" на {street(pools)}",
            f" с {of(FOLLOWED_BY['word'])}. {of(pools.last_names)}",
        ]
    )


def inner_piece(pools: Pools) -> str:
    """A piece within a sentence."""
    return of(
        [
            f"({reference(pools)})",
            f"согласно {reference(pools)}",
            f"по адресу: {address(pools)},",
            f"на {street(pools)}",
            f"с {of(FOLLOWED_BY['word'])}. {of(pools.last_names)}",
            f"({of(FOLLOWED_BY['word'])}. {of(pools.nouns)})",
            amount(pools),
            date(pools),
            person(pools),
            f"{of(TITLES)}. {of(pools.last_names)}",
            f"{of(TITLES)}. {of(pools.last_names)}",
            f"«{of(pools.nouns).capitalize()}. {of(pools.nouns).capitalize()}»",
        ]
    )


def with_ending(sentence: str, pools: Pools) -> str:
    return sentence.rstrip(".!?… ") + ending(pools)


def with_last(sentence: str, pools: Pools) -> str:
    piece = spaced(last_piece(pools))
    return sentence.rstrip(".!?… ") + piece.removesuffix(".") + "."


def with_inner(sentence: str, pools: Pools) -> str:
    gaps = [match.start() for match in MID.finditer(sentence)]
    if not gaps:
        return sentence
    gap = random.choice(gaps)
    return f"{sentence[:gap]} {spaced(inner_piece(pools))}{sentence[gap:]}"


def shortened(sentence: str, pools: Pools) -> str:
    """A word before a name or a number, cut behind a consonant."""
    matches = [*BEFORE_NAME.finditer(sentence), *BEFORE_NUMBER.finditer(sentence)]
    if not matches:
        return with_inner(sentence, pools)
    match = random.choice(matches)
    word = match[1]
    ends = [end for end in range(1, min(7, len(word))) if word[end - 1] in CONSONANTS]
    if not ends:
        return with_inner(sentence, pools)
    end = match.start() + random.choice(ends)
    return sentence[:end] + "." + sentence[match.end() - 1 :]


def in_language(pools: Pools) -> str:
    """A word with the abbreviation of its language, or the like."""
    noun = of(pools.nouns)
    return f"{of(FOLLOWED_BY['word'])}. {of([noun, noun.capitalize()])}"


def standing_alone(sentence: str, pools: Pools) -> str:
    """A short sentence made of a piece."""
    noun = of(pools.nouns).capitalize()
    return of(
        [
            f"{noun} {of(LETTERS)}.",
            f"{noun} {of(LATIN)}.",
            f"{noun} {random.randint(1, 40)}.{random.randint(0, 99)}.",
            f"{noun} {random.randint(1, 9)}.{random.randint(0, 9)}.",
            f"{noun} {random.randint(1, 9)}.{random.randint(0, 9)}.",
            f"{noun} {random.randint(10, 99)}.{random.randint(0, 9)}.",
            f"{noun} {of(pools.twins)}.",
            f"{noun} — {of(pools.twins)}.",
            f"{of(pools.last_names)} {initials()}",
            f"{noun} — {amount(pools)}",
            f"{noun} {amount(pools)}",
            f"{noun} {of(pools.last_names)} {initials()}",
            f"{noun}: {address(pools)}.",
            f"{of(TITLES).capitalize()}. {of(pools.last_names)} {of(pools.short_nouns)}.",
            f"См. {reference(pools)}.",
            f"Ср. {in_language(pools)} и {in_language(pools)}.",
        ]
    )


MAKERS: list[Callable[[str, Pools], str]] = [
    with_ending,
    with_ending,
    with_last,
    with_last,
    with_last,
    with_inner,
    with_inner,
    shortened,
    shortened,
    standing_alone,
]


def made(sentence: str, pools: Pools) -> str:
    """The sentence, changed by one of the makers."""
    return random.choice(MAKERS)(sentence, pools)


def enclosed(sentences: list[str]) -> str:
    """Short sentences between quotation marks or brackets, as one sentence."""
    inner = " ".join(sentences)
    left, right = of(["«»", "«»", "«»", '""', "“”", "„“"])
    bare = inner.rstrip(".") if inner.endswith(".") else inner
    name = bare.rstrip("!?…")
    return of(
        [
            f"{left}{bare}{right} {of(TAILS)}",
            f"{left}{bare}{right} {of(TAILS)}",
            f"{of(LEADS)} {left}{inner}{right}" + of(["", "."]) * inner.endswith("."),
            f"{of(LEADS)} {left}{bare}{right}" + ("." if bare[-1] not in "!?…" else ""),
            f"{left}{bare}{right}, {of(TAILS)}",
            f"{of(THINGS)} {left}{name}{right} {of(PREDICATES)}.",
            f"{of(CLAUSES)} ({inner}), {of(CLAUSE_ENDS)}.",
            f"{of(CLAUSES)} ({bare}).",
        ]
    )
