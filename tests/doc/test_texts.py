"""Texts that components have written to a Doc.

Modules: doc.texts
"""

from __future__ import annotations

import numpy as np
import pytest

from pipekit import Doc
from pipekit.doc.layer import span_layer


def translated() -> Doc:
    doc = Doc(words=["Мама", "мыла", "раму", ".", "Да", "."], spaces=[True] * 6)
    doc.tokens.set("sent_start", np.array([1, 0, 0, 0, 1, 0], dtype=bool))
    layer = span_layer([0, 4], [4, 6], scores=[-0.5, -0.25])
    doc.layers["translation"] = layer.set("text", ["Mother washed the frame.", "Yes."])
    return doc


def test_texts_stand_beside_what_they_are_for() -> None:
    doc = translated()
    assert list(doc.texts) == ["translation"] and len(doc.texts) == 1
    first, second = doc.texts["translation"]
    assert (first.text, first.span.text) == ("Mother washed the frame.", "Мама мыла раму .")
    assert second.score == pytest.approx(-0.25)
    assert repr(doc.texts) == "{'translation': ['Mother washed the frame.', 'Yes.']}"


def test_they_survive_bytes_dicts_and_parts() -> None:
    doc = translated()
    for again in (Doc.from_bytes(doc.to_bytes()), Doc.from_dict(doc.to_dict()), doc.copy()):
        texts = [(text.text, text.span.start) for text in again.texts["translation"]]
        assert texts == [("Mother washed the frame.", 0), ("Yes.", 4)]


def test_a_name_without_texts_is_told_what_there_is() -> None:
    doc = translated()
    doc.ents = [doc[0:1]]
    assert "ents" not in doc.texts
    with pytest.raises(KeyError, match=r"no texts 'translations'.*translation"):
        doc.texts["translations"]


def test_perplexity_is_none_where_nobody_has_read() -> None:
    doc = Doc(words=["а", "б"])
    assert doc.perplexity is None
    doc.tokens.set("surprisal", np.array([1.0, 3.0], np.float32))
    assert doc.perplexity == 4.0
    assert Doc(words=[]).perplexity is None
