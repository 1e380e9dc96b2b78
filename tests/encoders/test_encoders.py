"""Encoders and what they are made of: features, lexicon, windows, padding."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from helpers.strategies import DECOMPOSED, EMOJI, INVISIBLE, RUSSIAN, hostile_text
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import pipekit
from pipekit import Batch, Doc, Pipeline, registry
from pipekit.encoders.bert.encoder import Bert
from pipekit.encoders.sequence import padded_groups
from pipekit.encoders.stack import sinusoids
from pipekit.errors import ConfigError
from pipekit.nn.padding import grid, length_groups, windows
from pipekit.nn.sequences import read_sequences, reverse
from pipekit.words.chars import from_strings, normalize, to_strings
from pipekit.words.features import FeatureMaker, shapes
from pipekit.words.lexicon import (
    ANALYSIS_KINDS,
    Analyses,
    Lexicon,
    pack_strings,
    short,
    unpack_strings,
)

NETWORK = {"width": 16, "heads": 2, "layers": 1}
SMALL = {"width": 16, "word_buckets": 500, "ngrams": [3]}
ENCODERS: dict[str, dict[str, Any]] = {
    "bilstm": {"type": "bilstm", "width": 16, "layers": 2},
    "lstm": {"type": "lstm", "width": 16, "forget_bias": 1.0},
    "gru": {"type": "gru", "width": 16, "skip": False},
    "rnn": {"type": "rnn", "width": 16},
    "mut1": {"type": "mut1", "width": 16, "layers": 2},
    "mut2": {"type": "mut2", "width": 32},
    "mut3": {"type": "mut3", "width": 16},
    "pre": {"type": "transformer", "width": 16, "heads": 2},
    "post": {
        "type": "transformer",
        "width": 16,
        "heads": 2,
        "positions": "learned",
        "norm": "post",
    },
    "bert": {"type": "bert", "network": NETWORK, "features": None},
    "bert, last piece": {
        "type": "bert",
        "network": NETWORK,
        "pool": "last",
        "subwords": {"algorithm": "wordpiece"},
    },
    "bert, disentangled": {
        "type": "bert",
        "family": "deberta_v2",
        "network": {**NETWORK, "relative": 20, "buckets": 8},
    },
    "bert, first piece": {
        "type": "bert",
        "network": NETWORK,
        "pool": "first",
        "mix": True,
        "features": None,
    },
}
WORDS = st.lists(
    st.one_of(
        st.text(RUSSIAN, min_size=1, max_size=8),
        st.sampled_from([*DECOMPOSED, *INVISIBLE, *EMOJI, "\u0306", "\u0308", "x1"]),
    ),
    min_size=1,
    max_size=12,
)
LENGTHS = st.lists(st.integers(0, 60), max_size=12).map(
    lambda lengths: np.array(lengths, dtype=np.int64)
)


def pipeline(settings: dict[str, Any]) -> Pipeline:
    torch.manual_seed(3)
    nlp = pipekit.blank("ru").with_precision("float32")
    complete, tables = {"features": SMALL, **settings}, None
    if settings["type"] == "bert":
        complete, tables = Bert.prepare(complete, docs(60, 59))
    nlp.add_encoder("main", tables=tables, **complete)
    return nlp


def vectors(nlp: Pipeline, docs: list[Doc]) -> list[torch.Tensor]:
    """What the encoder says of each document, all of them in one batch."""
    with torch.inference_mode():
        batch = nlp.batch(docs)
        return [batch.vectors("main")[start:end] for start, end in pairwise(batch.offsets.tolist())]


def docs(*lengths: int) -> list[Doc]:
    """Documents of so many different words each, one sentence all."""
    return [
        Doc(words=[f"к{'от'[k % 2] * (1 + (k + length) % 5)}{k}" for k in range(length)])
        for length in lengths
    ]


@pytest.fixture(params=ENCODERS, ids=str)
def encoder(request: pytest.FixtureRequest) -> dict[str, Any]:
    return ENCODERS[request.param]


# -- every encoder


def test_each_token_has_a_vector_of_the_width_that_is_promised(encoder: dict[str, Any]) -> None:
    nlp = pipeline(encoder)
    for doc, found in zip(docs(0, 1, 5), vectors(nlp, docs(0, 1, 5)), strict=True):
        assert found.shape == (len(doc), nlp.encoders["main"].width)
        assert found.isfinite().all()


def test_no_document_at_all_has_no_vectors(encoder: dict[str, Any]) -> None:
    nlp = pipeline(encoder)
    assert vectors(nlp, []) == []
    assert [len(found) for found in vectors(nlp, docs(0, 0))] == [0, 0]


def test_what_travels_along_never_changes_an_answer(encoder: dict[str, Any]) -> None:
    nlp = pipeline(encoder)
    together = vectors(nlp, docs(3, 40, 1, 0, 17))
    for doc, found in zip(docs(3, 40, 1, 0, 17), together, strict=True):
        [alone] = vectors(nlp, [doc])
        torch.testing.assert_close(found, alone, atol=1e-5, rtol=1e-4)


def test_sentences_of_a_document_are_read_apart(encoder: dict[str, Any]) -> None:
    nlp = pipeline(encoder)
    [doc] = docs(12)
    doc.tokens.set("sent_start", [i in (0, 5) for i in range(12)])
    [found] = vectors(nlp, [doc])
    parts = vectors(nlp, [doc.part(0, 5), doc.part(5, 12)])
    torch.testing.assert_close(found, torch.cat(parts), atol=1e-5, rtol=1e-4)


def test_a_word_at_the_other_end_of_a_sentence_makes_a_difference(encoder: dict[str, Any]) -> None:
    one, other = vectors(
        pipeline(encoder), [Doc(words=["кот", "мама", "тот"]), Doc(words=["кот", "мама", "Окно"])]
    )
    assert not torch.allclose(one[0], other[0])


def test_a_long_sentence_is_read_in_windows_and_every_word_has_an_answer(
    encoder: dict[str, Any],
) -> None:
    short = {"bert": {"network": {**NETWORK, "positions": 18}}, "transformer": {"window": 16}}
    nlp = pipeline({**encoder, **short.get(encoder["type"], {"window": 16, "overlap": 4})})
    found = vectors(nlp, docs(100, 3))
    assert [len(one) for one in found] == [100, 3]
    assert torch.cat(found).isfinite().all()


def test_a_window_reads_what_lies_in_it_and_nothing_else() -> None:
    nlp = pipeline({"type": "gru", "width": 16, "window": 16, "overlap": 4})
    [doc] = docs(28)
    [found] = vectors(nlp, [doc])
    first, second = vectors(nlp, [doc.part(0, 16), doc.part(12, 28)])
    torch.testing.assert_close(found, torch.cat([first[:14], second[2:]]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {"type": "gru", "window": 9, "overlap": 9},
        {"type": "gru", "window": 9},
        {"type": "transformer", "window": 0},
    ],
)
def test_windows_that_are_all_overlap_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="window = "):
        pipeline(settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"type": "bilstn"}, r"Did you mean 'bilstm'\?"),
        ({"type": "bilstm", "widht": 8}, r"takes no 'widht'. Did you mean 'width'\?"),
        (
            {"type": "bilstm", "features": {"sufixes": [1]}},
            r"take no 'sufixes'. Did you mean 'suffixes'\?",
        ),
        (
            {"type": "transformer", "width": 10, "heads": 4},
            "width 10 cannot be shared among 4 heads",
        ),
        ({"type": "transformer", "norm": "pra"}, "takes no norm = 'pra'"),
        ({"type": "transformer", "positions": "learnt"}, r"Did you mean 'learned'\?"),
        ({"type": "bert", "pool": "max"}, "takes no pool = 'max'"),
        ({"type": "bert", "family": "rboerta"}, r"Did you mean 'roberta'\?"),
        (
            {"type": "bert", "network": {"postions": 9}},
            r"takes no 'postions'. Did you mean 'positions'\?",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_near(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        pipeline(settings)


# -- what they are made of: padding and windows


@given(LENGTHS)
def test_reading_backwards_twice_is_reading_forwards(lengths: NDArray[np.int64]) -> None:
    _, inside = grid(np.zeros_like(lengths), lengths)
    order = reverse(torch.from_numpy(inside))
    assert order[order].tolist() == list(range(inside.size))


def test_a_reversed_sequence_stays_within_its_length_and_padding_stays() -> None:
    inside = torch.tensor([[True, True, True, False], [True, True, True, True], [False] * 4])
    assert reverse(inside).view(3, 4).tolist() == [[2, 1, 0, 3], [7, 6, 5, 4], [8, 9, 10, 11]]


@given(LENGTHS)
def test_a_grid_names_each_row_once_and_pads_with_the_first(lengths: NDArray[np.int64]) -> None:
    starts = np.cumsum(lengths) - lengths
    rows, inside = grid(starts, lengths)
    assert rows[inside].tolist() == list(range(int(lengths.sum())))
    assert inside.sum(1).tolist() == lengths.tolist()
    assert (rows[~inside] == np.broadcast_to(starts[:, None], rows.shape)[~inside]).all()


@given(LENGTHS, st.integers(1, 20), st.data())
def test_windows_answer_for_every_row_exactly_once(
    lengths: NDArray[np.int64], limit: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, limit - 1))
    borders = np.concatenate([[0], np.cumsum(lengths)])
    plan = windows(borders, limit, overlap)
    answered = [
        row
        for first, last in zip(plan.first.tolist(), plan.last.tolist(), strict=True)
        for row in range(first, last)
    ]
    assert answered == list(range(int(borders[-1])))
    assert (plan.length <= limit).all()
    assert ((plan.start <= plan.first) & (plan.last <= plan.start + plan.length)).all()


@given(LENGTHS, st.integers(2, 20))
def test_each_answer_has_half_the_overlap_around_it_or_the_end_of_its_sequence(
    lengths: NDArray[np.int64], limit: int
) -> None:
    overlap = limit // 2
    borders = np.concatenate([[0], np.cumsum(lengths)])
    plan = windows(borders, limit, overlap)
    stop = plan.start + plan.length
    assert (np.isin(plan.start, borders) | (plan.first - plan.start >= overlap // 2)).all()
    assert (np.isin(stop, borders) | (stop - plan.last >= overlap // 2)).all()


@given(LENGTHS, st.integers(1, 200))
def test_groups_hold_each_sequence_once_and_keep_to_their_cells(
    lengths: NDArray[np.int64], cells: int
) -> None:
    found = length_groups(lengths, cells)
    assert sorted(row for group in found for row in group.tolist()) == list(range(len(lengths)))
    assert all(len(group) == 1 or len(group) * lengths[group].max() <= cells for group in found)


@given(LENGTHS, st.integers(2, 20), st.integers(1, 100))
def test_padded_groups_answer_for_every_row_once(
    lengths: NDArray[np.int64], limit: int, cells: int
) -> None:
    plan = windows(np.concatenate([[0], np.cumsum(lengths)]), limit, limit // 2)
    answered = []
    for rows, inside, cell, row in padded_groups(plan, cells, torch.device("cpu")):
        assert inside.flatten()[cell].all()
        assert torch.equal(rows.flatten()[cell], row)
        answered += row.tolist()
    assert sorted(answered) == list(range(int(lengths.sum())))


@pytest.mark.parametrize(
    "more", [{}, {"layers": 2, "mix": True}, {"bidirectional": False}, {"window": 8, "overlap": 4}]
)
@pytest.mark.parametrize("name", ["gru", "rnn", "bilstm"])
def test_packed_sequences_and_padded_ones_say_the_same(
    name: str, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp = pipeline({**ENCODERS[name], **more})
    given = docs(60, 59)
    kind = type(nlp.encoders["main"])
    found = []
    for packs in (True, False):
        monkeypatch.setattr(kind, "packs", packs)
        found.append(torch.cat(vectors(nlp, given)))
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=0)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12).map(np.array))
def test_a_layer_over_sentences_says_when_it_works_what_it_said_when_it_learned(
    lengths: NDArray[np.int64],
) -> None:
    torch.manual_seed(0)
    layer, values = (
        torch.nn.LSTM(5, 3, batch_first=True, bidirectional=True),
        torch.randn(int(lengths.sum()), 5),
    )
    borders = np.concatenate([[0], np.cumsum(lengths)])
    learning = read_sequences(layer.train(), values, borders)
    torch.testing.assert_close(
        read_sequences(layer.eval(), values, borders), learning, atol=1e-6, rtol=0
    )
    alone = [layer(values[start:end][None])[0][0] for start, end in pairwise(borders.tolist())]
    torch.testing.assert_close(torch.cat(alone), learning, atol=1e-6, rtol=0)


@pytest.mark.parametrize("width", [1, 2, 7, 16])
def test_sinusoids_are_those_of_the_paper(width: int) -> None:
    table = sinusoids(5, width)
    for position in range(5):
        for i in range(width):
            angle = position / 10_000 ** (2 * (i // 2) / width)
            assert table[position, i].item() == pytest.approx(
                np.cos(angle) if i % 2 else np.sin(angle), abs=1e-5
            )


# -- features


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


# -- the lexicon


def tiny_lexicon() -> Lexicon:
    """A noun, a made-up verb, a prefix and an ending.

    кот/кота (a noun), кота as a form of "котать", the prefix "супер", the ending "-ота".
    """

    def hashes(*strings: str) -> NDArray[np.uint32]:
        words = from_strings(list(strings))
        return short(words.hashes(words.starts, words.ends))

    endings = hashes("", "а")
    order = np.argsort(endings)
    nominative, genitive = order.argsort().tolist()
    keys = (
        np.array([nominative, genitive], dtype=np.uint32) * 2 << 16
    )  # 2: forms have no prefix, or "наи"
    by_key = np.argsort(keys)
    arrays: dict[str, Any] = {
        "grammemes": pack_strings(["NOUN", "VERB", "nomn", "gent"]),
        "tag_grammemes": np.array([[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 0, 0]], dtype=np.uint8),
        "stem_hashes": hashes("кот"),
        "stem_paradigms": np.array([0], dtype=np.uint16),
        "ending_hashes": endings[order],
        "pair_keys": keys[by_key],
        "pair_sets": np.array([0, 1], dtype=np.uint16)[by_key],
        "set_sizes": np.array([1, 2, 1], dtype=np.uint8),
        "set_tags": np.array([0, 1, 2, 1], dtype=np.uint16),
        "set_scripts": np.array([0, 1, 2, 1], dtype=np.uint16),
        "guess_hashes": hashes("ета"),
        "guess_sets": np.array([[2, -1, -1]], dtype=np.int32),
        "form_prefixes": pack_strings(["наи"]),
        "prefixes": pack_strings(["супер"]),
        "longest_ending": np.array([1]),
        "script_cuts": np.array([[0, 0], [0, 1], [0, 0]], dtype=np.uint8),
        "script_tails": pack_strings(["", "", "ть"]),
    }
    return Lexicon(arrays)


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
