"""Docs as plain lists and dicts, which one can read as JSON and write by hand.

    {"text": …, "name"?: …, "error"?: …,
     "tokens": [{"text", "start", "end", "pos", "morph", "lemma", "head", "dep", …}],
     "sents": [{"start", "end"}],
     "ents": [{"start", "end", "text", "label", "score", …}],
     "spans": {name: rows like those of "ents"},
     "relations": [{"head", "tail", "label", "score", …}],
     "targets"?: {"relations": name},
     "columns"?: {layer: [names]},
     "cats": {name: score},
     "sentiment": {name: probability},
     "layers": {name: {"kind", "size", "target"?, "columns": {name: [values]}}}}

"start" and "end" count characters. "head" of a token is a row of "tokens", its own for a root;
"head" and "tail" of a relation are rows of "ents", or of the layer that "targets" names. "columns"
names the columns of a layer without rows, where they differ from those above. "layers" holds the
layers and token columns that do not fit the other places.

An absent key was never written; a null value is unset. Numbers lose their width: integers come back
as int32 where they fit, floats as float32 where that is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pipekit.doc.columns import Values
from pipekit.doc.layer import TOKEN_ROWS, Layer
from pipekit.doc.limits import LINKED, check_layers
from pipekit.doc.text import Text
from pipekit.words.arrays import Ints

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
CLASSES = {"cats", "sentiment"}  # layers of one row, a column with the score of each class

PlainRow = dict[str, Any]


def doc_to_dict(doc: Text) -> dict[str, Any]:
    """The Doc as plain data for JSON; `doc_from_dict` reads it.

    Errors: `DocError` naming the layer that does not fit the Doc.
    """
    check_layers(doc.layers, len(doc))
    data: dict[str, Any] = {"text": doc.text}
    if doc.name is not None:
        data["name"] = doc.name
    if doc.error is not None:
        data["error"] = doc.error
    columns = [name for name in doc.tokens if not _are_sents(name, doc.tokens)]
    in_rows = [name for name in columns if len(doc) and name not in TOKEN_KEYS]
    data["tokens"] = _rows(doc.words, doc.starts, doc.ends, doc.tokens, in_rows)
    borders = doc.sent_borders()
    if borders is not None:
        data["sents"] = _sents(doc, borders)
    for name, layer in doc.layers.items():
        if name != "tokens":
            _add_layer(data, doc, name, layer)
    others = [name for name in columns if name not in in_rows]
    if others:
        _section(data, "layers")["tokens"] = _whole(doc.tokens, others)
    return data


def _sents(
    doc: Text,
    borders: Ints,
) -> list[dict[str, int]]:
    """The sentences between borders, in characters."""
    firsts = borders[:-1]
    lasts = borders[1:] - 1
    starts = doc.starts[firsts].tolist()
    ends = doc.ends[lasts].tolist()
    sents = []
    for start, end in zip(starts, ends, strict=True):
        sents.append({"start": start, "end": end})
    return sents


def _are_sents(
    name: str,
    tokens: Layer,
) -> bool:
    """Whether a token column tells no more than the rows of "sents"."""
    if name != "sent_start":
        return False
    firsts = tokens[name].values
    return firsts.dtype == bool and bool(firsts[:1].all())


def _section(
    data: dict[str, Any],
    key: str,
) -> dict[str, Any]:
    section: dict[str, Any] = data.setdefault(key, {})
    return section


def _add_layer(
    data: dict[str, Any],
    doc: Text,
    name: str,
    layer: Layer,
) -> None:
    """Add a layer in the most readable place from which it comes back whole."""
    if layer.kind == "span" and "text" not in layer:
        place = data if name == "ents" else _section(data, "spans")
        place[name] = _span_rows(doc, layer)
        _add_columns(data, name, layer)
    elif name == "relations" and layer.kind == "link" and layer.target is not None:
        data["relations"] = _link_rows(layer)
        if layer.target != LINKED:
            data["targets"] = {"relations": layer.target}
        _add_columns(data, name, layer)
    elif name in CLASSES and _are_scores(layer):
        data[name] = {column: layer[column].plain()[0] for column in layer}
    else:
        _section(data, "layers")[name] = _whole(layer, layer)


def _are_scores(layer: Layer) -> bool:
    """Whether a layer has one row, of numbers, and is of kind "doc"."""
    if layer.kind != "doc" or layer.size != 1:
        return False
    return all(layer[column].labels is None for column in layer)


def _add_columns(
    data: dict[str, Any],
    name: str,
    layer: Layer,
) -> None:
    """Name the columns of a layer that has no rows, unless they are the usual ones."""
    if layer.size or set(layer) == STANDARD[layer.kind]:
        return
    implied = TOKEN_KEYS if layer.kind == "span" else ()
    names = [column for column in layer if column not in implied]
    _section(data, "columns")[name] = names


def _span_rows(
    doc: Text,
    layer: Layer,
) -> list[PlainRow]:
    first = layer["start"].values
    last = layer["end"].values
    starts = np.append(doc.starts, len(doc.text))[first]  # a span may begin behind all tokens
    ends = np.append(doc.ends, 0)[last - 1]
    ends = np.where(first == last, starts, ends)
    words = [doc.text[start:end] for start, end in zip(starts, ends, strict=True)]
    names = [name for name in layer if name not in TOKEN_KEYS]
    return _rows(words, starts, ends, layer, names)


def _link_rows(layer: Layer) -> list[PlainRow]:
    columns = [layer[name].plain() for name in layer]
    return [dict(zip(layer, row, strict=True)) for row in zip(*columns, strict=True)]


def _rows(
    words: Sequence[str],
    starts: Values,
    ends: Values,
    layer: Layer,
    names: Sequence[str],
) -> list[PlainRow]:
    """Rows of text, start and end, and of some columns of a layer."""
    keys = (*TOKEN_KEYS, *names)
    columns = [words, starts.tolist(), ends.tolist()]
    columns += [_plain(layer, name) for name in names]
    return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain(
    layer: Layer,
    name: str,
) -> list[Any]:
    """The values of a column, None where unset."""
    values = layer[name].plain()
    if layer.kind != "token" or name not in TOKEN_ROWS:
        return values
    return [None if row < 0 else row for row in values]


def _whole(
    layer: Layer,
    names: Iterable[str],
) -> PlainRow:
    """A layer with some of its columns, as it stands in "layers"."""
    whole: PlainRow = {"kind": layer.kind, "size": layer.size}
    if layer.target is not None:
        whole["target"] = layer.target
    whole["columns"] = {name: layer[name].plain() for name in names}
    return whole
