"""The sentiment toward each entity, from the vectors of its tokens and of those around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pipekit.batching import Batch
from pipekit.chars import Ints, ranges
from pipekit.components.classes import Floats, attend, mean, probabilities
from pipekit.doc import Doc
from pipekit.errors import DataError
from pipekit.layer import Layer
from pipekit.linear import balance, class_loss
from pipekit.model import EncoderRef, Head, Prepared
from pipekit.views import SENTIMENT_OF

_NEAR = 16  # farther tokens are all equally far


class Around(NamedTuple):
    """Token rows with the entity that each is seen from, and its signed distance to it, cut to [-_NEAR, _NEAR]; int64[n] each."""

    entity: Ints
    row: Ints
    distance: Ints


class EntitySentiment(Head):
    """Writes the columns "sentiment.<class>" of a span layer: the probability of each class; `span.sentiment` reads them.

    An entity is the mean of its tokens; it attends to its sentence by what it is, what stands there, and how far off, to the left or to the
    right (after Tang et al. 2016, Zeng et al. 2017).

    Args:
        entities: the span layer.
        labels: the classes; `prepare` collects them.
        hidden: width of the layer that all else reads.
        heads: of the attention.
        window: how many tokens on either side are seen, within the sentence.
        class_weights: of each class in the loss; in a recipe `balance` is the power of the inverse frequency that they are.
    """

    def __init__(
        self,
        encoder: EncoderRef,
        entities: str = "ents",
        labels: Sequence[str] = (),
        hidden: int = 128,
        heads: int = 4,
        dropout: float = 0.4,
        window: int = 40,
        class_weights: Sequence[float] = (),
    ) -> None:
        super().__init__(encoder)
        if len(labels) < 2:
            raise DataError(f"sentiment of {len(labels)} classes has nothing to choose from: train it, or give labels=[…]")
        self.entities, self.labels, self.window = entities, list(labels), window
        self.requires: Sequence[str] = (entities,)
        self.assigns: Sequence[str] = (f"{entities}.sentiment",)
        self.hidden = nn.Sequential(nn.Dropout(dropout), nn.Linear(encoder.width, hidden), nn.GELU())
        self.far = nn.Embedding(2 * _NEAR + 1, heads)
        self.place = nn.Embedding(2 * _NEAR + 1, hidden)
        self.query, self.key = nn.Linear(hidden, hidden), nn.Linear(hidden, heads)
        self.output = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(hidden * (heads + 2), hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, len(labels))
        )
        self.register_buffer("class_weights", torch.tensor(list(class_weights) or [1.0] * len(labels)), persistent=False)
        for embedding in (self.far, self.place):
            nn.init.normal_(embedding.weight, std=0.1)

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        completed = dict(settings)
        power = completed.pop("balance", 0.0)
        layers = [doc.layers[name] for doc in docs if (name := settings.get("entities", "ents")) in doc.layers]
        columns = sorted({column for layer in layers for column in layer if column.startswith(SENTIMENT_OF)})
        completed["labels"] = list(settings.get("labels") or [column.removeprefix(SENTIMENT_OF) for column in columns])
        if power and layers:
            known, targets = _gold(layers, completed["labels"])
            weights = balance(targets[known], True, power)
            completed["class_weights"] = [round(float(weight), 4) for weight in weights]
        return Prepared(completed, {})

    def scores(self, batch: Batch) -> Tensor:
        """Logits, float[entities of all documents, classes]."""
        hidden = self.hidden(batch.vectors(self.encoder.name))
        starts, ends = self._borders(batch)
        size = len(starts)
        inside = np.repeat(np.arange(size), ends - starts), ranges(starts, ends - starts)
        owners, rows = (torch.from_numpy(array).to(hidden.device) for array in inside)
        entity = mean(hidden[rows], owners, size)
        around = self._around(batch, starts, ends)
        owners, rows, distance = (torch.from_numpy(array).to(hidden.device) for array in around)
        seen = hidden[rows] + self.place(distance + _NEAR)
        logits = self.key(torch.tanh(seen + self.query(entity)[owners])) + self.far(distance + _NEAR)
        pooled = [entity, attend(seen, logits, owners, size), mean(seen, owners, size)]
        answer: Tensor = self.output(torch.cat(pooled, dim=1)).float()
        return answer

    def _layers(self, batch: Batch) -> list[Layer]:
        none = Layer("span", 0)
        return [doc.layers.get(self.entities, none) for doc in batch.docs]

    def _borders(self, batch: Batch) -> tuple[Ints, Ints]:
        """The token rows in the batch where entities begin and end."""
        edges = [np.zeros((2, 0), np.int64)]
        for layer, offset in zip(self._layers(batch), batch.offsets.tolist(), strict=False):
            if layer.size:
                edges.append(np.stack([layer["start"].values, layer["end"].values]).astype(np.int64) + offset)
        starts, ends = np.concatenate(edges, axis=1)
        return starts, ends

    def _around(self, batch: Batch, starts: Ints, ends: Ints) -> Around:
        """The tokens of each entity's sentence that its window holds; an entity over a border sees the sentence that it begins in."""
        sentence = np.searchsorted(batch.sequences, starts, "right") - 1
        first = np.maximum(batch.sequences[sentence], starts - self.window)
        last = np.maximum(np.minimum(batch.sequences[sentence + 1], ends + self.window), ends) if len(starts) else ends
        owner, row = np.repeat(np.arange(len(starts)), last - first), ranges(first, last - first)
        before, behind = np.minimum(row - starts[owner], 0), np.maximum(row - ends[owner] + 1, 0)
        return Around(owner, row, np.clip(before + behind, -_NEAR, _NEAR))

    def decode(self, batch: Batch, scores: Tensor) -> None:
        found, done = probabilities(scores, True), 0
        for layer in (doc.layers[self.entities] for doc in batch.docs):
            for column, label in enumerate(self.labels):
                layer.set(SENTIMENT_OF + label, found[done : done + layer.size, column])
            done += layer.size

    def loss(self, batch: Batch) -> Tensor:
        """The mean over annotated entities."""
        known, targets = _gold(self._layers(batch), self.labels)
        scores = self.scores(batch)
        rows = torch.from_numpy(np.flatnonzero(known)).to(scores.device)
        wanted = torch.from_numpy(targets[known]).to(scores.device)
        lost = class_loss(scores[rows], wanted, True, self.class_weights)  # type: ignore[arg-type]
        return lost.sum() / max(len(rows), 1)


def _gold(layers: Sequence[Layer], labels: Sequence[str]) -> tuple[Ints, Floats]:
    """Which entities are annotated, bool[entities], and ones for their classes, float32[entities, classes]."""
    parts = [np.zeros((0, len(labels)), np.float32)]
    for layer in layers:
        columns = [layer.get(SENTIMENT_OF + label) for label in labels]
        values = [np.full(layer.size, np.nan) if column is None else column.values for column in columns]
        parts.append((np.stack(values, axis=1) > 0.5).astype(np.float32))
    targets = np.concatenate(parts)
    return targets.sum(1) == 1, targets
