"""Questions about texts, and the answers that a pipeline's reader finds in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from pipekit.doc import Doc, Layer
from pipekit.doc.columns import encode_labels
from pipekit.doc.text import QUESTIONS
from pipekit.errors import ConfigError
from pipekit.pipeline.assembly import Assembly
from pipekit.pipeline.inputs import pair_fault
from pipekit.pipeline.running import as_doc, docs_through

ANSWERS = "answers"
CLOSING = {
    "«": "»",
    "„": "“",
    "“": "”",
    "(": ")",
    "[": "]",
}
OPENING = {closing: opening for opening, closing in CLOSING.items()}

TextQuestion = tuple[str | Doc, str]  # a text and a question about it


class Answer(NamedTuple):
    """Characters of a text that answer a question.

    Attributes:
        text: the characters.
        start_char, end_char: their place in the text of the document, end exclusive.
        score: the probability that the answer stands there.
    """

    text: str
    start_char: int
    end_char: int
    score: float


def ask(
    doc: Doc,
    questions: Sequence[str],
) -> Doc:
    """A copy of a document with tokens and these questions, and nothing else."""
    copy = doc.copy(bare=True)
    column = encode_labels(list(questions))
    layer = copy.add_layer(QUESTIONS, "doc", len(questions))
    layer.set("text", column.values, column.labels)
    return copy


def written_answers(doc: Doc) -> list[list[Answer]]:
    """The answers that a reader has written to a document: a list for each question, best first."""
    questions = doc.layers.get(QUESTIONS)
    count = 0 if questions is None else questions.size
    answers: list[list[Answer]] = [[] for _ in range(count)]
    layer = doc.layers[ANSWERS]
    scores = layer["score"].values
    best_first = np.argsort(-scores, kind="stable")
    for row in best_first.tolist():
        question = layer["question"][row]
        answers[question].append(_answer(doc, layer, row))
    return answers


def _answer(
    doc: Doc,
    layer: Layer,
    row: int,
) -> Answer:
    """A row of the layer of answers, in characters."""
    first_token = layer["start"][row]
    last_token = layer["end"][row] - 1
    start = int(doc.starts[first_token])
    end = int(doc.ends[last_token])
    start, end = balanced(doc.text, start, end)
    score = float(layer["score"].values[row])
    return Answer(doc.text[start:end], start, end, score)


def balanced(
    text: str,
    start: int,
    end: int,
) -> tuple[int, int]:
    """The borders of an answer, without quotes and brackets at its edges that lack their partner.

        balanced("«Яндекс", 0, 7)  # (1, 7)
        balanced("«Яндекс»", 0, 8)  # (0, 8)

    Borders are characters of the text, end exclusive. At least one character remains.
    """
    while end - start > 1:
        closing = CLOSING.get(text[start])
        if closing is None or closing in text[start:end]:
            break
        start += 1
    while end - start > 1:
        opening = OPENING.get(text[end - 1])
        if opening is None or opening in text[start:end]:
            break
        end -= 1
    return start, end


def reader_of(pipeline: Assembly) -> Assembly:
    """A view of a pipeline with its first component that answers questions, and no other.

    Errors: `ConfigError` for a pipeline without one.
    """
    for name, component in pipeline.components.items():
        if ANSWERS in component.assigns:
            return pipeline.select_pipes(enable=[name])
    raise ConfigError(
        "this pipeline answers no questions "
        f"(it has {', '.join(pipeline.components) or 'no components'}): "
        'train a component of type "qa" (recipes/qa), or load a pipeline that has one; '
        'nlp.add_pipe("qa", encoder=…) adds one without weights'
    )


def answer_pairs(
    pipeline: Assembly,
    pairs: Iterable[TextQuestion],
    top: int,
) -> Iterator[list[Answer]]:
    """At most `top` answers to each (text, question), as a stream.

    A text with several questions in a row is read once. Errors: `ConfigError` as `reader_of`, and
    where `top` is below 1.
    """
    if top < 1:
        raise ConfigError(f"top is {top}: at least one answer is needed")
    return _answers(reader_of(pipeline), _with_questions(pipeline, pairs), top)


def _with_questions(
    pipeline: Assembly,
    pairs: Iterable[TextQuestion],
) -> Iterator[Doc]:
    """A document for each text, with all questions that follow each other."""
    for text, same_text in groupby(_checked(pairs), key=itemgetter(0)):
        doc = as_doc(pipeline, text)
        questions = [question for _, question in same_text]
        yield ask(doc, questions)


def _checked(pairs: Iterable[TextQuestion]) -> Iterator[TextQuestion]:
    """Errors: `ConfigError` naming the first that is no pair."""
    for number, pair in enumerate(pairs):
        fault = pair_fault(pair, "a question")
        if fault:
            raise ConfigError(f"pair {number} {fault}")
        yield pair


def _answers(
    reader: Assembly,
    docs: Iterable[Doc],
    top: int,
) -> Iterator[list[Answer]]:
    for doc in docs_through(reader, docs):
        for answers in written_answers(doc):
            yield answers[:top]
