"""Linear models over weighted terms: logistic regression for exclusive or independent classes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Annotated, NamedTuple
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipekit.components.classes.terms import (
    FITTED_TABLES,
    VOCABULARY_TABLES,
    Terms,
    TermTokens,
    Vocabulary,
    learn_vocabulary,
)
from pipekit.devices.placement import to_device
from pipekit.doc import Doc
from pipekit.errors import ConfigError
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Axes, RowNames, Tables
from pipekit.settings import Between, Length
from pipekit.tables import check_tables
from pipekit.words.arrays import Floats, Ints, offsets

FOLDS = 5
_PENALTY = 400.0  # of the squared logits of a network, over all texts
_MOST_PENALTY = 0.5  # for each text
_MIN_COUNT = 2  # texts that have a term of `FittedTerms`


def term_logits(
    terms: Terms,
    weights: Tensor,  # float[vocabulary, classes]
    bias: Tensor,  # float[classes]
) -> Tensor:
    """Logits float[texts, classes]."""
    device = weights.device
    ids = to_device(np.ascontiguousarray(terms.ids), device)
    borders = to_device(np.ascontiguousarray(terms.offsets), device)
    values = to_device(np.ascontiguousarray(terms.values), device)
    if not len(ids):
        return bias.expand(len(borders) - 1, -1)
    sums = functional.embedding_bag(
        ids,
        weights,
        borders,
        mode="sum",
        per_sample_weights=values.to(weights.dtype),
        include_last_offset=True,
    )
    return sums + bias


def class_loss(
    logits: Tensor,  # float[texts, classes]
    targets: Tensor,  # ones and zeros, float[texts, classes]
    exclusive: bool,
    class_weights: Tensor | None = None,  # see `balanced_weights`, float[classes]
) -> Tensor:
    """The loss of each text, float[texts].

    It is the cross-entropy of exclusive classes, and the sum of binary cross-entropies of others.
    """
    logits = logits.float()
    if not exclusive:
        losses = functional.binary_cross_entropy_with_logits(
            logits,
            targets,
            pos_weight=class_weights,
            reduction="none",
        )
        return losses.sum(1)
    log_probabilities = functional.log_softmax(logits, dim=1)
    losses = -(log_probabilities * targets).sum(1)
    if class_weights is not None:
        losses = losses * (targets @ class_weights)
    return losses


def balanced_weights(
    targets: Floats,  # ones and zeros, float32[texts, classes]
    exclusive: bool,
    power: float,
) -> Floats:
    """Weights by which rare classes count more in the loss, float32[classes].

    Exclusive classes: ``(texts / (classes * texts of the class)) ** power``, a factor of the loss
    of each text of the class.

    Other classes: ``((texts without the class + 1) / texts with it) ** power``, a factor of the
    loss of a class in the texts that have it. A class that one text in four has weighs about 3.
    """
    texts, classes = targets.shape
    counts = np.maximum(targets.sum(axis=0), 1)
    if exclusive:
        ratio = texts / (classes * counts)
    else:
        ratio = (texts - counts + 1) / counts
    return np.asarray(ratio**power, dtype=np.float32)


def class_weight_settings(
    targets: Floats,
    exclusive: bool,
    power: float,
) -> list[float]:
    """`balanced_weights` as a setting that can be saved, rounded to four digits."""
    weights = balanced_weights(targets, exclusive, power)
    return [round(float(weight), 4) for weight in weights]


def class_weight_tensor(
    weights: Sequence[float],
    labels: Sequence[str],
) -> Tensor:
    """The weight of each class in a loss, float32[classes]; 1 where there are none.

    Errors: `ConfigError` for another number of weights than labels.
    """
    if weights and len(weights) != len(labels):
        raise ConfigError(
            f"class_weights has {len(weights)} weights for {len(labels)} labels: give one for each"
        )
    return torch.tensor(list(weights) or [1.0] * len(labels))


Penalty = Annotated[float, Between(0, 1e6)]
"""A factor on squared logits in a loss."""


def network_penalty(texts: int) -> float:
    """The penalty on the squared logits of a network beside terms that a recipe leaves unset.

    All training texts together weigh against one such sum, as the data of a ridge regression weigh
    against its prior. So from few texts, which a network learns by heart, the fitted terms decide;
    from many texts, what it has learned beside them.
    """
    return min(_MOST_PENALTY, round(_PENALTY / texts, 6))


ClassWeights = Annotated[Sequence[Annotated[float, Between(0, 1e6)]], Length(0, 16_384)]


class Fit(NamedTuple):
    """A logistic regression: `weights` float32[vocabulary, classes] and `bias` float32[classes]."""

    weights: Floats
    bias: Floats


def fit_weights(
    terms: Terms,
    targets: Floats,  # ones and zeros, float32[texts, classes]
    size: int,  # terms in the vocabulary
    *,
    exclusive: bool,
    strength: float,
    power: float,
    steps: int = 100,
) -> Fit:
    """The logistic regression with the least ``strength * loss + ½ |weights|²``.

    It is fitted by L-BFGS (Liu and Nocedal 1989) in at most so many `steps`.

    Args:
        strength: the inverse of the regularisation, C.
        power: of the class weights, see `balanced_weights`.
    """
    classes = targets.shape[1]
    class_weights = torch.from_numpy(balanced_weights(targets, exclusive, power))
    gold = torch.from_numpy(targets)
    matrix, transposed = _term_matrices(terms, size)
    weights = torch.zeros(size, classes, requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weights, bias],
        max_iter=steps,
        history_size=10,
        line_search_fn="strong_wolfe",
    )
    texts = max(len(targets), 1)

    def closure() -> Tensor:
        # Products with the matrix and the transposed one take a twentieth of the time of
        # `term_logits` and its gradient.
        with torch.no_grad():
            logits = matrix @ weights + bias
        logits.requires_grad_()
        loss = class_loss(logits, gold, exclusive, class_weights).sum()
        [gradient] = torch.autograd.grad(loss, logits)
        with torch.no_grad():
            penalty = weights.square().sum() / (2 * strength)
            weights.grad = (transposed @ gradient + weights / strength) / texts
            bias.grad = gradient.sum(0) / texts
            return (loss + penalty) / texts

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return Fit(weights.detach().numpy(), bias.detach().numpy())


class TermMatrices(NamedTuple):
    """The values of terms as a sparse tensor, and the same transposed."""

    matrix: Tensor  # float32[texts, vocabulary]
    transposed: Tensor  # float32[vocabulary, texts]


def _term_matrices(
    terms: Terms,
    size: int,  # terms in the vocabulary
) -> TermMatrices:
    lengths = np.diff(terms.offsets)
    texts = np.repeat(np.arange(len(lengths)), lengths)
    by_term = np.argsort(terms.ids, kind="stable")
    borders = offsets(np.bincount(terms.ids, minlength=size))
    shape = (len(lengths), size)
    return TermMatrices(
        matrix=_sparse(terms.offsets, terms.ids, terms.values, shape),
        transposed=_sparse(borders, texts[by_term], terms.values[by_term], shape[::-1]),
    )


def _sparse(
    borders: Ints,  # of the rows, int64[rows + 1]
    columns: Ints,
    values: Floats,
    shape: tuple[int, int],
) -> Tensor:
    rows = torch.from_numpy(np.ascontiguousarray(borders))
    places = torch.from_numpy(np.ascontiguousarray(columns))
    numbers = torch.from_numpy(np.ascontiguousarray(values))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support", UserWarning)
        return torch.sparse_csr_tensor(rows, places, numbers, size=shape, check_invariants=True)


class FittedTerms(nn.Module):
    """Logistic regression over terms, fitted beforehand; a network adds its own logits to these.

    A linear model beside a deep one is after Cheng et al. 2016. In training the logits of a text
    come from weights that were fitted without it. So the network learns what such weights leave
    open in texts that are new to them (Wolpert 1992). Afterwards logits come from weights fitted to
    all texts.

    Args:
        tables: what `fit_folds` returns, or the tables of a vocabulary alone; weights are then read
            from a state dict.
        pieces: the lengths of pieces of words.
        classes: how many there are.
    """

    weights: Tensor  # (terms, classes)
    bias: Tensor  # (classes,)
    fold_weights: Tensor | None  # (terms, FOLDS * classes)
    fold_bias: Tensor  # (FOLDS * classes,)

    def __init__(
        self,
        tables: Tables,
        pieces: Sequence[int],
        classes: int,
    ) -> None:
        super().__init__()
        check_tables(tables, FITTED_TABLES, "fitted terms", classes=classes)
        self.tables = {name: tables[name] for name in VOCABULARY_TABLES}
        self.vocabulary = Vocabulary(self.tables, tuple(pieces))
        self.classes = classes
        weights = np.zeros((len(self.vocabulary), classes), dtype=np.float32)
        bias = np.zeros(classes, dtype=np.float32)
        self._register("weights", tables.get("weights", weights).copy(), saved=True)
        self._register("fold_weights", tables.get("fold_weights"), saved=False)
        self._register("bias", tables.get("bias", bias).copy(), saved=True)
        self._register("fold_bias", tables.get("fold_bias"), saved=False)
        self.trust = nn.Parameter(torch.ones(()))

    def _register(
        self,
        name: str,
        array: Floats | None,
        *,
        saved: bool,
    ) -> None:
        values = None if array is None else torch.from_numpy(array)
        self.register_buffer(name, values, persistent=saved)

    def forward(
        self,
        batch: Batch,
        tokens: TermTokens,
        owner: Ints,  # the number of each text's document, int64[texts]
    ) -> Tensor:
        """Logits float[texts, classes]."""
        terms = self.vocabulary.terms(batch, tokens)
        if not self.training or self.fold_weights is None:
            return self.trust * term_logits(terms, self.weights, self.bias)
        logits = term_logits(terms, self.fold_weights, self.fold_bias)
        logits = logits.reshape(tokens.texts, FOLDS, self.classes)
        folds = document_folds(batch.docs)[owner]
        texts = torch.arange(tokens.texts, device=logits.device)
        return self.trust * logits[texts, to_device(folds, logits.device)]


def document_folds(docs: Sequence[Doc]) -> Ints:
    """A part of the data for each document, int64[docs], by its text.

    Equal texts are in the same fold, so no text is judged by weights that were fitted to it.
    """
    folds = []
    for doc in docs:
        text = doc.text.lower().encode("utf-8", "surrogatepass")
        folds.append(crc32(text) % FOLDS)
    return np.array(folds, dtype=np.int64)


def fit_folds(
    batch: Batch,
    tokens: TermTokens,
    folds: Ints,  # of each text, int64[texts]
    targets: Floats,  # ones and zeros, float32[texts, classes]
    pieces: Sequence[int],
    *,
    exclusive: bool,
    strength: float,
    power: float,
) -> Tables:
    """The tables of `FittedTerms`: a vocabulary, and weights of several fits.

    "weights" and "bias" are fitted to all texts; "fold_weights" and "fold_bias" have, side by side,
    for each fold those that are fitted to all other folds. For the settings see `fit_weights`.
    """
    tables: Tables = dict(learn_vocabulary(batch, tokens, tuple(pieces), _MIN_COUNT))
    terms = Vocabulary(tables, tuple(pieces)).terms(batch, tokens)
    size = len(tables["hashes"])

    def fit(texts: Ints) -> Fit:
        return fit_weights(
            terms.take(texts),
            targets[texts],
            size,
            exclusive=exclusive,
            strength=strength,
            power=power,
        )

    every = fit(np.arange(len(folds)))
    without = [fit(np.flatnonzero(folds != fold)) for fold in range(FOLDS)]
    return {
        **tables,
        "weights": every.weights,
        "bias": every.bias,
        "fold_weights": np.concatenate([part.weights for part in without], axis=-1),
        "fold_bias": np.concatenate([part.bias for part in without], axis=-1),
    }


def class_rows(
    output: str,
    labels: RowNames,
    terms: FittedTerms | None,
) -> dict[str, Axes]:
    """Which rows of a network and of its terms stand for which class, see `Head.rows`.

    Args:
        output: the last layer of the network, as in the state dict.
    """
    axes: dict[str, Axes] = {
        f"{output}.weight": (labels, None),
        f"{output}.bias": (labels,),
    }
    if terms is not None:
        axes["terms.weights"] = (None, labels)
        axes["terms.bias"] = (labels,)
    return axes
