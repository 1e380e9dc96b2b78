"""Counts of what is right, the figures that are made of them, and all figures of some documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pipekit.evaluation.tables import markdown_table, percent


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are in the gold standard and in the prediction, and how many are in both.

    Without `has_prediction` nobody predicted such a thing at all. Precision, recall and F1 are None
    then, and where they have nothing to count.
    """

    gold: int
    predicted: int
    correct: float
    has_prediction: bool = True

    @property
    def precision(self) -> float | None:
        """The share of the predicted that is right."""
        if not self.predicted or not self.has_prediction:
            return None
        return self.correct / self.predicted

    @property
    def recall(self) -> float | None:
        """The share of the gold that is predicted."""
        if not self.gold or not self.has_prediction:
            return None
        return self.correct / self.gold

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall."""
        total = self.gold + self.predicted
        if not total or not self.has_prediction:
            return None
        return 2 * self.correct / total

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            gold=self.gold + other.gold,
            predicted=self.predicted + other.predicted,
            correct=self.correct + other.correct,
            has_prediction=self.has_prediction or other.has_prediction,
        )

    def to_dict(self) -> dict[str, float | int | None]:
        """Plain data, as for JSON."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "gold": self.gold,
            "predicted": self.predicted,
            "correct": self.correct,
        }


Figures = dict[str, Counts]


class Figure(NamedTuple):
    """A figure of one document; `details` count each label or attribute by itself."""

    name: str
    counts: Counts
    details: Figures | None = None


@dataclass
class Scores:
    """All figures of some documents.

        scores["pos"]                           # the F1, None where there is none
        scores.details["ents"]["PER"].recall    # of one label
        scores.groups["poetry"]["pos"]          # of one group of documents
        print(scores.table())

    `details` count the labels or attributes of some figures. Each of `groups` has the same for some
    of the documents.
    """

    documents: int = 0
    figures: Figures = field(default_factory=dict)
    details: dict[str, Figures] = field(default_factory=dict)
    groups: dict[str, Scores] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float | None:
        if name not in self.figures:
            return None
        return self.figures[name].f1

    def add(
        self,
        figures: Figures,
        details: Mapping[str, Figures],
    ) -> None:
        """Count one more document."""
        self.documents += 1
        _add(self.figures, figures)
        for name, detail in details.items():
            total = self.details.setdefault(name, {})
            _add(total, detail)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, as for JSON."""
        figures = {}
        for name, counts in self.figures.items():
            figures[name] = counts.to_dict()
        details = {}
        for name, detail in self.details.items():
            details[name] = {key: detail[key].to_dict() for key in sorted(detail)}
        groups = {}
        for name in sorted(self.groups):
            groups[name] = self.groups[name].to_dict()
        return {
            "documents": self.documents,
            "figures": figures,
            "details": details,
            "groups": groups,
        }

    def table(self, *, details: bool = True) -> str:
        """The figures in per cent as a Markdown table, with the F1 of each group beside them."""
        names = sorted(self.groups)
        groups = [self.groups[name] for name in names]
        rows = [["", "P", "R", "F1", "gold", *names]]
        for name, counts in self.figures.items():
            by_group = [percent(group[name]) for group in groups]
            rows.append([name, *_cells(counts), *by_group])
            if not details:
                continue
            detail = self.details.get(name, {})
            for key in sorted(detail):
                by_group = [percent(group._detail(name, key)) for group in groups]
                cells = _cells(detail[key])
                rows.append([f"{name}.{key}", *cells, *by_group])
        return markdown_table(rows)

    def _detail(
        self,
        name: str,
        key: str,
    ) -> float | None:
        """The F1 of a detail, None where there is none."""
        details = self.details.get(name, {})
        if key not in details:
            return None
        return details[key].f1


def side_by_side(scores: Mapping[str, Scores]) -> str:
    """The F1 of several pipelines on the same documents, in per cent, as a Markdown table.

    Each pipeline has a column. Beside those after the first stands how many points they are from
    the first.
    """
    first, *others = scores
    head = ["", first]
    for name in others:
        head += [name, "points"]
    rows = [head]
    for figure in scores[first].figures:
        base = scores[first][figure]
        row = [figure, percent(base)]
        for name in others:
            value = scores[name][figure]
            row.append(percent(value))
            row.append(_points(base, value))
        rows.append(row)
    return markdown_table(rows)


def _points(
    base: float | None,
    value: float | None,
) -> str:
    if base is None or value is None:
        return "-"
    return f"{100 * (value - base):+.2f}"


def _add(
    total: Figures,
    figures: Figures,
) -> None:
    for name, counts in figures.items():
        if name in total:
            counts = total[name] + counts
        total[name] = counts


def _cells(counts: Counts) -> list[str]:
    return [
        percent(counts.precision),
        percent(counts.recall),
        percent(counts.f1),
        str(counts.gold),
    ]
