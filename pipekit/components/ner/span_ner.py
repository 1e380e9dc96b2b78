"""Named entities that may lie within each other: every span up to some length is a candidate.

    hidden (N, H) ─▶ mentions (N, longest)     is this span an entity at all?
                          │  those from `prune` on: C candidates
                          ▼
                     classes (C, 1 + labels)   which label, or none?

First each span of a sentence gets one number from its two ends, as in the biaffine recognizer of
Yu et al. (2020): is anything there? Then the few candidates that may be something are classified by
their ends, their words and their length, with "nothing" among the classes. So the cost grows with
the length of a document, not with its square, and hardly with the number of labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipekit.devices.placement import to_arrays, to_device
from pipekit.doc import Doc
from pipekit.errors import DataError
from pipekit.nn.layers import hidden_layer
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Axes, EncoderRef, Head, PassedOver
from pipekit.parts.spans import (
    UNKNOWN,
    SpanRows,
    annotated,
    batch_spans,
    label_names,
    owners,
    settle,
    within,
    write_spans,
)
from pipekit.settings import Between, LabelList, LabelName, Probability, Rate, Width
from pipekit.words.arrays import Bools, Ints

# Where the score of a mention begins: about one span in fifty is one (as in Lin et al. 2017).
RARE = -4.0

_NOTHING = 0  # the class of a candidate that is no entity; label i is class i + 1
_OPEN = -1  # the target of a span that the annotation leaves open


class SpanCandidates(NamedTuple):
    """Scores of all spans, and the candidates among them.

    A span is named by its first token and its size, the number of its tokens less one. N tokens,
    L lengths, C candidates.
    """

    mentions: Tensor  # float32[N, L], [start, size], the score for being an entity
    possible: Tensor  # bool[N, L], whether such a span lies within one sentence
    start: Tensor  # int64[C]
    size: Tensor  # int64[C]
    classes: Tensor  # float32[C, 1 + labels], class 0 is "nothing"


class SpanRecognizer(Head):
    """Writes a layer of spans with `label` and `score`, the probability of the label for the span.

    In training, a span that is longer than `longest` or lies in two sentences is passed over, and
    a span without a label is left open.

    Args:
        labels: the labels of entities; `prepare` collects them.
        layer: the span layer to learn and to write.
        longest: the most tokens of a span.
        overlaps: "nested": of spans that cross, the one with the higher score stays; "any": all
            stay; "none": of spans that overlap, the one with the higher score stays.
        hidden: width of the layer from which all scores of a span are computed.
        mention: width of the vectors for the ends of a span.
        prune: the probability of being an entity from which a span is classified.
        threshold: the probability of a label from which a classified span is written.
    """

    inventory = "labels"

    temperature: Tensor

    def __init__(
        self,
        encoder: EncoderRef,
        labels: LabelList = (),
        layer: LabelName = "fine",
        longest: Annotated[int, Between(1, 256)] = 12,
        overlaps: Literal["nested", "any", "none"] = "nested",
        hidden: Width = 160,
        mention: Width = 32,
        dropout: Rate = 0.3,
        prune: Probability = 0.05,
        threshold: Probability = 0.5,
    ) -> None:
        super().__init__(encoder)
        if not labels:
            raise DataError(
                f"a recognizer of {layer!r} needs its labels: "
                f"train it, or give labels=['PERSON', 'CITY', …]"
            )
        self.layer = layer
        self.labels = list(labels)
        self.longest = longest
        self.overlaps = overlaps
        self.prune = prune
        self.threshold = threshold
        self.assigns = (layer,)

        self.hidden = hidden_layer(encoder.width, hidden, dropout)
        # Of mentions: a product of the two ends, a score of each end alone, and one of the length.
        self.first = nn.Linear(hidden, mention)
        self.last = nn.Linear(hidden, mention)
        self.alone = nn.Linear(hidden, 2)
        self.length = nn.Parameter(torch.full((longest,), RARE))
        # Of classes: a sum of vectors for the last token, the first token, the words, the length.
        self.parts = nn.Linear(hidden, 3 * hidden)
        self.lengths = nn.Embedding(longest, hidden)
        self.classify = nn.Sequential(
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, 1 + len(self.labels)),
        )
        nn.init.normal_(self.lengths.weight, std=0.1)
        self.register_buffer("temperature", torch.ones(()))

    @classmethod
    def listed(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> list[str]:
        """The labels of a layer of documents."""
        return label_names(docs, settings.get("layer", "fine"))

    def rows(self) -> dict[str, Axes]:
        """Rows of classes."""
        classes = [_NOTHING, *self.labels]
        return {"classify.2.weight": (classes, None), "classify.2.bias": (classes,)}

    # -- from vectors to candidates

    def scores(self, batch: Batch) -> SpanCandidates:
        """The scores of all spans, and the classes of the candidates."""
        no_span = np.zeros(0, dtype=np.int64)
        return self._candidates(batch, no_span, no_span)

    def _candidates(
        self,
        batch: Batch,
        always_start: Ints,  # int64[spans], spans to classify in any case
        always_size: Ints,
    ) -> SpanCandidates:
        """All spans from the probability `prune` on, and those to classify in any case."""
        vectors = batch.vectors(self.encoder.name)
        hidden = self.hidden(vectors)  # (N, H)
        mentions = self._mentions(hidden).float()
        possible = self._possible(batch, hidden.device)
        odds = self.prune / (1 - self.prune)
        logit = float(np.log(odds))
        likely = possible & (mentions.detach() > logit)
        starts = to_device(always_start, hidden.device)
        sizes = to_device(always_size, hidden.device)
        likely[starts, sizes] = True
        start, size = likely.nonzero(as_tuple=True)
        return SpanCandidates(
            mentions=mentions,
            possible=possible,
            start=start,
            size=size,
            classes=self._classes(hidden, start, size),
        )

    def _mentions(self, hidden: Tensor) -> Tensor:
        """The score of each span for being an entity, float[N, L]."""
        first = self.first(hidden)  # (N, mention)
        last = self.last(hidden)  # (N, mention)
        alone = self.alone(hidden)  # (N, 2), as first and as last token
        tokens = len(hidden)
        columns = []
        for size in range(self.longest):
            count = max(tokens - size, 0)  # of the starts from which a span of this size fits
            products = first[:count] * last[size:]
            both_ends = products.sum(1)
            as_first = alone[:count, 0]
            as_last = alone[size:, 1]
            score = both_ends + as_first + as_last + self.length[size]
            padding = (0, tokens - count)
            columns.append(functional.pad(score, padding))
        return torch.stack(columns, 1)

    def _possible(
        self,
        batch: Batch,
        device: torch.device,
    ) -> Tensor:
        """Which spans lie within one sentence, bool[N, L]."""
        lengths = np.diff(batch.sequences)
        sentence_end = np.repeat(batch.sequences[1:], lengths)  # int64[N]
        tokens_left = sentence_end - np.arange(len(batch))  # int64[N], this token included
        sizes = np.arange(self.longest)
        return to_device(sizes < tokens_left[:, None], device)

    def _classes(
        self,
        hidden: Tensor,  # (N, H)
        start: Tensor,  # (C,)
        size: Tensor,  # (C,)
    ) -> Tensor:
        """The scores of the classes of candidates, float32[C, 1 + labels]."""
        as_last, as_first, words = self.parts(hidden).chunk(3, 1)  # (N, H) each
        last = start + size
        sums = words.double().cumsum(0)
        sums = functional.pad(sums, (0, 0, 1, 0))  # (N + 1, H), from a row of zeros on
        span_sum = sums[last + 1] - sums[start]
        count = (size + 1).unsqueeze(1)
        mean = (span_sum / count).to(words.dtype)
        length = self.lengths(size)
        ends = as_first[start] + as_last[last]
        summed = ends + mean + length  # (C, H)
        logits: Tensor = self.classify(summed)
        return logits.float()

    # -- from candidates to documents

    def decode(
        self,
        batch: Batch,
        scores: SpanCandidates,
    ) -> None:
        """Write the candidates with a label from the threshold on, once overlaps are settled."""
        probabilities = scores.classes.softmax(1)[:, 1:]  # (C, labels)
        probability, label = probabilities.max(1)  # (C,) each
        is_sure = probability >= self.threshold
        rows = is_sure.nonzero()[:, 0]
        start, size, codes, strength, confidence = to_arrays(
            (
                scores.start[rows],
                scores.size[rows],
                label[rows],
                probability[rows],
                self._confidence(scores.classes[rows], label[rows]),
            )
        )
        spans = SpanRows(start, start + size + 1, codes)
        if self.overlaps != "any" and len(start):
            stays = settle(
                spans.start,
                spans.end,
                np.argsort(-strength, kind="stable"),
                nested=self.overlaps == "nested",
            )
            spans = spans.take(stays)
            confidence = confidence[stays]
        write_spans(batch, self.layer, spans, self.labels, confidence)

    def _confidence(
        self,
        classes: Tensor,  # (spans, 1 + labels)
        label: Tensor,  # (spans,)
    ) -> Tensor:
        """The probability of the label at the temperature that was fitted, float32[spans]."""
        tempered = classes / self.temperature
        probabilities = tempered.softmax(1)[:, 1:]
        return probabilities.gather(1, label[:, None])[:, 0]

    # -- learning

    def loss(self, batch: Batch) -> Tensor:
        """The loss of being an entity, over all spans, and of the class, over the candidates.

        Both are sums, divided by the number of tokens.
        """
        targets = self._targets(batch)  # (N, L)
        starts, sizes = targets.nonzero()
        candidates = self._candidates(batch, starts, sizes)
        device = candidates.mentions.device
        target = to_device(targets, device)
        is_annotated = to_device(annotated(batch, self.layer), device)  # (N,)

        is_mention = target > _NOTHING
        mention_losses = functional.binary_cross_entropy_with_logits(
            candidates.mentions,
            is_mention.float(),
            reduction="none",
        )
        is_closed = is_annotated.unsqueeze(1) & (target != _OPEN)
        counted = candidates.possible & is_closed
        mention_loss = mention_losses.masked_fill(~counted, 0).sum()

        classes = target[candidates.start, candidates.size]  # (C,)
        is_silent = ~is_annotated[candidates.start]
        class_loss = functional.cross_entropy(
            candidates.classes,
            classes.masked_fill(is_silent, _OPEN),
            ignore_index=_OPEN,
            reduction="sum",
        )
        return (mention_loss + class_loss) / max(len(batch), 1)

    def _targets(self, batch: Batch) -> Ints:
        """The class of each span by the annotation, int64[N, L]."""
        gold, in_sentence, is_short = self._gold(batch)
        gold = gold.take(in_sentence & is_short)
        sizes = gold.end - gold.start - 1
        classes = gold.label + 1
        classes[gold.label == UNKNOWN] = _OPEN
        shape = (len(batch), self.longest)
        targets = np.full(shape, _NOTHING, dtype=np.int64)
        targets[gold.start, sizes] = classes
        return targets

    def _gold(self, batch: Batch) -> tuple[SpanRows, Bools, Bools]:
        """All spans; which of them lie within a sentence, and which are short enough."""
        gold = batch_spans(batch, self.layer, self.labels)
        in_sentence = within(batch.sequences, gold.start, gold.end)
        return gold, in_sentence, gold.end - gold.start <= self.longest

    def passed_over(self, batch: Batch) -> PassedOver:
        """Spans across the borders of sentences, and spans that are too long."""
        gold, in_sentence, is_short = self._gold(batch)
        crossing = gold.take(~in_sentence)
        long = gold.take(in_sentence & ~is_short)
        return {
            f"spans of {self.layer} cross a sentence border": owners(batch, crossing),
            f"spans of {self.layer} are longer than {self.longest} tokens": owners(batch, long),
        }
