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
from dataclasses import dataclass
from pathlib import PurePath
from typing import NamedTuple

import numpy as np

from pipekit.corpora.readers.files import OnProblem, StrPath, corpus
from pipekit.corpora.readers.webanno_cells import (
    numbered_value,
    stacked_values,
)
from pipekit.corpora.readers.webanno_file import WebannoFile, WebannoLayer, read_webanno_file
from pipekit.doc import Doc
from pipekit.doc.columns import encode_labels
from pipekit.doc.layer import span_layer
from pipekit.errors import near

SUFFIXES = (".tsv",)
ENTITIES = "NamedEntity"
_REFERENCE = re.compile(r"(\d+-\d+)(?:\.\d+)?(?:\[(\d+)_(\d+)\])?")
_BASE = "BT_"
_TAGS = {"POS": "pos", "Lemma": "lemma", "MorphologicalFeatures": "morph"}
_FEATURES = {
    "POS": ("coarseValue", "PosValue"),
    "Lemma": ("value",),
    "MorphologicalFeatures": ("value",),
}


@dataclass
class _Annotation:
    """A span of a layer. Its number is 0 where it has none of its own."""

    start: int
    end: int
    number: int
    values: list[str]


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
            reading = read_webanno_file(file)
            if reading is not None:
                yield _doc(reading, entities)


# -- text and tokens


def _doc(
    reading: WebannoFile,
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
    _write_layers(
        doc,
        reading,
        entities,
    )
    return doc


def _write_layers(
    doc: Doc,
    reading: WebannoFile,
    entities: str,
) -> None:
    layers = {layer.name: layer for layer in reading.layers if layer.kind == "T_SP"}
    spans = {name: _annotations(reading, layer) for name, layer in layers.items()}
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
        group = "ents" if name == entities else name
        rows[name] = _write_spans(
            doc,
            group,
            layers[name],
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


def _text(reading: WebannoFile) -> tuple[str, np.ndarray]:
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
    reading: WebannoFile,
    layer: WebannoLayer,
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
    reading: WebannoFile,
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

    def of(
        self,
        token: int,
        number: str | None,
    ) -> int | None:
        """The row of a reference to a token, and to a number where there is one but 0."""
        if number and int(number):
            return self.by_number.get(int(number))
        return self.by_token.get(token)


def _write_spans(
    doc: Doc,
    group: str,
    layer: WebannoLayer,
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


@dataclass
class _Relations:
    """Relations of a layer: rows of spans that they link, or the head of each token."""

    heads: list[int]
    tails: list[int]
    labels: list[str | None]
    governors: list[int]
    functions: list[str | None]


def _write_relations(
    doc: Doc,
    reading: WebannoFile,
    layer: WebannoLayer,
    rows: dict[str, _Rows],
    entities: str,
) -> None:
    bases = [name for name in layer.features if name.startswith(_BASE)]
    base = bases[0].rpartition(".")[2].removeprefix(_BASE) if bases else ""
    relations = _relations(
        reading,
        layer,
        base,
        rows.get(base),
    )
    if base in rows:
        is_of_entities = base == entities
        links = doc.add_layer(
            "relations" if is_of_entities else layer.name,
            "link",
            len(relations.heads),
            target="ents" if is_of_entities else base,
        )
        links.set("head", np.array(relations.heads, np.int32))
        links.set("tail", np.array(relations.tails, np.int32))
        column = encode_labels(relations.labels)
        links.set(
            "label",
            column.values,
            column.labels,
        )
    elif layer.name == "Dependency":
        doc.tokens.set("head", np.array(relations.governors, np.int32))
        column = encode_labels(relations.functions)
        doc.tokens.set(
            "dep",
            column.values,
            column.labels,
        )


def _relations(
    reading: WebannoFile,
    layer: WebannoLayer,
    base: str,
    rows: _Rows | None,
) -> _Relations:
    """What the cells of a layer link: spans of the layer `base` in `rows`, or else tokens."""
    size = len(reading.words)
    relations = _Relations(
        [],
        [],
        [],
        [-1] * size,
        [None] * size,
    )
    width = len(layer.features)
    label_place = layer.label()
    for row, cells in enumerate(reading.cells):
        columns = [stacked_values(cell) for cell in cells[layer.first : layer.first + width]]
        if len(columns) < width:
            continue
        labels = columns[label_place]
        for place, reference in enumerate(columns[-1]):
            match = _REFERENCE.fullmatch(reference)
            token = reading.tokens.get(match[1]) if match else None
            label = numbered_value(labels[place])[0] if place < len(labels) else ""
            what = ""
            if match is None or token is None:
                what = f"{reference!r} names no token: it is written 1-1 or 1-1[1_2]"
            elif rows is None:
                relations.governors[row] = token
                relations.functions[row] = label or None
            else:
                head = rows.of(token, match[2])
                tail = rows.of(row, match[3])
                if head is None or tail is None:
                    what = f"{reference!r} links no span of {base}"
                else:
                    relations.heads.append(head)
                    relations.tails.append(tail)
                    relations.labels.append(label or None)
            if what:
                reading.file.note(reading.lines[row], "relations", f"{what}: left out")
    return relations
