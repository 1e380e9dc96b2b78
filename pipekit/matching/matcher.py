"""The token matcher: patterns by key, and their matches in documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np

from pipekit.doc import Doc
from pipekit.doc.text import Text
from pipekit.doc.views import Span
from pipekit.errors import ConfigError
from pipekit.matching.automaton import Automaton, MatchRows
from pipekit.matching.patterns import PatternItem, columns_read, read_pattern
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

    def __call__(self, doc: Doc) -> list[TokenMatch]:
        """The matches in a document.

        Errors: `DocError` for a column that a pattern looks at and the document lacks.
        """
        [matches] = self.of_docs([doc])
        return matches

    def of_docs(self, docs: Iterable[Doc]) -> list[list[TokenMatch]]:
        """The matches in each document; many documents at once are quicker. Errors: as a call."""
        batch = Batch(list(docs))
        matches = self.find(batch)
        return matches_of_docs(batch, matches, self._keys)

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
) -> list[list[TokenMatch]]:
    """The matches in a batch by document, with the keys of their numbers."""
    followers = np.searchsorted(
        batch.offsets,
        rows.start,
        side="right",
    )
    owners = followers - 1
    shifts = batch.offsets[owners]
    starts = (rows.start - shifts).tolist()
    ends = (rows.end - shifts).tolist()
    names = [keys[number] for number in rows.key.tolist()]
    matches = list(map(TokenMatch, names, starts, ends))
    cuts = np.searchsorted(rows.start, batch.offsets)
    by_doc = []
    for first, last in pairwise(cuts.tolist()):
        by_doc.append(matches[first:last])
    return by_doc


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
