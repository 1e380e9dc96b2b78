"""Classes of documents from the vectors of an encoder: topics, emotions, or sentiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipekit.components.classes.annotations import (
    check_classes,
    class_probabilities,
    document_labels,
    document_targets,
    grown_classes,
    unfit_documents,
    write_document_classes,
)
from pipekit.components.classes.linear import (
    ClassWeights,
    FittedTerms,
    Penalty,
    class_loss,
    class_rows,
    class_weight_settings,
    class_weight_tensor,
    document_folds,
    fit_folds,
    network_penalty,
)
from pipekit.components.classes.pooling import pool_attention, pool_max, pool_mean
from pipekit.components.classes.texts import document_texts
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.errors import DataError
from pipekit.nn.context import Context
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Axes, EncoderRef, Head, PassedOver, Prepared, Tables
from pipekit.settings import EvenWidth, HeadCount, LabelList, LabelName, Rate, Threshold, Width

_PIECES = (2, 3, 4, 5)


class Classifier(Head):
    """Writes a layer of kind "doc": the probability of each class.

    The vectors of a document are pooled in three ways: by attention (Yang et al. 2016), as their
    mean, and as their maxima. The probabilities of a document that goes through in parts are the
    mean of those of its parts, weighted by their tokens.

    A logistic regression over words, pairs of words and pieces of words is fitted first, and the
    network learns what it leaves open: see `FittedTerms`. `terms = false` in a recipe leaves the
    network alone.

    Args:
        labels: the classes; `prepare` collects them.
        exclusive: whether a document has one class (softmax) or any number of them (a sigmoid for
            each).
        layer: what is written; `doc.sentiment` reads "sentiment", `doc.cats` reads "cats".
        hidden: width of the vectors that are pooled.
        heads: how many heads the attention has.
        context: width of an LSTM that reads the vectors before they are pooled; 0 for none.
        class_weights: the weight of each class in the loss. In a recipe `balance` says how they
            are made: see `power` of `balanced_weights`; 0 for equal weights.
        penalty: of the squared logits of the network, see `network_penalty`.
        threshold: of classes that exclude no other, the probability that becomes the score 0.5,
            from which a document has the class; see `class_probabilities`.
    """

    inventory = "labels"
    recipe_keys = ("balance", "strength", "terms")

    class_weights: Tensor

    def __init__(
        self,
        encoder: EncoderRef,
        labels: LabelList = (),
        exclusive: bool = True,
        layer: LabelName = "cats",
        hidden: Width = 128,
        heads: HeadCount = 4,
        dropout: Rate = 0.5,
        context: EvenWidth = 0,
        class_weights: ClassWeights = (),
        penalty: Penalty = 0.0,
        threshold: Threshold = 0.5,
        tables: Tables | None = None,
    ) -> None:
        super().__init__(encoder)
        if len(labels) < 2:
            raise DataError(
                f"a classifier of {len(labels)} classes has nothing to choose from: "
                "train it, or give labels=[…]"
            )
        self.labels = list(labels)
        self.exclusive = exclusive
        self.threshold = threshold
        self.layer = layer
        self.penalty = penalty
        self.assigns: Sequence[str] = (layer,)
        self.context = Context(encoder.width, hidden, context, dropout)
        width = self.context.width
        self.attention = nn.Linear(width, heads)
        self.output = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(width * (heads + 2), len(labels)),
        )
        self.terms: FittedTerms | None = None
        self.tables: Tables = {}
        if tables:
            self.terms = FittedTerms(tables, _PIECES, len(labels))
            self.tables = self.terms.tables
        weights = class_weight_tensor(class_weights, labels)
        self.register_buffer("class_weights", weights, persistent=False)

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        completed = dict(settings)
        power = completed.pop("balance", 1.0)
        strength = completed.pop("strength", 5.0)
        with_terms = completed.pop("terms", True)
        layer = settings.get("layer", "cats")
        exclusive = settings.get("exclusive", True)
        labels = list(settings.get("labels") or cls.listed(settings, docs))
        completed["labels"] = check_classes(labels, f"the layer {layer!r}")
        numbers, targets = document_targets(docs, layer, labels, exclusive)
        if power:
            completed["class_weights"] = class_weight_settings(targets, exclusive, power)
        if not with_terms or not len(numbers):
            return Prepared(completed, {})
        completed.setdefault("penalty", network_penalty(len(numbers)))
        batch = Batch([docs[number] for number in numbers.tolist()])
        tables = fit_folds(
            batch,
            document_texts(batch),
            document_folds(batch.docs),
            targets,
            _PIECES,
            exclusive=exclusive,
            strength=strength,
            power=1.0,
        )
        return Prepared(completed, tables)

    @classmethod
    def listed(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> list[str]:
        """The classes of documents."""
        return document_labels(docs, settings.get("layer", "cats"))

    @classmethod
    def grow(
        cls,
        prepared: Prepared,
        new: Sequence[str],
        docs: Sequence[Doc],
    ) -> Prepared:
        return grown_classes(prepared, new)

    def rows(self) -> dict[str, Axes]:
        """Rows of classes."""
        return class_rows("output.1", self.labels, self.terms)

    def scores(self, batch: Batch) -> Tensor:
        """Logits, float32[docs, classes]."""
        return self._with_terms(batch, self._network(batch))

    def _with_terms(
        self,
        batch: Batch,
        network: Tensor,  # float32[docs, classes]
    ) -> Tensor:
        """Logits of the network and of the terms together, float32[docs, classes]."""
        if self.terms is None:
            return network
        linear: Tensor = self.terms(batch, document_texts(batch), np.arange(len(batch.docs)))
        return network + linear

    def _network(self, batch: Batch) -> Tensor:
        """Logits of the network alone, float32[docs, classes]."""
        vectors = batch.vectors(self.encoder.name)
        hidden = self.context(vectors, batch.sequences)  # (T, width)
        documents = len(batch.docs)
        lengths = np.diff(batch.offsets)
        of_tokens = np.repeat(np.arange(documents), lengths)  # the document of each token
        owners = to_device(of_tokens, hidden.device)
        pooled = (
            pool_attention(hidden, self.attention(hidden), owners, documents),
            pool_mean(hidden, owners, documents),
            pool_max(hidden, owners, documents),
        )
        logits: Tensor = self.output(torch.cat(pooled, dim=1)).float()
        return logits

    def decode(
        self,
        batch: Batch,
        scores: Tensor,
    ) -> None:
        probabilities = class_probabilities(scores, self.exclusive, self.threshold)
        write_document_classes(batch.docs, self.layer, self.labels, probabilities)

    def passed_over(self, batch: Batch) -> PassedOver:
        """Documents with classes that do not fit."""
        return unfit_documents(batch.docs, self.layer, self.labels, self.exclusive)

    def loss(self, batch: Batch) -> Tensor:
        """The mean over annotated documents."""
        numbers, targets = document_targets(batch.docs, self.layer, self.labels, self.exclusive)
        network = self._network(batch)
        logits = self._with_terms(batch, network)
        annotated = to_device(numbers, logits.device)
        losses = class_loss(
            logits[annotated],
            to_device(targets, logits.device),
            self.exclusive,
            self.class_weights,
        )
        penalties = self.penalty * network[annotated].square().sum(1)
        return (losses + penalties).sum() / max(len(numbers), 1)
