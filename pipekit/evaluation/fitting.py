"""Settings that are fitted on documents which a training has not seen: thresholds, temperatures.

Both are settings, or a buffer, of one component. The rest of the pipeline stays as it is, so only
what the component needs is computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from pipekit.doc import Doc
from pipekit.errors import ConfigError
from pipekit.evaluation.alignment import align
from pipekit.evaluation.bootstrap import Interval
from pipekit.evaluation.calibration import (
    Calibration,
    Judged,
    best_temperature,
    calibration,
    joined,
)
from pipekit.evaluation.counts import Counts
from pipekit.evaluation.evaluate import evaluate, predict, span_layers
from pipekit.evaluation.judgements import judge
from pipekit.evaluation.scores import Scores
from pipekit.evaluation.tables import markdown_table, percent
from pipekit.pipeline import Pipeline

THRESHOLDS = tuple(step / 20 for step in range(1, 20))


@dataclass(frozen=True)
class ThresholdScores:
    """The counts of a figure with one threshold, and the interval of its F1."""

    threshold: float
    counts: Counts
    interval: Interval | None


@dataclass(frozen=True)
class ThresholdTable:
    """A figure over thresholds.

    Attributes:
        component, figure: what was measured.
        before: the threshold that the component has.
        rows: by ascending threshold.
        best: the threshold with the highest F1 among those that are precise and complete enough;
            of equal ones that of before, or the middle one. None where none is.
    """

    component: str
    figure: str
    before: float
    rows: Sequence[ThresholdScores]
    best: float | None

    def table(self) -> str:
        """Precision, recall and F1 by threshold in per cent, as a Markdown table."""
        lines = [["threshold", "P", "R", "F1", "95 %", ""]]
        for row in self.rows:
            interval = row.interval
            edges = f"{percent(interval.low)}–{percent(interval.high)}" if interval else ""
            counts = row.counts
            shares = [percent(share) for share in (counts.precision, counts.recall, counts.f1)]
            remarks = []
            if row.threshold == self.best:
                remarks.append("best")
            if row.threshold == self.before:
                remarks.append("as it is")
            lines.append([f"{row.threshold:.3g}", *shares, edges, ", ".join(remarks)])
        return markdown_table(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as for JSON."""
        rows = []
        for row in self.rows:
            interval = None if row.interval is None else list(row.interval)
            rows.append({"threshold": row.threshold, **row.counts.to_dict(), "interval": interval})
        return {
            "component": self.component,
            "figure": self.figure,
            "before": self.before,
            "best": self.best,
            "thresholds": rows,
        }


def find_threshold(
    pipeline: Pipeline,
    component: str,
    gold: Sequence[Doc],
    *,
    gold_tokens: bool = True,
    keep: Sequence[str] = (),
    thresholds: Sequence[float] = THRESHOLDS,
    least_precision: float = 0.0,
    least_recall: float = 0.0,
    progress: bool = False,
) -> ThresholdTable:
    """The figure of a component with each threshold, on bare copies of gold documents.

        table = find_threshold(nlp, "relations", docs)
        set_threshold(nlp, "relations", table.best)

    The pipeline is as it was afterwards; nobody else may use it meanwhile.

    Args:
        gold_tokens, keep: as of `evaluate`.
        thresholds: those to try; that of the component is tried too.
        least_precision, least_recall: what a threshold must reach to be the best, 0 to 1.
        progress: show a bar on a terminal.

    Errors: `ConfigError` for a component without a threshold, and for documents that do not
    annotate what it writes.
    """
    part = _with_threshold(pipeline, component)
    before = float(part.threshold)
    needed = _needed(pipeline, component, keep)
    rows = []
    try:
        tried = sorted({*thresholds, before})
        for threshold in tqdm(tried, desc="thresholds", disable=None if progress else True):
            part.threshold = threshold
            scores = evaluate(needed, gold, gold_tokens=gold_tokens, keep=keep)
            figure = _figure_of(scores, component, part)
            interval = scores.intervals().get(figure)
            rows.append(ThresholdScores(threshold, scores.figures[figure], interval))
    finally:
        part.threshold = before
    best = _best(rows, before, least_precision, least_recall)
    return ThresholdTable(component, figure, before, rows, best)


def set_threshold(
    pipeline: Pipeline,
    component: str,
    threshold: float,
) -> None:
    """Give a component another threshold, which its file then holds.

    Errors: `ConfigError` for a component without a threshold, and for a number that is none.
    """
    part = _with_threshold(pipeline, component)
    if not 0 <= threshold <= 1:
        raise ConfigError(f"threshold = {threshold}: a number from 0 to 1 is needed")
    part.threshold = threshold
    pipeline.configs["components"][component]["threshold"] = threshold


def _with_threshold(
    pipeline: Pipeline,
    component: str,
) -> Any:
    part = pipeline.get_pipe(component)
    if not isinstance(getattr(part, "threshold", None), int | float):
        names = [name for name, other in pipeline.components.items() if hasattr(other, "threshold")]
        raise ConfigError(
            f"the component {component!r} has no threshold. Those that have one: "
            f"{', '.join(names) or 'none'}"
        )
    if getattr(part, "exclusive", False):
        raise ConfigError(
            f"the component {component!r} takes the most probable class of each document: "
            "only classes that exclude no other have a threshold (exclusive = false)"
        )
    return part


def _best(
    rows: Sequence[ThresholdScores],
    before: float,
    least_precision: float,
    least_recall: float,
) -> float | None:
    fit = []
    for row in rows:
        precision = row.counts.precision or 0.0
        recall = row.counts.recall or 0.0
        if precision >= least_precision and recall >= least_recall:
            fit.append(row)
    if not fit:
        return None
    highest = max(row.counts.f1 or 0.0 for row in fit)
    equal = [row.threshold for row in fit if (row.counts.f1 or 0.0) == highest]
    return before if before in equal else equal[len(equal) // 2]


# -- temperatures


@dataclass(frozen=True)
class CalibrationFit:
    """A fitted temperature: the calibration with the old one, and with the new one."""

    component: str
    before: Calibration
    after: Calibration
    old_temperature: float
    temperature: float

    def cells(self) -> tuple[str, str, str, str]:
        """Predictions, temperature, calibration error in per cent and log loss, before → after."""
        return (
            str(self.after.predictions),
            f"{self.old_temperature:.2f} → {self.temperature:.2f}",
            f"{percent(self.before.error)} → {percent(self.after.error)}",
            f"{self.before.log_loss:.4f} → {self.after.log_loss:.4f}",
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as for JSON."""
        return {
            "temperature": self.temperature,
            "old_temperature": self.old_temperature,
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
        }


def has_temperature(part: object) -> bool:
    """Whether a component has a temperature to fit."""
    return hasattr(part, "temperature")


def calibrate(
    pipeline: Pipeline,
    component: str,
    gold: Sequence[Doc],
    *,
    gold_tokens: bool = True,
    keep: Sequence[str] = (),
) -> CalibrationFit:
    """Fit the temperature of a component on documents that its training has not seen.

    What the component finds is right or wrong; the temperature is that with which its scores lose
    the least (minus log likelihood, Guo et al. 2017). Nothing that it finds changes, but for spans
    below a threshold. A tagger writes scores from then on.

    Errors: `ConfigError` for a component without a temperature, and for documents that do not
    annotate what it writes.
    """
    part: Any = pipeline.get_pipe(component)
    if not has_temperature(part):
        names = [name for name, other in pipeline.components.items() if has_temperature(other)]
        raise ConfigError(
            f"the component {component!r} has no temperature to fit. Those that have one: "
            f"{', '.join(names) or 'none'}"
        )
    if hasattr(part, "write_confidence"):
        part.write_confidence()
        pipeline.configs["components"][component]["confidence"] = True
    needed = _needed(pipeline, component, keep)
    measured: dict[float, Calibration] = {}

    def loss(temperature: float) -> float:
        _set_temperature(pipeline, component, temperature)
        docs = predict(needed, gold, gold_tokens=gold_tokens, keep=keep)
        measured[temperature] = calibration(_judged(gold, docs, part.assigns))
        if not measured[temperature].predictions:
            raise ConfigError(
                f"the documents do not annotate what {component!r} writes, or it finds nothing "
                "there: no temperature can be fitted"
            )
        return measured[temperature].log_loss

    old = float(part.temperature)
    loss(old)
    best = best_temperature(loss)
    if measured[old].log_loss <= measured[best].log_loss:
        best = old
    _set_temperature(pipeline, component, best)
    return CalibrationFit(component, measured[old], measured[best], old, best)


def _judged(
    gold: Sequence[Doc],
    docs: Iterable[Doc],
    names: Sequence[str],
) -> Judged:
    """The scored predictions of some figures."""
    scores = Scores()
    spans = [name for name in span_layers(gold) if name in names]
    for gold_doc, doc in zip(gold, docs, strict=True):
        scores.judge(judge(align(gold_doc, doc), spans, scored=True))
    return joined([judged for name, judged in scores.judged.items() if name in names])


def _set_temperature(
    pipeline: Pipeline,
    component: str,
    temperature: float,
) -> None:
    """A temperature is a buffer, which the file has as a tensor, or a setting."""
    part: Any = pipeline.get_pipe(component)
    if isinstance(part.temperature, float):
        part.temperature = temperature
        pipeline.configs["components"][component]["temperature"] = temperature
    else:
        part.temperature.fill_(temperature)


# -- both


def _needed(
    pipeline: Pipeline,
    component: str,
    keep: Sequence[str],
) -> Pipeline:
    """A view of a pipeline with a component, and those that it reads."""
    brought = {*keep, *pipeline.given}
    names = [component]
    for name in reversed(pipeline.pipe_names):
        readers = [pipeline.components[reader] for reader in names]
        required = {layer.partition(".")[0] for reader in readers for layer in reader.requires}
        written = set(pipeline.components[name].assigns)
        if written & (required - brought):
            names.append(name)
    return pipeline.select_pipes(enable=names, given=sorted(brought))


def _figure_of(
    scores: Scores,
    component: str,
    part: Any,
) -> str:
    """The figure of what a component writes."""
    for name in part.assigns:
        if name in scores.figures and scores.figures[name].gold:
            return str(name)
    raise ConfigError(
        f"the documents do not annotate what {component!r} writes: {', '.join(part.assigns)}"
    )
