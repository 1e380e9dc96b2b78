"""The BERT family as data: in which settings its members differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pipekit.errors import ConfigError, near
from pipekit.nn.stack import Shape
from pipekit.registry import check_arguments
from pipekit.settings import Between, LayerCount, OptionalWidth, Width


@dataclass(frozen=True)
class BertShape(Shape):
    """The settings of a network of the family, beside those of its stack of layers.

    Attributes:
        embedding_width: width of the embedded pieces, which are projected to `width` where that
            differs; `width` where it is 0.
        positions: the number of learned positions, special pieces included; 0 for none.
        segments: how many segments a text may have; 0 for a network that reads no segments.
        relative: distances below this are told apart by the attention (He et al. 2021); 0 for
            attention that does not know distances.
        buckets: how many groups of distances there are on either side, the farther the wider; 0
            where each distance is for itself.
        relative_norm: whether the vectors of the distances are normed.
        relative_own: whether the vectors of the distances have projections of their own to queries
            and keys, instead of those of the states.
    """

    width: Width = 256
    layers: LayerCount = 3
    embedding_width: OptionalWidth = 0
    positions: Annotated[int, Between(0, 16_384)] = 512
    segments: Annotated[int, Between(0, 16)] = 2
    relative: Annotated[int, Between(0, 8_192)] = 0
    buckets: Annotated[int, Between(0, 8_192)] = 0
    relative_norm: bool = False
    relative_own: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if 0 < self.positions < 3:
            raise ConfigError(
                f"positions = {self.positions}: "
                "at least 3 are needed, two of them for the special pieces"
            )
        if self.buckets and not 0 < self.buckets // 2 < self.relative - 1:
            raise ConfigError(
                f"buckets = {self.buckets} and relative = {self.relative}: "
                "take at least 2 buckets, and fewer than distances"
            )


# The sizes are those of a small network for a CPU; those of a published checkpoint come from its
# files.
FAMILIES: dict[str, dict[str, Any]] = {
    # Devlin et al. 2019
    "bert": {},
    # Liu et al. 2019
    "roberta": {"segments": 1, "epsilon": 1e-5},
    # Lan et al. 2020
    "albert": {"embedding_width": 64, "shared": True, "activation": "gelu_tanh"},
    # Clark et al. 2020
    "electra": {"embedding_width": 128},
    # Sanh et al. 2019
    "distilbert": {"segments": 0},
    # He et al. 2021
    "deberta": {
        "positions": 0,
        "segments": 0,
        "epsilon": 1e-7,
        "relative": 512,
        "relative_own": True,
    },
    # He et al. 2021, and v3, 2023
    "deberta_v2": {
        "positions": 0,
        "segments": 0,
        "epsilon": 1e-7,
        "relative": 512,
        "buckets": 256,
        "relative_norm": True,
    },
}


def shape_of(
    family: str,
    network: Mapping[str, Any],
) -> BertShape:
    """The shape of a family's network, with some settings changed.

    For instance ``shape_of("roberta", {"layers": 6})``.

    Errors: `ConfigError` naming the unknown family or setting.
    """
    if family not in FAMILIES:
        raise ConfigError(f"no BERT is of the family {family!r}.{near(family, FAMILIES)}")
    check_arguments(BertShape, network, "the network of a BERT")
    return BertShape(**{**FAMILIES[family], **network})
