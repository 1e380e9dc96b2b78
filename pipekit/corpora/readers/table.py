"""Tables of texts with classes, CSV or TSV.

The class is that of the whole text, or of the part of the text that a row is about.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipekit.corpora.readers.encodings import check_encoding
from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus, stem
from pipekit.corpora.readers.sentences import set_strings
from pipekit.corpora.readers.spans import Aligner, CharSpan, Tokenize, with_docs
from pipekit.doc import Doc
from pipekit.doc.values import SENTIMENT_OF
from pipekit.errors import ConfigError, near

SUFFIXES = (".csv", ".tsv")
DELIMITERS = (",", ";", "\t", "|")
"""What stands between two cells, by the programs that write tables."""
_OFFSET = re.compile(r"[0-9]{1,10}")
_CSV_LIMIT = 2**31 - 1  # characters of a cell; by default the module csv stops at 131,072

ClassScores = Mapping[str, float]


class TableRow(NamedTuple):
    """The cells of a row by column, and its line."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Classes:
    """The meaning of a cell of labels.

    `classes` maps labels to classes; where it is empty, each label is a class of its own. A cell in
    brackets, "[0 2]", holds any number of labels; a cell without labels has the class `none`. With
    `exclusive`, a text has a class only if its labels have exactly one.

        Classes({"0": "joy", "2": "fear"}, "", False).of("[0]")     {"joy": 1.0, "fear": 0.0}
    """

    classes: Mapping[str, str]
    none: str
    exclusive: bool

    def of(self, cell: str) -> ClassScores | None:
        """The classes of a cell, or the only one if they are exclusive; None without annotation."""
        names = {self._class(label) for label in _labels(cell)}
        if not names:
            names = {self.none or None}
        if self.exclusive:
            return _only(names)
        scores = dict.fromkeys(self.classes.values(), 0.0)
        for name in names:
            if name is not None:
                scores[name] = 1.0
        return scores

    def _class(self, label: str) -> str | None:
        return self.classes.get(label) if self.classes else label


def _labels(cell: str) -> list[str]:
    cell = cell.strip()
    if cell.startswith("[") and cell.endswith("]"):
        return cell[1:-1].replace(",", " ").split()
    return [cell] if cell else []


def _only(names: set[str | None]) -> ClassScores | None:
    if len(names) != 1:
        return None
    [name] = names
    return None if name is None else {name: 1.0}


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
    encoding: str | None = None,
    delimiter: str | None = None,
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """Docs of a table whose first row names its columns.

        docs = read_table("reviews.csv", tokenize=nlp.tokenize, text="review", label="stars")

    Args:
        text, label: the columns of the text and of its label.
        layer: the layer of the classes: "cats" or "sentiment".
        classes, none, exclusive: the class of each label, the class of a cell without labels, and
            whether classes exclude each other: see `Classes`.
        span: three columns: the begin and end (in characters) and the label of the part of the text
            that a row is about. All rows of a text are then one Doc with spans "ents", and the
            classes are the sentiment toward each span.
        meta: columns that become columns of the layer "meta".
        rows: the part of the table to read, as two shares of its rows: [0.9, 1.0] is the last
            tenth.
        encoding: "cp1251", for instance. Without it, UTF-8, or UTF-16 where a mark says so.
        delimiter: what stands between two cells. Without it, a comma (in .tsv a tab), or that of
            `DELIMITERS` by which there is a column of the text.
        on_problem: receives each `Problem`, and reading goes on.

    Errors: `ConfigError` for settings, `DataError` for a table without these columns.
    """
    if len(span) not in (0, 3):
        raise ConfigError(
            f"span is {list(span)!r}: it takes three columns, those of start, end and label"
        )
    class_of_label = {str(key): value for key, value in (classes or {}).items()}
    meaning = Classes(class_of_label, none, exclusive)
    check_encoding(encoding)
    with corpus(path, SUFFIXES, on_problem) as files:
        for file in files.values():
            file.encoding = encoding
            file.is_table = True
            table = _rows(file, (text, label, *span), rows, delimiter)
            if span:
                groups = _by_text(table, text)
            else:
                groups = [[row] for row in table]
            for group, doc in with_docs(groups, lambda group: group[0].cells[text], tokenize):
                _name(file, doc, group[0], meta)
                scores = []
                for row in group:
                    cell = row.cells[label]
                    scores.append(meaning.of(cell))
                if span:
                    spans = _spans(file, group, span)
                    _write_spans(file, doc, spans, scores, meaning)
                else:
                    _write_classes(doc, layer, scores[0])
                yield doc


def _rows(
    file: CorpusFile,
    needed: Sequence[str],
    shares: Sequence[float],
    delimiter: str | None,
) -> list[TableRow]:
    """The rows between two shares of the table."""
    csv.field_size_limit(_CSV_LIMIT)
    lines = (f"{line}\n" for line in file.lines())
    first = next(lines, "")
    if not first.strip():
        file.fail(1, "columns", "has an empty first line: name the columns there")
        return []
    usual = "\t" if stem(file.name).endswith(".tsv") else ","
    delimiter = delimiter or _delimiter(first, needed[0], usual)
    reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    rows: list[TableRow] = []
    try:
        names = next(reader, [])
        for name in needed:
            if name not in names:
                cure = f"name the columns by options such as text=….{near(name, names)}"
                file.fail(1, "columns", f"has no column {name!r}: {cure}")
                return []
            if names.count(name) > 1:
                file.fail(1, "columns", f"has two columns {name!r}: rename the other one")
                return []
        for cells in reader:
            line = reader.line_num
            if len(cells) == len(names):
                rows.append(TableRow(line, dict(zip(names, cells, strict=True))))
            elif cells:
                what = (
                    f"has {len(cells)} cells, but the first row names {len(names)}: "
                    f"quote cells with {delimiter!r}"
                )
                file.fail(line, "columns", what)
    except csv.Error as error:
        cure = "double the quotation marks inside a quoted cell"
        file.fail(reader.line_num, "csv", f"is no row of a table: {error}: {cure}")
    begin = round(shares[0] * len(rows))
    end = round(shares[1] * len(rows))
    return rows[begin:end]


def _delimiter(
    line: str,
    text: str,
    usual: str,
) -> str:
    heads = (_head(line, delimiter) for delimiter in (usual, *DELIMITERS))
    return likely_head(heads, text).delimiter


def _head(
    line: str,
    delimiter: str,
) -> TableHead:
    names = next(csv.reader([line], delimiter=delimiter), [])
    return TableHead(names, delimiter)


class TableHead(NamedTuple):
    """The names of a table's columns, and what stands between two cells."""

    names: list[str]
    delimiter: str


def likely_head(
    heads: Iterable[TableHead],
    text: str,
) -> TableHead:
    """The first head with the column of the text; else the first that has the most columns.

    Args:
        heads: the first row as different delimiters cut it, the usual one first; one at least.
    """
    widest = TableHead([], "")
    for head in heads:
        if text in head.names:
            return head
        if not widest.delimiter or len(head.names) > len(widest.names):
            widest = head
    return widest


def first_twice(names: Sequence[str]) -> str | None:
    """The first name that is there twice."""
    seen = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _by_text(
    table: Sequence[TableRow],
    text: str,
) -> list[list[TableRow]]:
    """The rows of each text, in the order of their first ones."""
    groups: dict[str, list[TableRow]] = {}
    for row in table:
        groups.setdefault(row.cells[text], []).append(row)
    return list(groups.values())


def _name(
    file: CorpusFile,
    doc: Doc,
    row: TableRow,
    meta: Sequence[str],
) -> None:
    """Set the Doc's name and the layer "meta" from its first row."""
    doc.name = f"{Path(file.name).name}:{row.line}"
    layer = doc.add_layer("meta", "doc", 1).set("line", [row.line])
    for key in meta:
        if row.cells.get(key):
            set_strings(layer, key, [row.cells[key]])


def _write_classes(
    doc: Doc,
    layer_name: str,
    scores: ClassScores | None,
) -> None:
    if scores is None:
        return
    layer = doc.add_layer(layer_name, "doc", 1)
    for name, score in sorted(scores.items()):
        layer.set(name, np.array([score], np.float32))


def _spans(
    file: CorpusFile,
    group: Sequence[TableRow],
    columns: Sequence[str],
) -> list[CharSpan | None]:
    """The span of each row; None for offsets that are no numbers."""
    start_column, end_column, label_column = columns
    spans: list[CharSpan | None] = []
    for number, (line, cells) in enumerate(group):
        start = cells[start_column].strip()
        end = cells[end_column].strip()
        if _OFFSET.fullmatch(start) and _OFFSET.fullmatch(end):
            label = cells[label_column]
            spans.append(
                CharSpan(
                    int(start),
                    int(end),
                    label,
                    line,
                    str(number),
                )
            )
            continue
        spans.append(None)
        what = (
            f"{start_column} is {start!r:.40} and {end_column} {end!r:.40}: "
            "both are numbers of characters"
        )
        file.fail(line, "offsets", what)
    return spans


def _write_spans(
    file: CorpusFile,
    doc: Doc,
    spans: Sequence[CharSpan | None],
    scores: Sequence[ClassScores | None],
    meaning: Classes,
) -> None:
    """Write the spans, and the sentiment toward each: NaN where it is not annotated."""
    pairs = [
        (span, span_scores)
        for span, span_scores in zip(spans, scores, strict=True)
        if span is not None
    ]
    pairs.sort(key=lambda pair: pair[0][:2])
    pairs = [pair for pair in pairs if _is_inside(file, doc, pair[0])]
    Aligner(file).write(doc, [span for span, _ in pairs])
    names = set(meaning.classes.values())
    for _, span_scores in pairs:
        names.update(span_scores or ())
    for name in sorted(names):
        column = [_score(span_scores, name) for _, span_scores in pairs]
        doc.layers["ents"].set(SENTIMENT_OF + name, np.array(column, np.float32))


def _score(
    scores: ClassScores | None,
    name: str,
) -> float:
    return np.nan if scores is None else scores.get(name, 0.0)


def _is_inside(
    file: CorpusFile,
    doc: Doc,
    span: CharSpan,
) -> bool:
    """Whether the aligner writes the span: it lies in the text and is not only white space."""
    if 0 <= span.start < span.end <= len(doc.text) and doc.text[span.start : span.end].strip():
        return True
    what = f"[{span.start}, {span.end}) is no part of the text of {len(doc.text)} characters"
    file.fail(span.line, "offsets", what)
    return False
