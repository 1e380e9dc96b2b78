"""Static word vectors from raw text: mutual information with neighbours, reduced by an SVD.

The information is positive and pointwise, the neighbours are the four nearest words, the SVD is
truncated.

Levy, Goldberg and Dagan (2015) show that this does what skip-gram with negative sampling does.
Contexts are told apart by their place (two and one to the left, one and two to the right), which
makes the vectors good at syntax (Ling et al. 2015).

    python recipes/vectors/train.py --data "$PIPEKIT_DATA/text" --out vectors.pipekit

Words are normalised (lower case, ё as е); what is stored of a word is the 32 high bits of its hash.
The result holds `hashes` uint32[words], sorted, and `values` int8[words, width], to be multiplied
by `scale`. Two minutes on one core and 3 GB of memory for 43 million words.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from corpus import chunks, segment
from numpy.typing import NDArray
from tqdm import tqdm

from pipekit.storage import store
from pipekit.tokenizers.rules import RuleTokenizer
from pipekit.words.lexicon import find

WORDS = 80_000  # rows: the most frequent words, weighted
CONTEXTS = 8_000  # columns for each place: the most frequent of them
PLACES = (-2, -1, 1, 2)
WIDTH = 64
CDS = 0.75  # context distribution smoothing
SHIFT = 0.0  # subtracted from the mutual information (log k of negative sampling)
POWER = 0.5  # how much of the singular values the word vectors keep
WEIGHTS = {"ru_modern": 6, "ru_technical": 2}  # fiction is much and old: what is modern counts more
SEED = 1

Pairs = tuple[NDArray[np.int64], NDArray[np.float32]]  # pairs as numbers, sorted, and their counts


def read(
    folder: Path,
) -> tuple[
    list[tuple[int, NDArray[np.uint32], NDArray[np.int64]]], NDArray[np.uint32], NDArray[np.int64]
]:
    """All texts as hashes; the hashes by falling weighted count, and these counts."""
    tokenizer, parts = RuleTokenizer(), []
    for name, lines in tqdm(chunks(folder), desc="reading", unit=" chunks"):
        text = segment(tokenizer, lines)
        weight = next((w for prefix, w in WEIGHTS.items() if name.startswith(prefix)), 1)
        parts.append((weight, text.hashes, text.sentences))
    found, counts = np.zeros(0, np.uint32), np.zeros(0, np.int64)
    for weight, hashes, _ in tqdm(parts, desc="counting"):
        more, times = np.unique(hashes, return_counts=True)
        merged, where = np.unique(np.concatenate([found, more]), return_inverse=True)
        counts = np.bincount(where, weights=np.concatenate([counts, times * weight])).astype(
            np.int64
        )
        found = merged
    order = np.argsort(-counts, kind="stable")
    return parts, found[order], counts[order]


def cooccurrences(
    parts: list[tuple[int, NDArray[np.uint32], NDArray[np.int64]]], vocabulary: NDArray[np.uint32]
) -> torch.Tensor:
    """Weighted counts as a sparse matrix [words, places * contexts]."""
    order = np.argsort(vocabulary)
    sorted_words = vocabulary[order]
    totals: list[Pairs] = []
    for weight, hashes, sentences in tqdm(parts, desc="pairs"):
        place = find(sorted_words, hashes)
        rank = np.where(place >= 0, order[np.maximum(place, 0)], -1)
        found = []
        for number, offset in enumerate(PLACES):
            step = abs(offset)
            early, late = slice(None, -step), slice(step, None)
            word, context = (rank[late], rank[early]) if offset < 0 else (rank[early], rank[late])
            good = (
                (sentences[early] == sentences[late])
                & (word >= 0)
                & (context >= 0)
                & (context < CONTEXTS)
            )
            found.append(word[good] * (CONTEXTS * len(PLACES)) + number * CONTEXTS + context[good])
        pairs, counts = np.unique(np.concatenate(found), return_counts=True)
        totals.append((pairs, (counts * weight).astype(np.float32)))
        if len(totals) == 8:
            totals = [merge(totals)]
    pairs, counts = merge(totals)
    rows, columns = np.divmod(pairs, CONTEXTS * len(PLACES))
    crow = np.zeros(len(vocabulary) + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=len(vocabulary)), out=crow[1:])
    return torch.sparse_csr_tensor(
        torch.from_numpy(crow),
        torch.from_numpy(columns),
        torch.from_numpy(counts),
        size=(len(vocabulary), CONTEXTS * len(PLACES)),
    )


def merge(totals: list[Pairs]) -> Pairs:
    """Several lists of pairs as one, with the sums of their counts."""
    pairs, where = np.unique(np.concatenate([p for p, _ in totals]), return_inverse=True)
    return pairs, np.bincount(where, weights=np.concatenate([c for _, c in totals])).astype(
        np.float32
    )


def ppmi(counts: torch.Tensor) -> torch.Tensor:
    """Positive pointwise mutual information of the counts."""
    crow, columns, values = counts.crow_indices(), counts.col_indices(), counts.values().double()
    rows = torch.repeat_interleave(torch.arange(len(crow) - 1), crow.diff())
    by_row = torch.zeros(counts.shape[0], dtype=torch.float64).index_add_(0, rows, values)
    by_column = (
        torch.zeros(counts.shape[1], dtype=torch.float64).index_add_(0, columns, values) ** CDS
    )
    information = torch.log(values * by_column.sum() / (by_row[rows] * by_column[columns])) - SHIFT
    keep = information > 0
    kept = torch.zeros_like(crow)
    kept[1:] = torch.cumsum(torch.bincount(rows[keep], minlength=len(crow) - 1), 0)
    return torch.sparse_csr_tensor(
        kept, columns[keep], information[keep].float(), size=counts.shape
    )


def reduce(matrix: torch.Tensor, width: int, power: float = POWER) -> torch.Tensor:
    """Left singular vectors times their values to a power.

    By randomised subspace iteration (Halko, Martinsson and Tropp 2011).
    """
    torch.manual_seed(SEED)
    back = matrix.to_sparse_coo().t().coalesce().to_sparse_csr()
    basis = torch.linalg.qr(matrix @ torch.randn(matrix.shape[1], width + 16)).Q
    for _ in tqdm(range(5), desc="SVD"):
        basis = torch.linalg.qr(matrix @ (back @ basis)).Q
    left, values, _ = torch.linalg.svd((back @ basis).t(), full_matrices=False)
    return (basis @ left)[:, :width] * values[:width] ** power


def main() -> None:
    parser = argparse.ArgumentParser(description="Static word vectors from raw text.")
    parser.add_argument("--data", type=Path, required=True, help="folder with ru_*.txt.xz")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    parts, hashes, counts = read(arguments.data)
    print(
        f"{int(counts.sum()):,} words (weighted), {len(hashes):,} distinct; "
        f"the last row has {counts[WORDS - 1]} occurrences"
    )
    vectors = reduce(ppmi(cooccurrences(parts, hashes[:WORDS])), WIDTH)
    vectors = vectors / vectors.norm(dim=1, keepdim=True).clamp_min(1e-6)
    order = np.argsort(hashes[:WORDS])
    values = vectors.numpy()[order]
    scale = np.abs(values).max() / 127
    tensors = {
        "hashes": hashes[:WORDS][order],
        "values": np.rint(values / scale).astype(np.int8),
        "scale": np.array([scale], np.float32),
    }
    store.save(arguments.out, {"words": WORDS, "width": WIDTH}, tensors)


if __name__ == "__main__":
    main()
