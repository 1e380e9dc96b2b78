"""How sure a tagger is: the probabilities of parts of speech and of features, as token columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipekit.components.tagger.tags import TagSet
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.doc.columns import Column

SCORES = ("pos_score", "morph_score")
"""The token columns with the probability of the part of speech and of the features."""


def tag_confidence(
    tag_scores: Tensor,  # float[tokens, T]
    best: Tensor,  # int64[tokens], tags
    tags: TagSet,
    temperature: float,
) -> Tensor:
    """The probabilities of the best part of speech and of its features, float32[tokens, 2].

    Each is the sum over all tags with it.
    """
    probabilities = (tag_scores.float() / temperature).softmax(1)
    sums = []
    for codes in (tags.part_of, tags.features_of):
        of_tags = to_device(codes, best.device)
        is_same = of_tags == of_tags[best][:, None]  # (tokens, T)
        sums.append((probabilities * is_same).sum(1))
    return torch.stack(sums, dim=1).clamp(0, 1)


def write_scores(
    doc_rows: Iterable[tuple[Doc, slice]],
    confidence: NDArray[Any],  # float32[N, 2]
) -> None:
    """Write the columns of `SCORES`; unset for white space that a text begins with."""
    for doc, rows in doc_rows:
        for name, values in zip(SCORES, confidence[rows].T, strict=True):
            column = values.copy()
            if len(doc) and doc.text[0].isspace():
                column[0] = np.nan
            doc.tokens.put(name, Column(column))
