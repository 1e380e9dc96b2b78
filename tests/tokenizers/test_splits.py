"""Words that a setting of the tokenizer cuts.

Modules: tokenizers.splits
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pipekit
from pipekit.errors import ConfigError

SPLITS = {"чтоли": ["что", "ли"], "дай-ка": ["дай", "-", "ка"], "т.е.": ["т.", "е."]}


def test_words_are_cut_letter_for_letter_and_the_file_keeps_that() -> None:
    nlp = pipekit.blank("ru")
    nlp.set_tokenizer("ru", splits=SPLITS)
    text = "Ну чтоли, дай-ка т.е. чтолиб Чтоли"
    expected = ["Ну", "что", "ли", ",", "дай", "-", "ка", "т.", "е.", "чтолиб", "Чтоли"]
    assert nlp(text).words == expected
    assert pipekit.from_bytes(nlp.to_bytes())(text).words == expected


@pytest.mark.parametrize("pieces", [["что", "то"], ["что ", "ли"]])
def test_pieces_that_are_not_their_word_are_refused(pieces: list[str]) -> None:
    with pytest.raises(ConfigError, match="'чтоли' cannot be cut into"):
        pipekit.blank("ru").set_tokenizer("ru", splits={"чтоли": pieces})


texts = st.lists(st.sampled_from([*SPLITS, "кот", " ", ". ", "\n\n"]), max_size=8).map("".join)


@given(st.lists(texts, max_size=3))
@settings(max_examples=50, deadline=None)
def test_no_other_word_is_cut(every: list[str]) -> None:
    """Sentences may change with the words that their borders are judged by."""
    plain = pipekit.blank("ru")
    cutting = pipekit.blank("ru")
    cutting.set_tokenizer("ru", splits=SPLITS)
    for before, after in zip(plain.pipe(every), cutting.pipe(every), strict=True):
        words = []
        for word in before.words:
            words += SPLITS.get(word, [word])
        assert after.words == words
