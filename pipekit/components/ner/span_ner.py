"""Named entities that may lie within each other: every span up to some length is a candidate.

First each span of a sentence gets one number from its two ends, as in the biaffine recognizer of Yu et al. (2020), which says whether
anything is there; then the few that may be something are classified by their ends, their words and their length, with "nothing" among the
classes. So the cost grows with the length of a document, not with its square, and hardly with the number of labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipekit.devices.placement import to_arrays, to_device
from pipekit.doc import Doc
from pipekit.errors import ConfigError, DataError, near
from pipekit.nn.layers import hidden_layer
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import EncoderRef, Head, Prepared
from pipekit.parts.spans import (
    UNKNOWN,
    SpanRows,
    annotated,
    batch_spans,
    label_names,
    settle,
    within,
    write_spans,
)

SPAN_OVERLAPS = ("nested", "any", "none")
RARE = (
    -4.0
)  # where the score of a mention begins: about one span in fifty is one (as in Lin et al. 2017)


class SpanCandidates(NamedTuple):
    """`mentions` float[tokens, longest]: a score for each span by start and length - 1, and which of them are spans of a sentence
    (`possible`); of those that may be something the `start`, the `size` = length - 1, and `classes` float[candidates, 1 + labels], of
    which class 0 is "nothing".
    """

    mentions: Tensor
    possible: Tensor
    start: Tensor
    size: Tensor
    classes: Tensor


class SpanRecognizer(Head):
    """Writes a layer of spans with `label` and `score`, the probability of the label for the span.

    A span in training that is longer than `longest` or lies in two sentences is passed over; one without a label is left open.

    Args:
        labels: what an entity may be; `prepare` collects them.
        layer: the span layer to learn and to write.
        longest: the most tokens that a span has.
        overlaps: of spans that cross, the one with the higher score stays ("nested"); or all stay ("any"), or none overlap ("none").
        hidden: width of the layer that all that is said of a span is made from.
        mention: width of the vectors for the ends of a span.
        prune: the probability of being anything from which a span is classified.
        threshold: the probability from which a classified span is written.
    """

    temperature: Tensor

    def __init__(
        self,
        encoder: EncoderRef,
        labels: Sequence[str] = (),
        layer: str = "fine",
        longest: int = 12,
        overlaps: str = "nested",
        hidden: int = 160,
        mention: int = 32,
        dropout: float = 0.3,
        prune: float = 0.05,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(encoder)
        if not labels:
            raise DataError(
                f"a recognizer of {layer!r} needs its labels: train it, or give labels=['PERSON', 'CITY', …]"
            )
        if overlaps not in SPAN_OVERLAPS:
            raise ConfigError(f"overlaps = {overlaps!r}.{near(overlaps, SPAN_OVERLAPS)}")
        self.layer, self.labels, self.longest, self.overlaps = (
            layer,
            list(labels),
            longest,
            overlaps,
        )
        self.prune, self.threshold, self.assigns = prune, threshold, (layer,)
        self.hidden = hidden_layer(encoder.width, hidden, dropout)
        self.first, self.last = nn.Linear(hidden, mention), nn.Linear(hidden, mention)
        self.alone = nn.Linear(hidden, 2)
        self.length = nn.Parameter(torch.full((longest,), RARE))
        self.parts = nn.Linear(hidden, 3 * hidden)
        self.lengths = nn.Embedding(longest, hidden)
        self.classify = nn.Sequential(
            nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, 1 + len(self.labels))
        )
        nn.init.normal_(self.lengths.weight, std=0.1)
        self.register_buffer("temperature", torch.ones(()))

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        labels = list(settings.get("labels") or label_names(docs, settings.get("layer", "fine")))
        return Prepared({**settings, "labels": labels}, {})

    # -- from vectors to candidates

    def scores(self, batch: Batch) -> SpanCandidates:
        return self._candidates(batch, np.zeros((2, 0), dtype=np.int64))

    def _candidates(self, batch: Batch, always: NDArray[np.int64]) -> SpanCandidates:
        """All that may be something; `always` int64[2, spans] are starts and sizes of spans that are classified in any case."""
        hidden = self.hidden(batch.vectors(self.encoder.name))
        mentions, possible = self._mentions(hidden).float(), self._possible(batch, hidden.device)
        likely = possible & (mentions.detach() > float(np.log(self.prune / (1 - self.prune))))
        likely[tuple(to_device(always, hidden.device))] = True
        start, size = likely.nonzero(as_tuple=True)
        return SpanCandidates(mentions, possible, start, size, self._classes(hidden, start, size))

    def _mentions(self, hidden: Tensor) -> Tensor:
        """A score for each start and length, float[tokens, longest]."""
        first, last, alone = self.first(hidden), self.last(hidden), self.alone(hidden)
        columns = []
        for size in range(self.longest):
            count = max(len(hidden) - size, 0)
            score = (
                (first[:count] * last[size:]).sum(1)
                + alone[:count, 0]
                + alone[size:, 1]
                + self.length[size]
            )
            columns.append(functional.pad(score, (0, len(hidden) - count)))
        return torch.stack(columns, 1)

    def _possible(self, batch: Batch, device: torch.device) -> Tensor:
        """Which starts and lengths are spans of one sentence, bool[tokens, longest]."""
        left = np.repeat(batch.sequences[1:], np.diff(batch.sequences)) - np.arange(len(batch))
        return to_device(np.arange(self.longest) < left[:, None], device)

    def _classes(self, hidden: Tensor, start: Tensor, size: Tensor) -> Tensor:
        """float32[candidates, 1 + labels] from the two ends, the mean of the words, and the length."""
        ends, begins, words = self.parts(hidden).chunk(3, 1)
        sums = functional.pad(words.double().cumsum(0), (0, 0, 1, 0))
        mean = ((sums[start + size + 1] - sums[start]) / (size + 1).unsqueeze(1)).to(words.dtype)
        return self.classify(begins[start] + ends[start + size] + mean + self.lengths(size)).float()  # type: ignore[no-any-return]

    # -- from candidates to documents

    def decode(self, batch: Batch, scores: SpanCandidates) -> None:
        best, label = scores.classes.softmax(1)[:, 1:].max(1)
        kept = (best >= self.threshold).nonzero()[:, 0]
        calibrated = (
            (scores.classes[kept] / self.temperature)
            .softmax(1)[:, 1:]
            .gather(1, label[kept, None])[:, 0]
        )
        start, size, code, sure, chances = to_arrays(
            [*(part[kept] for part in (scores.start, scores.size, label, best)), calibrated]
        )
        found = SpanRows(start, start + size + 1, code)
        if self.overlaps != "any" and len(start):
            order = np.argsort(-sure, kind="stable")
            stays = settle(found.start, found.end, order, nested=self.overlaps == "nested")
            found, chances = found.take(stays), chances[stays]
        write_spans(batch, self.layer, found, self.labels, chances)

    # -- learning

    def loss(self, batch: Batch) -> Tensor:
        """Of being anything, over all spans, and of the class, over the candidates; for each token."""
        gold = batch_spans(batch, self.layer, self.labels)
        gold = gold.take(
            within(batch.sequences, gold.start, gold.end) & (gold.end - gold.start <= self.longest)
        )
        wanted = np.zeros((len(batch), self.longest), dtype=np.int64)
        wanted[gold.start, gold.end - gold.start - 1] = np.where(
            gold.label == UNKNOWN, -1, gold.label + 1
        )
        found = self._candidates(batch, np.array(np.nonzero(wanted)))
        target = to_device(wanted, found.mentions.device)
        known = to_device(annotated(batch, self.layer), target.device)
        counted = found.possible & known.unsqueeze(1) & (target >= 0)
        there = functional.binary_cross_entropy_with_logits(
            found.mentions, (target > 0).float(), reduction="none"
        )
        classes = target[found.start, found.size].masked_fill(~known[found.start], -1)
        which = functional.cross_entropy(found.classes, classes, ignore_index=-1, reduction="sum")
        return (there.masked_fill(~counted, 0).sum() + which) / max(len(batch), 1)
