"""A dictionary of word forms as arrays: what a word may be, and how its lemma is made from it.

A form is a stem and an ending. `stem_hashes` (sorted) and `stem_paradigms` say which paradigms a stem has; `pair_keys` (sorted) says
which endings a paradigm has, and `pair_sets` which set of analyses each such pair stands for. An analysis is a tag (a set of
grammemes) and a script (an edit of the word's end that gives the lemma). A word is looked up by trying every split into stem and
ending, over all words of a batch at once; that is how pymorphy2 stores its dictionary (Korobov, 2015), with hashes in place of a DAWG.

A word that the dictionary lacks is looked up by its part after the last hyphen or the like, then without a known prefix, then by the
longest ending that is frequent enough among the forms of the dictionary. Edits are of the word's end, so they hold for all of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from pipekit.words.arrays import Ints, ranges
from pipekit.words.chars import Words, from_strings, normalize

Arrays = Mapping[str, NDArray[np.generic]]
ShortHashes = NDArray[np.uint32]

ANALYSIS_KINDS = ("unknown", "known", "part", "prefix", "suffix")  # how a word was found
_JOINERS = np.frombuffer("-#@_/.'’‑".encode("utf-32-le"), dtype=np.uint32)
_LONGEST_GUESS = 5
_SHORTEST_GUESS = 2
_MIN_STEM_AFTER_PREFIX = 3


def short(hashes: NDArray[np.uint64]) -> ShortHashes:
    """The 32 bits of a hash that the tables hold."""
    return (hashes >> np.uint64(32)).astype(np.uint32)


def pack_strings(strings: list[str]) -> NDArray[np.uint8]:
    """Strings without line breaks as one array of UTF-8 bytes."""
    return np.frombuffer("\n".join(strings).encode("utf-8"), dtype=np.uint8)


def unpack_strings(array: NDArray[np.generic]) -> list[str]:
    """The strings that `pack_strings` put together."""
    return array.astype(np.uint8).tobytes().decode("utf-8").split("\n")


def find(table: ShortHashes, keys: ShortHashes) -> Ints:
    """The row of each key in a sorted table of unique keys, or -1."""
    rows = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    return np.where(table[rows] == keys, rows, -1)


_SHARED: WeakValueDictionary[int, Lexicon] = (
    WeakValueDictionary()
)  # a Lexicon keeps its arrays, so their ids are not used again


@dataclass(frozen=True)
class Analyses:
    """Ragged: word w has the analyses ``offsets[w]:offsets[w + 1]`` of `tags` and `scripts`; `kinds` int64[words] indexes KINDS."""

    offsets: Ints
    tags: Ints
    scripts: Ints
    kinds: Ints


class Lexicon:
    """Word forms compiled by recipes/lexicon/compile.py. All arrays are kept as given; nothing here is learned."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = dict(arrays)
        self.grammemes = unpack_strings(arrays["grammemes"])
        self.tag_grammemes = arrays["tag_grammemes"].astype(bool)  # [tags, grammemes]
        self._stems = arrays["stem_hashes"].astype(np.uint32)
        self._paradigms = arrays["stem_paradigms"].astype(np.int64)
        self._endings = arrays["ending_hashes"].astype(np.uint32)
        self._pairs = arrays["pair_keys"].astype(np.uint32)
        self._pair_sets = arrays["pair_sets"].astype(np.int64)
        self._set_ends = np.cumsum(arrays["set_sizes"].astype(np.int64))
        self._set_tags = arrays["set_tags"].astype(np.int64)
        self._set_scripts = arrays["set_scripts"].astype(np.int64)
        self._guesses = arrays["guess_hashes"].astype(np.uint32)
        self._guess_sets = arrays["guess_sets"].astype(
            np.int64
        )  # [guesses, 3], -1 where there are fewer
        self._form_prefixes = ["", *unpack_strings(arrays["form_prefixes"])]
        self._prefixes = short(_whole(normalize(from_strings(unpack_strings(arrays["prefixes"])))))
        self._prefixes.sort()
        self._longest = int(arrays["longest_ending"][0])
        self._longest_prefix = max(map(len, unpack_strings(arrays["prefixes"])))
        cuts = arrays["script_cuts"].tolist()
        self.edits: list[tuple[int, int, str]] = [
            (f, b, t)
            for (f, b), t in zip(cuts, unpack_strings(arrays["script_tails"]), strict=True)
        ]

    @classmethod
    def shared(cls, arrays: Arrays) -> Lexicon:
        """The one Lexicon over these very arrays, for all parts that hold them."""
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
        """How many lemma scripts there are: `edits`, (letters dropped in front, at the end, letters appended); number 0 changes nothing."""
        return len(self.edits)

    def lemma(self, word: str, script: int) -> str:
        """A normalised word as its lemma; a script that cuts more than there is leaves nothing of the word."""
        front, back, tail = self.edits[script]
        return word[front : max(len(word) - back, 0)] + tail

    def analyses(self, words: Words) -> Analyses:
        """The analyses of each normalised word, each once, in order of tag and script."""
        every = np.arange(len(words), dtype=np.int64)
        kinds = np.zeros(len(words), dtype=np.int64)
        found_words, found_sets = self._forms(words, every)
        kinds[found_words] = 1
        steps = (self._after_joiner, self._after_prefix, self._by_suffix)
        for kind, step in enumerate(steps, start=2):
            missing = every[(kinds == 0) & (words.lengths > 0)]
            more_words, more_sets = step(words, missing)
            kinds[more_words] = kind
            found_words, found_sets = (
                np.concatenate([found_words, more_words]),
                np.concatenate([found_sets, more_sets]),
            )
        return self._expand(len(words), found_words, found_sets, kinds)

    def _expand(self, size: int, words: Ints, sets: Ints, kinds: Ints) -> Analyses:
        """Pairs of word and set as ragged analyses without doubles."""
        ends = self._set_ends[sets]
        starts = np.where(sets > 0, self._set_ends[sets - 1], 0)
        items = ranges(starts, ends - starts)
        keys = (
            np.repeat(words, ends - starts) * self.tags + self._set_tags[items]
        ) * self.scripts + self._set_scripts[items]
        keys = np.unique(keys)
        rest, scripts = np.divmod(keys, self.scripts)
        owners, tags = np.divmod(rest, self.tags)
        offsets = np.zeros(size + 1, dtype=np.int64)
        np.cumsum(np.bincount(owners, minlength=size), out=offsets[1:])
        return Analyses(offsets, tags, scripts, kinds)

    def _forms(self, words: Words, rows: Ints) -> tuple[Ints, Ints]:
        """(row, set) for each way in which a word is a form: as it stands, or after a prefix of forms (наи-, по-)."""
        parts = [self._splits(words, rows, words.starts[rows], 0)]
        for number, prefix in enumerate(self._form_prefixes[1:], start=1):
            letters = np.frombuffer(prefix.encode("utf-32-le"), dtype=np.uint32)
            begins = rows[words.lengths[rows] > len(prefix)]
            for i, letter in enumerate(letters):
                begins = begins[words.codes[words.starts[begins] + i] == letter]
            parts.append(self._splits(words, begins, words.starts[begins] + len(prefix), number))
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def _splits(self, words: Words, rows: Ints, starts: Ints, prefix: int) -> tuple[Ints, Ints]:
        """(row, set) for each split of ``codes[start:end]`` that the dictionary has among the forms with this prefix."""
        ends = words.ends[rows]
        picked, cuts, endings = [], [], []
        for length in range(self._longest + 1):
            enough = np.flatnonzero(ends - starts >= length)
            ending = find(self._endings, short(words.hashes(ends[enough] - length, ends[enough])))
            hit = ending >= 0
            picked.append(enough[hit])
            cuts.append(ends[enough[hit]] - length)
            endings.append(ending[hit])
        who, cut, which = np.concatenate(picked), np.concatenate(cuts), np.concatenate(endings)
        stems = short(words.hashes(starts[who], cut))
        first = np.searchsorted(self._stems, stems)
        there = np.flatnonzero(self._stems[np.minimum(first, len(self._stems) - 1)] == stems)
        who, which, first = who[there], which[there], first[there]
        counts = np.searchsorted(self._stems, stems[there], side="right") - first
        paradigms = self._paradigms[ranges(first, counts)]
        keys = (np.repeat(which, counts) * len(self._form_prefixes) + prefix) << 16 | paradigms
        pairs = find(self._pairs, keys.astype(np.uint32))
        return rows[np.repeat(who, counts)[pairs >= 0]], self._pair_sets[pairs[pairs >= 0]]

    def _after_joiner(self, words: Words, rows: Ints) -> tuple[Ints, Ints]:
        """The part after the last hyphen, hash of a hashtag, and the like."""
        joiners = np.flatnonzero(np.isin(words.codes, _JOINERS))
        if not joiners.size:
            return rows[:0], rows[:0]
        last = joiners[np.maximum(np.searchsorted(joiners, words.ends[rows]) - 1, 0)]
        inside = (last >= words.starts[rows]) & (last < words.ends[rows] - 1)
        return self._splits(words, rows[inside], last[inside] + 1, 0)

    def _after_prefix(self, words: Words, rows: Ints) -> tuple[Ints, Ints]:
        """The longest known prefix that leaves a known word wins."""
        found_words, found_sets = [rows[:0]], [rows[:0]]
        for length in range(self._longest_prefix, 0, -1):
            able = rows[words.lengths[rows] >= length + _MIN_STEM_AFTER_PREFIX]
            starts = words.starts[able]
            able = able[find(self._prefixes, short(words.hashes(starts, starts + length))) >= 0]
            hit, sets = self._splits(words, able, words.starts[able] + length, 0)
            found_words.append(hit)
            found_sets.append(sets)
            rows = rows[~np.isin(rows, hit)]
        return np.concatenate(found_words), np.concatenate(found_sets)

    def _by_suffix(self, words: Words, rows: Ints) -> tuple[Ints, Ints]:
        found_words, found_sets = [rows[:0]], [rows[:0]]
        for length in range(_LONGEST_GUESS, _SHORTEST_GUESS - 1, -1):
            able = rows[words.lengths[rows] > length]
            ends = words.ends[able]
            guesses = find(self._guesses, short(words.hashes(ends - length, ends)))
            hit, sets = able[guesses >= 0], self._guess_sets[guesses[guesses >= 0]]
            found_words.append(np.repeat(hit, sets.shape[1])[sets.ravel() >= 0])
            found_sets.append(sets.ravel()[sets.ravel() >= 0])
            rows = rows[~np.isin(rows, hit)]
        return np.concatenate(found_words), np.concatenate(found_sets)


def _whole(words: Words) -> NDArray[np.uint64]:
    return words.hashes(words.starts, words.ends)
