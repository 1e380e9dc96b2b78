"""Named entities that do not overlap: a linear-chain CRF over BIOES tags (Lample et al. 2016, without its encoder).

The score of a span is the probability that the CRF gives to exactly this span with this label, computed by its forward and backward
scores. `temperature` divides all scores of the CRF before that; it changes no span. It is 1 until it is fitted on documents that the
training has not seen (Guo et al. 2017): `recipes/ner/calibrate.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipekit.components.ner.crf import CRF, Tags
from pipekit.devices.placement import to_arrays, to_device
from pipekit.doc import Doc
from pipekit.errors import DataError
from pipekit.nn.layers import hidden_layer
from pipekit.nn.padding import grid, length_groups
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

# Padded cells that go through the CRF at a time: each step costs a constant, so more than an encoder takes.
CELLS = 16_384


class SentenceGroup(NamedTuple):
    """Sentences of like length: token rows int64[sentences, longest], and which cells are no padding."""

    rows: Tensor
    inside: Tensor


class EntityRecognizer(Head):
    """Writes a layer of spans with `label` and `score` that do not overlap.

    In training, of gold spans that overlap the longest stays, and of equal ones the first; tokens of a span without a label, with one
    that is not among `labels`, or across a sentence border are left open: the loss is that of all tags there.

    Args:
        labels: what an entity may be; `prepare` collects them.
        layer: the span layer to learn and to write.
        hidden: width of the layer between the encoder and the tags.
    """

    temperature: Tensor

    def __init__(
        self,
        encoder: EncoderRef,
        labels: Sequence[str] = (),
        layer: str = "ents",
        hidden: int = 128,
        dropout: float = 0.3,
    ) -> None:
        super().__init__(encoder)
        if not labels:
            raise DataError(
                f"a recognizer of {layer!r} needs its labels: train it, or give labels=['PER', 'LOC', …]"
            )
        self.layer, self.labels = layer, list(labels)
        self.assigns = (layer,)
        self.tags = Tags(len(self.labels))
        self.hidden = hidden_layer(encoder.width, hidden, dropout)
        self.emit = nn.Linear(hidden, self.tags.size)
        self.crf = CRF(self.tags)
        self.register_buffer("temperature", torch.ones(()))

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        labels = list(settings.get("labels") or label_names(docs, settings.get("layer", "ents")))
        return Prepared({**settings, "labels": labels}, {})

    def scores(self, batch: Batch) -> Tensor:
        """Emissions, float32[tokens, tags]."""
        return self.emit(self.hidden(batch.vectors(self.encoder.name))).float()  # type: ignore[no-any-return]

    def decode(self, batch: Batch, scores: Tensor) -> None:
        tags = np.zeros(len(batch), dtype=np.int64)
        chosen = _chosen(batch.sequences, np.arange(len(batch.sequences) - 1))
        parts = [_group(batch.sequences, some, scores.device) for some in chosen]
        paths = to_arrays(self.crf.best(scores[group.rows], group.inside) for group in parts)
        for (rows, inside), best in zip(
            (_grid(batch.sequences, some) for some in chosen), paths, strict=True
        ):
            tags[rows[inside]] = best[inside]
        found = SpanRows(*self.tags.read(tags))
        write_spans(batch, self.layer, found, self.labels, self.confidence(batch, scores, found))

    def confidence(self, batch: Batch, scores: Tensor, spans: SpanRows) -> NDArray[np.float32]:
        """The probability of each span with its label, float32[spans]; only sentences that have spans are looked at."""
        places, chances, temperature = [], [], float(self.temperature)
        sentence = np.searchsorted(batch.sequences, spans.start, "right") - 1
        for chosen in _chosen(batch.sequences, np.unique(sentence)):
            mine = np.flatnonzero(np.isin(sentence, chosen))
            group = _group(batch.sequences, chosen, scores.device)
            row_of = np.zeros(len(batch.sequences), dtype=np.int64)
            row_of[chosen] = np.arange(len(chosen))
            first = batch.sequences[sentence[mine]]
            cells = (
                row_of[sentence[mine]],
                spans.start[mine] - first,
                spans.end[mine] - 1 - first,
                spans.label[mine],
            )
            where = tuple(to_device(array, scores.device) for array in cells)
            places.append(mine)
            chances.append(
                self.crf.span_scores(scores[group.rows], group.inside, where, temperature)
            )
        found = np.zeros(len(spans.start), dtype=np.float32)
        for mine, values in zip(places, to_arrays(chances), strict=True):
            found[mine] = values
        return found

    def loss(self, batch: Batch) -> Tensor:
        """Minus the log probability of the annotated tags, for each token."""
        scores = self.scores(batch)
        allowed = to_device(self.allowed(batch), scores.device)
        known = annotated(batch, self.layer)[batch.sequences[:-1]]
        lost = [
            self.crf.loss(scores[group.rows], group.inside, allowed[group.rows]).sum()
            for group in _groups(batch.sequences, np.flatnonzero(known), scores.device)
        ]
        return torch.stack([scores.sum() * 0.0, *lost]).sum() / max(len(batch), 1)

    def allowed(self, batch: Batch) -> NDArray[np.bool_]:
        """The tags that agree with the annotation, bool[tokens, tags]."""
        spans = batch_spans(batch, self.layer, self.labels)
        length = spans.end - spans.start
        spans = spans.take(settle(spans.start, spans.end, np.lexsort((spans.start, -length))))
        clear = (spans.label != UNKNOWN) & within(batch.sequences, spans.start, spans.end)
        sure = spans.take(clear)
        allowed = np.zeros((len(batch), self.tags.size), dtype=bool)
        allowed[
            np.arange(len(batch)), self.tags.spell(sure.start, sure.end, sure.label, len(batch))
        ] = True
        for start, end in zip(
            spans.start[~clear].tolist(), spans.end[~clear].tolist(), strict=True
        ):
            allowed[start:end] = True
        return allowed


def _chosen(borders: NDArray[np.int64], sentences: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [sentences[group] for group in length_groups(np.diff(borders)[sentences], CELLS)]


def _group(
    borders: NDArray[np.int64], sentences: NDArray[np.int64], device: torch.device
) -> SentenceGroup:
    return SentenceGroup(*(to_device(array, device) for array in _grid(borders, sentences)))


def _grid(
    borders: NDArray[np.int64], sentences: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    return grid(borders[sentences], np.diff(borders)[sentences])


def _groups(
    borders: NDArray[np.int64], sentences: NDArray[np.int64], device: torch.device
) -> list[SentenceGroup]:
    return [_group(borders, chosen, device) for chosen in _chosen(borders, sentences)]
