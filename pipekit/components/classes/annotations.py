"""Classes as documents hold them: their labels, gold classes as targets, probabilities written.

Classes of a document are a layer of kind "doc" with one row and a column of floats for each class.
Classes of the sentiment toward entities are columns "sentiment.<class>" of the span layer.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pipekit.doc import Doc
from pipekit.doc.layer import Layer
from pipekit.doc.values import SENTIMENT_OF
from pipekit.errors import DataError, PipekitWarning
from pipekit.parts.contracts import PassedOver, Prepared
from pipekit.words.arrays import Floats, Ints

_SHOWN = 5  # labels that a message lists


def document_labels(
    docs: Sequence[Doc],
    layer: str,
) -> list[str]:
    """The classes in a layer of the documents, sorted."""
    names: set[str] = set()
    for doc in docs:
        if layer in doc.layers:
            names.update(doc.layers[layer])
    return sorted(names)


def check_classes(
    labels: Sequence[str],
    what: str,
) -> list[str]:
    """Classes to choose from. Numbers for classes are told in a warning, see `warn_of_numbers`.

    Errors: `DataError` naming what has less than two.
    """
    if len(labels) < 2:
        raise DataError(
            f"the training documents name {len(labels)} classes of {what}: two are needed at least"
        )
    warn_of_numbers(labels, what)
    return list(labels)


def warn_of_numbers(
    labels: Sequence[str],
    what: str,
) -> None:
    """Warn that a regression was meant, where more than two labels, and most of all, are numbers.

    Two numbers, such as 0 and 1, are names of classes.
    """
    numbers = [label for label in labels if _is_number(label)]
    if len(numbers) <= max(2, len(labels) / 2):
        return
    shown = ", ".join(numbers[:_SHOWN])
    more = ", …" if len(numbers) > _SHOWN else ""
    warnings.warn(
        f"{len(numbers)} of {len(labels)} classes of {what} are numbers: {shown}{more}. A "
        "classifier knows no order and no distance between them, each is a class of its own. "
        "Quantities need a regression, which pipekit does not have: cut them into a few named "
        'ranges. If they are classes, name them: classes = { "1" = "bad", … } of the corpus',
        PipekitWarning,
        stacklevel=2,
    )


def _is_number(label: str) -> bool:
    try:
        return math.isfinite(float(label.replace(",", ".")))
    except ValueError:
        return False


def grown_classes(
    prepared: Prepared,
    new: Sequence[str],
) -> Prepared:
    """The settings of a classifier with more classes; new ones weigh 1 in the loss.

    Its terms know nothing of new classes, so the network learns them without a penalty.
    """
    settings = dict(prepared.settings)
    settings["labels"] = [*settings["labels"], *new]
    settings.pop("penalty", None)
    warn_of_numbers(settings["labels"], "the documents")
    if settings.get("class_weights"):
        settings["class_weights"] = [*settings["class_weights"], *[1.0] * len(new)]
    return prepared._replace(settings=settings)


def document_targets(
    docs: Sequence[Doc],
    layer: str,
    labels: Sequence[str],
    exclusive: bool,
) -> tuple[Ints, Floats]:
    """Which documents are annotated, and their classes.

    An annotated document has the layer. It has exactly one class where classes exclude each other;
    where they do not, it may have none.

    Returns:
        numbers: of the annotated documents, int64[annotated].
        targets: 1 for each class of a document, 0 for the others, float32[annotated, classes].
    """
    numbers = []
    targets = []
    for number, doc in enumerate(docs):
        classes = doc.layers.get(layer)
        if classes is None or not classes.size or not classes.width:
            continue
        row = [float(_has_class(classes, label)) for label in labels]
        if exclusive and sum(row) != 1:
            continue
        numbers.append(number)
        targets.append(row)
    table = np.array(targets, dtype=np.float32)
    return np.array(numbers, dtype=np.int64), table.reshape(-1, len(labels))


def unfit_documents(
    docs: Sequence[Doc],
    layer: str,
    labels: Sequence[str],
    exclusive: bool,
) -> PassedOver:
    """The annotated documents that `document_targets` leaves out, see `Head.passed_over`."""
    numbers, _ = document_targets(docs, layer, labels, exclusive)
    annotated = [number for number, doc in enumerate(docs) if layer in doc.layers]
    left_out = sorted(set(annotated) - set(numbers.tolist()))
    return {f"documents have no class of {layer}, or several": left_out}


def _has_class(
    classes: Layer,
    label: str,
) -> bool:
    if label not in classes:
        return False
    probability = classes[label][0]
    return (probability or 0) > 0.5


def write_document_classes(
    docs: Sequence[Doc],
    layer: str,
    labels: Sequence[str],
    probabilities: Floats,
) -> None:
    """Write probabilities float32[docs, classes] as a layer of each document.

    The layer of a document without words has no row.
    """
    for doc, row in zip(docs, probabilities, strict=True):
        rows = row[None]  # (1, classes)
        if not doc.text.strip():
            rows = rows[:0]
        classes = doc.add_layer(layer, "doc", len(rows))
        for column, label in enumerate(labels):
            classes.set(label, rows[:, column])


def entity_labels(
    docs: Sequence[Doc],
    entities: str,
) -> list[str]:
    """The classes of the sentiment toward the spans of a layer, sorted."""
    names: set[str] = set()
    for doc in docs:
        for column in doc.layers.get(entities, ()):
            if column.startswith(SENTIMENT_OF):
                names.add(column.removeprefix(SENTIMENT_OF))
    return sorted(names)


def entity_targets(
    docs: Sequence[Doc],
    entities: str,
    labels: Sequence[str],
) -> tuple[Ints, Floats]:
    """Which spans are annotated, and their classes. An annotated span has exactly one class.

    Returns:
        numbers: of the annotated spans among the spans of all documents, int64[annotated].
        targets: 1 for the class of a span, 0 for the others, float32[annotated, classes].
    """
    parts = [np.zeros((0, len(labels)), dtype=np.float32)]
    for doc in docs:
        if entities in doc.layers:
            parts.append(_span_targets(doc.layers[entities], labels))
    targets = np.concatenate(parts)
    numbers = np.flatnonzero(targets.sum(axis=1) == 1)
    return numbers, targets[numbers]


def _span_targets(
    spans: Layer,
    labels: Sequence[str],
) -> Floats:
    """The classes of each span of a layer, float32[spans, classes]; an unset column has none."""
    targets = np.zeros((spans.size, len(labels)), dtype=np.float32)
    for number, label in enumerate(labels):
        column = spans.get(SENTIMENT_OF + label)
        if column is not None:
            targets[:, number] = column.values > 0.5
    return targets


def write_entity_classes(
    docs: Sequence[Doc],
    entities: str,
    labels: Sequence[str],
    probabilities: Floats,
) -> None:
    """Write probabilities float32[spans of all documents, classes] as columns of the spans."""
    start = 0
    for doc in docs:
        spans = doc.layers[entities]
        end = start + spans.size
        for column, label in enumerate(labels):
            spans.set(SENTIMENT_OF + label, probabilities[start:end, column])
        start = end


def class_probabilities(
    logits: Tensor,
    exclusive: bool,
    threshold: float = 0.5,
) -> Floats:
    """Softmax of logits [rows, classes] of exclusive classes, sigmoid of others, in float32.

    Args:
        threshold: the probability, among classes that exclude no other, which becomes the score
            0.5. That is the shift of a logistic regression to other base rates (Elkan 2001).
    """
    logits = logits.detach().float()
    if not exclusive:
        logits = logits - math.log(threshold / (1 - threshold))
    if exclusive:
        probabilities = torch.softmax(logits, dim=1)
    else:
        probabilities = torch.sigmoid(logits)
    array: Floats = probabilities.cpu().numpy()
    return array
