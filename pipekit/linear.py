"""Linear models over weighted terms: logistic regression for one class of many, or for any number of them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pipekit.terms import Terms


def logits(terms: Terms, weights: Tensor, bias: Tensor) -> Tensor:
    """float[texts, classes] for weights float[terms, classes]."""
    device = weights.device
    ids, offsets, values = (torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in (terms.ids, terms.offsets, terms.values))
    if not len(terms.ids):
        return bias.expand(len(offsets) - 1, -1)
    found = functional.embedding_bag(
        ids, weights, offsets, mode="sum", per_sample_weights=values.to(weights.dtype), include_last_offset=True
    )
    return found + bias


def class_loss(scores: Tensor, gold: Tensor, exclusive: bool, class_weights: Tensor | None = None) -> Tensor:
    """The loss of each text, float[texts], for gold float[texts, classes] of ones and zeros: cross-entropy, or the sum of binary ones."""
    if exclusive:
        lost = -(functional.log_softmax(scores.float(), 1) * gold).sum(1)
        return lost if class_weights is None else lost * (gold @ class_weights)
    return functional.binary_cross_entropy_with_logits(scores.float(), gold, pos_weight=class_weights, reduction="none").sum(1)


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
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=steps, history_size=10, line_search_fn="strong_wolfe")
    targets, balanced = torch.from_numpy(gold), torch.from_numpy(class_weights)

    def closure() -> Tensor:
        optimizer.zero_grad()
        total = class_loss(logits(terms, weights, bias), targets, exclusive, balanced).sum() + weights.square().sum() / (2 * strength)
        (total / len(gold)).backward()  # type: ignore[no-untyped-call]
        return total.detach() / len(gold)

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return weights.detach().numpy(), bias.detach().numpy()
