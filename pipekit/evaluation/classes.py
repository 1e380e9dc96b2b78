"""Figures of classes: of documents, and of the sentiment toward entities.

For a layer such as "cats" or "sentiment": its name is accuracy where each document has one class, micro F1 where it has any number; the
details count each class, and `macro_f1` is the mean of theirs. For entities, those that both sides have with the same borders are compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from pipekit.doc import Doc
from pipekit.doc.views import SENTIMENT_OF

THRESHOLD = 0.5  # from which on a class that excludes no other is said to be there
CLASS_LAYERS = ("cats", "sentiment")
Said = frozenset[str]
Counted = tuple[int, int, int]  # gold, predicted, correct


class ClassCounts(NamedTuple):
    """All classes together, each, and whether anybody predicted any."""

    every: Counted
    each: dict[str, Counted]
    known: bool


def score_classes(gold: Doc, predicted: Doc, layer: str) -> ClassCounts | None:
    """The classes of a document; None where gold has none."""
    wanted = _classes(gold, layer)
    if wanted is None:
        return None
    found = _classes(predicted, layer)
    return _compare([(_one_or_all(wanted), _answer(found or {}))], found is not None)


def score_entities(gold: Doc, predicted: Doc, layer: str) -> ClassCounts | None:
    """The sentiment toward the entities of a span layer that gold annotates and both sides have."""
    if not gold.has_annotation(f"{layer}.sentiment"):
        return None
    wanted, found = _sentiments(gold, layer), _sentiments(predicted, layer)
    known = predicted.has_annotation(f"{layer}.sentiment")
    return _compare(
        [
            (frozenset({said}), frozenset({found.get(place, "")}) - {""})
            for place, said in wanted.items()
        ],
        known,
    )


def macro_f1(details: Mapping[str, Any], classes: Collection[str] = ()) -> float | None:
    """The mean F1 of the classes, of all where none is named; of "positive" and "negative" it is the PN-F1 of RuSentNE-2023."""
    chosen = [details[name].f1 for name in classes or sorted(details) if name in details]
    return sum(value or 0.0 for value in chosen) / len(chosen) if chosen else None


def _compare(pairs: Sequence[tuple[Said, Said]], known: bool) -> ClassCounts:
    gold = Counter(name for wanted, _ in pairs for name in wanted)
    predicted = Counter(name for _, found in pairs for name in found)
    correct = Counter(name for wanted, found in pairs for name in wanted & found)
    each = {name: (gold[name], predicted[name], correct[name]) for name in gold | predicted}
    return ClassCounts((gold.total(), predicted.total(), correct.total()), each, known)


def _classes(doc: Doc, layer: str) -> dict[str, float] | None:
    found = doc.layers.get(layer)
    if found is None or found.kind != "doc" or not found.size:
        return None
    return {name: value for name in found if (value := found[name][0]) is not None}


def _one_or_all(scores: Mapping[str, float]) -> Said:
    return frozenset(name for name, value in scores.items() if value > THRESHOLD)


def _answer(predicted: Mapping[str, float]) -> Said:
    """The most probable class where probabilities add up to one, else all from THRESHOLD on."""
    if predicted and abs(sum(predicted.values()) - 1) < 1e-3:
        return frozenset({max(predicted, key=predicted.__getitem__)})
    return _one_or_all(predicted)


def _sentiments(doc: Doc, layer: str) -> dict[tuple[int, int], str]:
    if layer not in doc.layers or not any(
        name.startswith(SENTIMENT_OF) for name in doc.layers[layer]
    ):
        return {}
    return {
        (span.start_char, span.end_char): span.sentiment.label
        for span in doc.spans[layer]
        if span.sentiment
    }
