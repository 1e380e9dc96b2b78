"""Docs as tables: one row a token, a span, a relation, or a document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from pipekit.doc import Doc, Layer
from pipekit.doc.columns import Column, Values
from pipekit.doc.limits import LINKED, check_layers
from pipekit.doc.text import clean
from pipekit.errors import ConfigError, DocError, cure, near
from pipekit.frames.arrays import ColumnPart, arrow_module, stacked_columns, strings_between
from pipekit.words.arrays import Ints, offsets, places

RowKind = Literal["tokens", "spans", "relations", "docs"]
ROWS: tuple[RowKind, ...] = ("tokens", "spans", "relations", "docs")
"""What a row may be."""
TOKEN_FIXED = ("doc", "i", "start", "end", "text")
SPAN_FIXED = ("doc", "layer", "row", "start", "end", "start_char", "end_char", "text")
LINK_FIXED = ("doc", "layer", "row", "target", "head", "tail", "head_text", "tail_text")
DOC_FIXED = ("doc", "name", "text", "error", "layers")
_OF_LAYER = "."  # between the names of a layer and of its column


def to_arrow(
    docs: Iterable[Doc],
    rows: RowKind = "tokens",
) -> Any:
    """A `pyarrow.Table` of documents, made column by column.

        tokens      doc, i, start, end, text, and the columns of the tokens: pos, morph, lemma, …
        spans       doc, layer, row, start, end, start_char, end_char, text, label, score, …
        relations   doc, layer, row, target, head, tail, head_text, tail_text, label, score, …
        docs        doc, name, text, error, layers, cats.x, sentiment.x, meta.x, …

    `doc` is the number of the document, from 0. `start` and `end` of tokens count characters, those
    of spans tokens; `head` and `tail` of a relation are the `row` of spans of the layer `target`.
    Spans and relations of all layers stand in one table. What is unset is null, except in the token
    column `head`, where -1 is. `layers` tells which layers and columns each document has, so that
    `to_docs` gives back the same documents; others may drop it. A layer about documents is a column
    with its name before the dot; where some document has several rows of it, as the sentences of
    CoNLL-U have, of lists.

    Args:
        docs: the documents, all of which are held in memory.
        rows: what a row is.

    Errors: `ConfigError` where pyarrow is not installed; `DocError` for a column with the name of
    one of those above, and for one of numbers here and labels there.

        duckdb.sql("select text, count(*) from spans group by all")     # spans = to_arrow(…)
    """
    makers: dict[str, Callable[[Sequence[Doc]], dict[str, Any]]] = {
        "tokens": _tokens,
        "spans": _spans,
        "relations": _relations,
        "docs": _docs,
    }
    if rows not in makers:
        raise ConfigError(f"a row cannot be one of {rows!r}.{near(rows, makers)}")
    every = list(docs)
    for doc in every:
        check_layers(doc.layers, len(doc))
    return arrow_module().table(makers[rows](every))


def to_pandas(
    docs: Iterable[Doc],
    rows: RowKind = "tokens",
) -> Any:
    """A `pandas.DataFrame`; see `to_arrow`. Labels are categories.

    Integers and booleans that some documents lack are of the types of pandas that know NA.
    """
    try:
        import pandas
    except ImportError as error:
        advice = cure("pandas")
        raise ConfigError(f"frames of pandas need pandas: {advice}") from error
    pa = arrow_module()
    table = to_arrow(docs, rows)
    nullable = {
        pa.bool_(): pandas.BooleanDtype(),
        pa.int8(): pandas.Int8Dtype(),
        pa.int16(): pandas.Int16Dtype(),
        pa.int32(): pandas.Int32Dtype(),
        pa.int64(): pandas.Int64Dtype(),
        pa.uint8(): pandas.UInt8Dtype(),
        pa.uint16(): pandas.UInt16Dtype(),
        pa.uint32(): pandas.UInt32Dtype(),
        pa.uint64(): pandas.UInt64Dtype(),
    }
    types = {column.type for column in table.columns if column.null_count}
    needed = {kind: own for kind, own in nullable.items() if kind in types}
    return table.to_pandas(types_mapper=needed.get)


def to_polars(
    docs: Iterable[Doc],
    rows: RowKind = "tokens",
) -> Any:
    """A `polars.DataFrame`; see `to_arrow`."""
    try:
        import polars
    except ImportError as error:
        advice = cure("polars")
        raise ConfigError(f"frames of polars need polars: {advice}") from error
    return polars.from_arrow(to_arrow(docs, rows))


# -- what each table holds


def _tokens(docs: Sequence[Doc]) -> dict[str, Any]:
    lengths = np.array([len(doc) for doc in docs], dtype=np.int64)
    starts = _joined([doc.starts for doc in docs])
    ends = _joined([doc.ends for doc in docs])
    shifts = np.repeat(_text_offsets(docs), lengths)
    columns = {
        "doc": _owners(lengths),
        "i": places(lengths),
        "start": starts,
        "end": ends,
        "text": strings_between(
            [doc.text for doc in docs],
            starts + shifts,
            ends + shifts,
        ),
    }
    for name in _layer_names(docs, "token"):
        prefix = "" if name == "tokens" else name + _OF_LAYER
        layers = [(doc.layers.get(name), len(doc)) for doc in docs]
        _add_columns(
            columns,
            layers,
            prefix,
        )
    return _as_arrow(columns)


class _Rows(NamedTuple):
    """Layers of one kind, in the order of the documents.

    Attributes:
        docs: the number of the document of each layer, [layers].
        names: the name of each.
        layers: the layers themselves.
        lengths: the rows of each, int64[layers].
    """

    docs: Sequence[int]
    names: Sequence[str]
    layers: Sequence[Layer]
    lengths: Ints

    def each(self, values: Sequence[int] | Ints) -> Values:
        """A value for each row, of values for each layer."""
        return np.repeat(np.array(values, dtype=np.int64), self.lengths)

    def column(self, name: str) -> Values:
        return _joined([layer[name].values for layer in self.layers])

    def keys(self) -> dict[str, Any]:
        numbers = {name: number for number, name in enumerate(dict.fromkeys(self.names))}
        codes = self.each([numbers[name] for name in self.names])
        return {
            "doc": self.each(self.docs).astype(np.int32),
            "layer": Column(codes, list(numbers)),
            "row": places(self.lengths),
        }

    def parts(self) -> list[tuple[Layer | None, int]]:
        return [(layer, layer.size) for layer in self.layers]


def _rows_of_kind(
    docs: Sequence[Doc],
    kind: str,
) -> _Rows:
    numbers = []
    names = []
    layers = []
    for number, doc in enumerate(docs):
        for name, layer in doc.layers.items():
            if layer.kind == kind:
                numbers.append(number)
                names.append(name)
                layers.append(layer)
    lengths = np.array([layer.size for layer in layers], dtype=np.int64)
    return _Rows(
        numbers,
        names,
        layers,
        lengths,
    )


class _Borders(NamedTuple):
    """Where spans of tokens begin and end in the texts of all documents end to end."""

    starts: Ints
    ends: Ints


def _borders(
    docs: Sequence[Doc],
    owners: Values,
    starts: Values,
    ends: Values,
) -> _Borders:
    """Of spans of tokens, with the document of each; see `Span.start_char` and `end_char`."""
    # Behind the tokens of each document stands a place of its own: where its text ends.
    lengths = np.array([len(doc) + 1 for doc in docs], dtype=np.int64)
    shifts = offsets(lengths)[owners]
    texts = _text_offsets(docs)
    first_places = []
    last_places = []
    for doc, shift in zip(
        docs,
        texts.tolist(),
        strict=True,
    ):
        first_places.append(np.append(doc.starts, len(doc.text)) + shift)
        last_places.append(np.append(doc.ends, 0) + shift)
    firsts = _joined(first_places)[starts + shifts]
    lasts = _joined(last_places)[np.maximum(ends + shifts - 1, 0)]
    return _Borders(
        firsts,
        np.where(
            ends > starts,
            lasts,
            firsts,
        ),
    )


def _spans(docs: Sequence[Doc]) -> dict[str, Any]:
    rows = _rows_of_kind(docs, "span")
    columns = rows.keys()
    starts = rows.column("start")
    ends = rows.column("end")
    owners = columns["doc"]
    borders = _borders(
        docs,
        owners,
        starts,
        ends,
    )
    shifts = _text_offsets(docs)[owners]
    columns["start"] = starts
    columns["end"] = ends
    columns["start_char"] = borders.starts - shifts
    columns["end_char"] = borders.ends - shifts
    texts = [doc.text for doc in docs]
    columns["text"] = strings_between(texts, *borders)
    _add_columns(
        columns,
        rows.parts(),
        own=("start", "end"),
    )
    return _as_arrow(columns)


def _relations(docs: Sequence[Doc]) -> dict[str, Any]:
    rows = _rows_of_kind(docs, "link")
    columns = rows.keys()
    targets = [layer.target or LINKED for layer in rows.layers]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(targets))}
    codes = rows.each([numbers[target] for target in targets])
    columns["target"] = Column(codes, list(numbers))
    texts = [doc.text for doc in docs]
    owners = columns["doc"]
    ends_of_links = {}
    for edge in ("head", "tail"):
        linked_starts = []
        linked_ends = []
        for number, target, layer in zip(
            rows.docs,
            targets,
            rows.layers,
            strict=True,
        ):
            spans = docs[number].layers[target]
            own = layer[edge].values
            linked_starts.append(spans["start"].values[own])
            linked_ends.append(spans["end"].values[own])
        borders = _borders(
            docs,
            owners,
            _joined(linked_starts),
            _joined(linked_ends),
        )
        columns[edge] = rows.column(edge)
        ends_of_links[f"{edge}_text"] = strings_between(texts, *borders)
    columns |= ends_of_links
    _add_columns(
        columns,
        rows.parts(),
        own=("head", "tail"),
    )
    return _as_arrow(columns)


def _docs(docs: Sequence[Doc]) -> dict[str, Any]:
    pa = arrow_module()
    columns: dict[str, Any] = {
        "doc": np.arange(len(docs), dtype=np.int32),
        "name": pa.array(map(_clean, [doc.name for doc in docs]), pa.string()),
        "text": pa.array([doc.text for doc in docs], pa.large_string()),
        "error": pa.array(map(_clean, [doc.error for doc in docs]), pa.string()),
        "layers": pa.array(map(_described, docs), _layers_type(pa)),
    }
    for name in _layer_names(docs, "doc"):
        layers = [doc.layers.get(name) for doc in docs]
        _add_doc_columns(
            columns,
            name,
            layers,
        )
    return _as_arrow(columns)


def _clean(string: str | None) -> str | None:
    return None if string is None else clean(string)


def _layers_type(pa: Any) -> Any:
    """The type of the column "layers": of each layer its name, kind, size, target and columns."""
    layer = pa.struct(
        [
            ("name", pa.string()),
            ("kind", pa.string()),
            ("size", pa.int64()),
            ("target", pa.string()),
            ("columns", pa.list_(pa.string())),
        ]
    )
    return pa.list_(layer)


def _described(doc: Doc) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "kind": layer.kind,
            "size": layer.size,
            "target": layer.target,
            "columns": list(map(clean, layer)),
        }
        for name, layer in doc.layers.items()
    ]


def _add_doc_columns(
    columns: dict[str, Any],
    name: str,
    layers: Sequence[Layer | None],
) -> None:
    """Add a layer about documents: a value of each, or a list where some have several."""
    pa = arrow_module()
    sizes = np.array([layer.size if layer else 0 for layer in layers], dtype=np.int64)
    is_list = (sizes > 1).any()
    if not is_list:
        # A document without a row has one that is unset.
        parts = [(layer if layer and layer.size else None, 1) for layer in layers]
        _add_columns(
            columns,
            parts,
            name + _OF_LAYER,
        )
        return
    flat: dict[str, Any] = {}
    parts = [
        (layer, int(size))
        for layer, size in zip(
            layers,
            sizes,
            strict=True,
        )
    ]
    _add_columns(
        flat,
        parts,
        name + _OF_LAYER,
    )
    borders = pa.array(offsets(sizes).astype(np.int32))
    for column, values in flat.items():
        columns[column] = pa.ListArray.from_arrays(borders, values)


# -- columns


def _add_columns(
    columns: dict[str, Any],
    layers: Sequence[tuple[Layer | None, int]],
    prefix: str = "",
    own: Sequence[str] = (),
) -> None:
    """Add the columns of layers end to end, without those of their `own`.

    Errors: `DocError` for a column whose name is taken.
    """
    names: dict[str, None] = {}
    for layer, _ in layers:
        names.update(dict.fromkeys(layer or ()))
    for name in names:
        if name in own:
            continue
        column = clean(prefix + name)
        if column in columns:
            raise DocError(
                f"the column {column!r} has the name of another one of the table: rename it"
            )
        parts: list[ColumnPart] = [
            (layer.get(name) if layer else None, rows) for layer, rows in layers
        ]
        columns[column] = stacked_columns(column, parts)


def _as_arrow(columns: dict[str, Any]) -> dict[str, Any]:
    arrays = {}
    for name, values in columns.items():
        if isinstance(values, np.ndarray):
            values = arrow_module().array(values)
        elif isinstance(values, Column):
            values = stacked_columns(name, [(values, len(values.values))])
        arrays[name] = values
    return arrays


def _layer_names(
    docs: Sequence[Doc],
    kind: str,
) -> Iterator[str]:
    """The names of all layers of a kind, in the order of the documents."""
    names: dict[str, None] = {}
    for doc in docs:
        for name, layer in doc.layers.items():
            if layer.kind == kind:
                names[name] = None
    return iter(names)


def _text_offsets(docs: Sequence[Doc]) -> Ints:
    """Where the text of each document begins among all texts, int64[docs]."""
    return offsets(len(doc.text) for doc in docs)[:-1]


def _owners(lengths: Ints) -> Values:
    """The number of the document of each row, int32[rows]."""
    numbers = np.arange(len(lengths), dtype=np.int32)
    return np.repeat(numbers, lengths)


def _joined(arrays: Sequence[Values]) -> Values:
    return np.concatenate([np.zeros(0, np.int32), *arrays])
