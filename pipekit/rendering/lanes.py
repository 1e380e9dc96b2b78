"""Places that overlap, in lanes: no two in a lane touch the same character or word."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence

Range = tuple[int, int]  # the end exclusive


def lanes_of(ranges: Sequence[tuple[float, float]]) -> list[int]:
    """The lane of each range, from 0; shorter ones lie in lower lanes than those around them."""
    lanes = [0] * len(ranges)
    taken: list[list[tuple[float, float]]] = []
    for number in sorted(range(len(ranges)), key=lambda row: _length(ranges[row])):
        place = ranges[number]
        lane = _first_free(taken, place)
        if lane == len(taken):
            taken.append([])
        insort(taken[lane], place)
        lanes[number] = lane
    return lanes


def are_apart(ranges: Sequence[Range]) -> bool:
    """Whether no two ranges overlap."""
    end = 0
    for start, stop in sorted(ranges):
        if start < end:
            return False
        end = max(end, stop)
    return True


def heights_of(ranges: Sequence[tuple[float, float]]) -> list[int]:
    """The height of each arc, from 1: it is above all shorter ones that it overlaps.

    Args:
        ranges: from where to where each arc, or its label, reaches.
    """
    heights = [0] * len(ranges)
    drawn: list[int] = []
    for number in sorted(range(len(ranges)), key=lambda row: _length(ranges[row])):
        start, end = ranges[number]
        below = [heights[row] for row in drawn if ranges[row][0] < end and ranges[row][1] > start]
        heights[number] = 1 + max(below, default=0)
        drawn.append(number)
    return heights


def _length(place: tuple[float, float]) -> tuple[float, float]:
    start, end = place
    return end - start, start


def _first_free(
    taken: Sequence[Sequence[tuple[float, float]]],
    place: tuple[float, float],
) -> int:
    """The first lane in which a range overlaps no other."""
    start, end = place
    for lane, ranges in enumerate(taken):
        row = bisect_left(ranges, (end, end))
        if row == 0 or ranges[row - 1][1] <= start:
            return lane
    return len(taken)
