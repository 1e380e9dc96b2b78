"""Sentences, spans and relations of a Doc as sequences, which make a view when one is asked for.

`doc.ents` in a loop costs no more than its items: nothing is made for the others. They behave like
tuples, and are equal to tuples of the same items.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from itertools import groupby, pairwise
from typing import Any, TypeVar, overload

import numpy as np

from pipekit.doc.columns import Column
from pipekit.doc.layer import Layer, join, span_layer
from pipekit.doc.limits import LINKED
from pipekit.doc.lookup import moved_links, rows_of_heads, rows_of_span
from pipekit.doc.text import Text
from pipekit.doc.views import Relation, Span, Token, span_of_row
from pipekit.errors import DocError, near
from pipekit.words.arrays import Ints

_Item = TypeVar("_Item")
_USUAL = frozenset(("start", "end", "label", "score"))  # columns of spans


class Views(Sequence[_Item]):
    """A sequence of views that behaves like a tuple of them."""

    __slots__ = ()

    @abstractmethod
    def _view(self, row: int) -> _Item:
        """The view of a row."""

    @abstractmethod
    def _rows_of(self, item: Any) -> Iterator[int]:
        """The rows of views that are equal to an item, ascending."""

    @overload
    def __getitem__(self, index: int) -> _Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[_Item, ...]: ...
    def __getitem__(self, index: int | slice) -> _Item | tuple[_Item, ...]:
        rows = range(len(self))[index]
        if isinstance(rows, int):
            return self._view(rows)
        return tuple(map(self._view, rows))

    def __iter__(self) -> Iterator[_Item]:
        return map(self._view, range(len(self)))

    def __contains__(self, item: object) -> bool:
        return next(self._rows_of(item), None) is not None

    def index(
        self,
        item: Any,
        start: int = 0,
        stop: int = sys.maxsize,
    ) -> int:
        """The first row of an item. Errors: `ValueError` where it is not there."""
        rows = range(len(self))[start:stop]
        for row in self._rows_of(item):
            if row in rows:
                return row
        raise ValueError(f"{item!r} is not among these {len(self)}")

    def count(self, item: Any) -> int:
        """How many views are equal to an item."""
        return sum(1 for _ in self._rows_of(item))

    def __add__(self, other: Sequence[_Item]) -> tuple[_Item, ...]:
        return (*self, *other)

    def __radd__(self, other: Sequence[_Item]) -> tuple[_Item, ...]:
        return (*other, *self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, tuple | Views):
            return NotImplemented
        return len(self) == len(other) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


class Spans(Views[Span]):
    """The spans of a layer."""

    __slots__ = ("_doc", "_layer")

    def __init__(
        self,
        doc: Text,
        layer: Layer,
    ) -> None:
        self._doc = doc
        self._layer = layer

    def __len__(self) -> int:
        return self._layer.size

    def _view(self, row: int) -> Span:
        return span_of_row(self._doc, self._layer, row)

    def __iter__(self) -> Iterator[Span]:
        layer = self._layer
        starts = layer["start"].values.tolist()
        ends = layer["end"].values.tolist()
        for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
            yield Span(self._doc, start, end, None, layer, row)

    def row_of(self, span: Span) -> int | None:
        """The row that a span is a view of, or that is equal to it, or has the same borders."""
        if span.layer is self._layer:
            return span.row
        rows = rows_of_span(self._layer, span.start, span.end).tolist()
        first = rows[0] if rows else None
        return next((row for row in rows if self._view(row) == span), first)

    def _rows_of(self, item: Any) -> Iterator[int]:
        if not isinstance(item, Span) or item.doc is not self._doc:
            return iter(())
        rows = rows_of_span(self._layer, item.start, item.end).tolist()
        return (row for row in rows if self._view(row) == item)


class Sentences(Views[Span]):
    """The sentences between borders, int64[sentences + 1], as `Text.sent_borders` gives them."""

    __slots__ = ("_borders", "_doc")

    def __init__(
        self,
        doc: Text,
        borders: Ints,
    ) -> None:
        self._doc = doc
        self._borders = borders

    def __len__(self) -> int:
        return len(self._borders) - 1

    def _view(self, row: int) -> Span:
        return Span(
            self._doc,
            int(self._borders[row]),
            int(self._borders[row + 1]),
        )

    def __iter__(self) -> Iterator[Span]:
        for start, end in pairwise(self._borders.tolist()):
            yield Span(self._doc, start, end)

    def _rows_of(self, item: Any) -> Iterator[int]:
        if not isinstance(item, Span):
            return iter(())
        row = int(self._borders[:-1].searchsorted(item.start))
        is_there = row < len(self) and self._view(row) == item
        return iter([row] if is_there else [])


class Relations(Views[Relation]):
    """The links of a layer between spans."""

    __slots__ = ("_layer", "_spans")

    def __init__(
        self,
        spans: Spans,
        layer: Layer,
    ) -> None:
        self._spans = spans
        self._layer = layer

    def __len__(self) -> int:
        return self._layer.size

    def _view(self, row: int) -> Relation:
        layer = self._layer
        label = layer.get("label")
        score = layer.get("score")
        return Relation(
            self._spans[layer["head"][row]],
            self._spans[layer["tail"][row]],
            None if label is None else label[row],
            None if score is None else score[row],
        )

    def _rows_of(self, item: Any) -> Iterator[int]:
        if not isinstance(item, tuple) or not item:
            return iter(())
        heads = np.array(list(self._spans._rows_of(item[0])), dtype=np.int64)
        rows = rows_of_heads(self._layer, heads).tolist()
        return (row for row in rows if self._view(row) == item)


class SpanGroups(MutableMapping[str, Sequence[Span]]):
    """The groups of spans of a document by name, `doc.spans`.

    Each group is a span layer. Spans may overlap, within a group and across groups.

        doc.spans["terms"] = [doc[0:2], doc[1:3]]
        doc.spans["ents"] = (span for span in doc.ents if span.label == "PER")

    A group is written from any iterable of spans. They keep the columns of the layer that they are
    rows of, such as label, score and sentiment; links between spans of an older group of that name
    follow them.

    Errors: `DocError` naming what is no span of the document, and for the name of another layer.
    """

    def __init__(self, doc: Text) -> None:
        self._doc = doc

    def __getitem__(self, name: str) -> Spans:
        layer = self._doc.layers.get(name)
        if layer is None or layer.kind != "span":
            raise KeyError(f"the document has no span group {name!r}.{near(name, self)}")
        return Spans(self._doc, layer)

    def __setitem__(
        self,
        name: str,
        spans: Iterable[Span],
    ) -> None:
        doc = self._doc
        if not isinstance(spans, Iterable):
            raise DocError(
                f"the span group {name!r} cannot be of type {type(spans).__name__}: "
                f"give spans, or remove it with del doc.spans[{name!r}]"
            )
        if isinstance(spans, Span):
            raise DocError(f"the span group {name!r} cannot be one span: write [span]")
        members = []
        for number, span in enumerate(spans):
            fault = _fault(span, doc)
            if fault:
                raise DocError(f"span group {name!r}: number {number} is {fault}")
            members.append(span)
        before = doc.layers.get(name)
        doc.layers[name] = _as_layer(members)
        if before is None:
            return
        for other, links in self._links_to(name):
            places = _places_after(Spans(doc, before), members)
            doc.layers[other] = moved_links(links, places)

    def __delitem__(self, name: str) -> None:
        self[name]
        for other, _ in self._links_to(name):
            raise DocError(
                f"links of {other!r} point to the spans of {name!r}: "
                f"remove these first, del doc.layers[{other!r}]"
            )
        del self._doc.layers[name]

    def _links_to(self, name: str) -> list[tuple[str, Layer]]:
        """The layers of links between spans of a group, by name."""
        links = []
        for other, layer in self._doc.layers.items():
            if layer.kind == "link" and (layer.target or LINKED) == name:
                links.append((other, layer))
        return links

    def __iter__(self) -> Iterator[str]:
        return (name for name, layer in self._doc.layers.items() if layer.kind == "span")

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _fault(
    span: object,
    doc: Text,
) -> str | None:
    """What something is that is no span of the document; None for one that is."""
    if isinstance(span, Span):
        border = f"[{span.start}, {span.end})"
        if span.doc is not doc:
            cure = f"make it from this one, doc[{span.start}:{span.end}]"
            return f"{border}, which belongs to another document: {cure}"
        if not 0 <= span.start <= span.end <= len(doc):
            return f"{border}: it is no part of the {len(doc)} tokens"
        return None
    if span is None:
        return (
            "None: char_span gives None where characters do not end with tokens; leave it out, "
            'or pass alignment_mode="expand"'
        )
    if isinstance(span, Token):
        return f"the token {span.i}: doc[{span.i}:{span.i + 1}] is a span"
    kind = type(span).__name__
    return f"of type {kind}: doc[0:2] or doc.char_span(0, 9, label) is a span"


def _as_layer(spans: Sequence[Span]) -> Layer:
    """Spans as a layer, with all columns of the layers that they are rows of."""
    if not spans:
        return span_layer([], [], [], [])
    runs = groupby(spans, key=_rich_layer)
    parts = [_layer_of_run(layer, list(run)) for layer, run in runs]
    return parts[0] if len(parts) == 1 else join(parts)


def _rich_layer(span: Span) -> Layer | None:
    """The layer of a span, if it has other columns than the usual ones."""
    layer = span.layer
    if layer is None or _USUAL.issuperset(layer):
        return None
    return layer


def _layer_of_run(
    rich: Layer | None,
    spans: Sequence[Span],
) -> Layer:
    """Spans that are rows of one rich layer, or of layers with the usual columns, as a layer."""
    starts = [span.start for span in spans]
    ends = [span.end for span in spans]
    labels = [span.label for span in spans]
    scores = [span.score for span in spans]
    layer = span_layer(starts, ends, labels)
    if any(score is not None for score in scores):
        numbers = [np.nan if score is None else score for score in scores]
        layer.set("score", np.array(numbers, dtype=np.float32))
    if rich is not None:
        rows = np.array([span.row for span in spans])
        for name, column in rich.columns():
            if name not in _USUAL:
                layer.put(name, Column(column.values[rows], column.labels))
    return layer


def _places_after(
    before: Spans,
    spans: Sequence[Span],
) -> Ints:
    """The place of each span of an older group among others, int64[spans]; -1 where it is gone.

    A span is found as a row of the older group, or by its borders: whoever writes other labels
    means the same words.
    """
    places = np.full(len(before), -1, dtype=np.int64)
    for place, span in enumerate(spans):
        row = before.row_of(span)
        if row is not None and places[row] < 0:
            places[row] = place
    return places
