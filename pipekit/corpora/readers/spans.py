"""Spans that a corpus gives in characters, as rows of tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple, TypeVar
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from pipekit.corpora.readers.files import CorpusFile
from pipekit.doc import Doc
from pipekit.doc.columns import encode_labels
from pipekit.doc.layer import span_layer
from pipekit.errors import ConfigError, near
from pipekit.words.arrays import Ints

Misaligned = Literal["expand", "skip", "raise"]
POLICIES = ("expand", "skip", "raise")
Tokenize = Callable[[Sequence[str]], list[Doc]]
Item = TypeVar("Item")
_raw: WeakSet[Doc] = WeakSet()
_BATCH = 64  # texts tokenized at once
_AROUND = 12  # characters shown on either side of a span


def tokenized(
    tokenize: Tokenize,
    texts: Sequence[str],
) -> list[Doc]:
    """Docs of texts that stand in a file without tokens; `is_raw` remembers them."""
    docs = tokenize(texts)
    _raw.update(docs)
    return docs


def with_docs(
    items: Iterable[Item],
    text: Callable[[Item], str],
    tokenize: Tokenize,
) -> Iterator[tuple[Item, Doc]]:
    """Items of a file, each with the Doc of its text; many texts are tokenized at a time."""
    remaining = iter(items)
    while batch := list(islice(remaining, _BATCH)):
        docs = tokenized(tokenize, list(map(text, batch)))
        yield from zip(batch, docs, strict=True)


def is_raw(doc: Doc) -> bool:
    """Whether a reader has cut the text, whose file annotates neither tokens nor sentences."""
    return doc in _raw


class CharSpan(NamedTuple):
    """A labelled span of the characters [start, end).

    `line` is its line in the file, `key` its id for links. `fragments` are the offsets of a
    discontinuous span as they stand in the file.
    """

    start: int
    end: int
    label: str
    line: int
    key: str = ""
    fragments: str | None = None


class Link(NamedTuple):
    """A relation between two spans, which are named by their keys."""

    head: str
    tail: str
    label: str
    line: int


@dataclass(frozen=True)
class Aligner:
    """Writes spans and links to Docs.

    `misaligned` is the treatment of spans that do not fall on token borders: "expand" takes the
    whole of their tokens, "skip" leaves them out, "raise" is an error.
    """

    file: CorpusFile
    misaligned: Misaligned = "expand"

    def __post_init__(self) -> None:
        if self.misaligned not in POLICIES:
            raise ConfigError(
                f"misaligned is {self.misaligned!r}.{near(self.misaligned, POLICIES)}"
            )

    def write(
        self,
        doc: Doc,
        spans: Sequence[CharSpan],
        links: Sequence[Link] | None = None,
    ) -> None:
        """Write the spans as the layer "ents" and the links as the layer "relations".

        Spans may overlap. Links are None where the corpus is not annotated with them.
        """
        spans, starts, ends = self._aligned(doc, spans)
        layer = span_layer(starts, ends, encode_labels([span.label for span in spans]))
        if any(span.fragments for span in spans):
            fragments = encode_labels([span.fragments for span in spans])
            layer.set("fragments", fragments.values, fragments.labels)
        doc.layers["ents"] = layer
        if links is not None:
            self._write_links(doc, spans, links)

    def _aligned(
        self,
        doc: Doc,
        spans: Sequence[CharSpan],
    ) -> tuple[list[CharSpan], Ints, Ints]:
        """The spans that are written, and their token rows (end exclusive), int64[spans] each."""
        inside = [span for span in spans if self._is_inside(doc, span)]
        char_starts = np.array([span.start for span in inside], np.int64)
        char_ends = np.array([span.end for span in inside], np.int64)
        starts = np.searchsorted(doc.ends, char_starts, "right")
        ends = np.searchsorted(doc.starts, char_ends, "left")
        aligned: list[CharSpan] = []
        stays = np.zeros(len(inside), dtype=bool)
        for i, span in enumerate(inside):
            if self._fits(
                doc,
                span,
                int(starts[i]),
                int(ends[i]),
            ):
                aligned.append(span)
                stays[i] = True
        return aligned, starts[stays], ends[stays]

    def _is_inside(
        self,
        doc: Doc,
        span: CharSpan,
    ) -> bool:
        if 0 <= span.start < span.end <= len(doc.text):
            return True
        what = (
            f"[{span.start}, {span.end}) is no part of a text of {len(doc.text)} characters: "
            "offsets are [start, end), start < end"
        )
        self.file.fail(span.line, "offsets", what)
        return False

    def _fits(
        self,
        doc: Doc,
        span: CharSpan,
        start: int,
        end: int,
    ) -> bool:
        """Whether a span with these token rows is written; reports it where it is misaligned."""
        if start >= end:
            white = picture(doc.text, span.start, span.end)
            self.file.note(span.line, "offsets", f"{white} is white space: left out")
            return False
        char_start = int(doc.starts[start])
        char_end = int(doc.ends[end - 1])
        if char_start == span.start and char_end == span.end:
            return True
        shown = picture(doc.text, span.start, span.end)
        hint = _hint(doc, span)
        what = f"{span.label} {shown} does not fall on token borders{hint}"
        if self.misaligned == "raise":
            cure = "mend the offsets, or read with misaligned='expand' or 'skip'"
            self.file.fail(span.line, "offsets", f"{what}: {cure}")
            return False
        if self.misaligned == "skip":
            self.file.note(span.line, "offsets", f"{what}: left out")
            return False
        tokens = picture(doc.text, char_start, char_end)
        self.file.note(span.line, "offsets", f"{what}: read as {tokens}")
        return True

    def _write_links(
        self,
        doc: Doc,
        spans: Sequence[CharSpan],
        links: Sequence[Link],
    ) -> None:
        row_of_key = {span.key: row for row, span in enumerate(spans)}
        heads: list[int] = []
        tails: list[int] = []
        labels: list[str] = []
        for link in links:
            missing = [key for key in (link.head, link.tail) if key not in row_of_key]
            if missing:
                what = (
                    f"{link.label} links {missing[0]!r}, which is no entity that was read: left out"
                )
                self.file.note(link.line, "relations", what)
                continue
            heads.append(row_of_key[link.head])
            tails.append(row_of_key[link.tail])
            labels.append(link.label)
        layer = doc.add_layer("relations", "link", len(labels), target="ents")
        layer.set("head", np.array(heads, np.int32))
        layer.set("tail", np.array(tails, np.int32))
        column = encode_labels(labels)
        layer.set("label", column.values, column.labels)


def picture(
    text: str,
    start: int,
    end: int,
) -> str:
    """The characters in brackets, with some of their surroundings, in one line.

    `picture("Мэр Иванова тут", 7, 11)` is "Мэр Ива[нова] тут".
    """
    first = max(0, start - _AROUND)
    last = end + _AROUND
    shown = f"{text[first:start]}[{text[start:end]}]{text[end:last]}"
    if start > _AROUND:
        shown = f"…{shown}"
    if last < len(text):
        shown = f"{shown}…"
    return shown.replace("\n", " ")


def _hint(
    doc: Doc,
    span: CharSpan,
) -> str:
    """The end of a message, where the end of a span seems to be that of its last character."""
    is_inclusive = _has(doc.ends, span.end + 1) and not _has(doc.starts, span.end)
    if is_inclusive and _has(doc.starts, span.start):
        return " (the end looks inclusive; offsets are [start, end))"
    return ""


def _has(
    borders: NDArray[np.int32],
    place: int,
) -> bool:
    """Whether a place is among borders, which ascend."""
    row = int(borders.searchsorted(np.int32(place)))
    return row < len(borders) and int(borders[row]) == place
