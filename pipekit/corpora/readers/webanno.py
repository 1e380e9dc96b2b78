"""WebAnno TSV 3 (https://inception-project.github.io), which INCEpTION and WebAnno export.

    #FORMAT=WebAnno TSV 3.3
    #T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value
    #T_RL=webanno.custom.Relation|label|BT_de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity

    #Text=Иван Петров тут
    1-1<tab>0-4<tab>Иван<tab>*[1]<tab>PER[1]<tab>_<tab>_

A layer has a column for each feature. "_" is nothing, "*" an annotation without that feature, "a|b"
two annotations, "[1]" the number of one that goes on over several tokens. A relation stands at its
target and names the token of its source, "1-1[1_2]". Offsets are those of Java, in units of UTF-16.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import NamedTuple

import numpy as np

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.webanno_cells import (
    numbered_value,
    plain_cell,
    stacked_values,
)
from pipekit.doc import Doc
from pipekit.doc.columns import encode_labels
from pipekit.doc.layer import span_layer
from pipekit.errors import near

SUFFIXES = (".tsv",)
ENTITIES = "NamedEntity"
_TOKEN = re.compile(r"(\d+)-(\d+)")
_SUB_TOKEN = re.compile(r"\d+-\d+\.\d+")
_REFERENCE = re.compile(r"(\d+-\d+)(?:\.\d+)?(?:\[(\d+)_(\d+)\])?")
_BASE = "BT_"
_TAGS = {"POS": "pos", "Lemma": "lemma", "MorphologicalFeatures": "morph"}
_FEATURES = {
    "POS": ("coarseValue", "PosValue"),
    "Lemma": ("value",),
    "MorphologicalFeatures": ("value",),
}
_LABELS = ("value", "label", "kind", "type", "DependencyType", "relationType")


class _Layer(NamedTuple):
    """A layer of the header: its last name, its features, and the first of its columns."""

    kind: str
    name: str
    features: list[str]
    first: int

    def label(self) -> int:
        """The place of the feature that labels an annotation."""
        for name in _LABELS:
            if name in self.features:
                return self.features.index(name)
        return 0


@dataclass
class _Annotation:
    """A span of a layer. Its number is 0 where it has none of its own."""

    start: int
    end: int
    number: int
    values: list[str]


@dataclass
class _Reading:
    """What was read of a file so far."""

    file: CorpusFile
    layers: list[_Layer] = field(default_factory=list)
    tokens: dict[str, int] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)  # of sentences
    texts: list[str] = field(default_factory=list)  # of sentences
    cells: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def read_webanno(
    path: StrPath,
    *,
    entities: str = ENTITIES,
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """Docs of files of WebAnno TSV 3, with the tokens, sentences and layers of the file.

    The layer of `entities` becomes "ents"; POS, Lemma, MorphologicalFeatures and Dependency become
    columns of tokens; other layers of spans are groups of spans with their own name, and relations
    between entities are "relations". Where a file has no layer of that name, its only layer of
    spans is "ents". Annotations of a part of a token take the whole of it, and chains are left out.

    Args:
        path: a file, or a folder or archive of such.
        entities: the last part of the name of the layer with the entities.
        on_problem: receives each `Problem`, and reading goes on.

    Errors: `DataError` naming the file and the line for what is no WebAnno TSV 3.
    """
    with corpus(
        path,
        SUFFIXES,
        on_problem,
    ) as files:
        for file in files.values():
            reading = _read(file)
            if reading is not None:
                yield _doc(reading, entities)


def _read(file: CorpusFile) -> _Reading | None:
    reading = _Reading(file)
    is_format = False
    is_sentence = False
    for number, line in enumerate(file.lines(), 1):
        if line.startswith("#FORMAT="):
            is_format = line.startswith("#FORMAT=WebAnno TSV 3")
        if not is_format and line.strip():
            what = f"begins with {line[:40]!r}: export as WebAnno TSV 3, whose first line names it"
            file.fail(
                number,
                "columns",
                what,
            )
            return None
        if line.startswith(("#T_SP=", "#T_RL=", "#T_CH=")):
            _add_layer(reading, line)
        elif line.startswith("#Text="):
            if is_sentence:  # a sentence of several lines
                reading.texts[-1] += "\n" + plain_cell(line.removeprefix("#Text="))
                continue
            reading.texts.append(plain_cell(line.removeprefix("#Text=")))
            reading.firsts.append(len(reading.words))
            is_sentence = True
        elif line.strip() and not (line.startswith("#") and "\t" not in line):
            is_sentence = False
            _add_token(
                reading,
                number,
                line,
            )
    return reading


def _add_layer(
    reading: _Reading,
    line: str,
) -> None:
    kind, _, rest = line[1:].partition("=")
    name, *features = rest.split("|")
    first = 0
    if reading.layers:
        last = reading.layers[-1]
        first = last.first + max(len(last.features), 1)
    reading.layers.append(
        _Layer(
            kind,
            name.rpartition(".")[2],
            features,
            first,
        )
    )


def _add_token(
    reading: _Reading,
    number: int,
    line: str,
) -> None:
    key, *cells = line.split("\t")
    if _SUB_TOKEN.fullmatch(key) and reading.words:
        _add_part(reading, cells)
        return
    begin, _, end = cells[0].partition("-") if cells else ("", "", "")
    is_whole = _TOKEN.fullmatch(key) and begin.isdecimal() and end.isdecimal()
    if not is_whole or len(cells) < 2 or not cells[1]:
        what = f"{line[:60]!r} is no token: it begins with 1-1<tab>0-4<tab>its text"
        reading.file.fail(
            number,
            "columns",
            what,
        )
        return
    reading.tokens[key] = len(reading.words)
    reading.words.append(plain_cell(cells[1]))
    reading.begins.append(int(begin))
    reading.ends.append(int(end))
    reading.cells.append(cells[2:])
    reading.lines.append(number)


def _add_part(
    reading: _Reading,
    cells: list[str],
) -> None:
    """Give the annotations of a part of a token to the whole of it."""
    own = reading.cells[-1]
    for place, cell in enumerate(cells[2:]):
        if place >= len(own) or cell in ("_", ""):
            continue
        own[place] = cell if own[place] in ("_", "") else f"{own[place]}|{cell}"


# -- text and tokens


def _doc(
    reading: _Reading,
    entities: str,
) -> Doc:
    text, starts = _text(reading)
    ends = starts + np.fromiter(
        map(len, reading.words),
        np.int64,
        len(reading.words),
    )
    doc = Doc(
        text=text,
        starts=starts,
        ends=ends,
    )
    doc.name = PurePath(reading.file.name).stem
    if reading.words:
        begins = np.zeros(len(doc), dtype=bool)
        begins[[first for first in reading.firsts if first < len(doc)]] = True
        begins[0] = True
        doc.tokens.set("sent_start", begins)
    spans: dict[str, list[_Annotation]] = {}
    for layer in reading.layers:
        if layer.kind == "T_SP":
            spans[layer.name] = _annotations(reading, layer)
    others = [name for name in spans if name not in _TAGS]
    if entities not in spans and len(others) == 1:
        entities = others[0]
    elif entities not in spans and entities != ENTITIES:
        hint = near(entities, others)
        reading.file.fail(None, "layers", f"has no layer of spans {entities!r}.{hint}")
    _write_tags(
        doc,
        reading,
        spans,
    )
    rows: dict[str, _Rows] = {}
    for name in others:
        layer = next(each for each in reading.layers if each.name == name)
        group = "ents" if name == entities else name
        rows[name] = _write_spans(
            doc,
            group,
            layer,
            spans[name],
        )
    for layer in reading.layers:
        if layer.kind == "T_RL":
            _write_relations(
                doc,
                reading,
                layer,
                rows,
                entities,
            )
    return doc


def _text(reading: _Reading) -> tuple[str, np.ndarray]:
    """The text of a file, and where each token begins in it, in characters.

    Lengths are taken of the texts themselves, so it does not matter how the offsets count; what
    lies between two sentences is as many line breaks as the offsets leave.
    """
    text = ""
    starts = []
    borders = [*reading.firsts, len(reading.words)]
    for number, sentence in enumerate(reading.texts):
        place = 0
        first, last = borders[number], borders[number + 1]
        if first and first < last:
            gap = reading.begins[first] - reading.ends[first - 1]
            text = text.rstrip() + "\n" * max(gap, 0)
        base = len(text)
        for row in range(first, last):
            at = sentence.find(reading.words[row], place)
            if at < 0 or sentence[place:at].strip():
                what = f"{reading.words[row]!r} does not follow in #Text={sentence[:40]!r}"
                reading.file.fail(reading.lines[row], "columns", f"{what}: export again")
                at = place
                sentence = sentence[:place] + reading.words[row] + sentence[place:]
            if row == first:  # white space before it is that of the gap
                base -= at
            starts.append(base + at)
            place = at + len(reading.words[row])
        if first < last:
            text += sentence.lstrip()
    return text.rstrip(), np.array(starts, dtype=np.int64)


# -- annotations


def _annotations(
    reading: _Reading,
    layer: _Layer,
) -> list[_Annotation]:
    """The spans of a layer, in the order of their first tokens."""
    width = max(len(layer.features), 1)
    spans: list[_Annotation] = []
    numbered: dict[int, _Annotation] = {}
    for row, cells in enumerate(reading.cells):
        columns = [stacked_values(cell) for cell in cells[layer.first : layer.first + width]]
        depth = max(map(len, columns), default=0)
        for place in range(depth):
            pairs = [numbered_value(column[place]) for column in columns if place < len(column)]
            number = max((number for _, number in pairs), default=0)
            values = [value for value, _ in pairs]
            if number and number in numbered:
                numbered[number].end = row + 1
                continue
            span = _Annotation(
                row,
                row + 1,
                number,
                values,
            )
            spans.append(span)
            if number:
                numbered[number] = span
    return spans


def _write_tags(
    doc: Doc,
    reading: _Reading,
    spans: dict[str, list[_Annotation]],
) -> None:
    for layer in reading.layers:
        column = _TAGS.get(layer.name)
        if column is None or layer.kind != "T_SP":
            continue
        places = [
            layer.features.index(name) for name in _FEATURES[layer.name] if name in layer.features
        ]
        values: list[str | None] = [None] * len(doc)
        for span in spans[layer.name]:
            filled = [span.values[place] for place in places if place < len(span.values)]
            values[span.start] = next(filter(None, filled), None)
        if any(values):
            doc.tokens.set(column, values)


class _Rows(NamedTuple):
    """The rows of the spans of a layer, by number, and by their only token."""

    by_number: dict[int, int]
    by_token: dict[int, int]


def _write_spans(
    doc: Doc,
    group: str,
    layer: _Layer,
    spans: Sequence[_Annotation],
) -> _Rows:
    label = layer.label()
    columns: list[list[str | None]] = []
    for place in range(max(len(layer.features), 1)):
        column = [span.values[place] if place < len(span.values) else "" for span in spans]
        columns.append([value or None for value in column])
    written = span_layer(
        [span.start for span in spans],
        [span.end for span in spans],
        encode_labels(columns[label]),
    )
    for place, name in enumerate(layer.features):
        is_free = name not in written and place != label
        if is_free and any(columns[place]):
            values = encode_labels(columns[place])
            written.set(
                name,
                values.values,
                values.labels,
            )
    doc.layers[group] = written
    rows = _Rows({}, {})
    for row, span in enumerate(spans):
        if span.number:
            rows.by_number[span.number] = row
        else:
            rows.by_token.setdefault(span.start, row)
    return rows


def _write_relations(
    doc: Doc,
    reading: _Reading,
    layer: _Layer,
    rows: dict[str, _Rows],
    entities: str,
) -> None:
    bases = [name for name in layer.features if name.startswith(_BASE)]
    base = bases[0].rpartition(".")[2].removeprefix(_BASE) if bases else ""
    label_place = layer.label()
    heads: list[int] = []
    tails: list[int] = []
    labels: list[str | None] = []
    governors = np.full(
        len(doc),
        -1,
        np.int32,
    )
    relations: list[str | None] = [None] * len(doc)
    width = len(layer.features)
    for row, cells in enumerate(reading.cells):
        columns = [stacked_values(cell) for cell in cells[layer.first : layer.first + width]]
        if len(columns) < width:
            continue
        for place, reference in enumerate(columns[-1]):
            match = _REFERENCE.fullmatch(reference)
            token = reading.tokens.get(match[1]) if match else None
            label = numbered_value(columns[label_place][place])[0] or None
            if match is None or token is None:
                what = f"{reference!r} names no token: it is written 1-1 or 1-1[1_2]"
                reading.file.note(reading.lines[row], "relations", f"{what}: left out")
            elif base not in rows:
                governors[row] = token
                relations[row] = label
            else:
                head = _row_of(
                    rows[base],
                    token,
                    int(match[2] or 0),
                )
                tail = _row_of(
                    rows[base],
                    row,
                    int(match[3] or 0),
                )
                if head is None or tail is None:
                    what = f"{reference!r} links no span of {base}: left out"
                    reading.file.note(
                        reading.lines[row],
                        "relations",
                        what,
                    )
                    continue
                heads.append(head)
                tails.append(tail)
                labels.append(label)
    if base in rows:
        name = "relations" if base == entities else layer.name
        target = "ents" if base == entities else base
        links = doc.add_layer(
            name,
            "link",
            len(heads),
            target=target,
        )
        links.set("head", np.array(heads, np.int32)).set("tail", np.array(tails, np.int32))
        column = encode_labels(labels)
        links.set(
            "label",
            column.values,
            column.labels,
        )
    elif layer.name == "Dependency":
        doc.tokens.set("head", governors)
        column = encode_labels(relations)
        doc.tokens.set(
            "dep",
            column.values,
            column.labels,
        )


def _row_of(
    rows: _Rows,
    token: int,
    number: int,
) -> int | None:
    if number:
        return rows.by_number.get(number)
    return rows.by_token.get(token)
