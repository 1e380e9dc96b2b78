"""doccano (https://doccano.github.io): JSON lines, exported and imported. Offsets are characters.

    {"id": 1, "text": "Иван тут", "label": [[0, 4, "PER"]]}              spans
    {"id": 1, "text": "Иван тут", "label": ["good"]}                     classes
    {"id": 1, "text": "Иван тут", "entities": [{"id": 7, "label": "PER", "start_offset": 0,
     "end_offset": 4}], "relations": [{"from_id": 7, "to_id": 9, "type": "KNOWS"}]}

The option "Count grapheme clusters as one character" of a project makes offsets that no other
program counts alike: leave it off.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.json_items import JsonItem, json_items
from pipekit.corpora.readers.spans import Aligner, CharSpan, Link, Misaligned, Tokenize, tokenized
from pipekit.doc import Doc
from pipekit.storage.files import write_atomically

SUFFIXES = (".jsonl", ".json")
_LISTS = ("label", "labels", "entities")


def read_doccano(
    path: StrPath,
    *,
    tokenize: Tokenize,
    misaligned: Misaligned = "expand",
    text: str = "text",
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """Docs of an export of doccano, with "ents", "relations" or "cats".

    Args:
        tokenize: makes Docs of texts.
        misaligned: the treatment of spans that do not fall on token borders, see `read_jsonl`.
        text: the key of the text.
        on_problem: receives each `Problem`, and reading goes on.

    Errors: `DataError` naming the line for one of another form.
    """
    with corpus(
        path,
        SUFFIXES,
        on_problem,
    ) as files:
        for file in files.values():
            for item in json_items(file):
                if not isinstance(item.data.get(text), str):
                    what = f"has no string under {text!r}: name the key with text=…"
                    file.fail(
                        item.line,
                        "json",
                        what,
                    )
                    continue
                [doc] = tokenized(tokenize, [item.data[text]])
                doc.name = str(item.data.get("id", item.line))
                _annotate(
                    doc,
                    item,
                    file,
                    misaligned,
                )
                yield doc


def _annotate(
    doc: Doc,
    item: JsonItem,
    file: CorpusFile,
    misaligned: Misaligned,
) -> None:
    lists = [item.data[key] for key in _LISTS if isinstance(item.data.get(key), list)]
    if not lists:
        return
    labels = lists[0]
    if labels and all(isinstance(label, str) for label in labels):
        classes = doc.add_layer(
            "cats",
            "doc",
            1,
        )
        for label in labels:
            classes.set(label, [1.0])
        return
    spans = []
    for place, label in enumerate(labels):
        span = _span(
            label,
            place,
            item.line,
        )
        if span is None:
            cure = 'doccano writes [start, end, "LABEL"]'
            file.fail(item.line, "json", f"label {place} is {str(label)[:60]}: {cure}")
        else:
            spans.append(span)
    relations = item.data.get("relations")
    links = None
    if isinstance(relations, list):
        links = [_link(relation, item.line) for relation in relations]
    named = replace(file, name=f"{file.name} (id {doc.name})")
    Aligner(named, misaligned).write(
        doc,
        spans,
        links,
    )


def _span(
    label: Any,
    place: int,
    line: int,
) -> CharSpan | None:
    """The span of a label of either shape; None where it has neither."""
    match label:
        case [int(start), int(end), str(name), *_]:
            key = str(place)
        case {"start_offset": int(start), "end_offset": int(end), "label": str(name)}:
            key = str(label.get("id", place))
        case _:
            return None
    if isinstance(start, bool) or isinstance(end, bool):
        return None
    return CharSpan(
        start,
        end,
        name,
        line,
        key,
    )


def _link(
    relation: Any,
    line: int,
) -> Link:
    data = relation if isinstance(relation, dict) else {}
    return Link(
        str(data.get("from_id")),
        str(data.get("to_id")),
        str(data.get("type")),
        line,
    )


def write_doccano(
    docs: Iterable[Doc],
    path: StrPath,
) -> None:
    """Write a file that doccano imports: entities and relations, or classes where there are none.

    A class is written where its score is above a half. Errors: `StoreError`.
    """
    write_atomically(path, map(doccano_line, docs))


def doccano_line(doc: Doc) -> bytes:
    """The line of a document, in UTF-8."""
    record: dict[str, Any] = {"text": doc.text}
    if doc.name is not None:
        record["name"] = doc.name
    if doc.ents is None and doc.cats is not None:
        record["label"] = [label for label, score in doc.cats.items() if score and score > 0.5]
    elif doc.relations is None:
        record["label"] = [
            [
                ent.start_char,
                ent.end_char,
                ent.label or "",
            ]
            for ent in doc.ents or ()
        ]
    else:
        record["entities"] = _entities(doc)
        record["relations"] = _relations(doc)
    return (json.dumps(record, ensure_ascii=False) + "\n").encode()


def _entities(doc: Doc) -> list[dict[str, Any]]:
    entities = []
    for row, ent in enumerate(doc.ents or ()):
        entities.append(
            {
                "id": row,
                "label": ent.label or "",
                "start_offset": ent.start_char,
                "end_offset": ent.end_char,
            }
        )
    return entities


def _relations(doc: Doc) -> list[dict[str, Any]]:
    layer = doc.layers["relations"]
    ends = zip(
        layer.values("head"),
        layer.values("tail"),
        layer.values("label"),
        strict=True,
    )
    relations = []
    for row, (head, tail, label) in enumerate(ends):
        relations.append({"id": row, "from_id": head, "to_id": tail, "type": label or ""})
    return relations
