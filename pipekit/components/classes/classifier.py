"""Classes of documents from the vectors of an encoder: topics, emotions, or the sentiment of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipekit.components.classes.classes import (
    attend,
    gold,
    labels_of,
    largest,
    mean,
    probabilities,
    write,
)
from pipekit.components.classes.linear import FittedTerms, balance, class_loss, fit_folds, folds
from pipekit.components.classes.terms import documents
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.errors import DataError
from pipekit.nn.context import Context
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import EncoderRef, Head, Prepared, Tables

_PIECES = (2, 3, 4, 5)


class Classifier(Head):
    """Writes a layer of kind "doc": the probability of each class.

    The vectors of a document are pooled by attention (Yang et al. 2016), their mean and their maximum. A document that goes through in
    parts has the mean of what is said of them, weighted by their tokens.

    With `terms` (in a recipe) a logistic regression over words, pairs and pieces of words is fitted first, and the network learns what it
    leaves open: see `FittedTerms`.

    Args:
        labels: the classes; `prepare` collects them.
        exclusive: whether a document has one class (softmax) or any number of them (a sigmoid each).
        layer: what is written; "sentiment" is read by `doc.sentiment`, "cats" by `doc.cats`.
        hidden: width of what is pooled.
        heads: of the attention.
        context: width of a network that reads the vectors before; 0 for none.
        class_weights: of each class in the loss; in a recipe `balance` is the power of the inverse frequency that they are.
    """

    class_weights: Tensor

    def __init__(
        self,
        encoder: EncoderRef,
        labels: Sequence[str] = (),
        exclusive: bool = True,
        layer: str = "cats",
        hidden: int = 128,
        heads: int = 4,
        dropout: float = 0.5,
        context: int = 0,
        class_weights: Sequence[float] = (),
        tables: Tables | None = None,
    ) -> None:
        super().__init__(encoder)
        if len(labels) < 2:
            raise DataError(
                f"a classifier of {len(labels)} classes has nothing to choose from: train it, or give labels=[…]"
            )
        self.labels, self.exclusive, self.layer = list(labels), exclusive, layer
        self.assigns: Sequence[str] = (layer,)
        self.context = Context(encoder.width, hidden, context, dropout)
        self.attention = nn.Linear(self.context.width, heads)
        self.output = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(self.context.width * (heads + 2), len(labels))
        )
        self.terms = FittedTerms(tables, _PIECES, len(labels)) if tables else None
        self.tables: Tables = self.terms.tables if self.terms else {}
        weights = torch.tensor(list(class_weights) or [1.0] * len(labels))
        self.register_buffer("class_weights", weights, persistent=False)

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        completed = dict(settings)
        power, strength, terms = (
            completed.pop(key, default)
            for key, default in (("balance", 0.0), ("strength", 5.0), ("terms", False))
        )
        layer, exclusive = settings.get("layer", "cats"), settings.get("exclusive", True)
        completed["labels"] = list(settings.get("labels") or labels_of(docs, layer))
        rows, targets = gold(docs, layer, completed["labels"], exclusive)
        if power:
            completed["class_weights"] = [
                round(float(weight), 4) for weight in balance(targets, exclusive, power)
            ]
        if not terms:
            return Prepared(completed, {})
        batch = Batch([docs[row] for row in rows.tolist()])
        every = documents(batch), folds(batch.docs), targets, _PIECES
        return Prepared(
            completed, fit_folds(batch, *every, exclusive=exclusive, strength=strength, power=1.0)
        )

    def scores(self, batch: Batch) -> Tensor:
        """Logits, float[docs, classes]."""
        hidden = self.context(batch.vectors(self.encoder.name), batch.sequences)
        size = len(batch.docs)
        owners = to_device(np.repeat(np.arange(size), np.diff(batch.offsets)), hidden.device)
        pooled = [
            attend(hidden, self.attention(hidden), owners, size),
            mean(hidden, owners, size),
            largest(hidden, owners, size),
        ]
        answer: Tensor = self.output(torch.cat(pooled, dim=1)).float()
        return (
            answer
            if self.terms is None
            else answer + self.terms(batch, documents(batch), np.arange(size))
        )

    def decode(self, batch: Batch, scores: Tensor) -> None:
        write(batch.docs, self.layer, self.labels, probabilities(scores, self.exclusive))

    def loss(self, batch: Batch) -> Tensor:
        """The mean over annotated documents."""
        rows, targets = gold(batch.docs, self.layer, self.labels, self.exclusive)
        scores = self.scores(batch)
        chosen = scores[to_device(rows, scores.device)]
        lost = class_loss(
            chosen, to_device(targets, scores.device), self.exclusive, self.class_weights
        )
        return lost.sum() / max(len(rows), 1)
