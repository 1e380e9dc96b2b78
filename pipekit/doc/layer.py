"""Layers: tables that hold all annotations of a document."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipekit.doc.columns import (
    Column,
    Labels,
    PackedColumn,
    Values,
    bounds,
    encode_labels,
    pack_column,
    unpack_column,
)
from pipekit.errors import DocError, near

UNSURE = "?"  # in `morph`, the value of a feature that an annotation leaves open: "Voice=?"
_Derived = TypeVar("_Derived")
LayerKind = Literal["token", "span", "link", "doc"]
LAYER_KINDS: tuple[str, ...] = get_args(LayerKind)
REQUIRED: dict[str, tuple[str, ...]] = {
    "token": (),
    "span": ("start", "end"),
    "link": ("head", "tail"),
    "doc": (),
}
TOKEN_ROWS = ("head",)
"""Columns of the token layer that hold token rows, with -1 for unset."""


class Layer:
    """A table: named columns of `size` rows.

    Args:
        kind: what a row is. "token": a token. "span": tokens from `start` up to `end`, two columns
            of token rows. "link": a link between `head` and `tail`, two columns of rows of the
            span layer `target`. "doc": anything about the document.
        size: how many rows there are.
        target: of links, the name of the span layer that they link; "ents" by default.

        layer = Layer("span", 2).set("start", [0, 3]).set("end", [2, 4])
        layer.set("label", ["PER", "LOC"])
    """

    __slots__ = ("_columns", "_derived", "kind", "size", "target")

    def __init__(
        self,
        kind: LayerKind,
        size: int,
        *,
        target: str | None = None,
    ) -> None:
        if kind not in LAYER_KINDS:
            raise DocError(f"a layer cannot be of kind {kind!r}.{near(kind, LAYER_KINDS)}")
        self.kind: LayerKind = kind
        self.size = size
        self.target = target
        # Columns of a Doc that was read stay packed until somebody looks at them.
        self._columns: dict[str, Column | PackedColumn] = {}
        # What `derived` has made, with the columns that it was made of.
        self._derived: dict[Callable[..., Any], tuple[tuple[Column | None, ...], Any]] | None = None

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self._columns)

    def set(
        self,
        name: str,
        values: ArrayLike | Sequence[str | None],
        labels: Labels | None = None,
    ) -> Layer:
        """Add or replace a column.

        Args:
            values: numbers; or with `labels`, integer codes, of which -1 is unset; or a list of
                strings and Nones.

        Returns: this layer. Errors: `DocError` for values that do not fit.
        """
        self._columns[name] = self._checked(name, values, labels)
        return self

    def _checked(
        self,
        name: str,
        values: Any,
        labels: Labels | None,
    ) -> Column:
        if labels is None and _are_strings(values):
            column = encode_labels(values)
            values = column.values
            labels = column.labels
        array = np.asarray(values)
        if labels is not None and not array.size:  # numpy takes an empty list for floats
            array = array.astype(np.int32)
        if array.shape != (self.size,):
            raise DocError(
                f"column {name!r} has shape {array.shape}; "
                f"this {self.kind} layer needs ({self.size},)"
            )
        if array.dtype.kind not in "biuf":
            raise DocError(
                f"column {name!r} has dtype {array.dtype}; "
                "a column holds numbers, booleans, or codes with labels"
            )
        if labels is not None:
            _check_codes(name, array, labels)
        return Column(array, labels)

    def __getitem__(self, name: str) -> Column:
        column = self.get(name)
        if column is None:
            raise DocError(
                f"this {self.kind} layer has no column {name!r}.{near(name, self._columns)}"
            )
        return column

    def get(self, name: str) -> Column | None:
        """The column of that name; None where nobody has written it."""
        column = self._columns.get(name)
        if isinstance(column, tuple):
            column = self._columns[name] = unpack_column(column)
        return column

    def columns(self) -> Iterator[tuple[str, Column]]:
        """The name and column of each."""
        return ((name, self[name]) for name in self._columns)

    def values(self, name: str) -> list[Any]:
        """The values of a column as plain Python objects, None where unset or not written."""
        column = self.get(name)
        if column is None:
            return [None] * self.size
        return column.plain()

    def put(
        self,
        name: str,
        column: Column,
    ) -> Layer:
        """Add or replace a column without any check, quickly; `set` checks. Returns this layer."""
        self._columns[name] = column
        return self

    def set_packed(
        self,
        name: str,
        packed: PackedColumn,
    ) -> None:
        """Add a packed column that `column_fault` has passed; it is unpacked on first use."""
        self._columns[name] = packed

    def packed(self) -> Iterator[tuple[str, PackedColumn]]:
        """The name and bytes of each column. Errors: `DocError`, see `pack_column`."""
        for name, column in self._columns.items():
            yield name, column if isinstance(column, tuple) else pack_column(name, column)

    def remove(self, name: str) -> None:
        """Drop a column, if it exists."""
        self._columns.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        """The names of the columns."""
        return iter(self._columns)

    def __len__(self) -> int:
        return self.size

    def derived(
        self,
        make: Callable[..., _Derived],
        *names: str,
    ) -> _Derived:
        """``make(column, …)``, the columns of these names, made once as long as they stay the same.

        The values of these columns are read-only from then on: a change in place would go unseen.
        `set` replaces a column, and what is derived of it.

            order = layer.derived(by_start, "start")
        """
        columns = tuple(map(self.frozen, names))
        if self._derived is None:
            self._derived = {}
        old_columns, old_result = self._derived.get(make, ((), None))
        if len(columns) == len(old_columns) and all(map(operator.is_, columns, old_columns)):
            result: _Derived = old_result
            return result
        result = make(*columns)
        self._derived[make] = (columns, result)
        return result

    def frozen(self, name: str) -> Column | None:
        """A column, if there is one, of which nobody can change the values in place any more."""
        column = self.get(name)
        if column is None or not column.values.flags.writeable:
            return column
        if column.values.base is not None:  # others may write to the array that it is a part of
            column = self._columns[name] = Column(column.values.copy(), column.labels)
        column.values.flags.writeable = False
        return column

    # -- copies

    def rows(
        self,
        start: int,
        stop: int,
    ) -> Layer:
        """The rows from start up to stop as a layer of their own; its columns are views."""
        part = self._empty(stop - start)
        for name, column in self.columns():
            part._columns[name] = Column(column.values[start:stop], column.labels)
        return part

    def take(self, rows: Values) -> Layer:
        """Some rows as a layer of their own: rows by number, or a mask, bool[size]."""
        size = int(rows.sum()) if rows.dtype == bool else len(rows)
        part = self._empty(size)
        for name, column in self.columns():
            part._columns[name] = Column(column.values[rows], column.labels)
        return part

    def copy(self) -> Layer:
        """The same rows in arrays of their own."""
        twin = self._empty(self.size)
        for name, column in self.columns():
            twin._columns[name] = Column(column.values.copy(), column.labels)
        return twin

    def shared(self) -> Layer:
        """A layer with the same arrays; columns set on one of the two are not set on the other."""
        twin = self._empty(self.size)
        twin._columns.update(self._columns)
        return twin

    def _empty(self, size: int) -> Layer:
        return Layer(self.kind, size, target=self.target)

    def __repr__(self) -> str:
        columns = ", ".join(self._columns) or "no columns"
        return f"<Layer {self.kind}, {self.size} rows: {columns}>"


# What a layer held at some time: kind, size, target, columns. Two are equal if they have the very
# same columns. A plain tuple is made several times as quickly as one with names.
Held = tuple[LayerKind, int, str | None, dict[str, Column | PackedColumn]]


def held_by(layers: Sequence[Layer | None]) -> list[Held | None]:
    """What each layer holds now; arrays are shared, and not copied. None stays None."""
    return [
        None if layer is None else (layer.kind, layer.size, layer.target, layer._columns.copy())
        for layer in layers
    ]


def _are_strings(values: Any) -> bool:
    """Whether values are a list of strings and Nones, not empty."""
    if not isinstance(values, list | tuple) or not values:
        return False
    return all(value is None or isinstance(value, str) for value in values)


def _check_codes(
    name: str,
    codes: Values,
    labels: Labels,
) -> None:
    if name == "score":
        raise DocError("a column 'score' holds numbers: give labels another name")
    if codes.dtype.kind not in "iu":
        raise DocError(
            f"column {name!r} has labels, so its values must be integer codes, not {codes.dtype}"
        )
    low, high = bounds(codes)
    if len(codes) and (high >= len(labels) or low < -1):
        raise DocError(f"column {name!r} has codes from {low} to {high} for {len(labels)} labels")


def span_layer(
    starts: ArrayLike,
    ends: ArrayLike,
    labels: Sequence[str | None] | Column | None = None,
    scores: ArrayLike | None = None,
) -> Layer:
    """A layer of spans.

    Args:
        starts, ends: token rows, the end exclusive, [spans].
        labels: strings and Nones, or a column of codes.
        scores: numbers, [spans].

        doc.layers["ents"] = span_layer([0, 3], [2, 4], ["PER", "LOC"])
    """
    first = np.asarray(starts, dtype=np.int32)
    last = np.asarray(ends, dtype=np.int32)
    layer = Layer("span", len(first))
    layer.set("start", first)
    layer.set("end", last)
    if labels is not None:
        column = labels if isinstance(labels, Column) else encode_labels(labels)
        layer.set("label", column.values, column.labels)
    if scores is not None:
        layer.set("score", np.asarray(scores, dtype=np.float32))
    return layer


# -- layers end to end


def join(layers: Sequence[Layer]) -> Layer:
    """Layers end to end, with merged labels.

    A column that some layers lack is unset in their rows: NaN, code -1, token row -1.

    Errors: `DocError` for a column of integers or booleans that a layer with rows lacks, since none
    of these is unset; and for one that is labels here and numbers there.
    """
    first = layers[0]
    size = sum(layer.size for layer in layers)
    whole = Layer(first.kind, size, target=first.target)
    names: dict[str, None] = {}
    for layer in layers:
        names.update(dict.fromkeys(layer))
    for name in names:
        column = _join_columns(name, [(layer.get(name), layer.size) for layer in layers])
        whole.set(name, column.values, column.labels)
    return whole


def _join_columns(
    name: str,
    parts: Sequence[tuple[Column | None, int]],
) -> Column:
    """Columns end to end; None stands for so many unset rows."""
    present = [column for column, _ in parts if column is not None]
    has_labels = {column.labels is not None for column in present}
    if len(has_labels) > 1:
        raise DocError(f"column {name!r} has labels in some parts and numbers in others")
    if has_labels == {False}:
        return _join_numbers(name, parts, present[0].values.dtype)
    codes: dict[str, int] = {}
    for column in present:
        for label in column.labels or ():
            codes.setdefault(label, len(codes))
    pieces = []
    for part, rows in parts:
        if part is None:
            pieces.append(np.full(rows, -1, np.int32))
        else:
            pieces.append(_recode(part, codes))
    return Column(np.concatenate(pieces), list(codes))


def _join_numbers(
    name: str,
    parts: Sequence[tuple[Column | None, int]],
    dtype: np.dtype[Any],
) -> Column:
    pieces = []
    for part, rows in parts:
        if part is None and name in TOKEN_ROWS:
            pieces.append(np.full(rows, -1, np.int32))
            continue
        if part is None and rows and dtype.kind != "f":
            raise DocError(
                f"column {name!r} of {dtype} is missing in a part of {rows} rows, "
                "and only labels and floats may be unset"
            )
        if part is None:
            pieces.append(np.full(rows, np.nan if rows else 0, dtype))
        else:
            pieces.append(part.values)
    return Column(np.concatenate(pieces))


def _recode(
    column: Column,
    codes: Mapping[str, int],
) -> NDArray[np.int32]:
    """The codes of a column's labels among other labels, int32[rows]."""
    new_codes = [codes[label] for label in column.labels or ()]
    table = np.array([*new_codes, -1], dtype=np.int32)  # -1 is last: unset stays unset
    recoded: NDArray[np.int32] = table[column.values]
    return recoded
