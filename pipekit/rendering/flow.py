"""Marked texts as HTML that flows: lines break wherever the page is narrow.

Marks that do not overlap are set within the line, each with its label behind it. Others lie in
lanes below the line:

    главой «Газпрома» Миллером          the text
    ▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔
    PROFESSION▔▔▔▔▔▔▔                   the lane of the outer span is below that of the inner one
            ORGANIZATION

There, words are cells of small grids. A label is a cell of its own, so the grid itself sees to it
that no label runs into another; a line may break between grids.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from math import ceil

from pipekit.rendering.colours import hue_of
from pipekit.rendering.elements import element
from pipekit.rendering.glyphs import markup, width_of
from pipekit.rendering.lanes import are_apart, lanes_of
from pipekit.rendering.passages import Extent, Highlight, Passage

# A word with the white space behind it. Texts without white space are cut somewhere.
_WORD = re.compile(r"\n|\S{1,48}[^\S\n]*|[^\S\n]+")
_LABEL_SIZE = 0.72  # of the size of the text
_PADDING = 1.0  # of a label, in the size of the text
_LONG_LABEL = 24  # characters; longer ones may break
_WIDEST = 14.0  # of a label, and of words that are held together for labels
_LETTER = 0.55  # the width of a letter, about


def flowing(
    passage: Passage,
    *,
    lanes: bool = False,
) -> str:
    """A text with its marks as a paragraph of HTML.

    Args:
        lanes: set the marks in lanes even where none of them overlap.
    """
    ranges = [mark.range for mark in passage.highlights]
    if lanes or not are_apart(ranges):
        pieces = _Lanes(passage).pieces()
    else:
        pieces = _in_line(passage)
    return element(
        "p",
        "".join(pieces),
        "pk-text",
        {"dir": "auto"},
    )


def _in_line(passage: Passage) -> Iterator[str]:
    """The text with its marks within the line."""
    place = 0
    for mark in sorted(passage.highlights):
        yield markup(passage.text[place : mark.start])
        text = markup(passage.text[mark.start : mark.end])
        yield element(
            "mark",
            text + _label(mark),
            f"pk-mark {_hue(mark)}",
        )
        place = mark.end
    yield markup(passage.text[place:])


def label_element(
    label: str,
    note: str = "",
    style: str = "",
) -> str:
    """A label, and what stands behind it; nothing for an empty one."""
    if not label and not note:
        return ""
    if len(label) + len(note) > _LONG_LABEL:
        style = f"pk-long {style}"
    content = markup(label)
    if note:
        small = element("small", markup(note))
        content = f"{content} {small}"
    return element(
        "span",
        content,
        f"pk-label {style}",
    )


def _label(mark: Highlight) -> str:
    return label_element(mark.label, mark.note)


def _hue(mark: Highlight) -> str:
    """The class of the colour of a mark."""
    return f"pk-{hue_of(mark.hue)}"


def _label_width(mark: Highlight) -> float:
    """About how wide a label is, in the size of the text."""
    if not mark.caption:
        return 0.0
    width = width_of(mark.caption, _LABEL_SIZE)
    return min(width, _WIDEST) + _PADDING


def _with_label(mark: Highlight) -> tuple[int, int]:
    """The characters above a mark and its label, which may be the longer one."""
    letters = ceil(_label_width(mark) / _LETTER)
    return mark.start, max(mark.end, mark.start + letters)


@dataclass
class _Unit:
    """Words that no line break divides.

    Attributes:
        words: their places in the text.
        width: of all of them.
        room: for each label that begins here and still needs room, how much.
    """

    words: list[Extent] = field(default_factory=list)
    width: float = 0.0
    room: dict[int, float] = field(default_factory=dict)


class _Lanes:
    """A text with its marks in lanes below the line."""

    def __init__(self, passage: Passage) -> None:
        self.text = passage.text
        self.marks = sorted(passage.highlights)
        self.ranges = [mark.range for mark in self.marks]
        self.lanes = lanes_of([_with_label(mark) for mark in self.marks])
        self.cuts = sorted(set(chain.from_iterable(self.ranges)))
        self.starts = [mark.start for mark in self.marks]
        self.begun = 0  # marks that begin before the end of the last unit
        self.open: list[int] = []
        self.is_marked = bytearray(len(self.text))
        for start, end in self.ranges:
            self.is_marked[start:end] = b"\1" * (end - start)

    def pieces(self) -> Iterator[str]:
        """Plain text and grids, in the order of the text."""
        unit = _Unit()
        for match in _WORD.finditer(self.text):
            word = Extent(*match.span())
            is_apart = self._is_apart(word, unit)
            if not is_apart:
                self._add(unit, word)
                if unit.room and unit.width < _WIDEST:
                    continue
            if unit.words:
                yield self._grid(unit)
                unit = _Unit()
            if is_apart:
                yield markup(match[0])
        if unit.words:
            yield self._grid(unit)

    def _is_apart(
        self,
        word: Extent,
        unit: _Unit,
    ) -> bool:
        """Whether a word stands in no grid: it has no mark, and no label needs its room.

        A line that ends within a mark ends outside the grids too.
        """
        if self.text[word.start] == "\n":
            row = bisect_left(self.starts, word.start)
            return row == len(self.starts) or self.starts[row] != word.start
        return not unit.room and not any(self.is_marked[word.start : word.end])

    def _add(
        self,
        unit: _Unit,
        word: Extent,
    ) -> None:
        """Add a word to a unit, and tell which labels still need room."""
        unit.words.append(word)
        unit.width += width_of(self.text[word.start : word.end], 1)
        first = bisect_left(self.starts, word.start)
        last = bisect_left(self.starts, word.end)
        for row in range(first, last):
            unit.room[row] = _label_width(self.marks[row])
        for row in list(unit.room):
            begin = max(word.start, self.starts[row])
            unit.room[row] -= width_of(self.text[begin : word.end], 1)
            if unit.room[row] <= 0:
                del unit.room[row]

    def _grid(self, unit: _Unit) -> str:
        """A unit as a grid: the text above, a row for each lane."""
        start = unit.words[0].start
        end = unit.words[-1].end
        low = bisect_right(self.cuts, start)
        high = bisect_left(self.cuts, end)
        edges = [start, *self.cuts[low:high], end]
        cells = []
        for begin, stop in pairwise(edges):
            text = markup(self.text[begin:stop])
            cells.append(element("span", text))
        for row in self._marks_within(start, end):
            cells += self._mark_cells(row, edges)
        return element(
            "span",
            "".join(cells),
            "pk-unit",
        )

    def _marks_within(
        self,
        start: int,
        end: int,
    ) -> list[int]:
        """The marks that touch a unit; units are asked for in the order of the text."""
        last = bisect_left(self.starts, end)
        self.open += range(self.begun, last)
        self.begun = last
        self.open = [row for row in self.open if self.ranges[row][1] > start]
        return self.open

    def _mark_cells(
        self,
        row: int,
        edges: Sequence[int],
    ) -> Iterator[str]:
        """The bar of a mark, and where the mark begins, its label."""
        mark = self.marks[row]
        begin = max(mark.start, edges[0])
        end = min(mark.end, edges[-1])
        first = bisect_left(edges, begin) + 1
        last = bisect_left(edges, end) + 1
        yield self._cell(
            row,
            "pk-bar",
            (first, last),
            "",
        )
        if mark.start >= edges[0]:
            last = self._free_until(row, edges)
            yield self._cell(
                row,
                "pk-tag",
                (first, last),
                _label(mark),
            )

    def _cell(
        self,
        row: int,
        style: str,
        columns: tuple[int, int],
        content: str,
    ) -> str:
        """A cell in the lane of a mark; the first row of the grid is the text."""
        line = self.lanes[row] + 2
        first, last = columns
        place = {"style": f"grid-area:{line}/{first}/auto/{last}"}
        hue = _hue(self.marks[row])
        return element(
            "span",
            content,
            f"{style} {hue}",
            place,
        )

    def _free_until(
        self,
        row: int,
        edges: Sequence[int],
    ) -> int:
        """The column up to which the lane of a mark is free, from where the mark begins."""
        for other in range(row + 1, len(self.marks)):
            start = self.starts[other]
            if start >= edges[-1]:
                break
            if self.lanes[other] == self.lanes[row]:
                return bisect_left(edges, start) + 1
        return len(edges)
