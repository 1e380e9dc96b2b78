"""Subwords: vocabularies that are learned, vocabularies of others, and what holds of every cut.

Modules: subwords.cutter, subwords.learning, subwords.published, subwords.sentencepiece
"""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.strategies import hostile_text
from helpers.tiny import ten
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipekit.errors import ConfigError, PipekitError, PipekitFormatError
from pipekit.subwords.cutter import SPECIAL, START, Subwords, from_text
from pipekit.subwords.learning import learn_subwords, text_of, text_of_whole
from pipekit.subwords.published import FILES, from_settings, read_vocabulary, unprefixed
from pipekit.subwords.sentencepiece import fields, tokenizer_json

tokenizers = pytest.importorskip(
    "tokenizers", reason="tokenizers is not installed: pip install tokenizers"
)

SENTENCES = [
    "Мама мыла раму.",
    "Кто-то и 3 кота живут в Москве!",
    "Он спросил: «Где зонт?»",
    "Ёжик ел йод — 10 000 г.",
    "Hello, world…",
]
TEXTS = [doc.text for doc in ten()] + SENTENCES
LETTERS = "абвгдеиклмнорст"


@cache
def learned(algorithm: str) -> Subwords:
    return learn_subwords([text_of(doc) for doc in ten()] * 3, algorithm, size=120)


@cache
def byte_level() -> Subwords:
    """Made by the library that others use, with the prefix that it has there."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS * 5, trainer)
    return from_text(json.dumps(unprefixed(json.loads(tokenizer.to_str()))))


MADE: dict[str, Callable[[], Subwords]] = {
    "bpe": lambda: learned("bpe"),
    "unigram": lambda: learned("unigram"),
    "wordpiece": lambda: learned("wordpiece"),
    "bytes": byte_level,
}


@pytest.fixture(params=MADE, ids=str, scope="module")
def subwords(request: pytest.FixtureRequest) -> Subwords:
    return MADE[request.param]()


def pieces(
    subwords: Subwords, words: list[str], spaced: list[bool] | None = None
) -> list[list[str]]:
    """How the pieces of each word are written."""
    cut = subwords.cut(words, spaced or [True] * len(words))
    return [subwords.spell(cut.ids[start:end]) for start, end in pairwise(cut.borders.tolist())]


# -- every cut

HOSTILE = st.lists(
    st.one_of(
        hostile_text(3), st.sampled_from([*SPECIAL, "<s>", "<mask>", "</s>[SEP]", "x" * 300])
    ),
    max_size=8,
)


@given(HOSTILE, st.randoms(use_true_random=False))
def test_every_word_has_a_piece_whatever_it_is_of(
    subwords: Subwords, words: list[str], random: Any
) -> None:
    cut = subwords.cut(words, [random.random() < 0.5 for _ in words])
    assert len(cut.borders) == len(words) + 1
    assert (np.diff(cut.borders) >= 1).all()
    assert cut.borders[-1] == len(cut.ids)
    assert ((cut.ids >= 0) & (cut.ids < len(subwords))).all()


@given(HOSTILE)
def test_a_word_is_cut_alike_in_any_company(subwords: Subwords, words: list[str]) -> None:
    assert pieces(subwords, words) == [pieces(subwords, [word])[0] for word in words]
    assert pieces(subwords, words[::-1]) == pieces(subwords, words)[::-1]


@given(HOSTILE)
def test_no_text_has_a_special_piece(subwords: Subwords, words: list[str]) -> None:
    special = set(subwords.special) - {subwords.special.unknown}
    for spaced in (True, False):
        assert not special & set(subwords.cut(words, [spaced] * len(words)).ids.tolist())


@pytest.mark.parametrize("algorithm", ["bpe", "unigram"])
@given(
    st.lists(st.text(LETTERS, min_size=1, max_size=9), min_size=1, max_size=9),
    st.randoms(use_true_random=False),
)
def test_the_pieces_of_a_word_spell_it_with_the_space_before_it(
    algorithm: str, words: list[str], random: Any
) -> None:
    spaced = [random.random() < 0.5 for _ in words]
    for word, space, found in zip(
        words, spaced, pieces(learned(algorithm), words, spaced), strict=True
    ):
        assert "".join(found) == START * space + word


def test_a_cut_is_kept_as_a_table(subwords: Subwords) -> None:
    again = Subwords(subwords.table.copy())
    words = " ".join(TEXTS).split()
    assert pieces(again, words) == pieces(subwords, words)
    assert (len(again), again.special) == (len(subwords), subwords.special)


def test_the_same_texts_give_the_same_vocabulary_in_any_order() -> None:
    texts = [text_of(doc) for doc in ten()]
    assert (
        learn_subwords(texts, "bpe", 90).table.tobytes()
        == learn_subwords(texts[::-1], "bpe", 90).table.tobytes()
    )


def test_the_most_frequent_neighbours_are_merged_first() -> None:
    assert "▁ма" in learn_subwords(["\x1f".join([" мама"] * 5 + [" мат"] * 3)], "bpe", 12).spell(
        range(5, 12)
    )


def test_an_algorithm_that_is_not_known_is_named() -> None:
    with pytest.raises(ConfigError, match=r"learned by 'wordpieces'. Did you mean 'wordpiece'\?"):
        learn_subwords(["а"], "wordpieces")


# -- the tokenizer.json of others


def told(
    model: dict[str, Any],
    pre_tokenizer: Any = None,
    normalizer: Any = None,
    added: list[dict[str, Any]] | None = None,
) -> Subwords:
    text = {
        "version": "1.0",
        "added_tokens": added or [],
        "model": model,
        "pre_tokenizer": pre_tokenizer,
        "normalizer": normalizer,
    }
    return from_text(json.dumps(unprefixed(text), ensure_ascii=False))


def metaspace(**given: Any) -> dict[str, Any]:
    return {"type": "Metaspace", "replacement": "▁", **given}


def sequence(key: str, *steps: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", key: list(steps)}


UNIGRAM = {
    "type": "Unigram",
    "unk_id": 1,
    "vocab": [
        ["<pad>", 0],
        ["<unk>", 0],
        ["<s>", 0],
        ["</s>", 0],
        ["<mask>", 0],
        ["▁кот", -1],
        ["кот", -1],
        ["▁", -2],
        [" ", -3],
    ],
}
SPLIT, PREPEND = {"type": "WhitespaceSplit"}, {"type": "Prepend", "prepend": "▁"}
ALWAYS, OLD = metaspace(prepend_scheme="always", split=True), metaspace(add_prefix_space=True)
REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}


@pytest.mark.parametrize(
    ("pre_tokenizer", "normalizer"),
    [
        (ALWAYS, None),
        (OLD, None),
        (metaspace(add_prefix_space=True, prepend_scheme="first", split=False), None),
        (sequence("pretokenizers", SPLIT, ALWAYS), None),
        (sequence("pretokenizers", SPLIT, OLD), None),
        (sequence("pretokenizers", sequence("pretokenizers", ALWAYS)), None),
        (None, sequence("normalizers", PREPEND, REPLACE)),
        (None, sequence("normalizers", sequence("normalizers", PREPEND), REPLACE)),
        (ALWAYS, {"type": "Strip", "strip_left": True, "strip_right": True}),
    ],
)
def test_a_space_is_marked_where_one_stands_and_nowhere_else(
    pre_tokenizer: Any, normalizer: Any
) -> None:
    found = pieces(told(UNIGRAM, pre_tokenizer, normalizer), ["кот", "кот"], [True, False])
    assert found == [["▁кот"], ["кот"]]


def test_where_a_split_goes_before_the_mark_each_part_keeps_it() -> None:
    punctuation = {"type": "Punctuation", "behavior": "Isolated"}
    subwords = told(
        {**UNIGRAM, "vocab": [*UNIGRAM["vocab"], ["▁-", -1]]},
        sequence("pretokenizers", punctuation, ALWAYS),
    )
    assert pieces(subwords, ["кот-кот"], [False]) == [["▁кот", "▁-", "▁кот"]]


def test_added_pieces_keep_their_numbers_when_the_special_ones_among_them_are_out_of_reach() -> (
    None
):
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    added = [
        {"id": 9, "content": "<own>", **flags, "special": True},
        {"id": 10, "content": "№№", **flags, "special": False},
    ]
    subwords = told(UNIGRAM, ALWAYS, added=added)
    assert len(subwords) == 11
    assert subwords.spell([9, 10]) == ["<own>", "№№"]
    assert subwords.cut(["№№"], [False]).ids.tolist() == [10]
    assert 9 not in subwords.cut(["<own>"], [False]).ids
    with pytest.raises(PipekitFormatError, match="has the number 20, which does not follow"):
        len(told(UNIGRAM, ALWAYS, added=[{**added[1], "id": 20}]))


@pytest.mark.parametrize(
    "table", [b"", b"\x10\0\0\0", bytes(range(64)), b"\x04\0\0\0\xff\xff\xff\xff\0"]
)
def test_where_the_library_panics_the_vocabulary_is_refused(
    table: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    normalizer = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(table).decode()}
    with pytest.raises(PipekitFormatError, match="a vocabulary of subwords"):
        told(UNIGRAM, ALWAYS, normalizer).cut(["кот"], [True])


# -- files


def write(folder: Path, **files: Any) -> Path:
    """Files by name, `__` for a dot; what is no text becomes JSON."""
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_text(
            content if isinstance(content, str) else json.dumps(content, ensure_ascii=False),
            encoding="utf-8",
        )
    return folder


WORDPIECES = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nкот\n##ы\n-\nеж\nёж\nКот\n"


def test_a_recipe_names_a_vocabulary_or_says_how_one_is_learned(tmp_path: Path) -> None:
    write(tmp_path, vocab__txt=WORDPIECES)
    assert len(from_settings(str(tmp_path), ())) == 11
    assert len(from_settings({"algorithm": "bpe", "size": 60}, map(text_of, ten()))) == 60


def test_a_folder_is_read_by_the_file_that_says_most(tmp_path: Path) -> None:
    write(
        tmp_path, vocab__txt=WORDPIECES, tokenizer__json=json.loads(learned("bpe").table.tobytes())
    )
    assert len(read_vocabulary(tmp_path)) == len(learned("bpe"))
    assert len(read_vocabulary(tmp_path / "vocab.txt")) == 11


@pytest.mark.parametrize(
    ("config", "word", "expected"),
    [
        ({}, "Коты-кот", ["Кот", "##ы", "-", "кот"]),
        ({"do_lower_case": True}, "Коты", ["кот", "##ы"]),
        ({"do_lower_case": False}, "Ёж", ["[UNK]"]),
        ({"do_lower_case": True}, "Ёж", ["еж"]),
        ({"do_lower_case": True, "strip_accents": False}, "Ёж", ["ёж"]),
    ],
)
def test_a_list_of_word_pieces_is_cut_as_its_config_says(
    tmp_path: Path, config: Any, word: str, expected: list[str]
) -> None:
    write(tmp_path, vocab__txt=WORDPIECES, tokenizer_config__json=config)
    assert pieces(read_vocabulary(tmp_path), [word]) == [expected]


def test_without_a_config_words_lose_their_capitals_where_no_piece_has_one(tmp_path: Path) -> None:
    write(tmp_path, vocab__txt=WORDPIECES.replace("Кот\n", "[unused1]\n"))
    assert pieces(read_vocabulary(tmp_path), ["Кот"]) == [["кот"]]


def test_byte_level_pieces_come_with_their_merges(tmp_path: Path) -> None:
    model = json.loads(byte_level().table.tobytes())["model"]
    merges = "#version: 0.2\n" + "\n".join(" ".join(pair) for pair in model["merges"]) + "\n"
    write(tmp_path, vocab__json=model["vocab"], merges__txt=merges)
    words = " ".join(TEXTS).split()
    for path in (tmp_path, tmp_path / "vocab.json", tmp_path / "merges.txt"):
        assert pieces(read_vocabulary(path), words) == pieces(byte_level(), words)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no vocabulary of subwords; these are read: tokenizer.json, vocab.txt"),
        ({"tokenizer__json": "{"}, "tokenizer.json: is no JSON in UTF-8"),
        ({"tokenizer__json": []}, "tokenizer.json: is no JSON object"),
        ({"tokenizer__json": "[" * 99_999}, "tokenizer.json: is no JSON in UTF-8"),
        (
            {"vocab__txt": WORDPIECES, "tokenizer_config__json": "'"},
            "tokenizer_config.json: is no JSON in UTF-8",
        ),
        ({"tokenizer__json": {"model": 3}}, "it says no model"),
        (
            {"tokenizer__json": {"model": {"type": "Sorcery", "vocab": {}}}},
            "tokenizer.json: holds no vocabulary",
        ),
        (
            {"tokenizer__json": {"model": UNIGRAM, "pre_tokenizer": {"kind": 1}}},
            "tokenizer.json: holds no vocabulary",
        ),
        (
            {"tokenizer__json": {"model": {**UNIGRAM, "vocab": UNIGRAM["vocab"][1:]}}},
            r"no \[PAD\]: one of \[PAD\], <pad> is needed",
        ),
        ({"vocab__txt": "кот\n"}, "vocab.txt: holds no vocabulary"),
        (
            {"vocab__json": {"к": 0}},
            "it says no model: give a tokenizer.json, or vocab.json with merges.txt",
        ),
        ({"vocab__json": {"к": 0}, "merges__txt": "к о\n"}, "this BPE is not of bytes"),
        ({"spiece__model": "\x0a\x05"}, "cut short"),
        ({"spiece__model": ""}, "has no piece for what is unknown"),
    ],
)
def test_what_is_no_vocabulary_is_refused_by_name(
    tmp_path: Path, files: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        read_vocabulary(write(tmp_path, **files))


# -- SentencePiece


def trained(folder: Path, kind: str, **options: Any) -> Any:
    """A SentencePiece model in a folder, and its own library that has read it."""
    library = pytest.importorskip(
        "sentencepiece", reason="sentencepiece is not installed: pip install sentencepiece"
    )
    data = io.BytesIO()
    given = {
        "vocab_size": 160,
        "hard_vocab_limit": False,
        "minloglevel": 2,
        "character_coverage": 1.0,
        **options,
    }
    if kind == "bpe":
        del given["hard_vocab_limit"]
        given["vocab_size"] = 370 if given.get("byte_fallback") else 110
    library.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 20), model_writer=data, model_type=kind, **given
    )
    (folder / "spm.model").write_bytes(data.getvalue())
    return library.SentencePieceProcessor(model_proto=data.getvalue())


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byte_fallback": True, "vocab_size": 420},
        {"normalization_rule_name": "identity"},
        {"user_defined_symbols": ["кто-то"]},
    ],
    ids=str,
)
def test_a_sentencepiece_model_cuts_as_its_own_library(
    tmp_path: Path, kind: str, options: dict[str, Any]
) -> None:
    theirs = trained(tmp_path, kind, **options)
    ours = read_vocabulary(tmp_path)
    words = [
        *" ".join(TEXTS).split(),
        "ёлка",
        "Ⅳ",
        "ﬁнал",
        "мамамамыла",
        "кто-то",
        "<s>",
        "汉字",
        "👍🏻",
    ]
    expected = [theirs.encode(word) for word in words]
    cut = ours.cut(words, [True] * len(words))
    assert [
        cut.ids[start:end].tolist() for start, end in pairwise(cut.borders.tolist())
    ] == expected
    assert ours.spell(range(theirs.get_piece_size())) == [
        theirs.id_to_piece(number) for number in range(theirs.get_piece_size())
    ]


def test_a_sentencepiece_model_without_a_mask_or_padding_has_them_behind_its_pieces(
    tmp_path: Path,
) -> None:
    theirs = trained(tmp_path, "unigram")
    assert read_vocabulary(tmp_path).special == (
        theirs.get_piece_size() + 1,
        0,
        1,
        2,
        theirs.get_piece_size(),
    )


def test_a_sentencepiece_model_of_xlm_roberta_is_numbered_as_there(tmp_path: Path) -> None:
    theirs = trained(write(tmp_path, config__json={"model_type": "xlm-roberta"}), "unigram")
    ours, words = read_vocabulary(tmp_path), " ".join(TEXTS).split()
    expected = [number + 1 if number > 2 else 3 for word in words for number in theirs.encode(word)]
    assert ours.cut(words, [True] * len(words)).ids.tolist() == expected
    assert ours.special == (1, 3, 0, 2, theirs.get_piece_size() + 1)
    assert ours.spell(ours.special) == ["<pad>", "<unk>", "<s>", "</s>", "<mask>"]


def test_a_sentencepiece_model_of_albert_takes_capitals_and_accents_away(tmp_path: Path) -> None:
    trained(
        write(tmp_path, tokenizer_config__json={"tokenizer_class": "AlbertTokenizer"}), "unigram"
    )
    assert pieces(read_vocabulary(tmp_path), ["ЁЖ", "``"]) == pieces(
        read_vocabulary(tmp_path), ["еж", '"']
    )


def test_a_sentencepiece_model_that_is_numbered_in_another_way_is_refused(tmp_path: Path) -> None:
    trained(write(tmp_path, config__json={"model_type": "camembert"}), "unigram")
    with pytest.raises(ConfigError, match="CamemBERT numbers its pieces otherwise"):
        read_vocabulary(tmp_path)


@pytest.mark.parametrize("kind", ["word", "char"])
def test_sentencepiece_models_that_cut_otherwise_are_refused(tmp_path: Path, kind: str) -> None:
    trained(tmp_path, kind)
    with pytest.raises(ConfigError, match=r"spm.model: .*those by Unigram and BPE are read"):
        read_vocabulary(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_sentencepiece_model_is_refused_or_read_and_nothing_else(
    data: st.DataObject,
) -> None:
    made = (
        b"\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02\x0a\x0b\x0a\x04\xe2\x96\x81a\x15\0\0\x80\xbf"
        b"\x0a\x07\x0a\x03<s>\x18\x03\x0a\x08\x0a\x04</s>\x18\x03\x12\x02\x18\x01\x1a\x02\x18\x00"
    )
    tokenizer_json(made)
    damaged = bytearray(made)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(made) - 1))] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(0, len(made)))]
    try:
        fields(bytes(damaged))
        tokenizer_json(bytes(damaged))
    except (PipekitError, UnicodeDecodeError):
        pass


# -- without the library


def test_without_the_tokenizers_library_the_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes(learned("bpe").table.tobytes())
    program = f"""
import sys
sys.modules["tokenizers"] = None
from pathlib import Path
import pipekit
from pipekit.subwords.published import read_vocabulary
try:
    read_vocabulary(Path({str(tmp_path)!r}))
except pipekit.PipekitError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    assert "need the tokenizers library: pip install tokenizers" in done.stdout


def test_all_files_that_hold_vocabularies_have_a_reader() -> None:
    assert {Path(name).suffix for name in FILES} == {".json", ".txt", ".model"}


# -- whole texts


@cache
def of_whole_texts(algorithm: str) -> Subwords:
    return learn_subwords([text_of_whole(text) for text in TEXTS] * 3, algorithm, size=150)


WHOLE = ["Мама мыла раму.", "Кот  спит.\n\nОн спит", " Да", "кто ел йод\t", ""]


@pytest.mark.parametrize("text", WHOLE)
@pytest.mark.parametrize("algorithm", ["bpe", "unigram", "letters"])
def test_a_text_is_its_pieces_joined(algorithm: str, text: str) -> None:
    subwords = of_whole_texts(algorithm)
    [ids] = subwords.encode([text])
    known = subwords.number("[UNK]") not in ids
    assert known == ("\t" not in text and "\n" not in text)
    if known:
        assert subwords.join(ids) == text


def test_a_vocabulary_of_letters_has_a_piece_for_each() -> None:
    subwords = of_whole_texts("letters")
    [ids] = subwords.encode(["Мама мыла"])
    assert len(ids) == 9 and subwords.join(ids[:6]) == "Мама м"
    assert all(len(piece) == 1 for piece in subwords.spell(range(5, len(subwords))))


def test_bytes_are_joined_to_letters_and_half_a_letter_shows() -> None:
    [ids] = byte_level().encode(["ёжик 🦔"])
    assert byte_level().join(ids) == "ёжик 🦔"
    assert byte_level().join(ids[:-1]).endswith("\ufffd")


@given(st.text(alphabet=LETTERS + " .", max_size=40))
def test_pieces_end_where_their_letters_do(text: str) -> None:
    subwords = of_whole_texts("bpe")
    [ids] = subwords.encode([text])
    [pieces] = subwords.place([text])
    assert pieces.ids.tolist() == ids.tolist()
    for number, end in enumerate(pieces.ends.tolist()):
        assert subwords.join(ids[: number + 1]) == text[:end]


def test_special_and_unknown_pieces_are_no_text() -> None:
    subwords = of_whole_texts("bpe")
    assert subwords.join([subwords.special.cls, subwords.special.mask]) == ""
    assert subwords.join([subwords.special.unknown, 10**6]) == "\ufffd\ufffd"
