"""Arrows above the rows of a drawing: where each begins and ends, and how high it goes.

An arrow between two rows is drawn as two: one leaves its row at the edge of the drawing, the other
comes in there. Where several arrows meet at a place, each has a foot of its own, in such an order
that none crosses another without need.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from pipekit.rendering.glyphs import in_one_line, width_of
from pipekit.rendering.lanes import Range, heights_of
from pipekit.rendering.passages import Arrow
from pipekit.rendering.rows import LONGEST_LABEL, SMALL_SIZE, Cell, Rows

EDGE = 14.0  # pixels from the words to where an arc goes on in another row
_FEET_APART = 9.0  # pixels


@dataclass
class Foot:
    """An end of an arc, on a place of a row.

    Attributes:
        cells: the cells of the place.
        x: where the foot stands.
        is_point: whether the arrow points to it.
    """

    cells: Range
    x: float
    is_point: bool


@dataclass
class DrawnArc:
    """An arrow in a row, or the part of one that lies in a row.

    Attributes:
        arrow: what it is of.
        row: the number of its row.
        left, right: its ends; None where it goes on in another row. Equal for one from above.
        height: from 1; arcs of one height do not overlap.
    """

    arrow: Arrow
    row: int
    left: Foot | None
    right: Foot | None
    height: int = 1

    @property
    def is_from_above(self) -> bool:
        return self.left is self.right


def arcs_of(
    rows: Rows,
    arrows: Sequence[Arrow],
) -> list[DrawnArc]:
    """The arcs of all arrows, by rows; arrows whose ends have no words are left out."""
    arcs: list[DrawnArc] = []
    for arrow, (tail, head) in zip(
        arrows,
        rows.arrows,
        strict=True,
    ):
        if tail[0] < tail[1] and head[0] < head[1]:
            arcs += _in_its_rows(rows.cells, arrow, tail, head)
    arcs.sort(key=attrgetter("row"))
    for _, group in groupby(arcs, key=attrgetter("row")):
        members = list(group)
        ranges = [_reach(arc, rows.width) for arc in members]
        for arc, height in zip(
            members,
            heights_of(ranges),
            strict=True,
        ):
            arc.height = height
        _spread(members, rows.cells)
    return arcs


def label_room(arrow: Arrow) -> float:
    """How wide the label of an arrow is, with some room around it."""
    label = in_one_line(arrow.caption, LONGEST_LABEL)
    return width_of(label, SMALL_SIZE) + 8


def _in_its_rows(
    cells: Sequence[Cell],
    arrow: Arrow,
    tail: Range,
    head: Range,
) -> Iterator[DrawnArc]:
    begin = _foot(cells, tail, is_point=False)
    point = _foot(cells, head, is_point=True)
    row_of_tail = cells[tail[0]].row
    row_of_head = cells[head[0]].row
    if tail == head:
        yield DrawnArc(arrow, row_of_head, point, point)
    elif row_of_tail == row_of_head:
        left, right = sorted((begin, point), key=attrgetter("x"))
        yield DrawnArc(arrow, row_of_tail, left, right)
    elif row_of_tail < row_of_head:
        yield DrawnArc(arrow, row_of_tail, begin, None)
        yield DrawnArc(arrow, row_of_head, None, point)
    else:
        yield DrawnArc(arrow, row_of_tail, None, begin)
        yield DrawnArc(arrow, row_of_head, point, None)


def _foot(
    cells: Sequence[Cell],
    place: Range,
    *,
    is_point: bool,
) -> Foot:
    """An end in the middle of a place, or of the part of it that is in its first row."""
    first, last = place
    row = cells[first].row
    while cells[last - 1].row != row:
        last -= 1
    middle = (cells[first].x + cells[last - 1].right) / 2
    return Foot(
        (first, last),
        middle,
        is_point,
    )


def _reach(
    arc: DrawnArc,
    width: float,
) -> tuple[float, float]:
    """From where to where an arc and its label reach in a row of a width."""
    left = -EDGE if arc.left is None else arc.left.x
    right = width + EDGE if arc.right is None else arc.right.x
    room = label_room(arc.arrow)
    start = (
        label_place(
            left,
            right,
            room,
            width,
        )
        - room / 2
    )
    # Arcs that meet at a word do not overlap.
    return min(left, start) + 1, max(right, start + room) - 1


def label_place(
    left: float,
    right: float,
    room: float,
    width: float,
) -> float:
    """The middle of a label: that of its arc, or where it stays within the drawing."""
    middle = (left + right) / 2
    return max(room / 2 - EDGE, min(middle, width + EDGE - room / 2))


def _spread(
    arcs: Sequence[DrawnArc],
    cells: Sequence[Cell],
) -> None:
    """Set the feet on each place side by side."""
    feet: dict[Range, list[tuple[float, Foot]]] = {}
    for arc in arcs:
        # On the left of a place are the ends of arcs to the left, the lowest first.
        if arc.right is not None:
            rank = 0.0 if arc.is_from_above else arc.height - 1e6
            feet.setdefault(arc.right.cells, []).append((rank, arc.right))
        if arc.left is not None and not arc.is_from_above:
            rank = 1e6 - arc.height
            feet.setdefault(arc.left.cells, []).append((rank, arc.left))
    for (first, last), members in feet.items():
        members.sort(key=lambda member: member[0])
        room = cells[last - 1].right - cells[first].x
        step = min(_FEET_APART, room / len(members))
        offset = -step * (len(members) - 1) / 2
        for _, foot in members:
            foot.x += offset
            offset += step
