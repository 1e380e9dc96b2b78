"""Encoders: every kind answers each token, whatever travels along.

Modules: encoders.bert.encoder, encoders.causal, encoders.embed, encoders.sequence,
    encoders.transformer
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from helpers.tiny import with_features
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import pipekit
from pipekit import Doc, Pipeline, registry, testing
from pipekit.encoders.embed import suitable_dropout
from pipekit.encoders.recurrent import LSTM
from pipekit.errors import ConfigError
from pipekit.nn.padding import windows
from pipekit.nn.sequences import padded_groups

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
    "causal": {"type": "causal", "decoder": {"type": "causal", **NETWORK}},
    "causal, letters": {
        "type": "causal",
        "decoder": {"type": "rnn", "width": 16},
        "subwords": {"algorithm": "letters"},
    },
}
LENGTHS = st.lists(st.integers(0, 60), max_size=12).map(
    lambda lengths: np.array(lengths, dtype=np.int64)
)


def pipeline(settings: dict[str, Any]) -> Pipeline:
    torch.manual_seed(3)
    nlp = pipekit.blank("ru").with_precision("float32")
    own = with_features(settings, SMALL)
    factory: Any = registry.encoders.get(own.pop("type"))
    complete, tables = factory.prepare(own, docs(60, 59))
    nlp.add_encoder("main", settings["type"], tables=tables, **complete)
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


class TestEncoders(testing.EncoderTests):
    variants = {
        name: with_features(settings, SMALL)
        for name, settings in ENCODERS.items()
        if settings["type"] != "causal"
    }


class TestCausal(testing.EncoderTests):
    variants = {name: ENCODERS[name] for name in ENCODERS if name.startswith("causal")}
    reads_both_ways = False


@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
def test_a_long_sentence_is_read_in_windows_and_every_word_has_an_answer(
    encoder: dict[str, Any],
) -> None:
    short = {
        "bert": {"network": {**NETWORK, "positions": 18}},
        "transformer": {"window": 16},
        "causal": {"stretch": 16},
    }
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


def test_the_dropout_of_features_follows_from_the_data_unless_it_is_named() -> None:
    assert suitable_dropout(0) == suitable_dropout(4_000) == 0.5
    assert 0.35 < suitable_dropout(20_000) < 0.4
    assert suitable_dropout(300_000) == suitable_dropout(10**7) == 0.15
    for settings, documents, expected in [
        ({}, docs(60), 0.5),
        ({"dropout": 0.2}, docs(60), 0.2),
        ({}, [], 0.15),  # of a network that learns from raw text, or is given its settings later
    ]:
        complete, tables = LSTM.prepare({"features": settings}, documents)
        assert LSTM(**complete, tables=tables).embed.dropout.p == expected


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
        ({"type": "transformer", "norm": "pra"}, r"norm = 'pra': 'pre' or 'post' is needed"),
        ({"type": "transformer", "positions": "learnt"}, r"Did you mean 'learned'\?"),
        ({"type": "bert", "pool": "max"}, r"pool = 'max': 'mean' or 'first' or 'last' is needed"),
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


@given(LENGTHS, st.integers(2, 20), st.integers(1, 100))
def test_padded_groups_answer_for_every_row_once(
    lengths: NDArray[np.int64], limit: int, cells: int
) -> None:
    plan = windows(np.concatenate([[0], np.cumsum(lengths)]), limit, limit // 2)
    answered = []
    for group in padded_groups(plan, cells, torch.device("cpu")):
        assert group.inside.flatten()[group.cell].all()
        assert torch.equal(group.rows.flatten()[group.cell], group.row)
        answered += group.row.tolist()
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
