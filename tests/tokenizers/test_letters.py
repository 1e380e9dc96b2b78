"""Texts as letters.

Modules: tokenizers.letters
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import pipekit
from pipekit import Doc


def letters(text: str) -> Doc:
    nlp = pipekit.blank("ru")
    nlp.set_tokenizer("letters")
    return nlp(text)


def test_each_letter_is_a_token_and_a_text_a_sentence() -> None:
    doc = letters("5 мая\n2021")
    assert [token.text for token in doc] == list("5мая2021")
    assert doc.sents is not None and len(doc.sents) == 1


@given(st.text(max_size=30))
def test_tokens_and_white_space_give_the_text_back(text: str) -> None:
    doc = letters(text)
    assert "".join(token.text_with_ws for token in doc) == doc.text
    assert all(len(token.text) == 1 for token in doc)
