"""chrF and BLEU beside sacrebleu, and the figures of layers of texts.

Modules: evaluation.texts
"""

from __future__ import annotations

from functools import reduce
from operator import add

import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st

from pipekit import Doc
from pipekit.doc.layer import span_layer
from pipekit.evaluation.metrics import score
from pipekit.evaluation.texts import bleu, chrf

LINES = [
    "Мама мыла раму, а кот спал на окне.",
    "The price is $3.50 (or 1,000 &amp; more) - isn't it?",
    "Да.",
    "Он купил 3-комнатную квартиру в г. Москве 12.05.2021.",
    "",
]
words = st.lists(st.sampled_from(" ".join(LINES).split()), max_size=12).map(" ".join)
pairs = st.lists(st.tuples(words, words.filter(bool)), min_size=1, max_size=5)


@given(pairs)
def test_chrf_is_that_of_sacrebleu(texts: list[tuple[str, str]]) -> None:
    counts = reduce(add, [chrf(predicted, gold) for predicted, gold in texts])
    expected = sacrebleu.corpus_chrf([p for p, _ in texts], [[g for _, g in texts]]).score
    assert 100 * (counts.f1 or 0) == pytest.approx(expected)


@given(pairs)
def test_bleu_is_that_of_sacrebleu(texts: list[tuple[str, str]]) -> None:
    counts = reduce(add, [bleu(predicted, gold) for predicted, gold in texts])
    expected = sacrebleu.corpus_bleu([p for p, _ in texts], [[g for _, g in texts]]).score
    assert 100 * (counts.f1 or 0) == pytest.approx(expected)


def written(*texts: str | None) -> Doc:
    """A Doc of one word for each text."""
    doc = Doc(words=["слово"] * len(texts))
    rows = range(len(texts))
    layer = span_layer(list(rows), [row + 1 for row in rows])
    doc.layers["translation"] = layer.set("text", list(texts), [] if not texts else None)
    return doc


def test_figures_are_those_of_all_documents_together() -> None:
    gold = [written("the cat sat", "a dog"), written("mother washes")]
    predicted = [written("the cat sat", "the dog"), written("mother  washes")]
    scores = score(zip(gold, predicted, strict=True), spans=["translation"])
    assert set(scores.figures) >= {"translation", "translation BLEU", "translation exact"}
    assert scores["translation exact"] == pytest.approx(2 / 3)
    texts = [("the cat sat", "the cat sat"), ("the dog", "a dog"), ("mother washes",) * 2]
    assert scores["translation"] == reduce(add, [chrf(p, g) for p, g in texts]).f1
    assert "translation.None" not in scores.table()


def test_a_text_that_nobody_wrote_is_wrong_and_a_layer_that_nobody_wrote_is_no_figure() -> None:
    gold = [written("the cat sat", "a dog")]
    missing = [written("the cat sat", None)]
    scores = score(zip(gold, missing, strict=True), spans=["translation"])
    assert scores["translation exact"] == 0.5
    bare = [Doc(words=["слово", "слово"])]
    assert score(zip(gold, bare, strict=True), spans=["translation"])["translation"] is None
