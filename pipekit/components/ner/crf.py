"""A linear-chain conditional random field (Lafferty et al. 2001) over padded sentences, and BIOES tags that spell spans.

All sums are in float32. One step of the forward algorithm is a product with the matrix of exp(transitions) (as in Sutton and McCallum 2012,
section 5.2, scaled by the highest value at each step), which is many times faster than a sum over pairs of tags in log space.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pipekit.words.arrays import Bools, Ints

NEVER = -1e4  # the score of what is not allowed
_LEAST = 1e-30  # keeps the logarithm of zero finite; well above what processors flush to zero


class Tags(NamedTuple):
    """The BIOES tags of some labels: tag 0 is O; label i has B = 1 + 4 i, then I, E and S."""

    labels: int

    @property
    def size(self) -> int:
        return 1 + 4 * self.labels

    def allowed(self) -> tuple[Bools, Bools, Bools]:
        """Which tag may follow which, bool[tags, tags], which may begin a sentence, and which may end it, bool[tags]."""
        kind = np.array(["O", *"BIES" * self.labels])
        label = np.array([-1, *np.repeat(np.arange(self.labels), 4)])
        inside_after, inside_before = np.isin(kind, ["B", "I"]), np.isin(kind, ["I", "E"])
        same = label[:, None] == label[None, :]
        follows = np.where(
            inside_after[:, None], inside_before[None, :] & same, ~inside_before[None, :]
        )
        return follows, ~inside_before, ~inside_after

    def spell(self, start: Ints, end: Ints, label: Ints, length: int) -> Ints:
        """The tags of a row of tokens with spans that do not overlap, int64[length]."""
        tags = np.zeros(length, dtype=np.int64)
        lone = end == start + 1
        inner = np.repeat(label, end - start)
        steps = np.arange(len(inner)) - np.repeat(
            np.cumsum(end - start) - (end - start), end - start
        )
        tags[np.repeat(start, end - start) + steps] = 2 + 4 * inner
        tags[start], tags[end - 1] = 1 + 4 * label, 3 + 4 * label
        tags[start[lone]] = 4 + 4 * label[lone]
        return tags

    @staticmethod
    def read(tags: Ints) -> tuple[Ints, Ints, Ints]:
        """Start, end and label of the spans that valid tags spell."""
        kind = np.where(tags > 0, (tags - 1) % 4, -1)
        start, last = (
            np.flatnonzero((kind == 0) | (kind == 3)),
            np.flatnonzero((kind == 2) | (kind == 3)),
        )
        return start, last + 1, (tags[start] - 1) // 4


class CRF(nn.Module):
    """Scores of tag sequences: those of the tags, of each pair of neighbours, of the first and of the last tag.

    Emissions are float[sentences, longest, tags]; `inside` bool[sentences, longest] says which cells are no padding, which follows the
    sentence; each sentence has a token at least.
    """

    follows: Tensor
    begins: Tensor
    ends: Tensor

    def __init__(self, tags: Tags) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(tags.size, tags.size))
        self.first = nn.Parameter(torch.zeros(tags.size))
        self.last = nn.Parameter(torch.zeros(tags.size))
        for name, allowed in zip(("follows", "begins", "ends"), tags.allowed(), strict=True):
            self.register_buffer(name, torch.from_numpy(allowed), persistent=False)

    def scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Transitions, first and last tags, with what is not allowed at NEVER, float32."""
        parts = (
            (self.transitions, self.follows),
            (self.first, self.begins),
            (self.last, self.ends),
        )
        return tuple(part.float().masked_fill(~allowed, NEVER) for part, allowed in parts)  # type: ignore[return-value]

    def forward_scores(
        self, emissions: Tensor, inside: Tensor, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """The log of the sum over all that leads to each cell, float[sentences, longest, tags], and over all paths, float[sentences]."""
        transitions, first, last = (part / temperature for part in self.scores())
        matrix, emissions = transitions.exp(), emissions.float() / temperature
        alpha = first + emissions[:, 0]
        alphas = [alpha]
        with _exactly(emissions):
            for step in range(1, emissions.shape[1]):
                alpha = torch.where(
                    inside[:, step, None], _product(alpha, matrix) + emissions[:, step], alpha
                )
                alphas.append(alpha)
        return torch.stack(alphas, 1), (alpha + last).logsumexp(1)

    def backward_scores(
        self, emissions: Tensor, inside: Tensor, temperature: float = 1.0
    ) -> Tensor:
        """For each cell the log of the sum over all that may follow it, float[sentences, longest, tags]; its own emission is not in it."""
        transitions, _, last = (part / temperature for part in self.scores())
        matrix, emissions = transitions.exp().t(), emissions.float() / temperature
        beta = last.expand(len(emissions), -1)
        betas = [beta]
        with _exactly(emissions):
            for step in range(emissions.shape[1] - 1, 0, -1):
                beta = torch.where(
                    inside[:, step, None], _product(beta + emissions[:, step], matrix), beta
                )
                betas.append(beta)
        return torch.stack(betas[::-1], 1)

    def loss(self, emissions: Tensor, inside: Tensor, allowed: Tensor) -> Tensor:
        """Minus the log probability of all paths through allowed tags, bool[sentences, longest, tags], float[sentences]."""
        emissions = emissions.float()
        _, every = self.forward_scores(emissions, inside)
        _, good = self.forward_scores(emissions.masked_fill(~allowed, NEVER), inside)
        return every - good

    def best(self, emissions: Tensor, inside: Tensor) -> Tensor:
        """The best path (Viterbi 1967), int64[sentences, longest]; padding is tag 0."""
        transitions, first, last = self.scores()
        emissions = emissions.float()
        score, came = first + emissions[:, 0], []
        stay = torch.arange(emissions.shape[2], device=emissions.device)
        for step in range(1, emissions.shape[1]):
            top, origin = (score.unsqueeze(2) + transitions).max(1)
            score = torch.where(inside[:, step, None], top + emissions[:, step], score)
            came.append(torch.where(inside[:, step, None], origin, stay))
        tag = (score + last).argmax(1)
        path = [tag]
        for origin in reversed(came):
            tag = origin.gather(1, tag.unsqueeze(1)).squeeze(1)
            path.append(tag)
        return torch.stack(path[::-1], 1).masked_fill(~inside, 0)

    def span_scores(
        self, emissions: Tensor, inside: Tensor, spans: tuple[Tensor, ...], temperature: float = 1.0
    ) -> Tensor:
        """The probability that a sentence has exactly this span with this label, float32[spans].

        Args:
            spans: sentence, first cell, last cell (inclusive) and label of each, int64[spans].
        """
        row, first, last, label = spans
        alphas, total = self.forward_scores(emissions, inside, temperature)
        betas = self.backward_scores(emissions, inside, temperature)
        transitions = self.scores()[0] / temperature
        emissions = emissions.float() / temperature
        begin, middle, end, alone = (k + 4 * label for k in (1, 2, 3, 4))
        sums = emissions.double().cumsum(1)
        between = (sums[row, last - 1, middle] - sums[row, first, middle]).float() + (
            last - first - 2
        ) * transitions[middle, middle]
        through = transitions[begin, middle] + between + transitions[middle, end]
        path = (
            torch.where(last == first + 1, transitions[begin, end], through)
            + emissions[row, last, end]
        )
        long = alphas[row, first, begin] + path + betas[row, last, end]
        short = alphas[row, first, alone] + betas[row, last, alone]
        return (torch.where(last == first, short, long) - total[row]).exp().clamp(0, 1)


def _exactly(scores: Tensor) -> torch.autocast:
    """Products in the type of the tensors, whatever the networks around compute in."""
    return torch.autocast(scores.device.type, enabled=False)


def _product(scores: Tensor, matrix: Tensor) -> Tensor:
    """log(exp(scores) @ matrix), for float[rows, tags]."""
    top = scores.detach().amax(1, keepdim=True)
    return ((scores - top).exp() @ matrix).clamp_min(_LEAST).log() + top
