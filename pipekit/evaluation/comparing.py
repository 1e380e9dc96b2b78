"""Two pipelines on the same documents: the difference of each figure, and who is right where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pipekit.doc import Doc
from pipekit.errors import ConfigError
from pipekit.evaluation.alignment import align
from pipekit.evaluation.bootstrap import Comparison, compare
from pipekit.evaluation.evaluate import figures_of_gold, predict, span_layers
from pipekit.evaluation.judgements import Judgement, Judgements, judge, shown
from pipekit.evaluation.metrics import score
from pipekit.evaluation.scores import Scores
from pipekit.evaluation.tables import markdown_table, percent
from pipekit.pipeline import Pipeline

_RIGHT = {  # by whether the first and the second pipeline are right
    (True, True): "both",
    (True, False): "first",
    (False, True): "second",
    (False, False): "neither",
}


class Difference(NamedTuple):
    """A place where one of two pipelines is right, and the other is not.

    Attributes:
        figure: such as "ents".
        document: its number, from 0, and its name in the corpus, if it has one.
        name: of the document.
        before, text, after: the words of the place, and those around it.
        gold, first, second: what the three say there; None where one says nothing.
        right: "first" or "second".
    """

    figure: str
    document: int
    name: str | None
    before: str
    text: str
    after: str
    gold: str | None
    first: str | None
    second: str | None
    right: str


@dataclass
class SideBySide:
    """Two pipelines on some documents.

    Attributes:
        first, second: the scores of each.
        comparisons: the difference of each figure, by the paired bootstrap over documents.
        counts: of each figure, in how many places both, the first, the second, or neither is right.
        differences: the places where one of them is right alone, in the order of the documents.
    """

    first: Scores
    second: Scores
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    def table(
        self,
        names: tuple[str, str] = ("first", "second"),
    ) -> str:
        """The F1 of each figure, the difference in points, its interval, and p, in Markdown.

        Args:
            names: of the two pipelines.
        """
        rows = [["", *names, "points", "95 %", "p", f"only {names[0]}", f"only {names[1]}"]]
        for name in self.first.figures:
            own = percent(self.first[name]), percent(self.second[name])
            counts = self.counts.get(name, {})
            alone = [str(counts.get(key, "-")) for key in ("first", "second")]
            rows.append([name, *own, *_cells(self.comparisons.get(name)), *alone])
        return markdown_table(rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as for JSON."""
        figures = {}
        for name in self.first.figures:
            figures[name] = {"first": self.first[name], "second": self.second[name]}
            comparison = self.comparisons.get(name)
            if comparison is not None:
                figures[name] |= _plain(comparison)
            figures[name]["right"] = self.counts.get(name)  # type: ignore[assignment]
        return {
            "documents": self.first.documents,
            "figures": figures,
            "differences": [difference._asdict() for difference in self.differences],
        }


def side_by_side_of(
    first: Pipeline,
    second: Pipeline,
    gold: Sequence[Doc],
    *,
    gold_tokens: bool = True,
    keep: Sequence[str] = (),
) -> SideBySide:
    """Two pipelines on bare copies of the same documents; arguments as of `evaluate`.

        both = side_by_side_of(pipekit.load("ru_core"), pipekit.load("mine.pipekit"), docs)
        print(both.table())

    Figures that one of the two does not have are left out. Errors: as of `evaluate`;
    `ConfigError` where the two have no figure in common.
    """
    predictions = []
    for pipeline in (first, second):
        docs = predict(pipeline, gold, gold_tokens=gold_tokens, keep=keep)
        predictions.append(list(docs))
    spans = span_layers(gold)
    scores = [score(zip(gold, docs, strict=True), spans=spans) for docs in predictions]
    left_out = set()
    if gold_tokens:
        left_out = figures_of_gold(first, keep) | figures_of_gold(second, keep)
    names = []
    for name in scores[0].figures:
        has_both = all(side[name] is not None for side in scores)
        if has_both and name not in left_out:
            names.append(name)
    if not names:
        raise ConfigError(
            "the two pipelines have no figure in common: what the one writes and the documents "
            "annotate, the other does not write"
        )
    for side in scores:
        side.figures = {name: side.figures[name] for name in names if name in side.figures}
    both = SideBySide(scores[0], scores[1])
    both.comparisons = compare(scores[0].samples, scores[1].samples, names)
    for number, (gold_doc, *predicted) in enumerate(zip(gold, *predictions, strict=True)):
        _add_differences(both, number, gold_doc, predicted, spans, names)
    return both


def _add_differences(
    both: SideBySide,
    number: int,
    gold: Doc,
    predicted: Sequence[Doc],
    spans: Sequence[str],
    names: Sequence[str],
) -> None:
    """Count the places of a document, and keep those where one pipeline is right alone."""
    aligned = [align(gold, doc) for doc in predicted]
    first, second = (judge(docs, spans) for docs in aligned)
    for name in names:
        for place in _places(first, second, name):
            pair = _pair(first, second, name, place)
            right = _RIGHT[pair[0].right, pair[1].right]
            counts = both.counts.setdefault(name, dict.fromkeys(_RIGHT.values(), 0))
            counts[right] += 1
            if right in ("first", "second"):
                before, text, after = shown(aligned[0].gold, place)
                both.differences.append(
                    Difference(
                        figure=name,
                        document=number,
                        name=gold.name,
                        before=before,
                        text=text,
                        after=after,
                        gold=pair[0].gold if pair[0].gold is not None else pair[1].gold,
                        first=pair[0].predicted,
                        second=pair[1].predicted,
                        right=right,
                    )
                )


def _places(
    first: Judgements,
    second: Judgements,
    name: str,
) -> list[tuple[Any, ...]]:
    """The places of a figure that either side judges, in their order."""
    places = dict.fromkeys(first.get(name, {}))
    places |= dict.fromkeys(second.get(name, {}))
    return sorted(places, key=str) if name == "cats" else list(places)


def _pair(
    first: Judgements,
    second: Judgements,
    name: str,
    place: tuple[Any, ...],
) -> tuple[Judgement, Judgement]:
    """What both pipelines say in a place.

    One that says nothing there is right if the gold standard has nothing there either.
    """
    own = first.get(name, {}).get(place)
    other = second.get(name, {}).get(place)
    if own is None and other is not None:
        own = Judgement(other.gold, None, other.gold is None)
    if other is None and own is not None:
        other = Judgement(own.gold, None, own.gold is None)
    assert own is not None and other is not None
    return own, other


def _cells(comparison: Comparison | None) -> list[str]:
    if comparison is None:
        return ["-", "-", "-"]
    low, high = comparison.interval
    return [
        f"{100 * comparison.difference:+.2f}",
        f"{100 * low:+.2f} … {100 * high:+.2f}",
        f"{comparison.p:.3f}",
    ]


def _plain(comparison: Comparison) -> dict[str, Any]:
    return {
        "difference": comparison.difference,
        "interval": list(comparison.interval),
        "p": comparison.p,
    }
