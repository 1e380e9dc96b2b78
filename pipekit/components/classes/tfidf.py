"""Classes of documents from their words alone: TF-IDF and logistic regression.

It is the classical baseline, and reads no encoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn

from pipekit.components.classes.annotations import (
    check_classes,
    class_probabilities,
    document_labels,
    document_targets,
    entity_labels,
    entity_targets,
    unfit_documents,
    write_document_classes,
    write_entity_classes,
)
from pipekit.components.classes.linear import class_loss, fit_weights, term_logits
from pipekit.components.classes.terms import (
    FITTED_TABLES,
    VOCABULARY_TABLES,
    PieceLengths,
    TermTokens,
    Vocabulary,
    learn_vocabulary,
)
from pipekit.components.classes.texts import document_texts, entity_rows, entity_texts
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.errors import DataError
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Axes, Head, PassedOver, Prepared, Tables
from pipekit.settings import LabelList, LabelName, Length, Threshold
from pipekit.tables import check_tables
from pipekit.words.arrays import Floats, Ints

WINDOW = 40  # tokens on either side of an entity
_PIECES = (2, 3, 4, 5)


class Tfidf(Head):
    """Writes the probability of each class as a layer of kind "doc".

    With `entities` it writes the sentiment toward the spans of a layer instead, as their columns
    "sentiment.<class>".

    `prepare` fits the weights to the training documents by L-BFGS. A recipe says epochs = 1 and
    learning_rate = 0, since nothing is left to learn. One that comes from a saved pipeline is not
    fitted again: it keeps its terms, and learns step by step, at a rate such as 0.05.

    Args:
        labels: the classes; `prepare` collects them.
        exclusive: whether a document has one class or any number of them.
        layer: what is written, such as "cats" or "sentiment".
        entities: the span layer of the entities, which are judged by the words around them.
        pieces: lengths of the pieces of words that are terms, beside words and pairs of words; none
            for words alone.
        threshold: of classes that exclude no other, the probability that becomes the score 0.5.

    Settings of a recipe alone:
        strength: the inverse of the regularisation, C.
        min_count: in how many documents a term must be.
        balance: how much rare classes count, see `power` of `balanced_weights`.
    """

    inventory = "labels"
    recipe_keys = ("balance", "min_count", "strength")

    def __init__(
        self,
        labels: LabelList = (),
        exclusive: bool = True,
        layer: LabelName = "cats",
        entities: Annotated[str, Length(0, 256)] = "",
        pieces: PieceLengths = _PIECES,
        threshold: Threshold = 0.5,
        tables: Tables | None = None,
    ) -> None:
        super().__init__()
        if len(labels) < 2 or not tables:
            raise DataError(
                "a TF-IDF classifier has its terms and classes from training documents: "
                "train it by a recipe"
            )
        self.labels = list(labels)
        self.exclusive = exclusive
        self.threshold = threshold
        self.layer = layer
        self.entities = entities
        self.requires: Sequence[str] = ()
        self.assigns: Sequence[str] = (layer,)
        if entities:
            self.requires = (entities,)
            self.assigns = (f"{entities}.sentiment",)
        check_tables(tables, FITTED_TABLES, "a TF-IDF classifier", classes=len(labels))
        self.tables: Tables = {name: tables[name] for name in VOCABULARY_TABLES}
        self.vocabulary = Vocabulary(self.tables, tuple(pieces))
        # Tables of a saved pipeline have no weights: they come from its state dict.
        weights = np.zeros((len(self.vocabulary), len(labels)), dtype=np.float32)
        bias = np.zeros(len(labels), dtype=np.float32)
        weights = tables.get("weights", weights).copy()
        bias = tables.get("bias", bias).copy()
        self.weights = nn.Parameter(torch.from_numpy(weights))
        self.bias = nn.Parameter(torch.from_numpy(bias))

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        completed = dict(settings)
        strength = completed.pop("strength", 5.0)
        power = completed.pop("balance", 1.0)
        min_count = completed.pop("min_count", 2)
        layer = settings.get("layer", "cats")
        entities = settings.get("entities", "")
        exclusive = settings.get("exclusive", True)
        pieces = tuple(settings.get("pieces", _PIECES))

        labels = list(settings.get("labels") or cls.listed(settings, docs))
        if entities:
            completed["labels"] = check_classes(labels, f"sentiment toward {entities!r}")
            numbers, targets = entity_targets(docs, entities, labels)
            batch = Batch(docs)
            annotated = entity_rows(batch, entities).take(numbers)
            texts = entity_texts(batch, annotated, WINDOW)
        else:
            completed["labels"] = check_classes(labels, f"the layer {layer!r}")
            numbers, targets = document_targets(docs, layer, labels, exclusive)
            batch = Batch([docs[number] for number in numbers.tolist()])
            texts = document_texts(batch)
        tables = learn_vocabulary(batch, texts, pieces, min_count)
        fit = fit_weights(
            Vocabulary(tables, pieces).terms(batch, texts),
            targets,
            len(tables["hashes"]),
            exclusive=exclusive,
            strength=strength,
            power=power,
        )
        return Prepared(completed, {**tables, "weights": fit.weights, "bias": fit.bias})

    @classmethod
    def listed(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> list[str]:
        """The classes of documents or of entities."""
        if settings.get("entities"):
            return entity_labels(docs, settings["entities"])
        return document_labels(docs, settings.get("layer", "cats"))

    def rows(self) -> dict[str, Axes]:
        """Rows of classes."""
        return {"weights": (None, self.labels), "bias": (self.labels,)}

    def scores(self, batch: Batch) -> Tensor:
        """Logits, float[docs or entities, classes]."""
        terms = self.vocabulary.terms(batch, self._texts(batch))
        return term_logits(terms, self.weights, self.bias)

    def _texts(self, batch: Batch) -> TermTokens:
        if not self.entities:
            return document_texts(batch)
        entities = entity_rows(batch, self.entities)
        return entity_texts(batch, entities, WINDOW)

    def _targets(self, batch: Batch) -> tuple[Ints, Floats]:
        if self.entities:
            return entity_targets(batch.docs, self.entities, self.labels)
        return document_targets(batch.docs, self.layer, self.labels, self.exclusive)

    def decode(
        self,
        batch: Batch,
        scores: Tensor,
    ) -> None:
        probabilities = class_probabilities(scores, self.exclusive, self.threshold)
        if self.entities:
            write_entity_classes(batch.docs, self.entities, self.labels, probabilities)
        else:
            write_document_classes(batch.docs, self.layer, self.labels, probabilities)

    def passed_over(self, batch: Batch) -> PassedOver:
        """Documents with classes that do not fit."""
        if self.entities:
            return {}
        return unfit_documents(batch.docs, self.layer, self.labels, self.exclusive)

    def loss(self, batch: Batch) -> Tensor:
        """The mean over annotated documents or entities."""
        numbers, targets = self._targets(batch)
        logits = self.scores(batch)
        losses = class_loss(
            logits[to_device(numbers, logits.device)],
            to_device(targets, logits.device),
            self.exclusive,
        )
        return losses.sum() / max(len(numbers), 1)
