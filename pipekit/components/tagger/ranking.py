"""Which of its candidates is the lemma of a token: their scores, the best of them, and the loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipekit.components.tagger.lemmas import CandidateRows
from pipekit.devices.placement import to_device
from pipekit.words.arrays import Ints

_LOWEST = -1e4  # below all scores
_LEAST = 1e-30  # keeps log(0) finite


class LemmaRanker(nn.Module):
    """Scores candidates for the lemma, each by a product of two vectors.

        hidden state of the token, values of its tag ─▶ query (width,)
        source and script of the candidate           ─▶ key (width,), and a score of their own

    The source of a candidate is what its tag says: where the candidate comes from.
    """

    def __init__(
        self,
        hidden: int,
        values: int,
        width: int,
        sources: int,
        scripts: int,
    ) -> None:
        super().__init__()
        self.query = nn.Linear(hidden, width)
        self.agree = nn.Linear(values, width, bias=False)
        self.source = nn.Embedding(sources, width)
        self.script = nn.Embedding(scripts, width)
        self.source_bias = nn.Parameter(torch.zeros(sources))
        self.script_bias = nn.Parameter(torch.zeros(scripts))
        nn.init.normal_(self.source.weight, std=0.1)
        nn.init.normal_(self.script.weight, std=0.1)

    def forward(
        self,
        hidden: Tensor,  # float[tokens, hidden]
        values: Tensor,  # float[tokens, values], of the tag of each token
        candidates: CandidateRows,
    ) -> Tensor:
        """The score of each candidate, float[candidates]."""
        device = hidden.device
        sources = to_device(candidates.tags, device)
        scripts = to_device(candidates.scripts, device)
        owners = to_device(candidates.owners, device)
        queries = self.query(hidden) + self.agree(values)  # (tokens, width)
        keys = self.source(sources) + self.script(scripts)  # (candidates, width)
        products: Tensor = (queries[owners] * keys).sum(1)
        source_bias = self.source_bias[sources]
        script_bias = self.script_bias[scripts]
        return products + source_bias + script_bias


def lemma_loss(
    scores: Tensor,  # float[candidates]
    candidates: CandidateRows,
    gold: Ints,  # int64[tokens], the right script of each token, -1 for none
) -> Tensor:
    """Minus the log probability of all candidates with the right script, a sum over the tokens.

    Tokens without such a candidate are left out.
    """
    scores = scores.float()
    is_right = candidates.scripts == gold[candidates.owners]
    owners = to_device(candidates.owners, scores.device)
    right = to_device(is_right, scores.device)
    right_owners = owners[right]
    size = len(gold)
    has_right = torch.zeros(size, dtype=torch.bool, device=scores.device)
    has_right.index_fill_(0, right_owners, True)
    every = log_sum_exp(scores, owners, size)
    good = log_sum_exp(scores[right], right_owners, size)
    return (every - good)[has_right].sum()


def log_sum_exp(
    scores: Tensor,  # float[items]
    owners: Tensor,  # int64[items]
    size: int,
) -> Tensor:
    """log(sum of exp) of the scores of each owner, float[size]; far below 0 without any score."""
    top = scores.new_full((size,), _LOWEST)
    top = top.scatter_reduce(0, owners, scores.detach(), "amax")
    scaled = (scores - top[owners]).exp()
    total = scores.new_zeros(size)
    total = total.index_add(0, owners, functional.relu(scaled))
    return top + total.clamp_min(_LEAST).log()


def best_columns(scores: Tensor) -> Tensor:
    """The column with the highest score of each row, int64[rows].

    On a CPU numpy finds it six times as fast as torch.
    """
    if scores.device.type != "cpu":
        return scores.argmax(1)
    columns = scores.float().numpy().argmax(1)
    return torch.from_numpy(columns)


def best_items(
    scores: NDArray[Any],  # float[items]
    owners: Ints,  # int64[items], ascending
    size: int,
) -> Ints:
    """The item with the highest score of each owner, int64[size]; each owner has an item.

    Of several with the highest score it is the first.
    """
    every = np.arange(size)
    firsts = np.searchsorted(owners, every)
    if not size:
        return firsts
    tops = np.maximum.reduceat(scores, firsts)  # float[size]
    best = np.flatnonzero(scores == tops[owners])
    first_best = np.searchsorted(owners[best], every)
    return best[first_best]
