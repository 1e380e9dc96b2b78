"""From scored spans to answers: the best spans that do not overlap, as a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.doc.layer import Layer, span_layer
from pipekit.words.arrays import Ints

_LEAST = 1e-6  # how near to 0 and 1 the probability of a logit comes


class Candidate(NamedTuple):
    """An answer: token rows of the batch, the probability of its place, the row of its question."""

    start: int
    end: int
    score: float
    question: int = 0


def choose_candidates(
    start: Ints,  # int64[spans]
    end: Ints,  # int64[spans]
    probability: NDArray[np.float64],  # float64[spans]
    limit: int,
) -> list[Candidate]:
    """The most probable spans of a question that do not overlap, best first, at most `limit`.

    The probability of a span that overlaps a better one is added to the first of the better ones.
    A span of several passages counts once, with its greatest probability.
    """
    scores: dict[tuple[int, int], float] = {}
    spans = zip(start.tolist(), end.tolist(), strict=True)
    for span, score in zip(spans, probability.tolist(), strict=True):
        scores[span] = max(score, scores.get(span, 0.0))

    best: list[Candidate] = []
    for (first, last), score in sorted(scores.items(), key=_by_score):
        for place, better in enumerate(best):
            if first < better.end and better.start < last:
                total = min(better.score + score, 1.0)
                best[place] = better._replace(score=total)
                break
        else:
            best.append(Candidate(first, last, score))
    best.sort(key=lambda candidate: -candidate.score)
    return best[:limit]


def _by_score(item: tuple[tuple[int, int], float]) -> tuple[float, tuple[int, int]]:
    """The most probable span first; of equal ones the one that begins first."""
    span, score = item
    return -score, span


def calibrated(
    candidates: Sequence[Candidate],
    slope: float,
    shift: float,
) -> list[Candidate]:
    """Candidates whose probabilities p are scores: the logistic function of slope * logit + shift.

    Scores keep the order of the probabilities.
    """
    if (slope, shift) == (1, 0):
        return list(candidates)
    probabilities = np.array([candidate.score for candidate in candidates])
    inside = probabilities.clip(_LEAST, 1 - _LEAST)
    logits = np.log(inside / (1 - inside))
    scores = 1 / (1 + np.exp(-slope * logits - shift))
    pairs = zip(candidates, scores.tolist(), strict=True)
    return [candidate._replace(score=score) for candidate, score in pairs]


def answer_layer(
    candidates: Sequence[Candidate],
    offset: int,
) -> Layer:
    """Answers to the questions of a document whose first token row is `offset`."""
    starts = [candidate.start - offset for candidate in candidates]
    ends = [candidate.end - offset for candidate in candidates]
    scores = [candidate.score for candidate in candidates]
    questions = [candidate.question for candidate in candidates]
    layer = span_layer(starts, ends, scores=scores)
    return layer.set("question", np.array(questions, dtype=np.int32))
