"""Patterns as one automaton, which runs over all tokens of a batch at once.

A cell is an item of a pattern that takes one token; "{1,3}" is three cells, of which two are
optional. All cells of all patterns stand in one table, with the cells that may follow each.

    patterns      A B? C                   D+
    cells         0 A   1 B   2 C          3 D
    followers     1 2   2     (ends)       3 (ends)

Partial matches are three arrays (cell, first token, token), and a step moves all of them by a
token: what the cells ask is looked up, those that fail go, the others are multiplied by their
followers.

Partial matches begin at few tokens. Cells that have to follow each other, such as those of three
words in a row, are searched for by the rarest of them in the batch, and its tokens alone are tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from pipekit.allowance import take
from pipekit.errors import ConfigError
from pipekit.matching.conditions import Conditions, Truth
from pipekit.matching.patterns import PatternItem
from pipekit.parts.batch import Batch
from pipekit.words.arrays import Bools, Ints, offsets, ranges

_MOST_CELLS = 1 << 20
_MOST_FOLLOWERS = 1 << 22
_MOST_IN_A_ROW = 64  # optional items; each of them may follow each
_PLACES = 32  # of a chain, among which the rarest condition is looked for
_NONE = -1


class MatchRows(NamedTuple):
    """Matches in a batch, in the order of their starts, then of their ends, then of their keys.

    Attributes:
        start, end: token rows of the batch, int64[matches].
        key: which key each match has, int64[matches].
    """

    start: Ints
    end: Ints
    key: Ints


class _Cell(NamedTuple):
    item: PatternItem
    optional: bool
    repeats: bool  # whether the cell may follow itself


@dataclass(frozen=True)
class _Chains:
    """Conditions of cells that follow each other without a choice, from the first cell of a match.

    Attributes:
        cells: the first cells of matches, int64[chains].
        starts: where each chain begins among the conditions, int64[chains].
        conditions: one condition or several of each cell, int64[entries].
        places: how far behind the first cell theirs is, int64[entries].
    """

    cells: Ints
    starts: Ints
    conditions: Ints
    places: Ints


class Automaton:
    """Patterns, compiled.

    Args:
        patterns: the items of each.
        keys: the key of each, int64[patterns].
        longest: how many tokens a match has at most.

    Errors: `ConfigError` for patterns with more choices than `_MOST_FOLLOWERS`.
    """

    def __init__(
        self,
        patterns: Sequence[Sequence[PatternItem]],
        keys: Sequence[int],
        longest: int,
    ) -> None:
        self._longest = longest
        _check_size(patterns)
        cells_of = [list(_cells(pattern)) for pattern in patterns]
        every = list(chain.from_iterable(cells_of))
        items = [cell.item for cell in every]
        conditions = [item.conditions for item in items]
        self.conditions = Conditions(chain.from_iterable(conditions))
        self._slots = self._table_of_slots(items)  # int64[cells, slots], `_NONE` for none
        self._negated = np.array(
            [item.negated for item in items],
            dtype=bool,
        )
        sizes = np.fromiter(map(len, cells_of), np.int64)
        self._keys = np.repeat(
            np.array(keys, dtype=np.int64),
            sizes,
        )
        self._follow(every, sizes)
        self._chains = self._chain(sizes)

    def _table_of_slots(self, items: Sequence[PatternItem]) -> Ints:
        numbers = self.conditions.numbers
        widths = [len(item.conditions) for item in items]
        width = max(widths, default=0)
        slots = np.full(
            (len(items), width),
            _NONE,
            dtype=np.int64,
        )
        for cell, item in enumerate(items):
            own = [numbers[condition] for condition in item.conditions]
            slots[cell, : len(own)] = own
        return slots

    def _follow(
        self,
        cells: Sequence[_Cell],
        sizes: Ints,
    ) -> None:
        """The followers of each cell, and the cells that a match may begin or end with."""
        size = len(cells)
        optional = np.array([cell.optional for cell in cells], dtype=bool)
        repeats = np.array([cell.repeats for cell in cells], dtype=bool)
        borders = np.cumsum(sizes)
        ends = np.repeat(borders, sizes)  # int64[cells]: behind the pattern of each
        numbers = np.arange(size)
        # The first cell from each on that is not optional, or the end of its pattern.
        needed = np.append(
            np.where(optional, size, numbers),
            size,
        )
        backwards = np.minimum.accumulate(needed[::-1])
        needed = backwards[::-1]
        behind = needed[1:]
        self._may_end = behind >= ends
        reach = np.minimum(behind, ends - 1)
        counts = np.maximum(reach - numbers, 0)
        total = int(counts.sum() + repeats.sum())
        longest_row = counts.max(initial=0)
        if total > _MOST_FOLLOWERS or longest_row > _MOST_IN_A_ROW:
            raise ConfigError(
                f"a pattern has too many optional items in a row, more than {_MOST_IN_A_ROW}, or "
                f"all patterns have more than {_MOST_FOLLOWERS}: write fewer"
            )
        take(16 * total, "patterns")
        self._counts = counts + repeats
        self._starts = numbers + 1 - repeats  # a cell that follows itself comes first
        firsts = borders - sizes
        lasts = np.minimum(
            needed[firsts],
            ends[firsts] - 1,
        )
        begins = ranges(firsts, lasts - firsts + 1)
        self._begins: Ints = begins
        followers = ranges(self._starts, self._counts)
        ways = np.bincount(followers, minlength=size)  # into each cell
        ways[begins] += 1
        is_shared = ways > 1
        self._may_meet = bool(is_shared.any() or repeats.any())

    def _chain(self, sizes: Ints) -> _Chains:
        """What has to follow each cell that a match begins with."""
        ends = np.repeat(np.cumsum(sizes), sizes)
        begins = self._begins
        cells = begins
        numbers = np.arange(len(cells))
        owners = [numbers]
        members = [cells]
        places = [np.zeros_like(cells)]
        longest = int(sizes.max(initial=0))
        for place in range(1, min(longest, _PLACES)):
            # The next cell is sure where the last one neither repeats nor leaves a choice.
            following = cells + 1
            is_sure = self._counts[cells] == 1
            is_sure &= self._starts[cells] == following
            is_sure &= ~self._may_end[cells]
            numbers = numbers[is_sure]
            last_ends = ends[cells[is_sure]]
            cells = following[is_sure]
            is_inside = cells < last_ends
            numbers = numbers[is_inside]
            cells = cells[is_inside]
            if not len(cells):
                break
            owners.append(numbers)
            members.append(cells)
            places.append(np.full_like(cells, place))
        owner = np.concatenate(owners)
        member = np.concatenate(members)
        place_of = np.concatenate(places)
        order = np.argsort(owner, kind="stable")
        return self._conditions_of(
            owner[order],
            member[order],
            place_of[order],
            begins,
        )

    def _conditions_of(
        self,
        owners: Ints,
        cells: Ints,
        places: Ints,
        begins: Ints,
    ) -> _Chains:
        width = self._slots.shape[1]
        slots = self._slots[cells].copy()
        slots[self._negated[cells]] = _NONE
        conditions = slots.ravel()
        is_there = conditions != _NONE
        slot_owners = np.repeat(owners, width)
        slot_places = np.repeat(places, width)
        owner = slot_owners[is_there]
        counts = np.bincount(owner, minlength=len(begins))
        return _Chains(
            cells=begins,
            starts=offsets(counts),
            conditions=conditions[is_there],
            places=slot_places[is_there],
        )

    # -- running

    def find(self, batch: Batch) -> MatchRows:
        """All matches in a batch: equal ones of a key are one match.

        Errors: those of `Conditions.over`.
        """
        size = len(batch)
        if not size or not len(self._keys):
            return MatchRows(*no_rows(3))
        truth = self.conditions.over(batch)
        ends = np.repeat(
            batch.offsets[1:],
            np.diff(batch.offsets),
        )  # int64[tokens]
        cells, starts = self._beginnings(truth, ends)
        matches = [no_rows(3)]
        at = starts
        for _ in range(self._longest):
            stays = self._holds(truth, cells, at)
            cells = cells[stays]
            starts = starts[stays]
            at = at[stays]
            if not len(cells):
                break
            is_match = self._may_end[cells]
            last_cells = cells[is_match]
            matches.append(
                [
                    starts[is_match],
                    at[is_match] + 1,
                    self._keys[last_cells],
                ]
            )
            cells, starts, at = self._moved(
                cells,
                starts,
                at,
                ends,
            )
        return in_order(matches)

    def _beginnings(
        self,
        truth: Truth,
        ends: Ints,
    ) -> tuple[Ints, Ints]:
        """First cells of matches, and the tokens where each may stand, two arrays int64[tries]."""
        chains = self._chains
        sizes = np.diff(chains.starts)
        is_bound = sizes > 0
        free = chains.cells[~is_bound]  # their items ask nothing
        tokens = np.arange(len(ends))
        cells = [np.repeat(free, len(tokens))]
        starts = [np.tile(tokens, len(free))]
        if is_bound.any():
            rarest = _rarest(
                truth.counts[chains.conditions],
                chains.starts[:-1][is_bound],
            )
            conditions = chains.conditions[rarest]
            distinct, numbers = np.unique(conditions, return_inverse=True)
            every = truth.tokens(distinct)
            distinct_counts = truth.counts[distinct]
            firsts = np.cumsum(distinct_counts) - distinct_counts
            counts = distinct_counts[numbers]
            rows = ranges(firsts[numbers], counts)
            places = chains.places[rarest]
            bound = chains.cells[is_bound]
            shifts = np.repeat(places, counts)
            cells.append(np.repeat(bound, counts))
            starts.append(every[rows] - shifts)
        cell = np.concatenate(cells)
        start = np.concatenate(starts)
        is_there = start >= 0
        return cell[is_there], start[is_there]

    def _holds(
        self,
        truth: Truth,
        cells: Ints,
        tokens: Ints,
    ) -> Bools:
        """Whether the token beside each cell is what its item asks for, bool[cells]."""
        holds = np.ones(len(cells), dtype=bool)
        for slot in self._slots.T:
            conditions = slot[cells]
            asks = conditions != _NONE
            if asks.all():
                holds &= truth.at(conditions, tokens)
                continue
            rows = np.flatnonzero(asks)
            holds[rows] &= truth.at(
                conditions[rows],
                tokens[rows],
            )
        holds ^= self._negated[cells]
        return holds

    def _moved(
        self,
        cells: Ints,
        starts: Ints,
        at: Ints,
        ends: Ints,
    ) -> tuple[Ints, Ints, Ints]:
        """Partial matches at the next token, within their documents, each once."""
        counts = self._counts[cells]
        next_tokens = at + 1
        is_last = next_tokens >= ends[at]
        counts[is_last] = 0
        following = ranges(self._starts[cells], counts)
        first = np.repeat(starts, counts)
        token = np.repeat(next_tokens, counts)
        if self._may_meet and len(following):
            keys = first * len(self._keys) + following
            _, rows = np.unique(keys, return_index=True)
            following = following[rows]
            first = first[rows]
            token = token[rows]
        return following, first, token


def no_rows(arrays: int) -> list[Ints]:
    """Arrays without rows."""
    return [
        np.zeros(
            0,
            dtype=np.int64,
        )
        for _ in range(arrays)
    ]


def _check_size(patterns: Sequence[Sequence[PatternItem]]) -> None:
    """Errors: `ConfigError` for more cells than `_MOST_CELLS`."""
    total = 0
    for pattern in patterns:
        total += sum(map(_count, pattern))
    if total > _MOST_CELLS:
        raise ConfigError(f"the patterns have {total} items, more than {_MOST_CELLS}: write fewer")
    take(400 * total, "patterns")


def _count(item: PatternItem) -> int:
    if item.most is None:
        return max(item.least, 1)
    return item.most


def _cells(pattern: Sequence[PatternItem]) -> Iterator[_Cell]:
    """The cells of a pattern; of an item without a limit, the last one repeats."""
    for item in pattern:
        count = _count(item)
        for number in range(count):
            is_last = number == count - 1
            yield _Cell(
                item,
                number >= item.least,
                item.most is None and is_last,
            )


def _rarest(
    counts: Ints,
    starts: Ints,
) -> Ints:
    """The entry with the smallest count in each chain, int64[chains]; the first of equal ones."""
    size = len(counts)
    numbered = counts * size + np.arange(size)
    smallest = np.minimum.reduceat(numbered, starts)
    rarest: Ints = smallest % size
    return rarest


def in_order(matches: Sequence[Sequence[Ints]]) -> MatchRows:
    """Starts, ends and keys of matches in parts, as matches in order, each once."""
    start, end, key = (np.concatenate(column) for column in zip(*matches, strict=True))
    if not len(start):
        return MatchRows(start, end, key)
    width = int((end - start).max()) + 1
    owners = int(key.max()) + 1
    numbers = (start * width + (end - start)) * owners + key  # below 2**63: patterns are few enough
    numbers.sort()
    is_new = np.ones(len(numbers), dtype=bool)
    np.not_equal(numbers[1:], numbers[:-1], out=is_new[1:])
    spans, key = np.divmod(numbers[is_new], owners)
    start, lengths = np.divmod(spans, width)
    return MatchRows(
        start=start,
        end=start + lengths,
        key=key,
    )
