"""Figures of token columns: parts of speech, features and lemmas.

A value is right where both sides have the token with the same value. Tokens that the gold standard
leaves unset are out of the count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from pipekit.doc import Doc
from pipekit.doc.layer import UNSURE
from pipekit.evaluation.alignment import NO_FEATURES, AlignedDocs, column_strings
from pipekit.evaluation.counts import Counts, Figure, Figures

UNIVERSAL_FEATURES = frozenset(
    {
        "PronType",
        "NumType",
        "Poss",
        "Reflex",
        "Foreign",
        "Abbr",
        "Gender",
        "Animacy",
        "Number",
        "Case",
        "Definite",
        "Degree",
        "VerbForm",
        "Mood",
        "Tense",
        "Aspect",
        "Voice",
        "Evident",
        "Polarity",
        "Person",
        "Polite",
    }
)

# The token columns that each figure compares.
_COLUMNS = {
    "pos": ("pos",),
    "morph": ("morph",),
    "ufeats": ("morph",),
    "lemma": ("lemma",),
    "alltags": ("pos", "morph"),
}

FeatureSet = frozenset[str]  # pairs "Case=Nom"


def token_figures(docs: AlignedDocs) -> Iterator[Figure]:
    """The figures whose columns the gold Doc annotates; details of "morph" are attributes."""
    for name, columns in _COLUMNS.items():
        if not all(map(docs.gold.doc.has_annotation, columns)):
            continue
        details = _attributes(docs) if name == "morph" else None
        yield Figure(name, _compare(docs, name), details)


def _compare(
    docs: AlignedDocs,
    name: str,
) -> Counts:
    gold = _values(docs.gold.doc, name, {})
    predicted = _values(docs.predicted.doc, name, docs.masked)
    annotated = 0
    for row in docs.gold.rows.tolist():
        annotated += gold[row] is not None
    unset = 0
    correct = 0
    for gold_row, predicted_row in docs.same:
        value = gold[gold_row]
        if value is None:
            unset += 1
        elif value == predicted[predicted_row]:
            correct += 1
    return Counts(
        gold=annotated,
        predicted=len(docs.predicted.rows) - unset,
        correct=correct,
        has_prediction=all(map(docs.predicted.doc.has_annotation, _COLUMNS[name])),
    )


def _values(
    doc: Doc,
    name: str,
    masked: Mapping[int, FeatureSet],
) -> list[Any]:
    """A comparable value for each token, None where unset; features without masked ones."""
    if name in ("pos", "lemma"):
        return column_strings(doc, name)
    universal = name != "morph"
    features = []
    for row, morph in enumerate(column_strings(doc, "morph")):
        mask = masked.get(row, NO_FEATURES)
        features.append(_feature_set(morph, universal, mask))
    if name != "alltags":
        return features
    values: list[tuple[str, FeatureSet] | None] = []
    for part, pairs in zip(column_strings(doc, "pos"), features, strict=True):
        if part is None or pairs is None:
            values.append(None)
        else:
            values.append((part, pairs))
    return values


def feature_values(
    doc: Doc,
    masked: Mapping[int, FeatureSet],
) -> list[FeatureSet | None]:
    """The features of each token as a set, None where unset.

    Args:
        masked: features to leave out, by row.
    """
    return _values(doc, "morph", masked)


@lru_cache(1 << 16)
def _feature_set(
    morph: str | None,
    universal: bool,
    masked: FeatureSet,
) -> FeatureSet | None:
    """The features of a token, or only those that UD counts as universal; None for None.

    Features that are masked or without a value are left out.
    """
    if morph is None:
        return None
    pairs = set()
    for pair in morph.split("|"):
        name, _, value = pair.partition("=")
        if not value or value == UNSURE or name in masked:
            continue
        if not universal or name in UNIVERSAL_FEATURES:
            pairs.add(pair)
    return frozenset(pairs)


def _attributes(docs: AlignedDocs) -> Figures:
    """For each attribute, how many tokens have it, and how many have the right value of it."""
    gold = _values(docs.gold.doc, "morph", {})
    predicted = _values(docs.predicted.doc, "morph", docs.masked)
    unset = {predicted_row for gold_row, predicted_row in docs.same if gold[gold_row] is None}
    compared = [row for row in docs.predicted.rows.tolist() if row not in unset]
    shared = []
    for gold_row, predicted_row in docs.same:
        gold_pairs = gold[gold_row] or NO_FEATURES
        predicted_pairs = predicted[predicted_row] or NO_FEATURES
        shared.append(gold_pairs & predicted_pairs)

    in_gold = _count_attributes(gold[row] for row in docs.gold.rows.tolist())
    in_predicted = _count_attributes(predicted[row] for row in compared)
    correct = _count_attributes(shared)
    has_prediction = docs.predicted.doc.has_annotation("morph")
    figures = {}
    for name in in_gold | in_predicted:
        figures[name] = Counts(
            gold=in_gold[name],
            predicted=in_predicted[name],
            correct=correct[name],
            has_prediction=has_prediction,
        )
    return figures


def _count_attributes(features: Iterable[FeatureSet | None]) -> Counter[str]:
    """How many tokens have each attribute."""
    attributes: Counter[str] = Counter()
    for pairs, times in Counter(features).items():
        for pair in pairs or NO_FEATURES:
            name, _, _ = pair.partition("=")
            attributes[name] += times
    return attributes
