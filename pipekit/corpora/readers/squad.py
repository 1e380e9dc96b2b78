"""SQuAD (Rajpurkar et al. 2016, 2018): paragraphs with questions, and the answers as characters of the paragraph."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.spans import Tokenize, picture
from pipekit.doc import Doc
from pipekit.doc.columns import encode_labels
from pipekit.doc.layer import span_layer

SUFFIXES = (".json",)
_BATCH = 64


class Paragraph(NamedTuple):
    """A paragraph by its place in the file, such as "data[3].paragraphs[0]", its text and its questions as they stand."""

    place: str
    text: str
    questions: Sequence[Mapping[str, Any]]


def read_squad(
    path: StrPath,
    *,
    tokenize: Tokenize,
    begin: int = 0,
    end: int | None = None,
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """A Doc for each paragraph of a file of SQuAD 1.1 or 2.0 (.json, .gz), with its questions and all their answers.

    The layer "questions" has columns `text` and `id`; the span layer "answers" has a column `question`, the row of the question. Answers
    that do not fall on token borders are taken with the whole of their tokens. Where the text does not stand where an answer says, the
    nearest place that has it is taken, and noted; a question none of whose answers is in the paragraph is left out. A question that is
    marked `is_impossible` keeps no answers.

    Args:
        tokenize: texts to Docs.
        begin, end: of the articles under "data", those from `begin` up to `end` are read: to keep a part for development.
        on_problem: is told each `Problem`, and reading goes on.
    """
    with corpus(path, SUFFIXES, on_problem) as files:
        for file in files.values():
            paragraphs = _paragraphs(file, begin, end)
            while batch := list(islice(paragraphs, _BATCH)):
                for paragraph, doc in zip(
                    batch, tokenize([one.text for one in batch]), strict=True
                ):
                    doc.name = f"{Path(file.name).name}:{paragraph.place}"
                    yield _annotated(file, doc, paragraph)


def _paragraphs(file: CorpusFile, begin: int, end: int | None) -> Iterator[Paragraph]:
    try:
        articles = json.loads(file.text() or "{}").get("data", [])
    except (ValueError, AttributeError, RecursionError) as error:
        file.fail(
            None,
            "json",
            f"is not SQuAD's JSON: {error}: an object with a list under 'data' is needed",
        )
        return
    for i, article in islice(enumerate(articles), begin, end):
        for j, one in enumerate(article.get("paragraphs", ()) if isinstance(article, dict) else ()):
            place = f"data[{i}].paragraphs[{j}]"
            if (
                isinstance(one, dict)
                and isinstance(one.get("context"), str)
                and isinstance(one.get("qas"), list)
            ):
                yield Paragraph(place, one["context"], one["qas"])
            else:
                file.fail(None, "json", f"{place} has no string 'context' and list 'qas'")


def _annotated(file: CorpusFile, doc: Doc, paragraph: Paragraph) -> Doc:
    texts: list[str] = []
    ids: list[str] = []
    spans: list[tuple[int, int, int]] = []
    for one in paragraph.questions:
        where = f"{paragraph.place}, question {one.get('id')!r}"
        found = [
            _span(file, doc, answer, where)
            for answer in (() if one.get("is_impossible") else one.get("answers", ()))
        ]
        kept = sorted({span for span in found if span is not None})
        if isinstance(one.get("question"), str) and (kept or not found):
            spans += [(*span, len(texts)) for span in kept]
            texts.append(one["question"])
            ids.append(str(one.get("id")))
    layer = doc.add_layer("questions", "doc", len(texts))
    for name, strings in (("text", texts), ("id", ids)):
        column = encode_labels(strings)
        layer.set(name, column.values, column.labels)
    rows = np.array(spans, dtype=np.int32).reshape(-1, 3)
    doc.layers["answers"] = span_layer(rows[:, 0], rows[:, 1]).set("question", rows[:, 2])
    return doc


def _span(file: CorpusFile, doc: Doc, answer: Any, where: str) -> tuple[int, int] | None:
    """The token rows of an answer; None, with a note, where the paragraph does not have it."""
    text, start = (
        (answer.get("text"), answer.get("answer_start"))
        if isinstance(answer, dict)
        else (None, None)
    )
    if not isinstance(text, str) or not isinstance(start, int) or not text.strip():
        file.note(
            None,
            "answers",
            f"{where}: {answer!r} has no string 'text' and number 'answer_start': left out",
        )
        return None
    lead = len(text) - len(text.lstrip())
    text, start = text.strip(), start + lead
    if doc.text[start : start + len(text)] != text:
        places = [i for i in range(len(doc.text)) if doc.text.startswith(text, i)]
        if not places:
            file.note(None, "answers", f"{where}: {text!r} is not in the paragraph: left out")
            return None
        moved = min((abs(place - start), place) for place in places)[1]
        file.note(
            None,
            "answers",
            f"{where}: {text!r} stands at {moved}, {picture(doc.text, moved, moved + len(text))}, not at {start}",
        )
        start = moved
    span = doc.char_span(start, start + len(text), alignment_mode="expand")
    return None if span is None else (span.start, span.end)
