"""Where the words of a passage stand in a drawing: rows that are no wider than a page.

A row begins with each sentence, and where a sentence is wider than the page. Words keep the
distance that their glosses and the labels of short arrows need.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil

from pipekit.rendering.glyphs import in_one_line, width_of
from pipekit.rendering.lanes import Range
from pipekit.rendering.passages import Extent, Passage

TEXT_SIZE = 15.0  # pixels, as all lengths here
SMALL_SIZE = 11.0
LONGEST_LABEL = 40  # characters, as of words; of longer ones the beginning is drawn
_LEAST_WIDTH = 8.0
_SPACE = 9.0  # between words, where white space stands in the text
_NO_SPACE = 2.0
_LABEL_PADDING = 12.0
_SHORT_ARROW = 4  # words that it bridges; longer arrows have room for any usual label


@dataclass
class Cell:
    """A word in a drawing.

    Attributes:
        text: what is drawn.
        glosses: the lines below it.
        width: of the widest of these.
        text_width: of the text.
        gap: the room behind the cell.
        is_joined: whether the next word follows without white space.
        x: the left end of the cell.
        row: the number of its row.
    """

    text: str
    glosses: list[str]
    width: float
    text_width: float
    gap: float
    is_joined: bool = False
    x: float = 0.0
    row: int = 0

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def right(self) -> float:
        return self.x + self.width


@dataclass
class Rows:
    """The cells of a passage in rows.

    Attributes:
        cells: of all words.
        starts: the first cell of each row.
        width: of the widest row.
        marks: the cells of each highlight of the passage; (0, 0) for one without a word.
        arrows: the cells of the two ends of each arrow, tail before head.
    """

    cells: list[Cell]
    starts: list[int] = field(default_factory=list)
    width: float = 0.0
    marks: list[Range] = field(default_factory=list)
    arrows: list[tuple[Range, Range]] = field(default_factory=list)

    def cells_of_row(self, row: int) -> Range:
        """The first cell of a row, and the end of its cells."""
        starts = [*self.starts, len(self.cells)]
        return starts[row], starts[row + 1]


def in_rows(
    passage: Passage,
    width: float,
) -> Rows:
    """The words of a passage in rows of about this width."""
    words = passage.drawn_words()
    glosses = passage.glosses or [()] * len(words)
    cells = []
    starts = [word.start for word in words]
    ends = [word.end for word in words]
    followers = [*starts, len(passage.text)][1:]
    for word, lines, next_start in zip(
        words,
        glosses,
        followers,
        strict=True,
    ):
        cell = _cell(passage.text[word.start : word.end], lines)
        cell.is_joined = next_start == word.end
        if cell.is_joined and cell.width == cell.text_width:
            cell.gap = _NO_SPACE
        cells.append(cell)
    rows = Rows(cells)

    def cells_of(place: Extent) -> Range:
        first = bisect_right(ends, place.start)
        last = bisect_left(starts, place.end)
        return (first, last) if first < last else (0, 0)

    for mark in passage.highlights:
        rows.marks.append(cells_of(Extent(mark.start, mark.end)))
    for arrow in passage.arrows:
        ends_of_arrow = (cells_of(arrow.tail), cells_of(arrow.head))
        rows.arrows.append(ends_of_arrow)
        _draw_apart(cells, ends_of_arrow, _label_width(arrow.caption))
    breaks = {bisect_left(starts, place) for place in passage.breaks}
    _place(rows, breaks, width)
    return rows


def _cell(
    word: str,
    lines: Sequence[str],
) -> Cell:
    text = in_one_line(word, LONGEST_LABEL)
    glosses = [in_one_line(line, LONGEST_LABEL) for line in lines]
    text_width = width_of(text, TEXT_SIZE)
    widths = [width_of(line, SMALL_SIZE) for line in glosses]
    return Cell(
        text=text,
        glosses=glosses,
        width=max(
            text_width,
            _LEAST_WIDTH,
            *widths,
        ),
        text_width=text_width,
        gap=_SPACE,
    )


def _label_width(label: str) -> float:
    if not label:
        return 0.0
    return width_of(in_one_line(label, LONGEST_LABEL), SMALL_SIZE) + _LABEL_PADDING


def _draw_apart(
    cells: Sequence[Cell],
    ends: tuple[Range, Range],
    width: float,
) -> None:
    """Give the two ends of a short arrow at least a distance."""
    middles = sorted((first + last - 1) // 2 for first, last in ends)
    first, last = middles
    if first == last or last - first > _SHORT_ARROW:
        return
    halves = (cells[last].width - cells[first].width) / 2
    lacking = width - _distance(cells, first, last) - halves
    if lacking > 0:
        cells[first].gap += lacking


def _distance(
    cells: Sequence[Cell],
    first: int,
    last: int,
) -> float:
    """From the left end of a cell to that of another, in one row."""
    between = cells[first:last]
    return sum(cell.width + cell.gap for cell in between)


def _place(
    rows: Rows,
    breaks: set[int],
    width: float,
) -> None:
    """Give each cell its row and its place there."""
    edges = sorted({0, *breaks} - {len(rows.cells)})
    for start, end in pairwise([*edges, len(rows.cells)]):
        members = rows.cells[start:end]
        limit = _even_width(members, width)
        x = 0.0
        for number, cell in enumerate(members, start):
            needed = cell.width
            most = width
            if not (number > start and rows.cells[number - 1].is_joined):
                needed = _joined_width(members[number - start :])
                most = limit
            is_full = x > 0 and x + needed > most
            if number == start or is_full:
                rows.starts.append(number)
                x = 0.0
            cell.x = x
            cell.row = len(rows.starts) - 1
            rows.width = max(rows.width, cell.right)
            x += cell.width + cell.gap


def _even_width(
    cells: Sequence[Cell],
    width: float,
) -> float:
    """A width of rows of which the last one is about as full as the others."""
    total = sum(cell.width + cell.gap for cell in cells)
    widest = max((cell.width + cell.gap for cell in cells), default=0.0)
    count = ceil(total / width)
    return min(width, total / max(count, 1) + widest)


def _joined_width(cells: Sequence[Cell]) -> float:
    """The width of the first cell with all that follow without white space."""
    width = 0.0
    for cell in cells:
        width += cell.width
        if not cell.is_joined:
            break
        width += cell.gap
    return width
