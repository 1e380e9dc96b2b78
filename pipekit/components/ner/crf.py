"""A linear-chain conditional random field (Lafferty et al. 2001) over padded sentences.

All sums are in float32. One step of the forward algorithm is a product with the matrix of
exp(transitions) (Sutton and McCallum 2012, section 5.2, scaled by the highest value at each step).
That is many times faster than a sum over pairs of tags in log space.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipekit.allowance import take
from pipekit.components.ner.bioes import BEGIN, END, INSIDE, KINDS, SINGLE, BioesTags
from pipekit.nn.sequences import reorder, reverse

NEVER = -1e4  # the score of a tag or a transition that is not allowed
_LEAST = 1e-30  # keeps log(0) finite; well above what processors flush to zero


class ChainScores(NamedTuple):
    """The scores of a chain that no token changes, float32; `NEVER` for what is not allowed."""

    transitions: Tensor  # (T, T), [tag, next tag]
    first: Tensor  # (T,)
    last: Tensor  # (T,)

    def tempered(self, temperature: float) -> ChainScores:
        """The scores divided by a temperature."""
        return ChainScores(
            transitions=self.transitions / temperature,
            first=self.first / temperature,
            last=self.last / temperature,
        )


class Lattice(NamedTuple):
    """Logs of sums over the beginnings of paths, over their ends, and over whole paths; see `CRF`.

    Alphas and betas of padding mean nothing.
    """

    alphas: Tensor  # (B, L, T)
    betas: Tensor  # (B, L, T)
    total: Tensor  # (B,)


class SpanCells(NamedTuple):
    """Spans as cells of a lattice, int64[spans] each."""

    sentence: Tensor
    first: Tensor
    last: Tensor  # inclusive
    label: Tensor


class CRF(nn.Module):
    """Scores of tag sequences, as paths through a lattice of B sentences, L tokens and T tags.

        token          0                 1                 2
                    ┌─────┐           ┌─────┐           ┌─────┐
                    │  O  │           │  O  │           │  O  │
         first  ──▶ │  B  │ ────────▶ │  B  │ ────────▶ │  B  │ ──▶  last
         (T,)       │  I  │  (T, T)   │  I  │  (T, T)   │  I  │      (T,)
                    │  E  │           │  E  │           │  E  │
                    │  S  │           │  S  │           │  S  │
                    └─────┘           └─────┘           └─────┘
                   emission  transi-  emission  transi-  emission
                     (T,)     tions     (T,)     tions     (T,)

        alphas      log of the sum over all ways into a cell, with its emission       ──▶
        betas       log of the sum over all ways out of a cell, without its emission  ◀──
        total       log of the sum over all paths

    A path takes one cell of each column. Its score is the sum of the emissions of its cells, of the
    transitions between them, and of `first` and `last` at its ends. So ``alphas + betas - total``
    is the log probability that a path goes through a cell.

    `inside` is False for padding, which stands after the tokens of a sentence. Each sentence has at
    least one token.
    """

    follows: Tensor
    begins: Tensor
    ends: Tensor

    def __init__(self, tags: BioesTags) -> None:
        super().__init__()
        size = tags.size
        self.transitions = nn.Parameter(torch.zeros(size, size))
        self.first = nn.Parameter(torch.zeros(size))
        self.last = nn.Parameter(torch.zeros(size))
        take(8 * size**2, "the tags of all labels")
        for name, mask in tags.allowed()._asdict().items():
            self.register_buffer(name, torch.from_numpy(mask), persistent=False)

    def scores(self) -> ChainScores:
        """The learned scores, with `NEVER` for what is not allowed."""
        transitions = self.transitions.float()
        first = self.first.float()
        last = self.last.float()
        return ChainScores(
            transitions=transitions.masked_fill(~self.follows, NEVER),
            first=first.masked_fill(~self.begins, NEVER),
            last=last.masked_fill(~self.ends, NEVER),
        )

    def totals(
        self,
        emissions: Tensor,  # (B, L, T)
        inside: Tensor,  # bool (B, L)
    ) -> Tensor:
        """The total of each sentence, float[B]."""
        chain = self.scores()
        emissions = emissions.float()
        begins = chain.first + emissions[:, 0]  # (B, T)
        alphas, _ = _sums(begins, emissions, inside, chain.transitions.exp())
        finished = alphas[-1] + chain.last
        return finished.logsumexp(1)

    def lattice(
        self,
        emissions: Tensor,  # (B, L, T)
        inside: Tensor,  # bool (B, L)
        temperature: float = 1.0,
    ) -> Lattice:
        """The alphas and betas of all cells, and the total of each sentence.

        Both directions go in one loop: backwards the sentences are reversed within their lengths,
        so that padding stands behind them, too.
        """
        chain = self.scores().tempered(temperature)
        transitions = chain.transitions.exp()
        matrices = torch.stack([transitions, transitions.t()])  # (2, T, T)
        emissions = emissions.float() / temperature
        order = reverse(inside)
        both = torch.stack([emissions, reorder(emissions, order)])  # (2, B, L, T)
        ends = torch.stack([chain.first, chain.last]).unsqueeze(1)  # (2, 1, T)
        sums, reached = _sums(ends + both[:, :, 0], both, inside, matrices)
        alphas = [forwards for forwards, _ in sums]
        betas = [chain.last.expand(len(emissions), -1)]
        betas += [backwards for _, backwards in reached]
        finished = alphas[-1] + chain.last
        return Lattice(
            alphas=torch.stack(alphas, 1),
            betas=reorder(torch.stack(betas, 1), order),
            total=finished.logsumexp(1),
        )

    def loss(
        self,
        emissions: Tensor,  # (B, L, T)
        inside: Tensor,  # bool (B, L)
        allowed: Tensor,  # bool (B, L, T)
    ) -> Tensor:
        """Minus the log probability of all paths through allowed tags, float[B].

        Where an annotation leaves a token open, all its tags are allowed.
        """
        emissions = emissions.float()
        allowed_emissions = emissions.masked_fill(~allowed, NEVER)
        return self.totals(emissions, inside) - self.totals(allowed_emissions, inside)

    def best(
        self,
        emissions: Tensor,  # (B, L, T)
        inside: Tensor,  # bool (B, L)
    ) -> Tensor:
        """The path with the highest score (Viterbi 1967), int64[B, L]; padding is tag 0."""
        chain = self.scores()
        emissions = emissions.float()
        _, length, size = emissions.shape
        same_tag = torch.arange(size, device=emissions.device)  # (T,)
        score = chain.first + emissions[:, 0]  # (B, T)
        origins = []  # of each step after the first: the best tag before each tag, (B, T)
        for step in range(1, length):
            is_token = inside[:, step, None]  # (B, 1)
            pairs = score.unsqueeze(2) + chain.transitions  # (B, T, T), [tag, next tag]
            top, origin = pairs.max(1)  # (B, T) each
            reached = top + emissions[:, step]
            score = torch.where(is_token, reached, score)
            origins.append(torch.where(is_token, origin, same_tag))

        finished = score + chain.last
        tag = finished.argmax(1)  # (B,)
        path = [tag]
        for origin in reversed(origins):
            tag = origin.gather(1, tag.unsqueeze(1)).squeeze(1)
            path.append(tag)
        path.reverse()
        return torch.stack(path, 1).masked_fill(~inside, 0)

    def span_scores(
        self,
        emissions: Tensor,  # (B, L, T)
        inside: Tensor,  # bool (B, L)
        spans: SpanCells,
        temperature: float = 1.0,
    ) -> Tensor:
        """The probability that a sentence has exactly this span with this label, float32[spans].

        All paths that spell a span share its tags. So their sum is that of all ways into its first
        cell, of the one way through it, and of all ways out of its last cell:

            ──▶ B ─▶ I ─▶ I ─▶ E ──▶        of several tokens
            ──▶ S ──▶                       of one token
        """
        sentence, first, last, label = spans
        begin = BEGIN + KINDS * label
        end = END + KINDS * label
        single = SINGLE + KINDS * label
        alphas, betas, total = self.lattice(emissions, inside, temperature)
        chain = self.scores().tempered(temperature)
        emissions = emissions.float() / temperature

        way_in = alphas[sentence, first, begin]
        through = _scores_through(spans, emissions, chain.transitions)
        way_out = betas[sentence, last, end]
        of_several = way_in + through + way_out

        way_in = alphas[sentence, first, single]
        way_out = betas[sentence, last, single]
        of_one = way_in + way_out

        paths = torch.where(last == first, of_one, of_several)
        log_probability = paths - total[sentence]
        return log_probability.exp().clamp(0, 1)


def _scores_through(
    spans: SpanCells,
    emissions: Tensor,  # (B, L, T)
    transitions: Tensor,  # (T, T)
) -> Tensor:
    """From the first to the last cell of spans of several tokens, float[spans].

    The emission of the first cell is left out: it belongs to the alpha there.
    """
    sentence, first, last, label = spans
    begin = BEGIN + KINDS * label
    inner = INSIDE + KINDS * label
    end = END + KINDS * label

    # Between the ends all tags are I. The sums are in float64, since their difference counts.
    sums = emissions.double().cumsum(1)  # (B, L, T)
    up_to_inner = sums[sentence, last - 1, inner]
    up_to_first = sums[sentence, first, inner]
    inner_emissions = (up_to_inner - up_to_first).float()
    steps = last - first - 2
    inner_transitions = steps * transitions[inner, inner]
    between = inner_emissions + inner_transitions

    step_in = transitions[begin, inner]
    step_out = transitions[inner, end]
    by_inner = step_in + between + step_out
    at_once = transitions[begin, end]
    has_two = last == first + 1
    ways = torch.where(has_two, at_once, by_inner)
    return ways + emissions[sentence, last, end]


def _without_autocast(scores: Tensor) -> torch.autocast:
    """Products in the type of the tensors, also where the networks around compute in bfloat16."""
    return torch.autocast(scores.device.type, enabled=False)


def _sums(
    begins: Tensor,  # (…, B, T)
    emissions: Tensor,  # (…, B, L, T)
    inside: Tensor,  # bool (B, L)
    matrix: Tensor,  # (…, T, T)
) -> tuple[list[Tensor], list[Tensor]]:
    """Logs of the sums over all ways into the cells of each column, with its emissions, and of each
    column but the first without these, float[…, B, T] each. Padding keeps what was before it.
    """
    state = begins
    with_emissions = [state]
    without = []
    with _without_autocast(emissions):
        for step in range(1, emissions.shape[-2]):
            is_token = inside[:, step, None]  # (B, 1)
            reached = _log_product(state, matrix)
            state = torch.where(is_token, reached + emissions[..., step, :], state)
            with_emissions.append(state)
            without.append(reached)
    return with_emissions, without


def _log_product(
    scores: Tensor,  # (…, B, T)
    matrix: Tensor,  # (…, T, T)
) -> Tensor:
    """log(exp(scores) @ matrix), float[…, B, T]."""
    top = scores.detach().amax(-1, keepdim=True)  # (…, B, 1)
    scaled = (scores - top).exp()
    product = scaled @ matrix
    return product.clamp_min(_LEAST).log() + top
