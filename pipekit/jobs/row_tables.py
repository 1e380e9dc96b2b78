"""A document as rows: of tokens, spans, relations, and of itself; as CSV, and as JSON of one shape.

The rows have the columns of `pipekit.frames.to_arrow`, and `doc`, the name of the document.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from pipekit.doc import Doc
from pipekit.doc.limits import LINKED
from pipekit.frames.tables import LINK_FIXED, SPAN_FIXED, TOKEN_FIXED
from pipekit.jobs.records import Fields
from pipekit.storage.files import write_atomically

_ROWS = 1_000  # lines of CSV that are written at once

Row = dict[str, Any]


def tables_of(doc: Doc) -> dict[str, list[Row]]:
    """The rows of a document by table: "tokens", "spans" and "relations"."""
    return {
        "tokens": _tokens(doc),
        "spans": _spans(doc),
        "relations": _relations(doc),
    }


def about(doc: Doc) -> Row:
    """What layers of one row tell about a document: {"cats.x": 0.5, …}."""
    row: Row = {}
    for name, layer in doc.layers.items():
        if layer.kind == "doc" and layer.size:
            for column in layer:
                values = layer.values(column)
                row[f"{name}.{column}"] = values[0] if layer.size == 1 else values
    return row


def _tokens(doc: Doc) -> list[Row]:
    borders = zip(doc.starts.tolist(), doc.ends.tolist(), doc.words, strict=True)
    columns = {name: doc.tokens.values(name) for name in doc.tokens}
    rows = []
    for i, (start, end, word) in enumerate(borders):
        row = {"i": i, "start": start, "end": end, "text": word}
        for name, values in columns.items():
            row.setdefault(name, values[i])
        rows.append(row)
    return rows


def _spans(doc: Doc) -> list[Row]:
    rows = []
    for name, layer in doc.layers.items():
        if layer.kind != "span":
            continue
        columns = {column: layer.values(column) for column in layer}
        for place, span in enumerate(doc.spans[name]):
            row = {
                "layer": name,
                "row": place,
                "start": span.start,
                "end": span.end,
                "start_char": span.start_char,
                "end_char": span.end_char,
                "text": span.text,
            }
            for column, values in columns.items():
                row.setdefault(column, values[place])
            rows.append(row)
    return rows


def _relations(doc: Doc) -> list[Row]:
    rows = []
    for name, layer in doc.layers.items():
        if layer.kind != "link":
            continue
        target = layer.target or LINKED
        spans = doc.spans[target]
        columns = {column: layer.values(column) for column in layer}
        for place in range(layer.size):
            head = columns["head"][place]
            tail = columns["tail"][place]
            row = {
                "layer": name,
                "row": place,
                "target": target,
                "head": head,
                "tail": tail,
                "head_text": spans[head].text,
                "tail_text": spans[tail].text,
            }
            for column, values in columns.items():
                row.setdefault(column, values[place])
            rows.append(row)
    return rows


def document_row(
    doc: Doc,
    name: str,
    fields: Fields,
) -> Row:
    """A row for a whole document: its fields, what is told of it, and its spans as JSON."""
    row: Row = {"doc": name, "text": doc.text}
    for key, value in fields.items():
        row.setdefault(key, value)
    row |= about(doc)
    for layer in doc.layers:
        if doc.layers[layer].kind == "span":
            spans = []
            for span in doc.spans[layer]:
                spans.append({"text": span.text, "label": span.label, "start": span.start_char})
            row[layer] = spans
    return row


FIRST_COLUMNS = {
    "docs": ("doc", "text"),
    "tokens": TOKEN_FIXED,
    "spans": SPAN_FIXED,
    "relations": LINK_FIXED,
}
"""The columns that each table has, also without a row."""


def csv_from_lines(
    lines: Path,
    target: Path,
    *,
    first: Sequence[str] = (),
) -> None:
    """Make a CSV file of a file of JSON objects, one a row; it replaces `target`.

    A column stands there for each key of any row, in the order in which they come, the `first` ones
    before all others. null is an empty
    cell; lists and objects are JSON. The file is UTF-8 with the mark by which spreadsheets know it.

    Errors: `StoreError`.
    """
    columns = dict.fromkeys(first)
    for row in _read(lines):
        columns.update(dict.fromkeys(row))
    write_atomically(target, _csv(list(columns), lines))


def _read(lines: Path) -> Iterator[Row]:
    with lines.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _csv(
    columns: list[str],
    lines: Path,
) -> Iterator[bytes]:
    out = StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    out.write("\ufeff")
    writer.writerow(columns)
    for number, row in enumerate(_read(lines), 1):
        writer.writerow([_cell(row.get(column)) for column in columns])
        if number % _ROWS == 0:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return value
