"""Layers that a component wrote: they have to fit their documents, and what others read in them.

The documents of a batch are checked together, with a few operations on arrays for each column.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from functools import cached_property
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np

from pipekit.doc import Doc
from pipekit.doc.as_dict import CLASSES
from pipekit.doc.columns import DTYPES, Column, Labels, Values, bounds, unpack_column
from pipekit.doc.layer import REQUIRED, Held
from pipekit.doc.limits import LINKED
from pipekit.doc.values import SENTIMENT_OF

Address = tuple[str, str]  # of a column: the name of its layer, and its own

_STRINGS = {("tokens", "pos"), ("tokens", "morph"), ("tokens", "lemma")}
_SENTENCES = ("tokens", "sent_start")
_UNLABELLED = -2  # for the number of labels, of a column without
_TOLERANCE = 1e-3  # by which rounding may carry a probability beyond 0 and 1

_kind_of = itemgetter(0)  # of what a layer holds
_size_of = itemgetter(1)
_values_of = attrgetter("values")
_labels_of = attrgetter("labels")
_shape_of = attrgetter("shape")
_dtype_of = attrgetter("dtype")


def column_title(address: Address) -> str:
    """A column in messages."""
    layer, column = address
    return f"the column {column!r} of {layer!r}"


def is_score(
    layer: str,
    column: str,
) -> bool:
    """Whether a column holds probabilities."""
    return layer in CLASSES or column == "score" or column.startswith(SENTIMENT_OF)


def columns_of(held: Sequence[Held | None]) -> dict[str, list[Column]]:
    """The columns of a layer, by name, of all documents that have them."""
    tables = [each[3] for each in held if each is not None]
    columns: dict[str, list[Column]] = {}
    for name in dict.fromkeys(chain.from_iterable(tables)):
        of_docs: list[Any] = [table[name] for table in tables if name in table]
        if tuple in set(map(type, of_docs)):
            of_docs = list(map(plain_column, of_docs))
        columns[name] = of_docs
    return columns


def plain_column(column: Any) -> Any:
    """A column as such, also where it is still packed."""
    if type(column) is tuple:
        return unpack_column(column)
    return column


class Written:
    """A layer of all documents that have it, as a component left it.

    Args:
        name: of the layer.
        docs: the documents.
        held: what their layers hold, by name, in the order of the documents.
    """

    def __init__(
        self,
        name: str,
        docs: Sequence[Doc],
        held: Mapping[str, Sequence[Held | None]],
    ) -> None:
        self.name = name
        self._held_by_name = held
        self._held: list[Held] = []
        self._numbers: list[int] = []
        self._lengths: list[int] = []
        for number, each in enumerate(held[name]):
            if each is None:
                continue
            self._held.append(each)
            self._numbers.append(number)
            doc = docs[number]
            self._lengths.append(len(doc.starts))
        self._sizes = list(map(_size_of, self._held))

    @cached_property
    def columns(self) -> dict[str, list[Column]]:
        """The columns by name, of all documents that have them."""
        return columns_of(self._held)

    def breach(self, rights: Container[Address]) -> str | None:
        """Why the layer does not fit its documents; None where it does.

        Args:
            rights: the columns that the component may write; others are not looked at.
        """
        fault = self._rows_fault()
        if fault:
            return f"wrote the layer {self.name!r} {fault}"
        for name in self.columns:
            address = (self.name, name)
            if address not in rights:
                continue
            fault = self._column_fault(name)
            if fault:
                return f"wrote {fault} to {column_title(address)}"
        return self._edges_breach()

    # -- rows

    def _rows_fault(self) -> str | None:
        """Why kind or size do not fit."""
        kinds = set(map(_kind_of, self._held))
        if len(kinds) > 1:
            return f"as one of kind {' and '.join(sorted(map(repr, kinds)))}"
        sizes = self._sizes
        if set(map(type, sizes)) - {int} or min(sizes, default=0) < 0:
            return "with a number of rows that is no int of 0 or more"
        if "token" in kinds and sizes != self._lengths:
            return "with another number of rows than there are tokens"
        if self.name in CLASSES and max(sizes, default=0) > 1:
            return "with several rows: it has one, and a column for each class"
        for kind in kinds:
            for edge in REQUIRED[kind]:
                columns = self.columns.get(edge, ())
                if len(columns) < len(sizes):
                    return f"without the column {edge!r}"
        return None

    # -- columns

    def _column_fault(self, name: str) -> str | None:
        """What was written to a column that may not stand there."""
        columns = self.columns[name]
        if set(map(type, columns)) != {Column}:
            return "something that is no Column"
        arrays = list(map(_values_of, columns))
        types = set(map(type, arrays))
        for each in types:
            if not issubclass(each, np.ndarray):
                return "values that are no array"
        shapes = list(map(_shape_of, arrays))
        wanted = [(size,) for size in self._sizes_of(name)]
        if shapes != wanted:
            for shape, rows in zip(shapes, wanted, strict=True):
                if shape != rows:
                    return f"an array of the shape {shape} instead of {rows}"
        dtypes = set(map(_dtype_of, arrays))
        for dtype in dtypes.difference(DTYPES):
            if dtype.newbyteorder("<") not in DTYPES:
                return f"{dtype} instead of numbers, booleans or strings"
        labels = list(map(_labels_of, columns))
        if labels.count(None) == len(labels):
            return self._numbers_fault(name, _filled(arrays))
        return self._strings_fault(name, arrays, labels)

    def _sizes_of(self, name: str) -> list[int]:
        """The sizes of the layers that have a column."""
        if len(self.columns[name]) == len(self._sizes):
            return self._sizes
        return [size for _, size, _, table in self._held if name in table]

    def _strings_fault(
        self,
        name: str,
        arrays: Sequence[Values],
        labels: Sequence[Labels | None],
    ) -> str | None:
        """Why codes with labels are no strings."""
        if is_score(self.name, name):
            return "strings instead of numbers"
        distinct = dict(zip(map(id, labels), labels, strict=True))
        counts = {}
        for number, each in distinct.items():
            counts[number] = _UNLABELLED
            if each is not None:
                counts[number] = len(each)
                fault = _labels_fault(each)
                if fault:
                    return fault
        sizes = list(map(len, arrays))
        count_of_each = list(map(counts.__getitem__, map(id, labels)))
        limits = np.repeat(count_of_each, sizes)
        filled = _filled(arrays)
        if not filled:
            return None
        codes = np.concatenate(filled)
        if (limits == _UNLABELLED).any():
            return "numbers in some documents and strings in others"
        if codes.dtype.kind not in "iu":
            return f"codes of labels as {codes.dtype} instead of integers"
        is_beyond = (codes < -1) | (codes >= limits)
        if is_beyond.any():
            low, high = bounds(codes)
            return f"codes from {low} to {high}, beyond its labels,"
        return None

    def _numbers_fault(
        self,
        name: str,
        arrays: Sequence[Values],
    ) -> str | None:
        """Why numbers are not what others read in a column; `arrays` are those with rows."""
        if not arrays:
            return None
        address = (self.name, name)
        kinds = {dtype.kind for dtype in map(_dtype_of, arrays)}
        if address in _STRINGS or name == "label":
            return "numbers instead of strings"
        if address == _SENTENCES and kinds != {"b"}:
            return "numbers instead of booleans"
        is_of_scores = is_score(*address)
        if not is_of_scores and "f" not in kinds:
            return None
        values = np.concatenate(arrays)
        if is_of_scores:
            return _scores_fault(values)
        if np.isinf(values).any():
            return "an infinite number"
        return None

    # -- spans and links

    def _edges_breach(self) -> str | None:
        """Why spans do not lie in their documents, or links not between spans."""
        kinds = set(map(_kind_of, self._held))
        if kinds <= {"token", "doc"}:
            return None
        [kind] = kinds
        edges = []
        for edge in REQUIRED[kind]:
            columns = self.columns[edge]
            arrays = list(map(_values_of, columns))
            for dtype in set(map(_dtype_of, arrays)):
                if dtype.kind not in "iu":
                    return f"wrote {dtype} instead of int32 to {column_title((self.name, edge))}"
            labels = list(map(_labels_of, columns))
            if labels.count(None) != len(labels):
                return f"wrote strings instead of int32 to {column_title((self.name, edge))}"
            edges.append(np.concatenate(arrays))
        if kind == "span":
            return self._spans_breach(*edges)
        return self._links_breach(edges)

    def _spans_breach(
        self,
        starts: Values,
        ends: Values,
    ) -> str | None:
        lengths = np.repeat(self._lengths, self._sizes)
        is_inside = (starts >= 0) & (starts < ends) & (ends <= lengths)
        if is_inside.all():
            return None
        row = is_inside.argmin()
        place = f"[{starts[row]}, {ends[row]}) of {lengths[row]} tokens"
        return f"wrote a span of {self.name!r} that does not lie in its document: {place}"

    def _links_breach(self, edges: Sequence[Values]) -> str | None:
        counts = []
        for number, held in zip(self._numbers, self._held, strict=True):
            _, _, target, _ = held
            name = target or LINKED
            layers = self._held_by_name.get(name)
            spans = layers and layers[number]
            if not spans or _kind_of(spans) != "span":
                return f"wrote {self.name!r} between rows of {name!r}, which is no layer of spans"
            counts.append(_size_of(spans))
        limits = np.repeat(counts, self._sizes)
        for rows in edges:
            is_inside = (rows >= 0) & (rows < limits)
            if not is_inside.all():
                row = is_inside.argmin()
                place = f"span {rows[row]} of {limits[row]}"
                return f"wrote a link of {self.name!r} to nowhere: to {place}, counted from 0"
        return None


def _filled(arrays: Sequence[Values]) -> list[Values]:
    """The arrays that have rows: an empty one may be of any dtype."""
    if len(set(map(_dtype_of, arrays))) == 1:
        whole = np.concatenate(arrays)
        if not whole.size:
            return []
        return [whole]
    return [array for array in arrays if array.size]


def _labels_fault(labels: Labels) -> str | None:
    """Why labels cannot be stored; None where they can."""
    try:
        "".join(labels).encode()
    except TypeError:
        return "labels that are no strings"
    except UnicodeEncodeError:
        return "a label that holds half a character, a lone surrogate"
    return None


def _scores_fault(scores: Values) -> str | None:
    low = float(scores.min())  # NaN where one of them is
    high = float(scores.max())
    if low != low:
        return "a score that is no number"
    if low < -_TOLERANCE or high > 1 + _TOLERANCE:
        return f"scores from {low:g} to {high:g} instead of 0 to 1"
    return None
