"""Word vectors from counts: positive pointwise mutual information, reduced by a truncated SVD.

Counted are lemmas near each other in raw text.

    python recipes/vectors/ppmi.py --data "$PIPEKIT_DATA" \\
        --lexicon build/lexicon.pipekit --work runs/vectors --out build/embeddings.pipekit

What skip-gram learns step by step is found here at once (Levy, Goldberg and Dagan 2015), whose
advice the settings follow: frequent words are sampled down, near neighbours count more, the
distribution of contexts is smoothed, and singular values are damped. `train.py` makes vectors of
word forms and of the places of their neighbours instead, which is better for syntax.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.typing import NDArray
from subwords import compact
from tqdm import tqdm
from train import Pairs, merge, ppmi, reduce
from vocabulary import Corpus, arguments_of, corpus_of

WINDOW = 5
CONTEXTS = 30_000  # columns: the most frequent lemmas
SUBSAMPLE = 1e-4
POWER = 0.25  # how much of the singular values the vectors keep
SEED = 1


def cooccurrences(corpus: Corpus, window: int, contexts: int) -> torch.Tensor:
    """Weighted counts of two lemmas near each other in a line, sparse float32[lemmas, contexts].

    The nearer they are, the more one occurrence counts.
    """
    random, size, totals = np.random.default_rng(SEED), len(corpus.counts), list[Pairs]()
    keep = np.sqrt(SUBSAMPLE * corpus.counts.sum() / corpus.counts).clip(max=1).astype(np.float32)
    for start, end, weight in tqdm(corpus.parts.tolist(), desc="pairs", mininterval=5):
        chosen = start + np.flatnonzero(
            random.random(end - start, dtype=np.float32) < keep[corpus.words[start:end]]
        )
        found = _pairs(
            corpus.words[chosen].astype(np.int64), corpus.lines[chosen], window, contexts, size
        )
        totals.append((found[0], found[1] * np.float32(weight)))
        if len(totals) == 8:
            totals = [merge(totals)]
    pairs, counts = merge(totals)
    context, word = np.divmod(pairs, size)
    both = word < contexts  # a pair was counted once, under its more frequent word
    return _sparse(
        np.concatenate([word, context[both]]),
        np.concatenate([context, word[both]]),
        np.concatenate([counts, counts[both]]),
        size,
        contexts,
    )


def _pairs(
    words: NDArray[np.int64], lines: NDArray[np.int32], window: int, contexts: int, size: int
) -> Pairs:
    """Pairs of a text as keys, more frequent * size + less frequent, and their weighted counts."""
    totals: list[Pairs] = []
    for distance in range(1, window + 1):
        early, late = words[:-distance], words[distance:]
        low, high = np.minimum(early, late), np.maximum(early, late)
        good = (lines[:-distance] == lines[distance:]) & (low < contexts) & (low != high)
        pairs, counts = np.unique(low[good] * size + high[good], return_counts=True)
        totals.append((pairs, counts.astype(np.float32) * np.float32(1 - (distance - 1) / window)))
    return merge(totals)


def _sparse(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    values: NDArray[np.float32],
    height: int,
    width: int,
) -> torch.Tensor:
    order = np.argsort(rows * width + columns)
    crow = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=height))])
    tensors = [torch.from_numpy(array) for array in (crow, columns[order], values[order])]
    return torch.sparse_csr_tensor(*tensors, size=(height, width))


def main() -> None:
    parser = arguments_of("Word vectors by mutual information and a truncated SVD.")
    parser.add_argument("--window", type=int, default=WINDOW)
    parser.add_argument("--contexts", type=int, default=CONTEXTS)
    parser.add_argument("--power", type=float, default=POWER)
    arguments = parser.parse_args()
    begun = time.perf_counter()
    corpus = corpus_of(arguments)
    vectors = reduce(
        ppmi(cooccurrences(corpus, arguments.window, arguments.contexts)),
        arguments.width,
        arguments.power,
    )
    compact(arguments.out, vectors.numpy(), corpus)
    print(
        f"{arguments.out}: {arguments.out.stat().st_size:,} bytes, "
        f"{time.perf_counter() - begun:.0f} s in all"
    )


if __name__ == "__main__":
    main()
