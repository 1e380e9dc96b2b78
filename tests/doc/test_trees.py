"""Trees: who governs whom, whatever is cut, joined, stored, or wrong.

Modules: doc.trees
"""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipekit import Doc
from pipekit.doc.cutting import concatenate, cut_doc
from pipekit.errors import DocError, PipekitFormatError

WORDS = ["Старый", "друг", "Анны", "Петровой", "купил", "три", "новые", "книги", "."]
POS = ["ADJ", "NOUN", "PROPN", "PROPN", "VERB", "NUM", "ADJ", "NOUN", "PUNCT"]
HEADS = [1, 4, 1, 2, 4, 7, 7, 4, 4]
DEPS = [
    "amod",
    "nsubj",
    "nmod",
    "flat:name",
    "root",
    "nummod:gov",
    "amod",
    "obj",
    "punct",
]


def parsed(times: int = 1) -> Doc:
    """A sentence with its tree, several times."""
    doc = Doc(words=WORDS * times)
    size = len(WORDS)
    shifts = np.repeat(np.arange(times) * size, size)
    doc.tokens.set("sent_start", np.arange(size * times) % size == 0)
    doc.tokens.set("pos", POS * times)
    doc.tokens.set("head", np.array(HEADS * times, dtype=np.int32) + shifts.astype(np.int32))
    doc.tokens.set("dep", DEPS * times)
    return doc


def heads(doc: Doc) -> list[int]:
    return doc.tokens["head"].values.tolist()


def test_a_token_knows_those_above_and_below_it() -> None:
    doc = parsed()
    anna = doc[2]
    assert anna.head == doc[1]
    assert anna.dep == "nmod"
    assert doc[4].head == doc[4]
    assert doc[7].children == (doc[5], doc[6])
    assert doc[1].subtree == (doc[0], doc[1], doc[2], doc[3])
    assert doc[3].ancestors == (doc[2], doc[1], doc[4])
    assert doc[4].ancestors == ()
    assert doc[3].children == ()


def test_the_root_of_a_span_is_its_highest_token() -> None:
    doc = parsed(2)
    assert doc[0:4].root == doc[1]
    assert doc[2:4].root == doc[2]
    assert doc[5:7].root == doc[5]
    assert [sent.root.text for sent in doc.sents or () if sent.root] == ["купил", "купил"]
    assert doc[2:2].root is None


def test_noun_phrases_hold_one_noun_each() -> None:
    chunks = parsed(2).noun_chunks or ()
    phrases = ["Старый друг", "Анны Петровой", "три новые книги"]
    assert [chunk.text for chunk in chunks] == phrases * 2


def test_a_phrase_with_a_gap_ends_at_the_gap() -> None:
    doc = Doc(words=["новые", "же", "книги"])
    doc.tokens.set("pos", ["ADJ", "PART", "NOUN"])
    doc.tokens.set("head", [2, 2, 2]).set("dep", ["amod", "advmod", "root"])
    assert [chunk.text for chunk in doc.noun_chunks or ()] == ["книги"]


def test_what_nobody_has_parsed_is_none() -> None:
    doc = Doc(words=["a", "b"])
    token = doc[0]
    assert (token.head, token.dep, token.children) == (None, None, None)
    assert (token.subtree, token.ancestors, doc[0:2].root, doc.noun_chunks) == (None,) * 4
    doc.tokens.set("head", [-1, 1])
    assert token.head is None
    assert doc[0:1].root is None


@given(st.lists(st.integers(-1, 5), min_size=6, max_size=6))
def test_walks_end_whatever_the_heads_are(rows: list[int]) -> None:
    doc = Doc(words=list("abcdef"))
    doc.tokens.set("pos", ["NOUN"] * 6)
    doc.tokens.set("head", rows).set("dep", ["amod"] * 6)
    for token in doc:
        assert len(set(token.ancestors or ())) == len(token.ancestors or ())
        assert token in (token.subtree or ())
    chunks = doc.noun_chunks or ()
    assert all(first.end <= second.start for first, second in pairwise(chunks))
    assert doc[0:6].root is None or doc[0:6].root.i < 6


# -- cut and joined


@given(st.integers(0, 18), st.integers(0, 18))
def test_a_part_counts_its_own_tokens(start: int, end: int) -> None:
    doc = parsed(2)
    part = doc.part(start, end)
    for token in part:
        before = doc[start + token.i].head
        assert before is not None
        inside = start <= before.i < end
        assert token.head == (part[before.i - start] if inside else None)


@given(st.integers(1, 30))
def test_sentences_cut_apart_and_joined_are_as_before(limit: int) -> None:
    doc = parsed(3)
    parts = cut_doc(doc, max(limit, len(WORDS)))
    assert heads(concatenate(parts)) == heads(doc)


def test_parts_without_words_join_those_with_trees() -> None:
    space = Doc(words=[" "], spaces=[""])
    space.tokens.set("sent_start", [True])
    assert heads(concatenate([space, parsed()])) == [-1, *(head + 1 for head in HEADS)]


def test_a_sentence_that_was_cut_has_one_root() -> None:
    first, second = parsed(), parsed()
    second.tokens.set("sent_start", [False] * len(second))
    whole = concatenate([first, second, parsed()])
    roots = [token.i for token in whole if token.head == token]
    assert roots == [4, 22]
    assert whole[13].head == whole[4]
    assert whole[13].dep is None


# -- stored


def test_trees_survive_json_and_bytes() -> None:
    doc = parsed(2).part(2, 14)
    data = json.loads(json.dumps(doc.to_dict()))
    assert data["tokens"][0]["head"] is None
    assert data["tokens"][1]["head"] == 0
    for again in (Doc.from_dict(data), Doc.from_bytes(doc.to_bytes())):
        assert heads(again) == heads(doc)
        assert again.tokens["dep"].strings() == doc.tokens["dep"].strings()


@settings(max_examples=20)
@given(st.sampled_from([-2, 9, 2**40]), st.integers(0, 8))
def test_heads_outside_the_document_are_refused(head: int, row: int) -> None:
    doc = parsed()
    data = doc.to_dict()
    data["tokens"][row]["head"] = head
    with pytest.raises(PipekitFormatError, match="'head' holds the row"):
        Doc.from_dict(data)
    rows = np.array(HEADS)
    rows[row] = head
    doc.tokens.set("head", rows)
    with pytest.raises(DocError, match="'head' holds the row"):
        doc.to_bytes()


def test_heads_are_rows_and_no_words() -> None:
    doc = Doc(words=["a"])
    doc.tokens.set("head", ["a"])
    with pytest.raises(DocError, match="has labels, and holds token rows"):
        doc.to_dict()
    doc.tokens.set("head", [0.5])
    with pytest.raises(DocError, match="float64 instead of token rows"):
        doc.to_bytes()
