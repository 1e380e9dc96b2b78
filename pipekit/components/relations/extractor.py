"""The relation extractor: typed, directed links between the entities of a document, nested ones and those of other sentences too.

Each candidate pair of `pairs.py` is scored for all labels at once. What is said of an entity (its tokens, read once more in a small
network that is told where which kind of entity begins and ends, after the typed markers of Zhong and Chen 2021, https://arxiv.org/abs/2010.12812)
is computed once; a pair adds what its head, its tail and their geometry say, the product of both, and the greatest values of the tokens
between them (after Eberts and Ulges 2020, https://arxiv.org/abs/1909.07755). Labels that a pair of types never had in training are out of
the question. Then all pairs are scored again, each in view of how sure those are that share its head or its tail (as Luan et al. 2019,
https://arxiv.org/abs/1904.03296, pass relations between spans).

`temperature` divides all scores before they become probabilities. It is 1 until it is fitted on documents that the training has not seen
(Guo et al. 2017); with a threshold of 0.5 it changes no link.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipekit.components.relations.pairs import (
    GAPS,
    RIVALS,
    Entities,
    EntityPairs,
    between,
    candidate_pairs,
    entities,
    geometry,
    rivals,
)
from pipekit.devices.placement import to_arrays, to_device
from pipekit.doc import Doc
from pipekit.doc.layer import Layer
from pipekit.errors import ConfigError, DataError
from pipekit.nn.sequences import read_sequences
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import EncoderRef, Head, Prepared
from pipekit.words.arrays import Ints

CPU_PAIRS, GPU_PAIRS = (
    1_024,
    32_768,
)  # pairs that are scored at a time: on a CPU as few as its cache holds
TYPES = 2  # the row of a pair's codes that says of what types head and tail are; the rows before are head and tail
OTHERS = 128  # width of what other pairs say of a pair


class ScoredLinks(NamedTuple):
    """Links that scored above the threshold: the pair, the number of the label, and its probability."""

    entities: Entities
    head: Ints
    tail: Ints
    label: Ints
    score: NDArray[np.float32]


class RelationExtractor(Head):
    """Writes the link layer "relations" (columns head, tail, label, score), whose target is the span layer that it reads.

    Args:
        patterns: what may be linked, each "TYPE LABEL TYPE" for head, link and tail; `prepare` collects them.
        entities: the span layer of the entities.
        sentences: at most so many sentence borders lie between head and tail.
        neighbours: at most so many entities begin between them.
        hidden: width of the vectors of tokens, of entities and of pairs.
        context: width of the network that reads the tokens with the types of their entities; 0 for none.
        threshold: the least probability of a link.
    """

    assigns = ("relations",)

    mask: Tensor
    temperature: Tensor

    def __init__(
        self,
        encoder: EncoderRef,
        patterns: Sequence[str] = (),
        entities: str = "ents",
        sentences: int = 2,
        neighbours: int = 40,
        hidden: int = 192,
        context: int = 224,
        dropout: float = 0.2,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(encoder)
        if not patterns:
            raise DataError(
                "a relation extractor needs its patterns: train it, or give patterns=['PERSON WORKS_AS PROFESSION', …]"
            )
        self.requires = (entities,)
        self.layer, self.sentences, self.neighbours, self.threshold = (
            entities,
            sentences,
            neighbours,
            threshold,
        )
        self.kinds, self.labels, mask = _inventory(patterns)
        self.register_buffer("mask", torch.from_numpy(mask), persistent=False)
        self.register_buffer("temperature", torch.ones(()))
        self.allowed: NDArray[np.bool_] = mask.any(1).reshape(len(self.kinds), len(self.kinds))
        self.tokens = TokenReader(encoder.width, hidden, context, len(self.kinds), dropout)
        self.pairs = PairScorer(
            self.tokens.width, hidden, len(self.kinds), sentences, len(self.labels), dropout
        )
        self.others = Others(len(self.kinds), len(self.labels), dropout)

    @classmethod
    def prepare(cls, settings: Mapping[str, Any], docs: Sequence[Doc]) -> Prepared:
        if settings.get("patterns"):
            return Prepared(dict(settings), {})
        layer = settings.get("entities", "ents")
        patterns = sorted({pattern for doc in docs for pattern in _patterns(doc, layer)})
        if not patterns:
            raise DataError(
                f"no training document has relations between spans of {layer!r}, so there is nothing to learn"
            )
        return Prepared({**settings, "patterns": patterns}, {})

    # -- from vectors to documents

    def scores(self, batch: Batch) -> ScoredLinks:
        found, pairs = self._candidates(batch, range(len(batch.docs)))
        chances = torch.sigmoid(self._logits(batch, found, pairs)[1])
        row, label = torch.nonzero(chances >= self.threshold, as_tuple=True)
        score, chosen, labels = to_arrays((chances[row, label], row, label))
        return ScoredLinks(found, pairs.head[chosen], pairs.tail[chosen], labels, score)

    def _candidates(self, batch: Batch, chosen: Sequence[int]) -> tuple[Entities, EntityPairs]:
        found = entities(batch, self.layer, self.kinds, chosen)
        return found, candidate_pairs(found, self.allowed, self.sentences, self.neighbours)

    def _logits(self, batch: Batch, found: Entities, pairs: EntityPairs) -> tuple[Tensor, Tensor]:
        """Of each pair alone, and in view of the others, float32[pairs, labels]; labels that the types forbid have -30."""
        device = self.mask.device
        step = CPU_PAIRS if device.type == "cpu" else GPU_PAIRS
        chunks = [slice(begin, begin + step) for begin in range(0, max(len(pairs), 1), step)]
        tokens = self.tokens(batch.vectors(self.encoder.name), batch.sequences, found)
        read, codes = (
            self.pairs.read(tokens, found, pairs),
            to_device(self.pairs.codes(found, pairs, len(batch)), device),
        )
        forbidden = ~self.mask[codes[TYPES]]
        alone = torch.cat(
            [self.pairs(read, codes[:, chunk]).float() for chunk in chunks]
        ).masked_fill(forbidden, -30.0)
        rest = self.others.read(alone, codes[:TYPES], len(found))
        parts = [
            self.others(rest, alone[chunk], chunk, codes[TYPES, chunk]).float() for chunk in chunks
        ]
        joint = (alone + torch.cat(parts)) / self.temperature
        return alone, joint.masked_fill(forbidden, -30.0)

    def decode(self, batch: Batch, scores: ScoredLinks) -> None:
        order = np.lexsort((scores.label, scores.tail, scores.head))
        head, tail, label, score = (column[order] for column in scores[1:])
        owners = scores.entities.doc[head]
        borders = np.searchsorted(owners, np.arange(len(batch.docs) + 1))
        for number, doc in enumerate(batch.docs):
            rows = slice(borders[number], borders[number + 1])
            layer = doc.add_layer("relations", "link", len(owners[rows]), target=self.layer)
            for edge, ends in (("head", head), ("tail", tail)):
                layer.set(edge, scores.entities.row[ends[rows]].astype(np.int32))
            layer.set("label", label[rows].astype(np.int32), self.labels).set("score", score[rows])

    # -- learning

    def loss(self, batch: Batch) -> Tensor:
        """Binary cross-entropy of all labels that the types of a pair allow, of both times they are scored, per token; on gold entities."""
        chosen = [i for i, doc in enumerate(batch.docs) if _links(doc, self.layer) is not None]
        found, pairs = self._candidates(batch, chosen)
        if not len(pairs):
            return sum(
                (p.sum() * 0 for p in self.parameters()),
                self.mask.new_zeros((), dtype=torch.float32),
            )
        gold = to_device(self._gold(batch, found, pairs, chosen), self.mask.device)
        lost = [
            functional.binary_cross_entropy_with_logits(scores, gold, reduction="sum")
            for scores in self._logits(batch, found, pairs)
        ]
        return torch.stack(lost).sum() / max(len(batch), 1)

    def _gold(
        self, batch: Batch, found: Entities, pairs: EntityPairs, chosen: Sequence[int]
    ) -> NDArray[np.float32]:
        """Which labels the pairs have, float32[pairs, labels]."""
        place = {label: i for i, label in enumerate(self.labels)}
        of_row = np.lexsort((found.row, found.doc))
        counts = np.bincount(found.doc, minlength=len(batch.docs))
        begins = np.cumsum(counts) - counts
        links = [(begins[i], _links(batch.docs[i], self.layer)) for i in chosen]
        none = np.zeros(0, dtype=np.int64)
        ends = (
            [of_row[layer[end].values + begin] for begin, layer in links if layer]
            for end in ("head", "tail")
        )
        head, tail = (np.concatenate([none, *rows]) for rows in ends)
        label = np.array(
            [
                place.get(name or "", -1)
                for _, layer in links
                if layer
                for name in layer["label"].strings()
            ],
            dtype=np.int64,
        )
        return _marked(pairs, head * len(found) + tail, label, len(found), len(self.labels))


class Scored(NamedTuple):
    """What is said of each entity, as `head` and `tail` of a sum and as factors of a product, float[entities, hidden] each; and of tokens
    that stand between entities, the `greatest` of ranges of them, float[ranges, hidden / 2]."""

    head: Tensor
    tail: Tensor
    left: Tensor
    right: Tensor
    greatest: Tensor


class TokenReader(nn.Module):
    """Vectors of tokens, narrowed and, with `context`, read in both directions with marks where entities of each kind begin and end."""

    def __init__(self, given: int, hidden: int, context: int, kinds: int, dropout: float) -> None:
        super().__init__()
        self.width = hidden + context
        self.narrow = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(given, hidden), nn.GELU(), nn.Dropout1d(dropout / 2)
        )
        self.marks = nn.Embedding(2 * kinds + 2, hidden)
        nn.init.normal_(self.marks.weight, std=0.3)
        self.dropout = nn.Dropout(dropout)
        self.network = (
            nn.LSTM(hidden, context // 2, batch_first=True, bidirectional=True) if context else None
        )

    def forward(self, vectors: Tensor, sequences: Ints, found: Entities) -> Tensor:
        """float[tokens, width]"""
        narrow = self.narrow(vectors)
        if self.network is None:
            return narrow  # type: ignore[no-any-return]
        if not len(narrow):
            return narrow.new_zeros(0, self.width)  # type: ignore[no-any-return]
        edges = np.concatenate([found.start, found.end - 1])
        kinds = np.concatenate([found.kind * 2 + 2, found.kind * 2 + 3])
        marks = self.marks(to_device(kinds, narrow.device)).to(narrow.dtype)
        marked = narrow.index_add(0, to_device(edges, narrow.device), marks)
        return torch.cat([narrow, read_sequences(self.network, self.dropout(marked), sequences)], 1)


class PairScorer(nn.Module):
    """Scores of all labels for pairs of entities."""

    def __init__(
        self, width: int, hidden: int, kinds: int, sentences: int, labels: int, dropout: float
    ) -> None:
        super().__init__()
        self.kinds, self.sentences = kinds, sentences
        self.kind = nn.Embedding(kinds + 1, 32)
        self.span = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(3 * width + 32, hidden), nn.GELU(), nn.Dropout(dropout)
        )
        self.ends = nn.Linear(hidden, 4 * hidden)
        self.between = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, hidden // 2), nn.GELU())
        self.types = nn.Embedding(kinds * kinds, hidden)
        self.geometry = nn.Embedding((len(GAPS) + 2) * 2 * (sentences + 1), hidden)
        self.rivals = nn.Embedding(RIVALS * RIVALS * 2, hidden)
        for table in (self.types, self.geometry, self.rivals):
            nn.init.normal_(table.weight, std=0.1)
        self.dropout = nn.Dropout(dropout)
        self.mix = nn.Linear(hidden + hidden // 2, hidden)
        self.label = nn.Linear(2 * hidden, labels)
        nn.init.constant_(self.label.bias, -3.0)

    def read(self, tokens: Tensor, found: Entities, pairs: EntityPairs) -> Scored:
        """Each entity by its first token, its last, the mean of all, and its type."""
        start, last, kind = (
            to_device(a, tokens.device) for a in (found.start, found.end - 1, found.kind + 1)
        )
        span = torch.cat(
            [tokens[start], tokens[last], _means(tokens, found), self.kind(kind).to(tokens.dtype)],
            1,
        )
        head, tail, left, right = self.dropout(self.ends(self.span(span))).chunk(4, 1)
        return Scored(
            head, tail, left, right, _greatest(self.between(tokens), *between(found, pairs))
        )

    def codes(self, found: Entities, pairs: EntityPairs, tokens: int) -> Ints:
        """All that is told of pairs by numbers, int64[7, pairs]: rows of entities, of the three tables and, twice, of the greatest."""
        types = found.kind[pairs.head] * self.kinds + found.kind[pairs.tail]
        lies, rival = geometry(found, pairs, self.sentences)[0], rivals(found, pairs, self.kinds)[0]
        return np.stack([*pairs, types, lies, rival, *_cover(tokens, *between(found, pairs))])

    def forward(self, read: Scored, codes: Tensor) -> Tensor:
        """float[pairs, labels]"""
        head, tail, types, lies, rival, first, second = codes
        product = read.left[head] * read.right[tail]
        given = torch.cat([product, torch.maximum(read.greatest[first], read.greatest[second])], 1)
        total = (
            read.head[head]
            + read.tail[tail]
            + self.types(types)
            + self.geometry(lies)
            + self.rivals(rival)
            + self.mix(given)
        )
        states = torch.cat([self.dropout(functional.relu(total)), product.to(total.dtype)], 1)
        labels: Tensor = self.label(states)
        return labels


def _greatest(values: Tensor, start: Ints, end: Ints) -> Tensor:
    """The greatest of the rows of all ranges of 1, 2, 4, … rows, as many as the longest of ``start:end`` asks for, by length and start;
    at the end a row of zeros.
    """
    levels = [values]
    for power in range(int((end - start).max(initial=1)).bit_length() - 1):
        levels.append(torch.maximum(levels[-1][: -(1 << power)], levels[-1][1 << power :]))
    return torch.cat([*levels, values.new_zeros(1, values.shape[1])])


def _cover(rows: int, start: Ints, end: Ints) -> Ints:
    """The two of `_greatest` of so many rows that ``start:end`` is made of, int64[2, ranges]; the row of zeros for those that are empty."""
    length = np.maximum(end - start, 1)
    power = np.frexp(length)[1] - 1
    sizes = rows + 1 - (1 << np.arange(power.max(initial=0) + 1))
    first = (np.cumsum(sizes) - sizes)[power] + start
    return np.where(end > start, np.stack([first, first + length - (1 << power)]), sizes.sum())


class Around(NamedTuple):
    """The probabilities of labels, added up over the pairs of each head and of each tail, float32[entities, labels], and whose they are."""

    head: Tensor
    tail: Tensor
    pairs: Tensor


class Others(nn.Module):
    """What the scores of other pairs with the same head or tail add to those of a pair. No gradient passes to those."""

    def __init__(self, kinds: int, labels: int, dropout: float) -> None:
        super().__init__()
        self.types = nn.Embedding(kinds * kinds, OTHERS)
        nn.init.normal_(self.types.weight, std=0.1)
        self.given = nn.Linear(5 * labels, OTHERS)
        self.dropout = nn.Dropout(dropout / 2)
        self.label = nn.Linear(OTHERS, labels)
        nn.init.zeros_(self.label.weight)
        nn.init.zeros_(self.label.bias)

    def read(self, alone: Tensor, pairs: Tensor, size: int) -> Around:
        """Sums over the pairs int64[2, pairs], heads and tails."""
        sure = torch.sigmoid(alone.detach())
        head, tail = (
            sure.new_zeros(size, sure.shape[1]).index_add(0, rows, sure) for rows in pairs
        )
        return Around(head, tail, pairs)

    def forward(self, rest: Around, alone: Tensor, chunk: slice, types: Tensor) -> Tensor:
        """float[pairs of the chunk, labels]"""
        alone, (head, tail) = alone.detach(), rest.pairs[:, chunk]
        sure = torch.sigmoid(alone)
        parts = (
            alone.clamp(-6, 6) / 3,
            rest.head[head] - sure,
            rest.tail[tail] - sure,
            rest.tail[head],
            rest.head[tail],
        )
        states = functional.relu(self.given(torch.cat(parts, 1)) + self.types(types))
        labels: Tensor = self.label(self.dropout(states))
        return labels


def _means(tokens: Tensor, found: Entities) -> Tensor:
    """The mean of the tokens of each entity, float[entities, width]."""
    lengths = found.end - found.start
    owner = np.repeat(np.arange(len(found)), lengths)
    rows = (
        np.arange(len(owner))
        - np.repeat(np.cumsum(lengths) - lengths, lengths)
        + found.start[owner]
    )
    sums = tokens.new_zeros(len(found), tokens.shape[1]).index_add(
        0, to_device(owner, tokens.device), tokens[to_device(rows, tokens.device)]
    )
    return sums / to_device(lengths, tokens.device)[:, None]


def _inventory(patterns: Sequence[str]) -> tuple[dict[str, int], list[str], NDArray[np.bool_]]:
    """Types by number, labels, and which labels a pair of types may have, bool[types * types, labels]."""
    parts = [pattern.split(" ") for pattern in patterns]
    for pattern, part in zip(patterns, parts, strict=True):
        if len(part) != 3:
            raise ConfigError(
                f"the pattern {pattern!r} is not TYPE LABEL TYPE, such as 'PERSON WORKS_AS PROFESSION'"
            )
    kinds = {
        name: i
        for i, name in enumerate(sorted({end for head, _, tail in parts for end in (head, tail)}))
    }
    labels = sorted({label for _, label, _ in parts})
    mask = np.zeros((len(kinds), len(kinds), len(labels)), dtype=bool)
    for head, label, tail in parts:
        mask[kinds[head], kinds[tail], labels.index(label)] = True
    return kinds, labels, mask.reshape(-1, len(labels))


def _links(doc: Doc, layer: str) -> Layer | None:
    """The gold relations, where they link spans of the layer."""
    links = doc.layers.get("relations")
    return (
        links
        if links is not None and links.target == layer and layer in doc.layers and "label" in links
        else None
    )


def _patterns(doc: Doc, layer: str) -> Iterator[str]:
    links = _links(doc, layer)
    if links is None or "label" not in doc.layers[layer]:
        return
    types = doc.layers[layer]["label"].strings()
    for head, tail, label in zip(
        links["head"].values.tolist(),
        links["tail"].values.tolist(),
        links["label"].strings(),
        strict=True,
    ):
        yield f"{types[head]} {label} {types[tail]}"


def _marked(
    pairs: EntityPairs, keys: Ints, label: Ints, size: int, labels: int
) -> NDArray[np.float32]:
    """float32[pairs, labels] with 1 where a key ``head * size + tail`` and its label say so; keys of no pair are left out."""
    gold = np.zeros((len(pairs), labels), dtype=np.float32)
    own = pairs.head * size + pairs.tail
    order = np.argsort(own)
    place = np.searchsorted(own[order], keys)
    place = order[np.minimum(place, len(own) - 1)]
    hit = (own[place] == keys) & (label >= 0)
    gold[place[hit], label[hit]] = 1
    return gold
