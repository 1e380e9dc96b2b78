"""Sentences, spans and relations of a Doc as sequences, which make a view when one is asked for.

`doc.ents` in a loop costs no more than its items: nothing is made for the others. They behave like
tuples, and are equal to tuples of the same items.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterator, MutableMapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar, overload

import numpy as np

from pipekit.doc.layer import Layer, span_layer
from pipekit.doc.lookup import rows_of_heads, rows_of_span
from pipekit.doc.text import Text
from pipekit.doc.views import Relation, Span
from pipekit.errors import DocError, near
from pipekit.words.arrays import Ints

_Item = TypeVar("_Item")


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
        layer = self._layer
        return Span(
            self._doc,
            int(layer["start"].values[row]),
            int(layer["end"].values[row]),
            layer=layer,
            row=row,
        )

    def __iter__(self) -> Iterator[Span]:
        layer = self._layer
        starts = layer["start"].values.tolist()
        ends = layer["end"].values.tolist()
        for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
            yield Span(self._doc, start, end, None, layer, row)

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
        spans: Sequence[Span],
    ) -> None:
        for span in spans:
            if span.doc is not self._doc:
                cure = f"make it from this one, doc[{span.start}:{span.end}]"
                raise DocError(f"{span!r} belongs to another document: {cure}")
        starts = [span.start for span in spans]
        ends = [span.end for span in spans]
        labels = [span.label for span in spans]
        scores = [span.score for span in spans]
        if spans and all(score is None for score in scores):
            layer = span_layer(starts, ends, labels)
        else:
            numbers = [np.nan if score is None else score for score in scores]
            layer = span_layer(starts, ends, labels, numbers)
        self._doc.layers[name] = layer

    def __delitem__(self, name: str) -> None:
        self[name]
        del self._doc.layers[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name, layer in self._doc.layers.items() if layer.kind == "span")

    def __len__(self) -> int:
        return sum(1 for _ in self)
