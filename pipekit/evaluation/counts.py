"""Counts of what is right, and the figures that are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are in the gold standard and in the prediction, and how many are in both.

    Without `has_prediction` nobody predicted such a thing at all. Precision, recall and F1 are None
    then, and where they have nothing to count.
    """

    gold: int
    predicted: int
    correct: float
    has_prediction: bool = True

    @property
    def precision(self) -> float | None:
        """The share of the predicted that is right."""
        if not self.predicted or not self.has_prediction:
            return None
        return self.correct / self.predicted

    @property
    def recall(self) -> float | None:
        """The share of the gold that is predicted."""
        if not self.gold or not self.has_prediction:
            return None
        return self.correct / self.gold

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall."""
        total = self.gold + self.predicted
        if not total or not self.has_prediction:
            return None
        return 2 * self.correct / total

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            gold=self.gold + other.gold,
            predicted=self.predicted + other.predicted,
            correct=self.correct + other.correct,
            has_prediction=self.has_prediction or other.has_prediction,
        )

    def to_dict(self) -> dict[str, float | int | None]:
        """Plain data, as for JSON."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "gold": self.gold,
            "predicted": self.predicted,
            "correct": self.correct,
        }


Figures = dict[str, Counts]


class Figure(NamedTuple):
    """A figure of one document; `details` count each label or attribute by itself."""

    name: str
    counts: Counts
    details: Figures | None = None
