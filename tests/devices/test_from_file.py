"""Networks that are built for the weights of a file.

Modules: devices.from_file
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pipekit.allowance import allowed
from pipekit.devices.from_file import FromFile
from pipekit.errors import CorruptModelError


def test_a_network_takes_its_weights_from_the_allowance() -> None:
    with allowed(100_000, "a.pipekit"), FromFile():
        nn.Linear(100, 100)
        nn.LSTM(10, 10)
    with allowed(30_000, "a.pipekit"), FromFile(), pytest.raises(CorruptModelError):
        nn.Linear(100, 100)


@pytest.mark.parametrize("width", [1 << 16, 1 << 24, 1 << 40])
def test_a_large_network_is_refused_before_it_is_allocated(width: int) -> None:
    with (
        allowed(1 << 20, "a.pipekit"),
        FromFile(),
        pytest.raises(CorruptModelError, match="a network takes"),
    ):
        nn.Embedding(width, 4096)


def test_many_small_tensors_are_counted_too() -> None:
    with allowed(100_000, "a.pipekit"), FromFile(), pytest.raises(CorruptModelError):
        [nn.Linear(1, 1) for _ in range(1_000)]


def test_weights_are_not_drawn_at_random_and_constants_are_what_they_are() -> None:
    before = torch.get_rng_state()
    with allowed(1 << 20, "a.pipekit"), FromFile():
        nn.Linear(3, 3)
        nn.init.normal_(nn.Embedding(3, 3).weight)
        norm = nn.LayerNorm(3)
        steps = torch.arange(3)
    assert torch.equal(torch.get_rng_state(), before)
    assert norm.weight.tolist() == [1, 1, 1]
    assert steps.tolist() == [0, 1, 2]
    with allowed(1 << 20, "a.pipekit"), FromFile():
        drawn = torch.randn(3)
    assert not torch.equal(torch.get_rng_state(), before)
    assert drawn.isfinite().all()
