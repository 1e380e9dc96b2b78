"""Tags as numbers, and the loss of annotations that leave some of a tag open."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipekit.allowance import take
from pipekit.doc.layer import UNSURE
from pipekit.words.arrays import Bools

_PART = "UPOS"  # the part of speech as an attribute beside the features
_LETTER_PARTS = ("PROPN", "X", "SYM", "PUNCT")
_LEAST = 1e-30  # keeps log(0) finite


class TagSet:
    """T tags as numbers: the part of speech, the features and the values of each.

        tags = TagSet(["NOUN|Case=Nom", "NOUN|Case=Gen", "PUNCT|"])
        tags.parts                          # ["NOUN", "PUNCT"]
        tags.part_of                        # [0, 0, 1]
        tags.allowed("NOUN", "Case=?")      # [True, True, False]

    Attributes:
        parts, features: all parts of speech, and all feature strings, sorted.
        part_of, features_of: int32[T], the place of each tag's own in these lists.
        proper, foreign, common: the places of PROPN, X and NOUN in `parts`, -1 where there is none.
        letters: bool[parts], parts of speech of letters that stand for themselves.
        values: bool[T, V], the values of each tag. The V values are all that an attribute (UPOS,
            Case, …) has in some tag; "" counts as one, for a tag without the attribute.
        value_names: the attribute and the value of each of these columns.
    """

    def __init__(self, tags: Sequence[str]) -> None:
        tag_parts = []
        tag_features = []
        for tag in tags:
            part, _, features = tag.partition("|")
            tag_parts.append(part)
            tag_features.append(features)
        self.parts = sorted(set(tag_parts))
        self.features = sorted(set(tag_features))
        self.part_of = _places(tag_parts, self.parts)
        self.features_of = _places(tag_features, self.features)
        self.proper = _place("PROPN", self.parts)
        self.foreign = _place("X", self.parts)
        self.common = _place("NOUN", self.parts)
        self.letters = np.array([part in _LETTER_PARTS for part in self.parts], dtype=bool)

        attributes = []  # of each tag, values by name
        for part, features in zip(tag_parts, tag_features, strict=True):
            attributes.append({_PART: part, **parse_features(features)})
        self._names = sorted(set().union(*attributes))
        longest = max(map(len, tags), default=0)
        take(4 * longest * len(tags) * len(self._names), "the table of all tags")
        table = []
        for values in attributes:
            table.append([values.get(name, "") for name in self._names])
        self._table = np.array(table)  # str[T, names]
        self.values = _value_columns(self._table)
        self.value_names = _value_names(self._names, self._table)
        self.allowed = cache(self._allowed)

    def _allowed(
        self,
        part: str | None,
        features: str | None,
    ) -> Bools:
        """The tags that agree with an annotation, bool[T]; all of them where none does."""
        every = np.ones(len(self._table), dtype=bool)
        if features is None:
            annotated = dict.fromkeys(self._names, UNSURE)
        else:
            annotated = parse_features(features)
        annotated[_PART] = part or UNSURE
        if not annotated.keys() <= set(self._names):
            return every
        agrees = every.copy()
        for name, values in zip(self._names, self._table.T, strict=True):
            value = annotated.get(name, "")
            if value != UNSURE:
                agrees &= values == value
        if not agrees.any():
            return every
        return agrees


def parse_features(text: str) -> dict[str, str]:
    """Values by name of "Case=Nom|Number=Sing"."""
    features = {}
    for pair in text.split("|"):
        if pair:
            name, _, value = pair.partition("=")
            features[name] = value
    return features


def partial_loss(
    scores: Tensor,  # float[tokens, T]
    allowed: Tensor,  # bool[tokens, T]
) -> Tensor:
    """Minus the log probability of all allowed tags together, float[tokens]."""
    loss: Tensor = _PartialLoss.apply(scores, allowed)  # type: ignore[no-untyped-call]
    return loss


class _PartialLoss(torch.autograd.Function):
    """log(sum of exp of all scores) - log(sum of exp of the allowed ones).

    Its gradient is the probability among all tags, less that among the allowed ones. Both are at
    hand from the sums, so that no graph of these is kept.
    """

    @staticmethod
    def forward(
        ctx: Any,
        scores: Tensor,
        allowed: Tensor,
    ) -> Tensor:
        top = scores.amax(1, keepdim=True)
        every = (scores - top).exp_()
        good = every * allowed
        every_sum = every.sum(1, keepdim=True)  # (tokens, 1)
        good_sum = good.sum(1, keepdim=True).clamp_min(_LEAST)
        ctx.save_for_backward(every / every_sum, good / good_sum)
        loss = every_sum.log() - good_sum.log()
        return loss[:, 0]

    @staticmethod
    def backward(
        ctx: Any,
        gradient: Tensor,
    ) -> tuple[Tensor, None]:
        every, good = ctx.saved_tensors
        return (every - good) * gradient[:, None], None


def _places(
    strings: Sequence[str],
    names: Sequence[str],
) -> NDArray[np.int32]:
    place = {name: i for i, name in enumerate(names)}
    return np.array([place[string] for string in strings], dtype=np.int32)


def _place(
    name: str,
    names: Sequence[str],
) -> int:
    if name not in names:
        return -1
    return names.index(name)


def _value_columns(table: NDArray[np.str_]) -> Bools:
    """A column for each value of each attribute, bool[T, V]."""
    distinct = [sorted(set(values)) for values in table.T]
    width = sum(map(len, distinct))
    take(8 * width * len(table), "the table of all values of tags")  # as floats too
    columns = []
    for values, names in zip(table.T, distinct, strict=True):
        columns += [values == name for name in names]
    return np.stack(columns, axis=1)


def _value_names(
    names: Sequence[str],
    table: NDArray[np.str_],
) -> list[tuple[str, str]]:
    """The attribute and the value of each column of `_value_columns`."""
    value_names = []
    for name, values in zip(names, table.T, strict=True):
        value_names += [(name, value) for value in sorted(set(values.tolist()))]
    return value_names


def folded_weights(
    own_weight: Tensor,  # (T, H)
    own_bias: Tensor,  # (T,)
    value_weight: Tensor,  # (V, H)
    value_bias: Tensor,  # (V,)
    of_tags: Tensor,  # (V, T)
) -> tuple[Tensor, Tensor]:
    """Weight float[T, H] and bias float[T] of the scores of all tags.

    The scores of a tag's values and its own are linear in the hidden layer: one product.
    """
    has_value = of_tags.t()
    return own_weight + has_value @ value_weight, own_bias + has_value @ value_bias
