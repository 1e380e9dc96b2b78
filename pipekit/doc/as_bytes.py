"""Docs as bytes, in msgpack.

A Doc is one flat list, without lists in it:

    version, text, name or nil, error or nil, border dtype, borders,
    for each layer:   name, kind, size, target or nil, number of columns
    for each column:  name, 16 * stored dtype + dtype, values, labels or nil

Kinds are token 0, span 1, link 2, doc 3. `columns` describes dtypes, values and labels. Borders are
two numbers for each token, the white space before it and its length, in characters.

Bytes to read may be hostile: lengths are bounded by the input, memory by 16 times its size and
16 MB more.
"""

from __future__ import annotations

from itertools import product
from types import NoneType
from typing import Any, NoReturn

import numpy as np

from pipekit.builtin import UPGRADE
from pipekit.doc.columns import (
    DTYPES,
    UNSIGNED,
    PackedColumn,
    Values,
    bounds,
    column_fault,
    smallest,
)
from pipekit.doc.layer import LAYER_KINDS, Layer
from pipekit.doc.layers import Layers
from pipekit.doc.limits import MAX_COLUMNS, MAX_LAYERS, check_layers
from pipekit.doc.text import Text, TextT, clean
from pipekit.errors import DocError, PipekitFormatError
from pipekit.storage.packing import pack, unpack_flat

DOC_VERSION = 1

# -- a Doc to bytes


def doc_to_bytes(doc: Text) -> bytes:
    """The Doc as msgpack. Errors: `DocError` naming the layer that does not fit the Doc."""
    check_layers(doc.layers, len(doc))
    stored, borders = _pack_borders(doc.starts, doc.ends)
    items = [DOC_VERSION, doc.text, doc.name, doc.error, stored, borders]
    for name, layer in doc.layers.items():
        items += name, LAYER_KINDS.index(layer.kind), layer.size, layer.target, layer.width
        for column, packed in layer.packed():
            items.append(column)
            items += packed
    return pack(items)


def _pack_borders(
    starts: Values,
    ends: Values,
) -> tuple[int, bytes]:
    borders = np.empty(2 * len(starts) + 1, dtype=np.int32)
    borders[0] = 0
    borders[1::2] = starts
    borders[2::2] = ends
    steps = borders[1:] - borders[:-1]
    stored = smallest(*bounds(steps))
    return stored, steps.astype(DTYPES[stored]).tobytes()


# -- and back

_STRING_OR_NIL = (str, NoneType)
_DOC_TYPES = {  # of the items before the layers
    (int, str, name, error, int, bytes) for name, error in product(_STRING_OR_NIL, repeat=2)
}
_LAYER_TYPES = {(str, int, int, target, int) for target in _STRING_OR_NIL}
_COLUMN_TYPES = {(str, int, bytes, labels) for labels in _STRING_OR_NIL}
_DOC_ITEMS = 6
_LAYER_ITEMS = 5
_COLUMN_ITEMS = 4
_MOST = _DOC_ITEMS + _LAYER_ITEMS * MAX_LAYERS + _COLUMN_ITEMS * MAX_COLUMNS


def doc_from_bytes(
    data: bytes,
    kind: type[TextT],
) -> TextT:
    """The Doc of `doc_to_bytes`, as an object of class `kind`.

    Errors: `PipekitFormatError` naming the layer and column that do not fit.
    """
    items = unpack_flat(data, "the Doc", _MOST)
    _check_version(items)
    types = list(map(type, items))
    if tuple(types[:_DOC_ITEMS]) not in _DOC_TYPES:
        _refuse_types("its beginning", _DOC_TYPES)
    version, text, name, error, stored, borders = items[:_DOC_ITEMS]
    if version != DOC_VERSION:
        _refuse("the version", f"is {version}")
    text = clean(text)
    starts, ends = _unpack_borders(text, stored, borders)
    doc = kind.trusted(text, starts, ends)
    doc.name = name
    doc.error = error
    layers = _unpack_layers(items, types)
    try:
        doc.layers = Layers(layers)
        check_layers(doc.layers, len(doc))
    except DocError as wrong:
        raise PipekitFormatError(f"the Doc is damaged: {wrong}") from wrong
    return doc


def _check_version(items: list[Any]) -> None:
    if items and type(items[0]) is int and items[0] > DOC_VERSION:
        raise PipekitFormatError(
            f"the Doc has format {items[0]}, this pipekit reads up to {DOC_VERSION}: {UPGRADE}"
        )


def _unpack_borders(
    text: str,
    stored: int,
    data: bytes,
) -> tuple[Values, Values]:
    """Where tokens begin and end, int64[tokens] each."""
    if stored not in UNSIGNED or len(data) % (2 * DTYPES[stored].itemsize):
        _refuse("borders", f"of {len(data)} bytes are not pairs of dtype {stored}")
    steps = np.frombuffer(data, dtype=DTYPES[stored])
    borders = steps.cumsum(dtype=np.int64)
    starts = borders[0::2]
    ends = borders[1::2]
    has_single_bytes = stored == 1
    if has_single_bytes:
        is_empty = 0 in data[1::2]  # which is quicker than in an array
    else:
        is_empty = 0 in steps[1::2]
    if is_empty:
        _refuse("borders", "have an empty token")
    if len(starts):
        first = starts[0]
        last = ends[-1]
        if first or last > len(text):
            _refuse("borders", f"run from {first} to {last} in a text of {len(text)} characters")
    _check_gaps(text, steps[2::2].tolist(), ends.tolist())
    return starts, ends


def _check_gaps(
    text: str,
    gaps: list[int],
    ends: list[int],
) -> None:
    """Check that only white space lies outside tokens; `gaps` are its lengths between them."""
    last = ends[-1] if ends else 0
    between = [text[end : end + gap] for end, gap in zip(ends, gaps, strict=False) if gap]
    between.append(text[last:])
    if "".join(between).strip() or (text and not ends):
        _refuse("borders", "leave characters outside the tokens: only white space may lie there")


def _unpack_layers(
    items: list[Any],
    types: list[type],
) -> dict[str, Layer]:
    layers: dict[str, Layer] = {}
    at = _DOC_ITEMS
    while at < len(items):
        columns = at + _LAYER_ITEMS
        if tuple(types[at:columns]) not in _LAYER_TYPES:
            _refuse_types("the head of a layer", _LAYER_TYPES)
        name, kind, size, target, width = items[at:columns]
        is_kind = 0 <= kind < len(LAYER_KINDS)
        has_sizes = size >= 0 and width >= 0
        if not is_kind or not has_sizes:
            _refuse(f"layer {name!r}", f"has {size} rows and {width} columns and is of kind {kind}")
        if name in layers:
            _refuse(f"layer {name!r}", "stands there twice")
        layer = Layer(LAYER_KINDS[kind], size, target=target)
        layers[name] = layer
        at = columns + _COLUMN_ITEMS * width
        for first in range(columns, at, _COLUMN_ITEMS):
            stop = first + _COLUMN_ITEMS
            if tuple(types[first:stop]) not in _COLUMN_TYPES:
                _refuse_types(f"a column of layer {name!r}", _COLUMN_TYPES)
            packed = tuple(items[first + 1 : stop])
            _add_column(layer, name, items[first], packed)
    return layers


def _add_column(
    layer: Layer,
    layer_name: str,
    name: str,
    packed: PackedColumn,
) -> None:
    if name in layer:
        fault: str | None = "stands there twice"
    else:
        fault = column_fault(packed, layer.size)
    if fault:
        _refuse(f"layer {layer_name!r}, column {name!r},", fault)
    layer.set_packed(name, packed)


def _refuse(
    place: str,
    reason: str,
) -> NoReturn:
    raise PipekitFormatError(f"the Doc is damaged: {place} {reason}")


def _refuse_types(
    place: str,
    choices: set[tuple[Any, ...]],
) -> NoReturn:
    wanted = []
    for choice in choices:
        names = ", ".join(kind.__name__ for kind in choice)
        wanted.append(f"({names})")
    _refuse(place, f"is not {' or '.join(sorted(wanted))}")
