"""The parser: trees, always; the best of them; sentences of any length.

Modules: components.parser.network, components.parser.parser, components.parser.stretches,
    components.parser.trees
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from helpers.parts import PARSER
from helpers.tiny import ten
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import pipekit
from pipekit import Batch, Doc, Pipeline
from pipekit.components.parser import stretches as stretches_module
from pipekit.components.parser.stretches import governors_of, stretch_columns, stretches
from pipekit.components.parser.trees import are_trees, best_tree
from pipekit.errors import DataError, ProcessingError

LABELS = ["nsubj", "obj", "root"]


def parser(labels: list[str] = LABELS) -> Pipeline:
    """A pipeline with a parser that has learned nothing."""
    torch.manual_seed(1)
    nlp = pipekit.blank("ru").with_precision("float32")
    nlp.add_encoder("main", "bilstm", width=16, features={"width": 16, "word_buckets": 100})
    nlp.add_pipe(**{**PARSER, "labels": labels})
    return nlp


def fault(doc: Doc) -> str | None:
    """Why the sentences of a document have no trees with one root each."""
    for sentence in doc.sents or [doc[:]]:
        words = [token for token in sentence if not token.is_space]
        roots = [token for token in words if token.head == token]
        if words and len(roots) != 1:
            return f"{len(roots)} roots in {sentence.text!r:.60}"
        for token in words:
            if token.head is None or token.head.is_space or token.head.sent != token.sent:
                return f"the head of {token.text} is {token.head}"
            if token != roots[0] and (token.ancestors or ())[-1] != roots[0]:
                return f"{token.text} does not come to the root"
    return None


# -- trees


def every_tree(size: int) -> list[list[int]]:
    """The heads of all trees of so many words with one root; 0 is the root, j + 1 the word j."""
    return [list(heads) for heads in product(range(size + 1), repeat=size) if is_tree(list(heads))]


def is_tree(heads: list[int]) -> bool:
    if heads.count(0) != 1:
        return False
    for word in range(len(heads)):
        steps = 0
        while heads[word] and steps <= len(heads):
            word = heads[word] - 1
            steps += 1
        if heads[word]:
            return False
    return True


TREES = {size: every_tree(size) for size in range(1, 6)}


@given(st.integers(1, 5).flatmap(lambda n: hnp.arrays("f8", (n, n + 1), elements=st.floats(-9, 9))))
def test_no_tree_is_better_than_the_best(scores: np.ndarray) -> None:
    words = np.arange(len(scores))
    heads = best_tree(scores)
    assert is_tree(heads.tolist())
    best = max(scores[words, tree].sum() for tree in TREES[len(scores)])
    assert scores[words, heads].sum() == pytest.approx(best, abs=1e-9)


def test_the_best_tree_of_many_words_is_a_tree() -> None:
    scores = np.random.default_rng(1).normal(size=(192, 193))
    assert is_tree(best_tree(scores).tolist())


@given(
    st.lists(
        st.integers(1, 5).flatmap(lambda n: st.lists(st.integers(0, n), min_size=n, max_size=n)),
        min_size=1,
    )
)
def test_trees_are_told_from_other_heads(sentences: list[list[int]]) -> None:
    lengths = np.array([len(heads) for heads in sentences])
    starts = np.cumsum(lengths) - lengths
    found = are_trees(np.concatenate(sentences), starts, lengths)
    assert found.tolist() == [is_tree(heads) for heads in sentences]


# -- stretches


@settings(max_examples=30)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=5))
def test_heads_are_stretch_columns_stretches_and_back(lengths: list[int]) -> None:
    doc = Doc(words=["а"] * sum(lengths))
    starts = np.zeros(len(doc), dtype=bool)
    starts[np.cumsum([0, *lengths[:-1]])] = True
    doc.tokens.set("sent_start", starts)
    plan = stretches(Batch([doc]))
    assert plan.length.tolist() == lengths
    columns = np.concatenate([np.arange(length) for length in lengths])  # a chain each
    governors = governors_of(columns, plan)
    assert stretch_columns(governors, plan).tolist() == columns.tolist()


@pytest.mark.parametrize("words", [192, 193, 500, 2_000])
def test_a_long_sentence_has_one_tree(words: int) -> None:
    doc = parser()(Doc(words=["слово", "за", "словом", "и"] * (words // 4) + ["!"] * (words % 4)))
    plan = stretches(Batch([doc]))
    assert plan.length.max() <= stretches_module.LONGEST_STRETCH
    assert len(doc) == words
    assert fault(doc) is None


def test_white_space_stands_in_no_tree() -> None:
    doc = parser()(Doc(words=["\n", "Мама", " ", "мыла", "\t"], spaces=[""] * 5))
    assert fault(doc) is None
    assert [token.head is None for token in doc] == [True, False, True, False, True]
    assert [token.dep is None for token in doc] == [True, False, True, False, True]


TEXTS = st.lists(
    st.sampled_from(["Мама", " ", "мыла", ". ", "\n\n", "Ой! ", "раму", "\u00a0", "—"])
)


@settings(max_examples=25)
@given(st.lists(TEXTS.map("".join), min_size=1, max_size=4))
def test_every_sentence_of_any_text_has_a_tree(texts: list[str]) -> None:
    assert [fault(doc) for doc in PIPELINE.pipe(texts)] == [None] * len(texts)


PIPELINE = parser()


# -- labels


def test_roots_and_no_others_have_the_label_of_roots() -> None:
    for doc in parser().pipe(doc.copy(bare=True) for doc in ten()):
        assert all((token.dep == "root") == (token.head == token) for token in doc)


@pytest.mark.parametrize("labels", [["root"], ["obj"]])
def test_where_labels_leave_no_choice_each_word_has_one(labels: list[str]) -> None:
    [doc] = parser(labels).pipe(["Мама мыла раму."])
    assert {token.dep for token in doc} == set(labels)


# -- learning


def loss_of(nlp: Pipeline, heads: list[int], labels: list[str | None]) -> float:
    doc = Doc(words=["Мама", "мыла", "раму"])
    doc.tokens.set("head", heads).set("dep", labels)
    loss: float = nlp.components["parser"].loss(nlp.batch([doc])).item()
    return loss


def test_heads_and_labels_that_are_unset_cost_nothing() -> None:
    nlp = parser()
    whole = loss_of(nlp, [1, 1, 1], ["nsubj", "root", "obj"])
    arcs = loss_of(nlp, [1, 1, 1], [None, None, "cop"])
    one = loss_of(nlp, [1, -1, -1], ["nsubj", "root", "obj"])
    assert whole > arcs > 0
    assert whole > one > 0
    assert loss_of(nlp, [-1, -1, -1], ["nsubj", "root", "obj"]) == 0


def test_heads_out_of_reach_are_told() -> None:
    nlp = parser()
    doc = Doc(words=["Мама", "мыла", "раму", "Да"])
    doc.tokens.set("sent_start", [True, False, False, True])
    doc.tokens.set("head", [1, 1, 3, 3]).set("dep", ["nsubj", "root", "obj", "root"])
    told = nlp.components["parser"].passed_over(nlp.batch([Doc(words=["Ой"]), doc]))
    assert told == {"heads are out of reach of their words": [1]}


def test_a_parser_without_labels_is_refused() -> None:
    with pytest.raises(DataError, match="train it, or give labels="):
        parser([])


def test_weights_that_are_no_numbers_give_no_trees() -> None:
    nlp = parser()
    with torch.no_grad():
        nlp.components["parser"].biaffine.arc.bias[0] = float("nan")
    with pytest.raises(ProcessingError, match="no numbers"):
        nlp("Мама мыла раму.")
