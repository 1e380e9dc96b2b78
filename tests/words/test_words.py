"""Words as arrays: letters, features, the dictionary.

Modules: words.chars, words.features, words.lexicon
"""

from __future__ import annotations

import unicodedata
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from helpers.lexicons import lexicon_tables
from helpers.strategies import DECOMPOSED, EMOJI, INVISIBLE, RUSSIAN, hostile_text
from hypothesis import given
from hypothesis import strategies as st

import pipekit
from pipekit import Batch, Doc, registry
from pipekit.words.chars import (
    LONGEST,
    from_strings,
    in_one_script,
    normal_spellings,
    normalize,
    to_strings,
)
from pipekit.words.features import FeatureMaker, shapes
from pipekit.words.lexicon import (
    ANALYSIS_KINDS,
    Analyses,
    Lexicon,
    find,
    pack_strings,
    unpack_strings,
)

WORDS = st.lists(
    st.one_of(
        st.text(RUSSIAN, min_size=1, max_size=8),
        st.sampled_from([*DECOMPOSED, *INVISIBLE, *EMOJI, "\u0306", "\u0308", "x1"]),
    ),
    min_size=1,
    max_size=12,
)


def described(words: list[str], **settings: Any) -> list[tuple[Any, ...]]:
    """The features of each word, comparable by ==."""
    columns, bags = FeatureMaker(ngrams=(2, 3), **settings).describe(from_strings(words))
    return [
        (
            columns[i].tolist(),
            *(bag.ids[bag.offsets[i] : bag.offsets[i + 1]].tolist() for bag in bags.values()),
        )
        for i in range(len(words))
    ]


@given(WORDS)
def test_a_word_has_the_same_features_wherever_it_stands(words: list[str]) -> None:
    together = described(words)
    assert together == [described([word])[0] for word in words]
    assert described(words[::-1]) == together[::-1]


@pytest.mark.parametrize("kind", ["prefix", "suffix"])
def test_an_affix_is_shared_by_the_longer_words_that_begin_or_end_with_it(kind: str) -> None:
    words = ["котом", "кот", "которые", "летом", "ом", "кит"]
    maker = FeatureMaker()
    columns, _ = maker.describe(from_strings(words))
    names = list(maker.column_sizes)
    for length in (1, 2, 3):
        numbers = columns[:, names.index(f"{kind}{length}")].tolist()
        for word, number in zip(words, numbers, strict=True):
            assert (number == 0) == (len(word) <= length)
        for i, j in combinations(range(len(words)), 2):
            if min(len(words[i]), len(words[j])) > length:
                edges = [w[:length] if kind == "prefix" else w[-length:] for w in words]
                assert (numbers[i] == numbers[j]) == (edges[i] == edges[j])


@given(st.sets(st.integers(0, 2**32 - 1), min_size=1), st.lists(st.integers(0, 2**32 - 1)))
def test_every_row_of_a_table_is_found_and_nothing_else(rows: set[int], others: list[int]) -> None:
    table = sorted(rows)
    keys = [*table, *others]
    found = find(np.array(table, np.uint32), np.array(keys, np.uint32)).tolist()
    assert found == [table.index(key) if key in rows else -1 for key in keys]


def test_a_mark_does_not_go_to_the_word_before_it() -> None:
    assert to_strings(normalize(from_strings(["мыши", "\u0306", "е", "\u0308да"]))) == [
        "мыши",
        "\u0306",
        "е",
        "\u0308да",
    ]


@given(WORDS)
def test_a_batch_tells_each_word_as_if_it_were_alone(words: list[str]) -> None:
    batch = Batch([Doc(words=words[:1]), Doc(words=words)])
    plain = batch.distinct.plain_strings
    assert [plain[i] for i in batch.distinct.index] == [
        to_strings(normalize(from_strings([word])))[0] for word in [words[0], *words]
    ]


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("й\u0306", None),
        ("Йод", unicodedata.normalize("NFD", "Йод")),
        ("ёлка", unicodedata.normalize("NFD", "ёлка")),
        ("замок", "за\u0301мок"),
        ("корова", "ко\u00adро\u200bва"),
        ("мед", "мёд"),
    ],
)
def test_what_reads_alike_has_like_features_but_for_its_shape(word: str, other: str | None) -> None:
    other = unicodedata.normalize("NFD", word) if other is None else other
    shape = 1 + 3 + 5  # behind the word, three prefixes and five suffixes
    one, two = described([word, other])
    assert one[0][:shape] == two[0][:shape]
    assert one[1:] == two[1:]


@given(st.text(RUSSIAN + "\u00e9\u0435\u0301", min_size=1, max_size=10))
def test_nfc_and_nfd_are_one_word(word: str) -> None:
    composed, decomposed = (
        normalize(from_strings([unicodedata.normalize(form, word)])) for form in ("NFC", "NFD")
    )
    if not set("éѓќ") & set(
        unicodedata.normalize("NFC", word).lower()
    ):  # letters of other languages: their marks are no stress
        assert to_strings(composed) == to_strings(decomposed)


@given(st.lists(hostile_text(4), max_size=8))
def test_equal_strings_have_equal_hashes_and_others_have_not(strings: list[str]) -> None:
    words = from_strings(strings)
    hashes = words.hashes(words.starts, words.ends).tolist()
    pairs = set(zip(strings, hashes, strict=True))
    assert len(pairs) == len(set(hashes)) == len(set(strings))


@pytest.mark.parametrize(
    ("word", "other"),
    [("Москва", "Казань"), ("НАТО", "СССР"), ("1999", "2024"), ("abc", "xyz"), ("😂", "👍")],
)
def test_words_of_one_pattern_have_one_shape(word: str, other: str) -> None:
    found = to_strings(shapes(from_strings([word, other, "x-У1"])))
    assert found[0] == found[1] != found[2]


def tiny_lexicon() -> Lexicon:
    return Lexicon(lexicon_tables())


def told(
    lexicon: Lexicon, found: Analyses, words: list[str]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """How each word was found, and its analyses: first grammeme, lemma."""
    answer = []
    for i, word in enumerate(words):
        rows = range(found.offsets[i], found.offsets[i + 1])
        firsts = [
            lexicon.grammemes[int(lexicon.tag_grammemes[found.tags[r]].argmax())] for r in rows
        ]
        lemmas = [lexicon.lemma(word, int(found.scripts[r])) for r in rows]
        answer.append((ANALYSIS_KINDS[found.kinds[i]], list(zip(firsts, lemmas, strict=True))))
    return answer


@pytest.mark.parametrize(
    ("word", "kind", "analyses"),
    [
        ("кот", "known", [("NOUN", "кот")]),
        ("кота", "known", [("NOUN", "кот"), ("VERB", "котать")]),
        ("рыба-кот", "part", [("NOUN", "рыба-кот")]),
        ("суперкота", "prefix", [("NOUN", "суперкот"), ("VERB", "суперкотать")]),
        ("ракета", "suffix", [("NOUN", "ракет")]),
        ("пёс", "unknown", []),
        ("", "unknown", []),
        ("-", "unknown", []),
        ("кот-", "unknown", []),
    ],
)
def test_a_word_is_looked_up_as_it_stands_then_by_its_parts(
    word: str, kind: str, analyses: list[tuple[str, str]]
) -> None:
    lexicon = tiny_lexicon()
    assert told(lexicon, lexicon.analyses(from_strings([word])), [word]) == [(kind, analyses)]


@given(
    st.lists(
        st.sampled_from(["кот", "кота", "ракета", "суперкот", "пёс", "", "рыба-кот", "кот-"]),
        max_size=10,
    )
)
def test_the_lexicon_says_the_same_of_a_word_in_any_company(words: list[str]) -> None:
    lexicon = tiny_lexicon()
    alone = [told(lexicon, lexicon.analyses(from_strings([word])), [word])[0] for word in words]
    assert told(lexicon, lexicon.analyses(from_strings(words)), words) == alone


def test_parts_that_hold_the_same_arrays_share_one_lexicon() -> None:
    arrays = tiny_lexicon().arrays
    one = Lexicon.shared(arrays)
    assert Lexicon.shared(dict(arrays)) is one
    assert Lexicon.shared(tiny_lexicon().arrays) is not one


@given(st.lists(st.text(RUSSIAN), min_size=1))
def test_packed_strings_come_back(strings: list[str]) -> None:
    assert unpack_strings(pack_strings(strings)) == strings


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    """The dictionary that ru_core holds."""
    if "ru_core" not in registry.pipelines.names():
        pytest.skip("ru_core is not installed: pip install ./plugins/ru_core")
    encoder: Any = pipekit.load("ru_core", device="cpu").encoders["main"]
    found = encoder.embed.maker.lexicon
    assert isinstance(found, Lexicon)
    return found


@pytest.mark.parametrize(
    ("word", "kind", "grammeme", "lemma"),
    [
        ("мыла", "known", "VERB", "мыть"),
        ("мыла", "known", "NOUN", "мыло"),
        ("стали", "known", "NOUN", "сталь"),
        ("стали", "known", "VERB", "стать"),
        ("лучшего", "known", "ADJF", None),
        ("по-моему", "known", "ADVB", "по-моему"),
        ("шмель-космонавта", "part", "NOUN", "шмель-космонавт"),
        ("бутявка", "suffix", "NOUN", "бутявка"),
    ],
)
def test_the_dictionary_knows_russian(
    lexicon: Lexicon, word: str, kind: str, grammeme: str, lemma: str | None
) -> None:
    found = lexicon.analyses(normalize(from_strings([word])))
    [(how, _)] = told(lexicon, found, [word])
    grammemes = [
        {g for g, on in zip(lexicon.grammemes, lexicon.tag_grammemes[t], strict=True) if on}
        for t in found.tags
    ]
    lemmas = [lexicon.lemma(word, int(script)) for script in found.scripts]
    assert how == kind
    assert any(
        grammeme in tag and lemma in (None, made)
        for tag, made in zip(grammemes, lemmas, strict=True)
    )


@given(st.lists(st.text(RUSSIAN + "-", max_size=12), max_size=10))
def test_the_dictionary_says_the_same_of_a_word_in_any_company(
    lexicon: Lexicon, words: list[str]
) -> None:
    plain = normalize(from_strings(words))
    together = told(lexicon, lexicon.analyses(plain), to_strings(plain))
    for word, expected in zip(to_strings(plain), together, strict=True):
        assert told(lexicon, lexicon.analyses(from_strings([word])), [word]) == [expected]


@pytest.mark.parametrize(
    ("word", "norm"),
    [
        ("М\u006fсква", "москва"),  # a Latin o
        ("\u0063разу", "сразу"),  # a Latin c
        ("\u0421NN", "cnn"),  # a Cyrillic С
        ("кофе-Pay\u0440al", "кофе-paypal"),
        ("SMSка", "smsка"),
        ("PDF-файл", "pdf-файл"),
        ("iPhone", "iphone"),
    ],
)
def test_letters_that_look_alike_are_those_of_the_alphabet_around_them(
    word: str,
    norm: str,
) -> None:
    assert normal_spellings([word]) == [norm]
    assert Doc(words=[word])[0].norm == norm


@given(st.lists(st.text("авекмabekmбдfg-1", max_size=8)))
def test_the_alphabet_of_a_word_is_its_own(words: list[str]) -> None:
    together = to_strings(in_one_script(from_strings(words)))
    alone = [to_strings(in_one_script(from_strings([word])))[0] for word in words]
    assert together == alone
    assert list(map(len, together)) == list(map(len, words))


def test_nothing_is_found_in_an_empty_table() -> None:
    table, keys = np.zeros(0, np.uint32), np.array([0, 7], np.uint32)
    assert find(table, keys).tolist() == [-1, -1]
    assert find(keys, table).tolist() == []


@pytest.mark.parametrize("before", [0, 1, 8_190, 8_191, 8_192, 8_193, 30_000])
def test_a_piece_has_the_same_hash_at_any_distance(before: int) -> None:
    words = from_strings(["а" * before, "мама", "мыла раму" * 2_000])
    alone = from_strings(["мама", "мыла раму" * 2_000]).word_hashes()
    assert words.word_hashes()[1:].tolist() == alone.tolist()


def test_the_hash_of_a_word_never_changes() -> None:
    """Features, dictionaries and vectors of saved pipelines are found by it."""
    hashes = from_strings(["", "мама", "x" * 20_000]).word_hashes()
    assert hashes.tolist() == [0, 15027313364823460151, 5122169498093606135]


@given(st.lists(st.integers(0, 3 * LONGEST), min_size=1, max_size=5))
def test_a_shortened_word_has_its_first_and_its_last_letters(lengths: list[int]) -> None:
    strings = ["".join(chr(0x430 + i % 32) for i in range(length)) for length in lengths]
    words = from_strings(["перед", *strings]).shortened(np.arange(1, len(strings) + 1))
    half = LONGEST // 2
    expected = [s if len(s) <= LONGEST else s[:half] + s[-half:] for s in strings]
    assert to_strings(words) == expected
