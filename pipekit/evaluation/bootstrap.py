"""How far figures may be off by chance: the bootstrap over documents (Efron 1979).

Documents are drawn with replacement, as many as there are, and each figure is computed again from
the sums of their counts. The middle 95 % of these are its interval. Two pipelines are compared on
the same draws, as Koehn (2004) does. The seed is fixed, so figures are the same each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.evaluation.counts import Counts, Figures

Floats64 = NDArray[np.float64]

SEED = 1
DRAWS = 1_000
_AT_ONCE = 1_000_000  # numbers of draws in memory at a time
_EDGES = (2.5, 97.5)  # per cent


class Interval(NamedTuple):
    """The middle 95 % of a figure over all draws."""

    low: float
    high: float


class Comparison(NamedTuple):
    """The F1 of a second pipeline less that of a first one.

    Attributes:
        difference: on all documents.
        interval: of the difference.
        p: the probability that chance alone gives such a difference or a greater one, of either
            sign: twice the share of draws without a difference of its sign.
    """

    difference: float
    interval: Interval
    p: float


def f1_intervals(
    samples: Sequence[Figures],
    names: Sequence[str],
) -> dict[str, Interval]:
    """The interval of the F1 of each figure; of less than two documents there is none.

    Args:
        samples: the figures of each document.
        names: of the figures.
    """
    drawn = _drawn_f1(_table(samples, names))
    intervals = {}
    for name, values in zip(names, drawn, strict=True):
        if not np.isnan(values).all():
            intervals[name] = _middle(values)
    return intervals


def compare(
    first: Sequence[Figures],
    second: Sequence[Figures],
    names: Sequence[str],
) -> dict[str, Comparison]:
    """The differences between two pipelines on the same documents, given in one order.

    Of less than two documents there are none. Arguments as of `f1_intervals`.
    """
    tables = [_table(samples, names) for samples in (first, second)]
    before, after = (_drawn_f1(table) for table in tables)
    old, new = (_f1(table.sum(0)[None])[:, 0].tolist() for table in tables)
    comparisons = {}
    for row, name in enumerate(names):
        differences = after[row] - before[row]
        if not np.isnan(differences).all():
            comparisons[name] = _comparison(new[row] - old[row], differences)
    return comparisons


def _comparison(
    difference: float,
    drawn: Floats64,
) -> Comparison:
    against = int((drawn * np.sign(difference) <= 0).sum())
    # One more of each: the documents themselves are a draw too (Davison and Hinkley 1997).
    p = min(1.0, 2 * (against + 1) / (len(drawn) + 1))
    return Comparison(difference, _middle(drawn), p)


def median_interval(values: Sequence[float]) -> Interval | None:
    """The interval of the median of some measurements; None for less than two."""
    if len(values) < 2:
        return None
    array = np.asarray(values, dtype=np.float64)
    rows = np.random.default_rng(SEED).integers(len(array), size=(DRAWS, len(array)))
    return _middle(np.median(array[rows], axis=1))


def _table(
    samples: Sequence[Figures],
    names: Sequence[str],
) -> Floats64:
    """Of each document the correct items of each figure, and the items of both sides.

    float64[docs, figures, 2], zeros where a document has no such figure, and for figures that are
    no F1, such as those of written texts.
    """
    table = np.zeros((len(samples), len(names), 2))
    columns = {name: column for column, name in enumerate(names)}
    for row, figures in enumerate(samples):
        for name, counts in figures.items():
            if name in columns and type(counts) is Counts:
                table[row, columns[name]] = counts.correct, counts.gold + counts.predicted
    return table


def _drawn_f1(table: Floats64) -> Floats64:
    """The F1 of each figure in each draw, float64[figures, draws], NaN where nothing is counted."""
    documents, figures, _ = table.shape
    if documents < 2:
        return np.full((figures, 1), np.nan)
    flat = table.reshape(documents, -1)
    sums = [times @ flat for times in _draws(documents)]
    return _f1(np.concatenate(sums).reshape(-1, figures, 2))


def _draws(documents: int) -> Iterator[Floats64]:
    """How often each document is drawn, float64[some draws, docs], the same for each figure."""
    random = np.random.default_rng(SEED)
    rows = max(1, _AT_ONCE // documents)
    for first in range(0, DRAWS, rows):
        size = min(rows, DRAWS - first)
        drawn = random.integers(documents, size=(size, documents))
        drawn += documents * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * documents)
        yield times.reshape(size, documents).astype(np.float64)


def _f1(sums: Floats64) -> Floats64:
    """The F1 of sums [draws, figures, 2] by figure, float64[figures, draws]."""
    correct, total = sums.T
    empty = np.full_like(total, np.nan)
    shares: Floats64 = np.divide(2 * correct, total, out=empty, where=total > 0)
    return shares


def _middle(values: Floats64) -> Interval:
    low, high = np.nanpercentile(values, _EDGES).tolist()
    return Interval(low, high)
