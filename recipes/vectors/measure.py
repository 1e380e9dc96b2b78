"""How well word vectors agree with people: RUSSE's HJ and RT.

    python recipes/vectors/measure.py --data "$PIPEKIT_DATA" build/embeddings.pipekit

HJ: Spearman's rank correlation of cosines with the judgements of people over 398 pairs, and over
the two halves of a fixed split, of which the first is to choose settings by. RT: average precision
of 114 thousand pairs, related or not, ranked by cosine. A pair with a word of which nothing is
known counts with a cosine of 0. A file is one of vectors, or a pipeline with embeddings.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import pipekit
from pipekit.storage import store
from pipekit.words.vectors import Vectors, unit

SEED = 1


def pairs(path: Path) -> tuple[list[tuple[str, str]], NDArray[np.float64]]:
    """Pairs of words, and what people say of each."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [(row["word1"], row["word2"]) for row in rows], np.array(
        [float(row["sim"]) for row in rows]
    )


def cosines(
    vectors: Vectors, words: list[tuple[str, str]]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The cosine of each pair, and whether both words have rows of their own."""
    distinct = sorted({word for pair in words for word in pair})
    number = {word: i for i, word in enumerate(distinct)}
    found = [vectors.vector(word) for word in distinct]
    matrix = unit(
        np.stack([np.zeros(vectors.width, np.float32) if v is None else v for v in found])
    )
    rows = np.array([[number[one], number[other]] for one, other in words])
    in_table = vectors.rows(distinct) >= 0
    products = np.einsum("pd,pd->p", matrix[rows[:, 0]], matrix[rows[:, 1]])
    return products.astype(np.float64), in_table[rows].all(axis=1)


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 0; equal values share the mean of theirs."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts + 1) / 2)[where])


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.corrcoef(ranks(one), ranks(other))[0, 1])


def average_precision(scores: NDArray[np.float64], related: NDArray[np.bool_]) -> float:
    """The precision at each rank where recall rises, averaged; equal scores are one rank."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(related[order])
    last = np.flatnonzero(np.diff(scores[order], append=-np.inf) != 0)
    precision, recall = hits[last] / (last + 1), hits[last] / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0) * precision))


def measure(vectors: Vectors, folder: Path) -> dict[str, float]:
    """Figures of a table of vectors, by the files in a folder."""
    words, judged = pairs(folder / "hj.csv")
    scores, known = cosines(vectors, words)
    half = np.random.default_rng(SEED).permutation(len(words)) < len(words) // 2
    figures = {"hj": spearman(scores, judged), "hj half 1": spearman(scores[half], judged[half])}
    figures |= {"hj half 2": spearman(scores[~half], judged[~half]), "hj rows": float(known.mean())}
    words, judged = pairs(folder / "rt.csv")
    scores, known = cosines(vectors, words)
    return figures | {"rt": average_precision(scores, judged > 0), "rt rows": float(known.mean())}


def load(path: Path) -> Vectors:
    """The vectors of a file of arrays, or of a pipeline."""
    container = store.load_container(path)
    if "config" not in container.header:
        return Vectors(container.tensors)
    vectors = pipekit.load(path, device="cpu").vectors
    if vectors is None:
        raise SystemExit(f"{path}: the pipeline has no embeddings")
    return vectors


def main() -> None:
    parser = argparse.ArgumentParser(description="HJ and RT of word vectors.")
    parser.add_argument(
        "--data", type=Path, required=True, help="the folder of corpora, PIPEKIT_DATA"
    )
    parser.add_argument("files", type=Path, nargs="+")
    arguments = parser.parse_args()
    for number, path in enumerate(arguments.files):
        figures = measure(load(path), arguments.data / "similarity")
        if not number:
            print(f"| | {' | '.join(figures)} |\n|---|{'---:|' * len(figures)}")
        print(f"| {path.name} | {' | '.join(f'{value:.3f}' for value in figures.values())} |")


if __name__ == "__main__":
    main()
