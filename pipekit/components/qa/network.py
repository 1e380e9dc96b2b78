"""The network of the reader: a passage read with a question in mind, and a score for every span of it and for "no answer here".

After DrQA (Chen et al. 2017): tokens of the passage with their likeness to words of the question, and the question aligned to each of
them by attention, through an LSTM in both directions; a bilinear form with the question scores beginnings and ends. Spans and "no
answer" are normalised together (Lee et al. 2016; Clark and Gardner 2018), so that scores of different passages compare.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipekit.components.qa.matching import BEGINNING, FORM, LEMMA
from pipekit.nn.sequences import WordDropout, reorder, reverse

REACHES = (2, 5, 10, 20, 50)  # tokens to each side within which words of the question are counted
_MATCHES = 9  # figures that `matches` gives, besides those
MATCH_FEATURES = _MATCHES + 2 * len(REACHES)
_NEVER = -1e4


class Passages(NamedTuple):
    """Padded passages, each with its question.

    `text` float[n, longest, in] and `question` float[n, words, in] are vectors of an encoder, `inside` and `asked` bool say which cells
    are no padding; `like` uint8[n, longest, words] is `matching.likeness`, `rare` float[n, longest] and `sought` float[n, words] are
    `matching.rarity`; `sentence` int64[n, longest] numbers the sentences within a passage.
    """

    text: Tensor
    inside: Tensor
    question: Tensor
    asked: Tensor
    like: Tensor
    rare: Tensor
    sought: Tensor
    sentence: Tensor


class PassageNetwork(nn.Module):
    """Args: width of an encoder's vectors, of what is made of them (`mixed`), of each direction of the LSTM (`hidden`); longest answer."""

    def __init__(
        self, width: int, mixed: int, hidden: int, longest: int, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.longest = longest
        self.dropout = WordDropout(dropout)
        self.mix = nn.Linear(width, mixed)
        self.align = nn.Linear(mixed, mixed)
        self.attend = nn.Linear(mixed, 2)
        self.to_text = nn.Linear(2 * mixed, mixed)
        self.norm = nn.LayerNorm(4 * mixed)
        read = 4 * mixed + MATCH_FEATURES
        self.ahead = nn.LSTM(read, hidden, batch_first=True)
        self.back = nn.LSTM(read, hidden, batch_first=True)
        self.spot = nn.Linear(2 * hidden + read, 2 * mixed)
        self.aims = nn.Linear(2 * mixed, 2 * mixed)
        self.edges = nn.Linear(2 * mixed, 2)
        self.lengths = nn.Parameter(torch.zeros(longest))
        self.none = nn.Sequential(
            nn.Linear(2 * mixed + MATCH_FEATURES, mixed), nn.GELU(), nn.Linear(mixed, 1)
        )

    def forward(self, given: Passages) -> tuple[Tensor, Tensor]:
        """Scores float32[n, longest text, longest answer] of the spans by first token and length less one, and float32[n] of no answer."""
        text, question = (
            self.dropout(functional.gelu(self.mix(self.dropout(vectors))))
            for vectors in (given.text, given.question)
        )
        figures = torch.cat([matches(given), nearness(given)], dim=2)
        aim = self._aim(question, given.asked)
        aligned = self._aligned(text, question, given.asked)
        wanted = self.to_text(aim)[:, None] * text
        read = torch.cat(
            [self.norm(torch.cat([text, aligned, text * aligned, wanted], dim=2)).float(), figures],
            dim=2,
        )
        spots = functional.gelu(
            self.spot(self.dropout(torch.cat([self._states(read, given.inside), read], dim=2)))
        )
        pointed = self.edges(self.dropout(spots * (1 + self.aims(aim)[:, None]))).float()
        top = figures.masked_fill(~given.inside[..., None], 0).amax(1)
        return self._spans(pointed, given.inside), self.none(torch.cat([aim, top], dim=1)).float()[
            :, 0
        ]

    def _aim(self, question: Tensor, asked: Tensor) -> Tensor:
        """What a question wants: two weighted means of its words, float[n, 2 * mixed]."""
        weights = (
            self.attend(question)
            .float()
            .masked_fill(~asked[..., None], _NEVER)
            .softmax(1)
            .to(question.dtype)
        )
        means: Tensor = weights.transpose(1, 2) @ question
        return means.flatten(1)

    def _aligned(self, text: Tensor, question: Tensor, asked: Tensor) -> Tensor:
        ours, theirs = functional.relu(self.align(text)), functional.relu(self.align(question))
        weights = (
            (ours @ theirs.transpose(1, 2)).float().masked_fill(~asked[:, None], _NEVER).softmax(2)
        )
        aligned: Tensor = weights.to(question.dtype) @ question
        return aligned

    def _states(self, read: Tensor, inside: Tensor) -> Tensor:
        """Both directions; the backward one reads each passage reversed within its own length, so that padding always follows."""
        order = reverse(inside)
        return torch.cat(
            [self.ahead(read)[0], reorder(self.back(reorder(read, order))[0], order)], dim=2
        )

    def _spans(self, pointed: Tensor, inside: Tensor) -> Tensor:
        ends = pointed[..., 1].masked_fill(~inside, _NEVER)
        later = functional.pad(ends, (0, self.longest - 1), value=_NEVER).unfold(1, self.longest, 1)
        starts = pointed[..., :1].masked_fill(~inside[..., None], _NEVER)
        return starts + later + self.lengths.float()


def matches(given: Passages) -> Tensor:
    """How each token matches the question, how rare it is, how much of the question its sentence has; float[n, longest, 9]."""
    worth = given.sought[:, None] * given.asked[:, None]
    kinds = [(given.like >= kind) * worth for kind in (BEGINNING, LEMMA, FORM)]
    best = [kind.amax(2) for kind in kinds]
    found = [(value > 0).to(value.dtype) for value in best]
    cover = covered(kinds[0], given) / worth.sum(2).clamp_min(1e-3)
    return torch.stack(
        [*best, *found, given.rare, cover, cover / cover.amax(1, keepdim=True).clamp_min(1e-3)],
        dim=2,
    )


def covered(worth: Tensor, given: Passages) -> Tensor:
    """How much of the question's worth, float[n, longest, words] by token, the sentence of each token has, float[n, longest]."""
    sentences = int(given.sentence.max()) + 1
    rows = given.sentence[..., None].expand_as(worth)
    found = worth.new_zeros(worth.shape[0], sentences, worth.shape[2]).scatter_reduce(
        1, rows, worth * given.inside[..., None], "amax"
    )
    return torch.take_along_dim(found.sum(2), given.sentence, dim=1)


def nearness(given: Passages) -> Tensor:
    """The worth of matches within REACHES before and behind each token, as a share of the question's; float[n, longest, 2 * reaches]."""
    worth = ((given.like >= BEGINNING) * given.sought[:, None] * given.asked[:, None]).amax(
        2
    ) * given.inside
    sums = functional.pad(worth.cumsum(1), (1, 0))
    size = worth.shape[1]
    places = torch.arange(size, device=worth.device)
    whole = (given.sought * given.asked).sum(1)[:, None].clamp_min(1e-3)
    before = [(sums[:, :-1] - sums[:, (places - reach).clamp_min(0)]) / whole for reach in REACHES]
    behind = [
        (sums[:, (places + 1 + reach).clamp_max(size)] - sums[:, 1:]) / whole for reach in REACHES
    ]
    return torch.stack([*before, *behind], dim=2)
