"""Rows of layers by what they point to, found by binary search in an order that is made once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipekit.doc.columns import Column
from pipekit.doc.layer import REQUIRED, Layer
from pipekit.words.arrays import Ints, pair_keys, ranges

_TOKENS = 1 << 32  # above every token row


class EdgeOrder(NamedTuple):
    """The rows of a layer by a key.

    Attributes:
        keys: in ascending order, int64[rows].
        rows: the row of each key, int64[rows]; equal keys are in the order of their rows.
    """

    keys: Ints
    rows: Ints

    def between(
        self,
        low: int,
        high: int,
    ) -> Ints:
        """The rows with keys from `low` to `high`, both included."""
        first = self.keys.searchsorted(low, "left")
        last = self.keys.searchsorted(high, "right")
        return self.rows[first:last]

    def of(self, keys: Ints) -> Ints:
        """The rows with one of these keys."""
        firsts = self.keys.searchsorted(keys, "left")
        lasts = self.keys.searchsorted(keys, "right")
        return self.rows[ranges(firsts, lasts - firsts)]


def order_by(keys: Ints) -> EdgeOrder:
    """Rows by the key of each, int64[rows]."""
    rows = np.argsort(keys, kind="stable")
    return EdgeOrder(keys[rows], rows)


def _by_borders(
    start: Column,
    end: Column,
) -> EdgeOrder:
    """Spans by their first token, then by their end."""
    return order_by(pair_keys(start.values, end.values, _TOKENS))


def _by_head(head: Column) -> EdgeOrder:
    """Links by the span that they begin with."""
    return order_by(head.values.astype(np.int64))


def rows_of_span(
    spans: Layer,
    start: int,
    end: int,
) -> Ints:
    """The rows of the spans from token `start` up to `end`, int64[rows], ascending."""
    key = start * _TOKENS + end
    return spans.derived(_by_borders, *REQUIRED["span"]).between(key, key)


def rows_within(
    spans: Layer,
    start: int,
    end: int,
) -> Ints:
    """The rows of the spans that lie within the tokens from `start` up to `end`, ascending."""
    order = spans.derived(_by_borders, *REQUIRED["span"])
    rows = order.between(start * _TOKENS, end * _TOKENS + end)
    ends = spans["end"].values[rows]
    return np.sort(rows[ends <= end])


def rows_of_heads(
    links: Layer,
    spans: Ints,
) -> Ints:
    """The rows of the links that begin with one of these rows of spans, ascending."""
    return np.sort(links.derived(_by_head, "head").of(spans))


def moved_links(
    links: Layer,
    places: Ints,
) -> Layer:
    """The links whose two spans are still there, as links between these.

    Args:
        places: the new row of each span, int64[spans]; -1 where it is gone.
    """
    ends = [places[links[edge].values] for edge in REQUIRED["link"]]
    heads, tails = ends
    stay = (heads >= 0) & (tails >= 0)
    moved = links.take(stay)
    for edge, rows in zip(REQUIRED["link"], ends, strict=True):
        moved.set(edge, rows[stay].astype(np.int32))
    return moved


def links_between(
    links: Layer,
    spans: Ints,
) -> Layer:
    """The links between some spans, rows of them in ascending order, as rows among these."""
    rows = rows_of_heads(links, spans)
    tails = links["tail"].values[rows]
    inside = links.take(rows[np.isin(tails, spans)])
    for edge in REQUIRED["link"]:
        places = np.searchsorted(spans, inside[edge].values)
        inside.set(edge, places.astype(np.int32))
    return inside
