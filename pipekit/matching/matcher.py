"""The token matcher: patterns by key, and their matches in documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import repeat
from typing import Any, Literal, NamedTuple, overload

import numpy as np

from pipekit.doc import Doc
from pipekit.doc.text import Text
from pipekit.doc.views import Span
from pipekit.errors import ConfigError
from pipekit.matching.automaton import Automaton, MatchRows
from pipekit.matching.patterns import PatternItem, columns_read, read_pattern
from pipekit.matching.streaming import stream
from pipekit.parts.batch import Batch
from pipekit.parts.spans import settle
from pipekit.words.arrays import Bools

LONGEST_MATCH = 256
Greedy = Literal["first", "longest"] | None
Pattern = Sequence[Mapping[str, Any]]


class TokenMatch(NamedTuple):
    """Tokens of a document that a pattern describes.

    Attributes:
        key: the key of the pattern.
        start, end: token rows, the end exclusive.
    """

    key: str
    start: int
    end: int

    def span(self, doc: Text) -> Span:
        """The tokens as a span of the document, labelled with the key."""
        return Span(
            doc,
            self.start,
            self.end,
            self.key,
        )


_new_match: Callable[[tuple[str, int, int]], TokenMatch] = partial(tuple.__new__, TokenMatch)


class Matches(Sequence[TokenMatch]):
    """The matches in a document, as a list of them is.

    Matches are rows of arrays; a `TokenMatch` is made when somebody asks for it.
    """

    __slots__ = ("_first", "_keys", "_last", "_rows", "_shift")

    def __init__(
        self,
        rows: MatchRows,
        keys: Sequence[str],
        first: int,
        last: int,
        shift: int,
    ) -> None:
        self._rows = rows  # of a whole batch, of which the document has those from first to last
        self._keys = keys
        self._first = first
        self._last = last
        self._shift = shift  # the token row of the batch at which the document begins

    def __len__(self) -> int:
        return self._last - self._first

    def __iter__(self) -> Iterator[TokenMatch]:
        return iter(self._slice(self._first, self._last))

    @overload
    def __getitem__(self, index: int) -> TokenMatch: ...
    @overload
    def __getitem__(self, index: slice) -> list[TokenMatch]: ...
    def __getitem__(self, index: int | slice) -> TokenMatch | list[TokenMatch]:
        if isinstance(index, slice):
            return list(self)[index]
        row = range(self._first, self._last)[index]
        [match] = self._slice(row, row + 1)
        return match

    def _slice(
        self,
        first: int,
        last: int,
    ) -> list[TokenMatch]:
        start, end, key = (column[first:last] for column in self._rows)
        starts = (start - self._shift).tolist()
        ends = (end - self._shift).tolist()
        names = [self._keys[number] for number in key.tolist()]
        rows = zip(names, starts, ends, strict=True)
        return list(map(_new_match, rows))  # without a call of Python's for each

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, list | tuple | Matches):
            return NotImplemented
        return list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(list(self))


class Matcher:
    """Finds tokens by patterns, see `pipekit.matching.patterns`.

        matcher = Matcher({"STREET": [[{"LOWER": "ул."}, {"IS_TITLE": True, "OP": "+"}]]})
        for match in matcher(doc):
            print(match.key, match.span(doc).text)

    All matches are found, also within others, as by spaCy's Matcher: [A] and [A, A] of "A+". Equal
    tokens that two patterns of a key describe are one match. Matches are in the order of their
    starts, then of their ends, then of their keys as these were added.

    Args:
        rules: patterns by key, as for `add`.
        longest: how many tokens a match has at most. Time grows with the text times this number.
    """

    def __init__(
        self,
        rules: Mapping[str, Sequence[Pattern]] | None = None,
        *,
        longest: int = LONGEST_MATCH,
    ) -> None:
        self._longest = longest
        self._keys: list[str] = []
        self._places: dict[str, int] = {}
        self._patterns: list[tuple[int, list[PatternItem]]] = []
        self._greedy: dict[str, Greedy] = {}
        for key, patterns in (rules or {}).items():
            self.add(key, patterns)

    def add(
        self,
        key: str,
        patterns: Sequence[Pattern],
        *,
        greedy: Greedy = None,
        where: str | None = None,
    ) -> None:
        """Add patterns under a key; those that it has stay.

        Args:
            greedy: keep matches of this key that do not overlap each other: the "first" by their
                starts, and of these the longest; or the "longest", and of these the first.
            where: what the patterns are called in messages.

        Errors: `ConfigError` naming the pattern, the item, the key, and near names.
        """
        if not isinstance(patterns, list | tuple) or _is_pattern(patterns):
            raise ConfigError(
                f"{key!r}: a list of patterns is needed, each a list of dicts: [[{{…}}, {{…}}]]"
            )
        if greedy not in (None, "first", "longest"):
            raise ConfigError(f"{key!r}: greedy is 'first', 'longest' or None, not {greedy!r:.80}")
        read = []
        for number, pattern in enumerate(patterns, 1):
            place = where or f"pattern {number} of {key!r}"
            read.append(read_pattern(pattern, place))
        if key not in self._places:
            self._places[key] = len(self._keys)
            self._keys.append(key)
        self._greedy[key] = greedy
        place_of_key = self._places[key]
        for items in read:
            self._patterns.append((place_of_key, items))
        self.__dict__.pop("_automaton", None)

    def __len__(self) -> int:
        """The number of keys."""
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._greedy

    @property
    def columns(self) -> list[str]:
        """The token columns, and "ents", that documents need."""
        return columns_read(items for _, items in self._patterns)

    @cached_property
    def _automaton(self) -> Automaton:
        keys = [key for key, _ in self._patterns]
        items = [items for _, items in self._patterns]
        return Automaton(items, keys, self._longest)

    def __call__(self, doc: Doc) -> Matches:
        """The matches in a document.

        Errors: `DocError` for a column that a pattern looks at and the document lacks.
        """
        [matches] = self.of_docs([doc])
        return matches

    def of_docs(self, docs: Iterable[Doc]) -> list[Matches]:
        """The matches in each document; many documents at once are quicker. Errors: as a call."""
        batch = Batch(list(docs))
        matches = self.find(batch)
        return matches_of_docs(batch, matches, list(self._keys))

    def pipe(self, docs: Iterable[Doc]) -> Iterator[tuple[Doc, Matches]]:
        """Each document of a stream with its matches: much quicker than a call for each.

            for doc, matches in matcher.pipe(nlp.pipe(lines)):
                print([match.span(doc).text for match in matches])

        Errors: as `of_docs`.
        """
        return stream(self.of_docs, docs)

    def find(self, batch: Batch) -> MatchRows:
        """The matches in a batch as arrays: rows of its tokens, and numbers of keys."""
        matches = self._automaton.find(batch)
        stays = np.ones(len(matches.start), dtype=bool)
        for number, key in enumerate(self._keys):
            greedy = self._greedy[key]
            if greedy is None:
                continue
            rows = np.flatnonzero(matches.key == number)
            own = MatchRows(*(column[rows] for column in matches))
            stays[rows] = _greedily(own, greedy)
        return MatchRows(*(column[stays] for column in matches))


def matches_of_docs(
    batch: Batch,
    rows: MatchRows,
    keys: Sequence[str],
) -> list[Matches]:
    """The matches in a batch by document, with the keys of their numbers."""
    offsets = batch.offsets.tolist()
    cuts = np.searchsorted(rows.start, batch.offsets).tolist()
    return list(
        map(
            Matches,
            repeat(rows),
            repeat(keys),
            cuts[:-1],
            cuts[1:],
            offsets[:-1],
        )
    )


def _is_pattern(patterns: Sequence[Any]) -> bool:
    return any(isinstance(pattern, Mapping) for pattern in patterns)


def _greedily(
    matches: MatchRows,
    greedy: Greedy,
) -> Bools:
    """Which matches stay where those that stay do not overlap, bool[matches]."""
    lengths = matches.end - matches.start
    by = (matches.start, -lengths)  # the last is the first to decide
    if greedy == "first":
        by = (-lengths, matches.start)
    order = np.lexsort(by)
    return settle(
        matches.start,
        matches.end,
        order,
    )
