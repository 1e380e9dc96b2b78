"""Outcomes of spans, and of relations between them: right, of another label or place, or alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from pipekit.doc.layer import Layer
from pipekit.doc.text import QUESTIONS
from pipekit.evaluation.alignment import AlignedDocs, Borders, Side
from pipekit.evaluation.answers import answers_of, exact
from pipekit.evaluation.classes import class_scores, classes_of_scores, likely_classes
from pipekit.evaluation.outcomes import NOTHING, Outcome, PlacedArrow, PlacedLabel, compared

_NO_LABEL = "no label"


class _Labelled(NamedTuple):
    """A span of one side, or a relation between two.

    Attributes:
        places: the borders of the span, or of both.
    """

    places: tuple[Borders, ...]
    label: str
    score: float | None = None


class _Pair(NamedTuple):
    """What the gold standard has, and what was predicted there; one of them may lack."""

    gold: _Labelled | None
    predicted: _Labelled | None

    def outcome(
        self,
        figure: str,
        show: Callable[[_Pair], Outcome],
    ) -> Outcome:
        """The outcome, with what `show` shows of it where it is a mistake."""
        gold = NOTHING
        predicted = NOTHING
        score = None
        if self.gold is not None:
            gold = self.gold.label
        if self.predicted is not None:
            predicted = self.predicted.label
            score = self.predicted.score
        if self.is_right():
            return Outcome(
                figure,
                gold,
                predicted,
                is_right=True,
                score=score,
            )
        if gold == predicted:
            predicted += ", other borders"
        return show(self)._replace(
            figure=figure,
            gold=gold,
            predicted=predicted,
            score=score,
        )

    def is_right(self) -> bool:
        """Whether both are there, with the same places and label."""
        if self.gold is None or self.predicted is None:
            return False
        return self.gold[:2] == self.predicted[:2]


def span_outcomes(
    docs: AlignedDocs,
    layer: str,
) -> Iterator[Outcome]:
    """The outcomes of a span layer; none where nobody predicted it."""
    if layer in docs.predicted.doc.layers:
        gold = _spans(docs.gold, layer)
        predicted = _spans(docs.predicted, layer)
        for pair in _pairs(gold, predicted):
            yield pair.outcome(layer, _shown_span)


def relation_outcomes(docs: AlignedDocs) -> Iterator[Outcome]:
    """The outcomes of relations; none where nobody predicted any."""
    if "relations" in docs.predicted.doc.layers:
        gold = _relations(docs.gold)
        predicted = _relations(docs.predicted)
        for pair in _pairs(gold, predicted):
            yield pair.outcome("relations", _shown_relation)


def _spans(
    side: Side,
    name: str,
) -> list[_Labelled]:
    layer = side.doc.layers[name]
    places = [(borders,) for borders in side.span_borders(layer)]
    return _labelled(places, layer)


def _relations(side: Side) -> list[_Labelled]:
    layer = side.doc.layers["relations"]
    return _labelled(side.link_borders(layer), layer)


def _labelled(
    places: Sequence[tuple[Borders, ...]],
    layer: Layer,
) -> list[_Labelled]:
    """The label and the score of each row of a layer, at its places."""
    labelled = []
    for row_places, label, score in zip(
        places,
        layer.values("label"),
        layer.values("score"),
        strict=True,
    ):
        labelled.append(
            _Labelled(
                row_places,
                label or _NO_LABEL,
                score,
            )
        )
    return labelled


def _pairs(
    gold: Sequence[_Labelled],
    predicted: Sequence[_Labelled],
) -> Iterator[_Pair]:
    """Both sides: equals first, then those of the same place, then those that overlap."""
    left = {row[:2]: row for row in gold}
    right = {row[:2]: row for row in predicted}
    for key in left.keys() & right.keys():
        yield _Pair(left.pop(key), right.pop(key))
    for is_near in (_are_same, _overlap):
        for key, row in list(left.items()):
            near = [other for other in right if is_near(row, right[other])]
            if near:
                yield _Pair(left.pop(key), right.pop(near[0]))
    for row in left.values():
        yield _Pair(row, None)
    for row in right.values():
        yield _Pair(None, row)


def _are_same(
    row: _Labelled,
    other: _Labelled,
) -> bool:
    return row.places == other.places


def _overlap(
    row: _Labelled,
    other: _Labelled,
) -> bool:
    """Whether the places of both overlap, one by one."""
    for place, other_place in zip(
        row.places,
        other.places,
        strict=True,
    ):
        if place[0] >= other_place[1] or other_place[0] >= place[1]:
            return False
    return True


# -- what is shown of a mistake


def _shown_span(pair: _Pair) -> Outcome:
    labels = []
    if pair.gold is not None:
        labels.append(
            PlacedLabel(
                pair.gold.places[0],
                f"gold {pair.gold.label}",
                "missed",
            )
        )
    if pair.predicted is not None:
        label = f"predicted {pair.predicted.label}"
        labels.append(
            PlacedLabel(
                pair.predicted.places[0],
                label,
                "invented",
            )
        )
    return Outcome(
        "",
        "",
        "",
        is_right=False,
        labels=labels,
    )


def _shown_relation(pair: _Pair) -> Outcome:
    arrows = []
    ends = set()
    for name, relation in (("gold", pair.gold), ("predicted", pair.predicted)):
        if relation is not None:
            head, tail = relation.places
            arrows.append(
                PlacedArrow(
                    head,
                    tail,
                    f"{name} {relation.label}",
                )
            )
            ends |= {head, tail}
    labels = [PlacedLabel(place, "", "neutral") for place in sorted(ends)]
    return Outcome(
        "",
        "",
        "",
        is_right=False,
        labels=labels,
        arrows=arrows,
    )


# -- classes, and answers


def class_outcomes(
    docs: AlignedDocs,
    layer: str,
) -> Iterator[Outcome]:
    """The classes of a document: one where each has one, else each class by itself."""
    gold_scores = class_scores(docs.gold.doc, layer)
    scores = class_scores(docs.predicted.doc, layer)
    if gold_scores is None or scores is None:
        return
    expected = likely_classes(gold_scores)
    actual = classes_of_scores(scores)
    if len(expected) == 1 and len(actual) == 1:
        [gold] = expected
        [predicted] = actual
        yield Outcome(
            layer,
            gold,
            predicted,
            gold == predicted,
            scores.get(predicted),
        )
        return
    for name in sorted(expected | actual):
        is_right = name in expected and name in actual
        gold = NOTHING
        predicted = NOTHING
        score = None
        if name in expected:
            gold = name
        if name in actual:
            predicted = name
            score = scores[name]
        yield Outcome(
            layer,
            gold,
            predicted,
            is_right,
            score,
        )


def sentiment_outcomes(
    docs: AlignedDocs,
    layer: str,
) -> Iterator[Outcome]:
    """The sentiment toward the spans of a layer that both sides have."""
    gold = _feelings(docs.gold, layer)
    predicted = _feelings(docs.predicted, layer)
    for place, expected in gold.items():
        actual = predicted.get(place)
        if actual is not None:
            sides = (expected.label, actual.label)
            yield compared(
                f"{layer}.sentiment",
                place,
                sides,
                actual.score,
            )


def _feelings(
    side: Side,
    layer: str,
) -> dict[Borders, _Labelled]:
    """The sentiment toward each span of a layer by its borders."""
    feelings: dict[Borders, _Labelled] = {}
    if layer not in side.doc.layers:
        return feelings
    for span in side.doc.spans[layer]:
        feeling = span.sentiment
        if feeling is not None:
            start = int(side.starts[span.start])
            end = int(side.ends[span.end - 1])
            row = _Labelled(
                ((start, end),),
                feeling.label,
                feeling.score,
            )
            feelings[start, end] = row
    return feelings


def answer_outcomes(docs: AlignedDocs) -> Iterator[Outcome]:
    """The best answer to each question: right where it is exactly a gold one."""
    gold = docs.gold.doc
    if QUESTIONS not in gold.layers or "answers" not in docs.predicted.doc.layers:
        return
    texts = gold.layers[QUESTIONS].values("text")
    golden = _answers(docs.gold, len(texts))
    best = _answers(docs.predicted, len(texts))
    expected = answers_of(gold)
    actual = answers_of(docs.predicted.doc)
    for row, text in enumerate(texts):
        labels = [PlacedLabel(place, "gold answer", "missed") for place, _ in golden[row]]
        score = None
        if best[row]:
            place, score = best[row][0]
            labels.append(PlacedLabel(place, "predicted answer", "invented"))
        first = actual[row][0] if actual[row] else None
        is_right = bool(exact(expected[row], first))
        yield Outcome(
            "answers exact",
            gold="an answer" if expected[row] else NOTHING,
            predicted=_named(first, is_right=is_right),
            is_right=is_right,
            score=score,
            labels=labels,
            question=text or "",
        )


def _named(
    answer: str | None,
    *,
    is_right: bool,
) -> str:
    """What a predicted answer is called in tables."""
    if answer is None:
        return NOTHING
    return "an answer" if is_right else "another answer"


def _answers(
    side: Side,
    questions: int,
) -> list[list[tuple[Borders, float | None]]]:
    """The borders and scores of the answers to each question, best first."""
    answers: list[list[tuple[Borders, float | None]]] = [[] for _ in range(questions)]
    layer = side.doc.layers.get("answers")
    if layer is None:
        return answers
    spans = _spans(side, "answers")
    for span, question in zip(
        spans,
        layer.values("question"),
        strict=True,
    ):
        answers[question].append((span.places[0], span.score))
    for members in answers:
        members.sort(key=lambda answer: -(answer[1] or 0.0))
    return answers
