"""The sentiment toward each entity, from the vectors of its tokens and of those around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn

from pipekit.components.classes.annotations import (
    check_classes,
    class_probabilities,
    entity_labels,
    entity_targets,
    grown_classes,
    write_entity_classes,
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
from pipekit.components.classes.pooling import pool_attention, pool_mean
from pipekit.components.classes.texts import (
    EntityRows,
    Surroundings,
    entity_rows,
    entity_texts,
    tokens_around,
)
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.errors import DataError
from pipekit.nn.context import Context
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Axes, EncoderRef, Head, Prepared, Tables
from pipekit.settings import Between, EvenWidth, HeadCount, LabelList, LabelName, Rate, Width
from pipekit.words.arrays import Ints, ranges

_FAR = 16  # tokens farther from an entity count as this far
_PIECES = (3, 4, 5)


class EntitySentiment(Head):
    """Writes the columns "sentiment.<class>" of a span layer: the probability of each class.

    `span.sentiment` reads them.

    The tokens of entities are marked, and the tokens of the batch are read once more. Then, after
    Tang et al. 2016 and Zeng et al. 2017 (T tokens, E entities, N tokens around entities, W width):

        hidden ── mean of the entity's tokens ── entity (E, W) ── query ─┐
        hidden ── tokens around ─┬─ seen (N, W) ─────────────────────────┴─ tanh ── key ─┐
        distance ── place ───────┘                                                       │
        distance ── far ─────────────────────────────────────────────────────────────────┴─ logits

        entity (E, W)
        seen, pooled by the logits (N, heads) ── (E, heads * W)     ── output (E, classes)
        mean of seen (E, W)

    A logistic regression over the words around an entity is fitted first, and the network learns
    what it leaves open: see `FittedTerms`. `terms = false` in a recipe leaves the network alone.

    Args:
        entities: the span layer.
        labels: the classes; `prepare` collects them.
        hidden: width of the narrow vectors, and of the output layer.
        context: width of an LSTM that reads the vectors of the tokens; 0 for none.
        heads: how many heads the attention has.
        window: how many tokens before and behind an entity are seen, within the sentence.
        class_weights: the weight of each class in the loss. In a recipe `balance` says how they
            are made: see `power` of `balanced_weights`; 0 for equal weights.
        penalty: of the squared logits of the network, see `network_penalty`.
    """

    inventory = "labels"
    recipe_keys = ("balance", "strength", "terms")

    class_weights: Tensor

    def __init__(
        self,
        encoder: EncoderRef,
        entities: LabelName = "ents",
        labels: LabelList = (),
        hidden: Width = 128,
        context: EvenWidth = 0,
        heads: HeadCount = 4,
        dropout: Rate = 0.4,
        window: Annotated[int, Between(0, 8_192)] = 40,
        class_weights: ClassWeights = (),
        penalty: Penalty = 0.0,
        tables: Tables | None = None,
    ) -> None:
        super().__init__(encoder)
        if len(labels) < 2:
            raise DataError(
                f"sentiment of {len(labels)} classes has nothing to choose from: "
                "train it, or give labels=[…]"
            )
        self.entities = entities
        self.labels = list(labels)
        self.window = window
        self.penalty = penalty
        self.requires: Sequence[str] = (entities,)
        self.assigns: Sequence[str] = (f"{entities}.sentiment",)
        self.context = Context(encoder.width, hidden, context, dropout)
        self.mark = nn.Embedding(2, hidden)
        width = self.context.width
        distances = 2 * _FAR + 1
        self.far = nn.Embedding(distances, heads)
        self.place = nn.Embedding(distances, width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, heads)
        self.output = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(width * (heads + 2), hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, len(labels)),
        )
        weights = class_weight_tensor(class_weights, labels)
        self.register_buffer("class_weights", weights, persistent=False)
        for embedding in (self.far, self.place, self.mark):
            nn.init.normal_(embedding.weight, std=0.1)
        self.terms: FittedTerms | None = None
        self.tables: Tables = {}
        if tables:
            self.terms = FittedTerms(tables, _PIECES, len(labels))
            self.tables = self.terms.tables

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        completed = dict(settings)
        power = completed.pop("balance", 1.0)
        strength = completed.pop("strength", 1.0)
        with_terms = completed.pop("terms", True)
        layer = settings.get("entities", "ents")
        labels = list(settings.get("labels") or cls.listed(settings, docs))
        completed["labels"] = check_classes(labels, f"sentiment toward {layer!r}")
        numbers, targets = entity_targets(docs, layer, labels)
        if power:
            completed["class_weights"] = class_weight_settings(targets, True, power)
        if not with_terms or not len(numbers):
            return Prepared(completed, {})
        completed.setdefault("penalty", network_penalty(len(numbers)))
        batch = Batch(docs)
        annotated = entity_rows(batch, layer).take(numbers)
        tables = fit_folds(
            batch,
            entity_texts(batch, annotated, settings.get("window", 40)),
            document_folds(docs)[annotated.doc],
            targets,
            _PIECES,
            exclusive=True,
            strength=strength,
            power=power,
        )
        return Prepared(completed, tables)

    @classmethod
    def listed(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> list[str]:
        """The classes of entities."""
        return entity_labels(docs, settings.get("entities", "ents"))

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
        return class_rows("output.4", self.labels, self.terms)

    def scores(self, batch: Batch) -> Tensor:
        """Logits, float32[entities of all documents, classes]."""
        entities = entity_rows(batch, self.entities)
        if not len(entities):
            return torch.zeros(0, len(self.labels), device=self.mark.weight.device)
        return self._with_terms(batch, entities, self._network(batch, entities))

    def _with_terms(
        self,
        batch: Batch,
        entities: EntityRows,
        network: Tensor,  # float32[entities, classes]
    ) -> Tensor:
        """Logits of the network and of the terms together, float32[entities, classes]."""
        if self.terms is None:
            return network
        texts = entity_texts(batch, entities, self.window)
        linear: Tensor = self.terms(batch, texts, entities.doc)
        return network + linear

    def _network(
        self,
        batch: Batch,
        entities: EntityRows,
    ) -> Tensor:
        """Logits of the network alone, float32[entities, classes]."""
        lengths = entities.end - entities.start
        rows = ranges(entities.start, lengths)
        around = tokens_around(batch, entities, self.window)
        hidden = self._read_tokens(batch, rows, around)  # (T, W)
        pooled = self._pool(entities, hidden, rows, around)
        logits: Tensor = self.output(pooled).float()
        return logits

    def _read_tokens(
        self,
        batch: Batch,
        rows: Ints,
        around: Surroundings,
    ) -> Tensor:
        """Hidden states of all tokens, float[T, W]; those of entities, `rows`, have a mark.

        Sentences that no entity sees are not read.
        """
        vectors = batch.vectors(self.encoder.name)
        is_entity = np.zeros(len(batch), dtype=np.int64)
        is_entity[rows] = 1
        needed = is_entity > 0
        needed[around.row] = True
        marks = self.mark(to_device(is_entity, vectors.device))
        hidden: Tensor = self.context(vectors, batch.sequences, marks, needed)
        return hidden

    def _pool(
        self,
        entities: EntityRows,
        hidden: Tensor,
        rows: Ints,
        around: Surroundings,
    ) -> Tensor:
        """Each entity and its surroundings, float[E, (heads + 2) * W]."""
        device = hidden.device
        size = len(entities)
        owner = to_device(around.owner, device)
        row = to_device(around.row, device)
        distance = to_device(around.distance, device).clamp(-_FAR, _FAR) + _FAR

        own_tokens = hidden[to_device(rows, device)]
        own_owners = np.repeat(np.arange(size), entities.end - entities.start)
        entity = pool_mean(own_tokens, to_device(own_owners, device), size)

        seen = hidden[row] + self.place(distance)  # (N, W)
        queries = self.query(entity)[owner]
        logits = self.key(torch.tanh(seen + queries)) + self.far(distance)
        pooled = (
            entity,
            pool_attention(seen, logits, owner, size),
            pool_mean(seen, owner, size),
        )
        return torch.cat(pooled, dim=1)

    def decode(
        self,
        batch: Batch,
        scores: Tensor,
    ) -> None:
        probabilities = class_probabilities(scores, exclusive=True)
        write_entity_classes(batch.docs, self.entities, self.labels, probabilities)

    def loss(self, batch: Batch) -> Tensor:
        """The mean over annotated entities."""
        numbers, targets = entity_targets(batch.docs, self.entities, self.labels)
        entities = entity_rows(batch, self.entities)
        network = self._network(batch, entities)
        logits = self._with_terms(batch, entities, network)
        annotated = to_device(numbers, logits.device)
        losses = class_loss(
            logits[annotated],
            to_device(targets, logits.device),
            exclusive=True,
            class_weights=self.class_weights,
        )
        penalties = self.penalty * network[annotated].square().sum(1)
        return (losses + penalties).sum() / max(len(numbers), 1)
