"""How good answers are: exact match and F1 of words, as SQuAD defines them (Rajpurkar et al. 2016, 2018), for Russian.

Answers are compared in lower case, ё as е, without punctuation and with single spaces; Russian has no articles to drop. Of several gold
answers the nearest counts. A question without gold answers is right where no answer is predicted, and wrong otherwise.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from pipekit.doc import Doc
from pipekit.words.chars import fold

_WORDS = re.compile(r"\w+")
_HIDDEN = re.compile("[\u00ad\u0300\u0301\u200b]")


def normal(answer: str) -> list[str]:
    """The words of an answer by which it is compared."""
    return _WORDS.findall(fold(_HIDDEN.sub("", answer)))


def exact(gold: Sequence[str], predicted: str | None) -> float:
    """1 where the predicted answer is one of the gold ones, or where there is none on both sides; else 0."""
    return (
        float(predicted is None)
        if not gold
        else float(predicted is not None and any(normal(predicted) == normal(one) for one in gold))
    )


def overlap(gold: Sequence[str], predicted: str | None) -> float:
    """The F1 of the words of the predicted answer against the nearest gold one; 1 where there is none on both sides."""
    if not gold or predicted is None:
        return float(not gold and predicted is None)
    return max(_f1(normal(one), normal(predicted)) for one in gold)


def _f1(gold: Sequence[str], predicted: Sequence[str]) -> float:
    shared = sum((Counter(gold) & Counter(predicted)).values())
    return (
        2 * shared / (len(gold) + len(predicted))
        if shared
        else float(list(gold) == list(predicted))
    )


def answers_of(doc: Doc) -> list[list[str]]:
    """The answers to each question of a document, best first."""
    layer, asked = doc.layers.get("answers"), doc.layers.get("questions")
    found: list[list[str]] = [[] for _ in range(asked.size if asked is not None else 0)]
    if layer is None or not layer.size:
        return found
    scores = layer["score"].values if "score" in layer else np.zeros(layer.size)
    for row in np.argsort(-scores, kind="stable").tolist():
        first, last = layer["start"].values[row], layer["end"].values[row] - 1
        found[layer["question"][row]].append(doc.text[doc.starts[first] : doc.ends[last]])
    return found


def score_answers(gold: Doc, predicted: Doc) -> tuple[int, float, float]:
    """The number of questions, and the sums of F1 and of exact matches of the best answers."""
    best = [answers[0] if answers else None for answers in answers_of(predicted)]
    pairs = list(zip(answers_of(gold), best or [None] * len(answers_of(gold)), strict=True))
    return len(pairs), sum(overlap(*pair) for pair in pairs), sum(exact(*pair) for pair in pairs)
