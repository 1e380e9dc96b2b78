"""The normal form of a person's name: «Наталье Петровне» is «Наталья Петровна».

The words of a name agree in gender and case. Each gender and case is tried on the whole name:

    Наталье Петровне
    woman, dative     Наталья 3.0   Петровна 4.0      the sum is highest: Наталья Петровна
    man, locative     Наталий 0.0   -

A word is read as a first name, a patronymic or a last name, by its endings
(``data/ru.paradigms.toml``), a list of first names, and a list of last names whose endings do not
show them (Ким, Толстой, Заяц). What the tagger tells of case and gender counts as well; it decides
where the name alone is ambiguous: «Петрова» is a woman, or a man in the genitive.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from importlib import resources
from itertools import product, zip_longest
from typing import Any, NamedTuple

from pipekit.words.chars import fold

MAN = "Masc"
WOMAN = "Fem"
CASES = ("Nom", "Gen", "Dat", "Acc", "Ins", "Loc")
SUREST = 0.6  # below this share of the evidence, a normal form is a guess


class PersonName(NamedTuple):
    """The normal form of a name.

    Attributes:
        words: the words in the nominative.
        gender: "Masc" or "Fem".
        case: of the name in the text, as in Universal Dependencies.
        score: the share of the evidence that speaks for these words, from 0 to 1.
    """

    words: tuple[str, ...]
    gender: str
    case: str
    score: float


class _Paradigm(NamedTuple):
    """How names are inflected.

    Attributes:
        roles: what part of a name it may be, see ``data/ru.paradigms.toml``.
        stem: what stands before the endings.
        endings: in the order of `CASES`, with | between two of one case.
        weight: the log-odds of a name that is inflected so.
    """

    roles: str
    stem: re.Pattern[str]
    endings: list[str]
    weight: float


class _Candidate(NamedTuple):
    """What speaks for a nominative of a whole name: a gender and case, and its log-odds."""

    weight: float
    gender: str
    case: str


class _Reading(NamedTuple):
    """A word as a part of a name: its nominative, and how likely that is."""

    nominative: str
    weight: float
    is_last: bool = False  # whether it can be a last name only


_UNLISTED = -1.5  # a first name that is not in the list
_LISTED = 2.0
_NO_VOWEL = -3.0  # a stem without a vowel, or with one before the last consonants dropped
_CASE_AGREES = 1.2  # with the tagger, each word
_GENDER_AGREES = 0.4
_NOMINATIVE = 0.3
_LAST_NAME_FIRST = -1.0  # before one other name
_OF_GENDER = {"оглы": MAN, "кызы": WOMAN}  # behind the name of the father, which stays as it is
_UNCHANGED = re.compile(r"[А-ЯЁA-Z]\.?|[А-ЯЁ]\.-?[А-ЯЁ]\.|[а-яё]{2,4}")  # И., И.О., фон, оглы
_NAME = re.compile(r"[А-ЯЁ][а-яё]+(?:-[А-ЯЁ][а-яё]+)*|[А-ЯЁ]{2,}")
_VOWEL = re.compile("[аеёиоуыэюя]")


def _data(name: str) -> dict[str, Any]:
    file = resources.files("pipekit.words") / "data" / f"ru.{name}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


@cache
def _paradigms(gender: str) -> list[_Paradigm]:
    """The paradigms of a gender."""
    paradigms = []
    for roles, its_gender, stem, endings, weight in _data("paradigms")["paradigms"]:
        if its_gender == gender:
            pattern = re.compile(stem)
            paradigms.append(_Paradigm(roles, pattern, endings.split(" "), weight))
    return paradigms


@cache
def _irregular() -> dict[str, str]:
    """The stems of the oblique cases of some names, by their nominatives."""
    stems: dict[str, str] = _data("paradigms")["irregular"]
    return stems


@cache
def _lists() -> dict[str, dict[str, float]]:
    """Names with their weights: "men" and "women" (first names), "last_names"."""
    lists = _data("names")
    return {name: _weights_by_rank(names.split()) for name, names in lists.items()}


def _weights_by_rank(names: Sequence[str]) -> dict[str, float]:
    """The log-odds of names, the most frequent ones first (Zipf's law)."""
    most = math.log(len(names) + 1)
    return {name: _LISTED + 1 - math.log(rank) / most for rank, name in enumerate(names, 1)}


def person_name(
    texts: Sequence[str],
    cases: Sequence[str | None],
    genders: Sequence[str | None],
) -> PersonName | None:
    """The normal form of a person's name; None where a word is none of a Russian name.

    Args:
        texts: the words as they are in the text. Initials stay as they are.
        cases, genders: what a tagger says of each word.
    """
    if not texts or not all(map(_is_name, texts)):
        return None
    candidates: dict[tuple[str, ...], list[_Candidate]] = {}
    for gender, case in product((MAN, WOMAN), CASES):
        readings = _agreeing(texts, gender, case)
        if readings is None:
            continue
        weight = sum(reading.weight for reading in readings)
        weight += _CASE_AGREES * cases.count(case)
        weight += _GENDER_AGREES * genders.count(gender)
        if case == "Nom":
            weight += _NOMINATIVE
        words = tuple(reading.nominative for reading in readings)
        candidate = _Candidate(weight, gender, case)
        candidates.setdefault(words, []).append(candidate)
    if not candidates:
        return None
    odds = {words: _odds(readings) for words, readings in candidates.items()}
    likeliest = max(odds, key=odds.__getitem__)
    best = max(candidates[likeliest])
    score = odds[likeliest] / sum(odds.values())
    return PersonName(likeliest, best.gender, best.case, score)


def _is_name(text: str) -> bool:
    """Whether a word may be a part of a Russian name: initials, a name, or a particle."""
    return bool(_UNCHANGED.fullmatch(text) or _NAME.fullmatch(text))


def _odds(candidates: Sequence[_Candidate]) -> float:
    return sum(math.exp(candidate.weight) for candidate in candidates)


def _agreeing(
    texts: Sequence[str],
    gender: str,
    case: str,
) -> list[_Reading] | None:
    """The likeliest reading of each word; None where a word has none in this gender and case."""
    readings = []
    for text, following in zip_longest(texts, texts[1:], fillvalue=""):
        reading: _Reading | None = _Reading(text, 0.0)
        if following not in _OF_GENDER:
            reading = _best_reading(text, gender, case)
        if reading is None or _OF_GENDER.get(text, gender) != gender:
            return None
        readings.append(reading)
    full_words = [text for text in texts if not _UNCHANGED.fullmatch(text)]
    first = readings[0]
    if len(full_words) == 2 and first.is_last:
        weight = first.weight + _LAST_NAME_FIRST
        readings[0] = first._replace(weight=weight)
    return readings


@lru_cache(maxsize=50_000)
def _best_reading(
    text: str,
    gender: str,
    case: str,
) -> _Reading | None:
    """The likeliest reading of a word in a gender and case; None where it has none."""
    if _UNCHANGED.fullmatch(text):
        return _Reading(text, 0.0)
    best = []
    for part in text.split("-"):
        readings = _readings(part, gender, case)
        reading = max(readings, key=_weight_of, default=None)
        if reading is None:
            return None
        best.append(reading)
    weight = sum(reading.weight for reading in best)
    return _Reading(
        nominative="-".join(reading.nominative for reading in best),
        weight=weight / len(best),
        is_last=all(reading.is_last for reading in best),
    )


def _weight_of(reading: _Reading) -> float:
    return reading.weight


def _readings(
    text: str,
    gender: str,
    case: str,
) -> Iterator[_Reading]:
    """All readings of a word without hyphens, in a gender and case."""
    word = fold(text)
    column = CASES.index(case)
    for paradigm in _paradigms(gender):
        nominative_ending = paradigm.endings[0]
        for ending in paradigm.endings[column].split("|"):
            if not word.endswith(ending):
                continue
            stem = word.removesuffix(ending)
            for nominative_stem, penalty in _stems(stem, nominative_ending, ending):
                if not paradigm.stem.search(nominative_stem):
                    continue
                nominative = nominative_stem + nominative_ending
                weight = paradigm.weight + penalty
                weight += _weight_of_role(nominative, paradigm.roles, gender)
                is_last = paradigm.roles == "l"
                yield _Reading(_spelled(nominative, text), weight, is_last)


def _stems(
    stem: str,
    nominative_ending: str,
    ending: str,
) -> Iterator[tuple[str, float]]:
    """Stems of the nominative for a stem of another case, each with a penalty."""
    penalty = 0.0 if _VOWEL.search(stem) else _NO_VOWEL
    yield stem, penalty
    if not ending:
        return
    for nominative, oblique in _irregular().items():
        if stem == oblique and nominative.endswith(nominative_ending):
            yield nominative.removesuffix(nominative_ending), 1.0
    for nominative in _with_vowel(stem):
        if nominative + nominative_ending in _lists()["last_names"]:
            yield nominative, 0.5


def _with_vowel(stem: str) -> Iterator[str]:
    """The stem with the vowel that it may have lost: зайц and заяц, лучонк and лучонок."""
    head = stem[:-1]
    last = stem[-1:]
    for vowel in "оея":
        yield head + vowel + last
        if head.endswith(("й", "ь")):
            yield head[:-1] + vowel + last
    if stem.endswith("ь"):  # воробья, воробей
        yield head + "е"


def _weight_of_role(
    nominative: str,
    roles: str,
    gender: str,
) -> float:
    """What the lists say of a nominative in its likeliest role."""
    lists = _lists()
    first_names = lists["men" if gender == MAN else "women"]
    last_names = lists["last_names"]
    if nominative in first_names and "f" in roles:
        return first_names[nominative]
    if nominative in last_names and "l" in roles:
        return last_names[nominative]
    if roles == "f":
        return _UNLISTED
    return 0.0


def _spelled(
    form: str,
    text: str,
) -> str:
    """The form with the capitals of the text, and with its ё."""
    if text.isupper():
        return form.upper()
    letters = list(form)
    for place, (letter, old_letter) in enumerate(zip(form, text, strict=False)):
        if fold(old_letter) == letter:
            letters[place] = old_letter
    return "".join(letters)
