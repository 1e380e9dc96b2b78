"""Questions put to texts, and the answers that a pipeline's reader finds there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from pipekit.doc import Doc
from pipekit.doc.columns import encode_labels
from pipekit.doc.text import QUESTIONS
from pipekit.errors import ConfigError
from pipekit.pipeline.assembly import Assembly
from pipekit.pipeline.running import docs_through

ANSWERS = "answers"
CLOSING = {"«": "»", "„": "“", "“": "”", "(": ")", "[": "]"}
OPENING = {closing: opening for opening, closing in CLOSING.items()}


class Answer(NamedTuple):
    """Characters of a text that answer a question; `score` is the probability that the answer stands there."""

    text: str
    start_char: int
    end_char: int
    score: float


def ask(doc: Doc, questions: Sequence[str]) -> Doc:
    """A bare copy of a document that brings these questions and no others."""
    copy = doc.copy(bare=True)
    column = encode_labels(list(questions))
    copy.add_layer(QUESTIONS, "doc", len(questions)).set("text", column.values, column.labels)
    return copy


def written_answers(doc: Doc) -> list[list[Answer]]:
    """What a reader has written: the answers to each question of a document, best first."""
    layer, asked = doc.layers[ANSWERS], doc.layers.get(QUESTIONS)
    found: list[list[Answer]] = [[] for _ in range(asked.size if asked is not None else 0)]
    scores = layer["score"].values
    starts, ends = doc.starts[layer["start"].values], doc.ends[layer["end"].values - 1]
    for row in np.argsort(-scores, kind="stable").tolist():
        start, end = balanced(doc.text, int(starts[row]), int(ends[row]))
        found[layer["question"][row]].append(
            Answer(doc.text[start:end], start, end, float(scores[row]))
        )
    return found


def balanced(text: str, start: int, end: int) -> tuple[int, int]:
    """The characters without a mark at an edge that opens or closes what is not in them: «Яндекс is Яндекс."""
    while (
        end - start > 1 and text[start] in CLOSING and CLOSING[text[start]] not in text[start:end]
    ):
        start += 1
    while (
        end - start > 1
        and text[end - 1] in OPENING
        and OPENING[text[end - 1]] not in text[start:end]
    ):
        end -= 1
    return start, end


def reader_of(pipeline: Assembly) -> Assembly:
    """A view of a pipeline with its first component that answers questions, under whatever name. Errors: `ConfigError`."""
    for name, component in pipeline.components.items():
        if ANSWERS in component.assigns:
            return pipeline.select_pipes(enable=[name])
    raise ConfigError(
        f"this pipeline answers no questions (it has {', '.join(pipeline.components) or 'no components'}): train a component of type "
        '"qa" (recipes/qa), or load a pipeline that has one; nlp.add_pipe("qa", encoder=…) adds one without weights'
    )


def answer_pairs(
    pipeline: Assembly, pairs: Iterable[tuple[str | Doc, str]], top: int
) -> Iterator[list[Answer]]:
    """The best answers for each (text, question), as a stream; a text that comes several times in a row is read once."""
    if top < 1:
        raise ConfigError(f"top is {top}: at least one answer is needed")
    reader = reader_of(pipeline)

    def docs() -> Iterator[Doc]:
        for text, asked in groupby(pairs, key=lambda pair: pair[0]):
            yield ask(
                text if isinstance(text, Doc) else pipeline.tokenize([text])[0],
                [question for _, question in asked],
            )

    return (found[:top] for doc in docs_through(reader, docs()) for found in written_answers(doc))
