"""Classes of documents: layers of kind "doc" with one row and a column of floats for each class, read and written; and pooling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pipekit.doc import Doc
from pipekit.doc.layer import Layer
from pipekit.doc.views import SENTIMENT_OF
from pipekit.errors import DataError
from pipekit.words.arrays import Floats, Ints


def labels_of(docs: Sequence[Doc], layer: str) -> list[str]:
    """The classes that the documents name. Errors: `DataError` where there are not two at least."""
    found = sorted({name for doc in docs if layer in doc.layers for name in doc.layers[layer]})
    if len(found) < 2:
        raise DataError(
            f"the training documents name {len(found)} classes in the layer {layer!r}: a classifier needs two at least"
        )
    return found


def gold(
    docs: Sequence[Doc], layer: str, labels: Sequence[str], exclusive: bool
) -> tuple[Ints, Floats]:
    """Which documents are annotated, int64[annotated], and ones for their classes, float32[annotated, classes].

    One class at least must be there where classes exclude each other; where they do not, none is an answer too.
    """
    rows, values = [], []
    for row, doc in enumerate(docs):
        found = doc.layers.get(layer)
        if found is None or not found.size or not list(found):
            continue
        one = [float(label in found and (found[label][0] or 0) > 0.5) for label in labels]
        if not exclusive or sum(one) == 1:
            rows.append(row)
            values.append(one)
    return np.array(rows, np.int64), np.array(values, np.float32).reshape(-1, len(labels))


def write(docs: Sequence[Doc], layer: str, labels: Sequence[str], probabilities: Floats) -> None:
    """The probabilities float32[docs, classes] as a layer of each document; of one without words, nothing can be said: it has no row."""
    for doc, row in zip(docs, probabilities, strict=True):
        said = row[None] if doc.text.strip() else row[None][:0]
        written = doc.add_layer(layer, "doc", len(said))
        for column, label in enumerate(labels):
            written.set(label, said[:, column])


def entity_labels(docs: Sequence[Doc], entities: str) -> list[str]:
    """The classes of the sentiment toward the spans of a layer. Errors: `DataError` where there are not two at least."""
    columns = {
        column
        for doc in docs
        if entities in doc.layers
        for column in doc.layers[entities]
        if column.startswith(SENTIMENT_OF)
    }
    if len(columns) < 2:
        raise DataError(
            f"the training documents name {len(columns)} classes of sentiment toward {entities!r}: two are needed at least"
        )
    return sorted(column.removeprefix(SENTIMENT_OF) for column in columns)


def entity_gold(docs: Sequence[Doc], entities: str, labels: Sequence[str]) -> tuple[Ints, Floats]:
    """Which spans of all documents are annotated, int64[annotated], and ones for their classes, float32[annotated, classes]."""
    parts = [np.zeros((0, len(labels)), np.float32)]
    for layer in (doc.layers.get(entities, Layer("span", 0)) for doc in docs):
        columns = [layer.get(SENTIMENT_OF + label) for label in labels]
        values = [
            np.full(layer.size, np.nan) if column is None else column.values for column in columns
        ]
        parts.append((np.stack(values, axis=1) > 0.5).astype(np.float32))
    targets = np.concatenate(parts)
    rows = np.flatnonzero(targets.sum(1) == 1)
    return rows, targets[rows]


def write_entities(
    docs: Sequence[Doc], entities: str, labels: Sequence[str], probabilities: Floats
) -> None:
    """The probabilities float32[spans of all documents, classes] as columns of the spans."""
    done = 0
    for layer in (doc.layers[entities] for doc in docs):
        for column, label in enumerate(labels):
            layer.set(SENTIMENT_OF + label, probabilities[done : done + layer.size, column])
        done += layer.size


def probabilities(scores: Tensor, exclusive: bool) -> Floats:
    """Softmax of exclusive classes, sigmoid of others, in float32."""
    found = torch.softmax(scores.float(), 1) if exclusive else torch.sigmoid(scores.float())
    answer: Floats = found.detach().cpu().numpy()
    return answer


def attend(values: Tensor, logits: Tensor, owners: Tensor, size: int) -> Tensor:
    """Rows float[rows, width] pooled by their owners, each head by the softmax of its logits float[rows, heads] over the rows of an owner.

    float[size, heads * width]; zeros for an owner without rows.
    """
    logits = logits.float()
    spread = owners[:, None].expand_as(logits)
    top = logits.new_full((size, logits.shape[1]), -1e4).scatter_reduce(
        0, spread, logits.detach(), "amax"
    )
    powers = (logits - top[owners]).exp()
    total = powers.new_zeros(size, logits.shape[1]).index_add(0, owners, powers)
    shares = powers / total[owners]
    weighted = (shares[:, :, None] * values.float()[:, None, :]).flatten(1)
    return weighted.new_zeros(size, weighted.shape[1]).index_add(0, owners, weighted)


def mean(values: Tensor, owners: Tensor, size: int) -> Tensor:
    """The mean of the rows of each owner, float[size, width]; zeros for an owner without rows."""
    return attend(values, values.new_zeros(len(values), 1), owners, size)


def largest(values: Tensor, owners: Tensor, size: int) -> Tensor:
    """The largest value of each column among the rows of each owner, float[size, width]; zeros for an owner without rows."""
    values = values.float()
    return values.new_zeros(size, values.shape[1]).scatter_reduce(
        0, owners[:, None].expand_as(values), values, "amax", include_self=False
    )
