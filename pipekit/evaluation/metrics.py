"""How good predictions are: pairs of a gold Doc and a predicted one in, figures out.

Everything is compared by characters, as the evaluation of the CoNLL 2018 shared task does (Zeman et al. 2018,
https://universaldependencies.org/conll18/evaluation.html): a predicted word is right only if it has the borders of a gold word. On the
tokens of the gold standard the F1 of such a figure is its accuracy. What the gold standard leaves unset, or masks (`Voice=?`), counts
neither for nor against; a figure for what nobody annotated, or nobody predicted, is None.

    tokens, sents    borders
    pos, lemma       the value; lemmas as they are written
    morph            all features as a whole, in any order; `details["morph"]` has each attribute by itself
    ufeats           the same for the features that UD counts as universal
    alltags          pos and ufeats together
    ents, …          spans with their labels, as sets; `details` has each label; "ents outermost" those within no other, where some are
    relations        borders of both spans, and the label; "relations within" a sentence of the gold standard and "relations across" apart
    cats, sentiment  classes of documents, and "ents.sentiment" of entities, as `metrics_classes` has them; `details` has each class
    answers          to questions: the F1 of words, and "answers exact", as `metrics_answers` has them
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.doc import Doc
from pipekit.doc.layer import UNSURE
from pipekit.errors import DataError
from pipekit.evaluation.answers import score_answers
from pipekit.evaluation.classes import CLASS_LAYERS, score_classes, score_entities

UNIVERSAL = frozenset(
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
_NOTHING: frozenset[str] = frozenset()
_NEEDS = {
    "pos": ("pos",),
    "morph": ("morph",),
    "ufeats": ("morph",),
    "lemma": ("lemma",),
    "alltags": ("pos", "morph"),
}


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are in the gold standard and in the prediction, and how many they share.

    `known` says whether anybody predicted such a thing at all. Precision, recall and F1 are None where they have nothing to count.
    """

    gold: int
    predicted: int
    correct: float
    known: bool = True

    @property
    def precision(self) -> float | None:
        return self.correct / self.predicted if self.predicted and self.known else None

    @property
    def recall(self) -> float | None:
        return self.correct / self.gold if self.gold and self.known else None

    @property
    def f1(self) -> float | None:
        total = self.gold + self.predicted
        return 2 * self.correct / total if total and self.known else None

    def __add__(self, other: Counts) -> Counts:
        total = (
            self.gold + other.gold,
            self.predicted + other.predicted,
            self.correct + other.correct,
        )
        return Counts(*total, self.known or other.known)

    def to_dict(self) -> dict[str, float | int | None]:
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "gold": self.gold,
            "predicted": self.predicted,
            "correct": self.correct,
        }


Figures = dict[str, Counts]


@dataclass
class Scores:
    """Figures by name, `details` of some of them by label or attribute, and the same for each group of documents.

    `scores["pos"]` is the F1, or None where there is none.
    """

    documents: int = 0
    figures: Figures = field(default_factory=dict)
    details: dict[str, Figures] = field(default_factory=dict)
    groups: dict[str, Scores] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float | None:
        return self.figures[name].f1 if name in self.figures else None

    def add(self, figures: Figures, details: Mapping[str, Figures]) -> None:
        """Count one more document."""
        self.documents += 1
        _add(self.figures, figures)
        for name, detail in details.items():
            _add(self.details.setdefault(name, {}), detail)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, as for JSON."""
        return {
            "documents": self.documents,
            "figures": {name: counts.to_dict() for name, counts in self.figures.items()},
            "details": {
                name: {key: c.to_dict() for key, c in sorted(detail.items())}
                for name, detail in self.details.items()
            },
            "groups": {name: scores.to_dict() for name, scores in sorted(self.groups.items())},
        }

    def table(self, *, details: bool = True) -> str:
        """The figures in per cent as a Markdown table, with the F1 of each group beside them."""
        groups = sorted(self.groups)
        rows = [["", "P", "R", "F1", "gold", *groups]]
        for name, counts in self.figures.items():
            rows.append(
                [name, *_cells(counts), *(_percent(self.groups[group][name]) for group in groups)]
            )
            for key, detail in sorted(self.details.get(name, {}).items()) if details else ():
                rows.append(
                    [
                        f"{name}.{key}",
                        *_cells(detail),
                        *(_percent(self._detail(group, name, key)) for group in groups),
                    ]
                )
        return _markdown(rows)

    def _detail(self, group: str, name: str, key: str) -> float | None:
        counts = self.groups[group].details.get(name, {}).get(key)
        return None if counts is None else counts.f1


def side_by_side(found: Mapping[str, Scores]) -> str:
    """The F1 of several pipelines on the same documents in per cent, as a Markdown table: a column for each, and beside those after the
    first how many points they are from it.
    """
    first, *others = found
    rows = [["", first, *(cell for name in others for cell in (name, "points"))]]
    for figure in found[first].figures:
        base = found[first][figure]
        row = [figure, _percent(base)]
        for value in (found[name][figure] for name in others):
            row += [
                _percent(value),
                "-" if base is None or value is None else f"{100 * (value - base):+.2f}",
            ]
        rows.append(row)
    return _markdown(rows)


def score(
    pairs: Iterable[tuple[Doc, Doc]], *, by: str | None = None, spans: Sequence[str] = ("ents",)
) -> Scores:
    """The figures of (gold, predicted) pairs of the same text.

    Args:
        by: a labelled column of the gold Docs' layer "meta", such as "genre": figures for each of its values too.
        spans: the span layers to compare.

    Errors: `DataError` where the two texts differ in more than white space.
    """
    whole = Scores()
    for gold, predicted in pairs:
        figures, details = score_doc(gold, predicted, spans)
        whole.add(figures, details)
        if by is not None:
            whole.groups.setdefault(_group(gold, by), Scores()).add(figures, details)
    for part in (whole, *whole.groups.values()):
        for name in spans:
            if name in part.figures and part.figures.get(f"{name} outermost") == part.figures[name]:
                del part.figures[f"{name} outermost"]  # nothing is nested, so it says nothing new
    return whole


def score_doc(
    gold: Doc, predicted: Doc, spans: Sequence[str] = ("ents",)
) -> tuple[Figures, dict[str, Figures]]:
    """Figures and details of one document; only what the gold Doc annotates is there."""
    pair = _aligned(gold, predicted)
    figures = {"tokens": _shared(pair.gold, pair.predicted)}
    if gold.has_annotation("sents"):
        figures["sents"] = _sentences(pair)
    details: dict[str, Figures] = {}
    for name, needs in _NEEDS.items():
        if all(gold.has_annotation(column) for column in needs):
            figures[name] = _tags(pair, name)
    if "morph" in figures:
        details["morph"] = _attributes(pair)
    for name in spans:
        if name == "answers" and "questions" in gold.layers and name in gold.layers:
            figures |= _answers(gold, predicted)
        elif name in gold.layers:
            sides = _spans(pair.gold, name), _spans(pair.predicted, name)
            figures[name], details[name] = _sets(*sides)
            figures[f"{name} outermost"], _ = _sets(*map(_outermost, sides))
    if "relations" in gold.layers:
        _add_relations(pair, figures, details)
    compared = {layer: score_classes(gold, predicted, layer) for layer in CLASS_LAYERS}
    compared |= {f"{layer}.sentiment": score_entities(gold, predicted, layer) for layer in spans}
    for name, found in compared.items():
        if found is not None:
            figures[name] = Counts(*found.every, found.known)
            details[name] = {
                label: Counts(*counts, found.known) for label, counts in found.each.items()
            }
    return figures, details


def _answers(gold: Doc, predicted: Doc) -> Figures:
    """Questions in place of spans: their F1 and their exact matches, each a sum over the questions."""
    size, f1, exact = score_answers(gold, predicted)
    known = "answers" in predicted.layers
    return {
        "answers": Counts(size, size, f1, known),
        "answers exact": Counts(size, size, exact, known),
    }


class _Side(NamedTuple):
    """A Doc with the borders of its tokens, counted in characters that are no white space; `rows` are tokens that have some."""

    doc: Doc
    starts: NDArray[Any]
    ends: NDArray[Any]
    rows: NDArray[Any]

    def borders(self) -> list[tuple[int, int]]:
        return list(
            zip(self.starts[self.rows].tolist(), self.ends[self.rows].tolist(), strict=True)
        )


class _Pair(NamedTuple):
    """Both sides, the rows of gold and predicted that are the same token, and the features that gold masks of a predicted row."""

    gold: _Side
    predicted: _Side
    same: list[tuple[int, int]]
    masked: Mapping[int, frozenset[str]]


def _aligned(gold: Doc, predicted: Doc) -> _Pair:
    left, right = _side(gold), _side(predicted)
    if gold.text != predicted.text:
        _check_texts(gold, predicted)
    size = int(max(left.ends.max(initial=0), right.ends.max(initial=0))) + 1
    codes = [side.starts[side.rows] * size + side.ends[side.rows] for side in (left, right)]
    _, first, second = np.intersect1d(codes[0], codes[1], assume_unique=True, return_indices=True)
    same = list(zip(left.rows[first].tolist(), right.rows[second].tolist(), strict=True))
    masks = [_masked(morph) for morph in _strings(gold, "morph")]
    return _Pair(left, right, same, {p: masks[g] for g, p in same if masks[g]})


def _side(doc: Doc) -> _Side:
    solid = np.cumsum([0, *(not character.isspace() for character in doc.text)])
    starts, ends = solid[doc.starts], solid[doc.ends]
    return _Side(doc, starts, ends, np.flatnonzero(starts < ends))


def _check_texts(gold: Doc, predicted: Doc) -> None:
    left, right = "".join(gold.text.split()), "".join(predicted.text.split())
    if left != right:
        at = next(
            (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b),
            min(len(left), len(right)),
        )
        raise DataError(
            f"{gold.name or 'a document'}: gold and predicted differ in their text: after {left[max(0, at - 20) : at]!r} there is "
            f"{left[at : at + 20]!r} and {right[at : at + 20]!r}: predict on the text of the gold Doc"
        )


def _shared(gold: _Side, predicted: _Side) -> Counts:
    left, right = set(gold.borders()), set(predicted.borders())
    return Counts(len(left), len(right), len(left & right))


def _sentences(pair: _Pair) -> Counts:
    left, right = _sentence_borders(pair.gold), _sentence_borders(pair.predicted)
    return Counts(
        len(left), len(right), len(left & right), pair.predicted.doc.has_annotation("sents")
    )


def _sentence_borders(side: _Side) -> set[tuple[int, int]]:
    rows = side.doc.sent_borders()
    if rows is None:
        return set()
    found = (
        zip(side.starts[rows[:-1]].tolist(), side.ends[rows[1:] - 1].tolist(), strict=True)
        if len(side.doc)
        else ()
    )
    return {(start, end) for start, end in found if start < end}


def _tags(pair: _Pair, name: str) -> Counts:
    """Right where a token is there on both sides with the same value; tokens that gold leaves unset are out of the count."""
    gold, predicted = _values(pair.gold.doc, name), _values(pair.predicted.doc, name, pair.masked)
    both = [(gold[g], predicted[p]) for g, p in pair.same]
    unset = sum(value is None for value, _ in both)
    annotated = sum(gold[row] is not None for row in pair.gold.rows.tolist())
    correct = sum(a == b and a is not None for a, b in both)
    known = all(pair.predicted.doc.has_annotation(column) for column in _NEEDS[name])
    return Counts(annotated, len(pair.predicted.rows) - unset, correct, known)


def _values(doc: Doc, name: str, masked: Mapping[int, frozenset[str]] | None = None) -> list[Any]:
    """A comparable value for each token, None where unset."""
    columns = [_strings(doc, column) for column in _NEEDS[name]]
    if "morph" not in _NEEDS[name]:
        return columns[0]
    features = [
        _features(morph, name != "morph", (masked or {}).get(row, _NOTHING))
        for row, morph in enumerate(columns[-1])
    ]
    if name != "alltags":
        return features
    return [
        None if pos is None or found is None else (pos, found)
        for pos, found in zip(columns[0], features, strict=True)
    ]


def _strings(doc: Doc, column: str) -> list[str | None]:
    found = doc.tokens.get(column)
    return [None] * len(doc) if found is None else found.strings()


@lru_cache(1 << 16)
def _features(morph: str | None, universal: bool, masked: frozenset[str]) -> frozenset[str] | None:
    """The Name=Value pairs without those that are masked; None for None."""
    if morph is None:
        return None
    pairs = [(pair, *pair.partition("=")[::2]) for pair in morph.split("|")]
    said = (
        (pair, name)
        for pair, name, value in pairs
        if value and value != UNSURE and name not in masked
    )
    return frozenset(pair for pair, name in said if not universal or name in UNIVERSAL)


def _masked(morph: str | None) -> frozenset[str]:
    return (
        frozenset(pair[:-2] for pair in morph.split("|") if pair.endswith("=?"))
        if morph and "=?" in morph
        else _NOTHING
    )


def _attributes(pair: _Pair) -> Figures:
    """For each attribute, how many tokens have it, and how many have the right value of it."""
    gold, predicted = (
        _values(pair.gold.doc, "morph"),
        _values(pair.predicted.doc, "morph", pair.masked),
    )
    unset = {p for g, p in pair.same if gold[g] is None}
    in_gold = _names(gold[row] for row in pair.gold.rows.tolist())
    in_predicted = _names(
        predicted[row] for row in pair.predicted.rows.tolist() if row not in unset
    )
    correct = _names((gold[g] or _NOTHING) & (predicted[p] or _NOTHING) for g, p in pair.same)
    known = pair.predicted.doc.has_annotation("morph")
    return {
        name: Counts(in_gold[name], in_predicted[name], correct[name], known)
        for name in in_gold | in_predicted
    }


def _names(features: Iterable[frozenset[str] | None]) -> Counter[str]:
    distinct = Counter(features)
    total: Counter[str] = Counter()
    for pairs, count in distinct.items():
        for pair in pairs or ():
            total[pair.partition("=")[0]] += count
    return total


def _spans(side: _Side, name: str) -> set[tuple[str, Any]] | None:
    """(label, borders) of each span; None where nobody looked for any."""
    layer = side.doc.layers.get(name)
    if layer is None:
        return None
    labels = layer["label"].strings() if "label" in layer else [None] * layer.size
    return {
        (label or "", border) for label, border in zip(labels, _borders(side, name), strict=True)
    }


def _outermost(spans: set[tuple[str, Any]] | None) -> set[tuple[str, Any]] | None:
    """The spans that lie within no other."""
    if spans is None:
        return None
    kept, reached = set(), (-1, -1)
    for label, (start, end) in sorted(spans, key=lambda span: (span[1][0], -span[1][1])):
        if end > reached[1] or (start, end) == reached:
            kept.add((label, (start, end)))
            reached = (start, end)
    return kept


def _borders(side: _Side, name: str) -> list[tuple[int, int]]:
    layer = side.doc.layers[name]
    starts, ends = side.starts[layer["start"].values], side.ends[layer["end"].values - 1]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _add_relations(pair: _Pair, figures: Figures, details: dict[str, Figures]) -> None:
    """All relations, and where the gold standard has sentences, those whose ends begin in one sentence and the others."""
    gold, predicted = _relations(pair.gold), _relations(pair.predicted)
    figures["relations"], details["relations"] = _sets(gold, predicted)
    if not pair.gold.doc.has_annotation("sents"):
        return
    borders = sorted(start for start, _ in _sentence_borders(pair.gold))
    for name, wanted in (("relations within", True), ("relations across", False)):
        sides = (
            None if side is None else {one for one in side if _is_within(one, borders) is wanted}
            for side in (gold, predicted)
        )
        figures[name], details[name] = _sets(*sides)


def _is_within(relation: tuple[str, Any], borders: Sequence[int]) -> bool:
    """Whether head and tail begin in one of the sentences that begin at the borders."""
    head, tail = relation[1]
    return bisect_right(borders, head[0]) == bisect_right(borders, tail[0])


def _relations(side: _Side) -> set[tuple[str, Any]] | None:
    layer = side.doc.layers.get("relations")
    if layer is None:
        return None
    borders = _borders(side, layer.target or "ents") if layer.size else []
    labels = layer["label"].strings() if "label" in layer else [None] * layer.size
    ends = zip(layer["head"].values.tolist(), layer["tail"].values.tolist(), strict=True)
    return {
        (label or "", (borders[head], borders[tail]))
        for label, (head, tail) in zip(labels, ends, strict=True)
    }


def _sets(
    gold: set[tuple[str, Any]] | None, predicted: set[tuple[str, Any]] | None
) -> tuple[Counts, Figures]:
    """All labels together, and each."""
    known = predicted is not None
    left, right = gold or set(), predicted or set()
    totals = [Counter(label for label, _ in items) for items in (left, right, left & right)]
    labels = {
        label: Counts(totals[0][label], totals[1][label], totals[2][label], known)
        for label in totals[0] | totals[1]
    }
    return Counts(len(left), len(right), len(left & right), known), labels


def _group(doc: Doc, by: str) -> str:
    """The document's value in a column of "meta"; "-" for none, "mixed" for several."""
    meta = doc.layers.get("meta")
    values = set(meta[by].strings()) if meta is not None and by in meta else {None}
    return (values.pop() or "-") if len(values) == 1 else "mixed"


def _add(total: Figures, figures: Figures) -> None:
    for name, counts in figures.items():
        total[name] = total[name] + counts if name in total else counts


def _cells(counts: Counts) -> list[str]:
    return [*map(_percent, (counts.precision, counts.recall, counts.f1)), str(counts.gold)]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        [
            cell.rjust(w) if i else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]
    rule = [f"{'-' * (w - 1)}:" if i else "-" * w for i, w in enumerate(widths)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]])
