"""Docs from plain data of the shape that `as_dict` gives and describes, which may be hostile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipekit.doc.as_dict import CLASSES, DOC_KEYS, STANDARD, TOKEN_KEYS, PlainRow
from pipekit.doc.columns import encode_labels
from pipekit.doc.layer import LAYER_KINDS, Layer
from pipekit.doc.limits import LINKED, check_layers
from pipekit.doc.text import Text
from pipekit.errors import DocError, PipekitFormatError, near

_NUMBERS = ("score",)  # columns that hold numbers, also where all of them are unset
_EDGES = ("start", "end", "head", "tail")
_DENSE, _FEW_CELLS = 64, 100_000  # how many cells rows may unfold to, for each one that they name
_MOST_ROWS = 2**31 - 1

T = TypeVar("T", bound=Text)


def doc_from_dict(data: Mapping[str, Any], kind: type[T]) -> T:
    """The Doc of `to_dict`, or of plain data of that shape. Errors: `PipekitFormatError` naming the key that does not fit."""
    try:
        doc = _from_dict(_map(data, "the Doc", DOC_KEYS), kind)
        check_layers(doc.layers, len(doc))
    except DocError as wrong:
        raise PipekitFormatError(f"this is no Doc: {wrong}") from wrong
    return doc


def _from_dict(data: Mapping[str, Any], kind: type[T]) -> T:
    text = _typed(data.get("text"), str, "text")
    rows = _list(data.get("tokens"), "tokens")
    edges = [
        [_integer(row, key, f"tokens[{i}]", len(text)) for key in ("start", "end")]
        for i, row in enumerate(rows)
    ]
    starts, ends = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    doc = kind(text, starts=starts, ends=ends)
    doc.name, doc.error = (_typed(data.get(key), str | None, key) for key in ("name", "error"))
    _check_words(doc, rows)
    if "sents" in data:
        doc.tokens.set("sent_start", _sent_starts(doc, _list(data["sents"], "sents")))
    _set_columns(doc.tokens, rows, "tokens", skip=TOKEN_KEYS)
    _add_layers(doc, data)
    return doc


def _check_words(doc: Text, rows: Sequence[PlainRow]) -> None:
    for i, (row, word) in enumerate(zip(rows, doc.words, strict=True)):
        if row.get("text", word) != word:
            _refuse(f"tokens[{i}].text", f"is {row['text']!r}, but the text has {word!r} there")


def _sent_starts(doc: Text, rows: Sequence[PlainRow]) -> NDArray[np.bool_]:
    row_of = {start: i for i, start in enumerate(doc.starts.tolist())}
    firsts = np.zeros(len(doc), dtype=bool)
    for i, row in enumerate(rows):
        start = _integer(row, "start", f"sents[{i}]", len(doc.text))
        if start not in row_of:
            _refuse(f"sents[{i}].start", f"is {start}, where no token begins")
        firsts[row_of[start]] = True
    return firsts


def _add_layers(doc: Text, data: Mapping[str, Any]) -> None:
    spans = {"ents": data["ents"]} if "ents" in data else {}
    columns = _columns(data)
    for name, rows in (*spans.items(), *_map(data.get("spans", {}), "spans").items()):
        _add(doc, name, _spans(doc, _list(rows, name), name, columns.pop(name, None)))
    target = _map(data.get("targets", {}), "targets", ("relations",)).get("relations", LINKED)
    if "relations" in data:
        rows = _list(data["relations"], "relations")
        layer = Layer("link", len(rows), target=_typed(target, str, "targets.relations"))
        _add(
            doc, "relations", _set_columns(layer, rows, "relations", columns.pop("relations", None))
        )
    elif "targets" in data:
        _refuse("targets.relations", "is the target of no relations")
    for name in columns:
        _refuse(f"columns.{name}", "is of no layer whose rows stand here")
    for key in data.keys() & CLASSES:
        layer = Layer("doc", 1)
        for name, score in _map(data[key], key).items():
            layer.set(name, *_column([score], "score", f"{key}.{name}"))
        _add(doc, key, layer)
    for name, whole in _map(data.get("layers", {}), "layers").items():
        _add_whole(doc, name, _map(whole, f"layers.{name}", ("kind", "size", "target", "columns")))


def _columns(data: Mapping[str, Any]) -> dict[str, list[str]]:
    """The names of columns, by layer."""
    found = {}
    for name, columns in _map(data.get("columns", {}), "columns").items():
        found[name] = [
            _typed(column, str, f"columns.{name}")
            for column in _typed(columns, list, f"columns.{name}")
        ]
    return found


def _add(doc: Text, name: str, layer: Layer) -> None:
    if name in doc.layers:
        _refuse(f"layer {name!r}", "stands there twice")
    doc.layers[name] = layer


def _spans(doc: Text, rows: Sequence[PlainRow], name: str, columns: Sequence[str] | None) -> Layer:
    first = {len(doc.text): len(doc), **{start: i for i, start in enumerate(doc.starts.tolist())}}
    last = {end: i + 1 for i, end in enumerate(doc.ends.tolist())}
    edges = np.zeros((2, len(rows)), dtype=np.int32)
    for i, row in enumerate(rows):
        start, end = (_integer(row, key, f"{name}[{i}]", len(doc.text)) for key in ("start", "end"))
        if start not in first or (end != start and end not in last):
            _refuse(f"{name}[{i}]", f"[{start}, {end}) does not begin and end with tokens")
        edges[:, i] = first[start], first[start] if start == end else last[end]
    layer = Layer("span", len(rows)).set("start", edges[0]).set("end", edges[1])
    return _set_columns(layer, rows, name, columns, skip=TOKEN_KEYS)


def _set_columns(
    layer: Layer,
    rows: Sequence[PlainRow],
    place: str,
    columns: Sequence[str] | None = None,
    skip: Iterable[str] = (),
) -> Layer:
    """Columns from rows; a layer without rows gets those that are named, or those that every layer of its kind has."""
    names = dict.fromkeys(key for row in rows for key in row)
    if len(names) * len(rows) > _DENSE * sum(map(len, rows)) + _FEW_CELLS:
        _refuse(place, f"has {len(names)} different keys in {len(rows)} rows, most of them absent")
    if rows and columns is not None:
        _refuse(f"columns.{place}", "names the columns of rows that say them themselves")
    if not rows:
        names = dict.fromkeys(sorted(STANDARD.get(layer.kind, ())) if columns is None else columns)
    for name in names:
        if name not in skip:
            _typed(name, str, f"a key of {place}")
            layer.set(name, *_column([row.get(name) for row in rows], name, f"{place}[…].{name}"))
    return layer


def _add_whole(doc: Text, name: str, whole: Mapping[str, Any]) -> None:
    place = f"layers.{name}"
    kind, target = (
        _typed(whole.get("kind"), str, f"{place}.kind"),
        _typed(whole.get("target"), str | None, f"{place}.target"),
    )
    if kind not in LAYER_KINDS:
        _refuse(f"{place}.kind", f"is {kind!r}.{near(kind, LAYER_KINDS)}")
    if name == "tokens":
        layer = doc.tokens
    else:
        layer = Layer(kind, _integer(whole, "size", place, _MOST_ROWS), target=target)
        _add(doc, name, layer)
    for column, values in _map(whole.get("columns", {}), f"{place}.columns").items():
        layer.set(
            column,
            *_column(
                _typed(values, list, f"{place}.columns.{column}"),
                column,
                f"{place}.columns.{column}",
            ),
        )


def _column(values: list[Any], name: str, place: str) -> tuple[NDArray[Any], Sequence[str] | None]:
    """Plain values as an array, with labels where they are strings, or where all are unset and the name is not that of a number."""
    types = {*map(type, values)}
    given = types - {type(None)}
    if not types and name in _EDGES:
        return np.zeros(0, dtype=np.int32), None
    if given == {str} or (not given and name not in _NUMBERS):
        coded = encode_labels(values)
        return coded.values, coded.labels
    if types == {bool}:
        return np.array(values, dtype=bool), None
    if not given <= {int, float}:
        _refuse(
            place,
            f"mixes {', '.join(sorted(t.__name__ for t in types))}: all are numbers, or strings, or booleans",
        )
    try:
        return (_integers(values) if types == {int} else _floats(values)), None
    except OverflowError:
        _refuse(place, "has a number of more than 64 bits")


def _integers(values: list[int]) -> NDArray[Any]:
    narrow = [
        dtype
        for dtype in (np.int32, np.int64)
        if min(values) >= np.iinfo(dtype).min and max(values) <= np.iinfo(dtype).max
    ]
    return np.array(values, dtype=narrow[0] if narrow else np.uint64)


def _floats(values: list[float | None]) -> NDArray[Any]:
    wide = np.array(
        [np.nan if value is None else float(value) for value in values], dtype=np.float64
    )
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float32)
    return narrow if np.array_equal(narrow, wide, equal_nan=True) else wide


# -- what one may give


def _refuse(place: str, reason: str) -> NoReturn:
    raise PipekitFormatError(f"this is no Doc: {place} {reason}")


def _typed(value: Any, kind: Any, place: str) -> Any:
    if not isinstance(value, kind):
        _refuse(place, f"is {value!r:.60}; it must be {getattr(kind, '__name__', kind)}")
    return value


def _map(value: Any, place: str, known: Sequence[str] | None = None) -> Mapping[str, Any]:
    _typed(value, Mapping, place)
    for key in value:
        _typed(key, str, f"a key of {place}")
        if known is not None and key not in known:
            _refuse(place, f"has the unknown key {key!r}.{near(key, known)}")
    return value  # type: ignore[no-any-return]


def _list(value: Any, place: str) -> list[PlainRow]:
    for i, row in enumerate(_typed(value, list, place)):
        _typed(row, dict, f"{place}[{i}]")
    return value  # type: ignore[no-any-return]


def _integer(row: Mapping[str, Any], key: str, place: str, top: int) -> int:
    value = row.get(key)
    if type(value) is not int or not 0 <= value <= top:
        _refuse(f"{place}.{key}", f"is {value!r:.60}; it must be an integer from 0 to {top}")
    return value
