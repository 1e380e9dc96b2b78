"""Clauses of made.toml with words in their places, in the forms that agree."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pymorphy3

DATA = tomllib.loads(Path(__file__).with_name("made.toml").read_text(encoding="utf-8"))
CHOICE = re.compile(r"\(([^()]*)\)")
PLACE = re.compile(r"([-+0]?)\{(\w+)(?:\.(\w+))?\}")
MARKED = re.compile(r"([~^=])((?:(?:не|ни разу не|и) )?)([а-яё-]+)")
LOOSE_MARK = re.compile(r"[~^=](?![а-яё])")
VERBS = ("VERB", "PRTS")
ADJECTIVES = ("ADJF", "ADJS", "PRTF")
morph = pymorphy3.MorphAnalyzer(lang="ru")


class Noun(NamedTuple):
    """A noun of a list and what agrees with it."""

    word: str
    number: str
    gender: str

    @property
    def grammemes(self) -> set[str]:
        return {"plur"} if self.number == "plur" else {"sing", self.gender}


class Name(NamedTuple):
    """A name in a text: where it stands, and the sign of what is felt toward it."""

    start: int
    end: int
    sign: str


@cache
def parse(word: str, kinds: tuple[str, ...]) -> Any:
    """The first analysis of a word with one of the parts of speech, or the first of all."""
    analyses = morph.parse(word)
    fitting = [analysis for analysis in analyses if analysis.tag.POS in kinds]
    return (fitting or analyses)[0]


def inflected(analysis: Any, grammemes: set[str], word: str) -> str:
    form = analysis.inflect(grammemes)
    text = form.word if form else word
    return text.capitalize() if word[0].isupper() else text


def adjective(word: str, grammemes: set[str]) -> str:
    """A form of an adjective, no superlative, no form for animate nouns alone."""
    analysis = parse(word, ("ADJF", "PRTF"))
    for form in analysis.lexeme:
        own = set(form.tag.grammemes)
        is_right = grammemes <= own and form.tag.POS == analysis.tag.POS
        if is_right and own.isdisjoint({"Supr", "anim"}):
            return str(form.word)
    return word


@cache
def noun(word: str) -> Noun:
    """A noun in the nominative, as its list has it."""
    for analysis in morph.parse(word):
        tag = analysis.tag
        if tag.POS == "NOUN" and tag.case == "nomn":
            return Noun(word, tag.number, tag.gender or "masc")
    return Noun(word, "sing", "masc")


def in_case(word: str, case: str) -> str:
    kind = noun(word)
    for analysis in morph.parse(word):
        tag = analysis.tag
        if tag.POS == "NOUN" and tag.case == "nomn" and tag.number == kind.number:
            number = set() if case == "plur" else {kind.number}
            return inflected(analysis, {case} | number, word)
    return word


def agreed(word: str, grammemes: set[str], kinds: tuple[str, ...]) -> str:
    """A verb, a short form or an adjective in the nominative that agrees; others as they are."""
    analysis = parse(word, kinds)
    tag = analysis.tag
    if tag.POS in ("ADJF", "PRTF") and tag.POS in kinds:
        return adjective(word, grammemes | {"nomn"})
    if tag.POS == "VERB" and tag.tense != "past":
        grammemes = grammemes & {"sing", "plur"} | {"3per"}
    if tag.POS in kinds:
        return inflected(analysis, grammemes, word)
    return word


def listed(section: Mapping[str, str]) -> dict[str, list[str]]:
    return {name: words.split() for name, words in section.items()}


class Lists:
    """The lists of made.toml."""

    def __init__(self) -> None:
        self.adjectives = listed(DATA["adjectives"])
        self.nouns = listed(DATA["nouns"]) | listed(DATA["names"])
        self.others = listed(DATA["words"])

    def words(self, name: str) -> list[str]:
        for group in (self.adjectives, self.nouns, self.others):
            if name in group:
                return group[name]
        raise KeyError(f"made.toml has no list {name!r}")

    def choice(self, name: str, chance: random.Random) -> str:
        return chance.choice(self.words(name))


LISTS = Lists()


def chosen(clause: str, chance: random.Random) -> str:
    """A clause with one of the words of each choice; ~ before a choice is for verbs, as =."""
    while match := CHOICE.search(clause):
        option = chance.choice(match[1].split("|"))
        before = clause[: match.start()]
        if before.endswith("~"):
            before = f"{before[:-1]}="
        clause = before + option + clause[match.end() :]
    clause = LOOSE_MARK.sub("", clause)
    return " ".join(clause.split()).replace(" ,", ",")


def composed(clause: str, chance: random.Random) -> tuple[str, list[Name]]:
    """A clause with words in all places, and the names that have a sign."""
    clause = chosen(clause, chance)
    places = list(PLACE.finditer(clause))
    words = [LISTS.choice(place[2], chance) for place in places]
    nouns = [
        noun(word)
        for place, word in zip(places, words, strict=True)
        if place[2] in LISTS.nouns and not (place[3] and place[1] == "" and len(places) > 1)
    ]
    grammemes = nouns[0].grammemes if nouns else {"sing", "masc"}
    speaker = {"sing", chance.choice(["masc", "femn"])}

    def marked(match: re.Match[str]) -> str:
        like = speaker if match[1] == "^" else grammemes
        kinds = VERBS if match[1] == "=" else (*VERBS, *ADJECTIVES)
        return match[2] + agreed(match[3], like, kinds)

    parts: list[str] = []
    names: list[Name] = []
    end = 0
    for place, word in zip(places, words, strict=True):
        parts.append(MARKED.sub(marked, clause[end : place.start()]))
        case = place[3] or "nomn"
        if place[2] in LISTS.adjectives:
            word = adjective(word, grammemes | {case})
        elif place[2] in LISTS.nouns and case != "nomn":
            word = in_case(word, case)
        if place[1]:
            start = sum(map(len, parts))
            names.append(Name(start, start + len(word), place[1]))
        parts.append(word)
        end = place.end()
    parts.append(MARKED.sub(marked, clause[end:]))
    return "".join(parts), names
