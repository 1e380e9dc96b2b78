"""Recurrent cells: what MUT1 to MUT3 compute, and what all cells share.

Modules: encoders.mutated, encoders.recurrent
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import pipekit
from pipekit import Batch, Doc, Pipeline
from pipekit.encoders.mutated import MUT1, MUT2, MUT3, Mutated
from pipekit.errors import ConfigError

CELLS = ("rnn", "lstm", "gru", "mut1", "mut2", "mut3")
MUTATED: dict[str, type[Mutated]] = {"MUT1": MUT1, "MUT2": MUT2, "MUT3": MUT3}


def made(name: str, width_in: int, width: int, seed: int = 0) -> Mutated:
    """A cell in double precision, whose gates are wide open or shut here and there."""
    torch.manual_seed(seed)
    cell = MUTATED[name](width_in, width).double()
    with torch.no_grad():
        for weight in cell.parameters():
            weight.mul_(3)
    return cell


def one_step(name: str, cell: Mutated, x: Tensor, h: Tensor) -> Tensor:
    """The published equations, one sequence, one step."""
    width = len(h)
    blocks = [
        cell.inputs.weight[at : at + width] @ x for at in range(0, len(cell.inputs.weight), width)
    ]
    b_z, b_r, b_h = cell.bias
    w_hr, w_hh = cell.reset.weight, cell.candidate.weight
    if name == "MUT1":
        bare = x if len(x) == width else blocks[2]
        z = torch.sigmoid(blocks[0] + b_z)
        r = torch.sigmoid(blocks[1] + w_hr @ h + b_r)
        return torch.tanh(w_hh @ (r * h) + torch.tanh(bare) + b_h) * z + h * (1 - z)
    if name == "MUT2":
        bare = x if len(x) == width else blocks[1]
        z = torch.sigmoid(blocks[0] + cell.update.weight @ h + b_z)
        r = torch.sigmoid(bare + w_hr @ h + b_r)
        return torch.tanh(w_hh @ (r * h) + blocks[-1] + b_h) * z + h * (1 - z)
    z = torch.sigmoid(blocks[0] + cell.update.weight @ torch.tanh(h) + b_z)
    r = torch.sigmoid(blocks[1] + w_hr @ h + b_r)
    return torch.tanh(w_hh @ (r * h) + blocks[2] + b_h) * z + h * (1 - z)


def step_by_step(name: str, cell: Mutated, padded: Tensor, state: Tensor) -> Tensor:
    rows = []
    for sequence, first in zip(padded, state, strict=True):
        h, states = first, []
        for x in sequence:
            h = one_step(name, cell, x, h)
            states.append(h)
        rows.append(torch.stack(states))
    return torch.stack(rows)


@pytest.mark.parametrize("width_in", [3, 5])
@pytest.mark.parametrize("name", MUTATED)
@given(seed=st.integers(0, 99), sequences=st.integers(1, 3), steps=st.integers(1, 7))
def test_a_cell_and_its_gradients_are_those_of_the_published_equations(
    name: str, width_in: int, seed: int, sequences: int, steps: int
) -> None:
    cell = made(name, width_in, 5, seed)
    padded = torch.randn(sequences, steps, width_in, dtype=torch.float64, requires_grad=True)
    state = torch.randn(sequences, 5, dtype=torch.float64, requires_grad=True)
    weights = [padded, state, *cell.parameters()]
    found, last = cell(padded, state)
    expected = step_by_step(name, cell, padded, state)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(last, expected[:, -1])
    wanted = torch.randn_like(found)
    ours, theirs = (
        torch.autograd.grad((states * wanted).sum(), weights) for states in (found, expected)
    )
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", MUTATED)
def test_a_cell_goes_on_from_the_state_it_is_given(name: str) -> None:
    cell = made(name, 4, 6)
    padded = torch.randn(2, 9, 4, dtype=torch.float64)
    whole, last = cell(padded)
    first, state = cell(padded[:, :4])
    second, end = cell(padded[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    torch.testing.assert_close(end, last)


@pytest.mark.parametrize("name", MUTATED)
@pytest.mark.parametrize("sequences", [0, 2])
def test_no_step_gives_no_states_of_the_right_width(name: str, sequences: int) -> None:
    cell = made(name, 4, 6)
    before = torch.randn(sequences, 6, dtype=torch.float64)
    states, last = cell(torch.zeros(sequences, 0, 4, dtype=torch.float64), before)
    assert states.shape == (sequences, 0, 6)
    assert states.dtype == last.dtype
    torch.testing.assert_close(last, before)


@pytest.mark.parametrize("name", MUTATED)
def test_a_bare_input_of_the_width_of_the_state_needs_no_matrix(name: str) -> None:
    sizes = [len(MUTATED[name](width_in, 4).inputs.weight) // 4 for width_in in (4, 3)]
    assert sizes == ([3, 3] if name == "MUT3" else [2, 3])


@pytest.mark.parametrize("name", MUTATED)
def test_half_precision_around_a_cell_leaves_its_state_in_full(name: str) -> None:
    cell = made(name, 4, 4).float()
    padded = torch.randn(2, 30, 4)
    exact, _ = cell(padded)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, last = cell(padded)
    assert found.dtype == last.dtype == torch.float32
    torch.testing.assert_close(found, exact, atol=0.05, rtol=0)


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


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_survives_the_file(cell: str) -> None:
    nlp = pipeline(type=cell, bidirectional=cell != "mut2")
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
