"""Sentences of tokens, and Docs assembled from them: shared by the column formats.

lines of a file -> Sentence ... -> `grouped`: the sentences of each Doc
                                -> `bunched`: many such groups, for array operations
                                -> `assemble`: Docs
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, pairwise
from typing import Literal, NamedTuple

import numpy as np

from pipekit.doc import Doc
from pipekit.doc.columns import encode_labels
from pipekit.doc.layer import Layer
from pipekit.errors import ConfigError
from pipekit.words.arrays import Ints, offsets

Grouping = Literal["sentence", "document"] | int
_BUNCH = 256  # sentences assembled at once
MOST_KEYS = 64  # columns of comments
OTHERS = "comments"  # the column of comments with further keys, a line for each


class Sentence(NamedTuple):
    """Tokens as they stand in a file, from its line `line` on.

    `gaps` are the white space after each word. `numbers` are token columns of integers, `strings`
    token columns of labels (None for unset). `meta` are the comments of the sentence by key; the
    key "newdoc" begins a document.
    """

    line: int
    words: Sequence[str]
    gaps: Sequence[str]
    strings: Mapping[str, Sequence[str | None]]
    numbers: Mapping[str, Sequence[int]]
    meta: Mapping[str, str]


def grouped(
    sentences: Iterable[Sentence],
    group: Grouping,
) -> Iterator[list[Sentence]]:
    """The sentences of each Doc: one, those of a document, or a number of them.

    Errors: `ConfigError` for an unknown grouping.
    """
    is_full = _full(group)
    block: list[Sentence] = []
    for sentence in sentences:
        if block and is_full(block, sentence):
            yield block
            block = []
        block.append(sentence)
    if block:
        yield block


def _full(group: Grouping) -> Callable[[list[Sentence], Sentence], bool]:
    """A test of whether a block is complete before the sentence that follows it."""
    if group == "sentence":
        return lambda block, following: True
    if group == "document":
        return lambda block, following: "newdoc" in following.meta
    if isinstance(group, int) and group > 0:
        return lambda block, following: len(block) >= group
    raise ConfigError(
        f"group is {group!r}: it takes 'sentence', 'document', or a number of sentences"
    )


def bunched(blocks: Iterable[list[Sentence]]) -> Iterator[list[list[Sentence]]]:
    """Blocks in bunches that are large enough to repay the overhead of array operations."""
    bunch: list[list[Sentence]] = []
    size = 0
    for block in blocks:
        bunch.append(block)
        size += len(block)
        if size >= _BUNCH:
            yield bunch
            bunch = []
            size = 0
    if bunch:
        yield bunch


def assemble(
    blocks: Sequence[Sequence[Sentence]],
    names: Sequence[str],
) -> list[Doc]:
    """A Doc for each block of sentences, without white space at its end. They share label tables.

    Token columns: those of the sentences, and `sent_start`; a column without any value in a Doc is
    left out there. The layer "meta" has a row for each sentence: `line`, and a labelled column for
    each key of `meta`.
    """
    sentences = list(chain.from_iterable(blocks))
    words: list[str] = []
    gaps: list[str] = []
    for sentence in sentences:
        words += sentence.words
        gaps += sentence.gaps
    sentence_rows = offsets(len(sentence.words) for sentence in sentences)
    doc_sentences = offsets(map(len, blocks))
    doc_rows = sentence_rows[doc_sentences]
    for end in doc_rows[1:].tolist():
        gaps[end - 1] = ""
    starts, ends = _char_offsets(words, gaps)
    pieces = list(chain.from_iterable(zip(words, gaps, strict=True)))  # word, gap, word, gap, …
    first_rows = np.repeat(doc_rows[:-1], np.diff(doc_sentences))  # int64[sentences]
    tokens = _token_layer(sentences, sentence_rows, first_rows)
    partial = _partly_unset(tokens)
    meta = _meta_layer(sentences)
    docs = []
    row_ranges = pairwise(doc_rows.tolist())
    sentence_ranges = pairwise(doc_sentences.tolist())
    for name, (start, end), (first, last) in zip(names, row_ranges, sentence_ranges, strict=True):
        origin = starts[start]
        own_pieces = pieces[2 * start : 2 * end]
        own_starts = starts[start:end] - origin
        own_ends = ends[start:end] - origin
        doc = Doc.trusted("".join(own_pieces), own_starts, own_ends)
        doc.name = name
        doc.layers = {
            "tokens": _without_empty(tokens.rows(start, end), partial),
            "meta": meta.rows(first, last),
        }
        docs.append(doc)
    return docs


def _char_offsets(
    words: list[str],
    gaps: list[str],
) -> tuple[Ints, Ints]:
    """Where each word begins and ends in the text of all words and gaps."""
    lengths = np.fromiter(map(len, words), np.int32, len(words))
    steps = lengths + np.fromiter(
        map(len, gaps),
        np.int32,
        len(gaps),
    )
    starts = offsets(steps)[:-1]
    return starts, starts + lengths


def _token_layer(
    sentences: Sequence[Sentence],
    rows: Ints,
    first_rows: Ints,
) -> Layer:
    """The token columns of all sentences, end to end.

    `rows` are the token offsets of the sentences, int64[sentences + 1]; `first_rows` the row where
    the Doc of each begins, int64[sentences].
    """
    size = int(rows[-1])
    sent_start = np.zeros(size, np.bool_)
    sent_start[rows[:-1]] = True
    layer = Layer("token", size).set("sent_start", sent_start)
    for key in sentences[0].strings:
        labels = chain.from_iterable(sentence.strings[key] for sentence in sentences)
        set_strings(layer, key, list(labels))
    for key in sentences[0].numbers:
        column = chain.from_iterable(sentence.numbers[key] for sentence in sentences)
        numbers = np.fromiter(column, np.int32, size)
        if key == "head":  # rows of the sentence become rows of the Doc
            shifts = np.repeat(rows[:-1] - first_rows, np.diff(rows))
            numbers += np.where(numbers < 0, 0, shifts).astype(np.int32)
        layer.set(key, numbers)
    return layer


def _partly_unset(layer: Layer) -> list[str]:
    """The columns with unset (negative) values."""
    columns = [key for key in layer if key != "sent_start"]
    return [key for key in columns if int(layer[key].values.min()) < 0]


def _without_empty(
    layer: Layer,
    partial: Sequence[str],
) -> Layer:
    """The layer without those of the columns `partial` that have no value in it."""
    for key in partial:
        if int(layer[key].values.max()) < 0:
            layer.remove(key)
    return layer


def _meta_layer(sentences: Sequence[Sentence]) -> Layer:
    """The comments: a column for each key, and the comments of keys beyond in one column.

    A file may have a key of its own in each sentence. Columns for all of them would hold as many
    cells as the square of the sentences.
    """
    layer = Layer("doc", len(sentences)).set("line", [sentence.line for sentence in sentences])
    keys = dict.fromkeys(chain.from_iterable(sentence.meta for sentence in sentences))
    keys.pop(OTHERS, None)
    columns = frozenset(islice(keys, MOST_KEYS))
    for key in islice(keys, MOST_KEYS):
        set_strings(layer, key, [sentence.meta.get(key) for sentence in sentences])
    others = [_other_comments(sentence, columns) for sentence in sentences]
    if any(others):
        set_strings(layer, OTHERS, others)
    return layer


def _other_comments(
    sentence: Sentence,
    columns: frozenset[str],
) -> str | None:
    """The comments of a sentence without a column, a line for each; None where there are none."""
    if columns.issuperset(sentence.meta):
        return None
    lines = [comment_line(key, value) for key, value in sentence.meta.items() if key not in columns]
    return "\n".join(lines) or None


def comment_line(
    key: str,
    value: str,
) -> str:
    """A comment as it stands behind its `#`."""
    return f"{key} = {value}" if value else key


def set_strings(
    layer: Layer,
    key: str,
    values: Sequence[str | None],
) -> None:
    """Set a labelled column, also where all values are None."""
    column = encode_labels(values)
    layer.set(key, column.values, column.labels)
