"""Every decoder: what a state remembers, rows of several lengths, rows that change places.

Modules: decoders.recurrent, decoders.transformer
"""

from __future__ import annotations

import pytest
import torch
from helpers.decoders import DECODERS, PIECES, decoder, memory_for
from torch import Tensor

from pipekit.errors import ConfigError
from pipekit.parts.decoding import Decoder

ROWS = 3
WITH_MEMORY = [name for name in DECODERS if "memory" in name]


@pytest.fixture(params=DECODERS)
def network(request: pytest.FixtureRequest) -> Decoder:
    return decoder(request.param)


def ids(steps: int, rows: int = ROWS) -> Tensor:
    return torch.randint(PIECES, (rows, steps), generator=torch.Generator().manual_seed(1))


def test_pieces_one_by_one_have_the_scores_of_pieces_together(network: Decoder) -> None:
    pieces = ids(6)
    together = network(pieces, network.begin(ROWS, memory_for(network, ROWS)))
    state = network.begin(ROWS, memory_for(network, ROWS), capacity=6)
    alone = [network(pieces[:, step : step + 1], state) for step in range(6)]
    torch.testing.assert_close(torch.cat(alone, dim=1), together, atol=1e-5, rtol=1e-5)


def test_a_score_never_depends_on_what_follows(network: Decoder) -> None:
    pieces = ids(6)
    changed = pieces.clone()
    changed[:, 4:] = (changed[:, 4:] + 1) % PIECES
    before = network(pieces, network.begin(ROWS, memory_for(network, ROWS)))
    after = network(changed, network.begin(ROWS, memory_for(network, ROWS)))
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_rows_of_several_lengths_go_on_as_each_does_alone(network: Decoder) -> None:
    pieces = ids(5)
    counts = torch.tensor([2, 5, 3])
    following = ids(2)
    memory = memory_for(network, ROWS)
    state = network.begin(ROWS, memory, capacity=7)
    network.read(pieces, state, counts)
    scores = network(following, state)
    for row, count in enumerate(counts.tolist()):
        own = None if memory is None else type(memory)(*(part[row : row + 1] for part in memory))
        alone = network.begin(1, own, capacity=7)
        network.read(pieces[row : row + 1, :count], alone)
        expected = network(following[row : row + 1], alone)
        torch.testing.assert_close(scores[row : row + 1], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("rows", [[2, 0, 1], [1, 1, 1], [2], [0, 0, 1, 2]])
def test_selected_rows_go_on_from_their_own_state(network: Decoder, rows: list[int]) -> None:
    pieces = ids(3)
    following = ids(2)
    whole = network.begin(ROWS, memory_for(network, ROWS), capacity=8)
    network.read(pieces, whole)
    chosen = whole.select(torch.tensor(rows))
    scores = network(following[rows], chosen)
    again = network.begin(ROWS, memory_for(network, ROWS), capacity=8)
    network.read(pieces, again)
    torch.testing.assert_close(scores, network(following, again)[rows], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", WITH_MEMORY)
def test_padding_of_the_memory_is_not_looked_at(name: str) -> None:
    network = decoder(name)
    memory = memory_for(network, ROWS)
    assert memory is not None
    padded = memory.states.clone()
    padded[~memory.inside] = 99.0
    pieces = ids(4)
    expected = network(pieces, network.begin(ROWS, memory))
    scores = network(pieces, network.begin(ROWS, memory._replace(states=padded)))
    torch.testing.assert_close(scores, expected)


@pytest.mark.parametrize("name", WITH_MEMORY)
def test_attention_over_the_memory_sums_to_one(name: str) -> None:
    network = decoder(name)
    seen: list[Tensor] = []
    memory = memory_for(network, ROWS)
    assert memory is not None
    network.read(ids(4), network.begin(ROWS, memory), seen=seen)
    if "no attention" in name:
        assert not seen
        return
    for weights in seen:
        assert weights.shape[0] == ROWS and weights.shape[2:] == (4, memory.states.shape[1])
        torch.testing.assert_close(weights.sum(3), torch.ones(weights.shape[:3]))
        assert not weights[~memory.inside[:, None, None, :].expand_as(weights)].any()


def test_a_transformer_refuses_more_pieces_than_it_has_positions_for() -> None:
    network = decoder("causal")
    with pytest.raises(ConfigError, match=r"65 pieces are more .* positions for, 64"):
        network.begin(1, capacity=65)
    with pytest.raises(ConfigError, match="positions for, 64"):
        network.read(ids(65, rows=1), network.begin(1))
