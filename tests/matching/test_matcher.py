"""The token matcher: its language, what it finds beside spaCy's Matcher, and what it refuses.

Modules: matching.automaton, matching.conditions, matching.matcher, matching.patterns,
    matching.regexes, matching.sources, matching.word_views
"""

from __future__ import annotations

import time
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
@settings(max_examples=80, deadline=None)
def test_it_finds_what_spacy_finds(
    every: list[list[Row]], rules: list[list[Any]], greedy: Any
) -> None:
    expected = spacy_matches(every, rules, greedy)
    matcher = Matcher()
    for number, patterns in enumerate(rules):
        matcher.add(str(number), patterns, greedy=greedy)
    matches = matcher.of_docs([document(text) for text in every])
    assert list(map(sorted, matches)) == list(map(sorted, expected))


# -- columns, batches


def found(doc: Doc, pattern: list[dict[str, Any]]) -> list[str]:
    return [match.span(doc).text for match in Matcher({"X": [pattern]})(doc)]


def test_columns_of_plugins_are_labels_or_numbers() -> None:
    doc = Doc(words=["раз", "два", "три"])
    doc.tokens.set("rank", np.array([0.5, np.nan, 2.0])).set("kind", ["а", None, "б"])
    assert found(doc, [{"rank": {">=": 0.5, "<": 2}}]) == ["раз"]
    assert found(doc, [{"_": {"rank": {"!=": 0.5}}}]) == ["три"]
    assert found(doc, [{"kind": {"IN": ["а", "б"]}}]) == ["раз", "три"]
    assert found(doc, [{"kind": {"NOT_IN": ["а"]}}]) == ["два", "три"]
    assert found(doc, [{"kind": ""}]) == ["два"]
    with pytest.raises(DocError, match="'kind' with a number, but it holds labels"):
        found(doc, [{"kind": {">": 1}}])
    with pytest.raises(DocError, match="'rank' with a string, but it holds numbers"):
        found(doc, [{"rank": "а"}])
    with pytest.raises(DocError, match=r"'knd', which no one has written\. Did you mean 'kind'"):
        found(doc, [{"knd": "а"}])


def test_labels_of_spans_and_borders_of_sentences_are_looked_at() -> None:
    doc = Doc(words=["Анна", "Ким", "и", "Яндекс"])
    doc.tokens.set("sent_start", np.array([True, False, False, False]))
    doc.spans["ents"] = [doc.char_span(0, 8, "PER"), doc.char_span(11, 17, "ORG")]
    assert found(doc, [{"ENT_TYPE": "PER"}, {"ENT_TYPE": ""}]) == ["Ким и"]
    assert found(doc, [{"IS_SENT_START": True}]) == ["Анна"]
    with pytest.raises(DocError, match="ENT_TYPE, but nobody has written the layer 'ents'"):
        found(Doc(words=["а"]), [{"ENT_TYPE": "PER"}])


def test_words_are_as_a_reader_sees_them() -> None:
    doc = Doc(words=["за\u0301мок", "Ёж", "МОСКВА"])
    assert found(doc, [{"TEXT": "замок"}]) == ["за\u0301мок"]
    assert found(doc, [{"NORM": "Ёж"}]) == ["Ёж"]
    assert found(doc, [{"LOWER": "Москва"}]) == ["МОСКВА"]
    assert found(doc, [{"TEXT": {"REGEX": r"^[А-ЯЁ]\w$"}}]) == ["Ёж"]


def test_a_match_has_so_many_tokens_at_most() -> None:
    doc = Doc(words=["а"] * 50)
    matches = Matcher({"A": [[{"LOWER": "а", "OP": "+"}]]}, longest=3)(doc)
    assert len(matches) == 50 + 49 + 48
    assert max(match.end - match.start for match in matches) == 3


def test_documents_of_a_batch_are_apart_and_in_order() -> None:
    docs = [Doc(words=["а"]), Doc(words=[]), Doc(words=["а", "а"])]
    matches = Matcher({"A": [[{"LOWER": "а", "OP": "{1,2}"}]]}).of_docs(docs)
    assert matches == [[("A", 0, 1)], [], [("A", 0, 1), ("A", 0, 2), ("A", 1, 2)]]


# -- what is refused


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ([], "a pattern is a list of dicts, not empty"),
        (["а"], "item 1 is 'а': a dict such as"),
        ([{}, {"LOWR": "а"}], r"item 2: LOWR: there is no 'LOWR'\. Did you mean 'LOWER'"),
        ([{"LOWER": 5}], "item 1: LOWER = 5: a string"),
        ([{"LOWER": {"INN": ["а"]}}], r"item 1: LOWER: INN: there is no 'INN'\. Did you mean 'IN'"),
        ([{"LOWER": {"IN": "а"}}], "item 1: LOWER: IN = 'а': a list is needed"),
        ([{"LOWER": {"FUZZY": "а"}}], "nearly alike are not looked for"),
        ([{"IS_STOP": True}], "has no list of stop words"),
        ([{"IS_ALPHA": 1}], "item 1: IS_ALPHA = 1: true or false"),
        ([{"LENGTH": "1"}], "item 1: LENGTH: == = '1': a number is needed"),
        ([{"LENGTH": {">": float("nan")}}], "LENGTH: > = nan: a number is needed"),
        ([{"OP": "{3,2}"}], "takes n up to m, at most 255"),
        ([{"OP": "{9999}"}], "takes n up to m, at most 255"),
        ([{"OP": "x"}], "OP = 'x': one of"),
        ([{"TEXT": {"REGEX": "(a+)+\\1"}}], "no backreferences"),
        ([{"TEXT": {"REGEX": "(?=a)"}}], "no look-around"),
        ([{"TEXT": {"REGEX": "\\bа"}}], "a token begins at \\^"),
        ([{"TEXT": {"REGEX": "а" * 2_000}}], "more than 1000 characters"),
        ([{"OP": "{,255}"}] * 20, "too many optional items in a row"),
        ([{5: "а"}], "the key 5 is no string"),
    ],
)
def test_a_wrong_pattern_is_named_with_item_key_and_cure(pattern: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Matcher({"X": [pattern]})(Doc(words=["а"]))


def test_patterns_instead_of_a_list_of_patterns_are_refused() -> None:
    with pytest.raises(ConfigError, match="a list of patterns is needed"):
        Matcher({"X": [{"LOWER": "а"}]})  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="greedy is 'first', 'longest' or None"):
        Matcher().add("X", [[{}]], greedy="LONGEST_MATCH")  # type: ignore[arg-type]


@pytest.mark.parametrize("regex", ["(а*)*б", "(а|а)*б", "(.*)(.*)(.*)(.*)(.*)б", "(а?){60}а{60}"])
def test_no_expression_takes_long(regex: str) -> None:
    """Any of these takes Python's own engine minutes on this word."""
    doc = Doc(words=["а" * 1_000 + "в"])
    assert len(found(doc, [{"TEXT": {"REGEX": regex}}])) <= 1


def test_time_grows_with_the_text_and_not_with_its_square() -> None:
    """Every token may begin a match of "+": the limit of tokens in a match keeps it linear."""
    rules = {"A": [[{"LOWER": "а", "OP": "+"}, {"LOWER": "б"}]]}
    matcher = Matcher(rules, longest=16)
    seconds = []
    for size in (2_000, 64_000):
        doc = Doc(words=["а"] * size)
        begin = time.process_time()
        assert not matcher(doc)
        seconds.append(time.process_time() - begin)
    assert seconds[1] < 32 * 8 * max(seconds[0], 0.01)
