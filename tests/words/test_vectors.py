"""Vectors of words: of lemmas for their forms, of n-grams for rare words.

Modules: words.vectors
"""

from __future__ import annotations

import numpy as np
import pytest
from helpers.word_vectors import tables
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipekit.errors import ConfigError, DataError
from pipekit.words.vectors import Vectors, pack_rows, unpack_rows

WRONG = {
    "rows": np.array([0, 1, 2, 3]),
    "values": np.ones((3, 3), np.int8),
    "scale": np.ones(3, np.float32),
    "ngrams": np.ones((50, 1), np.uint8),
    "ngram_scale": np.ones(0, np.float32),
    "counts": np.ones(2, np.uint32),
}


def test_a_form_has_the_vector_of_its_lemma_and_an_unknown_word_none() -> None:
    vectors = Vectors(tables())
    assert vectors.vector("Коты").tolist() == vectors.vector("кот").tolist()
    assert vectors.vector("слон") is None


def test_the_nearest_words_leave_out_the_word_asked_for() -> None:
    vectors = Vectors(tables())
    assert [name for name, _ in vectors.most_similar("коты")] == ["кошка", "дом"]
    with pytest.raises(DataError, match="слон"):
        vectors.most_similar("слон")


def test_vectors_without_their_tables_are_refused() -> None:
    with pytest.raises(ConfigError, match="hashes"):
        Vectors({})


def test_the_nearest_of_a_sum_and_a_difference_leave_out_all_the_words_asked_for() -> None:
    vectors = Vectors(tables())
    assert [name for name, _ in vectors.most_similar(["кот", "дом"], ["кошка"])] == []
    assert [name for name, _ in vectors.most_similar(["кот", "кот"], "дом", top=5)] == ["кошка"]


@given(
    arrays(
        np.float32, st.tuples(st.integers(1, 20), st.just(6)), elements=st.floats(-1, 1, width=32)
    )
)
def test_four_bits_a_number_keep_what_is_not_cut_to_half_a_step(values: np.ndarray) -> None:
    packed_rows, steps = pack_rows(values)
    assert packed_rows.nbytes * 2 == values.size
    error = np.abs(unpack_rows(packed_rows, steps) - values)
    assert (error <= np.where(np.abs(values) <= 16 * steps, 1.001 * steps, np.inf)).all()


@pytest.mark.parametrize("name", WRONG)
def test_tables_that_do_not_fit_each_other_are_refused(name: str) -> None:
    good = tables() | {
        "ngrams": np.ones((50, 2), np.int8),
        "ngram_scale": np.ones(1, np.float32),
        "counts": np.ones(3, np.uint32),
    }
    assert Vectors(good).vector("слон") is not None
    with pytest.raises(ConfigError, match="fit"):
        Vectors({**good, name: WRONG[name]})


def test_a_word_with_a_hyphen_has_n_grams_and_a_sign_has_none() -> None:
    vectors = Vectors(
        tables() | {"ngrams": np.ones((50, 2), np.int8), "ngram_scale": np.ones(1, np.float32)}
    )
    assert vectors.vector("слон-слон") is not None
    assert [vectors.vector(word) for word in ("", "-", "2024", "😀")] == [None] * 4
