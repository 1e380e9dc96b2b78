"""Passages as SVG: words in rows, arrows above them, glosses and marks below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipekit.rendering.arcs import EDGE, DrawnArc, Foot, arcs_of, label_place, label_room
from pipekit.rendering.colours import hue_of
from pipekit.rendering.elements import element, path
from pipekit.rendering.glyphs import in_one_line, markup, width_of
from pipekit.rendering.lanes import Range, lanes_of
from pipekit.rendering.passages import Highlight, Passage
from pipekit.rendering.rows import LONGEST_LABEL, SMALL_SIZE, TEXT_SIZE, in_rows

MARGIN = 18.0  # pixels, as all lengths here
_ARC = 23.0  # from one height of arcs to the next
_ABOVE_WORDS = 20.0  # from the feet of arcs to the line on which words stand
_FEET = 18.0
_BELOW_WORDS = 9.0
_GLOSS = 15.0
_LANE = 23.0
_BETWEEN_ROWS = 18.0
_LINE = 22.5  # of plain text
_BEND = 7.0  # the radius
_POINT = 4.0  # half the width of the point of an arrow
_POINT_LENGTH = 7.0
_BAR = 3.0
_TAG = 15.0  # the height of a label
_MIDDLE = 3.5  # from the middle of small letters to the line on which they stand
_LONGEST_LINE = 120  # characters
_ROW = 1e6  # wider than any row


class Drawing(NamedTuple):
    """A part of an SVG; its upper left corner is at 0, 0."""

    width: float
    height: float
    content: str


class _Box(NamedTuple):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


def drawing_of(
    passage: Passage,
    width: float,
) -> Drawing:
    """A passage as a drawing of about this width."""
    sheet = _Sheet(passage, width)
    content = "".join(sheet.elements())
    return Drawing(
        sheet.width,
        sheet.height,
        content,
    )


def drawn_lines(
    lines: Sequence[str],
    style: str,
) -> Drawing:
    """Lines of plain text, of a class of the style sheet."""
    texts = []
    widest = 0.0
    y = 0.0
    for line in lines:
        y += _LINE
        short = in_one_line(line, _LONGEST_LINE)
        width = width_of(short, TEXT_SIZE)
        middle = MARGIN + width / 2
        texts.append(
            _text(
                short,
                middle,
                y,
                style,
            )
        )
        widest = max(widest, width)
    return Drawing(
        width=widest + 2 * MARGIN,
        height=y + _BETWEEN_ROWS,
        content="".join(texts),
    )


def stacked(drawings: Sequence[Drawing]) -> Drawing:
    """Drawings below each other."""
    content = []
    widest = 0.0
    height = 0.0
    for drawing in drawings:
        place = {"transform": f"translate(0 {height:.1f})"}
        content.append(
            element(
                "g",
                drawing.content,
                "",
                place,
            )
        )
        widest = max(widest, drawing.width)
        height += drawing.height
    return Drawing(
        widest,
        height,
        "".join(content),
    )


class _Sheet:
    """A passage with the places of all that is drawn."""

    def __init__(
        self,
        passage: Passage,
        width: float,
    ) -> None:
        self.marks = passage.highlights
        self.rows = in_rows(passage, width - 2 * MARGIN)
        self.cells = self.rows.cells
        self.glosses = max((len(cell.glosses) for cell in self.cells), default=0)
        self.arcs_of_row: list[list[DrawnArc]] = [[] for _ in self.rows.starts]
        for arc in arcs_of(self.rows, passage.arrows):
            self.arcs_of_row[arc.row].append(arc)
        self.marks_of_row: list[list[int]] = [[] for _ in self.rows.starts]
        reaches = []
        right = self.rows.width
        for number, place in enumerate(self.rows.marks):
            reaches.append(self._reach(number))
            for row in self._rows_of(place):
                self.marks_of_row[row].append(number)
                right = max(right, self._label_end(number))
        self.lanes = lanes_of(reaches)
        self.width = right + 2 * MARGIN
        self.lines: list[float] = []  # where the words of each row stand
        self.height = self._place_lines()

    def _rows_of(self, place: Range) -> range:
        """The rows that some cells are in."""
        first, last = place
        if first == last:
            return range(0)
        return range(self.cells[first].row, self.cells[last - 1].row + 1)

    def _label_end(self, number: int) -> float:
        """Where the label of a mark ends."""
        first, _ = self.rows.marks[number]
        return self.cells[first].x + _tag_width(self.marks[number])

    def _reach(self, number: int) -> tuple[float, float]:
        """From where to where a mark and its label reach, all rows one behind the other."""
        first, last = self.rows.marks[number]
        if first == last:
            return 0.0, 0.0
        begin = self.cells[first]
        end = self.cells[last - 1]
        before = begin.row * _ROW
        label_end = before + self._label_end(number) + _POINT
        bar_end = end.row * _ROW + end.right
        return before + begin.x, max(bar_end, label_end)

    def _place_lines(self) -> float:
        """Set where the words of each row stand; returns the height of all."""
        y = MARGIN
        for arcs, marks in zip(
            self.arcs_of_row,
            self.marks_of_row,
            strict=True,
        ):
            heights = [arc.height for arc in arcs]
            y += max(heights, default=0) * _ARC + _ABOVE_WORDS
            self.lines.append(y)
            lanes = [self.lanes[number] + 1 for number in marks]
            y += _BELOW_WORDS + self.glosses * _GLOSS
            y += max(lanes, default=0) * _LANE + _BETWEEN_ROWS
        return y

    def elements(self) -> Iterator[str]:
        """The elements of SVG, those behind first."""
        for arcs in self.arcs_of_row:
            yield from map(self._arc_line, arcs)
        for row, arcs in enumerate(self.arcs_of_row):
            yield from map(self._arc_label, arcs)
            for number in self.marks_of_row[row]:
                yield from self._mark(row, number)
            yield from self._words(row)

    def _words(self, row: int) -> Iterator[str]:
        first, last = self.rows.cells_of_row(row)
        for cell in self.cells[first:last]:
            x = MARGIN + cell.middle
            y = self.lines[row]
            yield _text(
                cell.text,
                x,
                y,
                "pk-word",
            )
            y += _POINT
            for gloss in cell.glosses:
                y += _GLOSS
                yield _text(
                    gloss,
                    x,
                    y,
                    "pk-gloss",
                    SMALL_SIZE,
                )

    # -- marks

    def _mark(
        self,
        row: int,
        number: int,
    ) -> Iterator[str]:
        """The bar of a mark in a row, and its label in its first row."""
        mark = self.marks[number]
        low, high = self.rows.cells_of_row(row)
        first, last = self.rows.marks[number]
        begin = self.cells[max(first, low)]
        end = self.cells[min(last, high) - 1]
        x = MARGIN + begin.x
        y = self.lines[row] + _BELOW_WORDS
        y += self.glosses * _GLOSS + self.lanes[number] * _LANE
        hue = f"pk-{hue_of(mark.hue)}"
        bar = _Box(
            x,
            y,
            end.right - begin.x,
            _BAR,
        )
        yield _rectangle(bar, hue)
        if first >= low and mark.caption:
            y += _BAR
            tag = _Box(
                x,
                y,
                _tag_width(mark),
                _TAG,
            )
            yield _rectangle(tag, hue)
            label = in_one_line(mark.caption, LONGEST_LABEL)
            x += tag.width / 2
            y += _TAG / 2 + _MIDDLE
            yield _text(
                label,
                x,
                y,
                f"pk-tag-text {hue}",
                SMALL_SIZE,
            )

    # -- arcs

    def _top(self, arc: DrawnArc) -> float:
        """Where the line of an arc is highest."""
        feet = self.lines[arc.row] - _FEET
        return feet - (arc.height - 0.35) * _ARC

    def _ends(self, arc: DrawnArc) -> tuple[float, float]:
        """The left and right end of an arc; the edges of the drawing where it goes on elsewhere."""
        left = -EDGE
        right = self.rows.width + EDGE
        if arc.left is not None:
            left = arc.left.x
        if arc.right is not None:
            right = arc.right.x
        return MARGIN + left, MARGIN + right

    def _arc_line(self, arc: DrawnArc) -> str:
        top = self._top(arc)
        bottom = self.lines[arc.row] - _FEET
        left, right = self._ends(arc)
        bend = min(_BEND, (right - left) / 2)
        steps: list[str | float] = []
        if arc.is_from_above:
            steps += ["M", right, top, "V", bottom - _POINT_LENGTH]
        elif arc.left is None:
            steps += ["M", left, top]
        else:
            steps += ["M", left, _above(arc.left, bottom), "V", top + bend]
            steps += ["Q", left, top, left + bend, top]
        if arc.right is None:
            steps += ["H", right]
        elif not arc.is_from_above:
            steps += ["H", right - bend]
            steps += ["Q", right, top, right, top + bend]
            steps += ["V", _above(arc.right, bottom)]
        line = element(
            "path",
            "",
            "pk-arc",
            {"d": path(*steps)},
        )
        for foot in (arc.left, arc.right):
            if foot is not None and foot.is_point:
                return line + _point(foot, bottom)
        return line

    def _arc_label(self, arc: DrawnArc) -> str:
        label = in_one_line(arc.arrow.caption, LONGEST_LABEL)
        if not label:
            return ""
        left, right = self._ends(arc)
        room = label_room(arc.arrow)
        x = MARGIN + label_place(
            left - MARGIN,
            right - MARGIN,
            room,
            self.rows.width,
        )
        y = self._top(arc)
        ground = _Box(
            x - room / 2,
            y - _BEND,
            room,
            2 * _BEND,
        )
        behind = _rectangle(ground, "pk-sheet")
        return behind + _text(
            label,
            x,
            y + _MIDDLE,
            "pk-arc-label",
            SMALL_SIZE,
        )


def _tag_width(mark: Highlight) -> float:
    """The width of the label of a mark."""
    if not mark.caption:
        return 0.0
    label = in_one_line(mark.caption, LONGEST_LABEL)
    return width_of(label, SMALL_SIZE) + 2 * _POINT


def _above(
    foot: Foot,
    bottom: float,
) -> float:
    """Where the line of a foot ends: at the base of its point, or at the bottom."""
    if foot.is_point:
        return bottom - _POINT_LENGTH
    return bottom


def _point(
    foot: Foot,
    bottom: float,
) -> str:
    """The point of an arrow that looks down."""
    x = MARGIN + foot.x
    base = bottom - _POINT_LENGTH
    steps = path(
        "M",
        x - _POINT,
        base,
        "H",
        x + _POINT,
        "L",
        x,
        bottom,
        "Z",
    )
    return element(
        "path",
        "",
        "pk-point",
        {"d": steps},
    )


def _rectangle(
    box: _Box,
    style: str,
) -> str:
    place = {"rx": 1.5, **box._asdict()}
    return element("rect", "", style, place)


def _text(
    text: str,
    x: float,
    y: float,
    style: str,
    size: float = TEXT_SIZE,
) -> str:
    """A line of text of the width that it was measured with, whatever the font is."""
    place: dict[str, str | float] = {"x": x, "y": y, "text-anchor": "middle"}
    width = width_of(text, size)
    if width and len(text) > 1:
        place["textLength"] = width
        place["lengthAdjust"] = "spacingAndGlyphs"
    return element(
        "text",
        markup(text),
        style,
        place,
    )
