"""Texts from decoders: what greedy search, beams and chance find, and what they depend on.

Modules: generation.beams, generation.rules, generation.search, generation.started,
    generation.writing
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from helpers.decoders import DECODERS, decoder, memory_for
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import GPT2Config, GPT2LMHeadModel

from pipekit.decoders.transformer import CausalDecoder
from pipekit.errors import ConfigError
from pipekit.generation.rules import chances, drawn
from pipekit.generation.search import Search
from pipekit.generation.writing import WritingTask, turns, write_texts
from pipekit.parts.decoding import Decoder, Memory

END = 3
BEGINNINGS = [np.array([1, 4, 5]), np.array([1]), np.array([1, 7])]
SEARCHES = {
    "greedy": Search(most=12),
    "chance": Search(most=12, temperature=1.0, samples=2, top_k=5),
    "beams": Search(most=12, beams=4, samples=2),
}


def task(beginnings: list[Any]) -> WritingTask:
    return WritingTask(beginnings, END, [7 + len(beginning) for beginning in beginnings])


def without_padding(memory: Memory, row: int) -> Memory:
    length = int(memory.inside[row].sum())
    return Memory(memory.states[row : row + 1, :length], memory.inside[row : row + 1, :length])


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("name", DECODERS)
def test_a_batch_writes_what_single_texts_are(name: str, search: str) -> None:
    network = decoder(name)
    memory = memory_for(network, len(BEGINNINGS))
    batch = write_texts(network, task(BEGINNINGS), SEARCHES[search], memory)
    for row, beginning in enumerate(BEGINNINGS):
        own = None if memory is None else without_padding(memory, row)
        [alone] = write_texts(network, task([beginning]), SEARCHES[search], own)
        assert [text.ids.tolist() for text in alone] == [text.ids.tolist() for text in batch[row]]
        scores = [text.score for text in alone]
        assert scores == pytest.approx([text.score for text in batch[row]], abs=1e-4)


@pytest.mark.parametrize("penalty", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("name", ["lstm", "causal", "transformer, memory"])
def test_beams_as_wide_as_the_tree_find_the_best_text_that_there_is(
    name: str, penalty: float
) -> None:
    network = decoder(name)
    memory = memory_for(network, 1)
    allowed = [2, END, 5, 6]
    never = [piece for piece in range(network.pieces) if piece not in allowed]
    search = Search(most=4, beams=4**4, length_penalty=penalty)
    only = WritingTask([np.array([1])], END, [0], never)
    [[best, *_]] = write_texts(network, only, search, memory)
    assert list(best.ids) == brute_force(network, memory, allowed, penalty)


def brute_force(
    network: Decoder, memory: Memory | None, allowed: list[int], penalty: float
) -> list[int]:
    """The best of all texts of at most four pieces."""
    scores: dict[tuple[int, ...], float] = {}
    for pieces in itertools.product(allowed, repeat=4):
        length = pieces.index(END) + 1 if END in pieces else 4
        text = pieces[:length]
        inputs = torch.tensor([[1, *text[:-1]]])
        all_scores = network(inputs, network.begin(1, memory))[0]
        hidden = torch.full((network.pieces,), float("-inf"))
        hidden[allowed] = 0.0
        logs = (all_scores + hidden).log_softmax(1)
        total = float(logs[torch.arange(length), list(text)].sum())
        scores[text] = total / length**penalty
    best = max(scores, key=scores.__getitem__)
    return [piece for piece in best if piece != END]


# -- beside transformers


def gpt2() -> tuple[GPT2LMHeadModel, CausalDecoder]:
    """A random GPT-2, and a decoder of the same weights."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=30,
        n_positions=64,
        n_embd=16,
        n_layer=2,
        n_head=2,
        bos_token_id=1,
        eos_token_id=END,
        pad_token_id=0,
    )
    theirs = GPT2LMHeadModel(config).eval().requires_grad_(False)
    for weight in theirs.parameters():
        torch.nn.init.normal_(weight, std=0.4)
    state = theirs.state_dict()
    ours = CausalDecoder(30, width=16, layers=2, heads=2, most=64).eval().requires_grad_(False)
    weights = {
        "embed.weight": state["transformer.wte.weight"],
        "positions": state["transformer.wpe.weight"],
    }
    names = {
        "attention.project": "attn.c_attn",
        "attention.output": "attn.c_proj",
        "feed.0": "mlp.c_fc",
        "feed.2": "mlp.c_proj",
        "norms.0": "ln_1",
        "norms.1": "ln_2",
    }
    for layer in range(2):
        for our_name, their_name in names.items():
            weight = state[f"transformer.h.{layer}.{their_name}.weight"]
            weights[f"blocks.{layer}.{our_name}.weight"] = weight.T if weight.ndim > 1 else weight
            bias = state[f"transformer.h.{layer}.{their_name}.bias"]
            weights[f"blocks.{layer}.{our_name}.bias"] = bias
    weights["leave.weight"] = state["transformer.ln_f.weight"]
    weights["leave.bias"] = state["transformer.ln_f.bias"]
    ours.load_state_dict(weights)
    return theirs, ours


# Settings of a search by the arguments of transformers.
THEIRS = {
    "beams": "num_beams",
    "samples": "num_return_sequences",
    "length_penalty": "length_penalty",
    "early": "early_stopping",
    "no_repeat": "no_repeat_ngram_size",
    "least": "min_new_tokens",
    "repetition": "repetition_penalty",
}


@settings(max_examples=40, deadline=None)
@given(
    beams=st.integers(1, 8),
    length_penalty=st.sampled_from([0.0, 1.0, 2.0, -1.0]),
    early=st.booleans(),
    no_repeat=st.sampled_from([0, 2, 3]),
    least=st.sampled_from([0, 4]),
    repetition=st.sampled_from([1.0, 1.2]),
    data=st.data(),
)
def test_texts_are_those_of_transformers(data: st.DataObject, **chosen: Any) -> None:
    if chosen["beams"] == 1:
        chosen["length_penalty"] = 1.0
    samples = data.draw(st.integers(1, chosen["beams"]))
    arguments = {THEIRS[name]: value for name, value in {**chosen, "samples": samples}.items()}
    if chosen["beams"] == 1:
        arguments.pop("length_penalty")
        arguments.pop("early_stopping")
    theirs, ours = gpt2()
    prompts = torch.randint(4, 30, (4, 5), generator=torch.Generator().manual_seed(2))
    expected = theirs.generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        max_new_tokens=15,
        do_sample=False,
        **arguments,
    )
    search = Search(most=15, samples=samples, **chosen)
    written = write_texts(ours, task([row.numpy() for row in prompts]), search)
    rows = []
    for row in expected[:, 5:].tolist():
        rows.append(row[: row.index(END)] if END in row else row)
    assert [text.ids.tolist() for texts in written for text in texts] == rows


# -- chance


def test_a_text_depends_on_seed_beginning_and_number_alone() -> None:
    network = decoder("lstm")
    search = Search(most=10, temperature=2.0, samples=3, seed=5)
    first, second = (
        write_texts(network, WritingTask(beginnings, END, keys), search)
        for beginnings, keys in (
            ([BEGINNINGS[0], BEGINNINGS[1]], [11, 22]),
            ([BEGINNINGS[2], BEGINNINGS[0], BEGINNINGS[0]], [33, 11, 11]),
        )
    )
    texts = [text.ids.tolist() for text in first[0]]
    assert texts == [text.ids.tolist() for text in second[1]]
    assert texts == [text.ids.tolist() for text in second[2]]
    assert len({tuple(text) for text in texts}) > 1
    other = write_texts(
        network,
        WritingTask([BEGINNINGS[0]], END, [11]),
        Search(most=10, temperature=2.0, samples=3, seed=6),
    )
    assert texts != [text.ids.tolist() for text in other[0]]


def test_chances_are_spread_evenly_and_repeat() -> None:
    keys = np.arange(2_000, dtype=np.uint64)
    numbers = np.zeros(2_000, dtype=np.int64)
    values = chances(1, keys, numbers, 3)
    assert ((values >= 0) & (values < 1)).all()
    counts, _ = np.histogram(values, bins=10, range=(0, 1))
    assert counts.min() > 150 and counts.max() < 250
    assert (values == chances(1, keys, numbers, 3)).all()
    for other in (chances(2, keys, numbers, 3), chances(1, keys, numbers + 1, 3)):
        assert abs(np.corrcoef(values, other)[0, 1]) < 0.1


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=8), st.integers(1, 8), st.floats(0.05, 1))
def test_what_is_drawn_is_among_the_best(scores: list[float], top_k: int, top_p: float) -> None:
    row = torch.tensor([scores])
    search = Search(temperature=0.7, top_k=top_k, top_p=top_p)
    shares = (row.double() / 0.7).sort(descending=True).values[0, :top_k].softmax(0)
    before = shares.cumsum(0) - shares
    least = torch.where(before < top_p, 1, 0).sum()
    best = set(row[0].sort(descending=True).values[:least].tolist())
    for uniform in (0.0, 0.3, 0.999999):
        piece = drawn(row, torch.tensor([uniform], dtype=torch.float64), search)
        assert float(row[0, piece]) in best


def test_pieces_are_drawn_as_often_as_they_are_probable() -> None:
    row = torch.tensor([[0.0, 1.0, 2.0]]).expand(4_000, 3)
    uniform = torch.from_numpy(
        chances(0, np.arange(4_000, dtype=np.uint64), np.zeros(4_000, np.int64), 0)
    )
    pieces = drawn(row, uniform, Search(temperature=1.0))
    shares = torch.bincount(pieces, minlength=3) / 4_000
    torch.testing.assert_close(shares, row[0].softmax(0), atol=0.03, rtol=0)


# -- the ends


def test_a_decoder_without_room_writes_less_and_says_that_the_text_is_cut() -> None:
    network = decoder("causal")
    [[text]] = write_texts(
        network, WritingTask([np.ones(60, np.int64)], END, [0], [END]), Search(most=50)
    )
    assert len(text.ids) == 5 and not text.ended
    with pytest.raises(ConfigError, match="positions"):
        write_texts(network, task([np.ones(65, np.int64)]), Search(most=1))


def test_rows_that_have_ended_leave() -> None:
    network = decoder("gru")
    rows = [len(turn.rows) for turn in turns(network, task(BEGINNINGS * 5), Search(most=40))]
    assert rows == sorted(rows, reverse=True) and rows[0] == 15


def test_nothing_to_write_is_no_text() -> None:
    assert write_texts(decoder("gru"), task([]), Search()) == []
    with pytest.raises(ConfigError, match="needs a piece to begin with"):
        task([np.zeros(0, np.int64)])


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"beams": 3, "temperature": 1.0}, "beams draw nothing by chance"),
        ({"samples": 3}, "several texts need as many beams, or a temperature"),
        ({"temperature": 1.0, "top_p": 0.0}, "top_p = 0"),
        ({"most": 0}, "most = 0"),
        ({"top_p": 1.5}, "top_p = 1.5"),
    ],
)
def test_a_search_that_means_nothing_is_refused(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Search(**chosen)
