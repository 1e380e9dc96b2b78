"""Values of weights that are computed once.

Modules: nn.kept
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from pipekit.nn.kept import Kept


class Counted:
    """Doubles a weight, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, weight: Tensor) -> Tensor:
        self.times += 1
        return 2 * weight


def test_a_value_is_computed_once_and_anew_when_its_weight_has_changed() -> None:
    counted = Counted()
    kept = Kept(counted)
    layer = nn.Linear(3, 3)
    with torch.no_grad():
        assert kept.of(layer.weight) is kept.of(layer.weight)
        assert counted.times == 1
        layer.weight.add_(1.0)  # a step of an optimizer, or weights that were loaded
        torch.testing.assert_close(kept.of(layer.weight), 2 * layer.weight)
        layer.weight = nn.Parameter(torch.zeros(3, 3))
        torch.testing.assert_close(kept.of(layer.weight), torch.zeros(3, 3))
        layer.double()
        assert kept.of(layer.weight).dtype == torch.float64
    assert counted.times == 4


def test_with_gradients_a_value_is_computed_each_time() -> None:
    kept = Kept(lambda weight: 2 * weight)
    weight = nn.Parameter(torch.ones(2))
    with torch.no_grad():
        kept.of(weight)
    kept.of(weight).sum().backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None and weight.grad.tolist() == [2.0, 2.0]


def test_another_precision_has_a_value_of_its_own() -> None:
    kept = Kept(lambda weight: weight @ weight)
    weight = torch.randn(4, 4)
    with torch.inference_mode():
        assert kept.of(weight).dtype == torch.float32
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert kept.of(weight).dtype == torch.bfloat16
        assert kept.of(weight).dtype == torch.float32


def test_a_copy_keeps_nothing_of_the_weights_of_another() -> None:
    layer = nn.Linear(2, 2)
    kept = Kept(torch.abs)
    with torch.no_grad():
        kept.of(layer.weight)
        twin = copy.deepcopy(kept)
        other = torch.ones(2, 2)
        assert twin.of(other).tolist() == other.tolist()
