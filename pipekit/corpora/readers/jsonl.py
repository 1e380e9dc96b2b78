"""JSON lines: texts with entities in characters, or Docs as `Doc.to_dict` writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.spans import Aligner, CharSpan, Link, Misaligned, Tokenize, tokenized
from pipekit.doc import Doc
from pipekit.errors import PipekitError, near
from pipekit.settings import names_of

SUFFIXES = (".jsonl", ".ndjson", ".json")
SPAN_KEYS = ("ents", "entities", "labels", "label", "spans")
NAME_KEYS = ("id", "name")
_LABEL_KEYS = ("label", "type")
_BATCH = 64  # texts tokenized at once


class JsonRecord(NamedTuple):
    """The object of a line."""

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
    """Docs of JSON objects, one a line.

        {"text": "Иван работает в Уфе",
         "ents": [[0, 4, "PER"], {"start": 16, "end": 19, "label": "LOC", "id": "e2"}],
         "relations": [[0, 1, "WORKS_IN"], {"head": 0, "tail": "e2", "label": "WORKS_IN"}],
         "cats": {"job": 1.0}}

    Entities may stand under ents, entities, labels, label or spans; without such a key, or with
    null, the text is not annotated with entities. The label of an object may stand under "type".
    The head and tail of a relation are places in the list of entities, or their ids. A line that
    `Doc.to_dict` wrote is read as it is, with its tokens.

    Args:
        tokenize: makes Docs of texts.
        misaligned: the treatment of entities that do not fall on token borders: "expand" takes the
            whole of their tokens, "skip" leaves them out, "raise" is an error. The first two are
            counted and shown in a warning.
        text: the key of the text.
        meta: keys that become columns of the layer "meta"; id or name become the Doc's name.
        on_problem: receives each `Problem`, and reading goes on.

    Errors: `DataError` for a line of another form.
    """
    meta = names_of(meta, "meta")
    with corpus(path, SUFFIXES, on_problem) as files:
        for file in files.values():
            aligner = Aligner(file, misaligned)
            records = _records(file, text)
            while batch := list(islice(records, _BATCH)):
                docs = _docs(file, batch, text, tokenize)
                for record, doc in zip(batch, docs, strict=True):
                    if doc is None:
                        continue
                    if _is_doc(record.data):
                        doc.name = doc.name or _place(file, record)
                    else:
                        _annotate(doc, record, aligner, meta)
                    yield doc


def _records(
    file: CorpusFile,
    text: str,
) -> Iterator[JsonRecord]:
    for number, line in enumerate(file.lines(), 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except (ValueError, RecursionError) as error:
            file.fail(number, "json", f"is not JSON: {error}: write one object on each line")
            continue
        if not isinstance(data, dict):
            what = f'holds {type(data).__name__}, not an object: write {{"{text}": …}}'
            file.fail(number, "json", what)
        elif not _is_doc(data) and not isinstance(data.get(text), str):
            cure = f"name the key of the text with text=….{near(text, map(str, data))}"
            file.fail(number, "json", f"has no string under {text!r}: {cure}")
        else:
            yield JsonRecord(number, data)


def _is_doc(data: Mapping[str, Any]) -> bool:
    """Whether `Doc.to_dict` wrote it: nothing else has tokens that are objects."""
    tokens = data.get("tokens")
    return isinstance(tokens, list) and all(isinstance(token, dict) for token in tokens)


def _docs(
    file: CorpusFile,
    batch: Sequence[JsonRecord],
    text: str,
    tokenize: Tokenize,
) -> Iterator[Doc | None]:
    """A Doc for each record; None for a Doc of `Doc.to_dict` that cannot be read."""
    texts = [record.data[text] for record in batch if not _is_doc(record.data)]
    cut = iter(tokenized(tokenize, texts))
    for record in batch:
        if _is_doc(record.data):
            yield _stored_doc(file, record)
        else:
            yield next(cut)


def _stored_doc(
    file: CorpusFile,
    record: JsonRecord,
) -> Doc | None:
    try:
        return Doc.from_dict(record.data)
    except (PipekitError, KeyError, TypeError, ValueError) as error:
        what = f"is no Doc of pipekit's: {error}: write it with Doc.to_dict"
        file.fail(record.line, "json", what)
        return None


def _place(
    file: CorpusFile,
    record: JsonRecord,
) -> str:
    return f"{Path(file.name).name}:{record.line}"


def _annotate(
    doc: Doc,
    record: JsonRecord,
    aligner: Aligner,
    meta: Sequence[str],
) -> None:
    """Write the name, meta data, entities, relations and classes of a record."""
    file = aligner.file
    line, data = record
    names = [data[key] for key in NAME_KEYS if data.get(key) is not None]
    doc.name = str(names[0]) if names else _place(file, record)
    layer = doc.add_layer("meta", "doc", 1).set("line", [line])
    for key in meta:
        if isinstance(data.get(key), str):
            layer.set(key, [data[key]])
    lists = [data[key] for key in SPAN_KEYS if isinstance(data.get(key), list)]
    if lists:
        entities = lists[0]
        spans = _spans(file, line, entities)
        links = _links(file, line, data.get("relations"), entities)
        aligner.write(doc, spans, links)
    for key in ("cats", "sentiment"):
        if isinstance(data.get(key), dict):
            _write_classes(file, line, doc, key, data[key])


def _spans(
    file: CorpusFile,
    line: int,
    entities: Sequence[Any],
) -> list[CharSpan]:
    spans = []
    for place, entity in enumerate(entities):
        start, end, label = _span_parts(entity)
        if type(start) is int and type(end) is int and isinstance(label, str):
            spans.append(CharSpan(start, end, label, line, _key(entity, place)))
            continue
        cure = 'write [start, end, label] or {"start", "end", "label"}'
        file.fail(line, "json", f"entity {place} is {str(entity)[:60]}: {cure}")
    return spans


def _span_parts(entity: Any) -> tuple[Any, Any, Any]:
    """Start, end and label of an entity, unchecked; None for what it lacks."""
    if isinstance(entity, dict):
        labels = [entity[key] for key in _LABEL_KEYS if key in entity]
        label = labels[0] if labels else None
        return entity.get("start"), entity.get("end"), label
    if isinstance(entity, list) and len(entity) >= 3:
        return entity[0], entity[1], entity[2]
    return None, None, None


def _key(
    entity: Any,
    place: int,
) -> str:
    """The id of an entity, or its place in the list."""
    if isinstance(entity, dict) and "id" in entity:
        return str(entity["id"])
    return str(place)


def _links(
    file: CorpusFile,
    line: int,
    relations: Any,
    entities: Sequence[Any],
) -> list[Link] | None:
    """The relations between entities; None where the record has no list of them."""
    if not isinstance(relations, list):
        return None
    links = []
    for relation in relations:
        head, tail, label = _link_parts(relation)
        if isinstance(label, str):
            head_key = _argument_key(head, entities)
            tail_key = _argument_key(tail, entities)
            links.append(Link(head_key, tail_key, label, line))
        else:
            what = f"a relation is {str(relation)[:60]}: write [head, tail, label]"
            file.fail(line, "json", what)
    return links


def _link_parts(relation: Any) -> tuple[Any, Any, Any]:
    """Head, tail and label of a relation, unchecked; None for what it lacks."""
    if isinstance(relation, dict):
        labels = [relation[key] for key in _LABEL_KEYS if relation.get(key) is not None]
        label = labels[0] if labels else None
        return relation.get("head"), relation.get("tail"), label
    if isinstance(relation, list) and len(relation) == 3:
        return relation[0], relation[1], relation[2]
    return None, None, None


def _argument_key(
    argument: Any,
    entities: Sequence[Any],
) -> str:
    """The key of an entity that is named by its place in the list or by its id."""
    if type(argument) is int and 0 <= argument < len(entities):
        return _key(entities[argument], argument)
    return str(argument)


def _write_classes(
    file: CorpusFile,
    line: int,
    doc: Doc,
    key: str,
    scores: Mapping[str, Any],
) -> None:
    try:
        floats = {label: _score(score) for label, score in scores.items()}
    except (TypeError, OverflowError):
        what = f'{key} holds a value that is no number of 64 bits: write {{"label": 1.0, …}}'
        file.fail(line, "json", what)
        return
    layer = doc.add_layer(key, "doc", 1)
    for label, score in floats.items():
        layer.set(label, [score])


def _score(value: Any) -> float:
    """Errors: `TypeError`, `OverflowError`."""
    if not isinstance(value, int | float):
        raise TypeError
    return float(value)
