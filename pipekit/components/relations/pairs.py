"""Which entities of a batch may be linked: candidate pairs, as arrays.

An ordered pair (head, tail) of two entities of one document is a candidate if

    * there were links between entities of their types in training,
    * at most `sentences` sentence borders lie between their first tokens, and
    * at most `neighbours` other entities begin between them, a fifth of these in a crowd
      (see `crowded`).

So there are at most ``2 * (neighbours + 1)`` candidate pairs for each entity, and the memory for
a long document grows in proportion to its length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pipekit.doc.layer import Layer
from pipekit.parts.batch import Batch
from pipekit.parts.spans import UNKNOWN, crowded
from pipekit.words.arrays import Bools, Hashes, Ints, ranges

# Distances in tokens between head and tail; each is the least one of a bucket.
GAPS = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96])
_CROWDED = 5  # in a crowd, this part of the neighbours
RIVALS = 4  # counts of rivals: 0, 1, 2, and 3 or more
RIVAL_CODES = RIVALS * RIVALS * 2  # how many numbers `rival_codes` uses


class Entities(NamedTuple):
    """The entities of a batch by their first tokens, an outer one before those within it.

    Attributes, int64[entities] where nothing else is said:
        doc: the number of the document.
        row: the row in the document's span layer.
        start: the first token row in the batch.
        end: the token row behind the last one.
        kind: the number of the label, -1 for an unknown one.
        sentence: the number of the first token's sentence in the batch.
        name: a hash of the text, uint64[entities].
    """

    doc: Ints
    row: Ints
    start: Ints
    end: Ints
    kind: Ints
    sentence: Ints
    name: Hashes

    def __len__(self) -> int:
        return len(self.start)


class EntityPairs(NamedTuple):
    """Ordered pairs of entities by their numbers, int64[pairs] each."""

    head: Ints
    tail: Ints

    def __len__(self) -> int:
        return len(self.head)


def read_entities(
    batch: Batch,
    layer: str,
    kinds: Mapping[str, int],  # the number of each label
    numbers: Sequence[int],  # of documents that have the layer
) -> Entities:
    """The entities in a span layer of some documents."""
    columns = [np.zeros((5, 0), dtype=np.int64)]
    for number in numbers:
        spans = batch.docs[number].layers[layer]
        offset = int(batch.offsets[number])
        columns.append(_span_columns(spans, kinds, number, offset))
    doc, row, start, end, kind = np.concatenate(columns, axis=1)
    order = np.lexsort((row, -end, start, doc))
    start = start[order]
    end = end[order]
    sentence = np.searchsorted(batch.sequences, start, "right") - 1
    first_letter = batch.words.starts[start]
    last_letter = batch.words.ends[end - 1]
    return Entities(
        doc=doc[order],
        row=row[order],
        start=start,
        end=end,
        kind=kind[order],
        sentence=sentence,
        name=batch.words.hashes(first_letter, last_letter),
    )


def _span_columns(
    spans: Layer,
    kinds: Mapping[str, int],
    number: int,
    offset: int,
) -> Ints:
    """The first five columns of `Entities` for one document, int64[5, spans]."""
    columns = (
        np.full(spans.size, number),
        np.arange(spans.size),
        spans["start"].values + offset,
        spans["end"].values + offset,
        _kind_codes(spans, kinds),
    )
    return np.stack(columns).astype(np.int64)


def _kind_codes(
    spans: Layer,
    kinds: Mapping[str, int],
) -> Ints:
    """The number of each span's label, int64[spans]."""
    label = spans.get("label")
    if label is None:
        return np.full(spans.size, UNKNOWN, dtype=np.int64)
    codes = [kinds.get(name, UNKNOWN) for name in label.labels or ()]
    codes.append(UNKNOWN)  # the last entry: an unset label has the value -1
    table = np.array(codes, dtype=np.int64)
    numbers: Ints = table[label.values]
    return numbers


def candidate_pairs(
    entities: Entities,
    allowed: Bools,  # which kinds of head and tail may be linked, bool[kinds, kinds]
    sentences: int,
    neighbours: int,
) -> EntityPairs:
    """The candidate pairs, as the head of this module defines them."""
    numbers = np.arange(len(entities))
    # Numbers of sentences with gaps between documents, wider than any distance that is allowed.
    sentence = entities.sentence + entities.doc * (sentences + 1)
    stop = np.searchsorted(sentence, sentence + sentences, "right")
    nearest = np.where(crowded(entities.sentence), neighbours // _CROWDED, neighbours)
    stop = np.minimum(stop, numbers + nearest + 2)
    partners = stop - numbers - 1  # how many later entities each goes with
    first = np.repeat(numbers, partners)
    second = ranges(numbers + 1, partners)
    head = np.concatenate([first, second])
    tail = np.concatenate([second, first])
    head_kind = entities.kind[head]
    tail_kind = entities.kind[tail]
    keep = allowed[head_kind, tail_kind]
    keep &= head_kind != UNKNOWN
    keep &= tail_kind != UNKNOWN
    return EntityPairs(head[keep], tail[keep])


def tokens_between(
    entities: Entities,
    pairs: EntityPairs,
) -> tuple[Ints, Ints]:
    """The token rows ``[start, end)`` between head and tail, int64[pairs] each.

    There are none, ``start >= end``, where the two touch or overlap.
    """
    ends = entities.end[pairs.head], entities.end[pairs.tail]
    starts = entities.start[pairs.head], entities.start[pairs.tail]
    return np.minimum(*ends), np.maximum(*starts)


def tokens_within(
    entities: Entities,
    pairs: EntityPairs,
    tokens: int,
) -> Bools:
    """The tokens of pairs and those between head and tail, bool[tokens]."""
    starts = np.minimum(entities.start[pairs.head], entities.start[pairs.tail])
    ends = np.maximum(entities.end[pairs.head], entities.end[pairs.tail])
    changes = np.bincount(starts, minlength=tokens + 1) - np.bincount(ends, minlength=tokens + 1)
    within: Bools = np.cumsum(changes)[:tokens] > 0
    return within


def geometry_codes(
    entities: Entities,
    pairs: EntityPairs,
    sentences: int,
) -> Ints:
    """The position of head and tail to each other as one number, int64[pairs].

    The number has three parts:

        bucket: by the number of tokens between the two; the last bucket is for those that overlap.
        order: 1 if the head comes first, or, of two that overlap, lies in the tail.
        borders: the number of sentence borders between the two.
    """
    head_start = entities.start[pairs.head]
    head_end = entities.end[pairs.head]
    tail_start = entities.start[pairs.tail]
    tail_end = entities.end[pairs.tail]
    start, end = tokens_between(entities, pairs)
    gap = end - start
    overlap = gap < 0

    bucket = np.searchsorted(GAPS, gap, "right")
    bucket[overlap] = len(GAPS) + 1
    first = head_start < tail_start
    inside = (head_start >= tail_start) & (head_end <= tail_end)
    order = np.where(overlap, inside, first)
    head_sentence = entities.sentence[pairs.head]
    tail_sentence = entities.sentence[pairs.tail]
    borders = np.abs(head_sentence - tail_sentence)

    ordered = bucket * 2 + order
    codes: Ints = ordered * (sentences + 1) + borders
    return codes


def geometry_size(sentences: int) -> int:
    """How many numbers `geometry_codes` uses."""
    buckets = len(GAPS) + 2
    return buckets * 2 * (sentences + 1)


def rival_codes(
    entities: Entities,
    pairs: EntityPairs,
    kinds: int,
) -> Ints:
    """What stands between head and tail that either could be linked with instead, int64[pairs].

    The number has three parts: how many entities of the tail's type, and how many of the head's,
    begin between the two; and whether head and tail have the same text.
    """
    counts = np.zeros((len(entities) + 1, kinds), dtype=np.int32)
    typed = np.flatnonzero(entities.kind != UNKNOWN)
    counts[typed + 1, entities.kind[typed]] = 1
    # How many entities of each kind stand before each entity, int32[entities + 1, kinds].
    counts = np.cumsum(counts, axis=0, dtype=np.int32)
    low = np.minimum(pairs.head, pairs.tail) + 1
    high = np.maximum(pairs.head, pairs.tail)

    def count_between(kind: Ints) -> Ints:
        number: Ints = counts[high, kind] - counts[low, kind]
        return np.minimum(number, RIVALS - 1)

    of_tail = count_between(entities.kind[pairs.tail])
    of_head = count_between(entities.kind[pairs.head])
    head_name = entities.name[pairs.head]
    tail_name = entities.name[pairs.tail]
    codes: Ints = of_tail * RIVALS + of_head
    codes = codes * 2 + (head_name == tail_name)
    return codes.astype(np.int64)
