"""A watch on the documents of a batch: what a component did to them that it may not do.

A component may write the layers and token columns that it `assigns`, and has to. Text, tokens, and
all that the documents hold already are not its own.

The documents of a batch are compared together, which costs little; so a breach does not say which
of them it concerns. Whoever wants to know tries the documents apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter, is_
from typing import cast

import numpy as np

from pipekit.doc import Doc
from pipekit.doc.columns import Column, Labels, Values
from pipekit.doc.layer import Held, held_by
from pipekit.doc.text import own_of
from pipekit.parts.written import Address, Written, column_title, columns_of, is_score, plain_column

_layers_of = attrgetter("layers")
_values_of = attrgetter("values")
_labels_of = attrgetter("labels")


class Watch:
    """The documents of a batch, before and after each component.

        watch = Watch(docs)
        for component in components:
            answer = component(batch)
            breach = watch.breach(batch.docs, component.assigns, answer)

    What one component has written, the next may not change.
    """

    def __init__(self, docs: Sequence[Doc]) -> None:
        self._docs = tuple(docs)
        self._own = list(map(own_of, docs))
        all_layers = list(map(_layers_of, docs))
        # What each layer held when it was looked at last, in the order of the documents.
        self._held: dict[str, list[Held | None]] = {}
        self._columns: dict[Address, _Contents] = {}
        for name in dict.fromkeys(chain.from_iterable(all_layers)):
            layers = [of_doc.get(name) for of_doc in all_layers]
            held = held_by(layers)
            self._held[name] = held
            table = columns_of(held)
            for column, columns in table.items():
                self._columns[name, column] = _contents(columns)

    def breach(
        self,
        docs: Sequence[Doc],
        assigns: Sequence[str],
        answer: object,
    ) -> str | None:
        """What a component did against its contract; None where it kept it.

        Args:
            docs: those that the batch has now.
            assigns: the layers and columns that the component may write, and has to.
            answer: what the component returned.
        """
        if answer is not None:
            kind = type(answer).__name__
            return f"returned {kind}: it writes to the documents and returns nothing"
        are_same = map(is_, docs, self._docs)
        if len(docs) != len(self._docs) or not all(are_same):
            return "dropped, reordered or replaced documents of its batch"
        if not _are_identical(self._own, list(map(own_of, docs))):
            return "changed the text, the tokens, the name or the error of a document"
        rights = Rights(assigns)
        try:
            written = self._changed_layers(rights)
            self._check_contents(rights)
            for name in written:
                self._check_written(name, rights)
            self._check_promises(assigns)
        except _Breach as breach:
            return str(breach)
        return None

    def _changed_layers(self, rights: Rights) -> set[str]:
        """The layers that the component wrote, or wrote to. Errors: `_Breach` if it may not."""
        layers = list(map(_layers_of, self._docs))
        changed = set()
        for address in self._columns:
            if address in rights:
                layer, _ = address
                changed.add(layer)
        count = 0
        for name in self._held.keys() | rights.layers:
            now = [of_doc.get(name) for of_doc in layers]
            count += len(now) - now.count(None)
            held = held_by(now)
            before = self._held.get(name)
            if held == before:
                continue
            if before is not None and name not in rights.layers:
                _check_changes(name, before, held, rights)
            changed.add(name)
            self._held[name] = held
        if count != sum(map(len, layers)):
            names = set(chain.from_iterable(layers)) - self._held.keys()
            raise _Breach(f"wrote {', '.join(map(repr, names))}, which it does not assign")
        return changed & self._held.keys()

    def _check_contents(self, rights: Rights) -> None:
        """Errors: `_Breach` for changes within arrays or labels that are not assigned."""
        for address, contents in self._columns.items():
            if address not in rights and contents.have_changed():
                raise _Breach(
                    f"changed values of {column_title(address)}, which it does not assign"
                )

    def _check_written(
        self,
        name: str,
        rights: Rights,
    ) -> None:
        """Errors: `_Breach` for columns that the component wrote and that do not fit."""
        written = Written(name, self._docs, self._held)
        breach = written.breach(rights)
        if breach:
            raise _Breach(breach)
        for column, columns in written.columns.items():
            if (name, column) in rights:
                self._columns[name, column] = _contents(columns)

    def _check_promises(self, assigns: Sequence[str]) -> None:
        """Errors: `_Breach` for a layer that was promised and not written."""
        for name in assigns:
            if None not in self._held.get(name, (None,)):
                continue
            for doc in self._docs:
                if not doc.has_annotation(name):
                    raise _Breach(f"assigns {name!r} but wrote none to {doc!r}")


def numbers_breach(
    docs: Sequence[Doc],
    assigns: Sequence[str],
) -> str | None:
    """A score that is no number, in what a component has written; None where there is none.

    That is all that can go wrong with a component that is tested itself: the weights of a file may
    hold NaN.
    """
    for name in assigns:
        layer_name, _, beginning = name.partition(".")
        layers = [doc.layers[layer_name] for doc in docs if layer_name in doc.layers]
        for column in dict.fromkeys(chain.from_iterable(layers)):
            if not is_score(layer_name, column) or not column.startswith(beginning):
                continue
            arrays = [layer[column].values for layer in layers if column in layer]
            total = np.concatenate(arrays).sum()  # NaN where one of them is
            if total != total:
                return f"wrote a score that is no number to {column_title((layer_name, column))}"
    return None


class _Breach(Exception):
    """What a component did against its contract."""


class Rights:
    """What a component may write, by the names in its `assigns`.

    ("pos", "sents", "ents.sentiment") allows the token columns "pos" and "sent_start", the columns
    "sentiment", "sentiment.positive" and so on of the layer "ents", and layers of these names.

    Attributes:
        layers: those that it may write as a whole.
    """

    def __init__(self, assigns: Sequence[str]) -> None:
        self.layers = set(assigns) - {"tokens"}
        self._columns = []  # layer, and how the names of columns begin
        for name in assigns:
            layer, _, column = name.partition(".")
            if column:
                self._columns.append((layer, f"{column}."))
            token_column = name
            if name == "sents":
                token_column = "sent_start"
            self._columns.append(("tokens", f"{token_column}."))

    def __contains__(self, address: object) -> bool:
        """Whether a column may be written."""
        layer, column = cast(Address, address)
        if layer in self.layers:
            return True
        dotted = f"{column}."
        for own_layer, beginning in self._columns:
            if layer == own_layer and dotted.startswith(beginning):
                return True
        return False


class _Contents:
    """The values and labels of a column, of all documents that have it.

    Args:
        arrays: the values, one array for each document.
        labels: the distinct lists of labels.
    """

    def __init__(
        self,
        arrays: Sequence[Values],
        labels: Sequence[Labels] = (),
    ) -> None:
        self.arrays = arrays
        self.labels = labels
        self._bytes = _joined(arrays)
        self._strings = list(map(tuple, labels))

    def have_changed(self) -> bool:
        """Whether the arrays or the lists hold something else than at first."""
        if _joined(self.arrays) != self._bytes:
            return True
        if not self.labels:
            return False
        strings = list(map(tuple, self.labels))
        return strings != self._strings


def _contents(columns: Sequence[Column]) -> _Contents:
    arrays = list(map(_values_of, columns))
    labels = list(map(_labels_of, columns))
    if labels.count(None) == len(labels):
        return _Contents(arrays)
    distinct = {id(each): each for each in labels if each is not None}
    return _Contents(arrays, list(distinct.values()))


def _are_identical(
    before: Sequence[tuple[object, ...]],
    after: Sequence[tuple[object, ...]],
) -> bool:
    """Whether tuples hold the same objects, or equal ones."""
    try:
        return before == after
    except ValueError:  # of two arrays that are not one
        return False


def _joined(arrays: Sequence[Values]) -> bytes:
    """Arrays as bytes, end to end."""
    try:
        return b"".join(arrays)  # type: ignore[arg-type]
    except (BufferError, TypeError, ValueError):  # one of them is not contiguous
        return b"".join([array.tobytes() for array in arrays])


def _check_changes(
    name: str,
    before: Sequence[Held | None],
    after: Sequence[Held | None],
    rights: Rights,
) -> None:
    """Errors: `_Breach` for changes of a layer beyond the columns that may be written."""
    for old, new in zip(before, after, strict=True):
        if old == new:
            continue
        if old is None:
            raise _Breach(f"wrote the layer {name!r}, which it does not assign")
        if new is None:
            raise _Breach(f"removed the layer {name!r}, which it does not assign")
        if old[:3] != new[:3]:
            raise _Breach(f"changed rows of the layer {name!r}, which it does not assign")
        columns_before = old[3]
        columns_after = new[3]
        for column in columns_before | columns_after:
            is_same = columns_before.get(column) is columns_after.get(column)
            if is_same or (name, column) in rights:
                continue
            if not _are_same(column, old, new):
                raise _Breach(f"changed {column_title((name, column))}, which it does not assign")


def _are_same(
    name: str,
    before: Held,
    after: Held,
) -> bool:
    """Whether two layers hold the same values and labels in a column."""
    contents = []
    for _, _, _, columns in (before, after):
        if name not in columns:
            return False
        column = plain_column(columns[name])
        if type(column) is not Column or not isinstance(column.values, np.ndarray):
            return False
        labels = column.labels
        if labels is not None:
            labels = list(labels)
        values = column.values
        contents.append((labels, values.dtype, values.tobytes()))
    old, new = contents
    return old == new
