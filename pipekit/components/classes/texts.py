"""Which tokens make a text for `terms.py`: a document, or an entity with the tokens around it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipekit.components.classes.terms import TermTokens
from pipekit.parts.batch import Batch
from pipekit.parts.spans import batch_spans, crowded
from pipekit.words.arrays import Ints, ranges

_NEIGHBOURS = 4  # entities on either side that an entity of a crowd sees
_NEAR = 4  # tokens at most this far from an entity are marked in its text


def document_texts(batch: Batch) -> TermTokens:
    """Each document as a text, no token marked."""
    lengths = np.diff(batch.offsets)
    documents = len(lengths)
    return TermTokens(
        text=np.repeat(np.arange(documents), lengths),
        row=np.arange(len(batch)),
        mark=np.zeros(len(batch), dtype=np.int64),
        texts=documents,
    )


class EntityRows(NamedTuple):
    """Entities of a batch, int64[entities] each.

    Attributes:
        start: the first token row in the batch.
        end: the token row behind the last one.
        doc: the number of the document.
    """

    start: Ints
    end: Ints
    doc: Ints

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: Ints) -> EntityRows:
        """Some of the entities."""
        return EntityRows(self.start[rows], self.end[rows], self.doc[rows])


def entity_rows(
    batch: Batch,
    layer: str,
) -> EntityRows:
    """The spans of a layer in all documents; those without the layer have none."""
    spans = batch_spans(batch, layer, ())
    doc = np.searchsorted(batch.offsets, spans.start, "right") - 1
    return EntityRows(spans.start, spans.end, doc)


class Surroundings(NamedTuple):
    """Tokens of entities and around them, int64[n] each, entity after entity.

    Attributes:
        owner: the number of the entity.
        row: the token row in the batch.
        distance: tokens from the entity; negative before it, 0 within, positive behind.
    """

    owner: Ints
    row: Ints
    distance: Ints


def tokens_around(
    batch: Batch,
    entities: EntityRows,
    window: int,
) -> Surroundings:
    """The tokens of each entity, and those of its sentence at most `window` before or behind it.

    An entity across a border of sentences sees the sentence in which it begins. In a crowd (see
    `crowded`) it sees as far as its fourth neighbour on either side.
    """
    sentence = np.searchsorted(batch.sequences, entities.start, "right") - 1
    if not len(sentence):
        return Surroundings(sentence, sentence, sentence)
    sentence_start = batch.sequences[sentence]
    sentence_end = batch.sequences[sentence + 1]
    nearest = _near_neighbours(entities, sentence)
    first = np.maximum(sentence_start, entities.start - window)
    first = np.maximum(first, nearest.start)
    last = np.minimum(sentence_end, entities.end + window)
    last = np.minimum(last, nearest.end)
    first = np.minimum(first, entities.start)
    last = np.maximum(last, entities.end)
    lengths = last - first
    owner = np.repeat(np.arange(len(entities)), lengths)
    row = ranges(first, lengths)
    before = np.minimum(row - entities.start[owner], 0)
    behind = np.maximum(row - entities.end[owner] + 1, 0)
    return Surroundings(owner, row, before + behind)


def _near_neighbours(
    entities: EntityRows,
    sentence: Ints,
) -> EntityRows:
    """From where to where each entity sees others; the whole batch where there is no crowd."""
    size = len(entities)
    order = np.argsort(entities.start, kind="stable")
    places = np.empty(size, dtype=np.int64)
    places[order] = np.arange(size)
    before = order[np.maximum(places - _NEIGHBOURS, 0)]
    behind = order[np.minimum(places + _NEIGHBOURS, size - 1)]
    crowd = crowded(sentence)
    start = np.where(crowd, entities.start[before], 0)
    end = np.where(crowd, entities.end[behind], np.iinfo(np.int64).max)
    return EntityRows(start, end, entities.doc)


def entity_texts(
    batch: Batch,
    entities: EntityRows,
    window: int,
) -> TermTokens:
    """Each entity as a text: all tokens around it unmarked, then the nearest ones again, marked.

    Marks: 1 before the entity, 2 within, 3 behind.
    """
    around = tokens_around(batch, entities, window)
    near = np.abs(around.distance) <= _NEAR
    unmarked = np.zeros(len(around.row), dtype=np.int64)
    marks = np.sign(around.distance[near]) + 2
    return TermTokens(
        text=np.concatenate([around.owner, around.owner[near]]),
        row=np.concatenate([around.row, around.row[near]]),
        mark=np.concatenate([unmarked, marks]),
        texts=len(entities),
    )
