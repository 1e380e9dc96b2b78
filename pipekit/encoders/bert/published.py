"""How others write networks of the BERT family: the keys of their `config.json` and the names of their tensors, as data.

Names of tensors are patterns by our own names: `{n}` is the number of a layer. Several names are parts of one tensor of ours, one below
the other; an empty name is a part that is zero with them. A name without a last part stands for its `.weight` and its `.bias`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Names = Mapping[str, tuple[str, ...]]

PUBLISHED_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}


@dataclass(frozen=True)
class PublishedKind:
    """What others call a `model_type`.

    Attributes:
        family: what it is here.
        prefix: of its tensors where the network is a part of another.
        keys: of its config, by settings of `BertShape`.
        defaults: of keys that a config may leave out.
        fixed: keys that change what is computed, and the values that are supported; those that are left out are as the first.
        settings: of `BertShape` that no key tells.
        names: of its tensors.
        behind_pad: whether its positions are counted from behind the number of its padding.
        by_head: whether queries, keys and values are one tensor, head by head.
    """

    family: str
    prefix: str
    names: Names
    keys: Mapping[str, str]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    behind_pad: bool = False
    by_head: bool = False


_KEYS = {
    "width": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "hidden": "intermediate_size",
    "dropout": "hidden_dropout_prob",
    "activation": "hidden_act",
    "epsilon": "layer_norm_eps",
    "positions": "max_position_embeddings",
    "segments": "type_vocab_size",
}
_WITH_EMBEDDING = {**_KEYS, "embedding_width": "embedding_size"}
_DEFAULTS = {
    "hidden_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "type_vocab_size": 2,
}
_FIXED: dict[str, tuple[Any, ...]] = {
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
}

_EMBEDDINGS: Names = {
    "embed.pieces": ("embeddings.word_embeddings",),
    "embed.positions": ("embeddings.position_embeddings",),
    "embed.segments": ("embeddings.token_type_embeddings",),
    "embed.norm": ("embeddings.LayerNorm",),
}
_LAYER = "encoder.layer.{n}"
_FEED: Names = {
    "stack.blocks.{n}.attention.output": (f"{_LAYER}.attention.output.dense",),
    "stack.blocks.{n}.norms.0": (f"{_LAYER}.attention.output.LayerNorm",),
    "stack.blocks.{n}.feed.0": (f"{_LAYER}.intermediate.dense",),
    "stack.blocks.{n}.feed.2": (f"{_LAYER}.output.dense",),
    "stack.blocks.{n}.norms.1": (f"{_LAYER}.output.LayerNorm",),
}


def _project(*names: str) -> Names:
    return {
        "stack.blocks.{n}.attention.project": tuple(
            f"{_LAYER}.attention.self.{name}" for name in names
        )
    }


_BERT: Names = {**_EMBEDDINGS, **_project("query", "key", "value"), **_FEED}
_GROUP = "encoder.albert_layer_groups.{n}.albert_layers.0"
_ALBERT: Names = {
    **_EMBEDDINGS,
    "embed.project": ("encoder.embedding_hidden_mapping_in",),
    "stack.blocks.{n}.attention.project": tuple(
        f"{_GROUP}.attention.{name}" for name in ("query", "key", "value")
    ),
    "stack.blocks.{n}.attention.output": (f"{_GROUP}.attention.dense",),
    "stack.blocks.{n}.norms.0": (f"{_GROUP}.attention.LayerNorm",),
    "stack.blocks.{n}.feed.0": (f"{_GROUP}.ffn",),
    "stack.blocks.{n}.feed.2": (f"{_GROUP}.ffn_output",),
    "stack.blocks.{n}.norms.1": (f"{_GROUP}.full_layer_layer_norm",),
}
_DISTIL = "transformer.layer.{n}"
_DISTILBERT: Names = {
    **_EMBEDDINGS,
    "stack.blocks.{n}.attention.project": tuple(
        f"{_DISTIL}.attention.{name}" for name in ("q_lin", "k_lin", "v_lin")
    ),
    "stack.blocks.{n}.attention.output": (f"{_DISTIL}.attention.out_lin",),
    "stack.blocks.{n}.norms.0": (f"{_DISTIL}.sa_layer_norm",),
    "stack.blocks.{n}.feed.0": (f"{_DISTIL}.ffn.lin1",),
    "stack.blocks.{n}.feed.2": (f"{_DISTIL}.ffn.lin2",),
    "stack.blocks.{n}.norms.1": (f"{_DISTIL}.output_layer_norm",),
}
_DISTANCES: Names = {
    **_EMBEDDINGS,
    **_FEED,
    "stack.places.vectors": ("encoder.rel_embeddings",),
    "stack.places.norm": ("encoder.LayerNorm",),
}
_SELF = f"{_LAYER}.attention.self"
_DEBERTA: Names = {
    **_DISTANCES,
    "stack.blocks.{n}.attention.project.weight": (f"{_SELF}.in_proj.weight",),
    "stack.blocks.{n}.attention.project.bias": (f"{_SELF}.q_bias", "", f"{_SELF}.v_bias"),
    "stack.blocks.{n}.attention.distance.weight": (
        f"{_SELF}.pos_q_proj.weight",
        f"{_SELF}.pos_proj.weight",
    ),
    "stack.blocks.{n}.attention.distance.bias": (f"{_SELF}.pos_q_proj.bias", ""),
}
_DEBERTA_V2: Names = {
    **_DISTANCES,
    **_project("query_proj", "key_proj", "value_proj"),
    "stack.blocks.{n}.attention.distance": (f"{_SELF}.pos_query_proj", f"{_SELF}.pos_key_proj"),
}
_DEBERTA_DEFAULTS = {**_DEFAULTS, "layer_norm_eps": 1e-7, "type_vocab_size": 0}
_DEBERTA_FIXED: dict[str, tuple[Any, ...]] = {
    "relative_attention": (True,),
    "talking_head": (False,),
    "conv_kernel_size": (0,),
}

_ROBERTA = PublishedKind("roberta", "roberta.", _BERT, _KEYS, _DEFAULTS, _FIXED, behind_pad=True)
PUBLISHED_KINDS: dict[str, PublishedKind] = {
    "bert": PublishedKind("bert", "bert.", _BERT, _KEYS, _DEFAULTS, _FIXED),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "electra": PublishedKind(
        "electra",
        "electra.",
        {**_BERT, "embed.project": ("embeddings_project",)},
        _WITH_EMBEDDING,
        _DEFAULTS,
        _FIXED,
    ),
    "albert": PublishedKind(
        "albert",
        "albert.",
        _ALBERT,
        _WITH_EMBEDDING,
        {**_DEFAULTS, "hidden_act": "gelu_new", "hidden_dropout_prob": 0.0},
        {**_FIXED, "num_hidden_groups": (1,), "inner_group_num": (1,)},
        {"shared": True},
    ),
    "distilbert": PublishedKind(
        "distilbert",
        "distilbert.",
        _DISTILBERT,
        {
            "width": "dim",
            "layers": "n_layers",
            "heads": "n_heads",
            "hidden": "hidden_dim",
            "dropout": "dropout",
            "activation": "activation",
            "positions": "max_position_embeddings",
        },
        {"dropout": 0.1, "activation": "gelu"},
        _FIXED,
        {"segments": 0, "epsilon": 1e-12},
    ),
    "deberta": PublishedKind(
        "deberta",
        "deberta.",
        _DEBERTA,
        _KEYS,
        _DEBERTA_DEFAULTS,
        {**_FIXED, **_DEBERTA_FIXED},
        by_head=True,
    ),
    "deberta-v2": PublishedKind(
        "deberta_v2",
        "deberta.",
        _DEBERTA_V2,
        _KEYS,
        _DEBERTA_DEFAULTS,
        {**_FIXED, **_DEBERTA_FIXED},
    ),
}
