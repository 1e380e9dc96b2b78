"""Classes of documents from their words alone: TF-IDF and logistic regression, the classical baseline. It reads no encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pipekit.batching import Batch
from pipekit.components.classes import gold, labels_of, probabilities, write
from pipekit.doc import Doc
from pipekit.errors import DataError
from pipekit.linear import balance, class_loss, fit, logits
from pipekit.model import Head, Prepared, Tables
from pipekit.terms import Vocabulary, documents, learn

_VOCABULARY = ("hashes", "idf", "piece")


class Tfidf(Head):
    """Writes a layer of kind "doc": the probability of each class.

    `prepare` fits the weights to the training documents by L-BFGS; a recipe says epochs = 1 and learning_rate = 0, since there is nothing
    left to learn.

    Args:
        labels: the classes; `prepare` collects them.
        exclusive: whether a document has one class or any number of them.
        layer: what is written, such as "cats" or "sentiment".
        pieces: lengths of the pieces of words that are terms beside words and pairs of words; none for words alone.

    In a recipe also `strength` (the inverse of the regularisation, C), `min_count` (of documents that have a term) and `balance` (the power
    of the inverse frequency that weighs a class).
    """

    def __init__(
        self,
        labels: Sequence[str] = (),
        exclusive: bool = True,
        layer: str = "cats",
        pieces: Sequence[int] = (2, 3, 4, 5),
        tables: Tables | None = None,
    ) -> None:
        super().__init__()
        if len(labels) < 2 or not tables:
            raise DataError("a TF-IDF classifier has its terms and classes from training documents: train it by a recipe")
        self.labels, self.exclusive, self.layer = list(labels), exclusive, layer
        self.assigns: Sequence[str] = (layer,)
        self.tables: Tables = {name: tables[name] for name in _VOCABULARY}
        self.vocabulary = Vocabulary(self.tables, tuple(pieces))
        size = (len(self.vocabulary), len(self.labels))
        self.weights = nn.Parameter(torch.from_numpy(tables["weights"].copy()) if "weights" in tables else torch.zeros(size))
        self.bias = nn.Parameter(torch.from_numpy(tables["bias"].copy()) if "bias" in tables else torch.zeros(size[1]))

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        completed = dict(settings)
        strength, power, least = (completed.pop(key, default) for key, default in (("strength", 5.0), ("balance", 1.0), ("min_count", 2)))
        layer, exclusive = settings.get("layer", "cats"), settings.get("exclusive", True)
        completed["labels"] = list(settings.get("labels") or labels_of(docs, layer))
        rows, targets = gold(docs, layer, completed["labels"], exclusive)
        batch, pieces = Batch([docs[row] for row in rows.tolist()]), tuple(settings.get("pieces", (2, 3, 4, 5)))
        tables = learn(batch, documents(batch), pieces, least)
        terms = Vocabulary(tables, pieces).terms(batch, documents(batch))
        weighing = balance(targets, exclusive, power)
        weights, bias = fit(terms, targets, len(tables["hashes"]), exclusive=exclusive, strength=strength, class_weights=weighing)
        return Prepared(completed, {**tables, "weights": weights, "bias": bias})

    def scores(self, batch: Batch) -> Tensor:
        """Logits, float[docs, classes]."""
        return logits(self.vocabulary.terms(batch, documents(batch)), self.weights, self.bias)

    def decode(self, batch: Batch, scores: Tensor) -> None:
        write(batch.docs, self.layer, self.labels, probabilities(scores, self.exclusive))

    def loss(self, batch: Batch) -> Tensor:
        """The mean over annotated documents."""
        rows, targets = gold(batch.docs, self.layer, self.labels, self.exclusive)
        scores = self.scores(batch)
        chosen = scores[torch.from_numpy(rows).to(scores.device)]
        return class_loss(chosen, torch.from_numpy(targets).to(scores.device), self.exclusive).sum() / max(len(rows), 1)
