"""How like the words of a text are to the words of questions, and how rare they are.

Two words are alike if they have the same form, a lemma in common, or the same beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.doc import Doc
from pipekit.parts.batch import Batch
from pipekit.parts.contracts import Tables
from pipekit.tables import Declarations, Table
from pipekit.words.arrays import Floats, Ints, offsets, pair_keys, ranges, split_pairs
from pipekit.words.chars import Words, codes
from pipekit.words.lexicon import Lexicon, find, short

NOTHING, BEGINNING, LEMMA, FORM = range(4)  # how like two words are
_BEGINNING = 5  # letters; the crude stem of words that are longer
_DOCS_AT_ONCE = 200  # documents that are counted together
_STEPS = 200 / 16  # steps of a stored rarity, which lies between 0 and 16
_HASHES = 1 << 32  # how many short hashes there are
RARITY_TABLES: Declarations = {  # see `learn_rarity`
    "hashes": Table("uint32", "lemmas", order="rising", filled=True),
    "values": Table("uint8", "lemmas"),
}


class WordHashes(NamedTuple):
    """Hashes of distinct words, any number for each: of their forms, lemmas or beginnings.

    Attributes:
        owners: the number of the word, int64[hashes], ascending.
        hashes: uint32[hashes].
    """

    owners: Ints
    hashes: NDArray[np.uint32]


def word_lemmas(
    batch: Batch,
    lexicon: Lexicon | None,
) -> WordHashes:
    """All lemmas that the lexicon allows for each distinct word of a batch.

    A word stands for itself where there is no lexicon, or where the lexicon has no lemma for it.
    """
    plain = batch.distinct.plain
    forms = _forms(plain)
    if lexicon is None:
        return forms
    analyses = batch.analyses(lexicon)
    counts = np.diff(analyses.offsets)
    owners = np.repeat(forms.owners, counts)
    lemmas = lemma_hashes(plain, owners, analyses.scripts, lexicon)
    bare = np.flatnonzero(counts == 0)
    all_owners = np.concatenate([owners, bare])
    all_hashes = np.concatenate([lemmas, forms.hashes[bare]])
    distinct_owners, distinct_hashes = _distinct_pairs(all_owners, all_hashes)
    return WordHashes(distinct_owners, distinct_hashes)


def _distinct_pairs(
    owners: Ints,
    hashes: NDArray[np.uint32],
) -> tuple[Ints, NDArray[np.uint32]]:
    """Pairs of an owner and a hash, each pair once, in order."""
    keys = pair_keys(owners, hashes.astype(np.int64), _HASHES)
    distinct = np.unique(keys)
    distinct_owners, distinct_hashes = split_pairs(distinct, _HASHES)
    return distinct_owners, distinct_hashes.astype(np.uint32)


def lemma_hashes(
    words: Words,
    owners: Ints,  # the word of each analysis, int64[analyses]
    scripts: Ints,  # numbers of edits of the lexicon, int64[analyses]
    lexicon: Lexicon,
) -> NDArray[np.uint32]:
    """The hash of the lemma of each analysis, uint32[analyses].

    A lemma is what its script leaves of the word, and the tail that the script appends. All are
    spelled at once, end to end.
    """
    dropped_in_front = []
    dropped_behind = []
    tails = []
    for in_front, behind, tail in lexicon.edits:
        dropped_in_front.append(in_front)
        dropped_behind.append(behind)
        tails.append(tail)
    front = np.array(dropped_in_front, dtype=np.int64)
    back = np.array(dropped_behind, dtype=np.int64)
    lengths = list(map(len, tails))
    tail_lengths = np.array(lengths, dtype=np.int64)
    tail_starts = offsets(tail_lengths)[:-1]
    tail_letters = codes("".join(tails))

    stem_starts = words.starts[owners] + front[scripts]
    stem_ends = words.ends[owners] - back[scripts]
    stems = np.maximum(stem_ends - stem_starts, 0)  # lengths
    appended = tail_lengths[scripts]
    borders = offsets(stems + appended)
    starts = borders[:-1]
    ends = borders[1:]

    letters = np.zeros(borders[-1], dtype=np.uint32)
    stem_source = ranges(stem_starts, stems)
    stem_places = ranges(starts, stems)
    letters[stem_places] = words.codes[stem_source]
    tail_source = ranges(tail_starts[scripts], appended)
    tail_places = ranges(ends - appended, appended)
    letters[tail_places] = tail_letters[tail_source]

    lemmas = Words(letters, starts, ends)
    return short(lemmas.hashes(starts, ends))


def word_likeness(
    text: Batch,
    text_lemmas: WordHashes,
    asked: Batch,
    asked_lemmas: WordHashes,
) -> NDArray[np.uint8]:
    """How like the distinct words of a text are to those of questions.

    Returns:
        uint8[words, words of questions]: the greatest of NOTHING, BEGINNING, LEMMA, FORM that
        holds for the two.
    """
    words = text.distinct.plain
    asked_words = asked.distinct.plain
    shape = len(words), len(asked_words)
    table = np.full(shape, NOTHING, dtype=np.uint8)
    _mark(table, BEGINNING, _beginnings(words), _beginnings(asked_words))
    _mark(table, LEMMA, text_lemmas, asked_lemmas)
    _mark(table, FORM, _forms(words), _forms(asked_words))
    return table


def _forms(words: Words) -> WordHashes:
    """The form of each word."""
    owners = np.arange(len(words), dtype=np.int64)
    hashes = words.hashes(words.starts, words.ends)
    return WordHashes(owners, short(hashes))


def _beginnings(words: Words) -> WordHashes:
    """The beginning of each word that is longer than one."""
    owners = np.flatnonzero(words.lengths > _BEGINNING)
    starts = words.starts[owners]
    hashes = words.hashes(starts, starts + _BEGINNING)
    return WordHashes(owners, short(hashes))


def _mark(
    table: NDArray[np.uint8],
    value: int,
    rows: WordHashes,
    columns: WordHashes,
) -> None:
    """Write a value where the word of a row and the word of a column have a hash in common."""
    order = np.argsort(columns.hashes, kind="stable")
    hashes = columns.hashes[order]
    owners = columns.owners[order]
    first = np.searchsorted(hashes, rows.hashes, "left")
    last = np.searchsorted(hashes, rows.hashes, "right")
    counts = last - first
    of_rows = np.repeat(rows.owners, counts)
    of_columns = owners[ranges(first, counts)]
    table[of_rows, of_columns] = value


def word_rarity(
    lemmas: WordHashes,
    tables: Tables,
    size: int,
) -> Floats:
    """How rare each of `size` distinct words is, float32[size]: the least rarity of its lemmas.

    It lies between 0 for a lemma that is in every text and 1 for one that is in none: minus the log
    of the share of texts with the lemma, divided by that of an unseen lemma. All words have 1 where
    there are no tables of `learn_rarity`.
    """
    if "rarity.hashes" not in tables:
        return np.ones(size, dtype=np.float32)
    hashes = np.asarray(tables["rarity.hashes"], dtype=np.uint32)
    values = np.asarray(tables["rarity.values"], dtype=np.float32)
    unseen = float(values[0])
    rows = find(hashes, lemmas.hashes)
    of_lemmas = np.where(rows >= 0, values[rows], unseen)
    least = np.full(size, unseen, dtype=np.float32)
    np.minimum.at(least, lemmas.owners, of_lemmas.astype(np.float32))
    whole = max(unseen, 1)
    return least / np.float32(whole)


def learn_rarity(
    docs: Sequence[Doc],
    lexicon: Lexicon | None,
) -> Tables:
    """The tables of the lemmas that at least two documents have.

    Returns:
        rarity.hashes: uint32[lemmas], sorted; the first one stands for lemmas of no document.
        rarity.values: uint8[lemmas], in steps.
    """
    parts = []
    for begin in range(0, len(docs), _DOCS_AT_ONCE):
        end = begin + _DOCS_AT_ONCE
        batch = Batch(docs[begin:end])
        parts.append(_document_lemmas(batch, lexicon))
    hashes, counts = np.unique(np.concatenate(parts), return_counts=True)
    repeated = counts > 1
    texts = np.concatenate([[1], counts[repeated]])
    ratio = (1 + len(docs)) / texts
    values = np.log(ratio) * _STEPS
    unseen = np.zeros(1, dtype=np.uint32)
    return {
        "rarity.hashes": np.concatenate([unseen, hashes[repeated]]),
        "rarity.values": np.clip(values, 0, 255).astype(np.uint8),
    }


def _document_lemmas(
    batch: Batch,
    lexicon: Lexicon | None,
) -> NDArray[np.uint32]:
    """The lemmas of each document, each once, uint32[lemmas of all documents]."""
    lemmas = word_lemmas(batch, lexicon)
    counts = np.bincount(lemmas.owners, minlength=len(batch.distinct.plain))
    begins = offsets(counts)
    words = batch.distinct.index  # int64[tokens]
    docs = np.repeat(np.arange(len(batch.docs)), np.diff(batch.offsets))  # int64[tokens]
    of_tokens = counts[words]
    owners = np.repeat(docs, of_tokens)
    rows = ranges(begins[words], of_tokens)
    _, hashes = _distinct_pairs(owners, lemmas.hashes[rows])
    return hashes
