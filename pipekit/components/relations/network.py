"""The networks of the relation extractor: tokens read with the types of entities, pairs scored.

    vectors of tokens ── TokenReader ── PairScorer ── scores of each pair alone
                                                          │
                                                      OtherPairs ── corrections by other pairs

Shapes: T tokens, E entities, P pairs, L labels, H the setting `hidden`, W the width of tokens.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipekit.components.relations.pairs import (
    RIVAL_CODES,
    Entities,
    EntityPairs,
    geometry_codes,
    geometry_size,
    rival_codes,
    tokens_between,
)
from pipekit.components.relations.sparse_table import sparse_table, table_rows
from pipekit.devices.placement import to_device
from pipekit.nn.context import narrow_layer, sentence_lstm
from pipekit.nn.sequences import read_sequences
from pipekit.parts.contracts import Axes
from pipekit.words.arrays import Bools, Ints, pair_keys, ranges

_KIND_WIDTH = 32
_OTHERS_WIDTH = 128
_PARTS = 5  # of what is known of other pairs, each with a number for each label
_UNKNOWN = -1  # stands for the kind of an unknown label
_RARE = -3.0  # the bias of labels before training: few pairs have any


class TokenReader(nn.Module):
    """Narrow vectors of tokens, and beside them what an LSTM over the sentence makes of them.

    The LSTM sees a mark where an entity begins and one where it ends, two for each kind (after the
    typed markers of Zhong and Chen 2021, https://arxiv.org/abs/2010.12812).

    Args:
        width: width of the vectors.
        hidden: width of the narrow ones.
        context: width of the LSTM, both directions together; 0 for no LSTM, and no marks.
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        context: int,
        kinds: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.width = hidden + context
        self.narrow = narrow_layer(width, hidden, dropout, token_dropout=dropout / 2)
        self.marks = nn.Embedding(2 * kinds + 2, hidden)
        nn.init.normal_(self.marks.weight, std=0.3)
        self.dropout = nn.Dropout(dropout)
        self.network = sentence_lstm(hidden, context)

    @staticmethod
    def rows(kinds: Sequence[str]) -> dict[str, Axes]:
        """Which rows stand for which kinds, see `Head.rows`; the first two for unknown ones."""
        marks = [(edge, kind) for kind in (_UNKNOWN, *kinds) for edge in range(2)]
        return {"tokens.marks.weight": (marks, None)}

    def forward(
        self,
        vectors: Tensor,  # float[T, width]
        sequences: Ints,  # borders of the sentences, int64[sentences + 1]
        entities: Entities,
        needed: Bools,  # tokens whose states are looked at, bool[T]
    ) -> Tensor:
        """Hidden states float[T, self.width]."""
        narrow: Tensor = self.narrow(vectors)  # (T, H)
        if self.network is None:
            return narrow
        if not len(narrow):
            return narrow.new_zeros(0, self.width)
        marked = self._mark(narrow, entities)
        states = read_sequences(self.network, self.dropout(marked), sequences, needed)
        return torch.cat([narrow, states], dim=1)

    def _mark(
        self,
        narrow: Tensor,
        entities: Entities,
    ) -> Tensor:
        """Add the marks to the first and the last token of each entity, float[T, H]."""
        first_tokens = entities.start
        last_tokens = entities.end - 1
        # The kind of an unknown label is -1, so its marks are 0 and 1.
        first_marks = entities.kind * 2 + 2
        last_marks = entities.kind * 2 + 3
        tokens = np.concatenate([first_tokens, last_tokens])  # int64[2 * E]
        numbers = np.concatenate([first_marks, last_marks])  # int64[2 * E]
        marks = self.marks(to_device(numbers, narrow.device))
        rows = to_device(tokens, narrow.device)
        return narrow.index_add(0, rows, marks.to(narrow.dtype))


class EntityStates(NamedTuple):
    """What `PairScorer` makes of tokens and entities, once for all pairs.

    Attributes:
        head, tail: what an entity adds to a pair as its head and as its tail, float[E, H].
        left, right: factors of the product of a pair, float[E, H].
        maxima: the sparse table of the tokens, float[ranges + 1, H / 2].
    """

    head: Tensor
    tail: Tensor
    left: Tensor
    right: Tensor
    maxima: Tensor


class PairCodes(NamedTuple):
    """All that is known of pairs by numbers, int64[P] each, on the device.

    Attributes:
        head, tail: numbers of the entities.
        types: the types of head and tail as one number.
        geometry: `geometry_codes`.
        rivals: `rival_codes`.
        first_range, last_range: the rows of the sparse table for the tokens between head and tail.
    """

    head: Tensor
    tail: Tensor
    types: Tensor
    geometry: Tensor
    rivals: Tensor
    first_range: Tensor
    last_range: Tensor

    def rows(self, chunk: slice) -> PairCodes:
        """Those of some of the pairs."""
        return PairCodes(*(column[chunk] for column in self))


class PairScorer(nn.Module):
    """Scores of all labels for pairs of entities, each pair alone.

    Of the tokens and entities, once (`read`):

        first token, last token, mean (E, 3W) ─┐
        embedding of the kind (E, 32) ─────────┴─ span (E, H) ── ends (E, 4H)
                                                                   └─ head, tail, left, right
        tokens (T, W) ── between (T, H/2) ── sparse table: maxima

    Of each pair (`forward`), by look-ups in these and in three tables:

        product = left[head] * right[tail]                              (P, H)
        between = the maxima of the tokens between the two              (P, H/2)

        product, between ── mix ────────────────────────────┐
        head[head] + tail[tail] + types + geometry + rivals ┴─ sum (P, H) ── ReLU ─┐
        product ───────────────────────────────────────────────────────────────────┴─ label (P, L)

    Source of the maxima between head and tail: Eberts and Ulges 2020,
    https://arxiv.org/abs/1909.07755.
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        kinds: int,
        sentences: int,
        labels: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.kinds = kinds
        self.sentences = sentences
        self.kind = nn.Embedding(kinds + 1, _KIND_WIDTH)
        self.span = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(3 * width + _KIND_WIDTH, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
        )
        self.ends = nn.Linear(hidden, 4 * hidden)
        self.between = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(width, hidden // 2),
            nn.GELU(),
        )
        self.types = nn.Embedding(kinds * kinds, hidden)
        self.geometry = nn.Embedding(geometry_size(sentences), hidden)
        self.rivals = nn.Embedding(RIVAL_CODES, hidden)
        for table in (self.types, self.geometry, self.rivals):
            nn.init.normal_(table.weight, std=0.1)
        self.dropout = nn.Dropout(dropout)
        self.mix = nn.Linear(hidden + hidden // 2, hidden)
        self.label = nn.Linear(2 * hidden, labels)
        nn.init.constant_(self.label.bias, _RARE)

    @staticmethod
    def rows(
        kinds: Sequence[str],
        labels: Sequence[str],
    ) -> dict[str, Axes]:
        """Which rows stand for which kinds and labels, see `Head.rows`."""
        return {
            "pairs.kind.weight": ([_UNKNOWN, *kinds], None),
            "pairs.types.weight": (list(itertools.product(kinds, kinds)), None),
            "pairs.label.weight": (labels, None),
            "pairs.label.bias": (labels,),
        }

    def read(
        self,
        tokens: Tensor,  # float[T, W]
        entities: Entities,
        pairs: EntityPairs,
    ) -> EntityStates:
        """The states of the entities, and the maxima of ranges of tokens as long as pairs need."""
        device = tokens.device
        first = to_device(entities.start, device)
        last = to_device(entities.end - 1, device)
        kind = to_device(entities.kind + 1, device)
        parts = (
            tokens[first],
            tokens[last],
            _entity_means(tokens, entities),
            self.kind(kind).to(tokens.dtype),
        )
        span = self.span(torch.cat(parts, dim=1))  # (E, H)
        ends = self.ends(span)  # (E, 4H)
        head, tail, left, right = self.dropout(ends).chunk(4, dim=1)

        start, end = tokens_between(entities, pairs)
        lengths = end - start
        longest = int(lengths.max(initial=1))
        maxima = sparse_table(self.between(tokens), longest)
        return EntityStates(head, tail, left, right, maxima)

    def codes(
        self,
        entities: Entities,
        pairs: EntityPairs,
        tokens: int,  # in the batch
        device: torch.device,
    ) -> PairCodes:
        """The numbers of all pairs, in one copy to the device."""
        head_kind = entities.kind[pairs.head]
        tail_kind = entities.kind[pairs.tail]
        start, end = tokens_between(entities, pairs)
        first_range, last_range = table_rows(tokens, start, end)
        columns = (
            pairs.head,
            pairs.tail,
            pair_keys(head_kind, tail_kind, self.kinds),
            geometry_codes(entities, pairs, self.sentences),
            rival_codes(entities, pairs, self.kinds),
            first_range,
            last_range,
        )
        return PairCodes(*to_device(np.stack(columns), device))

    def forward(
        self,
        states: EntityStates,
        codes: PairCodes,
    ) -> Tensor:
        """Logits float[P, L]."""
        left = states.left[codes.head]
        right = states.right[codes.tail]
        product = left * right  # (P, H)
        first = states.maxima[codes.first_range]
        last = states.maxima[codes.last_range]
        between = torch.maximum(first, last)  # (P, H / 2)
        mixed = self.mix(torch.cat([product, between], dim=1))
        total = (
            states.head[codes.head]
            + states.tail[codes.tail]
            + self.types(codes.types)
            + self.geometry(codes.geometry)
            + self.rivals(codes.rivals)
            + mixed
        )  # (P, H)
        hidden = self.dropout(functional.relu(total))
        factors = product.to(total.dtype)
        logits: Tensor = self.label(torch.cat([hidden, factors], dim=1))
        return logits


def _entity_means(
    tokens: Tensor,
    entities: Entities,
) -> Tensor:
    """The mean of the tokens of each entity, float[E, W]."""
    device = tokens.device
    lengths = entities.end - entities.start
    owners = np.repeat(np.arange(len(entities)), lengths)
    rows = ranges(entities.start, lengths)
    values = tokens[to_device(rows, device)]
    zeros = tokens.new_zeros(len(entities), tokens.shape[1])
    sums = zeros.index_add(0, to_device(owners, device), values)
    return sums / to_device(lengths, device)[:, None]


class LabelSums(NamedTuple):
    """Probabilities of labels, summed over the pairs of each head and each tail, float[E, L]."""

    head: Tensor
    tail: Tensor


class OtherPairs(nn.Module):
    """What the scores of other pairs with the same head or tail add to the scores of a pair.

    The idea is that of Luan et al. 2019, https://arxiv.org/abs/1904.03296, who pass relations
    between spans. No gradient passes to the scores that are read here.
    """

    def __init__(
        self,
        kinds: int,
        labels: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.types = nn.Embedding(kinds * kinds, _OTHERS_WIDTH)
        nn.init.normal_(self.types.weight, std=0.1)
        self.given = nn.Linear(_PARTS * labels, _OTHERS_WIDTH)
        self.dropout = nn.Dropout(dropout / 2)
        self.label = nn.Linear(_OTHERS_WIDTH, labels)
        nn.init.zeros_(self.label.weight)
        nn.init.zeros_(self.label.bias)

    @staticmethod
    def rows(
        kinds: Sequence[str],
        labels: Sequence[str],
    ) -> dict[str, Axes]:
        """Which rows stand for which kinds and labels, see `Head.rows`."""
        return {
            "others.types.weight": (list(itertools.product(kinds, kinds)), None),
            "others.given.weight": (None, list(itertools.product(range(_PARTS), labels))),
            "others.label.weight": (labels, None),
            "others.label.bias": (labels,),
        }

    def read(
        self,
        logits: Tensor,  # of each pair alone, float[P, L]
        codes: PairCodes,
        entities: int,
    ) -> LabelSums:
        """Sums over all pairs."""
        probabilities = torch.sigmoid(logits.detach())
        zeros = probabilities.new_zeros(entities, probabilities.shape[1])
        return LabelSums(
            head=zeros.index_add(0, codes.head, probabilities),
            tail=zeros.index_add(0, codes.tail, probabilities),
        )

    def forward(
        self,
        sums: LabelSums,
        logits: Tensor,  # of some of the pairs alone, float[P, L]
        codes: PairCodes,  # of these pairs
    ) -> Tensor:
        """What to add to the logits, float[P, L]."""
        logits = logits.detach()
        own = torch.sigmoid(logits)
        parts = (
            logits.clamp(-6, 6) / 3,
            sums.head[codes.head] - own,  # other pairs with this head
            sums.tail[codes.tail] - own,  # other pairs with this tail
            sums.tail[codes.head],  # pairs whose tail is this head
            sums.head[codes.tail],  # pairs whose head is this tail
        )
        hidden = self.given(torch.cat(parts, dim=1))
        hidden = functional.relu(hidden + self.types(codes.types))
        corrections: Tensor = self.label(self.dropout(hidden))
        return corrections
