"""What a pipeline did with each thing of the gold standard, and with what is not there.

An outcome is one comparison: a token and its part of speech, a name, a relation. Figures count them
(`evaluation.metrics`); here each keeps its place in the text, so that it can be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipekit.doc import Doc
from pipekit.evaluation.alignment import Borders

NOTHING = "–"  # the label of what one side does not have


class PlacedLabel(NamedTuple):
    """A label at a place, as it is shown.

    Attributes:
        borders: counted in characters that are no white space, see `alignment`.
        label: what is written there: "gold PER".
        side: "missed" for what the gold standard has alone, "invented" for what was predicted
            alone, "wrong" for both in one label, "neutral" for what stands beside; it decides about
            the colour.
    """

    borders: Borders
    label: str
    side: str


class PlacedArrow(NamedTuple):
    """A labelled arrow between two places."""

    tail: Borders
    head: Borders
    label: str


class Outcome(NamedTuple):
    """A comparison of gold and prediction.

    Attributes:
        figure: which figure counts it: "pos", "ents", "relations", …
        gold, predicted: the labels; `NOTHING` where a side has none.
        is_right: whether it counts as correct.
        score: how sure the pipeline was of what it predicted, 0 to 1; None where it does not say.
        labels: what is to be shown in the text.
        arrows: of relations.
        question: of an answer.
    """

    figure: str
    gold: str
    predicted: str
    is_right: bool
    score: float | None = None
    labels: Sequence[PlacedLabel] = ()
    arrows: Sequence[PlacedArrow] = ()
    question: str = ""


def compared(
    figure: str,
    borders: Borders,
    sides: tuple[str, str],
    score: float | None,
    beside: Sequence[PlacedLabel] = (),
) -> Outcome:
    """The outcome of two labels of one place.

    Args:
        sides: the gold and the predicted label.
        beside: what else is to be shown.
    """
    gold, predicted = sides
    is_right = gold == predicted
    if is_right:
        return Outcome(
            figure,
            gold,
            predicted,
            is_right,
            score,
        )
    label = PlacedLabel(
        borders,
        f"{gold} → {predicted}",
        "wrong",
    )
    return Outcome(
        figure,
        gold,
        predicted,
        is_right,
        score,
        [label, *beside],
    )


def scores_of(
    doc: Doc,
    column: str,
) -> Sequence[float | None]:
    """How sure a pipeline is of the values of a token column, by token: the column "pos_score"."""
    values = doc.tokens.get(f"{column}_score")
    if values is None or values.labels is not None:
        return [None] * len(doc)
    numbers = values.values.astype(np.float64).tolist()
    return [None if np.isnan(number) else number for number in numbers]
