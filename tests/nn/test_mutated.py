"""What MUT1 to MUT3 and the GRU of Cho et al. compute.

Modules: nn.mutated
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pipekit.nn.mutated import MUT1, MUT2, MUT3, ChoGRU, Mutated

MUTATED: dict[str, type[Mutated]] = {
    "GRU": ChoGRU,
    "MUT1": MUT1,
    "MUT2": MUT2,
    "MUT3": MUT3,
}


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
    squashed = torch.tanh(h) if name == "MUT3" else h
    z = torch.sigmoid(blocks[0] + cell.update.weight @ squashed + b_z)
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
    assert sizes == ([3, 3] if name in ("GRU", "MUT3") else [2, 3])


@pytest.mark.parametrize("name", MUTATED)
def test_half_precision_around_a_cell_leaves_its_state_in_full(name: str) -> None:
    cell = made(name, 4, 4).float()
    padded = torch.randn(2, 30, 4)
    exact, _ = cell(padded)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, last = cell(padded)
    assert found.dtype == last.dtype == torch.float32
    torch.testing.assert_close(found, exact, atol=0.05, rtol=0)
