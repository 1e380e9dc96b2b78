"""The BERT family as data: how its members differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pipekit.encoders.stack import Shape
from pipekit.errors import ConfigError, near


@dataclass(frozen=True)
class BertShape(Shape):
    """What a network of the family is, beside its stack of layers.

    Attributes:
        embedding_width: of the embedded pieces, which are projected to `width` where that differs; `width` where it is 0.
        positions: how many learned positions there are, the special pieces included; 0 for none.
        segments: how many segments a text may have; 0 for a network that is not told them.
        relative: attention that knows how far apart two pieces are (He et al. 2021) tells distances below this; 0 for one that does not.
        buckets: so many are told apart on either side, the greater ones in ever wider buckets; 0 for each by itself.
        relative_norm: whether the vectors of the distances are normed.
        relative_own: whether these have projections of their own to keys and queries, instead of those of the states.
    """

    width: int = 256
    layers: int = 3
    embedding_width: int = 0
    positions: int = 512
    segments: int = 2
    relative: int = 0
    buckets: int = 0
    relative_norm: bool = False
    relative_own: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if 0 < self.positions < 3:
            raise ConfigError(
                f"positions = {self.positions}: at least 3 are needed, two of them for the special pieces"
            )
        if self.buckets and not 0 < self.buckets // 2 < self.relative - 1:
            raise ConfigError(
                f"buckets = {self.buckets} and relative = {self.relative}: take at least 2 buckets, and fewer than distances"
            )


# The sizes are those of a small network for a CPU; what a published checkpoint has is read from it.
FAMILIES: dict[str, dict[str, Any]] = {
    "bert": {},  # Devlin et al. 2019
    "roberta": {"segments": 1, "epsilon": 1e-5},  # Liu et al. 2019
    "albert": {"embedding_width": 64, "shared": True, "activation": "gelu_tanh"},  # Lan et al. 2020
    "electra": {"embedding_width": 128},  # Clark et al. 2020
    "distilbert": {"segments": 0},  # Sanh et al. 2019
    "deberta": {
        "positions": 0,
        "segments": 0,
        "epsilon": 1e-7,
        "relative": 512,
        "relative_own": True,
    },  # He et al. 2021
    "deberta_v2": {
        "positions": 0,
        "segments": 0,
        "epsilon": 1e-7,
        "relative": 512,
        "buckets": 256,
        "relative_norm": True,
    },  # and v3, 2023
}


def shape_of(family: str, network: Mapping[str, Any]) -> BertShape:
    """The shape of a family, changed by the settings given. Errors: `ConfigError` naming the family or the setting that is not known."""
    if family not in FAMILIES:
        raise ConfigError(f"no BERT is of the family {family!r}.{near(family, FAMILIES)}")
    known = [f.name for f in fields(BertShape)]
    for key in network:
        if key not in known:
            raise ConfigError(f"the network of a BERT takes no {key!r}.{near(key, known)}")
    return BertShape(**{**FAMILIES[family], **network})
