"""Linear layers in int8: near to float32, a row as it is alone, weights untouched.

Modules: devices.int8, devices.precision
"""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.tiny import FEATURES, gold, learn, recipe, ten
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from pipekit import Pipeline, from_bytes, load
from pipekit.devices.int8 import Int8, is_exact, linear
from pipekit.devices.precision import check_precision, inference
from pipekit.errors import ConfigError

pytestmark = pytest.mark.skipif(not is_exact(), reason="this processor loses digits of int8")
CPU = torch.device("cpu")
WIDE = {
    "type": "transformer",
    "width": 64,
    "layers": 1,
    "dropout": 0.0,
    "features": {**FEATURES, "width": 64},
}
TEXTS = ["Мама мыла раму.", "", " ", "а" * 300, "😀 Кот спит на окне. Старая собака спит."]


@pytest.fixture(scope="module")
def nlp(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    tagger = {"type": "tagger", "encoder": "main", "hidden": 64, "lemma_width": 24}
    return learn(recipe(WIDE, {"tagger": tagger}, epochs=20), tmp_path_factory.mktemp("wide"))


def quantized(layer: nn.Linear, rows: Tensor) -> Tensor:
    with inference(CPU, "int8"), torch.autocast("cpu", enabled=False):
        return layer(rows)  # type: ignore[no-any-return]


@given(st.integers(1, 3000), st.integers(64, 300), st.integers(0, 5), st.booleans())
def test_it_is_near_to_float32_and_a_row_is_what_it_is_alone(
    rows: int, width: int, seed: int, bias: bool
) -> None:
    torch.manual_seed(seed)
    layer, states = (
        nn.Linear(width, 70, bias=bias),
        torch.randn(rows, width) * torch.logspace(-3, 3, rows).unsqueeze(1),
    )
    found, wanted = quantized(layer, states), layer(states).detach()
    size = states.abs().amax(1, keepdim=True) * layer.weight.detach().abs().amax(1)
    assert bool(((found - wanted).abs() <= size * width / 127 + 1e-6).all())
    alone = quantized(layer, states[rows // 2 :][:1])
    assert torch.equal(alone, found[rows // 2 :][:1])


def test_shapes_types_and_empty_inputs_are_those_of_the_float_layer() -> None:
    layer = nn.Linear(64, 64)
    assert quantized(layer, torch.ones(2, 0, 64)).shape == (2, 0, 64)
    assert quantized(layer, torch.ones(64)).shape == (64,)
    assert quantized(layer, torch.zeros(2, 3, 64)).tolist() == layer.bias.expand(2, 3, 64).tolist()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16), Int8():
        assert layer(torch.ones(2, 3, 64)).dtype == torch.bfloat16


def test_what_scores_labels_stays_float() -> None:
    states = torch.randn(7, 64)
    for layer in (nn.Linear(64, 10), nn.Linear(64, 10, bias=False)):
        assert torch.equal(quantized(layer, states), layer(states))
    assert torch.equal(
        quantized(nn.Linear(1, 64, bias=False), torch.zeros(5, 1)), torch.zeros(5, 64)
    )
    assert torch.equal(
        linear(states, torch.ones(100, 64)), functional.linear(states, torch.ones(100, 64))
    )


def test_weights_that_change_are_packed_anew() -> None:
    layer, states = nn.Linear(64, 64, bias=False), torch.randn(7, 64)
    before = quantized(layer, states)
    with torch.no_grad():
        layer.weight *= 2
    assert torch.allclose(quantized(layer, states), 2 * before)
    layer.load_state_dict({"weight": layer.weight.detach() * 2})
    assert torch.allclose(quantized(layer, states), 4 * before)


def test_a_pipeline_says_the_same_and_leaves_int_8_as_it_came(
    nlp: Pipeline, tmp_path: Path
) -> None:
    """Saved or as bytes it is the float pipeline. A view may have a precision of its own."""
    before, data = vectors(nlp), nlp.to_bytes()
    coarse = nlp.select_pipes().with_precision("int8")
    assert gold(list(coarse.pipe(doc.copy(bare=True) for doc in ten()))) == gold(
        list(nlp.pipe(doc.copy(bare=True) for doc in ten()))
    )
    assert not np.array_equal(vectors(coarse), before)
    assert np.allclose(vectors(coarse), before, atol=0.2)
    assert (nlp.precision, coarse.to_bytes()) == ("float32", data)
    coarse.to_disk(tmp_path / "saved.pipekit")
    again = load(tmp_path / "saved.pipekit", device="cpu", precision="int8")
    assert np.array_equal(vectors(again), vectors(coarse))
    assert np.array_equal(vectors(again.with_precision("float32")), before)
    assert np.array_equal(vectors(from_bytes(data, device="cpu").with_precision("float32")), before)


def vectors(nlp: Pipeline) -> np.ndarray:  # type: ignore[type-arg]
    return np.concatenate([nlp.encode(text) for text in TEXTS])


def test_workers_compute_in_int_8_too(nlp: Pipeline) -> None:
    coarse = nlp.select_pipes().with_precision("int8")
    one, two = ([doc.to_dict() for doc in coarse.pipe(TEXTS * 3, n_process=n)] for n in (1, 2))
    assert one == two


def test_it_is_refused_where_there_is_no_cpu_below() -> None:
    with pytest.raises(
        ConfigError, match="int8 is computed on CPUs only, and this pipeline is on cuda:1"
    ):
        check_precision("int8", "cuda:1")


def test_outside_of_it_layers_are_as_they_were() -> None:
    layer, states = nn.Linear(64, 64), torch.randn(7, 64)
    before = layer(states)
    other = copy.deepcopy(layer)
    assert not torch.equal(quantized(layer, states), before)
    assert torch.equal(layer(states), before)
    assert torch.equal(quantized(other, states), quantized(layer, states))
