"""Word vectors: looked up when asked, never saved with a document."""

from __future__ import annotations

import numpy as np
import pytest

import pipekit
from pipekit import Doc, store
from pipekit.chars import from_strings
from pipekit.errors import ConfigError, DataError, DocError
from pipekit.lexicon import short
from pipekit.vectors import Vectors, packed

NAMES = ["кот", "кошка", "дом"]


def tables() -> dict[str, np.ndarray]:
    words = from_strings([*NAMES, "коты"])
    hashes = short(words.hashes(words.starts, words.ends))
    order = np.argsort(hashes)
    values = np.array([[100, 0], [90, 40], [0, 100]], np.int8)
    return {"hashes": hashes[order], "rows": np.array([0, 1, 2, 0], np.uint16)[order], "values": values,
            "scale": np.array([0.01], np.float32), "names": packed(NAMES)}


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


def test_a_pipeline_lends_vectors_and_a_document_saves_none(tmp_path) -> None:
    store.save(tmp_path / "v.pipekit", {}, tables())
    nlp = pipekit.blank("ru")
    bare = nlp("Кот и кошка.").to_bytes()
    nlp.add_pipe("embeddings", vectors=str(tmp_path / "v.pipekit"))
    doc = nlp("Кот и кошка.")
    assert doc.to_bytes() == bare
    assert doc[0].similarity(doc[2]) > 0.9
    assert doc[:1].similarity(doc) > 0.9
    assert doc[1].vector is None
    again = pipekit.from_bytes(nlp.to_bytes())
    assert again.most_similar("кот") == nlp.most_similar("кот")
    assert Doc.from_bytes(bare).vector is None
    with pytest.raises(DocError, match="embeddings"):
        Doc.from_bytes(bare).similarity(doc)
