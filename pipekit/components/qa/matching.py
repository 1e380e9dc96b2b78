"""Which words of a text are words of a question: the same form, a form of the same lemma, or the same beginning; and how rare they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipekit.doc import Doc
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Tables
from pipekit.words.arrays import Ints, ranges
from pipekit.words.chars import Words, codes
from pipekit.words.lexicon import Lexicon, find, short

NOTHING, BEGINNING, LEMMA, FORM = range(4)  # how like two words are
_BEGINNING = 5  # letters; the crude stem of words that are longer
_PART = 200  # documents that are counted together
_STEPS = 200 / 16  # steps of a stored rarity: it lies between 0 and 16


@dataclass(frozen=True)
class LookupKeys:
    """The lemmas of distinct words, ragged and as hashes: `owners` int64[lemmas] ascends and says whose each of `lemmas` is."""

    owners: Ints
    lemmas: NDArray[np.uint32]


def keys(batch: Batch, lexicon: Lexicon | None) -> LookupKeys:
    """All lemmas that the lexicon allows for each distinct word of a batch; a word itself where there is no lexicon, or it allows none."""
    plain = batch.distinct.plain
    own = short(plain.hashes(plain.starts, plain.ends))
    if lexicon is None:
        return LookupKeys(np.arange(len(own), dtype=np.int64), own)
    found = batch.analyses(lexicon)
    counts = np.diff(found.offsets)
    owners = np.repeat(np.arange(len(own), dtype=np.int64), counts)
    lemmas = lemma_hashes(plain, owners, found.scripts, lexicon)
    bare = np.flatnonzero(counts == 0)
    pairs = np.unique(
        np.concatenate([owners, bare]) << 32 | np.concatenate([lemmas, own[bare]]).astype(np.int64)
    )
    return LookupKeys(pairs >> 32, (pairs & 0xFFFFFFFF).astype(np.uint32))


def lemma_hashes(words: Words, owners: Ints, scripts: Ints, lexicon: Lexicon) -> NDArray[np.uint32]:
    """The hash of each lemma, uint32[analyses]: what a script leaves of its word, and the tail that it appends, spelled for all at once."""
    edits = lexicon.edits
    front, back = (
        np.array([e[0] for e in edits], np.int64),
        np.array([e[1] for e in edits], np.int64),
    )
    tails = np.array([len(e[2]) for e in edits], np.int64)
    letters, first = codes("".join(e[2] for e in edits)), np.cumsum(tails) - tails
    starts = words.starts[owners] + front[scripts]
    kept = np.maximum(words.ends[owners] - back[scripts] - starts, 0)
    sizes = kept + tails[scripts]
    ends = np.cumsum(sizes)
    points = np.zeros(int(sizes.sum()), dtype=np.uint32)
    points[ranges(ends - sizes, kept)] = words.codes[ranges(starts, kept)]
    points[ranges(ends - tails[scripts], tails[scripts])] = letters[
        ranges(first[scripts], tails[scripts])
    ]
    spelled = Words(points, ends - sizes, ends)
    return short(spelled.hashes(spelled.starts, spelled.ends))


def likeness(
    text: Batch, text_keys: LookupKeys, asked: Batch, asked_keys: LookupKeys
) -> NDArray[np.uint8]:
    """How like each distinct word of a text is to each of the questions, uint8[words, words of questions]."""
    ours, theirs = text.distinct.plain, asked.distinct.plain
    table = np.full((len(ours), len(theirs)), NOTHING, dtype=np.uint8)
    long, long_asked = (
        np.flatnonzero(ours.lengths > _BEGINNING),
        np.flatnonzero(theirs.lengths > _BEGINNING),
    )
    _mark(
        table, BEGINNING, long, _beginnings(ours, long), long_asked, _beginnings(theirs, long_asked)
    )
    _mark(table, LEMMA, text_keys.owners, text_keys.lemmas, asked_keys.owners, asked_keys.lemmas)
    whole, whole_asked = (short(words.hashes(words.starts, words.ends)) for words in (ours, theirs))
    _mark(table, FORM, np.arange(len(ours)), whole, np.arange(len(theirs)), whole_asked)
    return table


def _beginnings(words: Words, rows: Ints) -> NDArray[np.uint32]:
    return short(words.hashes(words.starts[rows], words.starts[rows] + _BEGINNING))


def _mark(
    table: NDArray[np.uint8],
    value: int,
    rows: Ints,
    left: NDArray[np.uint32],
    columns: Ints,
    right: NDArray[np.uint32],
) -> None:
    """Write a value where a row and a column have a hash in common."""
    order = np.argsort(right, kind="stable")
    first = np.searchsorted(right[order], left, "left")
    counts = np.searchsorted(right[order], left, "right") - first
    table[np.repeat(rows, counts), columns[order][ranges(first, counts)]] = value


def rarity(found: LookupKeys, tables: Tables, size: int) -> NDArray[np.float32]:
    """How rare each distinct word is, that is, the least of its lemmas: from 0
    (in every text) to 1 (in none): minus the log of the share of texts that have it; float32[size]."""
    if "rarity.hashes" not in tables:
        return np.ones(size, dtype=np.float32)
    hashes, values = (
        np.asarray(tables["rarity.hashes"], np.uint32),
        np.asarray(tables["rarity.values"], np.float32),
    )
    unseen = float(values[0])
    rows = find(hashes, found.lemmas)
    rare = np.where(rows >= 0, values[rows], unseen).astype(np.float32)
    least = np.full(size, unseen, dtype=np.float32)
    np.minimum.at(least, found.owners, rare)
    return least / np.float32(max(unseen, 1))


def learn_rarity(docs: Sequence[Doc], lexicon: Lexicon | None) -> Tables:
    """`rarity.hashes` uint32[lemmas], sorted, and `rarity.values` uint8[lemmas], the first of them that of a lemma no one has seen."""
    counted: list[NDArray[np.uint32]] = []
    for begin in range(0, len(docs), _PART):
        batch = Batch(docs[begin : begin + _PART])
        found = keys(batch, lexicon)
        sizes = np.bincount(found.owners, minlength=len(batch.distinct.plain))
        first = np.cumsum(sizes) - sizes
        tokens = batch.distinct.index
        owners = np.repeat(
            np.repeat(np.arange(len(batch.docs)), np.diff(batch.offsets)), sizes[tokens]
        )
        lemmas = found.lemmas[ranges(first[tokens], sizes[tokens])]
        counted.append(
            (
                np.unique(owners.astype(np.int64) << 32 | lemmas.astype(np.int64)) & 0xFFFFFFFF
            ).astype(np.uint32)
        )
    hashes, times = np.unique(np.concatenate(counted), return_counts=True)
    often = times > 1
    values = np.log((1 + len(docs)) / np.concatenate([[1], times[often]])) * _STEPS
    every = np.concatenate([np.zeros(1, np.uint32), hashes[often]])
    return {"rarity.hashes": every, "rarity.values": np.clip(values, 0, 255).astype(np.uint8)}
