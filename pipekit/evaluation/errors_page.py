"""The page of mistakes: what was taken for what, how often, and each mistake in its context."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, product
from operator import itemgetter

from pipekit.evaluation.mistakes import Errors, Mistake, Mistakes
from pipekit.evaluation.outcomes import NOTHING
from pipekit.rendering.blocks import (
    Case,
    Confusion,
    Fold,
    Grid,
    Heading,
    PageBlock,
    Remark,
    TableCell,
)
from pipekit.rendering.rendering import Rendering

_LABELS = 24  # of a confusion table
_SHOWN = 1_000  # mistakes of one kind
_KINDS = 60  # kinds of mistakes of a figure that are shown one by one

Kind = tuple[str, str]  # gold label, predicted label


def errors_page(
    mistakes: Mistakes,
    title: str = "Mistakes",
) -> Rendering:
    """All mistakes by figure, label and source, those first of which the pipeline was surest.

    errors_page(mistakes, "ru_core on ru_taiga-test").save("errors.html")
    """
    blocks: list[PageBlock] = [Heading(title, 1)]
    blocks.append(Remark(f"{mistakes.documents:,} documents"))
    if not mistakes.by_figure:
        blocks.append(Remark("The documents annotate nothing that the pipeline writes."))
    blocks += _contents(mistakes)
    for figure, errors in mistakes.by_figure.items():
        blocks += _figure_blocks(figure, errors)
    return Rendering(title, blocks)


def _contents(mistakes: Mistakes) -> Iterator[PageBlock]:
    """A table of all figures."""
    rows = []
    for figure, errors in mistakes.by_figure.items():
        compared = errors.pairs.total()
        wrong = len(errors.mistakes)
        rows.append(_row(figure, compared, wrong))
    if rows:
        yield Grid(_head("figure"), rows)


def _head(first: str) -> tuple[str, ...]:
    return first, "compared", "mistakes", "per cent"


def _row(
    name: str,
    compared: int,
    wrong: int,
) -> tuple[str, int, int, float]:
    share = 100 * wrong / compared
    return name, compared, wrong, share


def _figure_blocks(
    figure: str,
    errors: Errors,
) -> Iterator[PageBlock]:
    yield Heading(f"{figure}: {len(errors.mistakes):,} mistakes")
    if not errors.mistakes:
        yield Remark(f"All {errors.pairs.total():,} are right.")
        return
    yield from _confusions(errors)
    yield _by_label(errors)
    if len(errors.sources) > 1:
        yield _by_source(errors)
    scores = [mistake.outcome.score for mistake in errors.mistakes]
    if any(score is not None for score in scores):
        yield Remark("Those come first of which the pipeline was surest; missed ones come last.")
    else:
        yield Remark("The pipeline gives no scores here, so the order is that of the texts.")
    yield from _kinds(errors)


def _confusions(errors: Errors) -> Iterator[PageBlock]:
    """The table of what was taken for what, of the labels that take part in most mistakes."""
    wrong: Counter[str] = Counter()
    for mistake in errors.mistakes:
        wrong[mistake.outcome.gold] += 1
        wrong[mistake.outcome.predicted] += 1
    if len(wrong) > _LABELS:
        yield Remark(f"The {_LABELS} of {len(wrong):,} labels that take part in most mistakes:")
    labels = sorted(label for label, _ in wrong.most_common(_LABELS))
    in_gold = {gold for gold, _ in errors.pairs}
    in_predictions = {predicted for _, predicted in errors.pairs}
    golds = [label for label in labels if label in in_gold]
    predictions = [label for label in labels if label in in_predictions]
    rows = []
    for gold in golds:
        pairs = product([gold], predictions)
        rows.append([errors.pairs[pair] for pair in pairs])
    yield Confusion(golds, predictions, rows)


def _by_label(errors: Errors) -> PageBlock:
    """For each label, how many there are, are right, are missed and are taken for others."""
    gold: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    invented: Counter[str] = Counter()
    for (label, predicted), count in errors.pairs.items():
        gold[label] += count
        if label == NOTHING:
            invented[predicted] += count
        elif predicted == NOTHING:
            missed[label] += count
        elif predicted != label:
            taken[label] += count
    wrong = taken + missed + invented
    rows: list[Sequence[TableCell]] = []
    for label, _ in wrong.most_common(_LABELS):
        rows.append((label, gold[label], taken[label], missed[label], invented[label]))
    head = ("label", "gold", "other label or place", "missed", "invented")
    return Grid(head, rows, "by label")


def _by_source(errors: Errors) -> PageBlock:
    """For each source, how many outcomes there are, and the share of mistakes, falling."""
    rows = []
    for source, counts in errors.sources.items():
        rows.append(_row(source, *counts))
    rows.sort(key=itemgetter(-1), reverse=True)
    return Grid(
        _head("source"),
        rows,
        "by source",
    )


def _kinds(errors: Errors) -> Iterator[PageBlock]:
    """The mistakes by their two labels, the most frequent first."""
    kinds: dict[Kind, list[Mistake]] = defaultdict(list)
    for mistake in errors.mistakes:
        outcome = mistake.outcome
        kinds[outcome.gold, outcome.predicted].append(mistake)
    by_number = sorted(kinds, key=lambda kind: len(kinds[kind]), reverse=True)
    for gold, predicted in by_number[:_KINDS]:
        members = kinds[gold, predicted]
        yield _fold(f"gold {gold}, predicted {predicted}", members)
    rare = by_number[_KINDS:]
    if rare:
        members = list(chain.from_iterable(map(kinds.__getitem__, rare)))
        yield _fold(f"{len(rare):,} rarer kinds", members)


def _fold(
    summary: str,
    mistakes: list[Mistake],
) -> PageBlock:
    """Mistakes below their summary, those first of which the pipeline was surest."""
    mistakes.sort(key=_sureness, reverse=True)
    number = f"{len(mistakes):,}"
    return Fold(
        summary,
        number,
        list(_cases(mistakes)),
    )


def _sureness(mistake: Mistake) -> float:
    return mistake.outcome.score or 0.0


def _cases(mistakes: Sequence[Mistake]) -> Iterator[PageBlock]:
    for mistake in mistakes[:_SHOWN]:
        outcome = mistake.outcome
        facts = [mistake.source, mistake.document]
        if outcome.score is not None:
            facts.append(f"score {outcome.score:.2f}")
        source = " · ".join(filter(None, facts))
        yield Case(
            mistake.passage,
            source,
            outcome.question,
        )
    rest = len(mistakes) - _SHOWN
    if rest > 0:
        yield Remark(f"… and {rest:,} more.")
