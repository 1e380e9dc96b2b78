"""A dictionary of word forms as arrays: the analyses of a word, and the way from it to its lemma.

A form is a stem and an ending. An analysis is a tag (a set of grammemes) and a script (an edit of
the word's end that gives the lemma). The arrays lead from a form to its analyses:

    stem ─ stem_hashes (sorted) ──► stem_paradigms ─┐
                                                    ├─ pair_keys (sorted) ──► pair_sets ──► analyses
    ending ─ ending_hashes (sorted) ────────────────┘

To look a word up, every split of it into stem and ending is tried, over all words of a batch at
once. pymorphy2 stores its dictionary so (Korobov, 2015), with a DAWG in place of hashes.

For a word that the dictionary lacks, three guesses follow each other: its part after the last
hyphen or the like, then the word without a known prefix, then its longest ending that is frequent
among the forms of the dictionary. Scripts edit the end of a word, so they hold for all of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from pipekit.errors import ConfigError
from pipekit.tables import Arrays, Declarations, Table, TextLines, check_tables
from pipekit.words.arrays import Bools, Hashes, Ints, offsets, pair_keys, ranges, split_pairs
from pipekit.words.chars import Words, codes, from_strings, normalize

ShortHashes = NDArray[np.uint32]

# How the analyses of a word come about, in the order in which they are tried.
ANALYSIS_KINDS = ("unknown", "known", "part", "prefix", "suffix")
_JOINERS = codes("-#@_/.'’‑")
_LONGEST_GUESS = 5
_SHORTEST_GUESS = 2
_MIN_STEM_AFTER_PREFIX = 3
_MAX_PARADIGMS = 1 << 16
LEXICON_TABLES: Declarations = {
    "tag_grammemes": Table("bool uint8", "tags grammemes", least=0, most=1, filled=True),
    "grammemes": TextLines("grammemes", most=1_024, longest=64),
    "stem_hashes": Table("uint32", "stems", order="rising", filled=True),
    "stem_paradigms": Table("integer", "stems", most=_MAX_PARADIGMS - 1),
    "ending_hashes": Table("uint32", "endings", order="unique", filled=True),
    "longest_ending": Table("integer", "1", most=32),
    "set_sizes": Table("integer", "sets", most=1_024),
    "set_tags": Table("integer", "analyses", most="tags"),
    "script_cuts": Table("uint8", "scripts 2"),
    "script_tails": TextLines("scripts", most=32_768, longest=64),
    "set_scripts": Table("integer", "analyses", most="scripts"),
    "pair_keys": Table("uint32", "pairs", order="unique", filled=True),
    "pair_sets": Table("integer", "pairs", most="sets"),
    "guess_hashes": Table("uint32", "guesses", order="rising", filled=True),
    "guess_sets": Table("integer", "guesses ways", least=-1, most="sets"),
    "form_prefixes": TextLines("form_prefixes", most=16, longest=64),
    "prefixes": TextLines("prefixes", most=4_096, longest=64),
}


def short(hashes: Hashes) -> ShortHashes:
    """The upper 32 bits of each hash, as the tables hold them."""
    upper = hashes >> np.uint64(32)
    return upper.astype(np.uint32)


def pack_strings(strings: list[str]) -> NDArray[np.uint8]:
    """Strings without line breaks as one array of UTF-8 bytes."""
    data = "\n".join(strings).encode("utf-8")
    return np.frombuffer(data, dtype=np.uint8)


def unpack_strings(array: NDArray[np.generic]) -> list[str]:
    """The strings that `pack_strings` put together."""
    data = array.astype(np.uint8).tobytes()
    return data.decode("utf-8").split("\n")


def find(
    table: ShortHashes,
    keys: ShortHashes,
) -> Ints:
    """The row of each key in a sorted table of unique keys, or -1."""
    if not len(table):
        return np.full(len(keys), -1, dtype=np.int64)
    rows = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    return np.where(table[rows] == keys, rows, -1)


# By the id of an array: a Lexicon holds its arrays, so no other array gets this id meanwhile.
_SHARED: WeakValueDictionary[int, Lexicon] = WeakValueDictionary()


@dataclass(frozen=True)
class Analyses:
    """Ragged: word w has the analyses ``offsets[w]:offsets[w + 1]`` of `tags` and `scripts`.

    Attributes:
        offsets: int64[words + 1].
        tags: the tag of each analysis, int64[analyses].
        scripts: the script of each analysis, int64[analyses].
        kinds: how the analyses of each word came about, a place in `ANALYSIS_KINDS`, int64[words].
    """

    offsets: Ints
    tags: Ints
    scripts: Ints
    kinds: Ints

    def any_has(
        self,
        lexicon: Lexicon,
        grammemes: Sequence[str],
    ) -> Bools:
        """Words of which some analysis has one of the grammemes, bool[words]."""
        tag_has = np.zeros(lexicon.tags, dtype=bool)
        for place, grammeme in enumerate(lexicon.grammemes):
            if grammeme in grammemes:
                tag_has |= lexicon.tag_grammemes[:, place]
        sums = np.concatenate([[0], np.cumsum(tag_has[self.tags])])
        counts = np.diff(sums[self.offsets])
        has: Bools = counts > 0
        return has


class _Matches(NamedTuple):
    """Pairs of a word and a set of analyses that it may have; a word may have several sets."""

    words: Ints
    sets: Ints

    @classmethod
    def join(cls, parts: Sequence[_Matches]) -> _Matches:
        words = [part.words for part in parts]
        sets = [part.sets for part in parts]
        return cls(np.concatenate(words), np.concatenate(sets))


_NOTHING = np.zeros(0, dtype=np.int64)
_NO_MATCHES = _Matches(_NOTHING, _NOTHING)


class Lexicon:
    """Word forms compiled by recipes/lexicon/compile.py.

    The arrays, LEXICON_TABLES, are kept unchanged; nothing here is learned.

    Errors: `ConfigError` naming an array that is not as it is declared there.

        lexicon = Lexicon.shared(arrays)
        words = normalize(from_strings(["стали"]))
        analyses = lexicon.analyses(words)
        lemmas = {lexicon.lemma("стали", script) for script in analyses.scripts}    # стать, сталь
    """

    def __init__(self, arrays: Arrays) -> None:
        sizes = check_tables(arrays, LEXICON_TABLES, "a lexicon")
        if arrays["set_sizes"].sum(dtype=np.int64) != sizes["analyses"]:
            raise ConfigError(
                f"a lexicon: its set_sizes do not add up to {sizes['analyses']} analyses"
            )
        self.arrays = dict(arrays)
        self.grammemes = unpack_strings(arrays["grammemes"])
        self.tag_grammemes = arrays["tag_grammemes"].astype(bool)  # [tags, grammemes]

        def hashes(name: str) -> ShortHashes:
            return arrays[name].astype(np.uint32)

        def ints(name: str) -> Ints:
            return arrays[name].astype(np.int64)

        self._stems = hashes("stem_hashes")
        self._paradigms = ints("stem_paradigms")
        self._endings = hashes("ending_hashes")
        self._longest_ending = int(arrays["longest_ending"][0])
        self._pairs = hashes("pair_keys")
        self._pair_sets = ints("pair_sets")

        self._set_ends = np.cumsum(ints("set_sizes"))
        self._set_tags = ints("set_tags")
        self._set_scripts = ints("set_scripts")

        self._guesses = hashes("guess_hashes")
        self._guess_sets = ints("guess_sets")  # [guesses, 3], -1 where there are fewer

        prefixes = unpack_strings(arrays["prefixes"])
        plain = normalize(from_strings(prefixes))
        self._prefixes = np.sort(short(plain.word_hashes()))
        self._longest_prefix = max(map(len, prefixes))
        self._form_prefixes = ["", *unpack_strings(arrays["form_prefixes"])]
        self.edits = _edits(arrays)

    @classmethod
    def shared(cls, arrays: Arrays) -> Lexicon:
        """The same Lexicon for all holders of these very arrays."""
        key = id(arrays["stem_hashes"])
        lexicon = _SHARED.get(key) or cls(arrays)
        _SHARED[key] = lexicon
        return lexicon

    @property
    def tags(self) -> int:
        """How many tags there are."""
        return len(self.tag_grammemes)

    @property
    def scripts(self) -> int:
        """How many lemma scripts there are.

        Each is one of `edits`: the number of letters dropped in front, the number of letters
        dropped at the end, and the letters appended. Number 0 changes nothing.
        """
        return len(self.edits)

    def lemma(
        self,
        word: str,
        script: int,
    ) -> str:
        """The lemma of a normalised word by a script.

        Nothing of the word is left by a script that drops more letters than the word has.
        """
        front, back, tail = self.edits[script]
        end = max(len(word) - back, 0)
        return word[front:end] + tail

    def analyses(self, words: Words) -> Analyses:
        """The analyses of each normalised word, each once, in order of tag and script."""
        every = np.arange(len(words), dtype=np.int64)
        kinds = np.zeros(len(words), dtype=np.int64)
        matches = self._forms(words, every)
        kinds[matches.words] = 1
        parts = [matches]
        guesses = (self._after_joiner, self._after_prefix, self._by_suffix)
        for kind, guess in enumerate(guesses, start=2):
            missing = every[(kinds == 0) & (words.lengths > 0)]
            matches = guess(words, missing)
            kinds[matches.words] = kind
            parts.append(matches)
        return self._expand(_Matches.join(parts), kinds)

    def _expand(
        self,
        matches: _Matches,
        kinds: Ints,
    ) -> Analyses:
        """The analyses of all sets, ragged by word and without doubles."""
        words, sets = matches
        starts = np.where(sets > 0, self._set_ends[sets - 1], 0)
        lengths = self._set_ends[sets] - starts
        items = ranges(starts, lengths)
        owners = np.repeat(words, lengths)

        word_tags = pair_keys(owners, self._set_tags[items], self.tags)
        keys = pair_keys(word_tags, self._set_scripts[items], self.scripts)
        word_tags, scripts = split_pairs(np.unique(keys), self.scripts)
        owners, tags = split_pairs(word_tags, self.tags)
        counts = np.bincount(owners, minlength=len(kinds))
        return Analyses(offsets(counts), tags, scripts, kinds)

    def _forms(
        self,
        words: Words,
        rows: Ints,
    ) -> _Matches:
        """Forms of the dictionary: words as they are, or after a prefix of forms (наи-, по-)."""
        begins = []
        starts = []
        prefixes = []
        for number, prefix in enumerate(self._form_prefixes):
            behind = rows
            if prefix:
                behind = rows[words.lengths[rows] > len(prefix)]
            for place, letter in enumerate(codes(prefix)):
                letters = words.codes[words.starts[behind] + place]
                behind = behind[letters == letter]
            begins.append(behind)
            starts.append(words.starts[behind] + len(prefix))
            prefixes.append(np.full(len(behind), number))
        owners = np.concatenate(begins)
        places, sets = self._splits(
            words,
            np.concatenate(starts),
            words.ends[owners],
            np.concatenate(prefixes),
        )
        return _Matches(owners[places], sets)

    def _splits(
        self,
        words: Words,
        starts: Ints,
        ends: Ints,
        prefixes: Ints | None = None,
    ) -> tuple[Ints, Ints]:
        """All splits of pieces ``codes[start:end]`` into a stem and an ending of the dictionary.

        Args:
            prefixes: the number of the prefix of forms before each piece; None for none.

        Returns: for each split the number of its piece, and its set of analyses.
        """
        places, cuts, endings = self._known_endings(words, starts, ends)
        stems = short(words.hashes(starts[places], cuts))
        first = np.searchsorted(self._stems, stems)
        inside = np.minimum(first, len(self._stems) - 1)
        there = np.flatnonzero(self._stems[inside] == stems)
        stems = stems[there]
        places = places[there]
        endings = endings[there]

        # The paradigms of a stem are in neighbouring rows.
        first = first[there]
        last = np.searchsorted(self._stems, stems, side="right")
        counts = last - first
        paradigms = self._paradigms[ranges(first, counts)]
        before = 0 if prefixes is None else prefixes[places]
        forms = pair_keys(endings, before, len(self._form_prefixes))
        keys = pair_keys(np.repeat(forms, counts), paradigms, _MAX_PARADIGMS)
        pairs = find(self._pairs, keys.astype(np.uint32))
        hits = pairs >= 0
        return np.repeat(places, counts)[hits], self._pair_sets[pairs[hits]]

    def _known_endings(
        self,
        words: Words,
        starts: Ints,
        ends: Ints,
    ) -> tuple[Ints, Ints, Ints]:
        """All endings that the dictionary has in pieces ``codes[start:end]``.

        For each ending: the number of its piece, where the ending begins in `codes`, and its own
        number in the dictionary; int64[endings] each.
        """
        lengths = np.arange(self._longest_ending + 1)
        places, columns = np.nonzero((ends - starts)[:, None] >= lengths)
        borders = ends[places] - lengths[columns]
        numbers = _find_pieces(self._endings, words, borders, ends[places])
        hits = numbers >= 0
        return places[hits], borders[hits], numbers[hits]

    def _after_joiner(
        self,
        words: Words,
        rows: Ints,
    ) -> _Matches:
        """By the part after the last hyphen, the hash of a hashtag, and the like."""
        joiners = np.flatnonzero(np.isin(words.codes, _JOINERS))
        if not joiners.size or not rows.size:
            return _NO_MATCHES
        before_end = np.searchsorted(joiners, words.ends[rows]) - 1
        last = joiners[np.maximum(before_end, 0)]
        is_within = last >= words.starts[rows]
        is_before_end = last < words.ends[rows] - 1
        inside = is_within & is_before_end
        owners = rows[inside]
        places, sets = self._splits(words, last[inside] + 1, words.ends[owners])
        return _Matches(owners[places], sets)

    def _after_prefix(
        self,
        words: Words,
        rows: Ints,
    ) -> _Matches:
        """By what follows the longest known prefix that leaves a known word."""
        owners, lengths = _pieces_of_lengths(
            words,
            rows,
            np.arange(1, self._longest_prefix + 1),
            _MIN_STEM_AFTER_PREFIX,
        )
        begins = words.starts[owners]
        is_prefix = _find_pieces(self._prefixes, words, begins, begins + lengths) >= 0
        owners = owners[is_prefix]
        lengths = lengths[is_prefix]
        if not owners.size:
            return _NO_MATCHES
        places, sets = self._splits(words, words.starts[owners] + lengths, words.ends[owners])
        return _of_the_longest(owners[places], lengths[places], sets, len(words))

    def _by_suffix(
        self,
        words: Words,
        rows: Ints,
    ) -> _Matches:
        """By the longest ending of 2 to 5 letters that is frequent among forms."""
        owners, lengths = _pieces_of_lengths(
            words,
            rows,
            np.arange(_SHORTEST_GUESS, _LONGEST_GUESS + 1),
            1,
        )
        ends = words.ends[owners]
        guesses = _find_pieces(self._guesses, words, ends - lengths, ends)
        hits = guesses >= 0
        table = self._guess_sets[guesses[hits]]  # int64[pieces, 3]
        filled = table >= 0
        counts = filled.sum(1)
        return _of_the_longest(
            np.repeat(owners[hits], counts),
            np.repeat(lengths[hits], counts),
            table[filled],
            len(words),
        )


def _pieces_of_lengths(
    words: Words,
    rows: Ints,
    lengths: Ints,
    rest: int,
) -> tuple[Ints, Ints]:
    """The rows of words and the lengths of pieces that leave `rest` letters of a word at least."""
    places, columns = np.nonzero(words.lengths[rows][:, None] >= lengths + rest)
    return rows[places], lengths[columns]


def _of_the_longest(
    owners: Ints,
    lengths: Ints,
    sets: Ints,
    words: int,
) -> _Matches:
    """The sets that the longest piece of each word has given."""
    longest = np.zeros(words, dtype=np.int64)
    np.maximum.at(longest, owners, lengths)
    best = lengths == longest[owners]
    return _Matches(owners[best], sets[best])


def _find_pieces(
    table: ShortHashes,
    words: Words,
    starts: Ints,
    ends: Ints,
) -> Ints:
    """The row in a sorted table of each piece ``codes[start:end]``, or -1."""
    return find(table, short(words.hashes(starts, ends)))


def _edits(arrays: Arrays) -> list[tuple[int, int, str]]:
    cuts = arrays["script_cuts"].tolist()
    tails = unpack_strings(arrays["script_tails"])
    edits = []
    for (front, back), tail in zip(cuts, tails, strict=True):
        edits.append((front, back, tail))
    return edits
