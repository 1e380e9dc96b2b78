"""The words of a batch as pieces.

Modules: parts.pieces
"""

from __future__ import annotations

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from pipekit import Doc
from pipekit.parts.batch import Batch
from pipekit.parts.pieces import cut_words
from pipekit.subwords.cutter import Subwords
from pipekit.subwords.learning import learn_subwords


@cache
def subwords() -> Subwords:
    return learn_subwords(["Мама мыла раму", "а мама рамы"], "bpe", 40)


WORDS = st.lists(st.sampled_from(["Мама", "мыла", "раму", "ам", ",", "ё"]), max_size=6)


@given(st.lists(st.tuples(WORDS, st.booleans()), max_size=4))
def test_words_have_the_pieces_that_each_has_alone(texts: list[tuple[list[str], bool]]) -> None:
    docs = [Doc(words=words, spaces=[has_spaces] * len(words)) for words, has_spaces in texts]
    batch = Batch(docs)
    ids, borders = cut_words(batch, subwords())
    expected: list[int] = []
    words = [word for doc in docs for word in doc.words]
    for word, is_spaced in zip(words, batch.spaced.tolist(), strict=True):
        expected += subwords().cut([word], [is_spaced]).ids.tolist()
    assert ids.tolist() == expected
    assert len(borders) == len(batch) + 1 and borders[-1] == len(ids)
