"""Outcomes of tokens: their borders, parts of speech, features, lemmas, heads and relations."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from pipekit.corpora.readers.spans import is_raw
from pipekit.doc import Doc
from pipekit.doc.layer import UNSURE
from pipekit.doc.trees import head_of, relation_of
from pipekit.doc.values import Morph
from pipekit.evaluation.alignment import NO_FEATURES, AlignedDocs, Borders, column_strings
from pipekit.evaluation.outcomes import (
    NOTHING,
    Outcome,
    PlacedLabel,
    compared,
    scores_of,
)

_ROOT = "root"
_ELSEWHERE = "other head"


def token_outcomes(docs: AlignedDocs) -> Iterator[Outcome]:
    """The outcomes of all token columns that the gold Doc annotates."""
    gold = docs.gold.doc
    predicted = docs.predicted.doc
    if not is_raw(gold):
        yield from _borders(docs)
        if gold.has_annotation("sents") and predicted.has_annotation("sents"):
            yield from _sentences(docs)
    for name in ("pos", "lemma"):
        if gold.has_annotation(name) and predicted.has_annotation(name):
            yield from _values(docs, name)
    if gold.has_annotation("morph") and predicted.has_annotation("morph"):
        yield from _features(docs)
    if gold.has_annotation("head") and predicted.has_annotation("head"):
        yield from _heads(docs)


def _borders(docs: AlignedDocs) -> Iterator[Outcome]:
    """Gold tokens, and those of them that the tokenizer has cut, or joined to others."""
    rights = {row for row, _ in docs.same}
    text = "".join(docs.gold.doc.text.split())
    cuts = sorted(start for start, _ in docs.predicted.borders())
    borders = docs.gold.row_borders()
    for row in docs.gold.rows.tolist():
        if row in rights:
            yield Outcome("tokens", "a token", "a token", is_right=True)
            continue
        start, end = borders[row]
        inside = cuts[bisect_right(cuts, start) : bisect_left(cuts, end)]
        outcome = "cut" if inside else "joined"
        pieces = _pieces(text, [start, *inside, end])
        label = PlacedLabel(
            (start, end),
            f"{outcome}: {pieces}",
            "wrong",
        )
        yield Outcome(
            "tokens",
            "a token",
            outcome,
            is_right=False,
            labels=[label],
        )


def _sentences(docs: AlignedDocs) -> Iterator[Outcome]:
    """The places where a sentence begins; the first of a text is one for everybody."""
    expected = {start for start, _ in docs.gold.sentences()}
    actual = {start for start, _ in docs.predicted.sentences()}
    for start in sorted(expected | actual):
        if start == 0:
            continue
        gold = "a border" if start in expected else NOTHING
        predicted = "a border" if start in actual else NOTHING
        is_right = gold == predicted
        side = "missed" if start in expected else "invented"
        label = PlacedLabel(
            (start, start + 1),
            f"{side} border",
            side,
        )
        yield Outcome(
            "sents",
            gold,
            predicted,
            is_right,
            labels=[label],
        )


def _pieces(
    text: str,
    edges: Sequence[int],
) -> str:
    pieces = []
    for number in range(len(edges) - 1):
        pieces.append(text[edges[number] : edges[number + 1]])
    return " · ".join(pieces)


def _values(
    docs: AlignedDocs,
    name: str,
) -> Iterator[Outcome]:
    """A column of strings; tokens that the gold standard leaves unset are left out."""
    gold = column_strings(docs.gold.doc, name)
    predicted = column_strings(docs.predicted.doc, name)
    scores = scores_of(docs.predicted.doc, name)
    borders = docs.gold.row_borders()
    for gold_row, row in docs.same:
        value = gold[gold_row]
        if value is not None:
            sides = (value, predicted[row] or NOTHING)
            yield compared(
                name,
                borders[gold_row],
                sides,
                scores[row],
            )


def _features(docs: AlignedDocs) -> Iterator[Outcome]:
    """Each feature by itself: "Case=Nom" for "Case=Acc"."""
    gold = column_strings(docs.gold.doc, "morph")
    predicted = column_strings(docs.predicted.doc, "morph")
    scores = scores_of(docs.predicted.doc, "morph")
    borders = docs.gold.row_borders()
    for gold_row, row in docs.same:
        morph = gold[gold_row]
        if morph is None:
            continue
        masked = docs.masked.get(row, NO_FEATURES)
        expected = Morph(morph)
        features = Morph(predicted[row] or "")
        for name in sorted({*expected, *features}):
            if name in masked or expected.get(name) == UNSURE:
                continue
            sides = (_pair(name, expected), _pair(name, features))
            yield compared(
                "morph",
                borders[gold_row],
                sides,
                scores[row],
            )


def _pair(
    name: str,
    features: Morph,
) -> str:
    return f"{name}={features.get(name, NOTHING)}"


def _heads(docs: AlignedDocs) -> Iterator[Outcome]:
    """Heads with relations, without subtypes, as LAS compares them; heads alone without these."""
    gold = docs.gold
    predicted = docs.predicted
    has_relations = gold.doc.has_annotation("dep") and predicted.doc.has_annotation("dep")
    figure = "LAS" if has_relations else "UAS"
    scores = scores_of(predicted.doc, "head")
    gold_borders = gold.row_borders()
    predicted_borders = predicted.row_borders()
    for gold_row, row in docs.same:
        head = head_of(gold.doc.tokens, gold_row)
        if head is None:
            continue
        place = gold_borders[gold_row]
        expected = gold_borders[head]
        predicted_head = head_of(predicted.doc.tokens, row)
        actual = None if predicted_head is None else predicted_borders[predicted_head]
        relation = _relation(gold.doc, gold_row, has_relations)
        predicted_relation = _relation(predicted.doc, row, has_relations)
        if actual is None:
            predicted_relation = NOTHING
        elif actual != expected and predicted_relation == relation:
            predicted_relation = _ELSEWHERE
        beside = _heads_beside(place, expected, actual)
        sides = (relation, predicted_relation)
        yield compared(
            figure,
            place,
            sides,
            scores[row],
            beside,
        )


def _relation(
    doc: Doc,
    row: int,
    has_relations: bool,
) -> str:
    """The relation of a token, or where these are not compared whether it has a head."""
    if has_relations:
        return relation_of(doc.tokens, row) or NOTHING
    return _ROOT if head_of(doc.tokens, row) == row else "head"


def _heads_beside(
    place: Borders,
    expected: Borders,
    actual: Borders | None,
) -> Sequence[PlacedLabel]:
    """The gold and the predicted head of a word; a root has none."""
    labels = []
    if expected == actual:
        if expected != place:
            labels.append(PlacedLabel(expected, "head", "neutral"))
        return labels
    if expected != place:
        labels.append(PlacedLabel(expected, "gold head", "missed"))
    if actual is not None and actual != place:
        labels.append(PlacedLabel(actual, "predicted head", "invented"))
    return labels
