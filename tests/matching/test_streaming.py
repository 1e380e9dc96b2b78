"""Matchers over streams: what single documents give, in groups that stay small.

Modules: matching.streaming
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

import pipekit
from pipekit import Doc
from pipekit.matching import Matcher, PhraseMatcher

NLP = pipekit.blank("ru")


def matcher_of(kind: str) -> Matcher | PhraseMatcher:
    if kind == "tokens":
        return Matcher({"DAY": [[{"LOWER": "день"}]]})
    phrases = PhraseMatcher(by="lower")
    phrases.add("DAY", NLP.pipe(["день"]))
    return phrases


@pytest.mark.parametrize("kind", ["tokens", "phrases"])
def test_a_stream_gives_what_single_documents_give(kind: str) -> None:
    matcher = matcher_of(kind)
    few = list(NLP.pipe(["День за днём, день за ночью.", "", "Ночь."])) * 3_000
    docs = [*few, NLP("День")]
    matches = list(matcher.pipe(iter(docs)))
    assert [doc for doc, _ in matches] == docs
    for doc, in_doc in matches[:6] + matches[-3:]:
        assert list(in_doc) == list(matcher(doc))
    assert sum(len(in_doc) for _, in_doc in matches) == 2 * 3_000 + 1


@pytest.mark.parametrize("kind", ["tokens", "phrases"])
@pytest.mark.parametrize("text", ["День за днём", ""])
def test_a_stream_without_an_end_is_read_as_it_is_needed(
    kind: str,
    text: str,
) -> None:
    doc = NLP(text)
    read = 0

    def endless() -> Iterator[Doc]:
        nonlocal read
        while True:
            read += 1
            yield doc

    first = list(islice(matcher_of(kind).pipe(endless()), 3))
    assert len(first) == 3
    assert read < 100_000


@pytest.mark.parametrize("kind", ["tokens", "phrases"])
def test_a_stream_without_documents_ends(kind: str) -> None:
    assert list(matcher_of(kind).pipe([])) == []
