"""SQuAD (Rajpurkar et al. 2016, 2018): paragraphs with questions, and answers in characters."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.sentences import set_strings
from pipekit.corpora.readers.spans import Tokenize, picture, with_docs
from pipekit.doc import Doc
from pipekit.doc.layer import span_layer

SUFFIXES = (".json",)


class Paragraph(NamedTuple):
    """A paragraph: its place in the file, such as "data[3].paragraphs[0]", and its content."""

    place: str
    text: str
    questions: Sequence[Any]


def read_squad(
    path: StrPath,
    *,
    tokenize: Tokenize,
    begin: int = 0,
    end: int | None = None,
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """A Doc for each paragraph of a file of SQuAD 1.1 or 2.0 (.json, .gz), with its questions.

    The layer "questions" has columns `text` and `id`. The span layer "answers" has a column
    `question`, the row of the question; a question may have several answers or none.

    Answers that do not fall on token borders are extended to whole tokens. An answer that does not
    stand where the file says is moved to the nearest place that has it, with a note. A question is
    left out if none of its answers is in the paragraph. A question marked `is_impossible` has no
    answers.

    Args:
        tokenize: makes Docs of texts.
        begin, end: the range [begin, end) of the articles under "data"; to split off a part for
            development.
        on_problem: receives each `Problem`, and reading goes on.

    Errors: `DataError` for a file of another form.
    """
    with corpus(path, SUFFIXES, on_problem) as files:
        for file in files.values():
            file_name = Path(file.name).name
            paragraphs = _paragraphs(file, begin, end)
            for paragraph, doc in with_docs(paragraphs, attrgetter("text"), tokenize):
                doc.name = f"{file_name}:{paragraph.place}"
                _annotate(file, doc, paragraph)
                yield doc


def _paragraphs(
    file: CorpusFile,
    begin: int,
    end: int | None,
) -> Iterator[Paragraph]:
    try:
        content = json.loads(file.text() or "{}")
    except (ValueError, RecursionError) as error:
        file.fail(None, "json", f"is not SQuAD's JSON: {error}")
        return
    if not isinstance(content, dict):
        file.fail(None, "json", "is not SQuAD's JSON: an object with a list under 'data' is needed")
        return
    articles = _list_under(file, content, "data", "the file") or ()
    for article_number, article in islice(enumerate(articles), begin, end):
        place = f"data[{article_number}]"
        if not isinstance(article, dict):
            file.fail(None, "json", f"{place} is {article!r:.60}: an object is needed")
            continue
        paragraphs = _list_under(file, article, "paragraphs", place) or ()
        for number, paragraph in enumerate(paragraphs):
            inner_place = f"{place}.paragraphs[{number}]"
            if _is_paragraph(paragraph):
                yield Paragraph(inner_place, paragraph["context"], paragraph["qas"])
            else:
                file.fail(None, "json", f"{inner_place} has no string 'context' and list 'qas'")


def _list_under(
    file: CorpusFile,
    data: Mapping[str, Any],
    key: str,
    place: str,
) -> list[Any] | None:
    """The list under a key, without items where the key is absent or holds null.

    None where it holds something else, which is reported.
    """
    value = data.get(key)
    if value is None:
        return []
    if isinstance(value, list):
        return value
    file.fail(None, "json", f"{key!r} of {place} is {value!r:.60}: a list is needed")
    return None


def _is_paragraph(data: Any) -> bool:
    if not isinstance(data, dict):
        return False
    return isinstance(data.get("context"), str) and isinstance(data.get("qas"), list)


def _annotate(
    file: CorpusFile,
    doc: Doc,
    paragraph: Paragraph,
) -> None:
    """Write the layers "questions" and "answers"."""
    texts: list[str] = []
    ids: list[str] = []
    rows: list[tuple[int, int, int]] = []  # start, end, question
    for question in paragraph.questions:
        where = f"{paragraph.place}, question {_name(question)}"
        if not isinstance(question, dict) or not isinstance(question.get("question"), str):
            file.fail(None, "json", f"{where} has no string 'question'")
            continue
        answers = _list_under(file, question, "answers", where)
        if answers is None:
            continue
        if question.get("is_impossible"):
            answers = []
        spans = {_answer_rows(file, doc, answer, where) for answer in answers}
        is_lost = spans == {None}  # no answer is in the paragraph
        if is_lost:
            continue
        for start, end in sorted(span for span in spans if span is not None):
            rows.append((start, end, len(texts)))
        texts.append(question["question"])
        ids.append(str(question.get("id")))
    questions = doc.add_layer("questions", "doc", len(texts))
    set_strings(questions, "text", texts)
    set_strings(questions, "id", ids)
    columns = np.array(rows, dtype=np.int32).reshape(-1, 3)
    answers_layer = span_layer(columns[:, 0], columns[:, 1])
    doc.layers["answers"] = answers_layer.set("question", columns[:, 2])


def _name(question: Any) -> str:
    """What a question is called in messages."""
    if isinstance(question, dict):
        return f"{question.get('id')!r:.60}"
    return f"{question!r:.60}"


def _answer_rows(
    file: CorpusFile,
    doc: Doc,
    answer: Any,
    where: str,
) -> tuple[int, int] | None:
    """The token rows of an answer; None, with a note, if the paragraph does not have it."""
    if not _is_answer(answer):
        what = f"{where}: {answer!r} has no string 'text' and number 'answer_start': left out"
        file.note(None, "answers", what)
        return None
    text = answer["text"].strip()
    lead = len(answer["text"]) - len(answer["text"].lstrip())
    start = answer["answer_start"] + lead
    if doc.text[start : start + len(text)] != text:
        nearest = _nearest(doc.text, text, start)
        if nearest is None:
            file.note(None, "answers", f"{where}: {text!r} is not in the paragraph: left out")
            return None
        shown = picture(doc.text, nearest, nearest + len(text))
        what = f"{where}: {text!r} stands at {nearest}, {shown}, not at {start}"
        file.note(None, "answers", what)
        start = nearest
    span = doc.char_span(start, start + len(text), alignment_mode="expand")
    return None if span is None else (span.start, span.end)


def _is_answer(data: Any) -> bool:
    if not isinstance(data, dict):
        return False
    text = data.get("text")
    return (
        isinstance(text, str) and bool(text.strip()) and isinstance(data.get("answer_start"), int)
    )


def _nearest(
    text: str,
    part: str,
    start: int,
) -> int | None:
    """The place of the part that is nearest to `start`, of two the first; None if it has none."""
    places = [place for place in range(len(text)) if text.startswith(part, place)]
    return min(
        places,
        key=lambda place: abs(place - start),
        default=None,
    )
