"""The annotation of documents that a tagger learns from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from pipekit.doc import Doc
from pipekit.doc.layer import UNSURE
from pipekit.words.chars import fold

Strings = list[str | None]


class GoldTokens(NamedTuple):
    """The words of some documents and their annotation, None where there is none.

    Each is a list with an item for each token.
    """

    words: list[str]
    parts: Strings
    features: Strings
    lemmas: Strings


def gold_tokens(docs: Sequence[Doc]) -> GoldTokens:
    """The annotation of all tokens of some documents."""
    words = []
    for doc in docs:
        words += doc.words
    return GoldTokens(
        words=words,
        parts=_column(docs, "pos"),
        features=_column(docs, "morph"),
        lemmas=_column(docs, "lemma"),
    )


def _column(
    docs: Sequence[Doc],
    name: str,
) -> Strings:
    strings: Strings = []
    for doc in docs:
        column = doc.tokens.get(name)
        if column is None:
            strings += [None] * len(doc)
        else:
            strings += column.strings()
    return strings


def count_tags(gold: GoldTokens) -> Counter[str]:
    """How often each tag occurs, "NOUN|Case=Gen|…"; only tags that leave nothing open."""
    tags: Counter[str] = Counter()
    for part, features in zip(gold.parts, gold.features, strict=True):
        if part is None or features is None:
            continue
        if f"={UNSURE}" not in features:
            tags[f"{part}|{features}"] += 1
    return tags


def frequent_tags(
    gold: GoldTokens,
    min_count: int,
) -> list[str]:
    """The tags that occur so often, sorted."""
    counts = count_tags(gold)
    return sorted(tag for tag, times in counts.items() if times >= min_count)


def count_lemmas(gold: GoldTokens) -> Counter[tuple[str, str, str]]:
    """How often each (folded form, part of speech, lemma in lower case) occurs."""
    triples: Counter[tuple[str, str, str]] = Counter()
    for word, part, lemma in zip(gold.words, gold.parts, gold.lemmas, strict=True):
        if part is not None and lemma is not None:
            triples[fold(word), part, lemma.lower()] += 1
    return triples
