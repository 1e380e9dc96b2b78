"""Figures of spans and of relations between them, each compared as a set.

A span is right with its borders and its label, a relation with the borders of both its spans and
its label.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence, Set

from pipekit.doc.layer import Layer
from pipekit.evaluation.alignment import AlignedDocs, Borders, Side
from pipekit.evaluation.counts import Counts, Figure

LabelledSpan = tuple[str, Borders]
LabelledRelation = tuple[str, tuple[Borders, Borders]]  # label, (borders of head, of tail)
Labelled = Set[tuple[str, object]]  # of either kind


def span_figures(
    docs: AlignedDocs,
    layer: str,
) -> Iterator[Figure]:
    """All spans of a layer, and those that lie within no other; details are labels."""
    gold = _spans(docs.gold, layer)
    predicted = _spans(docs.predicted, layer)
    yield _compare_sets(layer, gold, predicted)
    outermost = _compare_sets(
        f"{layer} outermost",
        _outermost(gold),
        _outermost(predicted),
    )
    yield outermost._replace(details=None)


def relation_figures(docs: AlignedDocs) -> Iterator[Figure]:
    """All relations; with gold sentences, those within a sentence and those across apart."""
    gold = _relations(docs.gold)
    predicted = _relations(docs.predicted)
    yield _compare_sets("relations", gold, predicted)
    if not docs.gold.doc.has_annotation("sents"):
        return
    starts = sorted(start for start, _ in docs.gold.sentences())
    gold_within = _within_sentences(gold, starts)
    predicted_within = _within_sentences(predicted, starts)
    yield _compare_sets("relations within", gold_within, predicted_within)
    yield _compare_sets(
        "relations across",
        _without(gold, gold_within),
        _without(predicted, predicted_within),
    )


def _compare_sets(
    name: str,
    gold: Labelled | None,
    predicted: Labelled | None,
) -> Figure:
    """All labels together, and each; None where nobody looked for any."""
    left = gold or frozenset()
    right = predicted or frozenset()
    shared = left & right
    in_gold = Counter(label for label, _ in left)
    in_predicted = Counter(label for label, _ in right)
    correct = Counter(label for label, _ in shared)
    has_prediction = predicted is not None
    details = {}
    for label in in_gold | in_predicted:
        details[label] = Counts(
            gold=in_gold[label],
            predicted=in_predicted[label],
            correct=correct[label],
            has_prediction=has_prediction,
        )
    counts = Counts(
        gold=len(left),
        predicted=len(right),
        correct=len(shared),
        has_prediction=has_prediction,
    )
    return Figure(name, counts, details)


def _spans(
    side: Side,
    name: str,
) -> set[LabelledSpan] | None:
    layer = side.doc.layers.get(name)
    if layer is None:
        return None
    return set(zip(_labels(layer), side.span_borders(layer), strict=True))


def _labels(layer: Layer) -> list[str]:
    """The label of each row, "" for none."""
    if "label" not in layer:
        return [""] * layer.size
    return [label or "" for label in layer["label"].strings()]


def _outermost(spans: set[LabelledSpan] | None) -> set[LabelledSpan] | None:
    """The spans that lie within no other."""
    if spans is None:
        return None
    outermost = set()
    last = (-1, -1)  # borders of the outermost span that ends last so far
    for label, (start, end) in sorted(spans, key=_longest_first):
        borders = (start, end)
        if end > last[1] or borders == last:
            outermost.add((label, borders))
            last = borders
    return outermost


def _longest_first(span: LabelledSpan) -> tuple[int, int]:
    """Sorts by start, and of spans with the same start the longest first."""
    _, (start, end) = span
    return start, -end


def _relations(side: Side) -> set[LabelledRelation] | None:
    layer = side.doc.layers.get("relations")
    if layer is None:
        return None
    return set(zip(_labels(layer), side.link_borders(layer), strict=True))


def _within_sentences(
    relations: set[LabelledRelation] | None,
    starts: Sequence[int],
) -> set[LabelledRelation] | None:
    """The relations whose head and tail begin in the same sentence.

    `starts` are those of the sentences, sorted.
    """
    if relations is None:
        return None
    within = set()
    for relation in relations:
        _, (head, tail) = relation
        head_sentence = bisect_right(starts, head[0])
        tail_sentence = bisect_right(starts, tail[0])
        if head_sentence == tail_sentence:
            within.add(relation)
    return within


def _without(
    relations: set[LabelledRelation] | None,
    others: set[LabelledRelation] | None,
) -> set[LabelledRelation] | None:
    if relations is None or others is None:
        return None
    return relations - others
