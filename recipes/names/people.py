"""Made-up people, whose names are inflected as pipekit reads names: by the same paradigms."""

from __future__ import annotations

import random
import re
import tomllib
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from registers import rows

from pipekit.words.person_names import CASES, MAN, WOMAN

DATA = Path(__file__).resolve().parents[2] / "pipekit" / "words" / "data"
GENDERS = {MAN: "m", WOMAN: "f"}
RAREST = {"names": 40, "midnames": 10, "surnames": 12}
FREQUENT = 0.5  # the share of people whose names are drawn by how frequent they are
INITIALS = "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЭЮЯ"
COMMON = "ЕИОУЫ"  # letters of few first names
UNINFLECTED = re.compile("(?:[иоуэюе]|[ыи]х|ко)$")
ORDERS = {
    "full": ["{l} {f} {p}"] * 3 + ["{f} {p} {l}"] * 2,
    "short": ["{f} {l}"] * 3 + ["{l} {f}", "{f} {p}", "{f} {p}"],
    "initials": [
        "{l} {i}. {j}.",
        "{l} {i}. {j}.",
        "{l} {i}.{j}.",
        "{l} {i}.",
        "{i}. {j}. {l}",
        "{i}.{j}. {l}",
        "{i}.{j}.{l}",
        "{i}. {l}",
        "{l} {i}{j}",
    ],
    "single": ["{l}", "{l}", "{f}"],
}


class Paradigm(NamedTuple):
    """How names are inflected; see ``ru.paradigms.toml``."""

    stem: re.Pattern[str]
    endings: list[str]
    weight: float


@cache
def paradigms(
    role: str,
    gender: str,
) -> list[Paradigm]:
    """The paradigms of a role ("f", "p", "l") and a gender, the likeliest first."""
    data = tomllib.loads((DATA / "ru.paradigms.toml").read_text(encoding="utf-8"))
    rows = [
        Paradigm(re.compile(stem), [ending.split("|")[0] for ending in endings.split(" ")], weight)
        for roles, its_gender, stem, endings, weight in data["paradigms"]
        if its_gender == gender and role in roles
    ]
    return sorted(rows, key=lambda paradigm: -paradigm.weight)


def inflected(
    name: str,
    role: str,
    gender: str,
    case: str,
) -> str:
    """A name in a case; names without a paradigm stay as they are."""
    if role == "l" and UNINFLECTED.search(name):
        return name
    column = CASES.index(case)
    for paradigm in paradigms(role, gender):
        nominative, ending = paradigm.endings[0], paradigm.endings[column]
        stem = name.removesuffix(nominative)
        if name.endswith(nominative) and paradigm.stem.search(stem):
            return without_vowel(name, stem, ending) + ending
    return name


def without_vowel(
    name: str,
    stem: str,
    ending: str,
) -> str:
    """The stem of the other cases: Лев and Льва, Павел and Павла, Заяц and Зайца."""
    irregular = {"Лев": "Льв", "Павел": "Павл", "Пётр": "Петр"}
    if not ending or name == stem + ending:
        return stem
    if name in irregular:
        return irregular[name]
    if re.search("[бвгджзклмнпрстфхцчшщ]ец$", stem):
        return stem[:-2] + stem[-1]
    if re.search("[аеиоуыэюя][её]ц$|аяц$", stem):
        return stem[:-2] + "й" + stem[-1]
    return stem


class Person(NamedTuple):
    """A person; all names are nominatives."""

    first: str
    middle: str
    last: str
    gender: str

    def written(
        self,
        order: str,
        case: str,
    ) -> str:
        """The names in a case and an order: {f} first, {p} patronymic, {l} last, {i} initials."""
        return order.format(
            f=inflected(self.first, "f", self.gender, case),
            p=inflected(self.middle, "p", self.gender, case),
            l=inflected(self.last, "l", self.gender, case),
            i=self.first[0],
            j=self.middle[0],
        )


class Pool(NamedTuple):
    """Names, and the sum of the counts of each and those before it."""

    names: list[str]
    sums: list[int]

    def draw(self) -> str:
        """A name, by its frequency or not."""
        if random.random() < FREQUENT:
            return random.choices(self.names, cum_weights=self.sums)[0]
        return random.choice(self.names)


@cache
def pool(
    table: str,
    gender: str,
) -> Pool:
    """The names of a table that people of a gender have."""
    counts: dict[str, int] = {}
    for row in rows(table, RAREST[table]):
        if row["gender"] == GENDERS[gender] or (table == "surnames" and row["gender"] == "u"):
            counts[row["text"]] = row["count"]
    return Pool(list(counts), list(accumulate(counts.values())))


def person(gender: str = "") -> Person:
    """Somebody."""
    gender = gender or random.choice([MAN, WOMAN])
    last = pool("surnames", gender).draw()
    if random.random() < 0.03:
        last += "-" + pool("surnames", gender).draw()
    return Person(
        first=pool("names", gender).draw(),
        middle=pool("midnames", gender).draw(),
        last=last,
        gender=gender,
    )


def order() -> str:
    """An order of the names of somebody."""
    kind = random.choices(list(ORDERS), [4, 3, 4, 1])[0]
    return random.choice(ORDERS[kind])
