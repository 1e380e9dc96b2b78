"""Passages as SVG: words in rows, arrows above them, glosses and marks below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipekit.rendering.arcs import EDGE, Arc, Foot, arcs_of, label_place, label_room
from pipekit.rendering.colours import hue_of
from pipekit.rendering.glyphs import in_one_line, markup, width_of
from pipekit.rendering.lanes import Range, lanes_of
from pipekit.rendering.passages import Highlight, Passage
from pipekit.rendering.rows import LONGEST_LABEL, SMALL_SIZE, TEXT_SIZE, Rows, in_rows

MARGIN = 18.0  # pixels, as all lengths here
_ARC = 23.0  # from one height of arcs to the next
_ABOVE_WORDS = 20.0  # from the feet of arcs to the line on which words stand
_BELOW_WORDS = 9.0
_GLOSS = 15.0
_LANE = 23.0
_BETWEEN_ROWS = 18.0
_BEND = 7.0  # the radius
_POINT = 4.0  # half the width of the point of an arrow
_POINT_LENGTH = 7.0
_BAR = 3.0
_TAG = 15.0  # the height of a label
_ROW = 1e6  # wider than any row


class Drawing(NamedTuple):
    """A part of an SVG; its upper left corner is at 0, 0."""

    width: float
    height: float
    content: str


def drawn(
    passage: Passage,
    width: float,
) -> Drawing:
    """A passage as a drawing of about this width."""
    sheet = _Sheet(passage, width)
    content = "".join(sheet.elements())
    return Drawing(sheet.width, sheet.height, content)


def drawn_lines(
    lines: Sequence[str],
    style: str,
) -> Drawing:
    """Lines of plain text, of a class of the style sheet."""
    texts = []
    widest = 0.0
    for number, line in enumerate(lines, 1):
        short = in_one_line(line, 120)
        texts.append(_text(short, MARGIN, 1.5 * number * TEXT_SIZE, style, anchor="start"))
        widest = max(widest, width_of(short, TEXT_SIZE))
    height = 1.5 * len(lines) * TEXT_SIZE + _BETWEEN_ROWS
    return Drawing(widest + 2 * MARGIN, height, "".join(texts))


def stacked(drawings: Sequence[Drawing]) -> Drawing:
    """Drawings below each other."""
    content = []
    height = 0.0
    for drawing in drawings:
        content.append(f'<g transform="translate(0 {_n(height)})">{drawing.content}</g>')
        height += drawing.height
    widest = max((drawing.width for drawing in drawings), default=0.0)
    return Drawing(widest, height, "".join(content))


class _Sheet:
    """A passage with the places of all that is drawn."""

    def __init__(
        self,
        passage: Passage,
        width: float,
    ) -> None:
        self.passage = passage
        self.rows: Rows = in_rows(passage, width - 2 * MARGIN)
        self.arcs: list[list[Arc]] = [[] for _ in self.rows.starts]
        for arc in arcs_of(self.rows, passage.arrows):
            self.arcs[arc.row].append(arc)
        self.lanes = lanes_of([self._reach(number) for number in range(len(self.rows.marks))])
        self.lines: list[float] = []  # where the words of each row stand
        self.marks: list[list[int]] = [[] for _ in self.rows.starts]
        for number, place in enumerate(self.rows.marks):
            for row in self._rows_of(place):
                self.marks[row].append(number)
        self.right = self.rows.width + self._overhang()
        self.width = self.right + 2 * MARGIN
        self.height = self._place_lines()

    def _reach(self, number: int) -> tuple[float, float]:
        """From where to where a mark and its label reach, all rows one behind the other."""
        first, last = self.rows.marks[number]
        if first == last:
            return 0.0, 0.0
        begin = self.rows.cells[first]
        end = self.rows.cells[last - 1]
        left = begin.row * _ROW + begin.x
        right = end.row * _ROW + end.right
        return left, max(right, left + _tag_width(self.passage.highlights[number]) + 4)

    def _rows_of(self, place: Range) -> range:
        """The rows that some cells are in."""
        first, last = place
        if first == last:
            return range(0)
        cells = self.rows.cells
        return range(cells[first].row, cells[last - 1].row + 1)

    def _overhang(self) -> float:
        """How far labels of marks reach beyond the words."""
        beyond = 0.0
        for mark, (first, last) in zip(self.passage.highlights, self.rows.marks, strict=True):
            if first < last:
                end = self.rows.cells[first].x + _tag_width(mark)
                beyond = max(beyond, end - self.rows.width)
        return beyond

    def _place_lines(self) -> float:
        """Find where the words of each row stand; returns the height of all."""
        y = MARGIN
        glosses = max((len(cell.glosses) for cell in self.rows.cells), default=0)
        for arcs, marks in zip(self.arcs, self.marks, strict=True):
            highest = max((arc.height for arc in arcs), default=0)
            if highest:
                y += highest * _ARC
            y += _ABOVE_WORDS
            self.lines.append(y)
            y += _BELOW_WORDS + glosses * _GLOSS
            lanes = [self.lanes[number] + 1 for number in marks]
            y += max(lanes, default=0) * _LANE + _BETWEEN_ROWS
        return y

    def elements(self) -> Iterator[str]:
        """The elements of SVG, those behind first."""
        for row in range(len(self.lines)):
            for arc in self.arcs[row]:
                yield self._arc_line(arc)
        for row in range(len(self.lines)):
            for arc in self.arcs[row]:
                yield self._arc_label(arc)
            for number in self.marks[row]:
                yield from self._mark(row, number)
            yield from self._words(row)

    def _words(self, row: int) -> Iterator[str]:
        y = self.lines[row]
        first, last = self.rows.cells_of_row(row)
        for cell in self.rows.cells[first:last]:
            x = MARGIN + cell.middle
            yield _text(cell.text, x, y, "pk-word")
            for number, gloss in enumerate(cell.glosses, 1):
                yield _text(gloss, x, y + 3 + number * _GLOSS, "pk-gloss", SMALL_SIZE)

    # -- marks

    def _mark(
        self,
        row: int,
        number: int,
    ) -> Iterator[str]:
        """The bar of a mark in a row, and its label in its first row."""
        mark = self.passage.highlights[number]
        cells = self.rows.cells
        low, high = self.rows.cells_of_row(row)
        first, last = self.rows.marks[number]
        left = MARGIN + cells[max(first, low)].x
        right = MARGIN + cells[min(last, high) - 1].right
        glosses = len(cells[low].glosses)
        y = self.lines[row] + _BELOW_WORDS + glosses * _GLOSS + self.lanes[number] * _LANE
        hue = f"pk-{hue_of(mark.hue)}"
        yield _box(left, y, right - left, _BAR, f"pk-fill {hue}")
        if first >= low and mark.caption:
            width = _tag_width(mark)
            yield _box(left, y + _BAR, width, _TAG, f"pk-fill {hue}")
            label = in_one_line(mark.caption, LONGEST_LABEL)
            middle = left + width / 2
            yield _text(label, middle, y + _BAR + 11.5, f"pk-tag-text {hue}", SMALL_SIZE)

    # -- arcs

    def _foot_line(self, row: int) -> float:
        return self.lines[row] - _ABOVE_WORDS + 2

    def _top(self, arc: Arc) -> float:
        return self._foot_line(arc.row) - (arc.height - 0.35) * _ARC

    def _ends(self, arc: Arc) -> tuple[float, float]:
        """The left and right end of an arc; the edges of the drawing where it goes on elsewhere."""
        left = MARGIN - EDGE
        right = MARGIN + self.rows.width + EDGE
        if arc.left is not None:
            left = MARGIN + arc.left.x
        if arc.right is not None:
            right = MARGIN + arc.right.x
        return left, right

    def _arc_line(self, arc: Arc) -> str:
        top = self._top(arc)
        bottom = self._foot_line(arc.row)
        left, right = self._ends(arc)
        if arc.is_from_above:
            path = f"M{_n(right)} {_n(top)}V{_n(bottom - 2)}"
        else:
            bend = min(_BEND, (right - left) / 2)
            path = self._up(arc.left, left, top, bottom, bend)
            path += f"H{_n(right - bend)}" if arc.right is not None else f"H{_n(right)}"
            path += self._down(arc.right, right, top, bottom, bend)
        line = f'<path class="pk-arc" d="{path}"/>'
        for foot in (arc.left, arc.right):
            if foot is not None and foot.is_point:
                line += _point(MARGIN + foot.x, bottom)
                break
        return line

    def _up(
        self,
        foot: Foot | None,
        x: float,
        top: float,
        bottom: float,
        bend: float,
    ) -> str:
        """From the left foot up to the top; from the edge where there is none."""
        if foot is None:
            return f"M{_n(x)} {_n(top)}"
        below = bottom - _POINT_LENGTH if foot.is_point else bottom
        corner = f"Q{_n(x)} {_n(top)} {_n(x + bend)} {_n(top)}"
        return f"M{_n(x)} {_n(below)}V{_n(top + bend)}{corner}"

    def _down(
        self,
        foot: Foot | None,
        x: float,
        top: float,
        bottom: float,
        bend: float,
    ) -> str:
        """From the top down to the right foot; nothing where there is none."""
        if foot is None:
            return ""
        below = bottom - _POINT_LENGTH if foot.is_point else bottom
        return f"Q{_n(x)} {_n(top)} {_n(x)} {_n(top + bend)}V{_n(below)}"

    def _arc_label(self, arc: Arc) -> str:
        label = in_one_line(arc.arrow.caption, LONGEST_LABEL)
        if not label:
            return ""
        left, right = self._ends(arc)
        room = label_room(arc.arrow)
        x = label_place(left - MARGIN, right - MARGIN, room, self.rows.width) + MARGIN
        y = self._top(arc)
        ground = _box(x - room / 2 + 1, y - 7, room - 2, 14, "pk-sheet")
        return ground + _text(label, x, y + 3.5, "pk-arc-label", SMALL_SIZE)


def _tag_width(mark: Highlight) -> float:
    if not mark.caption:
        return 0.0
    return width_of(in_one_line(mark.caption, LONGEST_LABEL), SMALL_SIZE) + 8


def _point(
    x: float,
    y: float,
) -> str:
    """The point of an arrow that looks down."""
    base = _n(y - _POINT_LENGTH)
    left = _n(x - _POINT)
    right = _n(x + _POINT)
    return f'<path class="pk-point" d="M{left} {base}H{right}L{_n(x)} {_n(y)}Z"/>'


def _box(
    x: float,
    y: float,
    width: float,
    height: float,
    style: str,
) -> str:
    place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
    return f'<rect class="{style}" {place} rx="1.5"/>'


def _text(
    text: str,
    x: float,
    y: float,
    style: str,
    size: float = TEXT_SIZE,
    anchor: str = "middle",
) -> str:
    """A line of text of the width that it was measured with, whatever the font is."""
    width = width_of(text, size)
    fit = ""
    if width and len(text) > 1:
        fit = f' textLength="{_n(width)}" lengthAdjust="spacingAndGlyphs"'
    place = f'x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}"'
    return f'<text class="{style}" {place}{fit}>{markup(text)}</text>'


def _n(number: float) -> str:
    """A length with one digit behind the point at most."""
    return f"{number:.1f}".removesuffix(".0")
