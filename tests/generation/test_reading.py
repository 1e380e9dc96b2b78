"""Whole texts through a decoder: each piece is read once, whatever is read beside it.

Modules: generation.continuing, generation.reading, generation.vocabulary
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pipekit.errors import ConfigError
from pipekit.generation.continuing import Continuing, shared_pieces
from pipekit.generation.reading import Material, material_of, read_stretch, stretches_of
from pipekit.generation.search import Search
from pipekit.generation.vocabulary import WritingVocabulary, build_decoder
from pipekit.subwords.learning import learn_subwords
from pipekit.words.arrays import Ints

DECODERS: dict[str, dict[str, Any]] = {
    "rnn": {"type": "rnn", "cell": "gru", "width": 16},
    "causal": {"type": "causal", "width": 16, "heads": 2, "layers": 2, "most": 64},
}
PROSE = ["Мама мыла раму.", "Кот спит на окне, а мышь под полом."]


@cache
def vocabulary() -> WritingVocabulary:
    return WritingVocabulary({"subwords": learn_subwords(PROSE, "letters").table}, "a test")


@cache
def decoder(name: str) -> Any:
    torch.manual_seed(1)
    return build_decoder(DECODERS[name], len(vocabulary()), 0).eval()


def material(texts: list[str]) -> Material:
    return material_of(vocabulary().subwords.encode(texts), vocabulary())


@torch.no_grad()
def states(name: str, texts: Material, length: int) -> Tensor:
    """The state of each input, which each has once."""
    values = torch.full((len(texts.inputs), 16), torch.nan)
    times = np.zeros(len(texts.inputs), dtype=np.int64)
    for stretch in stretches_of(decoder(name), texts.borders, length):
        read = read_stretch(decoder(name), texts, stretch)
        rows = stretch.rows[stretch.counted]
        np.add.at(times, rows, 1)
        values[rows] = read[torch.from_numpy(stretch.counted)]
    assert (times == 1).all()
    return values


@given(
    texts=st.lists(st.text(alphabet="Мама ыл.", max_size=50), max_size=5),
    name=st.sampled_from(sorted(DECODERS)),
    length=st.sampled_from([2, 7, 64]),
)
def test_each_piece_is_read_once_and_knows_its_text_alone(
    texts: list[str],
    name: str,
    length: int,
) -> None:
    together = material(texts)
    values = states(name, together, length)
    for text, start, end in zip(
        texts, together.borders[:-1].tolist(), together.borders[1:].tolist(), strict=True
    ):
        alone = states(name, material([text]), length)
        torch.testing.assert_close(values[start:end], alone, atol=1e-5, rtol=1e-4)


@given(text=st.text(alphabet="Мама ыл.", min_size=20, max_size=60))
def test_a_recurrent_decoder_reads_on_where_it_stopped(text: str) -> None:
    torch.testing.assert_close(
        states("rnn", material([text]), 5),
        states("rnn", material([text]), 1_000),
        atol=1e-5,
        rtol=1e-4,
    )


def test_gradients_end_at_the_border_of_a_stretch() -> None:
    network = decoder("rnn").train()
    texts = material(["Мама мыла раму"])
    count = 0
    for stretch in stretches_of(network, texts.borders, 5):
        assert not any(tensor.requires_grad for tensor in stretch.state.hidden.values())
        assert read_stretch(network, texts, stretch).requires_grad
        count += 1
    assert count == 3
    network.eval()


class Continued(Continuing):
    """What continues texts with one of the decoders."""

    def __init__(self, name: str) -> None:
        self.decoder = decoder(name)
        self.vocabulary = vocabulary()
        self.search = Search(most=6)


@pytest.mark.parametrize("name", DECODERS)
def test_a_stream_is_the_text_that_goes_on(name: str) -> None:
    model = Continued(name)
    with torch.no_grad():
        [[(text, _, _)]] = model.continued(["Мама"])
        assert "".join(model.stream("Мама")) == text


@pytest.mark.parametrize("name", DECODERS)
def test_what_comes_next_is_the_piece_that_a_text_goes_on_with(name: str) -> None:
    model = Continued(name)
    with torch.no_grad():
        guesses = model.next_pieces("Мама мы", 100)
        [[(text, _, _)]] = model.continued(["Мама мы"], Search(most=1, least=1))
    best = next(piece for piece, _ in guesses if piece)  # the end has no text
    assert best == text
    scores = [score for _, score in guesses]
    assert scores == sorted(scores, reverse=True) and sum(scores) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", DECODERS)
def test_a_continuation_costs_what_its_pieces_cost_one_after_another(name: str) -> None:
    model = Continued(name)
    [ids] = vocabulary().subwords.encode(["Мама мыла раму"])
    pieces = torch.from_numpy(np.concatenate([[vocabulary().start], ids]))
    with torch.no_grad():
        other, cost = model.likelihoods("Мама мы", ["шь", "ла раму"])
        scores = model.decoder(pieces[None], model.decoder.begin(1))[0].log_softmax(1)
    steps = range(len("Мама мы"), len(ids))
    expected = sum(float(scores[step, pieces[step + 1]]) for step in steps)
    assert cost == pytest.approx(expected, abs=1e-4) and other != cost


def test_pieces_over_the_border_belong_to_what_follows() -> None:
    subwords = learn_subwords(["мама мыла " * 9], "bpe", 60)
    first, second = subwords.encode(["мама мы", "мама мыла"])
    assert 0 < shared_pieces(first, second) < len(first)
    assert shared_pieces(first, first) == len(first)
    assert shared_pieces(first, first[:1]) == 1


def test_only_the_end_of_a_long_beginning_is_read() -> None:
    model = Continued("causal")
    with torch.no_grad():
        assert model.continued(["Мама " * 100]) == model.continued(["Мама " * 50])
        with pytest.raises(ConfigError, match="a stream is one text"):
            next(model.stream("Мама", Search(beams=2)))


def test_borders_of_texts_are_told_apart_from_their_pieces() -> None:
    texts = material(["Кот", "", "Мама"])
    start, end = vocabulary().start, vocabulary().end
    begins: Ints = texts.borders[:-1]
    ends: Ints = texts.borders[1:] - 1
    assert (texts.inputs[begins] == start).all()
    assert (texts.targets[ends] == end).all()
    assert texts.borders.tolist() == [0, 4, 5, 10]
