"""Prediction by prediction: what the gold standard has in a place, and what a pipeline says there.

A place is what can be right or wrong: a token, the borders of spans, a pair of spans, a question,
a document. Borders are counted as in `alignment`. What the gold standard leaves unset is no place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipekit.doc import Doc
from pipekit.doc.layer import Layer
from pipekit.doc.texts import holds_texts
from pipekit.doc.trees import relation_of
from pipekit.evaluation.alignment import AlignedDocs, Side, column_strings
from pipekit.evaluation.answers import answers_of, exact
from pipekit.evaluation.classes import class_layers, document_classes
from pipekit.evaluation.morphology import feature_values

SCORE_OF = {"pos": "pos_score", "morph": "morph_score"}
"""Token columns with the scores of others."""
_CONTEXT = 40  # characters before and after a place that are shown

JudgedPlace = tuple[Any, ...]  # borders, and what else tells places of one figure apart


class Judgement(NamedTuple):
    """What is said in a place.

    Attributes:
        gold, predicted: as text; None where a side has nothing there.
        right: whether the two agree.
        score: that of the prediction, None where it has none.
    """

    gold: str | None
    predicted: str | None
    right: bool
    score: float | None = None


Judgements = dict[str, dict[JudgedPlace, Judgement]]  # by figure and place


def judge(
    docs: AlignedDocs,
    spans: Sequence[str],
    *,
    scored: bool = False,
) -> Judgements:
    """The judgements of a gold Doc and a predicted one by figure.

    Args:
        spans: the span layers to compare.
        scored: of predictions that have scores alone.
    """
    judgements: Judgements = {}
    for name in ("pos", "morph", "lemma"):
        if not scored or SCORE_OF.get(name, "") in docs.predicted.doc.tokens:
            _put(judgements, name, _tokens(docs, name))
    if not scored:
        _put(judgements, "LAS", _arcs(docs))
    for name in spans:
        layer = docs.gold.doc.layers.get(name)
        if layer is not None and holds_texts(layer):
            continue
        if name == "answers" and "questions" in docs.gold.doc.layers:
            _put(judgements, name, _answers(docs))
        elif name in docs.gold.doc.layers:
            gold, predicted = (_span_rows(side, name) for side in docs[:2])
            _put(judgements, name, _labelled(gold, predicted))
    if "relations" in docs.gold.doc.layers:
        gold, predicted = map(_link_rows, docs[:2])
        _put(judgements, "relations", _labelled(gold, predicted))
    for name in class_layers(docs.gold.doc):
        _put(judgements, name, _classes(docs, name))
    return judgements


def shown(
    side: Side,
    place: JudgedPlace,
) -> tuple[str, str, str]:
    """The text before a place, in it, and behind it; the beginning of the text for a document."""
    text = side.doc.text
    solid = np.flatnonzero([not character.isspace() for character in text])
    borders = [edge for edge in place if isinstance(edge, int)][:2]
    if len(borders) < 2 or not len(solid):
        return "", text[: 2 * _CONTEXT], ""
    start = int(solid[min(borders[0], len(solid) - 1)])
    end = int(solid[min(max(borders[1], 1), len(solid)) - 1]) + 1
    return text[max(0, start - _CONTEXT) : start], text[start:end], text[end : end + _CONTEXT]


def _put(
    judgements: Judgements,
    name: str,
    places: Iterable[tuple[JudgedPlace, Judgement]],
) -> None:
    by_place = dict(places)
    if by_place:
        judgements[name] = by_place


# -- tokens


def _tokens(
    docs: AlignedDocs,
    name: str,
) -> Iterator[tuple[JudgedPlace, Judgement]]:
    """The values of a token column, of tokens that both sides have."""
    gold = column_strings(docs.gold.doc, name)
    predicted = column_strings(docs.predicted.doc, name)
    if not any(value is not None for value in predicted):
        return
    gold_values: Sequence[Any] = gold
    values: Sequence[Any] = predicted
    if name == "morph":
        gold_values = feature_values(docs.gold.doc, {})
        values = feature_values(docs.predicted.doc, docs.masked)
    scores = docs.predicted.doc.tokens.values(SCORE_OF.get(name, ""))
    borders = docs.gold.row_borders()
    for gold_row, row in docs.same:
        if gold_values[gold_row] is None:
            continue
        yield (
            borders[gold_row],
            Judgement(
                gold[gold_row],
                predicted[row],
                gold_values[gold_row] == values[row],
                scores[row],
            ),
        )


def _arcs(docs: AlignedDocs) -> Iterator[tuple[JudgedPlace, Judgement]]:
    """The head and the relation of tokens that both sides have."""
    both = (docs.gold.doc, docs.predicted.doc)
    if not all("head" in doc.tokens and "dep" in doc.tokens for doc in both):
        return
    places = {row: gold_row for gold_row, row in docs.same}
    borders = docs.gold.row_borders()
    for gold_row, row in docs.same:
        gold = _arc(docs.gold, gold_row)
        if gold is None:
            continue
        predicted = _arc(docs.predicted, row)
        gold_head = docs.gold.doc.tokens["head"].values[gold_row]
        head = docs.predicted.doc.tokens["head"].values[row]
        is_same_head = places.get(int(head)) == gold_head
        is_same_relation = relation_of(docs.gold.doc.tokens, gold_row) == relation_of(
            docs.predicted.doc.tokens, row
        )
        yield (
            borders[gold_row],
            Judgement(gold, predicted, is_same_head and is_same_relation),
        )


def _arc(
    side: Side,
    row: int,
) -> str | None:
    """The relation and the head of a token as text: "nsubj of мыла"."""
    head = int(side.doc.tokens["head"].values[row])
    if head < 0:
        return None
    relation = relation_of(side.doc.tokens, row)
    if head == row:
        return relation
    return f"{relation} of {side.doc.words[head]}"


# -- spans and relations

_Rows = (
    Mapping[JudgedPlace, Mapping[str, float | None]] | None
)  # the score of each label of a place


def _labelled(
    gold: _Rows,
    predicted: _Rows,
) -> Iterator[tuple[JudgedPlace, Judgement]]:
    """Labels by place. Where a place has several labels, each is a place of its own."""
    if gold is None or predicted is None:
        return
    for place in sorted({*gold, *predicted}):
        left = gold.get(place, {})
        right = predicted.get(place, {})
        if len(left) <= 1 and len(right) <= 1:
            label = next(iter(right), None)
            score = right[label] if label is not None else None
            expected = next(iter(left), None)
            yield place, Judgement(expected, label, expected == label, score)
            continue
        for label in sorted({*left, *right}):
            own = (label if label in left else None, label if label in right else None)
            yield (*place, label), Judgement(*own, own[0] == own[1], right.get(label))


def _span_rows(
    side: Side,
    name: str,
) -> _Rows:
    layer = side.doc.layers.get(name)
    if layer is None or layer.kind != "span":
        return None
    return _by_place(side.span_borders(layer), layer)


def _link_rows(side: Side) -> _Rows:
    layer = side.doc.layers.get("relations")
    if layer is None:
        return None
    places = [(*head, *tail) for head, tail in side.link_borders(layer)]
    return _by_place(places, layer)


def _by_place(
    places: Sequence[JudgedPlace],
    layer: Layer,
) -> dict[JudgedPlace, dict[str, float | None]]:
    rows: dict[JudgedPlace, dict[str, float | None]] = {}
    labels = layer.values("label")
    for place, label, score in zip(places, labels, layer.values("score"), strict=True):
        rows.setdefault(place, {})[label or ""] = score
    return rows


# -- documents and questions


def _classes(
    docs: AlignedDocs,
    name: str,
) -> Iterator[tuple[JudgedPlace, Judgement]]:
    """The classes of a document; of one predicted class with its score."""
    gold = document_classes(docs.gold.doc, name, is_gold=True)
    predicted = document_classes(docs.predicted.doc, name)
    if gold is None or predicted is None:
        return
    score = None
    if len(predicted) == 1:
        [label] = predicted
        score = docs.predicted.doc.layers[name][label][0]
    texts = ", ".join(sorted(gold)), ", ".join(sorted(predicted))
    yield (), Judgement(*texts, gold == predicted, score)


def _answers(docs: AlignedDocs) -> Iterator[tuple[JudgedPlace, Judgement]]:
    """The best answer to each question."""
    gold = answers_of(docs.gold.doc)
    predicted = answers_of(docs.predicted.doc)
    scores = _best_scores(docs.predicted.doc)
    questions = docs.gold.doc.layers["questions"].values("text")
    for row, expected in enumerate(gold):
        answers = predicted[row] if row < len(predicted) else []
        best = answers[0] if answers else None
        is_right = exact(expected, best) == 1
        place = (f"question {row}: {questions[row]}",)
        yield place, Judgement(expected[0] if expected else None, best, is_right, scores.get(row))


def _best_scores(doc: Doc) -> dict[int, float]:
    """The best score of the answers to each question."""
    layer = doc.layers.get("answers")
    best: dict[int, float] = {}
    if layer is None or "score" not in layer or "question" not in layer:
        return best
    for question, score in zip(layer.values("question"), layer.values("score"), strict=True):
        if score is not None:
            best[question] = max(score, best.get(question, 0.0))
    return best
