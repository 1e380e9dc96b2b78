"""Which lemmas a word may have: candidates from a lexicon, from exceptions, or from the endings that training has seen.

A candidate is a script (letters dropped in front and at the end, letters appended) with a tag that tells where it comes from: an
analysis of the lexicon, the word as it stands, or an exception with its part of speech.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.words.arrays import Ints, ranges
from pipekit.words.chars import Words, fold, from_strings, normalize
from pipekit.words.lexicon import Analyses, Lexicon, pack_strings, short, unpack_strings

Script = tuple[int, int, str]
SAME: Script = (0, 0, "")
MIN_COUNT = 2  # a script that the lexicon lacks is learned where training needs it so often
MIN_YO = 5  # lemmas are spelled with е, but for those that training often spells with ё
_LONGEST_ENDING = 6
_LONGEST_CUT = 120


class LemmaCandidates(NamedTuple):
    """Ragged: word w has the candidates ``offsets[w]:offsets[w + 1]`` of `tags` and `scripts`; every word has one at least."""

    offsets: Ints
    tags: Ints
    scripts: Ints

    def take(self, rows: Ints) -> tuple[Ints, Ints, Ints]:
        """For each candidate of the chosen words: the place of its word in `rows`, its tag, its script."""
        sizes = self.offsets[rows + 1] - self.offsets[rows]
        chosen = ranges(self.offsets[rows], sizes)
        return np.repeat(np.arange(len(rows)), sizes), self.tags[chosen], self.scripts[chosen]


def script_of(form: str, lemma: str) -> Script:
    """The shortest edit of the end that makes the lemma of a folded form; both in lower case."""
    same = next(
        (i for i, (a, b) in enumerate(zip(form, lemma, strict=False)) if a != b),
        min(len(form), len(lemma)),
    )
    return 0, len(form) - same, lemma[same:]


class LemmaRules:
    """Makes candidates of normalised words, and lemmas of scripts.

    Tables: `rule_keys` uint32, sorted (a hash of a whole form or of an ending), with `rule_tags` and `rule_scripts`; `script_cuts`
    uint8[scripts, 2] and `script_tails` for the scripts that follow those of the lexicon.
    """

    def __init__(self, tables: Mapping[str, NDArray[Any]], lexicon: Lexicon | None) -> None:
        self.lexicon = lexicon
        self.scripts: list[Script] = [*known_scripts(lexicon), *_scripts(tables)]
        self.number = {script: i for i, script in enumerate(self.scripts)}
        self.same_tag = lexicon.tags if lexicon is not None else 0
        self._keys = np.asarray(tables.get("rule_keys", ()), dtype=np.uint32)
        self._tags = np.asarray(tables.get("rule_tags", ()), dtype=np.int64)
        self._scripts = np.asarray(tables.get("rule_scripts", ()), dtype=np.int64)
        self.tags = max(self.same_tag, int(self._tags.max()) if self._tags.size else 0) + 1

    def candidates(self, words: Words, analyses: Analyses | None) -> LemmaCandidates:
        """The candidates of normalised words; `analyses` are those of the lexicon, where there is one."""
        rows = np.arange(len(words), dtype=np.int64)
        same = (rows, np.full(len(rows), self.same_tag), np.full(len(rows), self.number[SAME]))
        found = [
            same,
            *(
                self._matches(keys, able)
                for keys, able in _keys_of(words, rows, self.lexicon is None)
            ),
        ]
        if analyses is not None:
            found.append(
                (np.repeat(rows, np.diff(analyses.offsets)), analyses.tags, analyses.scripts)
            )
        owner, tags, scripts = (np.concatenate(column) for column in zip(*found, strict=True))
        order = np.lexsort((scripts, owner))
        owner, tags, scripts = owner[order], tags[order], scripts[order]
        first = np.searchsorted(owner, rows)
        last = np.searchsorted(owner, rows, side="right") - 1
        kept = (scripts[first] != scripts[last])[
            owner
        ]  # where all agree on the script, one of them says it
        kept[first] = True
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(np.bincount(owner[kept], minlength=len(rows)), out=offsets[1:])
        return LemmaCandidates(offsets, tags[kept], scripts[kept])

    def _matches(self, keys: NDArray[np.uint32], rows: Ints) -> tuple[Ints, Ints, Ints]:
        first = np.searchsorted(self._keys, keys)
        sizes = np.searchsorted(self._keys, keys, side="right") - first
        chosen = ranges(first, sizes)
        return np.repeat(rows, sizes), self._tags[chosen], self._scripts[chosen]

    def script(self, form: str, lemma: str) -> int:
        """The script that makes this lemma of a form, spelled with ё if that was learned, or -1."""
        exact = self.number.get(script_of(fold(form), lemma.lower()))
        return self.number.get(script_of(fold(form), fold(lemma)), -1) if exact is None else exact

    def apply(self, word: str, script: int) -> str:
        """A normalised word as its lemma; one that nothing would be left of stays as it is."""
        front, back, tail = self.scripts[script]
        return word[front : max(len(word) - back, 0)] + tail or word


def known_scripts(lexicon: Lexicon | None) -> list[Script]:
    """The scripts of a lexicon, or the one that leaves a word as it is."""
    if lexicon is None:
        return [SAME]
    arrays = lexicon.arrays
    return [
        (int(f), int(b), tail)
        for (f, b), tail in zip(
            arrays["script_cuts"].tolist(), unpack_strings(arrays["script_tails"]), strict=True
        )
    ]


def _scripts(tables: Mapping[str, NDArray[Any]]) -> list[Script]:
    if "script_cuts" not in tables or not len(tables["script_cuts"]):
        return []
    return [
        (f, b, tail)
        for (f, b), tail in zip(
            tables["script_cuts"].tolist(), unpack_strings(tables["script_tails"]), strict=True
        )
    ]


def _keys_of(words: Words, rows: Ints, endings: bool) -> Iterable[tuple[NDArray[np.uint32], Ints]]:
    """Keys of the whole words, and of their endings, with the words that have one so long."""
    yield short(words.hashes(words.starts, words.ends)), rows
    for length in range(_LONGEST_ENDING + 1) if endings else ():
        able = rows[words.lengths >= length]
        yield short(~words.hashes(words.ends[able] - length, words.ends[able])), able


def learn_rules(
    triples: Counter[tuple[str, str, str]], lexicon: Lexicon | None, upos: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """The tables of `LemmaRules` from counted (folded form, UPOS, lemma in lower case).

    With a lexicon: an exception for each form whose lemma is not among its candidates. Without: besides these, each script under the
    ending that it replaces.
    """
    number = {script: i for i, script in enumerate(known_scripts(lexicon))}
    more = _new_scripts(triples, number)
    number |= {script: len(number) + i for i, script in enumerate(more)}
    same_tag = lexicon.tags if lexicon is not None else 0
    allowed = _allowed(sorted({form for form, _, _ in triples}), lexicon)
    exceptions: set[tuple[str, int, int]] = set()
    endings: set[tuple[str, int]] = set()
    for form, pos, lemma in triples:
        script = (
            script_of(form, lemma)
            if script_of(form, lemma) in number
            else script_of(form, fold(lemma))
        )
        if script == SAME or script not in number:
            continue
        if lexicon is None and script[1] <= _LONGEST_ENDING:
            endings.add((form[len(form) - script[1] :], number[script]))
        elif number[script] not in allowed[form]:
            exceptions.add(
                (form, 1 + same_tag + (upos.index(pos) if pos in upos else 0), number[script])
            )
    return _tables(sorted(exceptions), sorted(endings), more, same_tag)


def _new_scripts(
    triples: Counter[tuple[str, str, str]], known: Mapping[Script, int]
) -> list[Script]:
    counts: Counter[Script] = Counter()
    for (form, _, lemma), times in triples.items():
        for spelled in {lemma, fold(lemma)}:
            counts[script_of(form, spelled)] += times
    least = {script: MIN_YO if "ё" in script[2] else MIN_COUNT for script in counts}
    return sorted(
        s
        for s, times in counts.items()
        if s not in known and times >= least[s] and s[1] <= _LONGEST_CUT
    )


def _allowed(forms: list[str], lexicon: Lexicon | None) -> dict[str, set[int]]:
    if lexicon is None:
        return {form: set() for form in forms}
    found = lexicon.analyses(normalize(from_strings(forms)))
    borders = found.offsets.tolist()
    return {
        form: set(found.scripts[borders[i] : borders[i + 1]].tolist())
        for i, form in enumerate(forms)
    }


def _tables(
    exceptions: list[tuple[str, int, int]],
    endings: list[tuple[str, int]],
    more: list[Script],
    same_tag: int,
) -> dict[str, NDArray[Any]]:
    whole = normalize(from_strings([form for form, _, _ in exceptions]))
    parts = from_strings([ending for ending, _ in endings])
    keys = np.concatenate(
        [
            short(whole.hashes(whole.starts, whole.ends)),
            short(~parts.hashes(parts.starts, parts.ends)),
        ]
    )
    tags = np.array([tag for _, tag, _ in exceptions] + [same_tag] * len(endings), dtype=np.uint16)
    scripts = np.array(
        [script for _, _, script in exceptions] + [script for _, script in endings], dtype=np.uint16
    )
    order = np.argsort(keys, kind="stable")
    return {
        "rule_keys": keys[order],
        "rule_tags": tags[order],
        "rule_scripts": scripts[order],
        "script_cuts": np.array([script[:2] for script in more], dtype=np.uint8).reshape(-1, 2),
        "script_tails": pack_strings([script[2] for script in more]),
    }
