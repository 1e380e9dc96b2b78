"""Figures of written texts: chrF, BLEU, and the share that is exactly right.

chrF is that of Popović (2015) with six orders and beta 2; BLEU that of Papineni et al. (2002) with
the tokens of mteval-v13a and exponential smoothing, as sacrebleu computes both (Post 2018). They
are figures of all texts together: what is counted is summed before it is divided.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

from pipekit.doc import Doc
from pipekit.evaluation.counts import Counts, Figure

_TEXT = "text"
_LETTER_ORDERS = 6
_WORD_ORDERS = 4
_BETA = 2
_PUNCTUATION = (
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))


@dataclass(frozen=True, slots=True)
class OverlapCounts(Counts):
    """Sequences of each length that two texts share.

    Attributes:
        sums: for each length those of the prediction, those of the gold text, and those of both.
    """

    sums: tuple[tuple[int, int, int], ...] = ()

    def __add__(self, other: Counts) -> Self:
        assert isinstance(other, OverlapCounts)
        return type(self)(
            gold=self.gold + other.gold,
            predicted=self.predicted + other.predicted,
            correct=0.0,
            has_prediction=self.has_prediction or other.has_prediction,
            sums=tuple(
                (mine[0] + theirs[0], mine[1] + theirs[1], mine[2] + theirs[2])
                for mine, theirs in zip(
                    self.sums,
                    other.sums,
                    strict=True,
                )
            ),
        )

    @property
    def precision(self) -> float | None:
        """None: the figure is one number."""
        return None

    @property
    def recall(self) -> float | None:
        """None: the figure is one number."""
        return None


class LetterOverlap(OverlapCounts):
    """Counts whose figure is chrF."""

    __slots__ = ()

    @property
    def f1(self) -> float | None:
        """chrF, from 0 to 1; None without a text."""
        if not self.gold or not self.has_prediction:
            return None
        precisions = []
        recalls = []
        for predicted, gold, both in self.sums:
            if predicted and gold:
                precisions.append(both / predicted)
                recalls.append(both / gold)
        if not sum(precisions):
            return 0.0
        precision = sum(precisions) / len(precisions)
        recall = sum(recalls) / len(recalls)
        weight = _BETA**2
        return (1 + weight) * precision * recall / (weight * precision + recall)


class WordOverlap(OverlapCounts):
    """Counts whose figure is BLEU."""

    __slots__ = ()

    @property
    def f1(self) -> float | None:
        """BLEU, from 0 to 1; None without a text."""
        if not self.gold or not self.has_prediction:
            return None
        written, length, shared = self.sums[0]
        if not shared:
            return 0.0
        logs = 0.0
        smoothing = 1.0
        for predicted, _, both in self.sums:
            if not predicted:
                return 0.0
            if not both:
                smoothing *= 2
            logs += math.log((both or 1 / smoothing) / predicted)
        penalty = min(0.0, 1 - length / written)
        return math.exp(penalty + logs / len(self.sums))


def chrf(
    predicted: str,
    gold: str,
) -> LetterOverlap:
    """The counts of one text; those of several are added.

    chrf("кот спал", "кот спит").f1
    """
    letters = "".join(predicted.split())
    gold_letters = "".join(gold.split())
    sums = _shared(letters, gold_letters, _LETTER_ORDERS)
    # Sequences that are longer than the gold text count in no way.
    counted = tuple((mine if theirs else 0, theirs, both) for mine, theirs, both in sums)
    return LetterOverlap(1, 1, 0.0, sums=counted)


def bleu(
    predicted: str,
    gold: str,
) -> WordOverlap:
    """The counts of one text; those of several are added."""
    sums = _shared(
        bleu_words(predicted),
        bleu_words(gold),
        _WORD_ORDERS,
    )
    return WordOverlap(1, 1, 0.0, sums=sums)


def bleu_words(text: str) -> list[str]:
    """The words of a text by mteval-v13a."""
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, letter in _ENTITIES:
        text = text.replace(entity, letter)
    text = f" {text} "
    for pattern, spaced in _PUNCTUATION:
        text = pattern.sub(spaced, text)
    return text.split()


def _shared(
    predicted: Sequence[str],
    gold: Sequence[str],
    orders: int,
) -> tuple[tuple[int, int, int], ...]:
    sums = []
    for order in range(1, orders + 1):
        mine = _sequences(predicted, order)
        theirs = _sequences(gold, order)
        both = mine & theirs
        sums.append((mine.total(), theirs.total(), both.total()))
    return tuple(sums)


def _sequences(
    items: Sequence[str],
    order: int,
) -> Counter[tuple[str, ...]]:
    columns = (items[start:] for start in range(order))
    return Counter(zip(*columns, strict=False))


def written_figures(
    gold: Doc,
    predicted: Doc,
    layer: str,
) -> Iterator[Figure]:
    """The figures of a layer of texts; a span without a predicted text has an empty one."""
    truth = _texts_by_place(gold, layer)
    answers = _texts_by_place(predicted, layer)
    has_prediction = layer in predicted.layers
    letters = LetterOverlap(
        0,
        0,
        0.0,
        sums=((0, 0, 0),) * _LETTER_ORDERS,
    )
    words = WordOverlap(
        0,
        0,
        0.0,
        sums=((0, 0, 0),) * _WORD_ORDERS,
    )
    right = 0
    for place, text in truth.items():
        answer = answers.get(place, "")
        right += answer.split() == text.split()
        letters = letters + chrf(answer, text)
        words = words + bleu(answer, text)
    yield Figure(layer, replace(letters, has_prediction=has_prediction))
    yield Figure(f"{layer} BLEU", replace(words, has_prediction=has_prediction))
    yield Figure(
        f"{layer} exact",
        Counts(
            len(truth),
            len(truth),
            right,
            has_prediction,
        ),
    )


def _texts_by_place(
    doc: Doc,
    name: str,
) -> dict[tuple[int, int], str]:
    """The texts of a layer by the characters that they stand for."""
    texts = {}
    for written in doc.texts.get(name, ()):
        span = written.span
        if span.start < span.end:
            texts[span.start_char, span.end_char] = written.text
    return texts
