"""Networks of others: what `transformers` computes, pipekit computes; and what cannot be read is refused by name."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import pipekit
from pipekit import Batch, Doc, import_bert
from pipekit.cli import main
from pipekit.encoders.bert.families import FAMILIES, shape_of
from pipekit.encoders.bert.network import Network
from pipekit.errors import ConfigError

safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed: pip install 'pipekit-nlp[bert]'")
pytest.importorskip("tokenizers", reason="tokenizers is not installed: pip install 'pipekit-nlp[bert]'")

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"абвгдежзийклмнопрстуфхцчшщъыьэюя.,!", *(f"##{c}" for c in "абвгдежзиклмнопрстуыья"), "мама", "рам"]
SIZES: dict[str, Any] = {
    "vocab_size": 72,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 36,
}
DISTIL = {"vocab_size": 72, "dim": 24, "n_layers": 3, "n_heads": 3, "hidden_dim": 40, "max_position_embeddings": 36}
RELATIVE = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}
V3 = {**RELATIVE, "position_biased_input": False, "share_att_key": True, "norm_rel_ebd": "layer_norm", "position_buckets": 8}
V2_OWN = {**RELATIVE, "position_biased_input": True, "type_vocab_size": 2, "max_relative_positions": 9, "share_att_key": False}
CONFIGS: dict[str, dict[str, Any]] = {
    "bert": {"model_type": "bert", **SIZES},
    "bert, one segment, relu": {"model_type": "bert", **SIZES, "type_vocab_size": 1, "hidden_act": "relu", "layer_norm_eps": 1e-3},
    "roberta": {"model_type": "roberta", **SIZES, "type_vocab_size": 1},
    "roberta, padding first": {"model_type": "roberta", **SIZES, "pad_token_id": 0},
    "xlm-roberta": {"model_type": "xlm-roberta", **SIZES},
    "camembert": {"model_type": "camembert", **SIZES},
    "albert": {"model_type": "albert", **SIZES, "embedding_size": 16},
    "electra": {"model_type": "electra", **SIZES, "embedding_size": 16},
    "electra, not projected": {"model_type": "electra", **SIZES, "embedding_size": 24},
    "distilbert": {"model_type": "distilbert", **DISTIL},
    "deberta": {"model_type": "deberta", **SIZES, **RELATIVE, "position_biased_input": False},
    "deberta, near": {"model_type": "deberta", **SIZES, **RELATIVE, "type_vocab_size": 2, "max_relative_positions": 7},
    "deberta-v2": {"model_type": "deberta-v2", **SIZES, **V2_OWN, "hidden_act": "gelu_new"},
    "deberta-v3": {"model_type": "deberta-v2", **SIZES, **V3},
}


@pytest.fixture(scope="module")
def theirs() -> Iterator[Any]:
    """The library `transformers`, whose warnings are its own business."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip("transformers", reason="transformers is not installed: pip install 'pipekit-nlp[test]'")


def folder_of(config: dict[str, Any], folder: Path, theirs: Any, head: str = "AutoModelForMaskedLM") -> Any:
    """A folder as they write it, and their network; all weights random, and great enough for differences to show."""
    torch.manual_seed(5)
    options = {key: value for key, value in config.items() if key != "model_type"}
    model = getattr(theirs, head).from_config(theirs.AutoConfig.for_model(config["model_type"], **options)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(torch.randn_like(weight) * 0.3 + (name.endswith(("norm.weight", "Norm.weight"))))
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    return model


def states_of(model: Any, ids: Tensor, inside: Tensor, segments: Tensor) -> list[Tensor]:
    """The states of all layers, as they compute them."""
    more = {"token_type_ids": segments} if getattr(model.config, "type_vocab_size", 0) else {}
    with torch.inference_mode():
        return list(model.base_model(input_ids=ids, attention_mask=inside.long(), output_hidden_states=True, **more).hidden_states)


def sentences(config: dict[str, Any], longest: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pieces, what is no padding, and segments, of sequences of several lengths."""
    lengths = torch.tensor([longest, longest // 2, 3, 1, longest - 1])
    inside = torch.arange(longest) < lengths.unsqueeze(1)
    torch.manual_seed(6)
    ids = torch.randint(2, config["vocab_size"] - 8, inside.shape).masked_fill(~inside, config.get("pad_token_id", 1))
    segments = torch.randint(0, 2, inside.shape) * (config.get("type_vocab_size", 2) > 1)
    return ids, inside, segments


@pytest.fixture(params=CONFIGS, ids=str)
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    return CONFIGS[request.param]


# -- the network


def test_the_states_of_all_layers_are_those_of_transformers(config: dict[str, Any], theirs: Any, tmp_path: Path) -> None:
    model = folder_of(config, tmp_path, theirs)
    encoder: Any = import_bert(tmp_path).encoders["main"].eval()
    encoder.network.embed.pieces = torch.nn.Embedding.from_pretrained(model.base_model.get_input_embeddings().weight)
    for longest in (encoder.shape.positions or 50, 5, 2):
        ids, inside, segments = sentences(config, longest)
        with torch.inference_mode():
            found = encoder.network(ids, inside, segments if encoder.shape.segments else None)
        expected = states_of(model, ids, inside, segments)
        assert len(found) == len(expected) == 4
        for ours, other in zip(found, expected, strict=True):
            torch.testing.assert_close(ours[inside], other[inside], atol=1e-5, rtol=1e-5)
