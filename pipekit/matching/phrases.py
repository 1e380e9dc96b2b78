"""The phrase matcher: lists of terms, up to millions of them, found as words in a row.

The terms are a trie of words, as arrays. A node and a word are one number, their key, and the keys
of all children stand in ascending order:

    terms     New York, New Jersey, York          words     0 New   1 York   2 Jersey
    nodes     0 root   1 New   2 York   3 New York   4 New Jersey
    keys      0·W+0  0·W+1  1·W+1  1·W+2          the child of key i is the node i + 1

Words are known by their hashes, which are made of the letters of a batch without a string of any
word. All tokens of a batch begin at the root together. A step looks up the keys of the nodes that
are left with the words that follow: time grows with the text, and hardly with the number of terms.
Aho-Corasick libraries over the same numbers of words are slower
(`recipes/benchmarks/README.md`): they go from word to word, and give an object for each match.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise
from typing import Any

import numpy as np

from pipekit.allowance import take
from pipekit.doc import Doc
from pipekit.errors import ConfigError, DocError
from pipekit.matching.automaton import MatchRows, in_order, no_rows
from pipekit.matching.hash_index import HashIndex
from pipekit.matching.matcher import Matches, matches_of_docs
from pipekit.matching.sources import token_values
from pipekit.matching.streaming import stream
from pipekit.matching.word_views import STRINGS, VIEWS, spelled
from pipekit.parts.batch import Batch
from pipekit.tables import Arrays, Table, TextLines, check_tables
from pipekit.words.arrays import Hashes, Ints, offsets, ranges
from pipekit.words.chars import Words, from_strings, mix

MOST_WORDS = 255  # of a term
_GROUP = 1 << 14  # terms whose words are looked at together
_LONGEST = 4_096  # bytes of a word
_MOST = 1 << 26  # words, nodes and terms
TERM_TABLES: dict[str, Table | TextLines] = {
    "words": TextLines(
        "words",
        most=_MOST,
        longest=_LONGEST,
    ),
    "keys": Table(
        "int64",
        "nodes",
        least=0,
        most=1 << 62,
        order="unique",
    ),
    "ends": Table(
        "int32",
        "terms",
        most="nodes",
        order="rising",
    ),
    "owners": Table(
        "int32",
        "terms",
        least=0,
        most=_MOST,
    ),
}
"""The tables of terms: words in lines, keys of nodes, the node at which each term ends, less one,
and the number of what owns the term."""


class TermTrie:
    """A trie of terms.

    Args:
        tables: as of `term_tables`, see `TERM_TABLES`.

    Errors: `ConfigError` for tables that are no trie.
    """

    def __init__(self, tables: Arrays) -> None:
        sizes = check_tables(tables, TERM_TABLES, "the terms")
        size = sizes["words"]
        bits = tables["words"].nbytes
        take(60 * bits, "a table of words")
        text = tables["words"].tobytes().decode()
        words = from_strings(text.split("\n"))
        self._words = HashIndex(words.word_hashes())
        self._width = size
        self._keys = tables["keys"]
        take(80 * len(self._keys), "a table of terms")
        self._nodes = HashIndex(_mixed(self._keys))
        parents = self._keys // size
        is_too_early = parents > np.arange(len(parents))
        if is_too_early.any():
            raise ConfigError("the terms: table 'keys' has a node before the node that it follows")
        first = int(np.searchsorted(self._keys, size))
        # The child of the root by each word, int64[words + 1]; the last is that of no word, -1.
        self._first = np.zeros(size + 1, dtype=np.int64)
        first_words = self._keys[:first]
        self._first[first_words] = np.arange(1, first + 1)
        ends = tables["ends"].astype(np.int64)
        size_of_trie = len(self._keys) + 1
        counts = np.bincount(ends + 1, minlength=size_of_trie)
        self._counts = counts  # int64[nodes]: terms that end there
        self._has_twins = bool(counts.max(initial=0) > 1)
        self._starts = offsets(counts)
        self._has_children = np.zeros(size_of_trie, dtype=bool)  # bool[nodes]
        self._has_children[parents] = True
        self._owners = tables["owners"].astype(np.int64)

    def numbers(self, words: Words) -> Ints:
        """The number of each word among the words of terms, int64[words]; -1 for others."""
        return self._words.rows(words.word_hashes())

    def find(
        self,
        words: Ints,
        ends: Ints,
    ) -> MatchRows:
        """The terms in a row of words, each with its owner.

        Args:
            words: the number of each token's word, int64[tokens].
            ends: where the document of each token ends, int64[tokens].
        """
        nodes = self._first[words]
        start = np.flatnonzero(nodes)
        node = nodes[start]
        at = start
        matches = [no_rows(3)]
        for _ in range(MOST_WORDS):
            if not len(node):
                break
            at = at + 1
            matches.append(self._terms(start, at, node))
            goes_on = at < ends[start]
            goes_on &= self._has_children[node]
            rows = np.flatnonzero(goes_on)
            at = at[rows]
            children = self._children(node[rows], words[at])
            is_there = np.flatnonzero(children)
            node = children[is_there]
            at = at[is_there]
            start = start[rows[is_there]]
        return in_order(matches)

    def _terms(
        self,
        start: Ints,
        end: Ints,
        node: Ints,
    ) -> list[Ints]:
        """A row for each term that ends at these nodes."""
        counts = self._counts[node]
        terms = self._starts[node]
        if self._has_twins:
            owners = self._owners[ranges(terms, counts)]
            return [
                np.repeat(start, counts),
                np.repeat(end, counts),
                owners,
            ]
        rows = np.flatnonzero(counts)
        owners = self._owners[terms[rows]]
        return [start[rows], end[rows], owners]

    def _children(
        self,
        nodes: Ints,
        words: Ints,
    ) -> Ints:
        """The child of each node by a word, int64[nodes]; 0 where there is none."""
        keys = nodes * self._width + words
        rows = self._nodes.rows(_mixed(keys))
        rows[words < 0] = -1
        return rows + 1


def _mixed(keys: Ints) -> Hashes:
    """Keys as numbers with even bits; distinct keys stay distinct."""
    return mix(keys.astype(np.uint64))


def term_tables(
    terms: Sequence[Sequence[str]],
    owners: Sequence[int],
) -> dict[str, np.ndarray]:
    """The tables of terms, each a sequence of words, with the number of what owns it.

    Errors: `ConfigError` naming a term without words, of too many, or with a word that a table of
    words cannot hold.
    """
    lengths = np.fromiter(
        map(len, terms),
        np.int64,
        len(terms),
    )
    _check_terms(terms, lengths)
    distinct_words = dict.fromkeys(chain.from_iterable(terms))
    words = {word: number for number, word in enumerate(distinct_words)}
    every = chain.from_iterable(terms)
    numbers = np.fromiter(map(words.__getitem__, every), np.int64)
    starts = offsets(lengths)[:-1]
    node = np.zeros(len(terms), dtype=np.int64)
    size = 0
    keys = [np.zeros(0, np.int64)]
    longest = int(lengths.max(initial=0))
    for depth in range(longest):
        rows = np.flatnonzero(lengths > depth)
        places = starts[rows] + depth
        level = node[rows] * len(words) + numbers[places]
        distinct, children = np.unique(level, return_inverse=True)
        node[rows] = size + 1 + children
        size += len(distinct)
        keys.append(distinct)
    order = np.argsort(node, kind="stable")
    text = "\n".join(words)
    ends = node[order] - 1
    owner = np.array(owners, dtype=np.int32)
    return {
        "words": np.frombuffer(text.encode(), np.uint8),
        "keys": np.concatenate(keys),
        "ends": ends.astype(np.int32),
        "owners": owner[order],
    }


def _check_terms(
    terms: Sequence[Sequence[str]],
    lengths: Ints,
) -> None:
    is_wrong = (lengths == 0) | (lengths > MOST_WORDS)
    for row in np.flatnonzero(is_wrong).tolist():
        shown = " ".join(terms[row])
        raise ConfigError(f"a term has 1 to {MOST_WORDS} words, not {lengths[row]}: {shown!r:.80}")
    longest = _LONGEST // 4
    for word in chain.from_iterable(terms):
        is_long = len(word) > longest
        if not word or "\n" in word or is_long:
            raise ConfigError(f"{word!r:.80} cannot be a word of a term")


def words_of_docs(
    docs: Iterable[Doc],
    by: str,
) -> list[list[str]]:
    """The words of each document, as a view or a column shows them.

    Errors: `DocError` for a column that a document lacks, and for one of numbers.
    """
    batch = Batch(list(docs))
    strings, rows = _strings(batch, by)
    words = [strings[row] for row in rows.tolist()]
    by_doc = []
    for start, end in pairwise(batch.offsets.tolist()):
        by_doc.append(words[start:end])
    return by_doc


def find_terms(
    terms: TermTrie,
    batch: Batch,
    by: str,
) -> MatchRows:
    """The terms in a batch, by a view of words or a column. Errors: as of `words_of_docs`."""
    words = _numbers(terms, batch, by)
    lengths = np.diff(batch.offsets)
    ends = np.repeat(batch.offsets[1:], lengths)
    return terms.find(words, ends)


def _numbers(
    terms: TermTrie,
    batch: Batch,
    by: str,
) -> Ints:
    """The number of each token's word among those of terms, int64[tokens]; -1 for others."""
    view_of = VIEWS.get(by)
    seen = view_of(batch.seen) if view_of else None
    if seen is not None:
        return terms.numbers(seen)
    strings, rows = _strings(batch, by)
    numbers = terms.numbers(from_strings(list(strings)))
    return numbers[rows]


def _strings(
    batch: Batch,
    by: str,
) -> tuple[Sequence[str], Ints]:
    """The distinct strings of a view or a column, and which of them each token has."""
    if by in STRINGS:
        distinct = batch.distinct
        view_of = STRINGS[by]
        return view_of(distinct), distinct.index
    values = token_values(batch, by)
    if values.strings is None:
        raise DocError(f"terms are strings, and the column {by!r} holds numbers")
    return values.strings, values.rows


class PhraseMatcher:
    """Finds terms, up to millions of them, by their words, lemmas or normal forms.

        matcher = PhraseMatcher(by="lemma")
        matcher.add("RAILWAY", nlp.pipe(["железная дорога", "вокзал"]))
        for match in matcher(doc):                          # «железной дороге» too
            print(match.key, match.span(doc).text)

    All matches are found, also within others, as by spaCy's PhraseMatcher, in the order of their
    starts, then of their ends, then of their keys as these were added.

    Args:
        by: what has to be equal: "text", "lower", "norm", "shape", or the name of a column of
            labels such as "lemma".
    """

    def __init__(
        self,
        *,
        by: str = "text",
    ) -> None:
        self.by = by
        self._keys: dict[str, int] = {}
        self._terms: list[list[str]] = []
        self._owners: list[int] = []
        self._trie: TermTrie | None = None

    def add(
        self,
        key: str,
        terms: Iterable[Doc | Sequence[str]],
    ) -> None:
        """Add terms under a key: documents, or their words as strings.

        Errors: `ConfigError` for a term without words; `DocError` for a column that a document
        lacks.
        """
        owner = self._keys.setdefault(key, len(self._keys))
        for group in _groups(terms):
            self._terms += self._words(group)
        added = len(self._terms) - len(self._owners)
        self._owners += [owner] * added
        self._trie = None

    def _words(self, terms: Sequence[Any]) -> list[list[str]]:
        if isinstance(terms[0], Doc):
            return words_of_docs(terms, self.by)
        for term in terms:
            if isinstance(term, str):
                cure = "nlp.pipe(terms), or the words of each as a list"
                raise ConfigError(f"the term {term!r:.80} is not cut into words: give {cure}")
        if self.by not in STRINGS:
            return [list(term) for term in terms]
        lists = [list(term) for term in terms]
        words = iter(spelled(self.by, list(chain.from_iterable(lists))))
        return [list(islice(words, len(term))) for term in lists]

    def __len__(self) -> int:
        """The number of keys."""
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def find(self, batch: Batch) -> MatchRows:
        """The matches in a batch as arrays: rows of its tokens, and numbers of keys.

        Errors: `DocError` for a column that a document lacks.
        """
        if self._trie is None:
            tables = term_tables(self._terms, self._owners)
            self._trie = TermTrie(tables)
        return find_terms(self._trie, batch, self.by)

    def of_docs(self, docs: Iterable[Doc]) -> list[Matches]:
        """The matches in each document; many documents at once are quicker. Errors: as `find`."""
        batch = Batch(list(docs))
        matches = self.find(batch)
        return matches_of_docs(
            batch,
            matches,
            list(self._keys),
        )

    def pipe(self, docs: Iterable[Doc]) -> Iterator[tuple[Doc, Matches]]:
        """Each document of a stream with its matches: much quicker than a call for each.

            for doc, matches in matcher.pipe(nlp.pipe(lines)):
                print([match.span(doc).text for match in matches])

        Errors: as `of_docs`.
        """
        return stream(self.of_docs, docs)

    def __call__(self, doc: Doc) -> Matches:
        """The matches in a document. Errors: as `find`."""
        [matches] = self.of_docs([doc])
        return matches


def _groups(terms: Iterable[Any]) -> Iterator[list[Any]]:
    """Terms in groups of one kind, documents or lists, of some thousands."""
    group: list[Any] = []
    for term in terms:
        is_full = len(group) == _GROUP
        if group and not is_full:
            is_full = isinstance(term, Doc) != isinstance(group[0], Doc)
        if is_full:
            yield group
            group = []
        group.append(term)
    if group:
        yield group
