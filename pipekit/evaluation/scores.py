"""All figures of some documents, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipekit.evaluation.bootstrap import Interval, f1_intervals
from pipekit.evaluation.calibration import Judged, calibration
from pipekit.evaluation.counts import Counts, Figures
from pipekit.evaluation.judgements import Judgements
from pipekit.evaluation.tables import markdown_table, percent
from pipekit.rendering.blocks import Grid, TableCell
from pipekit.rendering.rendering import Rendering


@dataclass
class Scores:
    """All figures of some documents.

        scores["pos"]                           # the F1, None where there is none
        scores.details["ents"]["PER"].recall    # of one label
        scores.groups["poetry"]["pos"]          # of one group of documents
        print(scores.table())

    Attributes:
        documents: their number.
        figures: the counts of each figure.
        details: the counts of the labels or attributes of some figures.
        groups: the same for some of the documents.
        samples: the figures of each document, in their order.
        judged: of figures whose predictions have scores, these scores.
    """

    documents: int = 0
    figures: Figures = field(default_factory=dict)
    details: dict[str, Figures] = field(default_factory=dict)
    groups: dict[str, Scores] = field(default_factory=dict)
    samples: list[Figures] = field(default_factory=list, repr=False)
    judged: dict[str, Judged] = field(default_factory=dict, repr=False)

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
        self.samples.append(figures)
        _add(self.figures, figures)
        for name, detail in details.items():
            total = self.details.setdefault(name, {})
            _add(total, detail)

    def judge(
        self,
        judgements: Judgements,
    ) -> None:
        """Count the scores of the predictions of one more document."""
        for name, places in judgements.items():
            for judgement in places.values():
                if judgement.score is not None and judgement.predicted is not None:
                    judged = self.judged.setdefault(name, Judged())
                    judged.add(judgement.score, right=judgement.right)

    def intervals(self) -> dict[str, Interval]:
        """The interval of 95 % of the F1 of each figure, by the bootstrap over documents."""
        return f1_intervals(self.samples, list(self.figures))

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, as for JSON."""
        intervals = self.intervals()
        figures: dict[str, dict[str, Any]] = {}
        for name, counts in self.figures.items():
            figures[name] = dict(counts.to_dict())
            if name in intervals:
                figures[name]["interval"] = list(intervals[name])
            if name in self.judged:
                figures[name]["calibration"] = calibration(self.judged[name]).to_dict()
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
        intervals = self.intervals()
        rows = [["", "P", "R", "F1", "95 %", "gold", *names]]
        for name, counts in self.figures.items():
            by_group = [percent(group[name]) for group in groups]
            cells = _cells(counts, intervals.get(name))
            rows.append([name, *cells, *by_group])
            if not details:
                continue
            detail = self.details.get(name, {})
            for key in sorted(detail):
                by_group = [percent(group._detail(name, key)) for group in groups]
                cells = _cells(detail[key])
                rows.append([f"{name}.{key}", *cells, *by_group])
        return markdown_table(rows)

    def calibration_table(self) -> str:
        """How far scores are from the share of right predictions, as a Markdown table.

        "" where no prediction has a score.
        """
        rows = [["", "scored", "right", "mean score", "calibration error", "log loss"]]
        for name, judged in self.judged.items():
            measured = calibration(judged)
            error = percent(measured.error)
            shares = percent(measured.right), percent(measured.score)
            loss = f"{measured.log_loss:.4f}"
            rows.append([name, str(measured.predictions), *shares, error, loss])
        if not self.judged:
            return ""
        return markdown_table(rows)

    def _repr_html_(self) -> str:
        """The table as a notebook shows it."""
        names = sorted(self.groups)
        rows: list[Sequence[TableCell]] = []
        for name, counts in self.figures.items():
            by_group = [_hundredfold(self.groups[group][name]) for group in names]
            rows.append([name, *_numbers(counts), *by_group])
            for key, detail in sorted(self.details.get(name, {}).items()):
                by_group = [_hundredfold(self.groups[group]._detail(name, key)) for group in names]
                rows.append([f"{name}.{key}", *_numbers(detail), *by_group])
        head = ["figure", "precision", "recall", "F1", "gold", *names]
        caption = f"{self.documents:,} documents, per cent"
        return Rendering("", [Grid(head, rows, caption)])._repr_html_()

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


def _numbers(counts: Counts) -> list[TableCell]:
    shares = (counts.precision, counts.recall, counts.f1)
    return [*map(_hundredfold, shares), counts.gold]


def _hundredfold(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _cells(
    counts: Counts,
    interval: Interval | None = None,
) -> list[str]:
    edges = "" if interval is None else f"{percent(interval.low)}–{percent(interval.high)}"
    return [
        percent(counts.precision),
        percent(counts.recall),
        percent(counts.f1),
        edges,
        str(counts.gold),
    ]
