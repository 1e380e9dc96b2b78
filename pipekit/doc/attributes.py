"""Custom attributes of documents, spans and tokens: typed, and saved with the Doc.

An attribute is a column, so bytes, JSON, files and worker processes carry it as they carry all
annotations:

    of a token      a column of the layer "tokens"
    of a span       a column of the layer that the span is a row of
    of a document   a column of the layer "attributes", which has one row

Strings stand there as labels. Numbers and booleans stand as float64, so that each of them may be
unset, NaN.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np

from pipekit.doc.columns import Column
from pipekit.doc.doc import Doc
from pipekit.doc.layer import Layer
from pipekit.doc.layers import ATTRIBUTES, NAMED_KINDS
from pipekit.doc.views import Span, Token
from pipekit.errors import ConfigError, DocError, near

ValueT = TypeVar("ValueT", bool, int, float, str)
_KINDS = (bool, int, float, str)
_PLACES = (Doc, Span, Token)
_TAKEN = {*NAMED_KINDS, "start", "end", "label", "score", "text", "i", "question"}
_LARGEST = 2**53  # float64 holds all integers up to here


class Attr(Generic[ValueT]):
    """A custom attribute of one type: bool, int, float or str.

        polarity = pipekit.Attr[float]("polarity", on=pipekit.Span)

        polarity[span] = 0.7
        polarity[span]                  # 0.7; None where unset
        del polarity[span]
        polarity.fill(doc, [0.7, None], "ents")     # of all spans of a group at once
        polarity.values(doc, "ents")

    A type checker knows that `polarity[span]` is a float or None. `span.get("polarity")` reads the
    same column without the type: numbers and booleans are floats there.

    Args:
        name: a Python identifier, and no name that documents use themselves.
        on: what has the attribute: `Doc`, `Span` or `Token`.

    Errors: `ConfigError` for a name, a type or a place that cannot be. Reading and writing raise
    `DocError` for an item of another kind, for a value of another type, for a column that holds
    something else, and for a span that is no row of a group.
    """

    kind: ClassVar[type | None] = None

    def __init__(
        self,
        name: str,
        *,
        on: type[Doc] | type[Span] | type[Token],
    ) -> None:
        if self.kind is None:
            raise ConfigError(f'the attribute {name!r} needs a type: Attr[float]("…", on=…)')
        if on not in _PLACES:
            raise ConfigError(
                f"the attribute {name!r} cannot be on {on!r:.60}: on=Doc, on=Span or on=Token"
            )
        _check_attribute_name(name, on)
        self.name = name
        self.on = on

    if not TYPE_CHECKING:

        def __class_getitem__(cls, kind: Any) -> Any:
            if isinstance(kind, TypeVar):
                return super().__class_getitem__(kind)
            return _attr_of(kind)

    # -- one value

    def __getitem__(self, item: Doc | Span | Token) -> ValueT | None:
        layer, row = self._place(item)
        if layer is None or self.name not in layer:
            return None
        value = layer[self.name][row]
        return None if value is None else self._typed(value)

    def __setitem__(
        self,
        item: Doc | Span | Token,
        value: ValueT | None,
    ) -> None:
        checked = self._checked(value)
        layer, row = self._place(item)
        if layer is None:
            layer = Layer("doc", 1)
            layer.put(self.name, self._column([checked]))
            item.layers[ATTRIBUTES] = layer  # type: ignore[union-attr]
            return
        layer.put(self.name, self._with_value(layer, row, checked))

    def __delitem__(self, item: Doc | Span | Token) -> None:
        self[item] = None

    # -- all values

    def values(
        self,
        doc: Doc,
        group: str = "ents",
    ) -> list[ValueT | None]:
        """The value of each token, of each span of a group, or of the document, None where unset.

        Errors: `DocError` for a group that the document does not have.
        """
        return self._plain(self._layer(doc, group))

    def fill(
        self,
        doc: Doc,
        values: Iterable[ValueT | None],
        group: str = "ents",
    ) -> None:
        """Set the value of each token, of each span of a group, or of the document.

        Errors: `DocError` for another number of values, and as `__setitem__`.
        """
        checked = [self._checked(value) for value in values]
        layer = self._layer(doc, group)
        if len(checked) != layer.size:
            raise DocError(
                f"{self!r}: {len(checked)} values for {layer.size} rows: each row has one"
            )
        layer.put(self.name, self._column(checked))
        if self.on is Doc:
            doc.layers[ATTRIBUTES] = layer

    def written_as(self, group: str = "ents") -> str:
        """The name by which a component that writes the attribute lists it in `assigns`."""
        if self.on is Token:
            return self.name
        if self.on is Doc:
            return ATTRIBUTES
        return f"{group}.{self.name}"

    def _layer(
        self,
        doc: Doc,
        group: str,
    ) -> Layer:
        if not isinstance(doc, Doc):
            raise DocError(f"{self!r}: {type(doc).__name__} is no Doc")
        if self.on is Token:
            return doc.tokens
        if self.on is Doc:
            return doc.layers.get(ATTRIBUTES) or Layer("doc", 1)
        layer = doc.layers.get(group)
        if layer is None or layer.kind != "span":
            raise DocError(f"the document has no span group {group!r}.{near(group, doc.spans)}")
        return layer

    def _place(self, item: Any) -> tuple[Layer | None, int]:
        """The layer and the row of an item; None for a document without attributes."""
        if not isinstance(item, self.on):
            raise DocError(f"{self!r} is no attribute of a {type(item).__name__}")
        if isinstance(item, Doc):
            return item.layers.get(ATTRIBUTES), 0
        if isinstance(item, Token):
            return item.doc.tokens, item.i
        if item.layer is None:
            place = f"{item.start}:{item.end}"
            raise DocError(
                f"{self!r}: doc[{place}] stands in no group, which would hold its attributes: "
                f'write doc.spans["mine"] = [doc[{place}]], and take the span from there'
            )
        return item.layer, item.row

    # -- values and columns

    def _checked(self, value: Any) -> Any:
        """A value of the type. Errors: `DocError`."""
        if value is None:
            return None
        is_truth = isinstance(value, bool | np.bool_)
        fits = {
            bool: is_truth,
            int: isinstance(value, Integral) and not is_truth,
            float: isinstance(value, Real) and not is_truth,
            str: isinstance(value, str),
        }
        if not fits[self.kind]:  # type: ignore[index]
            kind = type(value).__name__
            raise DocError(f"{self!r} cannot be {value!r:.60}, of type {kind}")
        if self.kind is str:
            return _without_surrogates(value, self)
        number = self.kind(value)  # type: ignore[misc]
        if self.kind is float and not np.isfinite(number):
            raise DocError(
                f"{self!r} cannot be {value!r}: a finite number is needed, None is unset"
            )
        if self.kind is int and abs(number) > _LARGEST:
            raise DocError(f"{self!r} cannot be {value!r}: its size is {_LARGEST} at most")
        return number

    def _column(self, values: list[Any]) -> Column:
        if self.kind is not str:
            numbers = [np.nan if value is None else value for value in values]
            return Column(np.array(numbers, dtype=np.float64))
        labels = sorted({value for value in values if value is not None})
        codes = {label: code for code, label in enumerate(labels)}
        rows = [codes.get(value, -1) for value in values]
        return Column(np.array(rows, dtype=np.int32), labels)

    def _plain(self, layer: Layer) -> list[Any]:
        """All values of the column as the type has them, None where unset."""
        column = layer.get(self.name)
        if column is None:
            return [None] * layer.size
        values = column.plain()
        return [None if value is None else self._typed(value) for value in values]

    def _with_value(
        self,
        layer: Layer,
        row: int,
        value: Any,
    ) -> Column:
        """A copy of the column with another value in a row; other Docs may share the old one."""
        old = layer.get(self.name)
        new = self._column([value])
        if old is None:
            old = self._column([None] * layer.size)
        is_other = (old.labels is None) != (new.labels is None)
        if is_other:  # of another type, unless nothing is set
            old = self._column(self._plain(layer))
        values = old.values.astype(new.values.dtype)
        if new.labels is None:
            values[row] = new.values[0]
            return Column(values)
        labels = list(old.labels or ())
        if value is not None and value not in labels:
            labels.append(value)
        values[row] = -1 if value is None else labels.index(value)
        return Column(values, labels)

    def _typed(self, value: Any) -> Any:
        """A value of a column as the type has it. Errors: `DocError` for one of another type."""
        is_text = isinstance(value, str)
        fits = is_text if self.kind is str else not is_text
        if self.kind is int:
            fits = fits and value == int(value)
        if self.kind is bool:
            fits = fits and value in (0, 1)
        if not fits:
            raise DocError(f"{self!r}: its column holds {value!r:.60}, which somebody else wrote")
        return self.kind(value)  # type: ignore[misc]

    def __repr__(self) -> str:
        kind = "…" if self.kind is None else self.kind.__name__
        return f"Attr[{kind}]({self.name!r}, on={self.on.__name__})"


@cache
def _attr_of(kind: Any) -> type[Attr[Any]]:
    """The class of attributes of a type."""
    if kind not in _KINDS:
        name = getattr(kind, "__name__", repr(kind))
        raise ConfigError(
            f"an attribute cannot be of type {name}: bool, int, float or str; "
            "other data go as JSON in a str"
        )
    return type(f"Attr[{kind.__name__}]", (Attr,), {"kind": kind, "__module__": __name__})


def _check_attribute_name(
    name: Any,
    on: type,
) -> None:
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
        raise ConfigError(
            f"{name!r:.60} cannot name an attribute: a Python identifier is needed, 'polarity'"
        )
    if name in _TAKEN or hasattr(on, name):
        raise ConfigError(
            f"{name!r} cannot name an attribute of a {on.__name__}: documents use it themselves, "
            f"choose another name, such as 'my_{name}'"
        )


def _without_surrogates(
    text: str,
    attribute: Attr[Any],
) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DocError(f"{attribute!r} cannot be {text!r:.60}: it holds a lone surrogate") from None
    return text
