"""Named entities that do not overlap: a linear-chain CRF over BIOES tags.

The network is that of Lample et al. (2016) without its encoder:

    vectors (N, W) ─▶ hidden (N, H) ─▶ emissions (N, T) ─▶ CRF of each sentence ─▶ tags ─▶ spans

The score of a span is the probability that the CRF gives to exactly this span with this label.
`temperature` divides all scores of the CRF before that; it changes no span. It is 1 until it is
fitted on documents that were not in the training (Guo et al. 2017): `recipes/ner/calibrate.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pipekit.components.ner.bioes import OUTSIDE, BioesTags
from pipekit.components.ner.crf import CRF, SpanCells
from pipekit.devices.placement import to_arrays, to_device
from pipekit.doc import Doc
from pipekit.errors import DataError
from pipekit.nn.layers import hidden_layer
from pipekit.nn.padding import grid, length_groups
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
from pipekit.settings import LabelList, LabelName, Probability, Rate, Width
from pipekit.words.arrays import Bools, Floats, Ints

# Padded cells that go through the CRF at a time. Each step of the CRF costs a constant, so this is
# more than an encoder takes.
CELLS = 16_384
CHAIN_TOKENS = 192  # tokens of a chain; a longer sentence is several chains, see `chain_borders`


class SentenceGrid(NamedTuple):
    """B sentences of like length, padded to L cells."""

    sentences: Ints  # int64[B], numbers of the sentences between borders
    rows: Ints  # int64[B, L], the token row of each cell
    inside: Bools  # bool[B, L], False for padding

    def to(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """`rows` and `inside` on a device."""
        rows = to_device(self.rows, device)
        inside = to_device(self.inside, device)
        return rows, inside


class GoldSpans(NamedTuple):
    """The annotated spans of a batch.

    Attributes:
        stays: bool[spans], whether a span is learned, and not a longer one that overlaps it.
        in_sentence: bool[spans], whether a span lies within one sentence.
    """

    spans: SpanRows
    stays: Bools
    in_sentence: Bools


class EntityRecognizer(Head):
    """Writes a layer of spans with `label` and `score` that do not overlap.

    In training, the longest of gold spans that overlap stays, and the first of equal length. The
    tokens of some spans are left open, so that the loss is that of all tags there: spans without a
    label, spans with a label that is not among `labels`, and spans across a sentence border.

    Args:
        labels: the labels of entities; `prepare` collects them.
        layer: the span layer to learn and to write.
        hidden: width of the layer between the encoder and the tags.
        threshold: the score from which a span is written; 0 for all spans of the best path.
    """

    inventory = "labels"

    temperature: Tensor

    def __init__(
        self,
        encoder: EncoderRef,
        labels: LabelList = (),
        layer: LabelName = "ents",
        hidden: Width = 128,
        dropout: Rate = 0.3,
        threshold: Probability = 0.0,
    ) -> None:
        super().__init__(encoder)
        if not labels:
            raise DataError(
                f"a recognizer of {layer!r} needs its labels: "
                f"train it, or give labels=['PER', 'LOC', …]"
            )
        self.layer = layer
        self.threshold = threshold
        self.labels = list(labels)
        self.assigns = (layer,)
        self.tags = BioesTags(len(self.labels))
        self.hidden = hidden_layer(encoder.width, hidden, dropout)
        self.emit = nn.Linear(hidden, self.tags.size)
        self.crf = CRF(self.tags)
        self.register_buffer("temperature", torch.ones(()))

    @classmethod
    def listed(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> list[str]:
        """The labels of a layer of documents."""
        return label_names(docs, settings.get("layer", "ents"))

    def rows(self) -> dict[str, Axes]:
        """Rows of tags."""
        tags = self.tags.names(self.labels)
        return {
            "emit.weight": (tags, None),
            "emit.bias": (tags,),
            "crf.transitions": (tags, tags),
            "crf.first": (tags,),
            "crf.last": (tags,),
        }

    def scores(self, batch: Batch) -> Tensor:
        """Emissions, float32[tokens, tags]."""
        vectors = batch.vectors(self.encoder.name)
        hidden = self.hidden(vectors)
        emissions: Tensor = self.emit(hidden)
        return emissions.float()

    def decode(
        self,
        batch: Batch,
        scores: Tensor,
    ) -> None:
        """Write the spans of the best path of each sentence."""
        borders = chain_borders(batch.sequences, scores)
        every = np.arange(len(borders) - 1)
        grids = _sentence_grids(borders, every)
        paths = []
        for cells in grids:
            rows, inside = cells.to(scores.device)
            best = self.crf.best(scores[rows], inside)
            paths.append(best)

        tags = np.zeros(len(batch), dtype=np.int64)
        for cells, path in zip(grids, to_arrays(paths), strict=True):
            rows_inside = cells.rows[cells.inside]
            tags[rows_inside] = path[cells.inside]
        spans = SpanRows(*BioesTags.read(tags))
        confidence = self.confidence(batch, scores, spans)
        if self.threshold:
            is_sure = confidence >= self.threshold
            spans = spans.take(is_sure)
            confidence = confidence[is_sure]
        write_spans(batch, self.layer, spans, self.labels, confidence)

    def confidence(
        self,
        batch: Batch,
        scores: Tensor,  # (tokens, tags)
        spans: SpanRows,
    ) -> Floats:
        """The probability of each span with its label, float32[spans].

        Only sentences with spans go through the CRF.
        """
        device = scores.device
        temperature = float(self.temperature)
        borders = chain_borders(batch.sequences, scores)
        following = np.searchsorted(borders, spans.start, "right")
        sentences = following - 1  # int64[spans]
        members = []  # of each grid: the rows of its spans in `spans`
        probabilities = []
        for cells in _sentence_grids(borders, np.unique(sentences)):
            is_member = np.isin(sentences, cells.sentences)
            member = np.flatnonzero(is_member)
            span_cells = _span_cells(
                borders,
                cells,
                spans.take(member),
                sentences[member],
            )
            on_device = (to_device(array, device) for array in span_cells)
            rows, inside = cells.to(device)
            probability = self.crf.span_scores(
                scores[rows],
                inside,
                SpanCells(*on_device),
                temperature,
            )
            members.append(member)
            probabilities.append(probability)

        confidence = np.zeros(len(spans.start), dtype=np.float32)
        for member, values in zip(members, to_arrays(probabilities), strict=True):
            confidence[member] = values
        return confidence

    def loss(self, batch: Batch) -> Tensor:
        """Minus the log probability of the annotated tags, for each token."""
        scores = self.scores(batch)
        allowed = to_device(self.allowed(batch), scores.device)
        sentence_starts = batch.sequences[:-1]
        is_annotated = annotated(batch, self.layer)[sentence_starts]  # bool[sentences]
        sentences = np.flatnonzero(is_annotated)
        losses = [scores.sum() * 0.0]
        for cells in _sentence_grids(batch.sequences, sentences):
            rows, inside = cells.to(scores.device)
            sentence_losses = self.crf.loss(
                scores[rows],
                inside,
                allowed[rows],
            )
            losses.append(sentence_losses.sum())
        total = torch.stack(losses).sum()
        return total / max(len(batch), 1)

    def allowed(self, batch: Batch) -> Bools:
        """The tags that agree with the annotation, bool[tokens, tags]."""
        gold = self._gold(batch)
        spans = gold.spans.take(gold.stays)
        is_sure = (spans.label != UNKNOWN) & gold.in_sentence[gold.stays]
        sure = spans.take(is_sure)
        tags = self.tags.spell(
            sure.start,
            sure.end,
            sure.label,
            len(batch),
        )
        rows = np.arange(len(batch))
        allowed = np.zeros((len(batch), self.tags.size), dtype=bool)
        allowed[rows, tags] = True

        unsure = spans.take(~is_sure)
        starts = unsure.start.tolist()
        ends = unsure.end.tolist()
        for start, end in zip(starts, ends, strict=True):
            allowed[start:end] = True
        return allowed

    def _gold(self, batch: Batch) -> GoldSpans:
        spans = batch_spans(batch, self.layer, self.labels)
        lengths = spans.end - spans.start
        longest_first = np.lexsort((spans.start, -lengths))
        return GoldSpans(
            spans=spans,
            stays=settle(spans.start, spans.end, longest_first),
            in_sentence=within(batch.sequences, spans.start, spans.end),
        )

    def passed_over(self, batch: Batch) -> PassedOver:
        """Spans across the borders of sentences, and spans that overlap."""
        spans, stays, in_sentence = self._gold(batch)
        return {
            f"spans of {self.layer} cross a sentence border": owners(
                batch, spans.take(~in_sentence)
            ),
            f"spans of {self.layer} overlap a longer one": owners(
                batch, spans.take(in_sentence & ~stays)
            ),
        }


def chain_borders(
    sequences: Ints,
    scores: Tensor,  # (tokens, tags)
) -> Ints:
    """Borders of what goes through the CRF at a time, int64[chains + 1].

    That is a sentence. One of more than `CHAIN_TOKENS` tokens is cut behind tokens of its that are
    surely outside spans: the surest of each second half of a chain.
    """
    if np.diff(sequences).max(initial=0) <= CHAIN_TOKENS:
        return sequences
    spans = scores[:, OUTSIDE + 1 :]
    margin = scores[:, OUTSIDE] - spans.amax(1)
    surety: Floats = margin.cpu().numpy()
    borders = []
    for start, end in itertools.pairwise(sequences.tolist()):
        borders.append(start)
        while end - borders[-1] > CHAIN_TOKENS:
            half = borders[-1] + CHAIN_TOKENS // 2
            surest = int(surety[half : half + CHAIN_TOKENS // 2].argmax())
            borders.append(half + surest + 1)
    borders.append(int(sequences[-1]))
    return np.array(borders, dtype=np.int64)


def _sentence_grids(
    borders: Ints,
    sentences: Ints,
) -> list[SentenceGrid]:
    """Some sentences, by their numbers, as padded grids of like length."""
    starts = borders[sentences]
    lengths = np.diff(borders)[sentences]
    grids = []
    for group in length_groups(lengths, CELLS):
        rows, inside = grid(starts[group], lengths[group])
        cells = SentenceGrid(sentences[group], rows, inside)
        grids.append(cells)
    return grids


def _span_cells(
    borders: Ints,
    cells: SentenceGrid,
    spans: SpanRows,
    sentences: Ints,
) -> tuple[Ints, Ints, Ints, Ints]:
    """Row in the grid, first cell, last cell and label of spans.

    `sentences` int64[spans] are the numbers of the spans' sentences between `borders`.
    """
    sentence_start = borders[sentences]
    first = spans.start - sentence_start
    last = spans.end - 1 - sentence_start
    grid_rows = np.zeros(len(borders), dtype=np.int64)  # by number of the sentence
    grid_rows[cells.sentences] = np.arange(len(cells.sentences))
    return grid_rows[sentences], first, last, spans.label
