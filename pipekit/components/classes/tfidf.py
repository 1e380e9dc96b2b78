"""Classes of documents from their words alone: TF-IDF and logistic regression, the classical baseline. It reads no encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pipekit.components.classes.classes import (
    entity_gold,
    entity_labels,
    gold,
    labels_of,
    probabilities,
    write,
    write_entities,
)
from pipekit.components.classes.linear import balance, class_loss, fit, logits
from pipekit.components.classes.terms import (
    TermTokens,
    Vocabulary,
    documents,
    learn_vocabulary,
    targets,
    views,
)
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.errors import DataError
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Head, Prepared, Tables
from pipekit.words.arrays import Floats, Ints

_VOCABULARY = ("hashes", "idf", "piece")
WINDOW = 40  # tokens on either side of an entity


class Tfidf(Head):
    """Writes a layer of kind "doc", the probability of each class, or with `entities` the columns "sentiment.<class>" of a span layer.

    `prepare` fits the weights to the training documents by L-BFGS; a recipe says epochs = 1 and learning_rate = 0, since there is nothing
    left to learn.

    Args:
        labels: the classes; `prepare` collects them.
        exclusive: whether a document has one class or any number of them.
        layer: what is written, such as "cats" or "sentiment".
        entities: the span layer toward whose spans the sentiment is judged, by the words around each.
        pieces: lengths of the pieces of words that are terms beside words and pairs of words; none for words alone.

    In a recipe also `strength` (the inverse of the regularisation, C), `min_count` (of documents that have a term) and `balance` (the power
    of the inverse frequency that weighs a class).
    """

    def __init__(
        self,
        labels: Sequence[str] = (),
        exclusive: bool = True,
        layer: str = "cats",
        entities: str = "",
        pieces: Sequence[int] = (2, 3, 4, 5),
        tables: Tables | None = None,
    ) -> None:
        super().__init__()
        if len(labels) < 2 or not tables:
            raise DataError(
                "a TF-IDF classifier has its terms and classes from training documents: train it by a recipe"
            )
        self.labels, self.exclusive, self.layer = list(labels), exclusive, layer
        self.entities = entities
        self.requires: Sequence[str] = (entities,) if entities else ()
        self.assigns: Sequence[str] = (f"{entities}.sentiment" if entities else layer,)
        self.tables: Tables = {name: tables[name] for name in _VOCABULARY}
        self.vocabulary = Vocabulary(self.tables, tuple(pieces))
        size = (len(self.vocabulary), len(self.labels))
        self.weights = nn.Parameter(
            torch.from_numpy(tables["weights"].copy()) if "weights" in tables else torch.zeros(size)
        )
        self.bias = nn.Parameter(
            torch.from_numpy(tables["bias"].copy()) if "bias" in tables else torch.zeros(size[1])
        )

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        completed = dict(settings)
        strength, power, least = (
            completed.pop(key, default)
            for key, default in (("strength", 5.0), ("balance", 1.0), ("min_count", 2))
        )
        layer, entities, exclusive = (
            settings.get("layer", "cats"),
            settings.get("entities", ""),
            settings.get("exclusive", True),
        )
        found = entity_labels(docs, entities) if entities and not settings.get("labels") else None
        completed["labels"] = list(settings.get("labels") or found or labels_of(docs, layer))
        rows, wanted = (
            entity_gold(docs, entities, completed["labels"])
            if entities
            else gold(docs, layer, completed["labels"], exclusive)
        )
        batch, pieces = (
            Batch(docs if entities else [docs[row] for row in rows.tolist()]),
            tuple(settings.get("pieces", (2, 3, 4, 5))),
        )
        tokens = (
            views(batch, targets(batch, entities).take(rows), WINDOW)
            if entities
            else documents(batch)
        )
        tables = learn_vocabulary(batch, tokens, pieces, least)
        terms = Vocabulary(tables, pieces).terms(batch, tokens)
        weighing = balance(wanted, exclusive, power)
        weights, bias = fit(
            terms,
            wanted,
            len(tables["hashes"]),
            exclusive=exclusive,
            strength=strength,
            class_weights=weighing,
        )
        return Prepared(completed, {**tables, "weights": weights, "bias": bias})

    def scores(self, batch: Batch) -> Tensor:
        """Logits, float[docs or entities, classes]."""
        return logits(self.vocabulary.terms(batch, self._texts(batch)), self.weights, self.bias)

    def _texts(self, batch: Batch) -> TermTokens:
        return (
            views(batch, targets(batch, self.entities), WINDOW)
            if self.entities
            else documents(batch)
        )

    def _gold(self, batch: Batch) -> tuple[Ints, Floats]:
        if self.entities:
            return entity_gold(batch.docs, self.entities, self.labels)
        return gold(batch.docs, self.layer, self.labels, self.exclusive)

    def decode(self, batch: Batch, scores: Tensor) -> None:
        found = probabilities(scores, self.exclusive)
        if self.entities:
            write_entities(batch.docs, self.entities, self.labels, found)
        else:
            write(batch.docs, self.layer, self.labels, found)

    def loss(self, batch: Batch) -> Tensor:
        """The mean over annotated documents or entities."""
        rows, wanted = self._gold(batch)
        scores = self.scores(batch)
        chosen = scores[to_device(rows, scores.device)]
        return class_loss(chosen, to_device(wanted, scores.device), self.exclusive).sum() / max(
            len(rows), 1
        )
