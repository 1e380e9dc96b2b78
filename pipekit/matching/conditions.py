"""The distinct conditions of patterns, and which of them hold for which values of a batch.

Each condition is a row of booleans over the distinct values of what it looks at, words or labels;
no token is looked at. Conditions on lists of strings are turned round: a dictionary says for each
string which conditions it meets, so a thousand of them cost a look-up for each distinct word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from pipekit.allowance import take
from pipekit.errors import DocError
from pipekit.matching import regexes, word_views
from pipekit.matching.patterns import WORD, Condition
from pipekit.matching.sources import TokenIndex, TokenNumbers, TokenValues, token_values
from pipekit.parts.batch import Batch
from pipekit.words.arrays import Bools, Ints, offsets, ranges

_COMPARE: dict[str, Callable[[TokenNumbers, float], Bools]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">=": np.greater_equal,
    "<=": np.less_equal,
    ">": np.greater,
    "<": np.less,
}
_COMPARE_SETS: dict[str, Callable[[frozenset[str], frozenset[str]], bool]] = {
    "subset": frozenset.issubset,
    "superset": frozenset.issuperset,
    "meets": lambda values, others: not values.isdisjoint(others),
}


class _Lists:
    """Strings that conditions list, each with the numbers of the conditions that it meets."""

    def __init__(
        self,
        numbers: Iterable[int],
        conditions: Sequence[Condition],
    ) -> None:
        members = defaultdict(list)
        for number in numbers:
            for string in conditions[number].value:
                members[string].append(number)
        self._places = {string: place for place, string in enumerate(members)}
        self._counts = np.fromiter(
            map(len, members.values()),
            np.int64,
        )
        self._starts = offsets(self._counts)
        every = list(chain.from_iterable(members.values()))
        self._conditions = np.array(every, dtype=np.int64)

    def met(self, strings: Sequence[str]) -> tuple[Ints, Ints]:
        """Conditions, and the row of a string that meets each, two arrays int64[pairs]."""
        find = self._places.get
        places = np.array(
            [find(string, -1) for string in strings],
            dtype=np.int64,
        )
        rows = np.flatnonzero(places >= 0)
        places = places[rows]
        counts = self._counts[places]
        members = ranges(self._starts[places], counts)
        conditions = self._conditions[members]
        return conditions, np.repeat(rows, counts)


class Conditions:
    """Conditions, each once.

    Args:
        conditions: all of them; equal ones have one number.

    Attributes:
        numbers: the number of each condition.
    """

    def __init__(self, conditions: Iterable[Condition]) -> None:
        distinct = list(dict.fromkeys(conditions))
        self.numbers = {condition: number for number, condition in enumerate(distinct)}
        self.sources = list(dict.fromkeys(condition.source for condition in distinct))
        places = {source: place for place, source in enumerate(self.sources)}
        sources = [places[condition.source] for condition in distinct]
        self.source_of = np.array(sources, dtype=np.int64)
        negated = [condition.negated for condition in distinct]
        self.negated = np.array(negated, dtype=bool)
        values = sum(len(condition.value) for condition in distinct)
        take(200 * values, "lists of patterns")
        listed = defaultdict(list)
        self.others: list[Condition] = []  # those that look at each value
        for number, condition in enumerate(distinct):
            if condition.test == "listed":
                listed[condition.source, condition.view].append(number)
            else:
                self.others.append(condition)
        self.lists: dict[tuple[str, str], _Lists] = {}
        for view, numbers in listed.items():
            self.lists[view] = _Lists(numbers, distinct)

    def over(self, batch: Batch) -> Truth:
        """What holds in a batch. Errors: those of `token_values`; `DocError` for labels that are to
        be numbers, and the other way round."""
        return Truth(self, batch)


class Truth:
    """Which conditions hold where in a batch.

    Attributes:
        counts: for how many tokens each condition holds, int64[conditions].
    """

    def __init__(
        self,
        conditions: Conditions,
        batch: Batch,
    ) -> None:
        self._conditions = conditions
        self._batch = batch
        self._views: dict[tuple[str, str], Sequence[str] | TokenNumbers] = {}
        self._searches: dict[tuple[str, str], regexes.Searched] = {}
        self._sources = {name: token_values(batch, name) for name in conditions.sources}
        values = list(self._sources.values())
        self._index = TokenIndex(values)
        self._rows = np.zeros(
            (len(values), len(batch)),
            dtype=np.int64,
        )
        for place, source in enumerate(values):
            self._rows[place] = source.rows
        self._fill()
        self._count()

    def _fill(self) -> None:
        """Rows of booleans, end to end in one array; those that hold nowhere share the first."""
        conditions = self._conditions
        met, rows = self._listed()
        others = [conditions.numbers[condition] for condition in conditions.others]
        other_numbers = np.array(others, dtype=np.int64)
        active = np.unique(np.concatenate([met, other_numbers]))
        sizes = np.array(
            [source.size for source in self._sources.values()],
            dtype=np.int64,
        )
        sources = conditions.source_of[active]
        widths = sizes[sources]
        starts = offsets(widths) + max(sizes, default=0)
        self._base = np.zeros(
            len(conditions.numbers),
            dtype=np.int64,
        )
        self._base[active] = starts[:-1]
        self._holds = np.zeros(
            int(starts[-1]),
            dtype=bool,
        )
        cells = self._base[met] + rows
        self._holds[cells] = True
        for number, condition in zip(
            others,
            conditions.others,
            strict=True,
        ):
            row = self._test(condition)
            start = self._base[number]
            end = start + len(row)
            self._holds[start:end] = row
        self._pairs = (met, rows)

    def _listed(self) -> tuple[Ints, Ints]:
        met = [np.zeros(0, np.int64)]
        rows = [np.zeros(0, np.int64)]
        for (source, view), lists in self._conditions.lists.items():
            strings = self._strings(source, view)
            pairs = lists.met(strings)
            met.append(pairs[0])
            rows.append(pairs[1])
        return np.concatenate(met), np.concatenate(rows)

    def _count(self) -> None:
        conditions = self._conditions
        met, rows = self._pairs
        first = self._index.first[conditions.source_of]
        value_counts = self._index.counts
        values = first[met] + rows
        totals = np.bincount(
            met,
            weights=value_counts[values],
            minlength=len(conditions.numbers),
        )
        counts = totals.astype(np.int64)
        for condition in conditions.others:
            number = conditions.numbers[condition]
            holds = self._row(number)
            start = first[number]
            end = start + len(holds)
            counts[number] = value_counts[start:end] @ holds
        counts = np.where(
            conditions.negated,
            len(self._batch) - counts,
            counts,
        )
        self.counts: Ints = counts

    def _row(self, number: int) -> Bools:
        """Whether a condition, were it not negated, holds for each value of its source."""
        place = self._conditions.source_of[number]
        source = self._conditions.sources[place]
        size = self._sources[source].size
        start = self._base[number]
        end = start + size
        return self._holds[start:end]

    # -- tests of single values

    def _test(self, condition: Condition) -> Bools:
        if condition.test == "is":
            words = self._batch.distinct.strings
            return word_views.flags(condition.view, words)
        if condition.test == "number":
            numbers = self._numbers(condition)
            return _compare(numbers, condition.value)
        if condition.test == "regex":
            searched = self._searched(condition.source, condition.view)
            return searched.holds(condition.value)
        strings = self._strings(condition.source, condition.view)
        is_morph = condition.source == "morph"
        compare = _COMPARE_SETS[condition.test]
        others = frozenset(condition.value)
        results = []
        for string in strings:
            values = [string]
            if is_morph:
                values = string.split("|")
            features = frozenset(filter(None, values))
            results.append(compare(features, others))
        return np.array(results, dtype=bool)

    def _strings(
        self,
        source: str,
        view: str,
    ) -> Sequence[str]:
        key = (source, view)
        if key not in self._views:
            if source == WORD:
                view_of = word_views.STRINGS[view]
                self._views[key] = view_of(self._batch.distinct)
            else:
                values = self._sources[source]
                self._views[key] = _strings_of(values, source)
        return self._views[key]  # type: ignore[return-value]

    def _searched(
        self,
        source: str,
        view: str,
    ) -> regexes.Searched:
        key = (source, view)
        if key not in self._searches:
            strings = self._strings(source, view)
            self._searches[key] = regexes.Searched(strings)
        return self._searches[key]

    def _numbers(self, condition: Condition) -> TokenNumbers:
        if condition.source == WORD:
            view_of = word_views.NUMBERS[condition.view]
            return view_of(self._batch.distinct)
        numbers = self._sources[condition.source].numbers
        if numbers is None:
            raise DocError(
                f"a pattern compares {condition.source!r} with a number, but it holds labels"
            )
        return numbers

    # -- tokens

    def at(
        self,
        conditions: Ints,
        tokens: Ints,
    ) -> Bools:
        """Whether each of these conditions holds for the token beside it, bool[pairs]."""
        sources = self._conditions.source_of[conditions]
        rows = self._rows[sources, tokens]
        cells = self._base[conditions] + rows
        holds: Bools = self._holds[cells]
        holds ^= self._conditions.negated[conditions]
        return holds

    def tokens(self, conditions: Ints) -> Ints:
        """The tokens for which each of these conditions holds, `counts` of each, end to end.

        Args:
            conditions: ascending, each once.
        """
        values = [np.zeros(0, np.int64)]
        owners = [np.zeros(0, np.int64)]
        is_wanted = np.zeros(len(self._base), dtype=bool)
        is_wanted[conditions] = True
        met, rows = self._pairs
        negated = self._conditions.negated
        first = self._index.first[self._conditions.source_of]
        simple = is_wanted[met] & ~negated[met]
        simple_owners = met[simple]
        owners.append(simple_owners)
        values.append(first[simple_owners] + rows[simple])
        is_looked_at = np.zeros(len(self._base), dtype=bool)
        is_looked_at[self._looked_at()] = True
        looked_at = conditions[is_looked_at[conditions]]
        for number in looked_at.tolist():
            holds = self._row(number) ^ negated[number]
            rows = np.flatnonzero(holds)
            values.append(first[number] + rows)
            owners.append(
                np.full(
                    len(rows),
                    number,
                    dtype=np.int64,
                )
            )
        value = np.concatenate(values)
        owner = np.concatenate(owners)
        order = np.argsort(owner, kind="stable")
        return self._index.tokens(value[order])

    def _looked_at(self) -> NDArray[np.int64]:
        """Conditions of which each value is looked at."""
        conditions = self._conditions
        others = [conditions.numbers[condition] for condition in conditions.others]
        other_numbers = np.array(others, dtype=np.int64)
        negated = np.flatnonzero(conditions.negated)
        return np.concatenate([other_numbers, negated])


def _strings_of(
    values: TokenValues,
    name: str,
) -> Sequence[str]:
    if values.strings is None:
        raise DocError(f"a pattern compares {name!r} with a string, but it holds numbers")
    return values.strings


def _compare(
    numbers: TokenNumbers,
    comparisons: Sequence[tuple[str, float]],
) -> Bools:
    """Whether a comparison holds for each number, bool[numbers]; none does for NaN."""
    holds = np.zeros(len(numbers), dtype=bool)
    for operator, number in comparisons:
        compare = _COMPARE[operator]
        holds |= compare(numbers, number)
    holds &= numbers == numbers
    return holds
