"""Word vectors made small: rows of bytes, and vectors of n-grams for the words that have no row.

The n-grams learn from the words that have one (Zhao et al. 2018, bag of subwords): their mean is to be the word's vector.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from tqdm import tqdm

from pipekit import store
from pipekit.chars import from_strings
from pipekit.vectors import Floats, ngrams_of, packed, unit

BUCKETS = 16_000
EPOCHS = 6
BATCH = 512
SEED = 1


def centred(vectors: Floats, components: int) -> Floats:
    """Without what all have in common: their mean, and their first principal components (Mu and Viswanath 2018); of unit length."""
    vectors = unit(vectors)
    vectors = vectors - vectors.mean(axis=0)
    if components:
        _, axes = np.linalg.eigh(vectors.T @ vectors)
        common = axes[:, -components:]
        vectors = vectors - vectors @ common @ common.T
    return unit(vectors)


def ngram_vectors(vectors: Floats, names: list[str], buckets: int = BUCKETS) -> Floats:
    """Vectors of n-grams whose mean points where the word's vector does, float32[buckets, width]."""
    torch.manual_seed(SEED)
    bag = ngrams_of(from_strings(names), buckets)
    targets = torch.from_numpy(vectors)
    table = torch.nn.EmbeddingBag(buckets, vectors.shape[1], mode="mean", include_last_offset=True, sparse=True)
    torch.nn.init.normal_(table.weight, std=0.01)
    optimizer = torch.optim.Adagrad(table.parameters(), lr=0.1)
    for epoch in range(EPOCHS):
        for rows in tqdm(torch.randperm(len(names)).split(BATCH), desc=f"n-grams {epoch + 1}", mininterval=5):
            chosen = bag.take(rows.numpy())
            guess = table(torch.from_numpy(chosen.ids), torch.from_numpy(chosen.offsets))
            optimizer.zero_grad()
            functional.mse_loss(guess, targets[rows], reduction="sum").backward()
            optimizer.step()
    return np.asarray(table.weight.detach().numpy())


def compact(
    path: Path,
    vectors: Floats,
    names: list[str],
    counts: NDArray[np.int64],
    forms: NDArray[np.uint32],
    rows: NDArray[np.int32],
    *,
    buckets: int = BUCKETS,
) -> None:
    """Write vectors of words as the tables of `pipekit.vectors.Vectors`."""
    tables: dict[str, NDArray[Any]] = {
        "hashes": forms,
        "rows": rows.astype(np.uint16 if len(names) <= 1 << 16 else np.uint32),
        "names": packed(names),
        "counts": counts.astype(np.uint32),
    }
    tables["values"], tables["scale"] = _bytes(vectors)
    if buckets:
        tables["ngrams"], tables["ngram_scale"] = _bytes(ngram_vectors(vectors, names, buckets))
    store.save(path, {"words": len(names), "width": vectors.shape[1]}, tables)


def _bytes(values: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Numbers as bytes, and what to multiply them by; the few beyond what 99.99 % reach are cut."""
    scale = np.float32(np.quantile(np.abs(values), 0.9999) / 127)
    return np.rint(values / scale).clip(-127, 127).astype(np.int8), np.array([scale], np.float32)
