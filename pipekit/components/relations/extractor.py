"""The relation extractor: typed, directed links between the entities of a document.

Entities may lie within each other or in different sentences. The candidate pairs of `pairs.py` go
through the networks of `network.py` in two steps:

    1. Each pair alone: its head, its tail, their position to each other, the tokens between them.
    2. All pairs again, each in view of how probable those are that share its head or its tail.

Every pair has a score for every label. Labels that pairs of its types never had in training are out
of the question.

`temperature` divides all scores before they become probabilities. It is 1 until it is fitted on
documents that the training has not seen (Guo et al. 2017). With a threshold of 0.5 it changes no
link, only the probabilities of links.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipekit.allowance import take
from pipekit.components.relations.network import OtherPairs, PairScorer, TokenReader
from pipekit.components.relations.pairs import (
    Entities,
    EntityPairs,
    candidate_pairs,
    read_entities,
    tokens_within,
)
from pipekit.devices.placement import to_arrays, to_device
from pipekit.doc import Doc
from pipekit.doc.layer import Layer
from pipekit.errors import ConfigError, DataError
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Axes, EncoderRef, Head, PassedOver, Prepared
from pipekit.parts.spans import UNKNOWN
from pipekit.settings import Between, EvenWidth, LabelList, LabelName, Probability, Rate
from pipekit.words.arrays import Bools, Floats, Ints, offsets, pair_keys

# Pairs that are scored at a time: on a CPU as many as its cache holds.
CPU_PAIRS = 1_024
GPU_PAIRS = 32_768
_FORBIDDEN = -30.0  # the score of a label that the types of a pair forbid


class ScoredLinks(NamedTuple):
    """Links with scores above the threshold, in columns.

    Attributes:
        entities: the entities of the batch.
        head, tail: numbers of the entities, int64[links].
        label: number of the label, int64[links].
        score: the probability, float32[links].
    """

    entities: Entities
    head: Ints
    tail: Ints
    label: Ints
    score: Floats

    @classmethod
    def none(cls, entities: Entities) -> ScoredLinks:
        nothing = np.zeros(0, dtype=np.int64)
        return cls(entities, nothing, nothing, nothing, np.zeros(0, dtype=np.float32))


class Inventory(NamedTuple):
    """What a list of patterns allows.

    Attributes:
        kinds: the number of each type of entity.
        labels: the labels by number.
        allowed: which labels each pair of types may have, bool[kinds * kinds, labels]; the row of
            a pair is ``kind of head * kinds + kind of tail``.
    """

    kinds: dict[str, int]
    labels: list[str]
    allowed: Bools


class RelationExtractor(Head):
    """Writes the link layer "relations" between the spans of a layer.

    Its columns are head, tail, label and score; head and tail are rows of the span layer.

    Args:
        patterns: what may be linked, each "TYPE LABEL TYPE" for head, link and tail, such as
            "PERSON WORKS_AS PROFESSION"; `prepare` collects them from training documents.
        entities: the span layer of the entities.
        sentences: the greatest number of sentence borders between head and tail.
        neighbours: the greatest number of other entities that begin between them.
        hidden: width of the vectors of tokens, of entities and of pairs.
        context: width of the LSTM that reads the tokens with the types of their entities; 0 for
            none.
        threshold: the least probability of a link.
    """

    assigns = ("relations",)
    inventory = "patterns"

    mask: Tensor  # bool[kinds * kinds, labels]
    temperature: Tensor

    def __init__(
        self,
        encoder: EncoderRef,
        patterns: LabelList = (),
        entities: LabelName = "ents",
        sentences: Annotated[int, Between(0, 1_000)] = 2,
        neighbours: Annotated[int, Between(0, 1_000)] = 40,
        hidden: Annotated[int, Between(2, 16_384)] = 192,
        context: EvenWidth = 224,
        dropout: Rate = 0.2,
        threshold: Probability = 0.5,
    ) -> None:
        super().__init__(encoder)
        if not patterns:
            raise DataError(
                "a relation extractor needs its patterns: train it, "
                "or give patterns=['PERSON WORKS_AS PROFESSION', …]"
            )
        self.requires = (entities,)
        self.layer = entities
        self.sentences = sentences
        self.neighbours = neighbours
        self.threshold = threshold
        self.kinds, self.labels, mask = read_patterns(patterns)
        kinds = len(self.kinds)
        labels = len(self.labels)
        self.register_buffer("mask", torch.from_numpy(mask), persistent=False)
        self.register_buffer("temperature", torch.ones(()))
        self.allowed: Bools = mask.any(axis=1).reshape(kinds, kinds)
        self.tokens = TokenReader(encoder.width, hidden, context, kinds, dropout)
        self.pairs = PairScorer(self.tokens.width, hidden, kinds, sentences, labels, dropout)
        self.others = OtherPairs(kinds, labels, dropout)

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        if settings.get("patterns"):
            return Prepared(dict(settings), {})
        patterns = cls.listed(settings, docs)
        if not patterns:
            layer = settings.get("entities", "ents")
            raise DataError(
                f"no training document has relations between spans of {layer!r}, "
                "so there is nothing to learn"
            )
        return Prepared({**settings, "patterns": patterns}, {})

    @classmethod
    def listed(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> list[str]:
        """The patterns of the relations of documents."""
        layer = settings.get("entities", "ents")
        patterns: set[str] = set()
        for doc in docs:
            patterns.update(doc_patterns(doc, layer))
        return sorted(patterns)

    def rows(self) -> dict[str, Axes]:
        """Rows of types of entities, of pairs of these, and of labels."""
        axes = self.tokens.rows(list(self.kinds))
        axes |= self.pairs.rows(list(self.kinds), self.labels)
        return axes | self.others.rows(list(self.kinds), self.labels)

    # -- from vectors to documents

    def scores(self, batch: Batch) -> ScoredLinks:
        entities, pairs = self._candidates(batch, range(len(batch.docs)))
        if not len(pairs):
            return ScoredLinks.none(entities)
        _, logits = self._logits(batch, entities, pairs)
        probabilities = torch.sigmoid(logits)  # (P, L)
        above = probabilities >= self.threshold
        rows, labels = torch.nonzero(above, as_tuple=True)
        columns = probabilities[rows, labels], rows, labels
        score, row, label = to_arrays(columns)
        return ScoredLinks(
            entities=entities,
            head=pairs.head[row],
            tail=pairs.tail[row],
            label=label,
            score=score,
        )

    def _candidates(
        self,
        batch: Batch,
        numbers: Sequence[int],
    ) -> tuple[Entities, EntityPairs]:
        """The entities and the candidate pairs of some documents, given by number."""
        entities = read_entities(batch, self.layer, self.kinds, numbers)
        pairs = candidate_pairs(entities, self.allowed, self.sentences, self.neighbours)
        return entities, pairs

    def _logits(
        self,
        batch: Batch,
        entities: Entities,
        pairs: EntityPairs,
    ) -> tuple[Tensor, Tensor]:
        """The logits of each pair alone, and in view of the others, float32[pairs, labels] each.

        Both are _FORBIDDEN for labels that the types of a pair forbid.
        """
        device = self.mask.device
        vectors = batch.vectors(self.encoder.name)
        needed = tokens_within(entities, pairs, len(batch))
        tokens = self.tokens(vectors, batch.sequences, entities, needed)
        states = self.pairs.read(tokens, entities, pairs)
        codes = self.pairs.codes(entities, pairs, len(batch), device)
        forbidden = ~self.mask[codes.types]
        chunks = _chunks(len(pairs), device)

        parts = []
        for chunk in chunks:
            logits = self.pairs(states, codes.rows(chunk))
            parts.append(logits.float())
        alone = torch.cat(parts).masked_fill(forbidden, _FORBIDDEN)

        sums = self.others.read(alone, codes, len(entities))
        parts = []
        for chunk in chunks:
            corrections = self.others(sums, alone[chunk], codes.rows(chunk))
            parts.append(corrections.float())
        joint = (alone + torch.cat(parts)) / self.temperature
        return alone, joint.masked_fill(forbidden, _FORBIDDEN)

    def decode(
        self,
        batch: Batch,
        scores: ScoredLinks,
    ) -> None:
        order = np.lexsort((scores.label, scores.tail, scores.head))
        head = scores.head[order]
        tail = scores.tail[order]
        owners = scores.entities.doc[head]
        head_rows = scores.entities.row[head].astype(np.int32)
        tail_rows = scores.entities.row[tail].astype(np.int32)
        labels = scores.label[order].astype(np.int32)
        probabilities = scores.score[order]
        borders = np.searchsorted(owners, np.arange(len(batch.docs) + 1))
        for number, doc in enumerate(batch.docs):
            rows = slice(borders[number], borders[number + 1])
            size = len(owners[rows])
            layer = doc.add_layer("relations", "link", size, target=self.layer)
            layer.set("head", head_rows[rows])
            layer.set("tail", tail_rows[rows])
            layer.set("label", labels[rows], self.labels)
            layer.set("score", probabilities[rows])

    # -- learning

    def loss(self, batch: Batch) -> Tensor:
        """Binary cross-entropy of the labels of the candidate pairs of gold entities, per token.

        It is the sum over both steps. Labels that the types of a pair forbid add nothing.
        """
        annotated = self._annotated(batch)
        entities, pairs = self._candidates(batch, annotated)
        if not len(pairs):
            return self._no_loss()
        targets = to_device(
            self._targets(batch, entities, pairs, annotated),
            self.mask.device,
        )
        losses = []
        for logits in self._logits(batch, entities, pairs):
            loss = functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
            losses.append(loss)
        return torch.stack(losses).sum() / max(len(batch), 1)

    def _no_loss(self) -> Tensor:
        """0 with a gradient of 0 for all weights."""
        total = self.mask.new_zeros((), dtype=torch.float32)
        for weights in self.parameters():
            total = total + weights.sum() * 0
        return total

    def _targets(
        self,
        batch: Batch,
        entities: Entities,
        pairs: EntityPairs,
        numbers: Sequence[int],  # of the annotated documents
    ) -> Floats:
        """1 where a pair has a label, float32[pairs, labels]."""
        gold, labels = self._gold(batch, entities, numbers)
        return mark_labels(
            pairs,
            gold,
            labels=labels,
            entities=len(entities),
            size=len(self.labels),
        )

    def _gold(
        self,
        batch: Batch,
        entities: Entities,
        numbers: Sequence[int],  # of the annotated documents
    ) -> tuple[EntityPairs, Ints]:
        """The annotated pairs, and the label of each or UNKNOWN, int64[gold]."""
        codes = {label: code for code, label in enumerate(self.labels)}
        by_row = np.lexsort((entities.row, entities.doc))  # entities as in the span layers
        begins = offsets(np.bincount(entities.doc, minlength=len(batch.docs)))
        heads = [np.zeros(0, dtype=np.int64)]
        tails = [np.zeros(0, dtype=np.int64)]
        labels: list[int] = []
        for number in numbers:
            links = gold_links(batch.docs[number], self.layer)
            if links is None or not links.size:
                continue
            begin = begins[number]
            head = links["head"].values + begin
            tail = links["tail"].values + begin
            heads.append(by_row[head])
            tails.append(by_row[tail])
            for label in links["label"].strings():
                code = codes.get(label or "", UNKNOWN)
                labels.append(code)
        all_heads = np.concatenate(heads)
        all_tails = np.concatenate(tails)
        gold = EntityPairs(all_heads, all_tails)
        return gold, np.array(labels, dtype=np.int64)

    def passed_over(self, batch: Batch) -> PassedOver:
        """Relations that are no candidates."""
        annotated = self._annotated(batch)
        entities, pairs = self._candidates(batch, annotated)
        gold, _ = self._gold(batch, entities, annotated)
        keys = pair_keys(pairs.head, pairs.tail, len(entities))
        is_far = ~np.isin(pair_keys(gold.head, gold.tail, len(entities)), keys)
        numbers = entities.doc[gold.head[is_far]].tolist()
        return {"relations link entities that are too far apart": numbers}

    def _annotated(self, batch: Batch) -> list[int]:
        """The numbers of the documents that have relations."""
        numbers = []
        for number, doc in enumerate(batch.docs):
            links = gold_links(doc, self.layer)
            if links is not None:
                numbers.append(number)
        return numbers


def _chunks(
    size: int,
    device: torch.device,
) -> list[slice]:
    """The pairs that are scored together; one empty chunk where there are none."""
    step = GPU_PAIRS
    if device.type == "cpu":
        step = CPU_PAIRS
    chunks = []
    for begin in range(0, max(size, 1), step):
        chunks.append(slice(begin, begin + step))
    return chunks


def read_patterns(patterns: Sequence[str]) -> Inventory:
    """The types and labels of patterns. Errors: `ConfigError` for one that is not three words."""
    triples = []
    for pattern in patterns:
        words = pattern.split(" ")
        triples.append(words)
        if len(words) != 3:
            raise ConfigError(
                f"the pattern {pattern!r} is not TYPE LABEL TYPE, "
                "such as 'PERSON WORKS_AS PROFESSION'"
            )
    types: set[str] = set()
    distinct_labels: set[str] = set()
    for head, label, tail in triples:
        types.update((head, tail))
        distinct_labels.add(label)
    kinds = {name: number for number, name in enumerate(sorted(types))}
    labels = sorted(distinct_labels)
    codes = {label: code for code, label in enumerate(labels)}
    pairs = len(kinds) ** 2
    take(2 * pairs * len(labels), "the table of all patterns")
    allowed = np.zeros((pairs, len(labels)), dtype=bool)
    for head, label, tail in triples:
        pair = kinds[head] * len(kinds) + kinds[tail]
        allowed[pair, codes[label]] = True
    return Inventory(kinds, labels, allowed)


def gold_links(
    doc: Doc,
    layer: str,
) -> Layer | None:
    """The annotated relations, if they have labels and link spans of the layer."""
    links = doc.layers.get("relations")
    if links is None or links.target != layer:
        return None
    if layer not in doc.layers or "label" not in links:
        return None
    return links


def doc_patterns(
    doc: Doc,
    layer: str,
) -> Iterator[str]:
    """The pattern of each annotated relation between spans of the layer."""
    links = gold_links(doc, layer)
    if links is None or "label" not in doc.layers[layer]:
        return
    types = doc.layers[layer]["label"].strings()
    heads = links["head"].values.tolist()
    tails = links["tail"].values.tolist()
    labels = links["label"].strings()
    for head, tail, label in zip(heads, tails, labels, strict=True):
        yield f"{types[head]} {label} {types[tail]}"


def mark_labels(
    pairs: EntityPairs,
    gold: EntityPairs,  # pairs that have labels
    labels: Ints,  # the label of each of these, or UNKNOWN, int64[gold]
    entities: int,  # how many entities there are
    size: int,  # how many labels there are
) -> Floats:
    """1 where a candidate pair has a label, float32[pairs, size].

    Gold pairs that are no candidates, and unknown labels, are left out.
    """
    targets = np.zeros((len(pairs), size), dtype=np.float32)
    keys = pair_keys(pairs.head, pairs.tail, entities)
    gold_keys = pair_keys(gold.head, gold.tail, entities)
    order = np.argsort(keys)
    places = np.searchsorted(keys[order], gold_keys)
    rows = order[np.minimum(places, len(keys) - 1)]
    is_candidate = keys[rows] == gold_keys
    valid = is_candidate & (labels != UNKNOWN)
    targets[rows[valid], labels[valid]] = 1
    return targets
