"""Docs from plain lists and dicts of the shape that `as_dict` describes; these may be hostile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from pipekit.doc.as_dict import CLASSES, DOC_KEYS, STANDARD, TOKEN_KEYS, PlainRow
from pipekit.doc.columns import Column, Values, encode_labels
from pipekit.doc.layer import LAYER_KINDS, TOKEN_ROWS, Layer
from pipekit.doc.limits import LINKED, check_layers
from pipekit.doc.text import Text, TextT
from pipekit.errors import DocError, PipekitFormatError, near
from pipekit.words.arrays import Bools

_NUMBERS = ("score",)  # columns of numbers, also where all rows are unset
_EDGES = ("start", "end", "head", "tail")
# Rows become columns, and absent keys unset cells: at most `_DENSE` cells for each key of a row,
# and `_FEW_CELLS` more.
_DENSE = 64
_FEW_CELLS = 100_000
_MOST_ROWS = 2**31 - 1

PlainMap = Mapping[str, Any]


def doc_from_dict(
    data: PlainMap,
    kind: type[TextT],
) -> TextT:
    """The Doc of `doc_to_dict`, or of plain data of that shape, as an object of class `kind`.

    Errors: `PipekitFormatError` naming the key that does not fit.
    """
    try:
        doc = _from_dict(_map(data, "the Doc", DOC_KEYS), kind)
        check_layers(doc.layers, len(doc))
    except DocError as wrong:
        raise PipekitFormatError(f"this is no Doc: {wrong}") from wrong
    return doc


def _from_dict(
    data: PlainMap,
    kind: type[TextT],
) -> TextT:
    text = _typed(data.get("text"), str, "text")
    rows = _list(data.get("tokens"), "tokens")
    borders = [_borders(row, f"tokens[{i}]", len(text)) for i, row in enumerate(rows)]
    starts, ends = np.array(borders, dtype=np.int64).reshape(-1, 2).T
    doc = kind(text, starts=starts, ends=ends)
    doc.name = _typed(data.get("name"), str | None, "name")
    doc.error = _typed(data.get("error"), str | None, "error")
    _check_words(doc, rows)
    if "sents" in data:
        doc.tokens.set("sent_start", _sent_starts(doc, _list(data["sents"], "sents")))
    _set_columns(doc.tokens, rows, "tokens", skip=TOKEN_KEYS)
    _add_layers(doc, data)
    return doc


def _borders(
    row: PlainRow,
    place: str,
    length: int,
) -> tuple[int, int]:
    """Start and end of a row, in characters of a text of this length."""
    start = _integer(row, "start", place, length)
    end = _integer(row, "end", place, length)
    return start, end


def _check_words(
    doc: Text,
    rows: Sequence[PlainRow],
) -> None:
    for i, (row, word) in enumerate(zip(rows, doc.words, strict=True)):
        if row.get("text", word) != word:
            _refuse(f"tokens[{i}].text", f"is {row['text']!r}, but the text has {word!r} there")


def _sent_starts(
    doc: Text,
    rows: Sequence[PlainRow],
) -> Bools:
    """Which tokens begin a sentence, bool[tokens]."""
    token_at = {start: i for i, start in enumerate(doc.starts.tolist())}
    firsts = np.zeros(len(doc), dtype=bool)
    for i, row in enumerate(rows):
        start = _integer(row, "start", f"sents[{i}]", len(doc.text))
        if start not in token_at:
            _refuse(f"sents[{i}].start", f"is {start}, where no token begins")
        firsts[token_at[start]] = True
    return firsts


# -- layers


def _add_layers(
    doc: Text,
    data: PlainMap,
) -> None:
    columns = _columns(data)
    spans = _map(data.get("spans", {}), "spans")
    if "ents" in data:
        _add_spans(doc, "ents", data["ents"], columns.pop("ents", None))
    for name, rows in spans.items():
        _add_spans(doc, name, rows, columns.pop(name, None))
    _add_relations(doc, data, columns)
    for name in columns:
        _refuse(f"columns.{name}", "is of no layer whose rows stand here")
    for name in filter(CLASSES.__contains__, data):  # in the order of the data
        layer = Layer("doc", 1)
        for key, score in _map(data[name], name).items():
            column = _column([score], "score", f"{name}.{key}")
            layer.set(key, column.values, column.labels)
        _add(doc, name, layer)
    for name, whole in _map(data.get("layers", {}), "layers").items():
        _add_whole(
            doc,
            name,
            _map(whole, f"layers.{name}", ("kind", "size", "target", "columns")),
        )


def _columns(data: PlainMap) -> dict[str, list[str]]:
    """The names of columns, by layer."""
    columns = {}
    for layer, names in _map(data.get("columns", {}), "columns").items():
        place = f"columns.{layer}"
        _typed(names, list, place)
        columns[layer] = [_typed(name, str, place) for name in names]
    return columns


def _add(
    doc: Text,
    name: str,
    layer: Layer,
) -> None:
    if name in doc.layers:
        _refuse(f"layer {name!r}", "stands there twice")
    doc.layers[name] = layer


def _add_spans(
    doc: Text,
    name: str,
    data: Any,
    columns: Sequence[str] | None,
) -> None:
    rows = _list(data, name)
    length = len(doc.text)
    starts = doc.starts.tolist()
    ends = doc.ends.tolist()
    first_at = {length: len(doc)}  # an empty span may lie behind all tokens
    first_at |= {start: token for token, start in enumerate(starts)}
    last_at = {end: token for token, end in enumerate(ends, start=1)}
    firsts = np.zeros(len(rows), dtype=np.int32)
    lasts = np.zeros(len(rows), dtype=np.int32)
    for i, row in enumerate(rows):
        place = f"{name}[{i}]"
        start, end = _borders(row, place, length)
        is_empty = start == end
        begins = start in first_at
        ends_too = is_empty or end in last_at
        if not begins or not ends_too:
            _refuse(place, f"[{start}, {end}) does not begin and end with tokens")
        firsts[i] = first_at[start]
        if is_empty:
            lasts[i] = firsts[i]
        else:
            lasts[i] = last_at[end]
    layer = Layer("span", len(rows))
    layer.set("start", firsts)
    layer.set("end", lasts)
    _set_columns(layer, rows, name, columns, skip=TOKEN_KEYS)
    _add(doc, name, layer)


def _add_relations(
    doc: Text,
    data: PlainMap,
    columns: dict[str, list[str]],
) -> None:
    targets = _map(data.get("targets", {}), "targets", ("relations",))
    if "relations" in data:
        rows = _list(data["relations"], "relations")
        target = _typed(targets.get("relations", LINKED), str, "targets.relations")
        layer = Layer("link", len(rows), target=target)
        _set_columns(layer, rows, "relations", columns.pop("relations", None))
        _add(doc, "relations", layer)
    elif "targets" in data:
        _refuse("targets.relations", "is the target of no relations")


def _add_whole(
    doc: Text,
    name: str,
    whole: PlainMap,
) -> None:
    """Add a layer, or columns of the token layer, from "layers"."""
    place = f"layers.{name}"
    kind = _typed(whole.get("kind"), str, f"{place}.kind")
    target = _typed(whole.get("target"), str | None, f"{place}.target")
    if kind not in LAYER_KINDS:
        _refuse(f"{place}.kind", f"is {kind!r}.{near(kind, LAYER_KINDS)}")
    if name == "tokens":
        layer = doc.tokens
    else:
        size = _integer(whole, "size", place, _MOST_ROWS)
        layer = Layer(kind, size, target=target)
        _add(doc, name, layer)
    for key, values in _map(whole.get("columns", {}), f"{place}.columns").items():
        where = f"{place}.columns.{key}"
        column = _column(_typed(values, list, where), key, where)
        layer.set(key, column.values, column.labels)


# -- columns


def _set_columns(
    layer: Layer,
    rows: Sequence[PlainRow],
    place: str,
    columns: Sequence[str] | None = None,
    skip: Iterable[str] = (),
) -> None:
    """Set the columns of a layer to the values of rows, but for the keys to skip.

    Args:
        columns: of a layer without rows, the names of its columns; by default those of its kind.
    """
    keys: dict[str, None] = {}
    for row in rows:
        keys.update(dict.fromkeys(row))
    if len(keys) * len(rows) > _DENSE * sum(map(len, rows)) + _FEW_CELLS:
        _refuse(place, f"has {len(keys)} different keys in {len(rows)} rows, most of them absent")
    if rows and columns is not None:
        _refuse(f"columns.{place}", "names the columns of rows that say them themselves")
    if not rows:
        standard = sorted(STANDARD.get(layer.kind, ()))
        keys = dict.fromkeys(standard if columns is None else columns)
    for key in keys:
        if key not in skip:
            _typed(key, str, f"a key of {place}")
            values = [row.get(key) for row in rows]
            if layer.kind == "token" and key in TOKEN_ROWS:
                values = [-1 if value is None else value for value in values]
            column = _column(values, key, f"{place}[…].{key}")
            layer.set(key, column.values, column.labels)


def _column(
    values: list[Any],
    name: str,
    place: str,
) -> Column:
    """Plain values as a column.

    It has labels where values are strings, or where all are unset and the name is not that of
    numbers.
    """
    types = set(map(type, values))
    set_types = types - {type(None)}
    if not types and name in _EDGES:
        return Column(np.zeros(0, dtype=np.int32))
    if set_types == {str} or (not set_types and name not in _NUMBERS):
        return encode_labels(values)
    if types == {bool}:
        return Column(np.array(values, dtype=bool))
    if not set_types <= {int, float}:
        mixed = ", ".join(sorted(kind.__name__ for kind in types))
        _refuse(place, f"mixes {mixed}: all are numbers, or strings, or booleans")
    try:
        numbers = _integers(values) if types == {int} else _floats(values)
    except OverflowError:
        _refuse(place, "has a number of more than 64 bits")
    return Column(numbers)


def _integers(values: list[int]) -> Values:
    """int32, or int64, or uint64, the first that holds all of them."""
    low = min(values)
    high = max(values)
    for dtype in (np.int32, np.int64):
        limits = np.iinfo(dtype)
        if limits.min <= low and high <= limits.max:
            return np.array(values, dtype=dtype)
    return np.array(values, dtype=np.uint64)


def _floats(values: list[float | None]) -> Values:
    """float32 where that is exact, else float64; NaN for None."""
    numbers = [np.nan if value is None else float(value) for value in values]
    wide = np.array(numbers, dtype=np.float64)
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float32)
    if np.array_equal(narrow, wide, equal_nan=True):
        return narrow
    return wide


# -- checks of plain data


def _refuse(
    place: str,
    reason: str,
) -> NoReturn:
    raise PipekitFormatError(f"this is no Doc: {place} {reason}")


def _typed(
    value: Any,
    kind: Any,
    place: str,
) -> Any:
    if not isinstance(value, kind):
        wanted = getattr(kind, "__name__", kind)
        _refuse(place, f"is {value!r:.60}; it must be {wanted}")
    return value


def _map(
    value: Any,
    place: str,
    keys: Sequence[str] | None = None,
) -> PlainMap:
    """A mapping whose keys are strings, and among `keys`."""
    _typed(value, Mapping, place)
    for key in value:
        _typed(key, str, f"a key of {place}")
        if keys is not None and key not in keys:
            _refuse(place, f"has the unknown key {key!r}.{near(key, keys)}")
    return value  # type: ignore[no-any-return]


def _list(
    value: Any,
    place: str,
) -> list[PlainRow]:
    """A list of rows."""
    for i, row in enumerate(_typed(value, list, place)):
        _typed(row, dict, f"{place}[{i}]")
    return value  # type: ignore[no-any-return]


def _integer(
    row: PlainMap,
    key: str,
    place: str,
    top: int,
) -> int:
    value = row.get(key)
    if type(value) is not int or not 0 <= value <= top:
        _refuse(f"{place}.{key}", f"is {value!r:.60}; it must be an integer from 0 to {top}")
    return value
