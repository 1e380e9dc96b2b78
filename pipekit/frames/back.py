"""Tables back to Docs: those of `to_arrow`, and others that have the columns needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipekit.doc import Doc, Layer
from pipekit.doc.layer import TOKEN_ROWS, LayerKind
from pipekit.doc.limits import LINKED, check_layers
from pipekit.errors import DataError, DocError
from pipekit.frames.arrays import Read, arrow_module, read_array
from pipekit.frames.reading import FrameTable
from pipekit.frames.tables import DOC_FIXED, LINK_FIXED, SPAN_FIXED, TOKEN_FIXED
from pipekit.words.arrays import Ints, offsets

_SHOWN = {"start_char", "end_char", "text", "head_text", "tail_text"}  # what rows tell besides
_DEFAULT_LAYERS = {"spans": "ents", "relations": "relations"}


def to_docs(
    tokens: Any,
    spans: Any = None,
    relations: Any = None,
    docs: Any = None,
) -> list[Doc]:
    """The documents of tables, of pandas, polars, Arrow, DuckDB, or what else gives Arrow.

    The tables of `to_arrow` give back the same documents. Of tables of one's own, these columns are
    needed, and all others are annotations:

        tokens      text; doc, where there are several documents; start and end, with a table `docs`
        spans       start, end (token rows); doc; layer, or else "ents"
        relations   head, tail (rows of spans); doc; layer, target, or else "relations" and "ents"
        docs        doc, text

    Without a table `docs`, a text is made of the tokens: with as many spaces between two as their
    `start` tells, or where there is none, with one.
    The values of `doc` may be numbers or strings.

    Errors: `DataError` naming the table, the column, the document and the cure.
    """
    own = FrameTable.read("tokens", tokens, TOKEN_FIXED)
    about = None if docs is None else FrameTable.read("docs", docs, DOC_FIXED)
    order = _order(own, about)
    own = own.sorted(order, "i")
    results = _bare(
        own,
        about,
        order,
    )
    described = [None] * len(results) if about is None else about.described()
    for number, doc in enumerate(results):
        _add_tokens(
            doc,
            own,
            own.rows_of(number),
            described[number],
        )
    if spans is not None:
        table = FrameTable.read("spans", spans, SPAN_FIXED)
        _add_layers(
            results,
            table,
            order,
            "span",
        )
    if relations is not None:
        table = FrameTable.read("relations", relations, LINK_FIXED)
        _add_layers(
            results,
            table,
            order,
            "link",
        )
    _finish(
        results,
        about,
        described,
    )
    return results


def _order(
    tokens: FrameTable,
    about: FrameTable | None,
) -> dict[Any, int]:
    """The place of each document by what names it in the tables."""
    keys = tokens.keys() if about is None else about.keys()
    order = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    if about is not None and len(order) < len(keys):
        raise DataError("the table 'docs' has two rows with one number in 'doc'")
    return order


# -- texts and tokens


def _bare(
    tokens: FrameTable,
    docs: FrameTable | None,
    order: Mapping[Any, int],
) -> list[Doc]:
    words: list[str] = []
    texts: list[str] = []
    starts = None
    if docs is None:
        words = tokens["text"].plain()
    else:
        texts = docs["text"].plain()
        ends = tokens.ints("end")
    if docs is not None or "start" in tokens.columns:
        starts = tokens.ints("start")
    results = []
    for key, number in order.items():
        first, last = tokens.rows_of(number)
        own = None if starts is None else starts[first:last]
        try:
            if docs is None:
                doc = _of_words(words[first:last], own)
            else:
                doc = Doc(
                    text=texts[number],
                    starts=own,
                    ends=ends[first:last],
                )
        except DocError as error:
            raise DataError(f"the table 'tokens', document {key!r}: {error}") from error
        results.append(doc)
    return results


def _of_words(
    words: list[str],
    starts: Ints | None,
) -> Doc:
    if starts is None:
        return Doc(words=words)
    ends = starts + np.fromiter(
        map(len, words),
        np.int64,
        len(words),
    )
    gaps = np.append(starts[1:], ends[-1:]) - ends
    return Doc(words=words, spaces=[" " * gap for gap in gaps.tolist()])


def _add_tokens(
    doc: Doc,
    tokens: FrameTable,
    rows: tuple[int, int],
    described: Any,
) -> None:
    layers = {"tokens": doc.tokens}
    wanted = _wanted(described)
    for name, read in tokens.columns.items():
        if name in tokens.fixed:
            continue
        layer_name, column = "tokens", name
        owner, _, rest = name.partition(".")
        if wanted is not None and ("tokens", name) not in wanted and (owner, rest) in wanted:
            layer_name, column = owner, rest
        if wanted is None or (layer_name, column) in wanted:
            layer = layers.setdefault(layer_name, Layer("token", len(doc)))
            _put(
                layer,
                column,
                read.part(*rows),
                tokens.name,
                is_sure=wanted is not None,
            )
    for name, layer in layers.items():
        if name != "tokens":
            doc.layers[name] = layer


def _wanted(described: Any) -> set[tuple[str, str]] | None:
    """Layers with their columns, where a table tells them."""
    if described is None:
        return None
    wanted = set()
    for layer in described:
        for column in layer["columns"]:
            wanted.add((layer["name"], column))
    return wanted


def _put(
    layer: Layer,
    name: str,
    read: Read,
    table: str,
    *,
    is_sure: bool,
) -> None:
    """Write a column, where some row has a value or the document is sure to have it.

    Errors: `DataError` for integers and booleans with gaps, which no column of a Doc has.
    """
    if read.is_null.all() and not is_sure:
        return
    values = read.values
    if read.labels is None and values.dtype.kind != "f" and read.is_null.any():
        if name not in TOKEN_ROWS or layer.kind != "token":
            raise DataError(
                f"the table {table!r}: column {name!r} of {values.dtype} has rows without a value "
                "in a document that has it elsewhere: fill them in, or make floats or strings of it"
            )
        values = np.where(
            read.is_null,
            -1,
            values,
        )
    is_flag = name == "sent_start" and layer.kind == "token"
    if is_flag and values.dtype.kind == "f":  # as of pandas, where other documents lack it
        values = values == 1
    layer.set(
        name,
        values,
        read.labels,
    )


# -- spans and relations


def _add_layers(
    docs: Sequence[Doc],
    table: FrameTable,
    order: Mapping[Any, int],
    kind: LayerKind,
) -> None:
    edges = ("start", "end") if kind == "span" else ("head", "tail")
    for edge in edges:
        table.ints(edge)
    table = table.sorted(order, "row")
    ignored = {*table.fixed, *_SHOWN} - set(edges)
    for number, doc in enumerate(docs):
        first, last = table.rows_of(number)
        names = _names(
            table,
            "layer",
            first,
            last,
            _DEFAULT_LAYERS[table.name],
        )
        targets = _names(
            table,
            "target",
            first,
            last,
            LINKED,
        )
        for name in dict.fromkeys(names):
            rows = first + np.flatnonzero([name == each for each in names])
            target = targets[int(rows[0]) - first] if kind == "link" else None
            layer = Layer(
                kind,
                len(rows),
                target=target,
            )
            for column, read in table.columns.items():
                if column not in ignored:
                    _put(
                        layer,
                        column,
                        read.take(rows),
                        table.name,
                        is_sure=False,
                    )
            doc.layers[name] = layer


def _names(
    table: FrameTable,
    column: str,
    first: int,
    last: int,
    default: str,
) -> list[str]:
    if column not in table.columns:
        return [default] * (last - first)
    return [name or default for name in table.columns[column].part(first, last).plain()]


# -- what is told of documents


class _About(NamedTuple):
    """What the table of documents tells.

    Attributes:
        names, errors: of each document, or None.
        columns: values by layer and column.
        borders: of each of these, where the rows of each document begin, and the end.
    """

    names: list[Any]
    errors: list[Any]
    columns: dict[tuple[str, str], Read]
    borders: dict[tuple[str, str], Ints]

    @classmethod
    def of(cls, docs: FrameTable) -> _About:
        types = arrow_module().types
        rows = docs.table.num_rows
        columns = {}
        borders = {}
        for name in docs.table.column_names:
            owner, dot, column = name.partition(".")
            if name in docs.fixed or not dot:
                continue
            array = docs.table.column(name).combine_chunks()
            lengths = np.ones(rows, dtype=np.int64)
            if types.is_list(array.type) or types.is_large_list(array.type):
                if hasattr(array, "chunks"):
                    array = arrow_module().concat_arrays(array.chunks)
                parents = array.value_parent_indices().to_numpy()
                lengths = np.bincount(parents, minlength=rows)
                array = array.flatten()
            key = (owner, column)
            columns[key] = read_array(array, f"the table 'docs': column {name!r}")
            borders[key] = offsets(lengths)
        return cls(
            _strings(docs, "name"),
            _strings(docs, "error"),
            columns,
            borders,
        )


def _strings(
    table: FrameTable,
    column: str,
) -> list[Any]:
    if column not in table.columns:
        return [None] * table.table.num_rows
    values = table.columns[column].plain()
    return [None if value is None else str(value) for value in values]


def _add_about(
    doc: Doc,
    about: _About,
    number: int,
    described: Any,
) -> None:
    doc.name = about.names[number]
    doc.error = about.errors[number]
    sizes = {layer["name"]: layer["size"] for layer in described or ()}
    wanted = _wanted(described)
    for (owner, name), read in about.columns.items():
        if wanted is not None and (owner, name) not in wanted:
            continue
        borders = about.borders[owner, name]
        first = int(borders[number])
        size = sizes.get(owner, int(borders[number + 1]) - first)
        own = read.part(first, first + size)
        if wanted is None and own.is_null.all():
            continue
        layer = doc.layers.get(owner)
        if layer is None:
            layer = doc.add_layer(
                owner,
                "doc",
                size,
            )
        _put(
            layer,
            name,
            own,
            "docs",
            is_sure=wanted is not None,
        )


def _finish(
    docs: Sequence[Doc],
    about: FrameTable | None,
    described: Sequence[Any],
) -> None:
    """Add what the table of documents tells, and check each document."""
    about_docs = None if about is None else _About.of(about)
    for number, doc in enumerate(docs):
        if about_docs is not None:
            _add_about(
                doc,
                about_docs,
                number,
                described[number],
            )
        _complete(
            doc,
            number,
            described[number],
        )


def _complete(
    doc: Doc,
    number: int,
    described: Any,
) -> None:
    """Add layers without rows and columns without values, and check that all fit.

    Errors: `DataError`.
    """
    for layer in described or ():
        name = layer["name"]
        if name not in doc.layers:
            doc.add_layer(
                name,
                layer["kind"],
                layer["size"],
                target=layer["target"],
            )
        own = doc.layers[name]
        for column in layer["columns"]:
            if column not in own:
                _put_unset(own, column)
    ordered = [layer["name"] for layer in described or ()]
    names = dict.fromkeys([*ordered, *doc.layers])
    doc.layers = {name: doc.layers[name] for name in names}
    try:
        check_layers(doc.layers, len(doc))
    except DocError as error:
        raise DataError(f"document {number} of the tables: {error}") from error


def _put_unset(
    layer: Layer,
    column: str,
) -> None:
    is_edge = column in ("start", "end", "head", "tail") and layer.kind in ("span", "link")
    if is_edge:
        layer.set(column, np.zeros(layer.size, np.int32))
    elif column in ("score",):
        layer.set(
            column,
            np.full(
                layer.size,
                np.nan,
                np.float32,
            ),
        )
    else:
        layer.set(
            column,
            np.full(
                layer.size,
                -1,
                np.int32,
            ),
            [],
        )
