"""What the splitter of sentences knows of abbreviations, names, brackets and quotation marks.

Modules: tokenizers.border_features, tokenizers.capitals, tokenizers.enclosures, tokenizers.gaps,
tokenizers.stems, tokenizers.word_bits
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipekit.tokenizers.capitals import capital_classes, capital_table, load_capitals
from pipekit.tokenizers.enclosures import enclosure_columns
from pipekit.tokenizers.gaps import SplitterTokens, border_candidates, edge_kinds, line_breaks
from pipekit.tokenizers.kinds import CharKind
from pipekit.tokenizers.rules import RuleTokenizer, language_data
from pipekit.tokenizers.stems import Stems
from pipekit.words import chars
from pipekit.words.arrays import Hashes, Ints

TOKENIZER = RuleTokenizer("ru")
STEMS = Stems(language_data("ru")["followed_by"], load_capitals("ru"))


def tokens_of(text: str) -> SplitterTokens:
    return TOKENIZER.tokens(text, np.zeros(1, np.int64), np.array([len(text)]))


def gap_before(tokens: SplitterTokens, text: str, word: str) -> tuple[Ints, Ints, Ints]:
    """The gap before a word, and the whole text as its paragraph."""
    place = int(np.searchsorted(tokens.starts, text.index(word)))
    return np.array([place]), np.zeros(1, np.int64), np.array([len(tokens.starts)])


def stem_columns(text: str, word: str) -> dict[str, Hashes]:
    tokens = tokens_of(text)
    return STEMS.columns(tokens, *gap_before(tokens, text, word))


def hashes_of(words: list[str]) -> Hashes:
    return chars.normalize(chars.from_strings(words)).word_hashes()


def test_names_have_capitals_and_other_words_do_not() -> None:
    names = capital_classes(load_capitals("ru"), hashes_of(["Петров", "Омске", "Москву"]))
    others = capital_classes(load_capitals("ru"), hashes_of(["дорога", "он", "скидок"]))
    unseen = capital_classes(load_capitals("ru"), hashes_of(["ъыьъыь", "ххжжхх"]))
    assert min(names) >= 5
    assert set(others) == {1}
    assert set(unseen) == {0}


@given(
    words=st.lists(st.text("абвгдежз", min_size=1, max_size=6), min_size=1, unique=True),
    share=st.floats(0, 1),
)
def test_a_table_of_capitals_tells_what_it_was_made_of(words: list[str], share: float) -> None:
    table = capital_table(words, [share] * len(words))
    classes = capital_classes(table, hashes_of(words))
    last = classes[-1]
    assert 1 <= last <= 6
    assert set(classes) <= {0, last}  # two words may share a row, of which the last stays


@pytest.mark.parametrize("text", ["Пришёл асп. Лебедев.", "Пришёл АСП. Лебедев."])
def test_an_abbreviation_is_told_by_its_list_with_a_period_of_its_own_or_not(text: str) -> None:
    """«проф.» is one token and «асп.» two, for the tokenizer knows only the former."""
    joined = stem_columns("Пришёл проф. Лебедев.", "Лебедев")
    apart = stem_columns(text, "Лебедев")
    assert apart["stem"] == joined["stem"]
    assert apart["prior"] == joined["prior"]
    assert apart["share1"] == joined["share1"]
    assert apart["word0"] != joined["word0"]


def test_without_a_period_there_is_no_stem() -> None:
    assert stem_columns("Куда? Туда.", "Туда")["stem"] == 0


def enclosed(text: str, word: str) -> dict[str, int]:
    tokens = tokens_of(text)
    columns = enclosure_columns(tokens, edge_kinds(tokens), *gap_before(tokens, text, word))
    return {name: int(values[0]) for name, values in columns.items()}


@pytest.mark.parametrize(("left", "right"), ["«»", '""', "“”", "„“", "()", "[]"])
def test_marks_enclose_what_stands_between_them(left: str, right: str) -> None:
    text = f"Он: {left}Стой! Куда ты?{right} - и ушёл. Потом пришёл."
    columns = enclosed(text, "Куда")
    assert columns["inside"] == CharKind.DASH + 1
    assert columns["lead"] == CharKind.COLON + 1
    assert enclosed(text, "Потом")["inside"] == 0


def test_a_mark_that_never_closes_encloses_nothing() -> None:
    assert enclosed("Он: «Стой! Куда ты? Потом ушёл.", "Куда")["inside"] == 0


def test_a_blank_line_ends_a_sentence_and_a_line_break_does_not() -> None:
    tokens = tokens_of("Раз\nдва\n\nтри")
    begins, newlines = line_breaks(tokens)
    assert begins.tolist() == [True, False, True]
    assert newlines.tolist() == [False, True, False]


def test_a_small_letter_behind_a_word_begins_no_sentence() -> None:
    tokens = tokens_of("Мама мыла Раму. Папа")
    begins, newlines = line_breaks(tokens)
    places = border_candidates(tokens, begins, newlines)
    assert places.tolist() == [2, 4]
