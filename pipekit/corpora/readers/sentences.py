"""Sentences of given tokens, and Docs made of them: what the column formats share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.doc import Doc
from pipekit.doc.columns import encode_labels
from pipekit.doc.layer import Layer
from pipekit.errors import ConfigError

Grouping = Literal["sentence", "document"] | int
_BUNCH = 256


class Sentence(NamedTuple):
    """Tokens as they stand in a file.

    `gaps` are the white space after each word. `numbers` are token columns of integers, `strings` token columns of labels (None for
    unset). `meta` is what the file says of the sentence; "newdoc" among it begins a document.
    """

    line: int
    words: Sequence[str]
    gaps: Sequence[str]
    strings: Mapping[str, Sequence[str | None]]
    numbers: Mapping[str, Sequence[int]]
    meta: Mapping[str, str]


def grouped(sentences: Iterable[Sentence], group: Grouping) -> Iterator[list[Sentence]]:
    """Sentences one by one, or the sentences of each document, or blocks of so many."""
    full = _full(group)
    block: list[Sentence] = []
    for sentence in sentences:
        if block and full(block, sentence):
            yield block
            block = []
        block.append(sentence)
    if block:
        yield block


def _full(group: Grouping) -> Callable[[list[Sentence], Sentence], bool]:
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
    """Blocks in bunches that are worth the price of an array operation."""
    bunch: list[list[Sentence]] = []
    size = 0
    for block in blocks:
        bunch.append(block)
        size += len(block)
        if size >= _BUNCH:
            yield bunch
            bunch, size = [], 0
    if bunch:
        yield bunch


def assemble(blocks: Sequence[Sequence[Sentence]], names: Sequence[str]) -> list[Doc]:
    """A Doc for each block of sentences, without white space at its end. Their columns share tables of labels.

    Token columns: those of the sentences, and `sent_start`; a column without a value in a Doc is left out there. The layer "meta" has a
    row for each sentence: `line`, and a labelled column for each key of `meta`.
    """
    sentences = [sentence for block in blocks for sentence in block]
    words = list(chain.from_iterable(sentence.words for sentence in sentences))
    gaps = list(chain.from_iterable(sentence.gaps for sentence in sentences))
    row = np.cumsum([0, *(len(sentence.words) for sentence in sentences)])
    place = np.cumsum([0, *map(len, blocks)])
    border = row[place]
    for last in border[1:].tolist():
        gaps[last - 1] = ""
    pieces = [piece for pair in zip(words, gaps, strict=True) for piece in pair]
    lengths = np.fromiter(map(len, words), np.int32, len(words))
    steps = lengths + np.fromiter(map(len, gaps), np.int32, len(words))
    starts = np.cumsum(steps) - steps
    tokens, partial = _tokens(sentences, row, np.repeat(border[:-1], np.diff(place)))
    meta = _meta(sentences)
    docs = []
    for (a, b), (first, last), name in zip(
        pairwise(border.tolist()), pairwise(place.tolist()), names, strict=True
    ):
        local = starts[a:b] - starts[a]
        doc = Doc.trusted("".join(pieces[2 * a : 2 * b]), local, local + lengths[a:b])
        doc.name = name
        doc.layers = {
            "tokens": _without_empty(tokens.rows(a, b), partial),
            "meta": meta.rows(first, last),
        }
        docs.append(doc)
    return docs


def _tokens(
    sentences: Sequence[Sentence], row: NDArray[np.int64], origin: NDArray[np.int64]
) -> tuple[Layer, list[str]]:
    """The token columns of all sentences, and which of them have unset values; `origin` is the row where each sentence's Doc begins."""
    size = int(row[-1])
    sent_start = np.zeros(size, np.bool_)
    sent_start[row[:-1]] = True
    layer = Layer("token", size).set("sent_start", sent_start)
    for key in sentences[0].strings:
        set_strings(
            layer, key, list(chain.from_iterable(sentence.strings[key] for sentence in sentences))
        )
    for key in sentences[0].numbers:
        numbers = np.fromiter(
            chain.from_iterable(sentence.numbers[key] for sentence in sentences), np.int32, size
        )
        if key == "head":
            numbers += np.where(numbers < 0, 0, np.repeat(row[:-1] - origin, np.diff(row))).astype(
                np.int32
            )
        layer.set(key, numbers)
    return layer, [key for key in layer if key != "sent_start" and int(layer[key].values.min()) < 0]


def _without_empty(layer: Layer, partial: Sequence[str]) -> Layer:
    for key in partial:
        if int(layer[key].values.max()) < 0:
            layer.remove(key)
    return layer


def _meta(sentences: Sequence[Sentence]) -> Layer:
    layer = Layer("doc", len(sentences)).set("line", [sentence.line for sentence in sentences])
    for key in dict.fromkeys(key for sentence in sentences for key in sentence.meta):
        set_strings(layer, key, [sentence.meta.get(key) for sentence in sentences])
    return layer


def set_strings(layer: Layer, key: str, values: Sequence[str | None]) -> None:
    """A labelled column, also where all values are None."""
    column = encode_labels(values)
    layer.set(key, column.values, column.labels)
