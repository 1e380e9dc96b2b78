"""Which lemmas a word may have, before context is asked: what the lexicon says, the word as it is, and what training data say of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipekit.chars import Ints, Words, from_strings, normalize, ranges
from pipekit.lexicon import Lexicon, pack, short, unpack

Edit = tuple[int, int, str]  # letters dropped in front, letters dropped at the end, letters appended
Tables = dict[str, NDArray[Any]]

MIN_YO = 5  # lemmas are spelled with е, but for those that are often spelled with ё
MIN_SCRIPT = 2  # a script that the lexicon lacks is kept where the training data need it so often


def fold(text: str) -> str:
    """Lower case, ё as е."""
    return text.lower().replace("ё", "е")


def edit(word: str, lemma: str) -> Edit:
    """The shortest edit of a word's end that gives the lemma."""
    same = next((i for i, (a, b) in enumerate(zip(word, lemma, strict=False)) if a != b), min(len(word), len(lemma)))
    return 0, len(word) - same, lemma[same:]


@dataclass(frozen=True)
class Candidates:
    """Ragged: word w has ``offsets[w]:offsets[w + 1]`` of `sources` (a tag of the lexicon, or another ground) and `scripts`."""

    offsets: Ints
    sources: Ints
    scripts: Ints

    def take(self, rows: Ints) -> Candidates:
        """The candidates of the chosen words, end to end."""
        sizes = np.diff(self.offsets)[rows]
        items = ranges(self.offsets[rows], sizes)
        return Candidates(np.concatenate([[0], np.cumsum(sizes)]), self.sources[items], self.scripts[items])


class Lemmas:
    """Candidates from a lexicon and from tables that `learn` made.

    Sources are numbered: the tags of the lexicon, then "the word itself", then each part of speech under which the training data have it.
    Scripts are those of the lexicon, then those of the tables.
    """

    def __init__(self, lexicon: Lexicon, tables: Mapping[str, NDArray[Any]], classes: int) -> None:
        self.lexicon = lexicon
        self.itself = lexicon.tags
        self.sources = lexicon.tags + 1 + classes
        own: list[Edit] = [(0, int(cut), tail) for cut, tail in zip(tables["script_cuts"], unpack(tables["script_tails"]), strict=False)]
        self.edits = [*lexicon.edits, *own]
        self.numbers = {e: i for i, e in reversed(list(enumerate(self.edits)))}
        self._hashes = tables["hashes"].astype(np.uint32)
        self._classes = tables["classes"].astype(np.int64)
        self._scripts = tables["scripts"].astype(np.int64)

    def __call__(self, words: Words) -> Candidates:
        """The candidates of normalised words, at least one for each."""
        found = self.lexicon.analyses(words)
        rows = np.arange(len(words), dtype=np.int64)
        first = np.searchsorted(self._hashes, keys := short(words.hashes(words.starts, words.ends)))
        counts = np.searchsorted(self._hashes, keys, side="right") - first
        learned = ranges(first, counts)
        owners = np.concatenate([np.repeat(rows, np.diff(found.offsets)), rows, np.repeat(rows, counts)])
        sources = np.concatenate([found.tags, np.full(len(words), self.itself), self.itself + 1 + self._classes[learned]])
        scripts = np.concatenate([found.scripts, np.zeros(len(words), np.int64), self._scripts[learned]])
        order = np.argsort(owners, kind="stable")
        offsets = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(words)))])
        return Candidates(offsets, sources[order], scripts[order])

    def spell(self, word: str, script: int) -> str:
        """The lemma of a normalised word."""
        front, back, tail = self.edits[script]
        return word[front : max(len(word) - back, 0)] + tail

    def script(self, word: str, lemma: str) -> int:
        """The script that makes this lemma of a normalised word, or -1."""
        number = self.numbers.get(edit(word, lemma.lower()))
        return self.numbers.get(edit(word, fold(lemma)), -1) if number is None else number


def learn(lexicon: Lexicon, examples: Iterable[tuple[str, int, str]]) -> Tables:
    """Tables from (normalised word, number of its part of speech, lemma): the scripts and the analyses that the lexicon lacks."""
    seen = Counter(examples)
    numbers = {e: i for i, e in reversed(list(enumerate(lexicon.edits)))}
    needed: Counter[Edit] = Counter()
    for (word, _, lemma), count in seen.items():
        needed[edit(word, lemma.lower() if "ё" in lemma.lower() else fold(lemma))] += count
    own = [e for e, n in needed.items() if e not in numbers and n >= (MIN_YO if "ё" in e[2] else MIN_SCRIPT)]
    numbers |= {e: len(lexicon.edits) + i for i, e in enumerate(own)}
    rows = set()
    analyses = _known(lexicon, sorted({word for word, _, _ in seen}))
    for word, part, lemma in seen:
        script = numbers.get(edit(word, lemma.lower()), numbers.get(edit(word, fold(lemma))))
        if script is not None and script not in analyses[word]:
            rows.add((word, part, script))
    table = sorted(rows)
    words = from_strings([word for word, _, _ in table])
    hashes = short(words.hashes(words.starts, words.ends))
    order = np.argsort(hashes, kind="stable")
    return {
        "script_cuts": np.array([back for _, back, _ in own], dtype=np.uint8),
        "script_tails": pack([tail for _, _, tail in own]),
        "hashes": hashes[order],
        "classes": np.array([part for _, part, _ in table], dtype=np.uint8)[order],
        "scripts": np.array([script for _, _, script in table], dtype=np.uint16)[order],
    }


def _known(lexicon: Lexicon, words: list[str]) -> dict[str, set[int]]:
    found = lexicon.analyses(normalize(from_strings(words)))
    return {word: set(found.scripts[found.offsets[i] : found.offsets[i + 1]].tolist()) | {0} for i, word in enumerate(words)}
