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

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipekit.doc.columns import Column
from pipekit.doc.layer import Layer
from pipekit.doc.limits import LINKED, check_layers
from pipekit.doc.text import Text

DOC_KEYS = (
    "text",
    "name",
    "error",
    "tokens",
    "sents",
    "ents",
    "spans",
    "relations",
    "targets",
    "columns",
    "cats",
    "sentiment",
    "layers",
)
STANDARD = {"span": {"start", "end", "label", "score"}, "link": {"head", "tail", "label", "score"}}
TOKEN_KEYS = ("text", "start", "end")
CLASSES = {"cats", "sentiment"}  # layers of one row, that of the document: a score for each class

PlainRow = dict[str, Any]


# -- a Doc to plain data


def doc_to_dict(doc: Text) -> dict[str, Any]:
    """The Doc as plain data for JSON. Errors: `DocError` naming the layer that does not fit the Doc."""
    check_layers(doc.layers, len(doc))
    head = {"text": doc.text, "name": doc.name, "error": doc.error}
    data: dict[str, Any] = {key: value for key, value in head.items() if value is not None}
    in_rows = [name for name in doc.tokens if len(doc) and _fits_token_row(name, doc.tokens)]
    data["tokens"] = _rows(doc.words, doc.starts, doc.ends, doc.tokens, in_rows)
    borders = doc.sent_borders()
    if borders is not None:
        starts = doc.starts[borders[:-1]].tolist()
        ends = doc.ends[borders[1:] - 1].tolist()
        data["sents"] = [{"start": s, "end": e} for s, e in zip(starts, ends, strict=True)]
    for name, layer in doc.layers.items():
        if name != "tokens":
            _put(data, doc, name, layer)
    beyond = [
        name
        for name in doc.tokens
        if name not in in_rows and not (name == "sent_start" and _are_sents(doc.tokens[name]))
    ]
    if beyond:
        data.setdefault("layers", {})["tokens"] = _whole(doc.tokens, beyond)
    return data


def _fits_token_row(name: str, tokens: Layer) -> bool:
    return name not in TOKEN_KEYS and not (name == "sent_start" and _are_sents(tokens[name]))


def _are_sents(column: Column) -> bool:
    """Whether the rows of "sents" say all that the column does."""
    return column.values.dtype == bool and bool(column.values[:1].all())


def _put(data: dict[str, Any], doc: Text, name: str, layer: Layer) -> None:
    """Add a layer where it reads best, of the places from which it comes back whole."""
    if layer.kind == "span" and "text" not in layer:
        place, key = (data, "ents") if name == "ents" else (data.setdefault("spans", {}), name)
        place[key] = _span_rows(doc, layer)
        _put_columns(data, name, layer)
    elif name == "relations" and layer.kind == "link" and layer.target is not None:
        columns = [layer[column].plain() for column in layer]
        data["relations"] = [
            dict(zip(layer, row, strict=True)) for row in zip(*columns, strict=True)
        ]
        if layer.target != LINKED:
            data["targets"] = {"relations": layer.target}
        _put_columns(data, name, layer)
    elif (
        name in CLASSES
        and (layer.kind, layer.size) == ("doc", 1)
        and all(layer[column].labels is None for column in layer)
    ):
        data[name] = {column: layer[column].plain()[0] for column in layer}
    else:
        data.setdefault("layers", {})[name] = _whole(layer, list(layer))


def _put_columns(data: dict[str, Any], name: str, layer: Layer) -> None:
    """What rows would say, where there are none."""
    if not layer.size and set(layer) != STANDARD[layer.kind]:
        places = TOKEN_KEYS if layer.kind == "span" else ()
        data.setdefault("columns", {})[name] = [column for column in layer if column not in places]


def _span_rows(doc: Text, layer: Layer) -> list[PlainRow]:
    starts = np.append(doc.starts, len(doc.text))[layer["start"].values]
    empty = layer["start"].values == layer["end"].values
    ends = np.where(empty, starts, np.append(doc.ends, 0)[layer["end"].values - 1])
    words = [doc.text[start:end] for start, end in zip(starts, ends, strict=True)]
    return _rows(words, starts, ends, layer, [name for name in layer if name not in TOKEN_KEYS])


def _rows(
    words: Sequence[str],
    starts: NDArray[Any],
    ends: NDArray[Any],
    layer: Layer,
    names: Sequence[str],
) -> list[PlainRow]:
    columns = [words, starts.tolist(), ends.tolist(), *(layer[name].plain() for name in names)]
    return [
        dict(zip((*TOKEN_KEYS, *names), row, strict=True)) for row in zip(*columns, strict=True)
    ]


def _whole(layer: Layer, names: Iterable[str]) -> PlainRow:
    target = {} if layer.target is None else {"target": layer.target}
    return {
        "kind": layer.kind,
        "size": layer.size,
        **target,
        "columns": {name: layer[name].plain() for name in names},
    }
