"""Docs <-> msgpack.

A Doc is one flat list, so that nothing in it can lie deep:

    version, text, name or nil, error or nil, border dtype, borders,
    for each layer:   name, kind, size, target or nil, number of columns
    for each column:  name, 16 * stored dtype + dtype, values, labels or nil

Kinds: token 0, span 1, link 2, doc 3. Dtypes are numbered b1 u1 u2 u4 u8 i1 i2 i4 i8 f2 f4 f8 from 0, all little-endian; integers are
stored in the smallest that holds them. Borders are two numbers for each token, the white space before it and its length. A column with
labels stores code + 1, 0 for unset, and only the labels that it uses, in the order of their first row: the bytes do not depend on what
else the batch held. Labels are one string: a character that is in none of them, before each.

What is read may be hostile: lengths are bounded by the input, memory by 16 times its size and 16 MB more.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import count
from types import NoneType
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from pipekit.doc import Doc, clean
from pipekit.docdict import MAX_COLUMNS, MAX_LAYERS, check_layers, doc_from_dict, doc_to_dict
from pipekit.errors import DocError, PipekitFormatError
from pipekit.layer import KINDS, Column, Layer
from pipekit.packing import pack, unpack_flat

__all__ = ["doc_from_bytes", "doc_from_dict", "doc_to_bytes", "doc_to_dict"]

VERSION = 1

# -- dtypes

_NAMES = ("b1", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")
_DTYPES = tuple(np.dtype(f"<{name}") for name in _NAMES)
_NUMBER = {dtype: number for number, dtype in enumerate(_DTYPES)}
_BOOL, _SIGNED = 0, 5
_INTEGERS = range(1, 9)
_SIZES = [dtype.itemsize for dtype in _DTYPES]
_TOPS = [int(np.iinfo(dtype).max) if dtype.kind in "iu" else 0 for dtype in _DTYPES]
_CODES = (1, 2, 3)  # dtypes of borders and of codes with labels: no more than 32 bits, so that sums of them stay within 64
_BOUNDS = sorted((_SIZES[n], -int(np.iinfo(_DTYPES[n]).min), _TOPS[n], n) for n in _INTEGERS)


def _casts(stored: int, number: int) -> bool:
    """Whether values of one dtype may be stored as another: no value of the stored dtype is beyond the other."""
    if _BOOL in (stored, number):
        return (stored, number) == (1, _BOOL)
    return stored == number or (number in _INTEGERS and stored in _INTEGERS and np.can_cast(_DTYPES[stored], _DTYPES[number], "safe"))


_CASTS = {16 * stored + number for stored in range(len(_DTYPES)) for number in range(len(_DTYPES)) if _casts(stored, number)}


def _number(name: str, values: NDArray[Any]) -> int:
    number = _NUMBER.get(values.dtype)
    if number is None:
        number = _NUMBER.get(values.dtype.newbyteorder("<"))
    if number is None:
        raise DocError(f"column {name!r} has dtype {values.dtype}; a file holds {', '.join(map(str, _DTYPES))}")
    return number


def _smallest(low: int, high: int) -> int:
    """The number of the smallest integer dtype that holds both."""
    return next(number for _, below, above, number in _BOUNDS if -low <= below and high <= above)


# -- a Doc to bytes


def doc_to_bytes(doc: Doc) -> bytes:
    """The Doc as msgpack. Errors: `DocError` naming the layer that does not fit the Doc."""
    check_layers(doc.layers, len(doc))
    borders = np.empty(2 * len(doc) + 1, dtype=np.int32)
    borders[0] = 0
    borders[1::2] = doc.starts
    borders[2::2] = doc.ends
    steps = borders[1:] - borders[:-1]
    stored = _smallest(0, int(steps.max())) if len(steps) else 1
    items = [VERSION, doc.text, doc.name, doc.error, stored, steps.astype(_DTYPES[stored]).tobytes()]
    for name, layer in doc.layers.items():
        columns = list(layer)
        items += name, KINDS.index(layer.kind), layer.size, layer.target, len(columns)
        for column in columns:
            items += _pack_column(column, layer[column])
    return pack(items)


def _pack_column(name: str, column: Column) -> tuple[str, int, bytes, str | None]:
    values, labels = column.values, column.labels
    number = _number(name, values)
    if labels is None:
        stored = _stored(values, number)
        return name, 16 * stored + number, values.astype(_DTYPES[stored]).tobytes(), None
    index: defaultdict[int, int] = defaultdict(count().__next__)
    index[-1]  # unset is 0
    codes = [index[code] for code in values.tolist()]
    used = _joined([labels[code] for code in list(index)[1:]])
    if len(index) <= 256:
        return name, 16 + number, bytes(codes), used
    stored = _smallest(0, len(index))
    return name, 16 * stored + number, np.array(codes, dtype=_DTYPES[stored]).tobytes(), used


def _joined(labels: list[str]) -> str:
    whole = "".join(labels)
    mark = "\0" if "\0" not in whole else next(c for c in map(chr, count(1)) if c not in whole)
    return "".join([mark + label for label in labels])


def _stored(values: NDArray[Any], number: int) -> int:
    if number not in _INTEGERS:
        return number or 1
    smallest = _smallest(int(values.min()), int(values.max())) if len(values) else 1
    return smallest if 16 * smallest + number in _CASTS else number


# -- and back

_DOC_TYPES = {(int, str, name, error, int, bytes) for name in (str, NoneType) for error in (str, NoneType)}
_LAYER_TYPES = {(str, int, int, target, int) for target in (str, NoneType)}
_COLUMN_TYPES = {(str, int, bytes, labels) for labels in (str, NoneType)}
_MOST = 6 + 5 * MAX_LAYERS + 4 * MAX_COLUMNS


def _refuse(place: str, reason: str) -> NoReturn:
    raise PipekitFormatError(f"the Doc is damaged: {place} {reason}")


def _fields(items: list[Any], types: set[tuple[Any, ...]], what: str, where: str = "") -> list[Any]:
    """The items, if they are of these types."""
    if tuple(map(type, items)) not in types:
        wanted = " or ".join(sorted(f"({', '.join(t.__name__ for t in choice)})" for choice in types))
        _refuse(f"{what} {where!r}" if where else what, f"is not {wanted}")
    return items


def doc_from_bytes(data: bytes) -> Doc:
    """The Doc of `doc_to_bytes`. Errors: `PipekitFormatError` naming the layer and column that do not fit."""
    items = unpack_flat(data, "the Doc", _MOST)
    if items and type(items[0]) is int and items[0] > VERSION:
        raise PipekitFormatError(f"the Doc has format {items[0]}, this pipekit reads up to {VERSION}: pip install -U pipekit-nlp")
    version, text, name, error, stored, borders = _fields(items[:6], _DOC_TYPES, "its beginning")
    if version != VERSION:
        _refuse("the version", f"is {version}")
    text = clean(text)
    doc = Doc.trusted(text, *_unpack_borders(text, stored, borders))
    doc.name, doc.error = name, error
    doc.layers = _unpack_layers(items)
    try:
        check_layers(doc.layers, len(doc))
    except DocError as wrong:
        raise PipekitFormatError(f"the Doc is damaged: {wrong}") from wrong
    return doc


def _unpack_borders(text: str, stored: int, data: bytes) -> tuple[NDArray[Any], NDArray[Any]]:
    if stored not in _CODES or len(data) % (2 * _DTYPES[stored].itemsize):
        _refuse("borders", f"of {len(data)} bytes are not pairs of dtype {stored}")
    steps = np.frombuffer(data, dtype=_DTYPES[stored])
    borders = steps.cumsum(dtype=np.int64)
    starts, ends = borders[0::2], borders[1::2]
    if 0 in (data[1::2] if stored == 1 else steps[1::2]):
        _refuse("borders", "have an empty token")
    if len(starts) and (starts[0] or ends[-1] > len(text)):
        _refuse("borders", f"run from {starts[0]} to {ends[-1]} in a text of {len(text)} characters")
    _check_gaps(text, steps[2::2].tolist(), ends.tolist())
    return starts, ends


def _check_gaps(text: str, gaps: list[int], ends: list[int]) -> None:
    last = ends[-1] if ends else 0
    between = [text[end : end + gap] for end, gap in zip(ends, gaps, strict=False) if gap]
    if "".join([*between, text[last:]]).strip() or (text and not ends):
        _refuse("borders", "leave characters outside the tokens: only white space may lie there")


def _unpack_layers(items: list[Any]) -> dict[str, Layer]:
    layers: dict[str, Layer] = {}
    at = 6
    while at < len(items):
        name, kind, size, target, width = _fields(items[at : at + 5], _LAYER_TYPES, "the head of a layer")
        if not 0 <= kind < len(KINDS) or size < 0 or width < 0:
            _refuse(f"layer {name!r}", f"has {size} rows and {width} columns and is of kind {kind}")
        if name in layers:
            _refuse(f"layer {name!r}", "stands there twice")
        layer = layers[name] = Layer(KINDS[kind], size, target=target)
        for column in range(at + 5, at + 5 + 4 * width, 4):
            _unpack_column(items[column : column + 4], layer, name)
        at += 5 + 4 * width
    return layers


def _unpack_column(items: list[Any], layer: Layer, where: str) -> None:
    name, code, data, labels = _fields(items, _COLUMN_TYPES, "a column of layer", where)
    stored, number = code >> 4, code & 15
    if name in layer:
        _refuse(_place(where, name), "stands there twice")
    if not (code in _CASTS if labels is None else stored in _CODES and number in _INTEGERS):
        _refuse(_place(where, name), f"has the unknown dtype {code}")
    if len(data) != layer.size * _SIZES[stored]:
        _refuse(_place(where, name), f"has {len(data)} bytes for {layer.size} rows of {_DTYPES[stored]}")
    values = np.frombuffer(data, dtype=_DTYPES[stored])
    if labels is None:
        layer._columns[name] = Column(values.astype(_DTYPES[number]))
        return
    known = labels.count(labels[0]) if labels else 0
    wrong = _wrong_labels(values, known, number)
    if wrong:
        _refuse(_place(where, name), wrong)
    codes = np.subtract(values, 1, dtype=_DTYPES[number], casting="unsafe")
    layer._columns[name] = Column(codes, labels[1:].split(labels[0]) if labels else [])


def _place(layer: str, column: str) -> str:
    return f"layer {layer!r}, column {column!r},"


def _wrong_labels(values: NDArray[Any], known: int, number: int) -> str | None:
    """What is wrong with so many labels, or with the codes, which count them from 1."""
    rows = len(values)
    if known > rows:
        return f"has {known} labels for {rows} rows: each row uses at most one"
    if known - 1 > _TOPS[number]:
        return f"has {known} labels, more than {_DTYPES[number]} counts"
    if rows and values.max() > known:
        return f"has the code {values.max()} for {known} labels"
    if rows and number < _SIGNED and not values.min():
        return f"has an unset row, which {_DTYPES[number]} cannot hold"
    return None
