"""Whether scores are what they say: of predictions with a score of 0.8, 80 % should be right.

The expected calibration error is that of Guo et al. (2017): predictions are put into ten bins by
their scores, and the distances between the mean score of a bin and its share of right predictions
are averaged, weighted by the number of predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BINS = 10
_LEAST = 1e-6  # how near to 0 and 1 a score comes in the log loss
_COARSE = 1.25  # the factor between two temperatures, and that of the second round
_FINE = 1.06
_COARSE_STEPS = range(-5, 7)
_FINE_STEPS = (-3, -2, -1, 1, 2, 3)


@dataclass
class Judged:
    """Scores of predictions, 0 to 1, and whether each is right."""

    scores: list[float] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)

    def add(
        self,
        score: float,
        *,
        right: bool,
    ) -> None:
        """One more prediction."""
        self.scores.append(score)
        self.right.append(right)


class Calibration(NamedTuple):
    """How well scores say how sure they are.

    Attributes:
        predictions: how many have a score.
        score: their mean score.
        right: the share that is right.
        error: the expected calibration error, 0 to 1.
        log_loss: the mean of minus the log probability that the scores give to what is the case.
    """

    predictions: int
    score: float
    right: float
    error: float
    log_loss: float

    def to_dict(self) -> dict[str, float]:
        """Plain data, as for JSON."""
        return self._asdict()


def calibration(judged: Judged) -> Calibration:
    """The calibration of some predictions; zeros for none."""
    scores = np.array(judged.scores, dtype=np.float64)
    right = np.array(judged.right, dtype=np.float64)
    if not len(scores):
        return Calibration(0, 0.0, 0.0, 0.0, 0.0)
    return Calibration(
        predictions=len(scores),
        score=float(scores.mean()),
        right=float(right.mean()),
        error=_expected_error(scores, right),
        log_loss=_log_loss(scores, right),
    )


def _expected_error(
    scores: NDArray[np.float64],
    right: NDArray[np.float64],
) -> float:
    bins = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    score_sums = np.bincount(bins, scores, minlength=BINS)
    right_sums = np.bincount(bins, right, minlength=BINS)
    return float(np.abs(score_sums - right_sums).sum() / len(scores))


def _log_loss(
    scores: NDArray[np.float64],
    right: NDArray[np.float64],
) -> float:
    inside = scores.clip(_LEAST, 1 - _LEAST)
    probability = np.where(right > 0, inside, 1 - inside)
    return float(-np.log(probability).mean())


def best_temperature(loss: Callable[[float], float]) -> float:
    """The temperature with the least loss, from 0.33 to 3.8: steps of 25 %, then of 6 % nearby."""
    losses = {}
    for step in _COARSE_STEPS:
        temperature = _COARSE**step
        losses[temperature] = loss(temperature)
    coarse = _least(losses)
    for step in _FINE_STEPS:
        temperature = coarse * _FINE**step
        losses[temperature] = loss(temperature)
    return _least(losses)


def _least(losses: dict[float, float]) -> float:
    return min(losses, key=losses.__getitem__)


def joined(judged: Sequence[Judged]) -> Judged:
    """Predictions of several figures together."""
    whole = Judged()
    for part in judged:
        whole.scores += part.scores
        whole.right += part.right
    return whole
