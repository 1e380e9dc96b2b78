"""Tokens and sentences of Russian: cases, borders, texts of any kind.

Modules: tokenizers.kinds, tokenizers.rules, tokenizers.sentences, tokenizers.special
"""

from __future__ import annotations

import time
import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from helpers.cases import read_cases
from helpers.strategies import SPACES, hostile_text
from hypothesis import assume, given
from hypothesis import strategies as st

from pipekit.errors import ConfigError
from pipekit.parts.protocols import Segments
from pipekit.tokenizers import RuleTokenizer, WhitespaceTokenizer

TOKENIZERS = {"rules": RuleTokenizer("ru"), "whitespace": WhitespaceTokenizer()}
RULES = TOKENIZERS["rules"]

either_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS.keys())


def tokens(text: str, segments: Segments) -> list[str]:
    return [text[start:end] for start, end in zip(segments.starts, segments.ends, strict=True)]


def with_gaps(text: str, segments: Segments) -> str:
    """Tokens and the whitespace after each, as they are put together again."""
    following = [*segments.starts[1:], len(text)] if len(segments.starts) else []
    spaces = [text[end:start] for end, start in zip(segments.ends, following, strict=True)]
    assert not any(space.strip() for space in spaces)
    return "".join(
        token + space for token, space in zip(tokens(text, segments), spaces, strict=True)
    )


def shifted(segments: Segments, offset: int) -> list[tuple[int, int, bool]]:
    return [
        (s + offset, e + offset, f)
        for s, e, f in zip(*(column.tolist() for column in segments), strict=True)
    ]


@pytest.mark.parametrize("case", read_cases("tokens_ru.txt"))
def test_a_bar_stands_between_tokens(case: str) -> None:
    text = case.replace("|", "")
    assert tokens(text, RULES.segment([text])[0]) == [
        token.strip() for token in case.split("|") if token.strip()
    ]


@pytest.mark.parametrize("case", read_cases("sentences_ru.txt"))
def test_two_bars_stand_between_sentences(case: str) -> None:
    case = case.replace("\\n", "\n")
    text = case.replace("||", "")
    segments = RULES.segment([text])[0]
    begins = [*segments.starts[segments.sentence_starts], len(text)]
    found = [text[start:end].strip() for start, end in pairwise(begins)]
    assert found == [sentence.strip() for sentence in case.split("||")]


@either_tokenizer
@given(text=hostile_text())
def test_tokens_and_whitespace_give_the_text_back(tokenizer: RuleTokenizer, text: str) -> None:
    assert with_gaps(text, tokenizer.segment([text])[0]) == text


@either_tokenizer
@given(text=hostile_text())
def test_tokens_are_in_order_not_empty_and_without_whitespace(
    tokenizer: RuleTokenizer, text: str
) -> None:
    starts, ends, _ = segments = tokenizer.segment([text])[0]
    assert (starts < ends).all() and (ends[:-1] <= starts[1:]).all()
    inner = tokens(text, segments)[1 if text[:1].isspace() else 0 :]
    assert not any(character.isspace() for token in inner for character in token)


@either_tokenizer
@given(space=st.sampled_from(SPACES), rest=hostile_text())
def test_leading_whitespace_is_one_token(tokenizer: RuleTokenizer, space: str, rest: str) -> None:
    text = space + rest
    assert tokens(text, tokenizer.segment([text])[0])[0] == text[: len(text) - len(text.lstrip())]


@either_tokenizer
@given(text=hostile_text())
def test_sentences_partition_the_tokens(tokenizer: RuleTokenizer, text: str) -> None:
    starts, ends, first = tokenizer.segment([text])[0]
    assert len(starts) == len(ends) == len(first)
    assert first[:1].all()


@either_tokenizer
@given(texts=st.lists(hostile_text(8), max_size=5))
def test_a_list_gives_what_its_texts_give_alone(tokenizer: RuleTokenizer, texts: list[str]) -> None:
    together = tokenizer.segment(texts)
    assert [shifted(segments, 0) for segments in together] == [
        shifted(tokenizer.segment([text])[0], 0) for text in texts
    ]


@given(before=hostile_text(), after=hostile_text())
def test_a_blank_line_separates_texts(before: str, after: str) -> None:
    assume(before.strip() and not after[:1].isspace())
    one, other = RULES.segment([before, after])
    whole = RULES.segment([f"{before}\n\n{after}"])[0]
    assert shifted(whole, 0) == shifted(one, 0) + shifted(other, len(before) + 2)


@given(text=st.text("абвйё -.,!?ЙЁ", max_size=40))
def test_decomposed_letters_are_cut_like_composed_ones(text: str) -> None:
    decomposed = unicodedata.normalize("NFD", text)
    composed = [
        unicodedata.normalize("NFC", token)
        for token in tokens(decomposed, RULES.segment([decomposed])[0])
    ]
    assert composed == tokens(text, RULES.segment([text])[0])


@pytest.mark.parametrize(
    "mark", ["\u0301", "\u00ad", "\u200b", "\u200d", "\u2060", "\ufeff", "\u200e", "\ufe0f"]
)
def test_invisible_characters_stay_inside_words(mark: str) -> None:
    text = f"слово{mark}форма и кто-то{mark}, да"
    assert tokens(text, RULES.segment([text])[0]) == [
        f"слово{mark}форма",
        "и",
        f"кто-то{mark}",
        ",",
        "да",
    ]


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u2009", "\u3000", "\u2028", "\t", "\x1f"])
def test_every_unicode_space_is_a_gap(space: str) -> None:
    text = f"20{space}000{space}{space}руб."
    assert tokens(text, RULES.segment([text])[0]) == ["20", "000", "руб."]


@either_tokenizer
def test_an_empty_text_has_no_tokens(tokenizer: RuleTokenizer) -> None:
    assert tokenizer.segment([]) == []
    assert [len(segments.starts) for segments in tokenizer.segment(["", "", "да", ""])] == [
        0,
        0,
        1,
        0,
    ]


@either_tokenizer
def test_arrays_have_the_promised_types(tokenizer: RuleTokenizer) -> None:
    for segments in tokenizer.segment(["", " ", "Да. Нет."]):
        assert [column.dtype for column in segments] == [np.int32, np.int32, np.bool_]


def test_added_abbreviations_keep_their_period() -> None:
    text = "Наш ночн. сторож. Он спит."
    assert "ночн." not in tokens(text, RULES.segment([text])[0])
    assert "ночн." in tokens(text, RuleTokenizer(abbreviations=["ночн."]).segment([text])[0])


@pytest.mark.parametrize("word", ["Яндекс.Еда", "(с)", "R&D", "а/м", "Ж.-Ж.", ":-Ъ"])
def test_added_specials_are_kept_whole(word: str) -> None:
    text = f"Это {word}, а это {word}"
    assert tokens(text, RuleTokenizer(special={"words": [word]}).segment([text])[0]) == [
        "Это",
        word,
        ",",
        "а",
        "это",
        word,
    ]


@pytest.mark.parametrize("lang", ["xx", "../ru", "", "ru.toml"])
def test_a_language_without_rules_is_an_error(lang: str) -> None:
    with pytest.raises(ValueError, match="no tokenization rules"):
        RuleTokenizer(lang)


def seconds_for(text: str) -> float:
    """The processor's time for the tokens of a text, the least of five."""
    seconds = []
    for _ in range(5):
        begin = time.process_time()
        RULES.segment([text])
        seconds.append(time.process_time() - begin)
    return min(seconds)


@pytest.mark.parametrize(
    "unit", ["Мама мыла раму. ", "а", "кто-то", ")", "т.е.", "@а", "1,", "«»", "a.ru/", ":D"]
)
def test_eight_times_the_text_takes_no_more_than_twenty_times_as_long(unit: str) -> None:
    """With the square of the text it would take 64 times as long."""
    small = unit * (16_000 // len(unit))
    assert seconds_for(small * 8) < 20 * max(seconds_for(small), 0.001)


@pytest.mark.parametrize("sign", ["+", "а&", "1+", "="])
def test_a_word_behind_a_sign_eight_times_as_long_takes_no_more_than_twenty_times(
    sign: str,
) -> None:
    """Here the last branch of the pattern reads the word."""
    small = sign + "а" * 500
    large = sign + "а" * 4_000
    assert seconds_for(large) < 20 * max(seconds_for(small), 0.001)


def test_a_run_of_many_characters_is_cut() -> None:
    for unit in ("а", "а-", ")", "@", "a.", "😂", "\u0301", "1,"):
        text = unit * (200_000 // len(unit))
        assert with_gaps(text, RULES.segment([text])[0]) == text


def test_tokens_that_stay_whole_are_bounded() -> None:
    tokens = [f"слово-{number:09}" for number in range(1_000)]
    with pytest.raises(ConfigError, match=r"special has more than .* characters: keep fewer"):
        RuleTokenizer(special={f"kind {number}": tokens for number in range(99)})
