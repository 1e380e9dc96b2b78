"""Docs <-> msgpack.

A Doc is one flat list, so that nothing in it can lie deep:

    version, text, name or nil, error or nil, border dtype, borders,
    for each layer:   name, kind, size, target or nil, number of columns
    for each column:  name, 16 * stored dtype + dtype, values, labels or nil

Kinds: token 0, span 1, link 2, doc 3. What dtypes, values and labels are is said in `columns`. Borders are two numbers for each token, the
white space before it and its length.

What is read may be hostile: lengths are bounded by the input, memory by 16 times its size and 16 MB more.
"""

from __future__ import annotations

from types import NoneType
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipekit.doc.columns import CODES, DTYPES, PackedColumn, bounds, column_fault, smallest
from pipekit.doc.layer import LAYER_KINDS, Layer
from pipekit.doc.limits import MAX_COLUMNS, MAX_LAYERS, check_layers
from pipekit.doc.text import Text, clean
from pipekit.errors import DocError, PipekitFormatError
from pipekit.storage.packing import pack, unpack_flat

DOC_VERSION = 1

T = TypeVar("T", bound=Text)

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


def _pack_borders(starts: NDArray[Any], ends: NDArray[Any]) -> tuple[int, bytes]:
    borders = np.empty(2 * len(starts) + 1, dtype=np.int32)
    borders[0] = 0
    borders[1::2] = starts
    borders[2::2] = ends
    steps = borders[1:] - borders[:-1]
    stored = smallest(*bounds(steps))
    return stored, steps.astype(DTYPES[stored]).tobytes()


# -- and back

_DOC_TYPES = {
    (int, str, name, error, int, bytes) for name in (str, NoneType) for error in (str, NoneType)
}
_LAYER_TYPES = {(str, int, int, target, int) for target in (str, NoneType)}
_COLUMN_TYPES = {(str, int, bytes, labels) for labels in (str, NoneType)}
_MOST = 6 + 5 * MAX_LAYERS + 4 * MAX_COLUMNS


def _refuse(place: str, reason: str) -> NoReturn:
    raise PipekitFormatError(f"the Doc is damaged: {place} {reason}")


def _mistyped(what: str, types: set[tuple[Any, ...]]) -> NoReturn:
    wanted = (f"({', '.join(t.__name__ for t in choice)})" for choice in types)
    _refuse(what, f"is not {' or '.join(sorted(wanted))}")


def doc_from_bytes(data: bytes, kind: type[T]) -> T:
    """The Doc of `doc_to_bytes`. Errors: `PipekitFormatError` naming the layer and column that do not fit."""
    items = unpack_flat(data, "the Doc", _MOST)
    if items and type(items[0]) is int and items[0] > DOC_VERSION:
        raise PipekitFormatError(
            f"the Doc has format {items[0]}, this pipekit reads up to {DOC_VERSION}: pip install -U pipekit-nlp"
        )
    types = list(map(type, items))
    if tuple(types[:6]) not in _DOC_TYPES:
        _mistyped("its beginning", _DOC_TYPES)
    version, text, name, error, stored, borders = items[:6]
    if version != DOC_VERSION:
        _refuse("the version", f"is {version}")
    text = clean(text)
    doc = kind.trusted(text, *_unpack_borders(text, stored, borders))
    doc.name, doc.error = name, error
    doc.layers = _unpack_layers(items, types)
    try:
        check_layers(doc.layers, len(doc))
    except DocError as wrong:
        raise PipekitFormatError(f"the Doc is damaged: {wrong}") from wrong
    return doc


def _unpack_borders(text: str, stored: int, data: bytes) -> tuple[NDArray[Any], NDArray[Any]]:
    if stored not in CODES or len(data) % (2 * DTYPES[stored].itemsize):
        _refuse("borders", f"of {len(data)} bytes are not pairs of dtype {stored}")
    steps = np.frombuffer(data, dtype=DTYPES[stored])
    borders = steps.cumsum(dtype=np.int64)
    starts, ends = borders[0::2], borders[1::2]
    if 0 in (data[1::2] if stored == 1 else steps[1::2]):
        _refuse("borders", "have an empty token")
    if len(starts) and (starts[0] or ends[-1] > len(text)):
        _refuse(
            "borders", f"run from {starts[0]} to {ends[-1]} in a text of {len(text)} characters"
        )
    _check_gaps(text, steps[2::2].tolist(), ends.tolist())
    return starts, ends


def _check_gaps(text: str, gaps: list[int], ends: list[int]) -> None:
    last = ends[-1] if ends else 0
    between = [text[end : end + gap] for end, gap in zip(ends, gaps, strict=False) if gap]
    if "".join([*between, text[last:]]).strip() or (text and not ends):
        _refuse("borders", "leave characters outside the tokens: only white space may lie there")


def _unpack_layers(items: list[Any], types: list[type]) -> dict[str, Layer]:
    layers: dict[str, Layer] = {}
    at = 6
    while at < len(items):
        if tuple(types[at : at + 5]) not in _LAYER_TYPES:
            _mistyped("the head of a layer", _LAYER_TYPES)
        name, kind, size, target, width = items[at : at + 5]
        if not 0 <= kind < len(LAYER_KINDS) or size < 0 or width < 0:
            _refuse(f"layer {name!r}", f"has {size} rows and {width} columns and is of kind {kind}")
        if name in layers:
            _refuse(f"layer {name!r}", "stands there twice")
        layer = layers[name] = Layer(LAYER_KINDS[kind], size, target=target)
        end = at + 5 + 4 * width
        for column in range(at + 5, end, 4):
            if tuple(types[column : column + 4]) not in _COLUMN_TYPES:
                _mistyped(f"a column of layer {name!r}", _COLUMN_TYPES)
            _unpack_column(items[column], tuple(items[column + 1 : column + 4]), layer, name)
        at = end
    return layers


def _unpack_column(name: str, packed: PackedColumn, layer: Layer, where: str) -> None:
    reason = "stands there twice" if name in layer else column_fault(packed, layer.size)
    if reason:
        _refuse(f"layer {where!r}, column {name!r},", reason)
    layer.set_packed(name, packed)
