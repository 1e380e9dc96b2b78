"""Recurrent encoders: what all cells share.

Modules: encoders.recurrent
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pipekit
from pipekit import Batch, Doc, Pipeline
from pipekit.encoders.recurrent import GRU
from pipekit.errors import ConfigError
from pipekit.nn.mutated import MUT1, ChoGRU

CELLS = ("rnn", "lstm", "gru", "mut1", "mut2", "mut3")


def pipeline(**settings: Any) -> Pipeline:
    torch.manual_seed(3)
    nlp = pipekit.blank("ru").with_precision("float32")
    nlp.add_encoder(
        "main", **{"features": {"width": 16, "word_buckets": 500}, "width": 16, **settings}
    )
    return nlp


def vectors(nlp: Pipeline, docs: list[Doc]) -> list[Tensor]:
    with torch.inference_mode():
        batch = nlp.batch(docs)
        return [batch.vectors("main")[start:end] for start, end in pairwise(batch.offsets.tolist())]


@pytest.mark.parametrize("cell", CELLS)
def test_in_one_direction_no_word_sees_those_that_follow(cell: str) -> None:
    words = ["кот", "спит", "на", "окне"]
    for layers in (1, 2):
        nlp = pipeline(type=cell, bidirectional=False, layers=layers)
        [short], [long] = vectors(nlp, [Doc(words=words[:2])]), vectors(nlp, [Doc(words=words)])
        assert nlp.encoders["main"].width == long.shape[1] == 32
        torch.testing.assert_close(short, long[:2], atol=1e-6, rtol=1e-5)
        both = pipeline(type=cell, layers=layers)
        [short], [long] = vectors(both, [Doc(words=words[:2])]), vectors(both, [Doc(words=words)])
        assert not torch.allclose(short, long[:2], atol=1e-3)


@pytest.mark.parametrize("cell", CELLS)
def test_all_weights_of_a_cell_learn(cell: str) -> None:
    encoder = pipeline(type=cell, layers=2).encoders["main"].train()
    batch = Batch([Doc(words=["кот", "спит", "на", "окне"]), Doc(words=["да"])])
    encoder(encoder.features(batch)).square().sum().backward()
    for layer in (*encoder.forwards, *encoder.backwards):
        assert all(
            weight.grad is not None and float(weight.grad.abs().max()) > 0
            for weight in layer.parameters()
        )


def test_bilstm_and_lstm_are_one_encoder() -> None:
    one, other = (pipeline(type=name).encoders["main"].state_dict() for name in ("bilstm", "lstm"))
    assert one.keys() == other.keys()
    assert "forwards.0.weight_ih_l0" in one
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_the_forget_gates_of_an_lstm_can_begin_open() -> None:
    plain, opened = (
        pipeline(type="lstm", forget_bias=bias).encoders["main"].state_dict() for bias in (0.0, 1.0)
    )
    for name, tensor in opened.items():
        added = np.zeros(32)
        added[8:16] = name.endswith("bias_ih_l0")
        expected = (
            plain[name] + torch.from_numpy(added).float()
            if name.endswith("bias_ih_l0")
            else plain[name]
        )
        assert torch.equal(tensor, expected), name


@pytest.mark.parametrize("cell", ["rnn", "gru", "mut1"])
def test_a_cell_without_forget_gates_takes_no_bias_for_them(cell: str) -> None:
    with pytest.raises(ConfigError, match="only an LSTM has forget gates"):
        pipeline(type=cell, forget_bias=1.0)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "mut3"])
def test_only_a_gru_can_reset_before_the_product(cell: str) -> None:
    with pytest.raises(ConfigError, match="only a GRU has this choice"):
        pipeline(type=cell, reset="before")


def test_a_gru_of_cho_answers_padded_and_one_by_one_alike() -> None:
    nlp = pipeline(type="gru", reset="before", layers=2)
    encoder = nlp.encoders["main"]
    assert isinstance(encoder, GRU)
    assert all(isinstance(cell, ChoGRU) for cell in encoder.forwards)
    docs = [Doc(words=["кот", "спит", "на", "печи"]), Doc(words=["да"])]
    together = vectors(nlp, docs)
    alone = [vectors(nlp, [doc])[0] for doc in docs]
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", [*CELLS, "gru_before"])
def test_a_cell_survives_the_file(cell: str) -> None:
    settings = {"type": cell, "bidirectional": cell != "mut2"}
    if cell == "gru_before":
        settings.update(type="gru", reset="before")
    nlp = pipeline(**settings)
    again = pipekit.from_bytes(nlp.to_bytes(), device="cpu").with_precision("float32")
    docs = [Doc(words=["кот", "спит"]), Doc(words=["да"])]
    for one, other in zip(vectors(nlp, docs), vectors(again, docs), strict=True):
        assert torch.equal(one, other)


def test_the_layers_of_torch_and_ours_are_called_alike() -> None:
    padded = torch.randn(2, 5, 4)
    for layer in (nn.GRU(4, 6, batch_first=True), MUT1(4, 6)):
        states, last = layer(padded)
        assert states.shape == (2, 5, 6)
        torch.testing.assert_close(states[:, -1], last.reshape(2, 6))


def test_a_gru_resets_after_the_product_with_the_state() -> None:
    """As its docstring says; Cho et al. 2014 have the reset before the product."""
    torch.manual_seed(1)
    cell = nn.GRU(3, 4, batch_first=True).double()
    x = torch.randn(1, 1, 3, dtype=torch.float64)
    h = torch.randn(1, 1, 4, dtype=torch.float64)
    w_r, w_z, w_n = cell.weight_ih_l0.chunk(3)
    u_r, u_z, u_n = cell.weight_hh_l0.chunk(3)
    b_r, b_z, b_n = cell.bias_ih_l0.chunk(3)
    c_r, c_z, c_n = cell.bias_hh_l0.chunk(3)
    r = torch.sigmoid(x[0] @ w_r.T + b_r + h[0] @ u_r.T + c_r)
    z = torch.sigmoid(x[0] @ w_z.T + b_z + h[0] @ u_z.T + c_z)
    n = torch.tanh(x[0] @ w_n.T + b_n + r * (h[0] @ u_n.T + c_n))
    torch.testing.assert_close(cell(x, h)[1][0], (1 - z) * n + z * h[0])
