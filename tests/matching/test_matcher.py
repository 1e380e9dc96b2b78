"""The token matcher: its language, what it finds beside spaCy's Matcher, and what it refuses.

Modules: matching.automaton, matching.conditions, matching.matcher, matching.patterns,
    matching.regexes, matching.sources, matching.word_views
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipekit import Doc
from pipekit.errors import ConfigError, DocError
from pipekit.matching import Matcher

WORDS = ["кот", "Кот", "дом", "5", "1917", ",", "Cat", "a"]
POS = ["NOUN", "VERB", "PUNCT"]
MORPHS = ["", "Case=Nom", "Case=Nom|Number=Sing", "Number=Plur"]
LEMMAS = ["кот", "дом", "cat"]
Row = tuple[str, str, str, str]

rows = st.tuples(*map(st.sampled_from, (WORDS, POS, MORPHS, LEMMAS)))
texts = st.lists(rows, max_size=9)
strings = st.lists(st.sampled_from(["кот", "дом", "cat", "a", "5"]), max_size=3)
features = st.lists(st.sampled_from(["Case=Nom", "Number=Sing", "Number=Plur"]), max_size=2)
expressions = st.sampled_from(["^к", "о", r"^\d+$", r"^[\w]{3}$", "т$"])


def of(key: str, values: Any) -> Any:
    return values.map(lambda value: (key, value))


def one_of_lists(values: Any) -> Any:
    return st.one_of(of("IN", values), of("NOT_IN", values)).map(lambda pair: dict([pair]))


CONDITIONS = st.one_of(
    of("TEXT", st.sampled_from(WORDS)),
    of("LOWER", st.sampled_from(["кот", "дом", "cat"])),
    of("LOWER", one_of_lists(strings)),
    of("TEXT", expressions.map(lambda regex: {"REGEX": regex})),
    of("LOWER", one_of_lists(st.lists(expressions, min_size=1)).map(lambda each: {"REGEX": each})),
    of("LEMMA", st.sampled_from(LEMMAS)),
    of("LEMMA", one_of_lists(strings)),
    of("POS", st.sampled_from(POS)),
    of("POS", one_of_lists(st.lists(st.sampled_from(POS)))),
    of("MORPH", st.sampled_from(["Case=Nom", "Case=Nom|Number=Sing"])),
    of("MORPH", features.map(lambda values: {"IS_SUPERSET": values})),
    of("MORPH", features.map(lambda values: {"IS_SUBSET": values})),
    of("MORPH", features.map(lambda values: {"INTERSECTS": values})),
    of("LENGTH", st.integers(1, 5)),
    of("LENGTH", st.integers(1, 5).map(lambda number: {">=": number, "!=": 4})),
    of("SHAPE", st.sampled_from(["xxx", "Xxx", "d", "dddd"])),
    of("IS_ALPHA", st.booleans()),
    of("IS_DIGIT", st.booleans()),
    of("IS_TITLE", st.booleans()),
    of("IS_PUNCT", st.booleans()),
    of("IS_ASCII", st.booleans()),
)
OPERATORS = st.sampled_from(["1", "1", "1", "!", "?", "+", "*", "{2}", "{1,2}", "{2,}", "{,2}"])
ITEMS = st.tuples(st.lists(CONDITIONS, min_size=1, max_size=2), OPERATORS)


def item(drawn: tuple[list[tuple[str, Any]], str]) -> dict[str, Any]:
    conditions, operator = drawn
    return dict(conditions) if operator == "1" else {**dict(conditions), "OP": operator}


PATTERNS = st.lists(st.one_of(st.just({}), ITEMS.map(item)), min_size=1, max_size=4)


def columns(text: list[Row]) -> list[list[str]]:
    return [list(column) for column in zip(*text, strict=True)] if text else [[], [], [], []]


def document(text: list[Row]) -> Doc:
    words, pos, morphs, lemmas = columns(text)
    doc = Doc(words=words)
    for name, values in (("pos", pos), ("morph", morphs), ("lemma", lemmas)):
        doc.tokens.set(name, values)
    return doc


# -- beside spaCy


@cache
def spacy_vocabulary() -> Any:
    """The vocabulary of a blank spaCy pipeline; the test is skipped where spaCy is missing."""
    spacy = pytest.importorskip("spacy", reason="spaCy comes with the extra benchmark")
    return spacy.blank("xx").vocab


def spacy_matches(
    every: list[list[Row]], rules: list[list[Any]], greedy: str | None
) -> list[list[tuple[str, int, int]]]:
    vocabulary = spacy_vocabulary()
    from spacy.matcher import Matcher as TheirMatcher
    from spacy.tokens import Doc as TheirDoc

    matcher = TheirMatcher(vocabulary)
    for number, patterns in enumerate(rules):
        matcher.add(str(number), patterns, greedy=greedy and greedy.upper())
    matches = []
    for text in every:
        words, pos, morphs, lemmas = columns(text)
        doc = TheirDoc(vocabulary, words=words, pos=pos, morphs=morphs, lemmas=lemmas)
        found = matcher(doc, allow_missing=True)
        matches.append([(vocabulary.strings[key], start, end) for key, start, end in found])
    return matches


@given(
    st.lists(texts, max_size=3),
    st.lists(st.lists(PATTERNS, min_size=1, max_size=2), min_size=1, max_size=4),
    st.sampled_from([None, "first", "longest"]),
)
@settings(max_examples=300, deadline=None)
def test_it_finds_what_spacy_finds(
    every: list[list[Row]], rules: list[list[Any]], greedy: Any
) -> None:
    expected = spacy_matches(every, rules, greedy)
    matcher = Matcher()
    for number, patterns in enumerate(rules):
        matcher.add(str(number), patterns, greedy=greedy)
    matches = matcher.of_docs([document(text) for text in every])
    assert list(map(sorted, matches)) == list(map(sorted, expected))
