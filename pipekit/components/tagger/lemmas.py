"""Which lemmas a word may have: the candidates among which the tagger chooses.

Candidates come from a lexicon, from exceptions, or from the endings that training has seen. A
candidate is a script with a tag. The script says which letters are dropped in front and at the end,
and which are appended. The tag says where the candidate comes from: an analysis of the lexicon, the
word as it stands, or an exception with its part of speech.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.errors import ConfigError
from pipekit.tables import Declarations, Table, TextLines, check_tables
from pipekit.words.arrays import Ints, offsets, ranges
from pipekit.words.chars import Words, fold
from pipekit.words.lexicon import Analyses, Lexicon, ShortHashes, short, unpack_strings

LONGEST_ENDING = 6  # letters of the endings by which scripts are found
RULE_TABLES: Declarations = {
    "script_cuts": Table("uint8", "scripts 2"),
    "script_tails": TextLines("scripts", most=32_768, longest=256),
    "rule_keys": Table("uint32", "rules", order="rising"),
    "rule_tags": Table("integer", "rules", most=(1 << 16) - 1),
    "rule_scripts": Table("integer", "rules"),
}


class Script(NamedTuple):
    """An edit of a word: letters dropped in front, letters dropped at the end, letters appended."""

    front: int
    back: int
    tail: str


SAME = Script(0, 0, "")


class CandidateRows(NamedTuple):
    """Candidates of some words, int64[candidates] each, by ascending owner."""

    owners: Ints  # the place of the word
    tags: Ints
    scripts: Ints


class LemmaCandidates(NamedTuple):
    """Candidates of words end to end: word w has the rows ``offsets[w]:offsets[w + 1]``.

    Every word has at least one.
    """

    offsets: Ints  # int64[words + 1]
    tags: Ints  # int64[candidates]
    scripts: Ints  # int64[candidates]

    def take(self, words: Ints) -> CandidateRows:
        """The candidates of some words, a word for each owner; words may repeat."""
        starts = self.offsets[words]
        lengths = self.offsets[words + 1] - starts
        rows = ranges(starts, lengths)
        places = np.arange(len(words))
        return CandidateRows(
            owners=np.repeat(places, lengths),
            tags=self.tags[rows],
            scripts=self.scripts[rows],
        )


def script_of(
    form: str,
    lemma: str,
) -> Script:
    """The shortest edit of the end that makes the lemma of a folded form; both in lower case.

    Example:
        script_of("кошками", "кошка")       # Script(0, 2, "") drops two letters
    """
    shared = 0
    for letter, lemma_letter in zip(form, lemma, strict=False):
        if letter != lemma_letter:
            break
        shared += 1
    return Script(0, len(form) - shared, lemma[shared:])


class LemmaRules:
    """Makes candidates of normalised words, and lemmas of scripts.

    Tables, all of RULE_TABLES or none:
        rule_keys: uint32[rules], sorted, a hash of a whole form or of an ending.
        rule_tags, rule_scripts: tag and script of each rule.
        script_cuts: uint8[scripts, 2], `front` and `back` of scripts that the lexicon lacks; their
            numbers follow those of the lexicon.
        script_tails: the `tail` of each of these.

    Errors: `ConfigError` naming a table that is not as it is declared.
    """

    def __init__(
        self,
        tables: Mapping[str, NDArray[Any]],
        lexicon: Lexicon | None,
    ) -> None:
        if tables:
            check_tables(tables, RULE_TABLES, "rules for lemmas")
        self.lexicon = lexicon
        self.scripts = lexicon_scripts(lexicon)
        if len(tables.get("script_cuts", ())):
            self.scripts += _read_scripts(tables)
        self.number = {script: i for i, script in enumerate(self.scripts)}
        self.same_tag = tag_of_unchanged(lexicon)
        keys = tables.get("rule_keys", ())
        tags = tables.get("rule_tags", ())
        scripts = tables.get("rule_scripts", ())
        self._keys = np.asarray(keys, dtype=np.uint32)
        self._tags = np.asarray(tags, dtype=np.int64)
        self._scripts = np.asarray(scripts, dtype=np.int64)
        if SAME not in self.number or self._scripts.max(initial=0) >= len(self.scripts):
            raise ConfigError(
                f"rules for lemmas need a script that changes nothing, and numbers below "
                f"{len(self.scripts)}, for so many scripts there are"
            )
        last_tag = self._tags.max(initial=self.same_tag)
        self.tags = int(last_tag) + 1  # the number of tags

    def candidates(
        self,
        words: Words,
        analyses: Analyses | None,
    ) -> LemmaCandidates:
        """The candidates of normalised words, with the lexicon's `analyses` of them, if any.

        The word as it stands comes first, then what rules say, then the analyses; of one word they
        are sorted by script. Where all candidates of a word agree on the script, the first stands
        for all.
        """
        every = np.arange(len(words), dtype=np.int64)
        sources = [self._unchanged(every)]
        with_endings = self.lexicon is None
        for keys, able in _rule_keys(words, every, endings=with_endings):
            sources.append(self._matches(keys, able))
        if analyses is not None:
            counts = np.diff(analyses.offsets)
            analysed = CandidateRows(
                owners=np.repeat(every, counts),
                tags=analyses.tags,
                scripts=analyses.scripts,
            )
            sources.append(analysed)
        owners, tags, scripts = _sorted_rows(sources)

        first = np.searchsorted(owners, every)
        end = np.searchsorted(owners, every, side="right")
        disagrees = scripts[first] != scripts[end - 1]  # bool[words]
        stays = disagrees[owners]
        stays[first] = True
        counts = np.bincount(owners[stays], minlength=len(words))
        return LemmaCandidates(
            offsets=offsets(counts),
            tags=tags[stays],
            scripts=scripts[stays],
        )

    def _unchanged(self, words: Ints) -> CandidateRows:
        """Each word as it stands."""
        return CandidateRows(
            owners=words,
            tags=np.full(len(words), self.same_tag),
            scripts=np.full(len(words), self.number[SAME]),
        )

    def _matches(
        self,
        keys: ShortHashes,
        words: Ints,
    ) -> CandidateRows:
        """The rules under the key of each word."""
        starts = np.searchsorted(self._keys, keys)
        ends = np.searchsorted(self._keys, keys, side="right")
        lengths = ends - starts
        rules = ranges(starts, lengths)
        return CandidateRows(
            owners=np.repeat(words, lengths),
            tags=self._tags[rules],
            scripts=self._scripts[rules],
        )

    def script(
        self,
        form: str,
        lemma: str,
    ) -> int:
        """The number of the script that makes this lemma of a form, -1 for none.

        It spells the lemma with ё if that was learned, otherwise with е.
        """
        folded = fold(form)
        script = script_of(folded, lemma.lower())
        if script not in self.number:
            script = script_of(folded, fold(lemma))
        return self.number.get(script, -1)

    def apply(
        self,
        word: str,
        script: int,
    ) -> str:
        """The lemma of a normalised word; a word of which nothing would be left stays as it is."""
        front, back, tail = self.scripts[script]
        end = max(len(word) - back, 0)
        return word[front:end] + tail or word


def tag_of_unchanged(lexicon: Lexicon | None) -> int:
    """The tag of a word as it stands: it follows those of the lexicon."""
    if lexicon is None:
        return 0
    return lexicon.tags


def lexicon_scripts(lexicon: Lexicon | None) -> list[Script]:
    """The scripts of a lexicon; without one, that of a word as it stands."""
    if lexicon is None:
        return [SAME]
    return _read_scripts(lexicon.arrays)


def _read_scripts(tables: Mapping[str, NDArray[Any]]) -> list[Script]:
    cuts = tables["script_cuts"].tolist()
    tails = unpack_strings(tables["script_tails"])
    scripts = []
    for (front, back), tail in zip(cuts, tails, strict=True):
        script = Script(int(front), int(back), tail)
        scripts.append(script)
    return scripts


def _rule_keys(
    words: Words,
    every: Ints,  # int64[words]
    *,
    endings: bool,
) -> Iterable[tuple[ShortHashes, Ints]]:
    """Keys of the whole words, then, if asked for, of their endings of each length.

    With each array of keys come the words that it is of: those that are long enough.
    """
    whole = words.hashes(words.starts, words.ends)
    yield short(whole), every
    if not endings:
        return
    for length in range(LONGEST_ENDING + 1):
        able = every[words.lengths >= length]
        ends = words.ends[able]
        endings_of_able = words.hashes(ends - length, ends)
        yield ending_keys(endings_of_able), able


def ending_keys(hashes: NDArray[np.uint64]) -> ShortHashes:
    """Keys of endings: other ones than those of the same letters as a whole word."""
    return short(~hashes)


def _sorted_rows(sources: Iterable[CandidateRows]) -> CandidateRows:
    """The rows of all sources by word and script; equal ones in the order of the sources."""
    columns = zip(*sources, strict=True)
    owners, tags, scripts = map(np.concatenate, columns)
    order = np.lexsort((scripts, owners))
    return CandidateRows(
        owners=owners[order],
        tags=tags[order],
        scripts=scripts[order],
    )
