"""Mistakes of a pipeline, each with its place in the text, and how often what is taken for what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from pipekit.doc import Doc
from pipekit.evaluation.alignment import AlignedDocs, Borders, align
from pipekit.evaluation.classes import class_layers
from pipekit.evaluation.metrics import group_of
from pipekit.evaluation.outcomes import Outcome
from pipekit.evaluation.span_outcomes import (
    answer_outcomes,
    class_outcomes,
    relation_outcomes,
    sentiment_outcomes,
    span_outcomes,
)
from pipekit.evaluation.token_outcomes import token_outcomes
from pipekit.rendering.passages import Arrow, Extent, Highlight, Passage
from pipekit.words.arrays import Ints

_CONTEXT = 140  # characters on both sides of a mistake
_LONGEST = 900  # characters of a context in all
_CUT = "…"
_WHITE = re.compile(r"\s+")
_NO_WIDTH = "\u200b"


class Mistake(NamedTuple):
    """A mistake, as it is shown.

    Attributes:
        outcome: what was compared.
        source: the corpus, or a part of it.
        document: its name, or "".
        passage: where it stands.
    """

    outcome: Outcome
    source: str
    document: str
    passage: Passage


@dataclass
class Errors:
    """The outcomes of one figure.

    Attributes:
        mistakes: all of them.
        pairs: how often each gold label got each predicted one, those that are right too.
        sources: of each source, how many outcomes there are, and how many of them are mistakes.
    """

    mistakes: list[Mistake] = field(default_factory=list)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    sources: dict[str, list[int]] = field(default_factory=dict)


class Mistakes:
    """Collects the mistakes of a pipeline, document by document.

    mistakes = Mistakes()
    mistakes.add(gold, predicted, source="ru_taiga-test")
    errors_page(mistakes).save("errors.html")
    """

    def __init__(self) -> None:
        self.by_figure: dict[str, Errors] = {}
        self.documents = 0

    def add(
        self,
        gold: Doc,
        predicted: Doc,
        *,
        source: str = "",
    ) -> None:
        """Compare a document with its prediction. Errors: `DataError` where the texts differ."""
        self.documents += 1
        docs = align(gold, predicted)
        places = np.flatnonzero([not letter.isspace() for letter in gold.text])
        for outcome in _outcomes(docs):
            errors = self.by_figure.setdefault(outcome.figure, Errors())
            errors.pairs[outcome.gold, outcome.predicted] += 1
            counts = errors.sources.setdefault(source, [0, 0])
            counts[0] += 1
            if not outcome.is_right:
                counts[1] += 1
                passage = _passage(gold.text, places, outcome)
                errors.mistakes.append(
                    Mistake(
                        outcome,
                        source,
                        gold.name or "",
                        passage,
                    )
                )

    def watcher(
        self,
        source: str,
        by: str | None = None,
    ) -> Callable[[Doc, Doc], None]:
        """A function that adds documents of a source.

        Args:
            by: a column of the layer "meta", whose value is named with the source.
        """

        def add(
            gold: Doc,
            predicted: Doc,
        ) -> None:
            group = f"{source}, {group_of(gold, by)}" if by else source
            self.add(gold, predicted, source=group)

        return add


def _outcomes(docs: AlignedDocs) -> Iterator[Outcome]:
    gold = docs.gold.doc
    yield from token_outcomes(docs)
    for layer in gold.spans:
        if layer == "answers" and "questions" in gold.layers:
            yield from answer_outcomes(docs)
        else:
            yield from span_outcomes(docs, layer)
        yield from sentiment_outcomes(docs, layer)
    if "relations" in gold.layers:
        yield from relation_outcomes(docs)
    for layer in class_layers(gold):
        yield from class_outcomes(docs, layer)


def _passage(
    text: str,
    places: Ints,  # of the characters that are no white space
    outcome: Outcome,
) -> Passage:
    """The part of a text around a mistake, with all that is to be shown of it."""

    def extent(borders: Borders) -> Extent:
        start, end = borders
        return Extent(int(places[start]), int(places[end - 1]) + 1)

    marks = []
    for placed in outcome.labels:
        start, end = extent(placed.borders)
        marks.append(
            Highlight(
                start,
                end,
                placed.label,
                colour=placed.side,
            )
        )
    arrows = [
        Arrow(
            extent(row.tail),
            extent(row.head),
            row.label,
        )
        for row in outcome.arrows
    ]
    first, last = _window(text, marks)
    part = _WHITE.sub(_in_one_line, text[first:last])
    return _moved(
        part,
        first,
        last < len(text),
        marks,
        arrows,
    )


def _in_one_line(white_space: re.Match[str]) -> str:
    """One space for white space, in as many characters."""
    return " " + (len(white_space[0]) - 1) * _NO_WIDTH


def _window(
    text: str,
    marks: Sequence[Highlight],
) -> tuple[int, int]:
    """The part of a text that is shown: from before the first mark to behind the last one."""
    start = min((mark.start for mark in marks), default=0)
    end = max((mark.end for mark in marks), default=0)
    first = max(start - _CONTEXT, 0)
    last = min(max(end, start + _CONTEXT) + _CONTEXT, len(text))
    if first:
        space = text.find(" ", first, start)
        first = space + 1 if space >= 0 else first
    return first, min(last, first + max(_LONGEST, end - first))


def _moved(
    part: str,
    offset: int,
    goes_on: bool,
    marks: Sequence[Highlight],
    arrows: Sequence[Arrow],
) -> Passage:
    """Marks and arrows of a text as those of a part of it."""
    before = _CUT if offset else ""
    after = _CUT if goes_on else ""
    shift = len(before) - offset

    def moved(place: Extent) -> Extent:
        return Extent(place.start + shift, place.end + shift)

    return Passage(
        text=f"{before}{part}{after}",
        highlights=[
            mark._replace(start=mark.start + shift, end=mark.end + shift) for mark in marks
        ],
        arrows=[row._replace(tail=moved(row.tail), head=moved(row.head)) for row in arrows],
    )
