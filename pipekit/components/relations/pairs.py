"""Which entities of a batch may be linked: candidate pairs, as arrays.

An ordered pair (head, tail) of two entities of one document is a candidate if links between such types were seen in training, at most
`sentences` sentence borders lie between their beginnings, and at most `neighbours` entities begin between them. So there are never more
than ``2 * (neighbours + 1)`` candidates for each entity, and a long document costs memory in proportion to its length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.parts.batch import Batch
from pipekit.words.arrays import Bools, Ints

GAPS = np.array(
    [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96]
)  # tokens between; a bucket begins at each
RIVALS = 4  # as many entities of a kind are told apart


class Entities(NamedTuple):
    """The entities of a batch in the order of their first tokens, an outer one before what it holds; int64[entities] each.

    `doc` numbers the documents and `row` the rows of their layer; `start` and `end` are token rows of the batch; `kind` is the number of
    the label, -1 for an unknown one; `sentence` is that of the first token; equal `name` says equal text.
    """

    doc: Ints
    row: Ints
    start: Ints
    end: Ints
    kind: Ints
    sentence: Ints
    name: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.start)


class EntityPairs(NamedTuple):
    """Ordered pairs of entities, int64[pairs] each."""

    head: Ints
    tail: Ints

    def __len__(self) -> int:
        return len(self.head)


def entities(batch: Batch, layer: str, kinds: Mapping[str, int], chosen: Sequence[int]) -> Entities:
    """The entities in a span layer of the chosen documents, which all have it."""
    found = [_columns(batch, number, layer, kinds) for number in chosen]
    doc, row, start, end, kind = np.concatenate([np.zeros((5, 0), np.int64), *found], axis=1)
    order = np.lexsort((row, -end, start, doc))
    doc, row, start, end, kind = (column[order] for column in (doc, row, start, end, kind))
    sentence = np.searchsorted(batch.sequences, start, "right") - 1
    words = batch.words
    return Entities(
        doc, row, start, end, kind, sentence, words.hashes(words.starts[start], words.ends[end - 1])
    )


def _columns(batch: Batch, number: int, layer: str, kinds: Mapping[str, int]) -> Ints:
    spans = batch.docs[number].layers[layer]
    label = spans.get("label")
    table = np.array(
        [*(kinds.get(name, -1) for name in (label.labels or () if label is not None else ())), -1],
        dtype=np.int64,
    )
    codes = table[label.values] if label is not None else np.full(spans.size, -1, np.int64)
    offset = batch.offsets[number]
    columns = (
        np.full(spans.size, number),
        np.arange(spans.size),
        spans["start"].values + offset,
        spans["end"].values + offset,
        codes,
    )
    return np.stack(columns).astype(np.int64)


def candidate_pairs(
    found: Entities, allowed: Bools, sentences: int, neighbours: int
) -> EntityPairs:
    """The candidate pairs, where allowed bool[kinds, kinds] says which kinds of head and tail may be linked."""
    places = np.arange(len(found))
    # A document's sentences stand apart from those of the next by more than any distance that is asked for.
    line = found.sentence + found.doc * (sentences + 1)
    reach = np.minimum(np.searchsorted(line, line + sentences, "right"), places + neighbours + 2)
    counts = reach - places - 1
    first = np.repeat(places, counts)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    head, tail = np.concatenate([first, second]), np.concatenate([second, first])
    kinds = found.kind[head], found.kind[tail]
    kept = (kinds[0] >= 0) & (kinds[1] >= 0) & allowed[kinds]
    return EntityPairs(head[kept], tail[kept])


def between(found: Entities, pairs: EntityPairs) -> tuple[Ints, Ints]:
    """The token rows between head and tail, from and up to; none, ``start >= end``, where they touch or one lies in the other."""
    head, tail = pairs.head, pairs.tail
    return np.minimum(found.end[head], found.end[tail]), np.maximum(
        found.start[head], found.start[tail]
    )


def geometry(found: Entities, pairs: EntityPairs, sentences: int) -> tuple[Ints, int]:
    """How head and tail lie to each other, as one number for each pair, and how many numbers there are.

    It tells the tokens between them, which comes first or lies in the other, and the sentence borders between.
    """
    starts, ends = (
        (found.start[pairs.head], found.start[pairs.tail]),
        (found.end[pairs.head], found.end[pairs.tail]),
    )
    behind, before = between(found, pairs)
    gap = before - behind
    bucket = np.where(gap < 0, len(GAPS) + 1, np.searchsorted(GAPS, gap, "right"))
    inside = (starts[0] >= starts[1]) & (ends[0] <= ends[1])
    ahead = np.where(gap < 0, inside, starts[0] < starts[1])
    borders = np.abs(found.sentence[pairs.head] - found.sentence[pairs.tail])
    return (bucket * 2 + ahead) * (sentences + 1) + borders, (len(GAPS) + 2) * 2 * (sentences + 1)


def rivals(found: Entities, pairs: EntityPairs, kinds: int) -> tuple[Ints, int]:
    """How many entities of the tail's kind, and of the head's, begin between the two, and whether both have one text; as one number."""
    seen = np.zeros((len(found) + 1, kinds), dtype=np.int32)
    known = np.flatnonzero(found.kind >= 0)
    seen[known + 1, found.kind[known]] = 1
    seen = np.cumsum(seen, axis=0, dtype=np.int32)
    low, high = np.minimum(pairs.head, pairs.tail) + 1, np.maximum(pairs.head, pairs.tail)
    of = [
        np.minimum(seen[high, found.kind[end]] - seen[low, found.kind[end]], RIVALS - 1)
        for end in (pairs.tail, pairs.head)
    ]
    same = found.name[pairs.head] == found.name[pairs.tail]
    code: Any = (of[0] * RIVALS + of[1]) * 2 + same
    return code.astype(np.int64), RIVALS * RIVALS * 2
