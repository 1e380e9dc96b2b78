"""The network of the reader: a passage read for a question, with a score for each span of it.

After DrQA (Chen et al. 2017). An LSTM in both directions reads the tokens of a passage, each with
its likeness to words of the question and with the question aligned to it by attention. A bilinear
form with the question scores beginnings and ends. Spans and "no answer here" are normalised
together (Lee et al. 2016; Clark and Gardner 2018), so scores of different passages can be compared.

Shapes: N passages, T tokens of the longest passage, Q words of the longest question, M the setting
`mixed`, H the setting `hidden`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipekit.components.qa.matching import BEGINNING, FORM, LEMMA
from pipekit.nn.sequences import WordDropout, reorder, reverse

REACHES = (2, 5, 10, 20, 50)  # tokens to each side within which words of the question are counted
_MATCHES = 9  # features that `match_features` gives
MATCH_FEATURES = _MATCHES + 2 * len(REACHES)
_NEVER = -1e4  # the logit of padding
_TINY = 1e-3  # the least divisor


class Passages(NamedTuple):
    """Padded passages, each with its question.

    Attributes:
        text: vectors of an encoder, float[N, T, width].
        text_mask: where `text` is no padding, bool[N, T].
        question: vectors of an encoder, float[N, Q, width].
        question_mask: where `question` is no padding, bool[N, Q].
        likeness: `matching.word_likeness` of tokens and words of the question, uint8[N, T, Q].
        text_rarity: `matching.word_rarity` of the tokens, float[N, T].
        question_rarity: `matching.word_rarity` of the words of the question, float[N, Q].
        sentence: the number of each token's sentence within the passage, int64[N, T].
    """

    text: Tensor
    text_mask: Tensor
    question: Tensor
    question_mask: Tensor
    likeness: Tensor
    text_rarity: Tensor
    question_rarity: Tensor
    sentence: Tensor


class PassageNetwork(nn.Module):
    """Scores of spans and of "no answer here".

        text     = mix(passages.text)                                    (N, T, M)
        question = mix(passages.question)                                (N, Q, M)
        aim      = two means of the question, by attention               (N, 2M)
        aligned  = for each token, a mean of the question, by similarity (N, T, M)
        wanted   = to_text(aim) * text                                   (N, T, M)
        features = match_features, nearness                              (N, T, MATCH_FEATURES)
        read     = norm(text, aligned, text * aligned, wanted), features (N, T, 4M + MATCH_FEATURES)
        states   = ahead(read), back(read)                               (N, T, 2H)
        spots    = spot(states, read)                                    (N, T, 2M)
        edges    = edges(spots * (1 + aims(aim)))                        (N, T, 2)
        spans    = start + end + length, of the edges                    (N, T, longest)
        none     = none(aim, maxima of the features)                     (N,)

    Args:
        width: of the encoder's vectors.
        mixed: width of the vectors that are made of these.
        hidden: width of each direction of the LSTM.
        longest: tokens of the longest answer.
    """

    def __init__(
        self,
        width: int,
        mixed: int,
        hidden: int,
        longest: int,
        dropout: float = 0.3,
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
            nn.Linear(2 * mixed + MATCH_FEATURES, mixed),
            nn.GELU(),
            nn.Linear(mixed, 1),
        )

    def forward(self, passages: Passages) -> tuple[Tensor, Tensor]:
        """Scores of spans and of "no answer here".

        Returns:
            spans: by first token and length less one, float32[N, T, longest].
            none: float32[N].
        """
        text = self._mix(passages.text)  # (N, T, M)
        question = self._mix(passages.question)  # (N, Q, M)
        matches = match_features(passages)
        features = torch.cat([matches, nearness(passages)], dim=2)
        aim = self._aim(question, passages.question_mask)  # (N, 2M)
        aligned = self._align(text, question, passages.question_mask)  # (N, T, M)
        wanted = self.to_text(aim)[:, None] * text
        vectors = torch.cat([text, aligned, text * aligned, wanted], dim=2)
        normed = self.norm(vectors).float()
        read = torch.cat([normed, features], dim=2)

        states = self._read_both_ways(read, passages.text_mask)  # (N, T, 2H)
        spots = torch.cat([states, read], dim=2)
        spots = self.spot(self.dropout(spots))
        spots = functional.gelu(spots)  # (N, T, 2M)
        factors = 1 + self.aims(aim)[:, None]  # (N, 1, 2M)
        aimed = self.dropout(spots * factors)
        edges = self.edges(aimed)  # (N, T, 2)
        spans = self._spans(edges.float(), passages.text_mask)

        padding = ~passages.text_mask[..., None]
        maxima = features.masked_fill(padding, 0).amax(1)
        none = self.none(torch.cat([aim, maxima], dim=1))  # (N, 1)
        return spans, none.float()[:, 0]

    def _mix(self, vectors: Tensor) -> Tensor:
        mixed = self.mix(self.dropout(vectors))
        dropped: Tensor = self.dropout(functional.gelu(mixed))
        return dropped

    def _aim(
        self,
        question: Tensor,  # float[N, Q, M]
        mask: Tensor,  # bool[N, Q]
    ) -> Tensor:
        """What a question asks for: two weighted means of its words, float[N, 2M]."""
        logits = self.attend(question).float()
        logits = logits.masked_fill(~mask[..., None], _NEVER)
        weights = logits.softmax(1).to(question.dtype)  # (N, Q, 2)
        means: Tensor = weights.transpose(1, 2) @ question
        return means.flatten(1)

    def _align(
        self,
        text: Tensor,  # float[N, T, M]
        question: Tensor,  # float[N, Q, M]
        mask: Tensor,  # bool[N, Q]
    ) -> Tensor:
        """For each token, a mean of the question weighted by similarity, float[N, T, M]."""
        text_keys = functional.relu(self.align(text))
        question_keys = functional.relu(self.align(question))
        logits = text_keys @ question_keys.transpose(1, 2)
        logits = logits.float().masked_fill(~mask[:, None], _NEVER)
        weights = logits.softmax(2).to(question.dtype)  # (N, T, Q)
        aligned: Tensor = weights @ question
        return aligned

    def _read_both_ways(
        self,
        read: Tensor,  # float[N, T, 4M + MATCH_FEATURES]
        mask: Tensor,  # bool[N, T]
    ) -> Tensor:
        """States of both directions, float[N, T, 2H].

        The backward direction reads each passage reversed within its own length, so that padding
        always follows.
        """
        order = reverse(mask)
        ahead, _ = self.ahead(read)
        back, _ = self.back(reorder(read, order))
        return torch.cat([ahead, reorder(back, order)], dim=2)

    def _spans(
        self,
        edges: Tensor,  # float[N, T, 2]
        mask: Tensor,  # bool[N, T]
    ) -> Tensor:
        """The score of a start, of an end and of a length, added up, float[N, T, longest]."""
        padding = ~mask
        starts = edges[..., :1].masked_fill(padding[..., None], _NEVER)
        ends = edges[..., 1].masked_fill(padding, _NEVER)
        padded = functional.pad(ends, (0, self.longest - 1), value=_NEVER)
        later = padded.unfold(1, self.longest, 1)  # the ends from each token on
        return starts + later + self.lengths.float()


def match_features(passages: Passages) -> Tensor:
    """How tokens and their sentences match the question, float[N, T, 9].

    The features: the rarity of the rarest word of the question that the token is like by its
    beginning, by lemma, by form; for each of these three, whether there is one; the rarity of the
    token; the share of the question that its sentence has; this share beside the greatest one in
    the passage.
    """
    matches = [_matched_worth(passages, kind) for kind in (BEGINNING, LEMMA, FORM)]
    rarest = []
    is_match = []
    for match in matches:
        worth = match.amax(2)
        is_above = worth > 0
        rarest.append(worth)
        is_match.append(is_above.to(worth.dtype))
    whole = _question_worth(passages).sum(1)[:, None]
    cover = covered_worth(matches[0], passages)
    cover = cover / whole.clamp_min(_TINY)
    greatest = cover.amax(1, keepdim=True).clamp_min(_TINY)
    features = (
        *rarest,
        *is_match,
        passages.text_rarity,
        cover,
        cover / greatest,
    )
    return torch.stack(features, dim=2)


def _question_worth(passages: Passages) -> Tensor:
    """What each word of a question counts: its rarity, 0 for padding; float[N, Q]."""
    return passages.question_rarity * passages.question_mask


def _matched_worth(
    passages: Passages,
    kind: int,
) -> Tensor:
    """The worth of the words of the question that each token is like, float[N, T, Q].

    `kind` is how like the two must be at least.
    """
    worth = _question_worth(passages)[:, None]  # (N, 1, Q)
    return (passages.likeness >= kind) * worth


def covered_worth(
    worth: Tensor,  # of the words of the question that each token is like, float[N, T, Q]
    passages: Passages,
) -> Tensor:
    """How much of the question's worth the sentence of each token has, float[N, T]."""
    rows, _, words = worth.shape
    sentences = int(passages.sentence.max()) + 1
    zeros = worth.new_zeros(rows, sentences, words)
    index = passages.sentence[..., None].expand_as(worth)
    inside = worth * passages.text_mask[..., None]
    best = zeros.scatter_reduce(1, index, inside, "amax")  # (N, sentences, Q)
    totals = best.sum(2)
    return torch.take_along_dim(totals, passages.sentence, dim=1)


def nearness(passages: Passages) -> Tensor:
    """The worth of matches near each token, as a share of the question's.

    Returns:
        float[N, T, 2 * reaches]: within each of REACHES before the token, then behind it.
    """
    matches = _matched_worth(passages, BEGINNING)
    worth = matches.amax(2) * passages.text_mask  # (N, T)
    sums = functional.pad(worth.cumsum(1), (1, 0))  # (N, T + 1): the worth of all tokens before
    up_to_token = sums[:, :-1]
    with_token = sums[:, 1:]
    whole = _question_worth(passages).sum(1)[:, None]
    whole = whole.clamp_min(_TINY)
    size = worth.shape[1]
    places = torch.arange(size, device=worth.device)
    before = []
    behind = []
    for reach in REACHES:
        first = (places - reach).clamp_min(0)
        last = (places + 1 + reach).clamp_max(size)
        worth_before = up_to_token - sums[:, first]
        worth_behind = sums[:, last] - with_token
        before.append(worth_before / whole)
        behind.append(worth_behind / whole)
    return torch.stack([*before, *behind], dim=2)
