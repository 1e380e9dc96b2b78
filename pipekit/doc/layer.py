"""Layers: the tables that hold everything a document says beyond its text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipekit.doc.columns import (
    Column,
    PackedColumn,
    bounds,
    encode_labels,
    pack_column,
    unpack_column,
)
from pipekit.errors import DocError, near

UNSURE = "?"  # the value of a feature in `morph` that an annotation leaves open, "Voice=?"
LayerKind = Literal["token", "span", "link", "doc"]
LAYER_KINDS: tuple[str, ...] = get_args(LayerKind)
REQUIRED: dict[str, tuple[str, ...]] = {
    "token": (),
    "span": ("start", "end"),
    "link": ("head", "tail"),
    "doc": (),
}


class Layer:
    """A table of one kind: `size` rows, any number of columns of that length.

    Kinds: "token" has a row for each token; "span" has `start` and `end` (token rows, end exclusive); "link" has `head` and `tail`
    (rows of the span layer `target`); "doc" has as many rows as its writer wants.
    """

    __slots__ = ("_columns", "kind", "size", "target")

    def __init__(self, kind: LayerKind, size: int, *, target: str | None = None) -> None:
        if kind not in LAYER_KINDS:
            raise DocError(f"a layer cannot be of kind {kind!r}.{near(kind, LAYER_KINDS)}")
        self.kind: LayerKind = kind
        self.size = size
        self.target = target
        self._columns: dict[
            str, Column | PackedColumn
        ] = {}  # packed as they were read, until somebody looks

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self._columns)

    def set(
        self,
        name: str,
        values: ArrayLike | Sequence[str | None],
        labels: Sequence[str] | None = None,
    ) -> Layer:
        """Add or replace a column: numbers, or integer codes into `labels` (-1 for unset), or a list of strings and Nones."""
        self._columns[name] = self._checked(name, values, labels)
        return self

    def _checked(self, name: str, values: Any, labels: Sequence[str] | None) -> Column:
        if (
            labels is None
            and isinstance(values, list | tuple)
            and values
            and all(v is None or isinstance(v, str) for v in values)
        ):
            coded = encode_labels(values)
            values, labels = coded.values, coded.labels
        array = np.asarray(values)
        if array.shape != (self.size,):
            raise DocError(
                f"column {name!r} has shape {array.shape}; this {self.kind} layer needs ({self.size},)"
            )
        if array.dtype.kind not in "biuf":
            raise DocError(
                f"column {name!r} has dtype {array.dtype}; a column holds numbers, booleans, or codes with labels"
            )
        if labels is not None:
            if name == "score":
                raise DocError("a column 'score' holds numbers: give labels another name")
            if array.dtype.kind not in "iu":
                raise DocError(
                    f"column {name!r} has labels, so its values must be integer codes, not {array.dtype}"
                )
            low, high = bounds(array)
            if self.size and (high >= len(labels) or low < -1):
                raise DocError(
                    f"column {name!r} has codes from {low} to {high} for {len(labels)} labels"
                )
        return Column(array, labels)

    def __getitem__(self, name: str) -> Column:
        column = self.get(name)
        if column is None:
            raise DocError(
                f"this {self.kind} layer has no column {name!r}.{near(name, self._columns)}"
            )
        return column

    def get(self, name: str) -> Column | None:
        """The column, or None where no one has written it."""
        found = self._columns.get(name)
        if isinstance(found, tuple):
            found = self._columns[name] = unpack_column(found)
        return found

    def values(self, name: str) -> list[Any]:
        """The values of a column as plain Python objects, None where unset or not written."""
        column = self.get(name)
        return [None] * self.size if column is None else column.plain()

    def put(self, name: str, column: Column) -> Layer:
        """Add or replace a column known to fit: nothing is checked. For what writes to many documents."""
        self._columns[name] = column
        return self

    def set_packed(self, name: str, packed: PackedColumn) -> None:
        """Add a column as bytes that `pipekit.doc.columns.wrong` finds nothing in; arrays are made of it when somebody asks for them."""
        self._columns[name] = packed

    def packed(self) -> Iterator[tuple[str, PackedColumn]]:
        """Each column as bytes. Errors: `DocError`."""
        for name, column in self._columns.items():
            yield name, column if isinstance(column, tuple) else pack_column(name, column)

    def _items(self) -> Iterator[tuple[str, Column]]:
        return ((name, self[name]) for name in self._columns)

    def remove(self, name: str) -> None:
        """Drop a column, if it is there."""
        self._columns.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return self.size

    def rows(self, start: int, stop: int) -> Layer:
        """The rows from start to stop as a layer of their own; columns are views."""
        part = Layer(self.kind, stop - start, target=self.target)
        part._columns = {name: Column(c.values[start:stop], c.labels) for name, c in self._items()}
        return part

    def take(self, rows: NDArray[Any]) -> Layer:
        """The chosen rows as a layer of their own."""
        part = Layer(
            self.kind, int(rows.sum()) if rows.dtype == bool else len(rows), target=self.target
        )
        part._columns = {name: Column(c.values[rows], c.labels) for name, c in self._items()}
        return part

    def copy(self) -> Layer:
        """The same rows in arrays of their own."""
        twin = Layer(self.kind, self.size, target=self.target)
        twin._columns = {name: Column(c.values.copy(), c.labels) for name, c in self._items()}
        return twin

    def shared(self) -> Layer:
        """The same columns, arrays and all, in a layer of its own: what is set on one is not set on the other."""
        twin = Layer(self.kind, self.size, target=self.target)
        twin._columns = self._columns.copy()
        return twin

    def __repr__(self) -> str:
        return f"<Layer {self.kind}, {self.size} rows: {', '.join(self._columns) or 'no columns'}>"


def span_layer(
    starts: ArrayLike,
    ends: ArrayLike,
    labels: Sequence[str | None] | Column | None = None,
    scores: ArrayLike | None = None,
) -> Layer:
    """A span layer from token rows (end exclusive), labels and scores."""
    first, last = np.asarray(starts, dtype=np.int32), np.asarray(ends, dtype=np.int32)
    layer = Layer("span", len(first)).set("start", first).set("end", last)
    if labels is not None:
        column = labels if isinstance(labels, Column) else encode_labels(labels)
        layer.set("label", column.values, column.labels)
    if scores is not None:
        layer.set("score", np.asarray(scores, dtype=np.float32))
    return layer


def join(layers: Sequence[Layer]) -> Layer:
    """Layers end to end; a column that one of them lacks is unset there. Labels are merged."""
    first = layers[0]
    whole = Layer(first.kind, sum(layer.size for layer in layers), target=first.target)
    for name in dict.fromkeys(name for layer in layers for name in layer):
        column = _join_columns([(layer.get(name), layer.size) for layer in layers])
        whole.set(name, column.values, column.labels)
    return whole


def _join_columns(parts: Sequence[tuple[Column | None, int]]) -> Column:
    present = [column for column, _ in parts if column is not None]
    if present[0].labels is None:
        unset = np.nan if present[0].values.dtype.kind == "f" else 0
        return Column(
            np.concatenate(
                [
                    np.full(n, unset, present[0].values.dtype) if c is None else c.values
                    for c, n in parts
                ]
            )
        )
    code = {
        label: i
        for i, label in enumerate(
            dict.fromkeys(label for column in present for label in column.labels or ())
        )
    }
    return Column(
        np.concatenate(
            [np.full(n, -1, np.int32) if c is None else _recode(c, code) for c, n in parts]
        ),
        list(code),
    )


def _recode(column: Column, code: Mapping[str, int]) -> NDArray[np.int32]:
    table = np.array([*(code[label] for label in column.labels or ()), -1], dtype=np.int32)
    codes: NDArray[np.int32] = table[column.values]
    return codes
