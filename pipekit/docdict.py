"""Docs <-> plain lists and dicts that one can read, and write by hand.

    {"text": …, "name"?: …, "error"?: …,
     "tokens": [{"text", "start", "end", "pos", "morph", "lemma", …}],     start and end in characters
     "sents": [{"start", "end"}],
     "ents": [{"start", "end", "text", "label", "score", …}],              in characters
     "spans": {name: rows like those of "ents"},
     "relations": [{"head", "tail", "label", "score", …}],                 rows of "ents", or of the layer that "targets" names
     "targets"?: {"relations": name}, "columns"?: {name: [its columns]},   of layers without rows that have other columns than those above
     "cats": {name: score}, "sentiment": {name: probability},
     "layers": {name: {"kind", "size", "target"?, "columns": {name: [values]}}}}

A key that is absent was never written, a value that is null is unset. "layers" holds every layer, and every token column, that the shapes
above cannot give back. Numbers lose their width: integers come back as int32 where they fit, floats as float32 where that is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from pipekit.columns import Column, bounds, encode
from pipekit.doc import Doc
from pipekit.errors import DocError, PipekitFormatError, near
from pipekit.layer import KINDS, REQUIRED, Layer

_KEYS = ("text", "name", "error", "tokens", "sents", "ents", "spans", "relations", "targets", "columns", "cats", "sentiment", "layers")
_STANDARD = {"span": {"start", "end", "label", "score"}, "link": {"head", "tail", "label", "score"}}
_TOKEN_KEYS = ("text", "start", "end")
_CLASSES = {"cats", "sentiment"}  # layers of one row, that of the document: a score for each class
_NUMBERS = ("score",)  # columns that hold numbers, also where all of them are unset
_EDGES = ("start", "end", "head", "tail")
MAX_LAYERS = 1_000
MAX_COLUMNS = 10_000  # of all layers of a Doc together
MAX_BARE_ROWS = 1_000_000  # of a layer that has no columns, so that nothing stands for its size
_DENSE, _FEW_CELLS = 64, 100_000  # how many cells rows may unfold to, for each one that they name
_MOST_ROWS = 2**31 - 1
_LINKED = "ents"  # the layer that the links of "relations" point to

Row = dict[str, Any]


def check_layers(layers: Mapping[str, Layer], tokens: int) -> None:
    """Be sure that the layers fit a Doc of so many tokens, and the limits. Errors: `DocError` naming the layer and the column."""
    if "tokens" not in layers or layers["tokens"].kind != "token":
        raise DocError("the layer 'tokens' is missing, or no token layer")
    columns = sum(layer.width for layer in layers.values())
    if len(layers) > MAX_LAYERS or columns > MAX_COLUMNS:
        raise DocError(f"{len(layers)} layers with {columns} columns: a Doc holds up to {MAX_LAYERS} with {MAX_COLUMNS} together")
    for name, layer in layers.items():
        _check_layer(name, layer, layers, tokens)


def _check_layer(name: str, layer: Layer, layers: Mapping[str, Layer], tokens: int) -> None:
    if layer.kind == "token" and layer.size != tokens:
        raise DocError(f"layer {name!r} has {layer.size} rows for {tokens} tokens")
    if layer.size > MAX_BARE_ROWS and not layer.width:
        raise DocError(f"layer {name!r} has {layer.size} rows and no columns: without any, it may have {MAX_BARE_ROWS}")
    if layer.kind == "span":
        _check_edges(name, layer, tokens)
        if layer.size and (layer["start"].values > layer["end"].values).any():
            raise DocError(f"layer {name!r} has a span that ends before it starts")
    if layer.kind == "link":
        target = layers.get(layer.target or _LINKED)
        if target is None or target.kind != "span":
            raise DocError(f"layer {name!r} links rows of {layer.target or _LINKED!r}, which is no span layer here")
        _check_edges(name, layer, target.size - 1)


def _check_edges(name: str, layer: Layer, top: int) -> None:
    for edge in REQUIRED[layer.kind]:
        column = layer.get(edge)
        if column is None or column.labels is not None or column.values.dtype.kind not in "iu":
            raise DocError(f"layer {name!r} of kind {layer.kind!r} needs an integer column {edge!r}")
        low, high = bounds(column.values)
        if layer.size and not 0 <= low <= high <= top:
            raise DocError(f"layer {name!r}, column {edge!r}, runs from {low} to {high}: it may run from 0 to {top}")


# -- a Doc to plain data


def doc_to_dict(doc: Doc) -> dict[str, Any]:
    """The Doc as plain data for JSON. Errors: `DocError` naming the layer that does not fit the Doc."""
    check_layers(doc.layers, len(doc))
    head = {"text": doc.text, "name": doc.name, "error": doc.error}
    data: dict[str, Any] = {key: value for key, value in head.items() if value is not None}
    in_rows = [name for name in doc.tokens if len(doc) and _fits_token_row(name, doc.tokens)]
    data["tokens"] = _rows(doc.words, doc.starts, doc.ends, doc.tokens, in_rows)
    if doc.sents is not None:
        data["sents"] = [{"start": s.start_char, "end": s.end_char} for s in doc.sents]
    for name, layer in doc.layers.items():
        if name != "tokens":
            _put(data, doc, name, layer)
    beyond = [name for name in doc.tokens if name not in in_rows and not (name == "sent_start" and _are_sents(doc.tokens[name]))]
    if beyond:
        data.setdefault("layers", {})["tokens"] = _whole(doc.tokens, beyond)
    return data


def _fits_token_row(name: str, tokens: Layer) -> bool:
    return name not in _TOKEN_KEYS and not (name == "sent_start" and _are_sents(tokens[name]))


def _are_sents(column: Column) -> bool:
    """Whether the rows of "sents" say all that the column does."""
    return column.values.dtype == bool and bool(column.values[:1].all())


def _put(data: dict[str, Any], doc: Doc, name: str, layer: Layer) -> None:
    """Add a layer where it reads best, of the places from which it comes back whole."""
    if layer.kind == "span" and "text" not in layer:
        place, key = (data, "ents") if name == "ents" else (data.setdefault("spans", {}), name)
        place[key] = _span_rows(doc, layer)
        _put_columns(data, name, layer)
    elif name == "relations" and layer.kind == "link" and layer.target is not None:
        columns = [_values(layer[column]) for column in layer]
        data["relations"] = [dict(zip(layer, row, strict=True)) for row in zip(*columns, strict=True)]
        if layer.target != _LINKED:
            data["targets"] = {"relations": layer.target}
        _put_columns(data, name, layer)
    elif name in _CLASSES and (layer.kind, layer.size) == ("doc", 1) and all(layer[column].labels is None for column in layer):
        data[name] = {column: _values(layer[column])[0] for column in layer}
    else:
        data.setdefault("layers", {})[name] = _whole(layer, list(layer))


def _put_columns(data: dict[str, Any], name: str, layer: Layer) -> None:
    """What rows would say, where there are none."""
    if not layer.size and set(layer) != _STANDARD[layer.kind]:
        places = _TOKEN_KEYS if layer.kind == "span" else ()
        data.setdefault("columns", {})[name] = [column for column in layer if column not in places]


def _span_rows(doc: Doc, layer: Layer) -> list[Row]:
    starts = np.append(doc.starts, len(doc.text))[layer["start"].values]
    empty = layer["start"].values == layer["end"].values
    ends = np.where(empty, starts, np.append(doc.ends, 0)[layer["end"].values - 1])
    words = [doc.text[start:end] for start, end in zip(starts, ends, strict=True)]
    return _rows(words, starts, ends, layer, [name for name in layer if name not in _TOKEN_KEYS])


def _rows(words: Sequence[str], starts: NDArray[Any], ends: NDArray[Any], layer: Layer, names: Sequence[str]) -> list[Row]:
    columns = [words, starts.tolist(), ends.tolist(), *(_values(layer[name]) for name in names)]
    return [dict(zip((*_TOKEN_KEYS, *names), row, strict=True)) for row in zip(*columns, strict=True)]


def _whole(layer: Layer, names: Iterable[str]) -> Row:
    target = {} if layer.target is None else {"target": layer.target}
    return {"kind": layer.kind, "size": layer.size, **target, "columns": {name: _values(layer[name]) for name in names}}


def _values(column: Column) -> list[Any]:
    if column.labels is not None:
        return list(column.strings())
    return [None if value != value else value for value in column.values.tolist()]


# -- and back


def doc_from_dict(data: Mapping[str, Any]) -> Doc:
    """The Doc of `doc_to_dict`, or of plain data of that shape. Errors: `PipekitFormatError` naming the key that does not fit."""
    try:
        doc = _from_dict(_map(data, "the Doc", _KEYS))
        check_layers(doc.layers, len(doc))
    except DocError as wrong:
        raise PipekitFormatError(f"this is no Doc: {wrong}") from wrong
    return doc


def _from_dict(data: Mapping[str, Any]) -> Doc:
    text = _typed(data.get("text"), str, "text")
    rows = _list(data.get("tokens"), "tokens")
    edges = [[_integer(row, key, f"tokens[{i}]", len(text)) for key in ("start", "end")] for i, row in enumerate(rows)]
    starts, ends = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    doc = Doc(text, starts=starts, ends=ends)
    doc.name, doc.error = (_typed(data.get(key), str | None, key) for key in ("name", "error"))
    _check_words(doc, rows)
    if "sents" in data:
        doc.tokens.set("sent_start", _sent_starts(doc, _list(data["sents"], "sents")))
    _set_columns(doc.tokens, rows, "tokens", skip=_TOKEN_KEYS)
    _add_layers(doc, data)
    return doc


def _check_words(doc: Doc, rows: Sequence[Row]) -> None:
    for i, (row, word) in enumerate(zip(rows, doc.words, strict=True)):
        if row.get("text", word) != word:
            _refuse(f"tokens[{i}].text", f"is {row['text']!r}, but the text has {word!r} there")


def _sent_starts(doc: Doc, rows: Sequence[Row]) -> NDArray[np.bool_]:
    row_of = {start: i for i, start in enumerate(doc.starts.tolist())}
    firsts = np.zeros(len(doc), dtype=bool)
    for i, row in enumerate(rows):
        start = _integer(row, "start", f"sents[{i}]", len(doc.text))
        if start not in row_of:
            _refuse(f"sents[{i}].start", f"is {start}, where no token begins")
        firsts[row_of[start]] = True
    return firsts


def _add_layers(doc: Doc, data: Mapping[str, Any]) -> None:
    spans = {"ents": data["ents"]} if "ents" in data else {}
    columns = _columns(data)
    for name, rows in (*spans.items(), *_map(data.get("spans", {}), "spans").items()):
        _add(doc, name, _spans(doc, _list(rows, name), name, columns.pop(name, None)))
    target = _map(data.get("targets", {}), "targets", ("relations",)).get("relations", _LINKED)
    if "relations" in data:
        rows = _list(data["relations"], "relations")
        layer = Layer("link", len(rows), target=_typed(target, str, "targets.relations"))
        _add(doc, "relations", _set_columns(layer, rows, "relations", columns.pop("relations", None)))
    elif "targets" in data:
        _refuse("targets.relations", "is the target of no relations")
    for name in columns:
        _refuse(f"columns.{name}", "is of no layer whose rows stand here")
    for key in data.keys() & _CLASSES:
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
        found[name] = [_typed(column, str, f"columns.{name}") for column in _typed(columns, list, f"columns.{name}")]
    return found


def _add(doc: Doc, name: str, layer: Layer) -> None:
    if name in doc.layers:
        _refuse(f"layer {name!r}", "stands there twice")
    doc.layers[name] = layer


def _spans(doc: Doc, rows: Sequence[Row], name: str, columns: Sequence[str] | None) -> Layer:
    first = {len(doc.text): len(doc), **{start: i for i, start in enumerate(doc.starts.tolist())}}
    last = {end: i + 1 for i, end in enumerate(doc.ends.tolist())}
    edges = np.zeros((2, len(rows)), dtype=np.int32)
    for i, row in enumerate(rows):
        start, end = (_integer(row, key, f"{name}[{i}]", len(doc.text)) for key in ("start", "end"))
        if start not in first or (end != start and end not in last):
            _refuse(f"{name}[{i}]", f"[{start}, {end}) does not begin and end with tokens")
        edges[:, i] = first[start], first[start] if start == end else last[end]
    layer = Layer("span", len(rows)).set("start", edges[0]).set("end", edges[1])
    return _set_columns(layer, rows, name, columns, skip=_TOKEN_KEYS)


def _set_columns(
    layer: Layer, rows: Sequence[Row], place: str, columns: Sequence[str] | None = None, skip: Iterable[str] = ()
) -> Layer:
    """Columns from rows; a layer without rows gets those that are named, or those that every layer of its kind has."""
    names = dict.fromkeys(key for row in rows for key in row)
    if len(names) * len(rows) > _DENSE * sum(map(len, rows)) + _FEW_CELLS:
        _refuse(place, f"has {len(names)} different keys in {len(rows)} rows, most of them absent")
    if rows and columns is not None:
        _refuse(f"columns.{place}", "names the columns of rows that say them themselves")
    if not rows:
        names = dict.fromkeys(sorted(_STANDARD.get(layer.kind, ())) if columns is None else columns)
    for name in names:
        if name not in skip:
            _typed(name, str, f"a key of {place}")
            layer.set(name, *_column([row.get(name) for row in rows], name, f"{place}[…].{name}"))
    return layer


def _add_whole(doc: Doc, name: str, whole: Mapping[str, Any]) -> None:
    place = f"layers.{name}"
    kind, target = _typed(whole.get("kind"), str, f"{place}.kind"), _typed(whole.get("target"), str | None, f"{place}.target")
    if kind not in KINDS:
        _refuse(f"{place}.kind", f"is {kind!r}.{near(kind, KINDS)}")
    if name == "tokens":
        layer = doc.tokens
    else:
        layer = Layer(kind, _integer(whole, "size", place, _MOST_ROWS), target=target)
        _add(doc, name, layer)
    for column, values in _map(whole.get("columns", {}), f"{place}.columns").items():
        layer.set(column, *_column(_typed(values, list, f"{place}.columns.{column}"), column, f"{place}.columns.{column}"))


def _column(values: list[Any], name: str, place: str) -> tuple[NDArray[Any], Sequence[str] | None]:
    """Plain values as an array, with labels where they are strings, or where all are unset and the name is not that of a number."""
    types = {*map(type, values)}
    given = types - {type(None)}
    if not types and name in _EDGES:
        return np.zeros(0, dtype=np.int32), None
    if given == {str} or (not given and name not in _NUMBERS):
        coded = encode(values)
        return coded.values, coded.labels
    if types == {bool}:
        return np.array(values, dtype=bool), None
    if not given <= {int, float}:
        _refuse(place, f"mixes {', '.join(sorted(t.__name__ for t in types))}: all are numbers, or strings, or booleans")
    try:
        return (_integers(values) if types == {int} else _floats(values)), None
    except OverflowError:
        _refuse(place, "has a number of more than 64 bits")


def _integers(values: list[int]) -> NDArray[Any]:
    narrow = [dtype for dtype in (np.int32, np.int64) if min(values) >= np.iinfo(dtype).min and max(values) <= np.iinfo(dtype).max]
    return np.array(values, dtype=narrow[0] if narrow else np.uint64)


def _floats(values: list[float | None]) -> NDArray[Any]:
    wide = np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
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


def _list(value: Any, place: str) -> list[Row]:
    for i, row in enumerate(_typed(value, list, place)):
        _typed(row, dict, f"{place}[{i}]")
    return value  # type: ignore[no-any-return]


def _integer(row: Mapping[str, Any], key: str, place: str, top: int) -> int:
    value = row.get(key)
    if type(value) is not int or not 0 <= value <= top:
        _refuse(f"{place}.{key}", f"is {value!r:.60}; it must be an integer from 0 to {top}")
    return value
