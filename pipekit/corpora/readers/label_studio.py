"""Label Studio (https://labelstud.io): the exports JSON and JSON-MIN, and tasks to import.

    [{"id": 1, "data": {"text": …}, "annotations": [{"result": [
        {"id": "a", "type": "labels", "value": {"start": 0, "end": 4, "text": …, "labels": […]}},
        {"type": "relation", "from_id": "a", "to_id": "b", "labels": […]},
        {"type": "choices", "value": {"choices": […]}}]}]}]

Versions before 1.5 count units of UTF-16, later ones characters. Each region tells its own text,
and so how the offsets of a task are counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.json_items import json_items
from pipekit.corpora.readers.spans import Aligner, CharSpan, Link, Misaligned, Tokenize, tokenized
from pipekit.corpora.readers.units import Utf16Units
from pipekit.doc import Doc
from pipekit.errors import near
from pipekit.storage.files import write_atomically

SUFFIXES = (".json", ".jsonl")
_LABELS = ("labels", "hypertextlabels", "paragraphlabels")


class _Task(NamedTuple):
    file: CorpusFile
    line: int
    text: str
    result: Sequence[Mapping[str, Any]]
    is_annotated: bool


def read_label_studio(
    path: StrPath,
    *,
    tokenize: Tokenize,
    misaligned: Misaligned = "expand",
    text: str = "text",
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """Docs of an export of Label Studio, with "ents", "relations" and "cats".

    Of several annotations of a task, the ground truth counts, or else the first that nobody
    cancelled. A region with several labels is a span for each. A task without annotations is a
    Doc without them.

    Args:
        tokenize: makes Docs of texts.
        misaligned: the treatment of spans that do not fall on token borders, see `read_jsonl`.
        text: the key of the text in the data of a task.
        on_problem: receives each `Problem`, and reading goes on.

    Errors: `DataError` naming the file, the task, the line, and the cure.
    """
    with corpus(
        path,
        SUFFIXES,
        on_problem,
    ) as files:
        for file in files.values():
            for number, item in enumerate(json_items(file)):
                name = str(item.data.get("id", number))
                of_task = replace(file, name=f"{file.name} (task {name})")
                task = _task(
                    of_task,
                    item.line,
                    item.data,
                    text,
                )
                if task is None:
                    continue
                [doc] = tokenized(tokenize, [task.text])
                doc.name = name
                if task.is_annotated:
                    _annotate(
                        doc,
                        task,
                        misaligned,
                    )
                yield doc


def _task(
    file: CorpusFile,
    line: int,
    item: Mapping[str, Any],
    text: str,
) -> _Task | None:
    data = item.get("data")
    is_min = not isinstance(data, dict)
    fields: Mapping[str, Any] = item if is_min else data  # type: ignore[assignment]
    if not isinstance(fields.get(text), str):
        hint = near(text, map(str, fields))
        file.fail(line, "json", f"has no string under {text!r}: name the key with text=….{hint}")
        return None
    if is_min:
        return _Task(
            file,
            line,
            fields[text],
            *_of_min(item),
        )
    annotations = item.get("annotations") or item.get("completions") or []
    valid = [each for each in annotations if isinstance(each, dict)]
    valid = [each for each in valid if not each.get("was_cancelled")]
    truths = [each for each in valid if each.get("ground_truth")]
    best = [*truths, *valid][:1]
    result = best[0].get("result", []) if best else []
    regions = [region for region in result if isinstance(region, dict)]
    return _Task(
        file,
        line,
        fields[text],
        regions,
        bool(best),
    )


def _of_min(item: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], bool]:
    """The regions of JSON-MIN, in which each field of the labelling is a list of values."""
    regions: list[Mapping[str, Any]] = []
    is_annotated = False
    for key, value in item.items():
        values = value if isinstance(value, list) else []
        spans = [each for each in values if isinstance(each, dict) and "start" in each]
        is_annotated |= bool(spans) or key == "label"
        for span in spans:
            regions.append({"type": "labels", "value": span})
        is_choice = key in ("choice", "sentiment", "class", "label") and isinstance(value, str)
        if is_choice:
            regions.append({"type": "choices", "value": {"choices": [value]}})
    return regions, is_annotated or bool(regions)


def _annotate(
    doc: Doc,
    task: _Task,
    misaligned: Misaligned,
) -> None:
    spans: list[CharSpan] = []
    links: list[Link] = []
    classes: list[str] = []
    regions = [region for region in task.result if region.get("type") in _LABELS]
    units = _units(task.text, regions)
    for number, region in enumerate(regions):
        spans += _spans(
            task,
            number,
            region,
            units,
        )
    for region in task.result:
        value = region.get("value")
        if region.get("type") == "relation":
            head, tail = str(region.get("from_id")), str(region.get("to_id"))
            if region.get("direction") == "left":
                head, tail = tail, head
            labels = region.get("labels") or ["relation"]
            links += [
                Link(
                    head,
                    tail,
                    str(label),
                    task.line,
                )
                for label in labels
            ]
        elif region.get("type") == "choices" and isinstance(value, dict):
            classes += map(str, value.get("choices", ()))
    Aligner(task.file, misaligned).write(
        doc,
        spans,
        links or None,
    )
    if classes:
        layer = doc.add_layer(
            "cats",
            "doc",
            1,
        )
        for label in classes:
            layer.set(label, [1.0])
        if not spans:
            doc.layers.pop("ents")


def _units(
    text: str,
    regions: Sequence[Mapping[str, Any]],
) -> Utf16Units | None:
    """How offsets are counted, by the texts of the regions: None for characters."""
    units = Utf16Units(text)
    if units.are_characters:
        return None
    by_character = 0
    by_unit = 0
    for region in regions:
        value = region.get("value")
        if not isinstance(value, dict) or not isinstance(value.get("text"), str):
            continue
        start, end = value.get("start"), value.get("end")
        if type(start) is int and type(end) is int:
            by_character += text[start:end] == value["text"]
            slice_by_unit = text[units.characters(start) : units.characters(end)]
            by_unit += slice_by_unit == value["text"]
    return units if by_unit > by_character else None


def _spans(
    task: _Task,
    number: int,
    region: Mapping[str, Any],
    units: Utf16Units | None,
) -> Iterator[CharSpan]:
    value = region.get("value")
    parts = value if isinstance(value, dict) else {}
    start, end = parts.get("start"), parts.get("end")
    labels = [parts[key] for key in _LABELS if isinstance(parts.get(key), list)]
    if type(start) is not int or type(end) is not int or not labels:
        cure = 'a region has "start", "end" and "labels"'
        task.file.fail(task.line, "json", f"region {number} is {str(value)[:60]}: {cure}")
        return
    if units is not None:
        start, end = units.characters(start), units.characters(end)
    key = str(region.get("id", number))
    for label in labels[0]:
        yield CharSpan(
            start,
            end,
            str(label),
            task.line,
            key,
        )


def write_label_studio(
    docs: Iterable[Doc],
    path: StrPath,
    *,
    predictions: bool = False,
) -> None:
    """Write tasks for the labelling `<Labels name="label" toName="text">` of Label Studio.

    Args:
        predictions: whether annotations are what a model thinks, which people may correct.

    Errors: `StoreError`.
    """
    write_atomically(path, _chunks(docs, "predictions" if predictions else "annotations"))


def _chunks(
    docs: Iterable[Doc],
    key: str,
) -> Iterator[bytes]:
    before = "[\n"
    for number, doc in enumerate(docs):
        task = json.dumps(
            label_studio_task(
                doc,
                number,
                key,
            ),
            ensure_ascii=False,
        )
        yield f"{before}{task}".encode()
        before = ",\n"
    yield b"[]\n" if before == "[\n" else b"\n]\n"


def label_studio_task(
    doc: Doc,
    number: int,
    key: str,
) -> dict[str, Any]:
    """A document as a task, whose regions stand under a key."""
    result: list[dict[str, Any]] = []
    for row, ent in enumerate(doc.ents or ()):
        value = {"start": ent.start_char, "end": ent.end_char, "text": ent.text}
        region = _region(
            row,
            "labels",
            value | {"labels": [ent.label or ""]},
        )
        if ent.score is not None:
            region["score"] = ent.score
        result.append(region)
    layer = doc.layers.get("relations")
    if layer is not None:
        ends = (layer.values("head"), layer.values("tail"), layer.values("label"))
        for head, tail, label in zip(*ends, strict=True):
            result.append(
                {
                    "type": "relation",
                    "from_id": f"s{head}",
                    "to_id": f"s{tail}",
                    "direction": "right",
                    "labels": [label or ""],
                }
            )
    classes = [label for label, score in (doc.cats or {}).items() if score and score > 0.5]
    if classes:
        region = _region(
            len(result),
            "choices",
            {"choices": classes},
        )
        result.append(region | {"from_name": "class"})
    return {"id": number, "data": {"text": doc.text, "name": doc.name}, key: [{"result": result}]}


def _region(
    row: int,
    kind: str,
    value: dict[str, Any],
) -> dict[str, Any]:
    return {
        "id": f"s{row}",
        "from_name": "label",
        "to_name": "text",
        "type": kind,
        "value": value,
    }
