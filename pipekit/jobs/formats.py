"""The formats of outputs: each is a function from an annotated document to the bytes of its row."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipekit.corpora.readers import write_conllu
from pipekit.doc import Doc
from pipekit.doc.columns import Column
from pipekit.doc.file import MAGIC, frame
from pipekit.doc.layer import Layer
from pipekit.doc.text import clean
from pipekit.errors import ConfigError, near
from pipekit.jobs import parquet
from pipekit.jobs.records import Fields, Record
from pipekit.jobs.row_tables import FIRST_COLUMNS, about, csv_from_lines, document_row, tables_of

_NAME_FIELDS = ("id", "name")  # fields that name a document
_INPUT = "input"  # the field for fields whose names are taken
_INPUT_TEXT = "input_text"
_FIRST_LABEL = np.zeros(1, dtype=np.int32)  # a column of one row, which has the first label

Selection = frozenset[str]
"""The names of the layers and token columns that are written; empty for all."""
RowWriter = Callable[[Doc, Record, Selection], bytes]


class Format(NamedTuple):
    """A format of outputs.

    Args:
        row: gives the bytes of a document.
        head: the bytes before the first document.
        finish: makes the output of a file of rows, where these are not the output themselves.
        packs: whether the output may be compressed.
        require: raises a `ConfigError` where what it needs is not installed.
    """

    row: RowWriter
    head: bytes = b""
    finish: Callable[[Path, Path], None] | None = None
    packs: bool = False
    require: Callable[[], Any] | None = None


# -- what is written of a document


def check_selection(
    names: Collection[str],
    written: Iterable[str],
) -> Selection:
    """The layers and columns that `names` select, of those that are `written`.

    Errors: `ConfigError` with the nearest name, for a name that nothing writes.
    """
    layers = layer_names(written) | {"tokens", "sents"}
    for name in names:
        layer = name.split(".")[0]
        if layer not in layers:
            raise ConfigError(f"--only {name}: nothing writes that.{near(name, layers)}")
    return layer_names(names)


def layer_names(names: Iterable[str]) -> Selection:
    """The layers of names such as "ents.sentiment", a column of the layer "ents"."""
    return frozenset(name.split(".")[0] for name in names)


def select(
    doc: Doc,
    selection: Selection,
) -> Doc:
    """A document with the selected layers and token columns only, and the targets of its links."""
    if not selection:
        return doc
    part = Doc.trusted(doc.text, doc.starts, doc.ends)
    part.name = doc.name
    for name in _selected_columns(doc, selection):
        column = doc.tokens[name]
        part.tokens.set(name, column.values, column.labels)
    for name in _selected_layers(doc, selection):
        part.layers[name] = doc.layers[name]
    return part


def _selected_columns(
    doc: Doc,
    selection: Selection,
) -> list[str]:
    if "tokens" in selection:
        return list(doc.tokens)
    columns = set(selection)
    if "sents" in columns:  # sentences are a column of the tokens
        columns.remove("sents")
        columns.add("sent_start")
    return [name for name in doc.tokens if name in columns]


def _selected_layers(
    doc: Doc,
    selection: Selection,
) -> list[str]:
    """In the order of the document; "meta" is always selected."""
    wanted = (selection - {"tokens"}) | {"meta"}
    targets = set()
    for name, layer in doc.layers.items():
        if name in wanted and layer.kind == "link":
            targets.add(layer.target or "ents")
    wanted |= targets
    return [name for name in doc.layers if name in wanted]


# -- JSON lines


def _jsonl(
    doc: Doc,
    record: Record,
    selection: Selection,
) -> bytes:
    """The fields of the record and the annotations as one JSON object.

    A field whose name an annotation takes, such as a sentiment by human hand, moves into "input".
    """
    data = select(doc, selection).to_dict()
    if not _has_tokens(doc, selection):
        del data["tokens"]
    free, taken = _split_fields(record, data)
    if taken:
        if _INPUT in free:
            taken[_INPUT] = free[_INPUT]
        data[_INPUT] = taken
    text = clean(_json(free | data)) + "\n"
    return text.encode()


def _has_tokens(
    doc: Doc,
    selection: Selection,
) -> bool:
    """Whether tokens are selected, or a column of theirs."""
    if not selection or "tokens" in selection:
        return True
    return any(name in selection for name in doc.tokens)


def _split_fields(
    record: Record,
    data: Fields,
) -> tuple[Fields, Fields]:
    """The fields whose names are free, or whose values are those of the annotation; the others."""
    free = {}
    taken = {}
    for key, value in record.fields.items():
        if key not in data or value in (data[key], record.source):
            free[key] = value
        else:
            taken[key] = value
    return free, taken


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


# -- files of Docs


def _docs(
    doc: Doc,
    record: Record,
    selection: Selection,
) -> bytes:
    part = _with_fields(select(doc, selection), record)
    return frame(part)


def _with_fields(
    doc: Doc,
    record: Record,
) -> Doc:
    """The document with a name, and the fields of its record as strings in the layer "meta".

    The document is changed in place. One that was a Doc already has its own name and fields.
    """
    if isinstance(record.source, Doc):
        return doc
    doc.name = clean(_name_of(record))
    meta = doc.add_layer("meta", "doc", 1)
    for key, value in record.fields.items():
        if value == record.source:
            continue
        text = value if isinstance(value, str) else _json(value)
        column = Column(_FIRST_LABEL, [clean(text)])
        meta.put(clean(key), column)
    return doc


def _name_of(record: Record) -> str:
    for key in _NAME_FIELDS:
        name = record.fields.get(key)
        if name is not None:
            return str(name)
    number = next(iter(record.place.values()))
    return f"{record.file}:{number}"


# -- CoNLL-U


def _conllu(
    doc: Doc,
    record: Record,
    selection: Selection,
) -> bytes:
    part = _with_fields(select(doc, selection), record)
    if not isinstance(record.source, Doc):
        part.layers["meta"] = _comments(part)
    out = StringIO()
    write_conllu([part], out)
    text = clean(out.getvalue())
    return text.encode()


def _comments(doc: Doc) -> Layer:
    """The layer "meta" with a row for each sentence, as CoNLL-U has it.

    The first row has the name of the document and its fields. A field "text" beside the text that
    was annotated has another key, since CoNLL-U gives the key "text" to the sentence.
    """
    count = 0
    for sent in doc.sents or ():
        if not sent.text.isspace():
            count += 1
    layer = Layer("doc", count)
    if not count:
        return layer
    rest: list[str | None] = [None] * (count - 1)
    layer.set("newdoc", [doc.name, *rest])
    meta = doc.layers["meta"]
    for key in meta:
        value = meta[key][0] or ""
        key_in_line = " ".join(key.split())
        if key_in_line == "text":
            key_in_line = _INPUT_TEXT
        value_in_line = " ".join(value.splitlines())
        layer.set(key_in_line, [value_in_line, *rest])
    return layer


# -- rows of tables


def _rows(
    doc: Doc,
    record: Record,
    selection: Selection,
    *,
    table: str,
) -> bytes:
    """The rows of a table, a JSON object in each line; of a document without rows, nothing."""
    part = select(doc, selection)
    name = _document_name(doc, record)
    if table == "docs":
        rows = [document_row(part, name, _other_fields(record))]
    else:
        rows = [{"doc": name} | row for row in tables_of(part)[table]]
    lines = [_json(row) + "\n" for row in rows]
    return clean("".join(lines)).encode()


def _regular(
    doc: Doc,
    record: Record,
    selection: Selection,
) -> bytes:
    """All tables of a document in one object, which has the same keys whatever the document."""
    part = select(doc, selection)
    data = {
        "doc": _document_name(doc, record),
        "text": doc.text,
        "fields": _other_fields(record),
        **tables_of(part),
        "about": about(part),
    }
    return clean(_json(data) + "\n").encode()


def _document_name(
    doc: Doc,
    record: Record,
) -> str:
    if isinstance(record.source, Doc) and doc.name is not None:
        return doc.name
    return _name_of(record)


def _other_fields(record: Record) -> Fields:
    """The fields of a record without its text."""
    return {key: value for key, value in record.fields.items() if value != record.source}


def _csv_of(table: str) -> Format:
    finish = partial(csv_from_lines, first=FIRST_COLUMNS[table])
    return Format(partial(_rows, table=table), finish=finish)


OUTPUT_FORMATS = {
    "jsonl": Format(_jsonl, packs=True),
    "conllu": Format(_conllu, packs=True),
    "docs": Format(_docs, MAGIC),
    "parquet": Format(_jsonl, finish=parquet.from_lines, require=parquet.arrow),
    "csv": _csv_of("docs"),
    "csv-tokens": _csv_of("tokens"),
    "csv-spans": _csv_of("spans"),
    "csv-relations": _csv_of("relations"),
    "jsonl-tables": Format(_regular, packs=True),
}
