"""Published language models, read as settings and weights of our decoders: GPT-2 and its children.

Names of tensors are listed by ours, {n} is the number of a layer. GPT-2 stores the matrices of its
layers the other way round (`_TRANSPOSED`).

Source: Radford et al. 2019; ruGPT and others have the same network.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pipekit.decoders.transformer import CausalDecoder
from pipekit.nn.checkpoints import (
    CONFIG,
    ConfigFile,
    StoredTensor,
    find_weight,
    open_tensors,
    summary,
)

GPT2 = "gpt2"
_PREFIX = "transformer."
_SETTINGS = {
    "width": ("n_embd", 1, 2**14),
    "layers": ("n_layer", 1, 256),
    "heads": ("n_head", 1, 256),
    "most": ("n_positions", 2, 2**16),
}
_ACTIVATIONS = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu": "gelu",
    "relu": "relu",
}
_FIXED: dict[str, tuple[Any, ...]] = {
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
    "tie_word_embeddings": (True,),
}
_NAMES = {
    "embed.weight": "wte.weight",
    "positions": "wpe.weight",
    "leave": "ln_f",
    "blocks.{n}.norms.0": "h.{n}.ln_1",
    "blocks.{n}.norms.1": "h.{n}.ln_2",
    "blocks.{n}.attention.project": "h.{n}.attn.c_attn",
    "blocks.{n}.attention.output": "h.{n}.attn.c_proj",
    "blocks.{n}.feed.0": "h.{n}.mlp.c_fc",
    "blocks.{n}.feed.2": "h.{n}.mlp.c_proj",
}
_TRANSPOSED = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
_OWN = ("attn.bias", "attn.masked_bias", "lm_head")  # masks, and the weights of the pieces again


class PublishedDecoder(NamedTuple):
    """A published language model.

    Attributes:
        settings: of the decoder, {type, …}.
        weights: its state dict, float32.
        left_out: what else the files hold.
    """

    settings: dict[str, Any]
    weights: dict[str, Tensor]
    left_out: tuple[str, ...]


def read_gpt2(
    folder: Path,
    pieces: int,
) -> PublishedDecoder:
    """The language model in a folder, for a vocabulary of so many pieces.

    All names and shapes are checked before the first tensor is read.

    Errors: `ConfigError` naming the file, and the key or tensor that does not fit.
    """
    config = ConfigFile(folder / CONFIG)
    settings = _settings(config)
    stored_pieces = config.whole("vocab_size", 1, 2**24)
    if pieces > stored_pieces:
        config.refuse(
            f"vocab_size = {stored_pieces}, but the vocabulary beside it has {pieces} pieces: "
            "they belong to different networks"
        )
    with torch.device("meta"):
        expected = CausalDecoder(stored_pieces, **settings).state_dict()
    with open_tensors(folder) as tensors:
        stored = {}
        for name, tensor in expected.items():
            stored[name] = _stored(folder, tensors, name, tuple(tensor.shape))
        weights = {name: _values(tensors[stored[name]]) for name in stored}
        unused = set(tensors).difference(stored.values())
    left_out = [name for name in unused if not any(part in name for part in _OWN)]
    weights["embed.weight"] = weights["embed.weight"][:pieces].clone()
    return PublishedDecoder({"type": "causal", **settings}, weights, summary(left_out))


def _settings(config: ConfigFile) -> dict[str, Any]:
    config.check_fixed(_FIXED)
    settings: dict[str, Any] = {}
    for setting, (key, low, high) in _SETTINGS.items():
        settings[setting] = config.whole(key, low, high)
    if settings["width"] % settings["heads"]:
        config.refuse(f"n_embd = {settings['width']} cannot be shared among n_head heads")
    inner = config.values.get("n_inner")
    settings["hidden"] = 0 if inner is None else config.whole("n_inner", 1, 2**14)
    activation = config.values.get("activation_function", "gelu_new")
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        config.refuse(
            f"activation_function = {activation!r} is not supported, only {', '.join(_ACTIVATIONS)}"
        )
    settings["activation"] = _ACTIVATIONS[activation]
    epsilon = config.values.get("layer_norm_epsilon", 1e-5)
    if not isinstance(epsilon, float) or not 1e-20 <= epsilon <= 0.1:
        config.refuse(f"layer_norm_epsilon = {epsilon!r} is no number from 1e-20 to 0.1")
    settings["epsilon"] = epsilon
    return settings


def _stored(
    folder: Path,
    tensors: Mapping[str, StoredTensor],
    name: str,
    shape: tuple[int, ...],
) -> str:
    """The name of the stored tensor that one of ours is. Errors: `ConfigError` where none fits."""
    stored_name = _stored_name(name)
    if stored_name.endswith(_TRANSPOSED):
        shape = shape[::-1]
    return find_weight(tensors, (_PREFIX + stored_name, stored_name), shape, folder)


def _stored_name(name: str) -> str:
    """The name that GPT-2 has for a tensor of ours, without its prefix."""
    parts = name.split(".")
    layer = ""
    if parts[0] == "blocks":
        layer = parts[1]
        parts[1] = "{n}"
    pattern = ".".join(parts)
    if pattern in _NAMES:
        return _NAMES[pattern]
    stem, _, last = pattern.rpartition(".")
    return f"{_NAMES[stem]}.{last}".replace("{n}", layer)


def _values(tensor: StoredTensor) -> Tensor:
    values = tensor.read()
    if tensor.name.endswith(_TRANSPOSED):
        return values.t().contiguous()
    return values
