"""The `config.json` of a published network of the BERT family, read as settings of `BertShape`.

A config is data of others. It is numbers and names, whose ranges are checked before anything is
allocated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipekit.encoders.bert.families import BertShape, shape_of
from pipekit.encoders.bert.published import PUBLISHED_ACTIVATIONS, PUBLISHED_KINDS, PublishedKind
from pipekit.errors import ConfigError, near
from pipekit.nn.checkpoints import ConfigFile

# The least and the greatest value of each setting, and of keys that are no settings of ours.
_LIMITS: dict[str, tuple[int, int]] = {
    "width": (1, 2**15),
    "layers": (1, 512),
    "heads": (1, 512),
    "hidden": (1, 2**18),
    "positions": (3, 2**20),
    "segments": (0, 2**10),
    "embedding_width": (1, 2**15),
    "vocab_size": (1, 2**24),
    "pad_token_id": (0, 2**24),
    "position_buckets": (-1, 2**16),
    "max_relative_positions": (-1, 2**16),
}


class PublishedConfig(ConfigFile):
    """The config of a network of the BERT family.

    Errors: `ConfigError` naming the file and the key, here and in all methods.
    """

    def kind(self) -> PublishedKind:
        """The kind of network, by its `model_type`; its fixed keys are checked."""
        name = self.values.get("model_type")
        if not isinstance(name, str) or name not in PUBLISHED_KINDS:
            self.refuse(
                f"no network of model_type = {name!r} can be read."
                f"{near(str(name), PUBLISHED_KINDS)}"
            )
        kind = PUBLISHED_KINDS[name]
        self.check_fixed(kind.fixed)
        return kind

    def network(self, kind: PublishedKind) -> dict[str, Any]:
        """The settings of `BertShape`."""
        network: dict[str, Any] = {}
        for setting, key in kind.keys.items():
            network[setting] = self._setting(setting, key, kind.defaults.get(key))
        width = network["width"]
        heads = network["heads"]
        if width % heads:
            self.refuse(f"{kind.keys['width']} = {width} cannot be shared among {heads} heads")
        network["positions"] -= self.padding_positions(kind)
        if network["positions"] < _LIMITS["positions"][0]:
            self.refuse(
                f"{kind.keys['positions']} leaves {network['positions']} positions for a text"
            )
        if kind.family == "albert" and network["embedding_width"] == width:
            self.refuse("an embedding_size that is the hidden_size is not supported")
        network.update(kind.settings)
        if kind.family.startswith("deberta"):
            self._check_distances(network)
            network.update(self._distances(kind, network))
        return network

    def shape(
        self,
        kind: PublishedKind,
        network: Mapping[str, Any],
    ) -> BertShape:
        """The shape of the network from the settings that `network` gives."""
        try:
            return shape_of(kind.family, network)
        except ConfigError as error:
            self.refuse(str(error))

    def guesses(
        self,
        kind: PublishedKind,
        shape: BertShape,
    ) -> bool:
        """Whether a head in its files, which guesses pieces, computes what ours does."""
        is_tied = self.values.get("tie_word_embeddings", True) is True
        return is_tied and (not kind.guesses_by_gelu or shape.activation == "gelu")

    def padding_positions(self, kind: PublishedKind) -> int:
        """How many rows of its table of positions stand before the first position."""
        if not kind.behind_pad:
            return 0
        return self.number("pad_token_id", "pad_token_id", 1) + 1

    def _setting(
        self,
        setting: str,
        key: str,
        default: Any,
    ) -> Any:
        value = self.values.get(key, default)
        if setting == "activation":
            if not isinstance(value, str) or value not in PUBLISHED_ACTIVATIONS:
                choices = near(str(value), PUBLISHED_ACTIVATIONS)
                self.refuse(f"{key} = {value!r} is not supported.{choices}")
            return PUBLISHED_ACTIVATIONS[value]
        if setting in ("dropout", "epsilon"):
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not 0 <= value < 1:
                self.refuse(f"{key} = {value!r} is no number from 0 to 1")
            return float(value)
        return self.number(key, setting, default)

    def number(
        self,
        key: str,
        setting: str,
        default: int | None = None,
    ) -> int:
        """The whole number under a key, within the limits of a setting."""
        low, high = _LIMITS[setting]
        return self.whole(key, low, high, default)

    def _check_distances(self, network: Mapping[str, Any]) -> None:
        """Refuse a DeBERTa that computes otherwise than ours."""
        terms = self.values.get("pos_att_type")
        names: list[str] = []
        if isinstance(terms, str):
            names = terms.split("|")
        elif isinstance(terms, list):
            names = [str(term) for term in terms]
        if sorted(names) != ["c2p", "p2c"]:
            self.refuse(f"pos_att_type = {terms!r} is not supported, only ['c2p', 'p2c']")
        if self.values.get("relative_attention") is not True:
            self.refuse("relative_attention is not supported but as true")
        widths = {
            "embedding_size": network["width"],
            "attention_head_size": network["width"] // network["heads"],
        }
        for key, expected in widths.items():
            value = self.values.get(key, expected)
            if value != expected:
                self.refuse(f"{key} = {value!r} is not supported, only {expected}")

    def _distances(
        self,
        kind: PublishedKind,
        network: Mapping[str, Any],
    ) -> dict[str, Any]:
        """The settings that DeBERTa has beside the others."""
        norm = str(self.values.get("norm_rel_ebd", "none"))
        if norm not in ("none", "layer_norm"):
            self.refuse(f"norm_rel_ebd = {norm!r} is not supported, only 'none' and 'layer_norm'")
        is_v2 = kind.family == "deberta_v2"
        positions = network["positions"]
        farthest = self.number("max_relative_positions", "max_relative_positions", -1)
        buckets = 0
        if is_v2:
            buckets = max(self.number("position_buckets", "position_buckets", -1), 0)
        has_positions = self.values.get("position_biased_input", True)
        shares_projections = is_v2 and self.values.get("share_att_key", False)
        return {
            "positions": positions if has_positions else 0,
            "relative": farthest if farthest > 0 else positions,
            "buckets": buckets,
            "relative_norm": is_v2 and norm == "layer_norm",
            "relative_own": not shares_projections,
        }
