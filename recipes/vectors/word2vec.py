"""Word vectors from raw text: skip-gram and CBOW with negative sampling (Mikolov et al. 2013).

Vectors are those of lemmas, and of n-grams for rare words.

    python recipes/vectors/word2vec.py --data "$PIPEKIT_DATA" \\
        --lexicon build/lexicon.pipekit --work runs/vectors \\
        --objective skip-gram --out build/skip-gram.pipekit

Text is cut into blocks, and what a block's words say to their neighbours is one matrix product
under a band of ones: a window costs no more than a word. Negatives are shared by a few hundred
centres. Rows learn by Adagrad, one step size for a row (Duchi et al. 2011). It may be killed: the
corpus, once read, and the last epoch are in the folder of --work.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from subwords import compact
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm
from vocabulary import Corpus, arguments_of, corpus_of

from pipekit.storage import store

BLOCK = 32  # centres of one matrix product; the window is at most half of it
GROUP = 256  # centres that share negatives
SHARED = 64  # negatives of a group, which stand for NEGATIVES a centre
NEGATIVES = 5
STEP = 4096  # centres of a step
SUBSAMPLE = 1e-4
SMOOTHING = 0.75  # of the distribution that negatives are drawn from
COMPONENTS = 4  # principal components that are taken out of the vectors
SEED = 1


# -- the objective


class Band(NamedTuple):
    """The text of a step.

    The middle of `rows` int64[centres + BLOCK] are centres; `weight` is 1, float[blocks, BLOCK,
    2 * BLOCK], where a context is in the window of a centre; `negatives` int64[groups, SHARED].
    """

    rows: Tensor
    weight: Tensor
    negatives: Tensor


def steps(corpus: Corpus, window: int, epoch: int) -> Iterator[Band]:
    """The steps of an epoch.

    Frequent words are dropped at random, windows have random widths, negatives are drawn anew.
    """
    random = np.random.default_rng([SEED, epoch])
    share = corpus.counts / corpus.counts.sum()
    keep = np.sqrt(SUBSAMPLE / share).clip(max=1).astype(np.float32)
    noise = np.cumsum(corpus.counts**SMOOTHING)
    noise /= noise[-1]
    for start, end in _stretches(corpus, random):
        chosen = start + np.flatnonzero(
            random.random(end - start, dtype=np.float32) < keep[corpus.words[start:end]]
        )
        for first in range(0, len(chosen) - STEP + 1, STEP):
            piece = np.clip(
                np.arange(first - BLOCK // 2, first + STEP + BLOCK // 2), 0, len(chosen) - 1
            )
            places = chosen[piece]
            negatives = np.searchsorted(noise, random.random((STEP // GROUP, SHARED)))
            weight = _windows(corpus.lines[places], random.integers(1, window + 1, STEP))
            yield Band(
                torch.from_numpy(corpus.words[places].astype(np.int64)),
                weight,
                torch.from_numpy(negatives),
            )


def _stretches(corpus: Corpus, random: np.random.Generator) -> list[tuple[int, int]]:
    """Stretches of text in random order, each as often as its weight says."""
    size = 1_000_000
    parts = [part for part in corpus.parts.tolist() for _ in range(part[2])]
    found = [(s, min(s + size, end)) for start, end, _ in parts for s in range(start, end, size)]
    return [found[i] for i in random.permutation(len(found))]


def _windows(lines: NDArray[np.int32], radii: NDArray[np.int64]) -> Tensor:
    """The band of each block: contexts of the same line, no further than the centre's radius."""
    half = BLOCK // 2
    line = torch.from_numpy(lines.astype(np.int32))
    centres = line[half:-half].view(-1, BLOCK, 1)
    contexts = line.unfold(0, 2 * BLOCK, BLOCK)[:, None, :]
    distance = (torch.arange(2 * BLOCK) - half - torch.arange(BLOCK)[:, None]).abs()
    radius = torch.from_numpy(radii).view(-1, BLOCK, 1)
    return ((distance > 0) & (distance <= radius) & (centres == contexts)).float()


class Gradient(NamedTuple):
    """The summed loss and its gradients by the vectors of words, contexts and negatives."""

    loss: float
    words: Tensor
    contexts: Tensor
    negatives: Tensor


def skip_gram(words: Tensor, contexts: Tensor, negatives: Tensor, weight: Tensor) -> Gradient:
    """Each centre tells its neighbours from noise.

    Words and contexts are float[centres + BLOCK, width], negatives float[groups, SHARED, width].
    """
    half = BLOCK // 2
    centres = words[half:-half]
    blocks = centres.view(-1, BLOCK, centres.shape[1])
    around = contexts.unfold(0, 2 * BLOCK, BLOCK)  # [blocks, width, 2 * BLOCK]
    scores = torch.bmm(blocks, around)
    pull = weight * (torch.sigmoid(scores) - 1)
    pairs = weight.sum(2).view(len(negatives), -1, 1)
    loss, push, by_negative = _noise(centres, negatives, pairs)
    loss += float((weight * functional.softplus(-scores)).sum())
    by_word = torch.zeros_like(words)
    by_word[half:-half] = torch.bmm(pull, around.transpose(1, 2)).reshape(centres.shape) + push
    return Gradient(loss, by_word, _spread(torch.bmm(pull.transpose(1, 2), blocks)), by_negative)


def cbow(words: Tensor, contexts: Tensor, negatives: Tensor, weight: Tensor) -> Gradient:
    """The mean vector of its neighbours tells a centre from noise; arguments as in `skip_gram`.

    Mikolov et al. (2013a) have a hierarchical softmax over the sum or mean of the context; here it
    is the mean, with negative sampling (2013b).
    """
    half = BLOCK // 2
    centres = contexts[half:-half]
    count = weight.sum(2, keepdim=True)
    mean = weight / count.clamp_min(1)
    around = words.unfold(0, 2 * BLOCK, BLOCK).transpose(1, 2)  # [blocks, 2 * BLOCK, width]
    hidden = torch.bmm(mean, around).reshape(centres.shape)
    there = (count > 0).float().view(-1, 1)
    scores = (hidden * centres).sum(1, keepdim=True)
    pull = there * (torch.sigmoid(scores) - 1)
    loss, push, by_negative = _noise(hidden, negatives, there.view(len(negatives), -1, 1))
    loss += float((there * functional.softplus(-scores)).sum())
    by_hidden = (pull * centres + push).view(len(weight), BLOCK, -1)
    by_context = torch.zeros_like(contexts)
    by_context[half:-half] = pull * hidden
    return Gradient(
        loss, _spread(torch.bmm(mean.transpose(1, 2), by_hidden)), by_context, by_negative
    )


def _noise(vectors: Tensor, negatives: Tensor, pairs: Tensor) -> tuple[float, Tensor, Tensor]:
    """Loss and gradients of the negatives of a group, which stand for NEGATIVES of each pair."""
    groups = vectors.view(len(negatives), -1, vectors.shape[1])
    scores = torch.bmm(groups, negatives.transpose(1, 2))
    weight = pairs * (NEGATIVES / negatives.shape[1])
    push = weight * torch.sigmoid(scores)
    loss = float((weight * functional.softplus(scores)).sum())
    return (
        loss,
        torch.bmm(push, negatives).reshape(vectors.shape),
        torch.bmm(push.transpose(1, 2), groups),
    )


def _spread(blocks: Tensor) -> Tensor:
    """Overlapping blocks, [blocks, 2 * BLOCK, width], added up to rows.

    [blocks * BLOCK + BLOCK, width]
    """
    rows = blocks.new_zeros(len(blocks) + 1, BLOCK, blocks.shape[2])
    rows[:-1] += blocks[:, :BLOCK]
    rows[1:] += blocks[:, BLOCK:]
    return rows.view(-1, blocks.shape[2])


OBJECTIVES = {"skip-gram": skip_gram, "cbow": cbow}


# -- learning


class Table:
    """Vectors that learn by Adagrad, with one step size for each row."""

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.squares = torch.full((len(values), 1), 1e-8)

    def learn(self, rows: Tensor, gradients: Tensor, rate: float) -> None:
        distinct, index = torch.unique(rows, return_inverse=True)
        total = gradients.new_zeros(len(distinct), gradients.shape[1]).index_add_(
            0, index, gradients
        )
        squares = self.squares[distinct] + total.square().mean(1, keepdim=True)
        self.squares[distinct] = squares
        self.values[distinct] -= rate * total / squares.sqrt()


def train(corpus: Corpus, arguments: argparse.Namespace) -> Tensor:
    """The vectors of the words, float[rows, width]."""
    torch.manual_seed(SEED)
    objective = OBJECTIVES[arguments.objective]
    size, width = len(corpus.counts), arguments.width
    words = Table((torch.rand(size, width) - 0.5) / width)
    contexts = Table(torch.zeros(size, width))
    settings = [arguments.objective, size, width]
    settings += [arguments.window, arguments.epochs, arguments.rate]
    path = arguments.work / f"{'-'.join(map(str, settings))}.checkpoint"
    begun = _resume(path, words, contexts)
    keep = np.sqrt(SUBSAMPLE * corpus.counts.sum() / corpus.counts).clip(max=1)
    total = int((keep * corpus.counts).sum() / STEP)
    for epoch in range(begun, arguments.epochs):
        loss, bar = (
            0.0,
            tqdm(
                steps(corpus, arguments.window, epoch),
                total=total,
                desc=f"epoch {epoch + 1}",
                mininterval=5,
            ),
        )
        for number, (rows, weight, negatives) in enumerate(bar):
            rate = arguments.rate * max(1 - (epoch + number / total) / arguments.epochs, 0.01)
            done = objective(
                words.values[rows], contexts.values[rows], contexts.values[negatives], weight
            )
            words.learn(rows, done.words, rate)
            contexts.learn(
                torch.cat([rows, negatives.view(-1)]),
                torch.cat([done.contexts, done.negatives.flatten(0, 1)]),
                rate,
            )
            loss += done.loss / float(weight.sum() if objective is skip_gram else STEP)
        print(f"epoch {epoch + 1}: loss {loss / max(number, 1):.4f}", flush=True)
        _keep(path, epoch + 1, words, contexts)
    return words.values


def _keep(path: Path, epoch: int, words: Table, contexts: Table) -> None:
    tables = {
        "words": words.values,
        "word_squares": words.squares,
        "contexts": contexts.values,
        "context_squares": contexts.squares,
    }
    store.save(path, {"epoch": epoch}, {name: tensor.numpy() for name, tensor in tables.items()})


def _resume(path: Path, words: Table, contexts: Table) -> int:
    if not path.exists():
        return 0
    header, tensors = (
        (found := store.load_container(path)).header,
        {k: torch.from_numpy(v) for k, v in found.tensors.items()},
    )
    words.values, words.squares = tensors["words"], tensors["word_squares"]
    contexts.values, contexts.squares = tensors["contexts"], tensors["context_squares"]
    return int(header["epoch"])


def main() -> None:
    parser = arguments_of("Word vectors by skip-gram or CBOW with negative sampling.")
    parser.add_argument("--objective", choices=OBJECTIVES, default="skip-gram")
    parser.add_argument("--window", type=int, default=5, help=f"at most {BLOCK // 2}")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=0.1)
    arguments = parser.parse_args()
    begun = time.perf_counter()
    corpus = corpus_of(arguments)
    vectors = train(corpus, arguments).numpy()
    compact(arguments.out, vectors, corpus, components=COMPONENTS)
    print(
        f"{arguments.out}: {arguments.out.stat().st_size:,} bytes, "
        f"{time.perf_counter() - begun:.0f} s in all"
    )


if __name__ == "__main__":
    main()
