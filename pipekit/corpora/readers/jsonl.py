"""JSON lines: a text with entities in characters, or a Doc as `Doc.to_dict` gives it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.spans import Aligner, CharSpan, Link, Misaligned, Tokenize
from pipekit.doc import Doc
from pipekit.errors import PipekitError, near

SUFFIXES = (".jsonl", ".ndjson", ".json")
SPAN_KEYS = ("ents", "entities", "labels", "label", "spans")
NAME_KEYS = ("id", "name")
_LABEL_KEYS = ("label", "type")
_BATCH = 64


class JsonRecord(NamedTuple):
    line: int
    data: Mapping[str, Any]


def read_jsonl(
    path: StrPath,
    *,
    tokenize: Tokenize,
    misaligned: Misaligned = "expand",
    text: str = "text",
    meta: Sequence[str] = ("genre", "source"),
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """Docs of lines such as {"text": …, "ents": [[0, 4, "PER"], …], "relations": [[0, 1, "WORKS_AT"], …], "cats": {"sport": 1.0}}.

    Entities may stand under ents, entities, labels, label or spans, and be objects {"start", "end", "label" or "type", "id"}; where there
    are none of these keys, or null, no one has looked for entities. The ends of a relation, [head, tail, label] or {"head", "tail",
    "label"}, are places in the list of entities, or their ids. A line that `Doc.to_dict` wrote is read as it is, with its tokens.

    Args:
        tokenize: texts to Docs.
        misaligned: entities that do not fall on token borders are taken with the whole of their tokens ("expand"), left out ("skip"), or
            an error ("raise"). The first two are counted and shown in a warning.
        text: the key of the text.
        meta: keys kept as columns of the layer "meta"; id or name become the Doc's name.
        on_problem: is told each `Problem`, and reading goes on.
    """
    with corpus(path, SUFFIXES, on_problem) as files:
        for file in files.values():
            aligner = Aligner(file, misaligned)
            records = _records(file, text)
            while batch := list(islice(records, _BATCH)):
                for record, doc in zip(batch, _docs(file, batch, text, tokenize), strict=True):
                    if doc is not None:
                        yield _annotated(doc, record, aligner, meta)


def _records(file: CorpusFile, text: str) -> Iterator[JsonRecord]:
    for number, line in enumerate(file.lines(), 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except (ValueError, RecursionError) as error:
            file.fail(number, "json", f"is not JSON: {error}: write one object on each line")
            continue
        if not isinstance(data, dict):
            file.fail(
                number, "json", f'holds {type(data).__name__}, not an object: write {{"{text}": …}}'
            )
        elif not _is_doc(data) and not isinstance(data.get(text), str):
            file.fail(
                number,
                "json",
                f"has no string under {text!r}: name the key of the text with text=….{near(text, map(str, data))}",
            )
        else:
            yield JsonRecord(number, data)


def _is_doc(data: Mapping[str, Any]) -> bool:
    """Whether `Doc.to_dict` wrote it: nothing else has tokens that are objects."""
    tokens = data.get("tokens")
    return isinstance(tokens, list) and all(isinstance(token, dict) for token in tokens)


def _docs(
    file: CorpusFile, batch: Sequence[JsonRecord], text: str, tokenize: Tokenize
) -> Iterator[Doc | None]:
    tokenized = iter(tokenize([record.data[text] for record in batch if not _is_doc(record.data)]))
    return (_given(file, record) if _is_doc(record.data) else next(tokenized) for record in batch)


def _given(file: CorpusFile, record: JsonRecord) -> Doc | None:
    try:
        return Doc.from_dict(record.data)
    except (PipekitError, KeyError, TypeError, ValueError) as error:
        file.fail(
            record.line, "json", f"is no Doc of pipekit's: {error}: write it with Doc.to_dict"
        )
        return None


def _annotated(doc: Doc, record: JsonRecord, aligner: Aligner, meta: Sequence[str]) -> Doc:
    line, data = record
    if _is_doc(data):
        doc.name = doc.name or f"{Path(aligner.file.name).name}:{line}"
        return doc
    doc.name = str(
        next(
            (data[key] for key in NAME_KEYS if data.get(key) is not None),
            f"{Path(aligner.file.name).name}:{line}",
        )
    )
    layer = doc.add_layer("meta", "doc", 1).set("line", [line])
    for key in meta:
        if isinstance(data.get(key), str):
            layer.set(key, [data[key]])
    items = next((data[key] for key in SPAN_KEYS if isinstance(data.get(key), list)), None)
    if items is not None:
        links = data.get("relations")
        spans = [
            span for i, item in enumerate(items) if (span := _span(aligner.file, line, i, item))
        ]
        aligner.write(
            doc,
            spans,
            _links(aligner.file, line, links, items) if isinstance(links, list) else None,
        )
    for key in ("cats", "sentiment"):
        if isinstance(data.get(key), dict):
            _write_classes(aligner.file, line, doc, key, data[key])
    return doc


def _span(file: CorpusFile, line: int, i: int, item: Any) -> CharSpan | None:
    if isinstance(item, dict):
        label = next((item[key] for key in _LABEL_KEYS if key in item), None)
        parts = (item.get("start"), item.get("end"), label)
    else:
        parts = tuple(item[:3]) if isinstance(item, list) and len(item) >= 3 else (None, None, None)
    start, end, label = parts
    if type(start) is int and type(end) is int and isinstance(label, str):
        return CharSpan(start, end, label, line, _key(item, i))
    file.fail(
        line,
        "json",
        f'entity {i} is {str(item)[:60]}: write [start, end, label] or {{"start", "end", "label"}}',
    )
    return None


def _key(item: Any, i: int) -> str:
    return str(item["id"]) if isinstance(item, dict) and "id" in item else str(i)


def _links(
    file: CorpusFile, line: int, items: Sequence[Any], entities: Sequence[Any]
) -> list[Link]:
    links = []
    for item in items:
        ends = (
            [item.get(key) for key in ("head", "tail", *_LABEL_KEYS)]
            if isinstance(item, dict)
            else item
        )
        if isinstance(item, dict):
            ends = [ends[0], ends[1], ends[2] if ends[2] is not None else ends[3]]
        if isinstance(ends, list) and len(ends) == 3 and isinstance(ends[2], str):
            links.append(Link(_end(ends[0], entities), _end(ends[1], entities), ends[2], line))
        else:
            file.fail(line, "json", f"a relation is {str(item)[:60]}: write [head, tail, label]")
    return links


def _end(end: Any, entities: Sequence[Any]) -> str:
    """The key of an entity that is named by its place in the list or by its id."""
    return _key(entities[end], end) if type(end) is int and 0 <= end < len(entities) else str(end)


def _write_classes(
    file: CorpusFile, line: int, doc: Doc, key: str, scores: Mapping[str, Any]
) -> None:
    if not all(isinstance(score, int | float) for score in scores.values()):
        file.fail(line, "json", f'{key} holds a value that is no number: write {{"label": 1.0, …}}')
        return
    layer = doc.add_layer(key, "doc", 1)
    for label, score in scores.items():
        layer.set(label, [float(score)])
