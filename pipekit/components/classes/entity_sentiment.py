"""The sentiment toward each entity, from the vectors of its tokens and of those around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipekit.components.classes.classes import (
    attend,
    entity_gold,
    entity_labels,
    mean,
    probabilities,
    write_entities,
)
from pipekit.components.classes.linear import FittedTerms, balance, class_loss, fit_folds, folds
from pipekit.components.classes.terms import around, targets, views
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.errors import DataError
from pipekit.nn.context import Context
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import EncoderRef, Head, Prepared, Tables
from pipekit.words.arrays import ranges

_NEAR = 16  # farther tokens are all equally far
_PIECES = (3, 4, 5)


class EntitySentiment(Head):
    """Writes the columns "sentiment.<class>" of a span layer: the probability of each class; `span.sentiment` reads them.

    The tokens are read once more with a mark on those of entities. An entity is the mean of its tokens; it attends to its sentence by what
    it is, what stands there, and how far off, to the left or to the right (after Tang et al. 2016, Zeng et al. 2017).

    With `terms` (in a recipe) a logistic regression over the words around an entity is fitted first, and the network learns what it leaves
    open: see `FittedTerms`.

    Args:
        entities: the span layer.
        labels: the classes; `prepare` collects them.
        hidden: width of the layer that all else reads.
        context: width of a network that reads the vectors before; 0 for none.
        heads: of the attention.
        window: how many tokens on either side are seen, within the sentence.
        class_weights: of each class in the loss; in a recipe `balance` is the power of the inverse frequency that they are.
    """

    class_weights: Tensor

    def __init__(
        self,
        encoder: EncoderRef,
        entities: str = "ents",
        labels: Sequence[str] = (),
        hidden: int = 128,
        context: int = 0,
        heads: int = 4,
        dropout: float = 0.4,
        window: int = 40,
        class_weights: Sequence[float] = (),
        tables: Tables | None = None,
    ) -> None:
        super().__init__(encoder)
        if len(labels) < 2:
            raise DataError(
                f"sentiment of {len(labels)} classes has nothing to choose from: train it, or give labels=[…]"
            )
        self.entities, self.labels, self.window = entities, list(labels), window
        self.requires: Sequence[str] = (entities,)
        self.assigns: Sequence[str] = (f"{entities}.sentiment",)
        self.context, self.mark = (
            Context(encoder.width, hidden, context, dropout),
            nn.Embedding(2, hidden),
        )
        width = self.context.width
        self.far, self.place = (
            nn.Embedding(2 * _NEAR + 1, heads),
            nn.Embedding(2 * _NEAR + 1, width),
        )
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, heads)
        self.output = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(width * (heads + 2), hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, len(labels)),
        )
        self.register_buffer(
            "class_weights",
            torch.tensor(list(class_weights) or [1.0] * len(labels)),
            persistent=False,
        )
        for embedding in (self.far, self.place, self.mark):
            nn.init.normal_(embedding.weight, std=0.1)
        self.terms = FittedTerms(tables, _PIECES, len(labels)) if tables else None
        self.tables: Tables = self.terms.tables if self.terms else {}

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        completed, entities = dict(settings), settings.get("entities", "ents")
        power, strength, terms = (
            completed.pop(key, default)
            for key, default in (("balance", 0.0), ("strength", 1.0), ("terms", False))
        )
        completed["labels"] = list(settings.get("labels") or entity_labels(docs, entities))
        rows, gold = entity_gold(docs, entities, completed["labels"])
        if power:
            completed["class_weights"] = [
                round(float(weight), 4) for weight in balance(gold, True, power)
            ]
        if not terms:
            return Prepared(completed, {})
        batch = Batch(docs)
        known = targets(batch, entities).take(rows)
        seen = views(batch, known, settings.get("window", 40))
        every = seen, folds(docs)[known.doc], gold, _PIECES
        return Prepared(
            completed, fit_folds(batch, *every, exclusive=True, strength=strength, power=power)
        )

    def scores(self, batch: Batch) -> Tensor:
        """Logits, float[entities of all documents, classes]."""
        vectors, spans = batch.vectors(self.encoder.name), targets(batch, self.entities)
        size = len(spans.start)
        owners, rows = (
            np.repeat(np.arange(size), spans.end - spans.start),
            ranges(spans.start, spans.end - spans.start),
        )
        marked = np.zeros(len(batch), np.int64)
        marked[rows] = 1
        hidden = self.context(
            vectors, batch.sequences, self.mark(to_device(marked, vectors.device))
        )
        owner, row, far = (
            to_device(array, hidden.device) for array in around(batch, spans, self.window)
        )
        near = far.clamp(-_NEAR, _NEAR) + _NEAR
        entity = mean(
            hidden[to_device(rows, hidden.device)], to_device(owners, hidden.device), size
        )
        seen = hidden[row] + self.place(near)
        logits = self.key(torch.tanh(seen + self.query(entity)[owner])) + self.far(near)
        pooled = [entity, attend(seen, logits, owner, size), mean(seen, owner, size)]
        answer: Tensor = self.output(torch.cat(pooled, dim=1)).float()
        return (
            answer
            if self.terms is None
            else answer + self.terms(batch, views(batch, spans, self.window), spans.doc)
        )

    def decode(self, batch: Batch, scores: Tensor) -> None:
        write_entities(batch.docs, self.entities, self.labels, probabilities(scores, True))

    def loss(self, batch: Batch) -> Tensor:
        """The mean over annotated entities."""
        known, wanted = entity_gold(batch.docs, self.entities, self.labels)
        scores = self.scores(batch)
        rows, gold = to_device(known, scores.device), to_device(wanted, scores.device)
        lost = class_loss(scores[rows], gold, True, self.class_weights)
        return lost.sum() / max(len(rows), 1)
