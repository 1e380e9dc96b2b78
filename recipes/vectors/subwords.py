"""Word vectors made small: rows of bytes, and vectors of n-grams for the words that have no row.

The n-grams learn from the words that have one (Zhao et al. 2018, bag of subwords): their mean is to
be the word's vector. In return they back the vectors of rare words.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from tqdm import tqdm
from vocabulary import Corpus

from pipekit.storage import store
from pipekit.words.arrays import Floats
from pipekit.words.chars import from_strings
from pipekit.words.lexicon import unpack_strings
from pipekit.words.vectors import guesses, ngrams_of, pack_rows, packed, unit

BUCKETS = 40_000
BACKING = 400  # occurrences that a word's n-grams count for
EPOCHS = 6
BATCH = 512
SEED = 1


def centred(vectors: Floats, components: int) -> Floats:
    """The vectors without what all have in common, of unit length.

    That is their mean, and their first principal components (Mu and Viswanath 2018).
    """
    vectors = unit(vectors)
    vectors = vectors - vectors.mean(axis=0)
    if components:
        _, axes = np.linalg.eigh(vectors.T @ vectors)
        common = axes[:, -components:]
        vectors = vectors - vectors @ common @ common.T
    return unit(vectors)


def ngram_vectors(vectors: Floats, names: list[str], buckets: int = BUCKETS) -> Floats:
    """Vectors of n-grams with means in the direction of the words, float32[buckets, width]."""
    torch.manual_seed(SEED)
    bag = ngrams_of(from_strings(names), buckets)
    targets = torch.from_numpy(vectors)
    table = torch.nn.EmbeddingBag(
        buckets, vectors.shape[1], mode="mean", include_last_offset=True, sparse=True
    )
    torch.nn.init.normal_(table.weight, std=0.01)
    optimizer = torch.optim.Adagrad(table.parameters(), lr=0.1)
    for epoch in range(EPOCHS):
        for rows in tqdm(
            torch.randperm(len(names)).split(BATCH), desc=f"n-grams {epoch + 1}", mininterval=30
        ):
            chosen = bag.take(rows.numpy())
            guess = table(torch.from_numpy(chosen.ids), torch.from_numpy(chosen.offsets))
            optimizer.zero_grad()
            functional.mse_loss(guess, targets[rows], reduction="sum").backward()
            optimizer.step()
    return np.asarray(table.weight.detach().numpy())


def backed(vectors: Floats, guessed: Floats, counts: NDArray[np.int64]) -> Floats:
    """Vectors of unit length, mixed with those of their n-grams.

    The rarer a word, the less its own vector counts.
    """
    share = (BACKING / (counts + BACKING)).astype(np.float32)[:, None]
    return unit((1 - share) * vectors + share * guessed)


def compact(
    path: Path, vectors: Floats, corpus: Corpus, *, components: int = 0, buckets: int = BUCKETS
) -> None:
    """Write the vectors of a corpus's lemmas as the tables of `pipekit.words.vectors.Vectors`."""
    vectors, names = centred(vectors, components), unpack_strings(corpus.names)
    tables: dict[str, NDArray[Any]] = {
        "hashes": corpus.forms,
        "rows": corpus.rows.astype(np.uint16 if len(names) <= 1 << 16 else np.uint32),
        "names": packed(names),
        "counts": corpus.counts.astype(np.uint32),
    }
    ngrams = ngram_vectors(vectors, names, buckets)
    tables["values"], tables["scale"] = pack_rows(
        backed(vectors, guesses(ngrams, from_strings(names)), corpus.counts)
    )
    tables["ngrams"], tables["ngram_scale"] = pack_rows(ngrams)
    store.save(path, {"words": len(names), "width": vectors.shape[1]}, tables)
