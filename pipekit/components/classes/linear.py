"""Linear models over weighted terms: logistic regression for one class of many, or for any number of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipekit.components.classes.terms import Terms, TermTokens, Vocabulary, learn_vocabulary
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.parts.batch import Batch
from pipekit.words.arrays import Ints

FOLDS = 5
KEPT = ("hashes", "idf", "piece")  # the tables that are saved; the weights are in the state dict


def logits(terms: Terms, weights: Tensor, bias: Tensor) -> Tensor:
    """float[texts, classes] for weights float[terms, classes]."""
    device = weights.device
    ids, offsets, values = (
        to_device(np.ascontiguousarray(array), device)
        for array in (terms.ids, terms.offsets, terms.values)
    )
    if not len(terms.ids):
        return bias.expand(len(offsets) - 1, -1)
    found = functional.embedding_bag(
        ids,
        weights,
        offsets,
        mode="sum",
        per_sample_weights=values.to(weights.dtype),
        include_last_offset=True,
    )
    return found + bias


def class_loss(
    scores: Tensor, gold: Tensor, exclusive: bool, class_weights: Tensor | None = None
) -> Tensor:
    """The loss of each text, float[texts], for gold float[texts, classes] of ones and zeros: cross-entropy, or the sum of binary ones."""
    if exclusive:
        lost = -(functional.log_softmax(scores.float(), 1) * gold).sum(1)
        return lost if class_weights is None else lost * (gold @ class_weights)
    return functional.binary_cross_entropy_with_logits(
        scores.float(), gold, pos_weight=class_weights, reduction="none"
    ).sum(1)


def balance(gold: NDArray[np.float32], exclusive: bool, power: float) -> NDArray[np.float32]:
    """A weight for each class, (texts / (classes × those of the class)) ** power; of classes that do not exclude each other one for what
    has the class, (those without / those with) ** power.
    """
    having = np.maximum(gold.sum(0), 1)
    ratio = len(gold) / (gold.shape[1] * having) if exclusive else (len(gold) - having + 1) / having
    return np.asarray(ratio**power, dtype=np.float32)


def fit(
    terms: Terms,
    gold: NDArray[np.float32],
    size: int,
    *,
    exclusive: bool,
    strength: float,
    class_weights: NDArray[np.float32],
    steps: int = 100,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights float32[size, classes] and bias that make ``strength * loss + ½ |weights|²`` least, by L-BFGS (Liu and Nocedal 1989)."""
    weights = torch.zeros(size, gold.shape[1], requires_grad=True)
    bias = torch.zeros(gold.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weights, bias], max_iter=steps, history_size=10, line_search_fn="strong_wolfe"
    )
    targets, balanced = torch.from_numpy(gold), torch.from_numpy(class_weights)

    def closure() -> Tensor:
        optimizer.zero_grad()
        total = class_loss(
            logits(terms, weights, bias), targets, exclusive, balanced
        ).sum() + weights.square().sum() / (2 * strength)
        (total / len(gold)).backward()  # type: ignore[no-untyped-call]
        return total.detach() / len(gold)

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return weights.detach().numpy(), bias.detach().numpy()


class FittedTerms(nn.Module):
    """Logistic regression over terms, fitted beforehand, as the first word that a network adds its own to (Cheng et al. 2016).

    In training a text is judged by weights that were fitted without it, so that the network learns what they leave open in texts that they
    have not seen (Wolpert 1992); afterwards by weights that were fitted to all.

    Args:
        tables: what `fit_folds` gives, or no more than those of a vocabulary.
    """

    weights: Tensor
    bias: Tensor

    fold_weights: Tensor | None
    fold_bias: Tensor

    def __init__(
        self, tables: dict[str, NDArray[Any]], pieces: Sequence[int], classes: int
    ) -> None:
        super().__init__()
        self.tables = {name: tables[name] for name in KEPT}
        self.vocabulary = Vocabulary(self.tables, tuple(pieces))
        self.classes = classes
        zeros = np.zeros((len(self.vocabulary), classes), np.float32), np.zeros(classes, np.float32)
        for name, array in zip(("weights", "bias"), zeros, strict=True):
            self.register_buffer(name, torch.from_numpy(tables.get(name, array).copy()))
            fold = tables.get(f"fold_{name}")
            self.register_buffer(
                f"fold_{name}", None if fold is None else torch.from_numpy(fold), persistent=False
            )
        self.trust = nn.Parameter(torch.ones(()))

    def forward(self, batch: Batch, tokens: TermTokens, owner: Ints) -> Tensor:
        """Logits float[texts, classes]; text t belongs to the document `owner[t]` of the batch."""
        terms = self.vocabulary.terms(batch, tokens)
        if not self.training or self.fold_weights is None:
            return self.trust * logits(terms, self.weights, self.bias)
        every = logits(terms, self.fold_weights, self.fold_bias).reshape(
            tokens.texts, FOLDS, self.classes
        )
        own = to_device(folds(batch.docs)[owner], every.device)
        return self.trust * every[torch.arange(tokens.texts, device=every.device), own]


def folds(docs: Sequence[Doc]) -> Ints:
    """A part of the data for each document, by its text: equal texts are never on both sides."""
    return np.array(
        [crc32(doc.text.lower().encode("utf-8", "surrogatepass")) % FOLDS for doc in docs], np.int64
    )


def fit_folds(
    batch: Batch,
    tokens: TermTokens,
    fold: Ints,
    gold: NDArray[np.float32],
    pieces: Sequence[int],
    *,
    exclusive: bool,
    strength: float,
    power: float,
) -> dict[str, NDArray[Any]]:
    """Tables of `FittedTerms`: terms that two texts have, weights for all texts, and for each fold those of all other folds."""
    tables: dict[str, NDArray[Any]] = dict(learn_vocabulary(batch, tokens, tuple(pieces), 2))
    terms = Vocabulary(tables, tuple(pieces)).terms(batch, tokens)
    size = len(tables["hashes"])
    fitted = []
    for left_out in (-1, *range(FOLDS)):
        rows = np.flatnonzero(fold != left_out)
        weighing = balance(gold[rows], exclusive, power)
        fitted.append(
            fit(
                terms.take(rows),
                gold[rows],
                size,
                exclusive=exclusive,
                strength=strength,
                class_weights=weighing,
            )
        )
    (weights, bias), *others = fitted
    parts = (np.concatenate(part, axis=-1) for part in zip(*others, strict=True))
    return {
        **tables,
        "weights": weights,
        "bias": bias,
        **dict(zip(("fold_weights", "fold_bias"), parts, strict=True)),
    }
