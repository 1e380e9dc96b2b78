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
from pipekit.doc.layer import LAYER_KINDS, REQUIRED, Held
from pipekit.doc.limits import LINKED
from pipekit.doc.views import SENTIMENT_OF

Address = tuple[str, str]  # of a column: the name of its layer, and its own

_KINDS = {"ents": "span", "relations": "link", "cats": "doc", "sentiment": "doc"}
_STRINGS = ("pos", "morph", "lemma", "label")  # columns that hold strings
_TOLERANCE = 1e-3  # by which rounding may carry a probability beyond 0 and 1

_kind_of = itemgetter(0)  # of what a layer holds
_size_of = itemgetter(1)
_values_of = attrgetter("values")
_labels_of = attrgetter("labels")
_shape_of = attrgetter("shape")
_dtype_of = attrgetter("dtype")


def title(address: Address) -> str:
    """A column in messages."""
    layer, column = address
    if not layer:
        return f"the column {column!r}"
    return f"the column {column!r} of {layer!r}"


def columns_of(held: Sequence[Held | None]) -> dict[str, list[Column]]:
    """The columns of a layer, by name, of all documents that have them."""
    tables = [each[3] for each in held if each is not None]
    columns: dict[str, list[Column]] = {}
    for name in dict.fromkeys(chain.from_iterable(tables)):
        of_docs: list[Any] = [table[name] for table in tables if name in table]
        if tuple in set(map(type, of_docs)):
            of_docs = list(map(_unpacked, of_docs))
        columns[name] = of_docs
    return columns


def _unpacked(column: Any) -> Any:
    return unpack_column(column) if type(column) is tuple else column


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
        self._held = [each for each in held[name] if each is not None]
        self._numbers = [number for number, each in enumerate(held[name]) if each is not None]
        self._sizes = list(map(_size_of, self._held))
        self._lengths = [len(docs[number].starts) for number in self._numbers]

    @cached_property
    def columns(self) -> dict[str, list[Column]]:
        """The columns by name, of all documents that have them."""
        return columns_of(self._held)

    def breach(self, rights: Container[Address]) -> str | None:
        """Why the layer does not fit its documents; None where it does.

        Args:
            rights: the columns that the component may write; others are not looked at.
        """
        breach = self._rows_breach()
        if breach or not self._held:
            return breach
        for name in self.columns:
            if (self.name, name) in rights:
                breach = self._column_breach(name)
                if breach:
                    return breach
        kind = _kind_of(self._held[0])
        if kind == "span":
            return self._spans_breach()
        if kind == "link":
            return self._links_breach()
        return None

    # -- rows

    def _rows_breach(self) -> str | None:
        """Why kind or size do not fit."""
        kinds = sorted(set(map(_kind_of, self._held)), key=str)
        allowed = [_KINDS[self.name]] if self.name in _KINDS else list(LAYER_KINDS)
        if len(kinds) > 1 or not set(kinds) <= set(allowed):
            wrong = " and ".join(map(repr, kinds))
            return f"wrote {self.name!r} as a layer of kind {wrong}: it is {' or '.join(allowed)}"
        if set(map(type, self._sizes)) - {int} or min(self._sizes, default=0) < 0:
            return f"wrote {self.name!r} with a number of rows that is no int of 0 or more"
        if "token" in kinds and self._sizes != self._lengths:
            return f"wrote {self.name!r} with another number of rows than there are tokens"
        if self.name in CLASSES and max(self._sizes, default=0) > 1:
            return f"wrote {self.name!r} with several rows: it has one, and columns for the classes"
        for kind in kinds:
            for edge in REQUIRED[kind]:
                if len(self.columns.get(edge, ())) < len(self._held):
                    return f"wrote {self.name!r} without the column {edge!r}"
        return None

    # -- columns

    def _column_breach(self, name: str) -> str | None:
        columns = self.columns[name]
        titled = title((self.name, name))
        if set(map(type, columns)) != {Column}:
            return f"put something into {titled} that is no Column"
        arrays = list(map(_values_of, columns))
        if not all(issubclass(kind, np.ndarray) for kind in set(map(type, arrays))):
            return f"wrote {titled} with values that are no array"
        sizes = self._sizes_of(name)
        shapes = list(map(_shape_of, arrays))
        wanted = [(size,) for size in sizes]
        if shapes != wanted:
            pairs = zip(shapes, wanted, strict=True)
            shape, rows = next(pair for pair in pairs if pair[0] != pair[1])
            return f"wrote {titled} with the shape {shape}: its layer needs {rows}"
        for dtype in set(map(_dtype_of, arrays)).difference(DTYPES):
            if dtype.newbyteorder("<") not in DTYPES:
                return f"wrote {titled} as {dtype}: it holds numbers, booleans or strings"
        labels = list(map(_labels_of, columns))
        if labels.count(None) == len(labels):
            return self._numbers_breach(name, _filled(arrays))
        return self._strings_breach(name, arrays, labels)

    def _sizes_of(self, name: str) -> list[int]:
        """The sizes of the layers that have a column."""
        if len(self.columns[name]) == len(self._sizes):
            return self._sizes
        return [size for _, size, _, table in self._held if name in table]

    def _strings_breach(
        self,
        name: str,
        arrays: Sequence[Values],
        labels: Sequence[Labels | None],
    ) -> str | None:
        """Why codes with labels are no strings."""
        titled = title((self.name, name))
        if self._is_score(name):
            return f"wrote strings to {titled}, which holds numbers"
        for each in dict(zip(map(id, labels), labels, strict=True)).values():
            fault = None if each is None else _labels_fault(each)
            if fault:
                return f"wrote {titled} with {fault}"
        counts = [-2 if each is None else len(each) for each in labels]
        codes = np.concatenate(_filled(arrays) or [np.zeros(0, np.int32)])
        limits = np.repeat(counts, list(map(len, arrays)))
        if (limits == -2).any():
            return f"wrote numbers to {titled} in some documents, and strings in others"
        if codes.dtype.kind not in "iu":
            return f"wrote codes of labels as {codes.dtype} to {titled}: they are integers"
        if ((codes < -1) | (codes >= limits)).any():
            low, high = bounds(codes)
            return f"wrote codes from {low} to {high} to {titled}, beyond its labels"
        return None

    def _numbers_breach(
        self,
        name: str,
        arrays: Sequence[Values],
    ) -> str | None:
        """Why numbers are not what others read in the column; `arrays` are those with rows."""
        if not arrays:
            return None
        titled = title((self.name, name))
        kinds = {dtype.kind for dtype in map(_dtype_of, arrays)}
        if name in _STRINGS and (self.name == "tokens" or name == "label"):
            return f"wrote numbers to {titled}, which holds strings"
        if (self.name, name) == ("tokens", "sent_start") and kinds != {"b"}:
            return f"wrote {titled} as numbers: whether a token begins a sentence is a bool"
        if self._is_score(name):
            return _scores_breach(titled, np.concatenate(arrays))
        if "f" in kinds and np.isinf(np.concatenate(arrays)).any():
            return f"wrote an infinite number to {titled}"
        return None

    def _is_score(self, name: str) -> bool:
        """Whether a column holds probabilities."""
        return self.name in CLASSES or name == "score" or name.startswith(SENTIMENT_OF)

    # -- spans and links

    def _spans_breach(self) -> str | None:
        breach = self._edges_breach("span")
        if breach:
            return breach
        starts, ends = map(self._end_to_end, REQUIRED["span"])
        lengths = np.repeat(self._lengths, self._sizes)
        is_inside = (starts >= 0) & (starts < ends) & (ends <= lengths)
        if is_inside.all():
            return None
        row = int(np.flatnonzero(~is_inside)[0])
        return (
            f"wrote a span of {self.name!r} that does not lie in its document: "
            f"[{starts[row]}, {ends[row]}) of {lengths[row]} tokens"
        )

    def _links_breach(self) -> str | None:
        breach = self._edges_breach("link")
        if breach:
            return breach
        counts = []
        for number, each in zip(self._numbers, self._held, strict=True):
            target = each[2] or LINKED
            spans = self._held_by_name.get(target, ())
            of_doc = spans[number] if spans else None
            if of_doc is None or _kind_of(of_doc) != "span":
                return f"wrote {self.name!r} between {target!r}, which is no layer of spans"
            counts.append(_size_of(of_doc))
        limits = np.repeat(counts, self._sizes)
        for rows in map(self._end_to_end, REQUIRED["link"]):
            is_outside = (rows < 0) | (rows >= limits)
            if is_outside.any():
                row = int(np.flatnonzero(is_outside)[0])
                place = f"span {rows[row]} of {limits[row]}"
                return f"wrote a link of {self.name!r} to nowhere: to {place}, counted from 0"
        return None

    def _edges_breach(self, kind: str) -> str | None:
        """Why start and end, or head and tail, are no rows."""
        for edge in REQUIRED[kind]:
            columns = self.columns[edge]
            titled = title((self.name, edge))
            if any(each is not None for each in map(_labels_of, columns)):
                return f"wrote {titled} as strings: it holds integers, such as int32"
            for dtype in set(map(_dtype_of, map(_values_of, columns))):
                if dtype.kind not in "iu":
                    return f"wrote {titled} as {dtype}: it holds integers, such as int32"
        return None

    def _end_to_end(self, name: str) -> Values:
        """The values of all documents."""
        return np.concatenate(list(map(_values_of, self.columns[name])))


def _filled(arrays: Sequence[Values]) -> list[Values]:
    """The arrays that have rows: an empty one may be of any dtype."""
    if len(set(map(_dtype_of, arrays))) == 1:
        whole = np.concatenate(arrays)
        return [whole] if whole.size else []
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


def _scores_breach(
    titled: str,
    scores: Values,
) -> str | None:
    low = float(scores.min())  # NaN where one of them is
    high = float(scores.max())
    if low != low:
        return f"wrote a score that is no number to {titled}"
    if low < -_TOLERANCE or high > 1 + _TOLERANCE:
        return f"wrote scores from {low:g} to {high:g} to {titled}: they go from 0 to 1"
    return None
