"""Figures of answers to questions: exact match and F1 of words, as SQuAD defines them, for Russian.

The definitions are those of Rajpurkar et al. (2016, 2018). Answers are compared in lower case, ё as
е, without punctuation and with single spaces; Russian has no articles to drop. Of several gold
answers the nearest counts. A question without gold answers is right where no answer is predicted,
and wrong otherwise.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from pipekit.doc import Doc
from pipekit.doc.layer import Layer
from pipekit.evaluation.counts import Counts, Figure
from pipekit.words.arrays import Ints
from pipekit.words.chars import fold

_WORDS = re.compile(r"\w+")
_HIDDEN = re.compile("[\u00ad\u0300\u0301\u200b]")


def exact(
    gold: Sequence[str],
    predicted: str | None,
) -> float:
    """1 where the predicted answer is a gold one, or where both sides have none; else 0."""
    if not gold or predicted is None:
        return _both_silent(gold, predicted)
    predicted_words = _words(predicted)
    return float(any(_words(answer) == predicted_words for answer in gold))


def overlap(
    gold: Sequence[str],
    predicted: str | None,
) -> float:
    """The F1 of the words of the predicted answer and of the nearest gold one.

    It is 1 where both sides have no answer, and 0 where one side has none.
    """
    if not gold or predicted is None:
        return _both_silent(gold, predicted)
    predicted_words = _words(predicted)
    return max(_f1(_words(answer), predicted_words) for answer in gold)


def _both_silent(
    gold: Sequence[str],
    predicted: str | None,
) -> float:
    return float(not gold and predicted is None)


def _words(answer: str) -> list[str]:
    """The words by which an answer is compared."""
    visible = _HIDDEN.sub("", answer)
    return _WORDS.findall(fold(visible))


def _f1(
    gold: Sequence[str],
    predicted: Sequence[str],
) -> float:
    shared = Counter(gold) & Counter(predicted)
    if not shared:
        return float(list(gold) == list(predicted))
    total = len(gold) + len(predicted)
    return 2 * shared.total() / total


def answers_of(doc: Doc) -> list[list[str]]:
    """The answers to each question of a document, best first."""
    questions = doc.layers.get("questions")
    if questions is None:
        size = 0
    else:
        size = questions.size
    answers: list[list[str]] = [[] for _ in range(size)]
    layer = doc.layers.get("answers")
    if layer is None or not layer.size:
        return answers
    for row in _best_first(layer).tolist():
        first = layer["start"].values[row]
        last = layer["end"].values[row] - 1
        start = doc.starts[first]
        end = doc.ends[last]
        question = layer["question"][row]
        answers[question].append(doc.text[start:end])
    return answers


def _best_first(layer: Layer) -> Ints:
    """The rows of a layer by falling score; as they stand where there is no score."""
    if "score" not in layer:
        return np.arange(layer.size)
    return np.argsort(-layer["score"].values, kind="stable")


def _first(answers: Sequence[str]) -> str | None:
    if not answers:
        return None
    return answers[0]


def answer_figures(
    gold: Doc,
    predicted: Doc,
) -> Iterator[Figure]:
    """F1 and exact matches of the best answers, each a sum over the questions."""
    gold_answers = answers_of(gold)
    best = [_first(answers) for answers in answers_of(predicted)]
    size = len(gold_answers)
    if not best:
        best = [None] * size
    has_prediction = "answers" in predicted.layers
    for name, measure in (("answers", overlap), ("answers exact", exact)):
        pairs = zip(gold_answers, best, strict=True)
        correct = sum(measure(expected, answer) for expected, answer in pairs)
        yield Figure(name, Counts(size, size, correct, has_prediction))
