"""The phrase matcher: terms by words, lemmas and normal forms.

Modules: matching.phrases, matching.hash_index
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pipekit
from pipekit import Batch, Doc
from pipekit.errors import ConfigError, DocError
from pipekit.matching import PhraseMatcher
from pipekit.matching.phrases import TermTrie, term_tables

words = st.lists(st.sampled_from(["а", "б", "в"]), max_size=8)
terms = st.lists(st.sampled_from(["а", "б", "г"]), min_size=1, max_size=4)


def by_hand(
    texts: list[list[str]], keys: list[list[list[str]]]
) -> list[list[tuple[str, int, int]]]:
    """All places where the words of a term stand."""
    every = []
    for text in texts:
        matches = set()
        for key, own in enumerate(keys):
            for term in own:
                for start in range(len(text)):
                    if text[start : start + len(term)] == term:
                        matches.add((str(key), start, start + len(term)))
        every.append(sorted(matches, key=lambda match: (match[1], match[2], match[0])))
    return every


@given(st.lists(words, max_size=3), st.lists(st.lists(terms, min_size=1), max_size=3))
@settings(max_examples=80, deadline=None)
def test_it_finds_each_term_wherever_its_words_stand(
    texts: list[list[str]], keys: list[list[list[str]]]
) -> None:
    matcher = PhraseMatcher()
    for number, own in enumerate(keys):
        matcher.add(str(number), own)
    docs = [Doc(words=text) for text in texts]
    assert matcher.of_docs(docs) == by_hand(texts, keys)


def test_words_are_compared_as_asked() -> None:
    nlp = pipekit.blank("ru")
    doc = nlp("ЁЛКА и ёлка и Ёлка")
    for by, places in (("text", [2]), ("lower", [0, 2, 4]), ("norm", [0, 2, 4])):
        matcher = PhraseMatcher(by=by)
        matcher.add("TREE", [nlp("ёлка")])
        assert [match.start for match in matcher(doc)] == places, by
    assert matcher(nlp("елка")), "ё is е in normal spelling"


def test_lemmas_of_terms_meet_lemmas_of_texts() -> None:
    term = Doc(words=["железная", "дорога"])
    term.tokens.set("lemma", ["железный", "дорога"])
    text = Doc(words=["о", "железных", "дорогах"])
    text.tokens.set("lemma", ["о", "железный", "дорога"])
    matcher = PhraseMatcher(by="lemma")
    matcher.add("RAILWAY", [term])
    assert [match.span(text).text for match in matcher(text)] == ["железных дорогах"]
    with pytest.raises(DocError, match="token column 'lemma', which no one has written"):
        matcher(Doc(words=["о"]))


def test_a_term_that_is_not_cut_and_one_without_words_are_refused() -> None:
    with pytest.raises(ConfigError, match="'Новый год' is not cut into words"):
        PhraseMatcher().add("DAY", ["Новый год"])
    matcher = PhraseMatcher()
    matcher.add("DAY", [[]])
    with pytest.raises(ConfigError, match="a term has 1 to 255 words, not 0"):
        matcher(Doc(words=["а"]))


def test_tables_that_are_no_trie_are_refused() -> None:
    tables = term_tables([["а", "б"], ["б"]], [0, 1])
    assert TermTrie(tables).find(np.array([0, 1]), np.array([2, 2])).key.tolist() == [0, 1]
    with pytest.raises(ConfigError, match="a node before the node that it follows"):
        TermTrie({**tables, "keys": tables["keys"] + 100})
    with pytest.raises(ConfigError, match="table 'ends'"):
        TermTrie({**tables, "ends": tables["ends"] + 100})


def test_each_of_twenty_thousand_terms_is_matched_once() -> None:
    size = 20_000
    matcher = PhraseMatcher()
    matcher.add("NUMBER", [[f"а{number}", f"б{number}"] for number in range(size)])
    doc = Doc(words=[word for number in range(size) for word in (f"а{number}", f"б{number}")])
    assert len(matcher(doc)) == size
    assert len(matcher.find(Batch([doc])).start) == size
