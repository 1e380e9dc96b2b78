"""A batch: the words of its documents, once each, and what is computed of them, once.

Modules: parts.batch
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from helpers.strategies import hostile_text
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import pipekit
from pipekit import Batch, Doc
from pipekit.words.chars import LONGEST

NLP = pipekit.blank("ru")


def words_of(batch: Batch) -> list[str]:
    words: list[str] = []
    for doc in batch.docs:
        words += doc.words
    return words


@given(st.lists(hostile_text(), max_size=5))
def test_a_batch_has_the_tokens_of_its_documents_end_to_end(texts: list[str]) -> None:
    docs = NLP.tokenize(texts)
    batch = NLP.batch(docs)
    assert len(batch) == sum(map(len, docs))
    assert np.diff(batch.offsets).tolist() == list(map(len, docs))
    letters = batch.words.codes.astype("<u4").tobytes().decode("utf-32-le")
    spans = zip(batch.words.starts.tolist(), batch.words.ends.tolist(), strict=True)
    assert [letters[start:end] for start, end in spans] == words_of(batch)


@given(st.lists(hostile_text(), max_size=5))
def test_each_distinct_word_stands_once_and_tokens_point_to_theirs(texts: list[str]) -> None:
    batch = NLP.batch(NLP.tokenize(texts))
    distinct = batch.distinct
    assert len(set(distinct.strings)) == len(distinct.strings)
    for word, row in zip(words_of(batch), distinct.index.tolist(), strict=True):
        alone = Batch([Doc(words=[word])]).distinct
        assert alone.strings == [distinct.strings[row]]
        assert alone.plain_strings == [distinct.plain_strings[row]]


@given(st.lists(hostile_text(), max_size=5))
def test_sequences_are_the_sentences_of_all_documents(texts: list[str]) -> None:
    docs = NLP.tokenize(texts)
    lengths: list[int] = []
    for doc in docs:
        lengths += [len(sentence) for sentence in doc.sents or ()]
    assert np.diff(NLP.batch(docs).sequences).tolist() == lengths


def test_a_document_without_sentences_is_read_whole() -> None:
    batch = Batch([Doc(words=["а", "б"]), Doc(words=[]), Doc(words=["в"])])
    assert batch.sequences.tolist() == [0, 2, 3]


def test_a_token_is_spaced_where_white_space_or_nothing_stands_before_it() -> None:
    batch = NLP.batch(NLP.tokenize(["Да, нет.", "", "Да"]))
    assert words_of(batch) == ["Да", ",", "нет", ".", "Да"]
    assert batch.spaced.tolist() == [True, False, True, False, True]


def test_an_encoder_is_asked_once_for_each_batch() -> None:
    asked: list[str] = []

    def encode(name: str, batch: Batch) -> Tensor:
        asked.append(name)
        return torch.zeros(len(batch), 1)

    batch = Batch([Doc(words=["а"])], encode)
    assert batch.vectors("main") is batch.vectors("main")
    assert batch.vectors("other") is not batch.vectors("main")
    assert asked == ["main", "other"]


def test_texts_beside_a_batch_have_its_tokenizer_and_encoders() -> None:
    def tokenize(texts: Sequence[str]) -> list[Doc]:
        return [Doc(words=text.split("+")) for text in texts]

    def encode(name: str, batch: Batch) -> Tensor:
        return torch.full((len(batch), 1), 7.0)

    beside = Batch([Doc(words=["а"])], encode, tokenize).beside(["кто+где", "да"])
    assert words_of(beside) == ["кто", "где", "да"]
    assert beside.vectors("main").tolist() == [[7.0]] * 3


def test_a_batch_without_encoders_or_tokenizer_says_so() -> None:
    batch = Batch([Doc(words=["а"])])
    with pytest.raises(LookupError, match="no encoders, so no 'main'"):
        batch.vectors("main")
    with pytest.raises(LookupError, match="no tokenizer"):
        batch.beside(["да"])


def test_of_a_word_too_long_the_ends_are_looked_at_and_nothing_is_lost() -> None:
    long = "Ё" + "ж" * LONGEST + "и\u0306"
    other = "Ё" + "ж" * (LONGEST // 2) + "ш" + "ж" * (LONGEST // 2 - 1) + "й"
    batch = Batch([Doc(words=[long, "Ёж", other, long])])
    distinct = batch.distinct
    words = [distinct.strings[row] for row in distinct.index]
    assert words == [long[:-2] + "й", "Ёж", other, long[:-2] + "й"]
    assert [distinct.plain_strings[row] for row in distinct.index] == [
        word.lower().replace("ё", "е") for word in words
    ]
    assert sorted(distinct.words.lengths) == sorted(distinct.plain.lengths) == [2, LONGEST, LONGEST]
