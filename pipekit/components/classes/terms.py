"""Weighted terms of texts, TF-IDF (Salton and Buckley 1988): words, pairs of words and pieces of words, as rows of a learned vocabulary.

A term is known by its 64-bit hash. A text may be a whole document or whatever tokens one chooses, each with a mark, so that a word to the
left of an entity is another term than the same word elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.parts.batch import Batch
from pipekit.parts.spans import batch_spans
from pipekit.words.arrays import Hashes, Ints, ranges
from pipekit.words.chars import Words, mix

_PAIR, _MARK, _PIECE = (
    np.uint64(seed) for seed in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)
)


class TermTokens(NamedTuple):
    """Which tokens make which text, in order: token row `row` of a batch stands in text `text` with a `mark`, 0 for none; int64[n] each."""

    text: Ints
    row: Ints
    mark: Ints
    texts: int


class Terms(NamedTuple):
    """Text t has the vocabulary rows ``ids[offsets[t]:offsets[t + 1]]`` with the weights `values` float32."""

    ids: Ints
    values: NDArray[np.float32]
    offsets: Ints

    def take(self, texts: Ints) -> Terms:
        """Those of some of the texts."""
        sizes = np.diff(self.offsets)[texts]
        rows = ranges(self.offsets[texts], sizes)
        return Terms(self.ids[rows], self.values[rows], np.cumsum([0, *sizes.tolist()]))


def documents(batch: Batch) -> TermTokens:
    """Each document as a text, no token marked."""
    sizes = np.diff(batch.offsets)
    return TermTokens(
        np.repeat(np.arange(len(sizes)), sizes),
        np.arange(len(batch)),
        np.zeros(len(batch), np.int64),
        len(sizes),
    )


class Targets(NamedTuple):
    """Spans of a batch: the token rows where each begins and ends, and the number of its document; int64[n] each."""

    start: Ints
    end: Ints
    doc: Ints

    def take(self, rows: Ints) -> Targets:
        """Some of the spans."""
        return Targets(self.start[rows], self.end[rows], self.doc[rows])


def targets(batch: Batch, layer: str) -> Targets:
    """The spans of a layer in all documents; those without the layer have none."""
    spans = batch_spans(batch, layer, ())
    return Targets(spans.start, spans.end, np.searchsorted(batch.offsets, spans.start, "right") - 1)


def around(batch: Batch, spans: Targets, window: int) -> tuple[Ints, Ints, Ints]:
    """The tokens of the sentence of each span that stand at most `window` tokens before or behind it, and its own: the span, the token row,
    and the signed distance, 0 within; int64[n] each. A span over a border sees the sentence that it begins in.
    """
    sentence = np.searchsorted(batch.sequences, spans.start, "right") - 1
    if not len(sentence):
        return sentence, sentence, sentence
    first = np.maximum(batch.sequences[sentence], spans.start - window)
    last = np.maximum(np.minimum(batch.sequences[sentence + 1], spans.end + window), spans.end)
    owner, row = np.repeat(np.arange(len(first)), last - first), ranges(first, last - first)
    return (
        owner,
        row,
        np.minimum(row - spans.start[owner], 0) + np.maximum(row - spans.end[owner] + 1, 0),
    )


def views(batch: Batch, spans: Targets, window: int, near: int = 4) -> TermTokens:
    """Each span as a text: all tokens around it unmarked, then those of the span, and the nearest before and behind it, marked as such."""
    owner, row, distance = around(batch, spans, window)
    close = np.abs(distance) <= near
    mark = np.sign(distance[close]) + 2
    marks = np.concatenate([np.zeros(len(row), np.int64), mark])
    return TermTokens(
        np.concatenate([owner, owner[close]]),
        np.concatenate([row, row[close]]),
        marks,
        len(spans.start),
    )


class Vocabulary:
    """The terms that count, and how much each does.

    Args:
        tables: "hashes" uint64[terms], sorted; "idf" float32[terms]; "piece" bool[terms], whether the term is a piece of a word; pieces and
            words are normalised each by themselves, to a length of 1.
        pieces: the lengths of the pieces of words, none for words alone.
    """

    def __init__(self, tables: dict[str, NDArray[np.generic]], pieces: tuple[int, ...]) -> None:
        self.hashes: Hashes = tables["hashes"].astype(np.uint64, copy=False)
        self.idf = tables["idf"].astype(np.float32, copy=False)
        self.piece = tables["piece"].astype(bool, copy=False)
        self.pieces = pieces

    def __len__(self) -> int:
        return len(self.hashes)

    def terms(self, batch: Batch, tokens: TermTokens) -> Terms:
        """The known terms of each text: (1 + log count) × idf."""
        size = max(len(self), 1)
        found = [self._keys(part, size) for part in occurrences(batch, tokens, self.pieces)]
        keys, counts = np.unique(np.concatenate(found), return_counts=True)
        owner, ids = np.divmod(keys, size)
        values = (1 + np.log(counts)) * self.idf[ids]
        block = owner * 2 + self.piece[ids]
        length = np.sqrt(np.bincount(block, values**2, minlength=2 * tokens.texts))
        offsets = np.searchsorted(owner, np.arange(tokens.texts + 1))
        return Terms(ids, (values / length[block]).astype(np.float32), offsets)

    def _keys(self, given: Occurrences, size: int) -> Ints:
        """Text times `size` plus the row of the term, for the terms that are known."""
        distinct, place = np.unique(
            given.hashes, return_inverse=True
        )  # fewer and in order, they are found in a third of the time
        rows = np.searchsorted(self.hashes, distinct)
        known = rows < len(self)
        known[known] = self.hashes[rows[known]] == distinct[known]
        row = np.where(known, rows, -1)[place][given.term]
        return (given.text * size + row)[row >= 0]


def learn_vocabulary(
    batch: Batch, tokens: TermTokens, pieces: tuple[int, ...], min_count: int
) -> dict[str, NDArray[np.generic]]:
    """The tables of a vocabulary: terms that `min_count` texts have, with idf = log((1 + texts) / (1 + those that have it)) + 1."""
    found = occurrences(batch, tokens, pieces)
    text, hashes = (
        np.concatenate([part.text for part in found]),
        np.concatenate([part.hashes[part.term] for part in found]),
    )
    piece = np.repeat(np.arange(len(found)) > 0, [len(part.text) for part in found])
    distinct, first, index = np.unique(hashes, return_index=True, return_inverse=True)
    pairs = np.unique(index * max(tokens.texts, 1) + text)
    having = np.bincount(pairs // max(tokens.texts, 1), minlength=len(distinct))
    keep = having >= min_count
    idf = np.log((1 + tokens.texts) / (1 + having[keep])) + 1
    return {"hashes": distinct[keep], "idf": idf.astype(np.float32), "piece": piece[first][keep]}


class Occurrences(NamedTuple):
    """Text ``text[i]`` has the term ``hashes[term[i]]``."""

    text: Ints
    term: Ints
    hashes: Hashes


def occurrences(batch: Batch, tokens: TermTokens, pieces: tuple[int, ...]) -> list[Occurrences]:
    """Every term of every text: words and pairs of them; then, with `pieces`, pieces of words. Marked tokens give words only."""
    plain = batch.distinct.plain
    words = plain.hashes(plain.starts, plain.ends)[batch.distinct.index[tokens.row]]
    words = np.where(tokens.mark > 0, mix(words ^ (tokens.mark.astype(np.uint64) * _MARK)), words)
    after = np.flatnonzero(
        (np.diff(tokens.text) == 0) & (np.diff(tokens.row) == 1) & (np.diff(tokens.mark) == 0)
    )
    hashes = np.concatenate([words, mix(words[after] * _PAIR + words[after + 1])])
    found = [
        Occurrences(
            np.concatenate([tokens.text, tokens.text[after]]), np.arange(len(hashes)), hashes
        )
    ]
    if pieces:
        bare = np.flatnonzero(tokens.mark == 0)
        hashes, offsets = _pieces(plain, pieces)
        rows = batch.distinct.index[tokens.row[bare]]
        sizes = np.diff(offsets)[rows]
        found.append(
            Occurrences(np.repeat(tokens.text[bare], sizes), ranges(offsets[rows], sizes), hashes)
        )
    return found


def _pieces(words: Words, lengths: tuple[int, ...]) -> tuple[Hashes, Ints]:
    """The pieces of each word, of so many characters where the borders of the word count as one each, and where those of a word begin."""
    hashes, owners = [], []
    for length in lengths:
        for before, behind in ((0, 0), (1, 0), (0, 1)):
            inner = length - before - behind
            if before or behind:
                able = np.flatnonzero(words.lengths >= inner)
                owner, start = able, words.starts[able] if before else words.ends[able] - inner
            else:
                counts = np.maximum(words.lengths - inner + 1, 0)
                owner, start = (
                    np.repeat(np.arange(len(words)), counts),
                    ranges(words.starts, counts),
                )
            hashes.append(
                mix(
                    words.hashes(start, start + inner) + _PIECE * np.uint64(1 + before + 2 * behind)
                )
            )
            owners.append(owner)
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(hashes)[order], np.searchsorted(owner[order], np.arange(len(words) + 1))
