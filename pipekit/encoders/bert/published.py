"""Published networks of the BERT family as data: keys of their configs, names of their tensors.

Names of tensors are listed by our own names:

    {n}                the number of a layer
    several names      parts of one tensor of ours, one below the other
    an empty name      a part that is zero, since their network has none
    "embed.norm"       stands for "embed.norm.weight" and "embed.norm.bias"
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

_BERT_HEAD: Names = {
    "mix": ("cls.predictions.transform.dense",),
    "norm": ("cls.predictions.transform.LayerNorm",),
    "bias": ("cls.predictions.bias",),
}


@dataclass(frozen=True)
class PublishedKind:
    """A kind of published network, which configs call `model_type`.

    Attributes:
        family: its family, one of `pipekit.encoders.bert.families.FAMILIES`.
        prefix: begins the names of its tensors where the network is a part of another.
        names: of its tensors, by ours.
        keys: of its config, by settings of `BertShape`.
        defaults: values of keys that a config may leave out.
        fixed: the supported values of keys that change what is computed. A key that is left out has
            the first.
        settings: of `BertShape` that no key of a config holds.
        behind_pad: whether positions are counted from behind the number of the padding piece.
        by_head: whether queries, keys and values are one tensor, head by head.
        guessing: the names of the tensors of its `PieceHead`, by ours; its files may lack them.
        guesses_by_gelu: whether that head has GELU, whatever the network has.
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
    guessing: Names = field(default_factory=lambda: _BERT_HEAD)
    guesses_by_gelu: bool = False


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


_SELF = f"{_LAYER}.attention.self"
_BERT: Names = {
    **_EMBEDDINGS,
    "stack.blocks.{n}.attention.project": (
        f"{_SELF}.query",
        f"{_SELF}.key",
        f"{_SELF}.value",
    ),
    **_FEED,
}
_GROUP = "encoder.albert_layer_groups.{n}.albert_layers.0"
_ALBERT: Names = {
    **_EMBEDDINGS,
    "embed.project": ("encoder.embedding_hidden_mapping_in",),
    "stack.blocks.{n}.attention.project": (
        f"{_GROUP}.attention.query",
        f"{_GROUP}.attention.key",
        f"{_GROUP}.attention.value",
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
    "stack.blocks.{n}.attention.project": (
        f"{_DISTIL}.attention.q_lin",
        f"{_DISTIL}.attention.k_lin",
        f"{_DISTIL}.attention.v_lin",
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
_DEBERTA: Names = {
    **_DISTANCES,
    "stack.blocks.{n}.attention.project.weight": (f"{_SELF}.in_proj.weight",),
    "stack.blocks.{n}.attention.project.bias": (
        f"{_SELF}.q_bias",
        "",
        f"{_SELF}.v_bias",
    ),
    "stack.blocks.{n}.attention.distance.weight": (
        f"{_SELF}.pos_q_proj.weight",
        f"{_SELF}.pos_proj.weight",
    ),
    "stack.blocks.{n}.attention.distance.bias": (f"{_SELF}.pos_q_proj.bias", ""),
}
_DEBERTA_V2: Names = {
    **_DISTANCES,
    "stack.blocks.{n}.attention.project": (
        f"{_SELF}.query_proj",
        f"{_SELF}.key_proj",
        f"{_SELF}.value_proj",
    ),
    "stack.blocks.{n}.attention.distance": (
        f"{_SELF}.pos_query_proj",
        f"{_SELF}.pos_key_proj",
    ),
}
_DEBERTA_DEFAULTS = {**_DEFAULTS, "layer_norm_eps": 1e-7, "type_vocab_size": 0}
_DEBERTA_FIXED: dict[str, tuple[Any, ...]] = {
    "relative_attention": (True,),
    "talking_head": (False,),
    "conv_kernel_size": (0,),
}

_ROBERTA = PublishedKind(
    family="roberta",
    prefix="roberta.",
    names=_BERT,
    keys=_KEYS,
    defaults=_DEFAULTS,
    fixed=_FIXED,
    behind_pad=True,
    guessing={
        "mix": ("lm_head.dense",),
        "norm": ("lm_head.layer_norm",),
        "bias": ("lm_head.bias",),
    },
    guesses_by_gelu=True,
)
PUBLISHED_KINDS: dict[str, PublishedKind] = {
    "bert": PublishedKind(
        family="bert",
        prefix="bert.",
        names=_BERT,
        keys=_KEYS,
        defaults=_DEFAULTS,
        fixed=_FIXED,
    ),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "electra": PublishedKind(
        family="electra",
        prefix="electra.",
        names={**_BERT, "embed.project": ("embeddings_project",)},
        keys=_WITH_EMBEDDING,
        defaults=_DEFAULTS,
        fixed=_FIXED,
        guessing={
            "mix": ("generator_predictions.dense",),
            "norm": ("generator_predictions.LayerNorm",),
            "bias": ("generator_lm_head.bias",),
        },
        guesses_by_gelu=True,
    ),
    "albert": PublishedKind(
        family="albert",
        prefix="albert.",
        names=_ALBERT,
        keys=_WITH_EMBEDDING,
        defaults={**_DEFAULTS, "hidden_act": "gelu_new", "hidden_dropout_prob": 0.0},
        fixed={**_FIXED, "num_hidden_groups": (1,), "inner_group_num": (1,)},
        settings={"shared": True},
        guessing={
            "mix": ("predictions.dense",),
            "norm": ("predictions.LayerNorm",),
            "bias": ("predictions.bias",),
        },
    ),
    "distilbert": PublishedKind(
        family="distilbert",
        prefix="distilbert.",
        names=_DISTILBERT,
        keys={
            "width": "dim",
            "layers": "n_layers",
            "heads": "n_heads",
            "hidden": "hidden_dim",
            "dropout": "dropout",
            "activation": "activation",
            "positions": "max_position_embeddings",
        },
        defaults={"dropout": 0.1, "activation": "gelu"},
        fixed=_FIXED,
        settings={"segments": 0, "epsilon": 1e-12},
        guessing={
            "mix": ("vocab_transform",),
            "norm": ("vocab_layer_norm",),
            "bias": ("vocab_projector.bias",),
        },
    ),
    "deberta": PublishedKind(
        family="deberta",
        prefix="deberta.",
        names=_DEBERTA,
        keys=_KEYS,
        defaults=_DEBERTA_DEFAULTS,
        fixed={**_FIXED, **_DEBERTA_FIXED},
        by_head=True,
    ),
    "deberta-v2": PublishedKind(
        family="deberta_v2",
        prefix="deberta.",
        names=_DEBERTA_V2,
        keys=_KEYS,
        defaults=_DEBERTA_DEFAULTS,
        fixed={**_FIXED, **_DEBERTA_FIXED},
    ),
}
