"""Tables of texts with classes, CSV or TSV: a class of the whole text, or of the part of it that a row is about."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus, stem
from pipekit.corpora.readers.sentences import set_strings
from pipekit.corpora.readers.spans import Aligner, CharSpan, Tokenize
from pipekit.doc import Doc
from pipekit.doc.views import SENTIMENT_OF
from pipekit.errors import ConfigError, near

SUFFIXES = (".csv", ".tsv")
_BATCH = 256
_CSV_LIMIT = 2**31 - 1  # of characters in a cell; the module csv stops at 131,072


class TableRow(NamedTuple):
    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Classes:
    """What a cell of labels says.

    `classes` gives the class of each label, all labels themselves where it is empty. A cell in brackets, "[0 2]", holds any number of
    labels; one of none has the class `none`. With `exclusive` a text whose labels have no class, or several, is left without any.
    """

    classes: Mapping[str, str]
    none: str
    exclusive: bool

    def of(self, cell: str) -> dict[str, float] | None:
        """The classes of a cell, one where they exclude each other; None where it says nothing that counts."""
        cell = cell.strip()
        labels = (
            cell[1:-1].replace(",", " ").split()
            if cell[:1] == "[" and cell[-1:] == "]"
            else [cell]
            if cell
            else []
        )
        found = {self.classes.get(label) if self.classes else label for label in labels} or {
            self.none or None
        }
        if self.exclusive:
            only = found.pop() if len(found) == 1 else None
            return None if only is None else {only: 1.0}
        every = dict.fromkeys(self.classes.values(), 0.0)
        return every | {name: 1.0 for name in found if name is not None}


def read_table(
    path: StrPath,
    *,
    tokenize: Tokenize,
    text: str = "text",
    label: str = "label",
    layer: str = "cats",
    classes: Mapping[str, str] | None = None,
    none: str = "",
    exclusive: bool = True,
    span: Sequence[str] = (),
    meta: Sequence[str] = ("source",),
    rows: Sequence[float] = (0.0, 1.0),
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """Docs of a table whose first row names its columns: `text` and `label` are those of the text and of its label.

    Args:
        layer: where classes are written: "cats", "sentiment".
        classes, none, exclusive: the class of each label, that of a cell without labels, and whether classes exclude each other:
            see `Classes`.
        span: three columns: where the part of the text that a row is about begins and ends (in characters), and its label. All rows of a
            text are then one Doc with spans "ents", and the classes are the sentiment toward each.
        meta: columns kept in the layer "meta".
        rows: the part of the table to be read, as two shares of its rows: [0.9, 1.0] is the last tenth.
        on_problem: is told each `Problem`, and reading goes on.
    """
    if len(span) not in (0, 3):
        raise ConfigError(
            f"span is {list(span)!r}: it takes three columns, those of start, end and label"
        )
    said = Classes({str(key): value for key, value in (classes or {}).items()}, none, exclusive)
    with corpus(path, SUFFIXES, on_problem) as files:
        for file in files.values():
            table = _rows(file, (text, label, *span), rows)
            for doc, group in _docs(
                _by_text(table, text) if span else ([row] for row in table), text, tokenize
            ):
                _name(file, doc, group[0], meta)
                if span:
                    _write_spans(file, doc, group, said, label, span)
                else:
                    _write_classes(doc, layer, said.of(group[0].cells[label]))
                yield doc


def _docs(
    groups: Iterator[list[TableRow]], text: str, tokenize: Tokenize
) -> Iterator[tuple[Doc, list[TableRow]]]:
    """A Doc for the rows of each text, tokenized many at a time."""
    while bunch := list(islice(groups, _BATCH)):
        yield from zip(tokenize([group[0].cells[text] for group in bunch]), bunch, strict=True)


def _rows(file: CorpusFile, needed: Sequence[str], part: Sequence[float]) -> list[TableRow]:
    """The rows of a part of the table, which is given by two shares."""
    csv.field_size_limit(_CSV_LIMIT)
    delimiter = "\t" if stem(file.name).endswith(".tsv") else ","
    reader = csv.reader((f"{line}\n" for line in file.lines()), delimiter=delimiter, strict=True)
    found: list[TableRow] = []
    try:
        names = next(reader, [])
        for name in needed:
            if name not in names:
                file.fail(
                    1,
                    "columns",
                    f"has no column {name!r}: name the columns by options such as text=….{near(name, names)}",
                )
                return []
        for cells in reader:
            line = reader.line_num
            if len(cells) == len(names):
                found.append(TableRow(line, dict(zip(names, cells, strict=True))))
            elif cells:
                file.fail(
                    line,
                    "columns",
                    f"has {len(cells)} cells, but the first row names {len(names)}: quote cells with {delimiter!r}",
                )
    except csv.Error as error:
        file.fail(
            reader.line_num,
            "csv",
            f"is no row of a table: {error}: double the quotation marks inside a quoted cell",
        )
    return found[round(part[0] * len(found)) : round(part[1] * len(found))]


def _by_text(table: Sequence[TableRow], text: str) -> Iterator[list[TableRow]]:
    """The rows of each text, in the order of their first ones."""
    groups: dict[str, list[TableRow]] = {}
    for row in table:
        groups.setdefault(row.cells[text], []).append(row)
    return iter(groups.values())


def _name(file: CorpusFile, doc: Doc, row: TableRow, meta: Sequence[str]) -> None:
    doc.name = f"{Path(file.name).name}:{row.line}"
    layer = doc.add_layer("meta", "doc", 1).set("line", [row.line])
    for key in meta:
        if row.cells.get(key):
            set_strings(layer, key, [row.cells[key]])


def _write_classes(doc: Doc, layer: str, found: Mapping[str, float] | None) -> None:
    if found is None:
        return
    written = doc.add_layer(layer, "doc", 1)
    for name, value in sorted(found.items()):
        written.set(name, np.array([value], np.float32))


def _write_spans(
    file: CorpusFile,
    doc: Doc,
    group: Sequence[TableRow],
    said: Classes,
    label: str,
    span: Sequence[str],
) -> None:
    spans = []
    for i, (line, cells) in enumerate(group):
        start, end = cells[span[0]].strip(), cells[span[1]].strip()
        if start.isdecimal() and end.isdecimal():
            spans.append(
                (
                    CharSpan(int(start), int(end), cells[span[2]], line, str(i)),
                    said.of(cells[label]),
                )
            )
        else:
            file.fail(
                line,
                "offsets",
                f"{span[0]} is {start!r} and {span[1]} {end!r}: both are numbers of characters",
            )
    spans.sort(key=lambda pair: pair[0][:2])
    kept = [pair for pair in spans if _writes(file, doc, pair[0])]
    Aligner(file).write(doc, [one for one, _ in kept])
    for name in sorted(
        {name for _, found in kept for name in found or ()} | set(said.classes.values())
    ):
        values = [np.nan if found is None else found.get(name, 0.0) for _, found in kept]
        doc.layers["ents"].set(SENTIMENT_OF + name, np.array(values, np.float32))


def _writes(file: CorpusFile, doc: Doc, span: CharSpan) -> bool:
    """Whether the aligner would keep the span: it lies in the text and has more than white space."""
    if 0 <= span.start < span.end <= len(doc.text) and doc.text[span.start : span.end].strip():
        return True
    file.fail(
        span.line,
        "offsets",
        f"[{span.start}, {span.end}) is no part of the text of {len(doc.text)} characters",
    )
    return False
