"""Layers that heads share: their shapes, the names in files of weights, what they add.

Modules: nn.context, nn.layers
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipekit.nn.context import Context
from pipekit.nn.layers import hidden_layer

BORDERS = np.array([0, 3, 3, 5])


def test_hidden_states_are_normalised_and_weights_keep_their_names() -> None:
    torch.manual_seed(0)
    layer = hidden_layer(6, 4, 0.5).eval()
    assert sorted(layer.state_dict()) == ["1.bias", "1.weight", "3.bias", "3.weight"]
    states = layer(torch.randn(7, 6))
    torch.testing.assert_close(states.mean(1), torch.zeros(7), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("states", "width"), [(0, 4), (6, 10)])
def test_a_context_adds_the_states_of_the_sentence_to_the_narrow_vectors(
    states: int, width: int
) -> None:
    torch.manual_seed(0)
    context = Context(8, 4, states, 0.1).eval()
    vectors = torch.randn(5, 8)
    output = context(vectors, BORDERS)
    assert output.shape == (5, width) and context.width == width
    torch.testing.assert_close(output[:, :4], context.narrow(vectors))
    assert context(vectors[:0], np.array([0])).shape == (0, width)


def test_a_context_reads_each_sentence_apart() -> None:
    torch.manual_seed(0)
    context = Context(8, 4, 6, 0.1).eval()
    vectors = torch.randn(5, 8)
    changed = vectors.clone()
    changed[0] += 1
    before, after = context(vectors, BORDERS), context(changed, BORDERS)
    torch.testing.assert_close(after[3:], before[3:])
    assert not torch.allclose(after[1:3], before[1:3])


def test_marks_change_what_the_network_reads_and_not_the_narrow_vectors() -> None:
    torch.manual_seed(0)
    context = Context(8, 4, 6, 0.1).eval()
    vectors, marks = torch.randn(5, 8), torch.ones(5, 4)
    plain, marked = context(vectors, BORDERS), context(vectors, BORDERS, marks)
    torch.testing.assert_close(marked[:, :4], plain[:, :4])
    assert not torch.allclose(marked[:, 4:], plain[:, 4:])
