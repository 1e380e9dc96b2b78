"""Figures of classes: of documents, and of the sentiment toward entities.

The figure of a layer such as "cats" or "sentiment" is accuracy where each document has one class,
and micro F1 where it has any number. The details count each class, and `macro_f1` is the mean of
their F1. Of entities, those that both sides have with the same borders are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Set

from pipekit.doc import Doc
from pipekit.doc.layer import Layer
from pipekit.doc.layers import ATTRIBUTES
from pipekit.doc.text import QUESTIONS
from pipekit.doc.values import SENTIMENT_OF
from pipekit.evaluation.alignment import Borders
from pipekit.evaluation.counts import Counts, Figure, Figures

THRESHOLD = 0.5  # the score above which a document has a class that excludes no other
_INPUT = ("meta", QUESTIONS, ATTRIBUTES)  # layers of a document that say nothing of its classes
ClassNames = Set[str]


def class_layers(doc: Doc) -> list[str]:
    """The layers with a score for each class of a document: "cats", "sentiment", or another."""
    names = []
    for name, layer in doc.layers.items():
        if layer.kind == "doc" and layer.width and name not in _INPUT and _are_scores(layer):
            names.append(name)
    return sorted(names)


def _are_scores(layer: Layer) -> bool:
    return all(layer[name].values.dtype.kind == "f" for name in layer)


def class_figures(
    gold: Doc,
    predicted: Doc,
    layer: str,
) -> Iterator[Figure]:
    """The classes of a document; nothing where gold has none."""
    gold_classes = document_classes(gold, layer, is_gold=True)
    if gold_classes is None:
        return
    predicted_classes = document_classes(predicted, layer)
    yield _compare(
        layer,
        [(gold_classes, predicted_classes or frozenset())],
        has_prediction=predicted_classes is not None,
    )


def document_classes(
    doc: Doc,
    layer: str,
    *,
    is_gold: bool = False,
) -> ClassNames | None:
    """The classes that a document has by a layer of scores; None where nobody has judged it.

    Gold classes are those above the threshold, also where they exclude each other.
    """
    scores = class_scores(doc, layer)
    if scores is None:
        return None
    if is_gold:
        return likely_classes(scores)
    return classes_of_scores(scores)


def sentiment_figures(
    gold: Doc,
    predicted: Doc,
    layer: str,
) -> Iterator[Figure]:
    """The sentiment toward the entities of a span layer that both sides have.

    There is nothing where gold does not annotate sentiment.
    """
    name = f"{layer}.sentiment"
    if not gold.has_annotation(name):
        return
    predicted_sentiments = _sentiments(predicted, layer)
    pairs = []
    for borders, sentiment in _sentiments(gold, layer).items():
        predicted_classes = set()
        predicted_sentiment = predicted_sentiments.get(borders)
        if predicted_sentiment:
            predicted_classes.add(predicted_sentiment)
        pairs.append(({sentiment}, predicted_classes))
    yield _compare(
        name,
        pairs,
        has_prediction=predicted.has_annotation(name),
    )


def macro_f1(
    details: Figures,
    classes: Collection[str] = (),
) -> float | None:
    """The mean F1 of the named classes, of all where none is named.

    Of "positive" and "negative" it is the PN-F1 of RuSentNE-2023.
    """
    names = classes or sorted(details)
    values = [details[name].f1 for name in names if name in details]
    if not values:
        return None
    return sum(value or 0.0 for value in values) / len(values)


def _compare(
    figure: str,
    pairs: Sequence[tuple[ClassNames, ClassNames]],  # gold, predicted
    *,
    has_prediction: bool,
) -> Figure:
    in_gold: Counter[str] = Counter()
    in_predicted: Counter[str] = Counter()
    correct: Counter[str] = Counter()
    for gold, predicted in pairs:
        in_gold.update(gold)
        in_predicted.update(predicted)
        correct.update(gold & predicted)
    details = {}
    for name in in_gold | in_predicted:
        details[name] = Counts(
            gold=in_gold[name],
            predicted=in_predicted[name],
            correct=correct[name],
            has_prediction=has_prediction,
        )
    counts = Counts(
        gold=in_gold.total(),
        predicted=in_predicted.total(),
        correct=correct.total(),
        has_prediction=has_prediction,
    )
    return Figure(figure, counts, details)


def class_scores(
    doc: Doc,
    name: str,
) -> dict[str, float] | None:
    """The score of each class that has one; None without such a layer of the document."""
    layer = doc.layers.get(name)
    if layer is None or layer.kind != "doc" or not layer.size:
        return None
    scores = {}
    for column in layer:
        value = layer[column][0]
        if value is not None:
            scores[column] = value
    return scores


def likely_classes(scores: Mapping[str, float]) -> ClassNames:
    return {name for name, value in scores.items() if value > THRESHOLD}


def classes_of_scores(scores: Mapping[str, float]) -> ClassNames:
    """The most probable class where probabilities add up to one, else all above the threshold."""
    total = sum(scores.values())
    if abs(total - 1) < 1e-3:
        best = max(scores, key=scores.__getitem__)
        return {best}
    return likely_classes(scores)


def _sentiments(
    doc: Doc,
    layer: str,
) -> dict[Borders, str]:
    """The sentiment toward the entities of a layer, by their borders in the text."""
    columns = doc.layers.get(layer, ())
    if not any(name.startswith(SENTIMENT_OF) for name in columns):
        return {}
    sentiments = {}
    for span in doc.spans[layer]:
        if span.sentiment:
            borders = (span.start_char, span.end_char)
            sentiments[borders] = span.sentiment.label
    return sentiments
