"""Compile pymorphy3's dictionary (OpenCorpora, CC BY-SA 3.0) into the arrays of pipekit.lexicon.

    python recipes/lexicon/compile.py lexicon.pipekit

Needs pymorphy3 and its Russian dictionary; takes about two minutes.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipekit.components.tagger.lemmas import script_of
from pipekit.storage import store
from pipekit.words.chars import fold, from_strings
from pipekit.words.lexicon import pack_strings, short

# Style, spelling variants and what no treebank marks: tags that differ in these only are one tag.
DROPPED = frozenset(
    """Infr Slng Arch Litr Erro Dist Hypo Fimp Prdx Impe Impx Inmx Vpre Subx Qual Af-p Adjx Sgtm
    Mult Refl incl excl Init Anph V-be V-en V-ie V-bi V-ey V-oy V-ej V-sh Cmp2 Coll
    Coun ms-f Ms-f""".split()  # noqa: SIM905
)
# A new word is none of these.
CLOSED = frozenset(
    "NPRO PREP CONJ PRCL INTJ NUMR PRED Apro Anum Name Patr Abbr Fixd Orgn".split()  # noqa: SIM905
)
LONGEST_ENDING = 12
GUESS_LENGTHS = range(2, 6)
GUESS_SETS = 3
GUESS_MIN_COUNT = 40  # forms that share the suffix
GUESS_MIN_SHARE = 0.08  # of them that share the analysis
FORM_PREFIXES = ["", "по", "наи"]

Form = tuple[str, str, int]  # prefix, ending, tag
Analysis = tuple[int, int]  # tag, script


def commonprefix(words: list[str]) -> str:
    """The common start of all words."""
    low = min(words)
    high = max(words)  # of all words, low and high differ soonest
    for i, letter in enumerate(low):
        if letter != high[i : i + 1]:
            return low[:i]
    return low


class Tables:
    """Numbers for tags, scripts, endings and paradigms, given as they are met."""

    def __init__(self) -> None:
        self.tags: dict[frozenset[str], int] = {}
        self.scripts: dict[tuple[int, int, str], int] = {(0, 0, ""): 0}
        self.endings: dict[str, int] = {}
        self.paradigms: dict[tuple[Form, ...], int] = {}
        self.sets: dict[tuple[Analysis, ...], int] = {}

    def tag(self, grammemes: frozenset[str]) -> int:
        return self.tags.setdefault(grammemes - DROPPED, len(self.tags))

    def script(self, edit: tuple[int, int, str]) -> int:
        return self.scripts.setdefault(edit, len(self.scripts))


def folded_paradigms(dictionary: Any, tables: Tables) -> list[tuple[int, str]]:
    """For each paradigm of the source: its number when folded, and the start of all its endings."""
    answer = []
    for number in range(len(dictionary.paradigms)):
        info = dictionary.build_paradigm_info(number)
        endings = [fold(suffix) for _, _, suffix in info]
        shared = commonprefix(endings)
        forms = tuple(
            (prefix, ending[len(shared) :], tables.tag(frozenset(tag.grammemes)))
            for (prefix, tag, _), ending in zip(info, endings, strict=True)
        )
        answer.append((tables.paradigms.setdefault(forms, len(tables.paradigms)), shared))
    return answer


def stems(dictionary: Any, paradigms: list[tuple[int, str]]) -> Iterator[tuple[str, int]]:
    """(stem, folded paradigm) of each lexeme, from its first form."""
    suffixes = [
        dictionary.build_paradigm_info(number)[0] for number in range(len(dictionary.paradigms))
    ]
    for word, (number, form) in dictionary.words.iteritems():
        if form == 0:
            prefix, _, suffix = suffixes[number]
            paradigm, shared = paradigms[number]
            yield fold(word[len(prefix) : len(word) - len(suffix)]) + shared, paradigm


def pairs(tables: Tables) -> dict[tuple[int, int, int], int]:
    """(ending, prefix, paradigm) -> set of analyses."""
    found: dict[tuple[int, int, int], set[Analysis]] = defaultdict(set)
    for forms, paradigm in tables.paradigms.items():
        base_prefix, base_ending, _ = forms[0]
        for prefix, ending, tag in forms:
            if len(ending) > LONGEST_ENDING:
                continue
            if prefix == base_prefix:
                edit = script_of(ending, base_ending)
            else:
                edit = (len(prefix), *script_of(ending, base_ending)[1:])
            key = (
                tables.endings.setdefault(ending, len(tables.endings)),
                FORM_PREFIXES.index(prefix),
                paradigm,
            )
            found[key].add((tag, tables.script(edit)))
    return {
        key: tables.sets.setdefault(tuple(sorted(value)), len(tables.sets))
        for key, value in found.items()
    }


def guesses(
    lexemes: list[tuple[str, int]], tables: Tables, sets: dict[tuple[int, int, int], int]
) -> tuple[Any, Any]:
    """Hashes of the suffixes that tell something, and the sets most frequent with each."""
    closed = {number for grammemes, number in tables.tags.items() if grammemes & CLOSED}
    open_sets = {
        number
        for value, number in tables.sets.items()
        if not any(tag in closed for tag, _ in value)
    }
    names = list(tables.endings)
    by_paradigm: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for (which, prefix, number_of_paradigm), number in sets.items():
        if prefix == 0 and number in open_sets:
            by_paradigm[number_of_paradigm].append((names[which], number))
    tails: dict[int, Counter[str]] = defaultdict(Counter)
    for stem, paradigm in lexemes:
        if len(stem) > 1:
            tails[paradigm][stem[-GUESS_LENGTHS[-1] :]] += 1
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for paradigm, stem_tails in tails.items():
        for tail, count in stem_tails.items():
            for ending, number in by_paradigm[paradigm]:
                word = tail + ending
                for length in GUESS_LENGTHS:
                    if len(word) >= length:
                        counts[word[-length:]][number] += count
    return choose(counts)


def choose(counts: dict[str, Counter[int]]) -> tuple[list[str], list[list[int]]]:
    """Frequent suffixes with other analyses than a shorter one, with their sets of analyses."""
    kept: dict[str, list[int]] = {}
    for suffix in sorted(counts, key=len):
        total = counts[suffix].total()
        best = [
            s for s, n in counts[suffix].most_common(GUESS_SETS) if n >= GUESS_MIN_SHARE * total
        ]
        shorter = next(
            (kept[suffix[i:]] for i in range(1, len(suffix)) if suffix[i:] in kept), None
        )
        if total >= GUESS_MIN_COUNT and best and shorter != best:
            kept[suffix] = best
    return list(kept), [best + [-1] * (GUESS_SETS - len(best)) for best in kept.values()]


def hashes(strings: list[str]) -> NDArray[np.uint32]:
    words = from_strings(strings)
    return short(words.hashes(words.starts, words.ends))


def compile_arrays() -> dict[str, NDArray[Any]]:
    import pymorphy3

    morph = pymorphy3.MorphAnalyzer()
    tables = Tables()
    paradigms = folded_paradigms(morph.dictionary, tables)
    lexemes = sorted(set(stems(morph.dictionary, paradigms)))
    sets = pairs(tables)
    suffixes, suffix_sets = guesses(lexemes, tables, sets)
    return {
        **stem_arrays(lexemes),
        **pair_arrays(tables, sets),
        **set_arrays(tables),
        **guess_arrays(suffixes, suffix_sets),
        "prefixes": pack_strings(sorted(known_prefixes(morph))),
    }


def known_prefixes(morph: Any) -> set[str]:
    from pymorphy3.lang.ru.config import KNOWN_PREFIXES

    return {fold(p).rstrip("-") for p in KNOWN_PREFIXES}


def stem_arrays(lexemes: list[tuple[str, int]]) -> dict[str, NDArray[Any]]:
    keys = hashes([stem for stem, _ in lexemes])
    numbers = np.array([paradigm for _, paradigm in lexemes])
    order = np.lexsort((numbers, keys))
    return {"stem_hashes": keys[order], "stem_paradigms": numbers[order].astype(np.uint16)}


def pair_arrays(tables: Tables, sets: dict[tuple[int, int, int], int]) -> dict[str, NDArray[Any]]:
    endings = hashes(list(tables.endings))
    order = np.argsort(endings)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    assert len(np.unique(endings)) == len(endings) and len(tables.paradigms) < 1 << 16
    rows = np.array(
        [
            (place[ending], prefix, paradigm, number)
            for (ending, prefix, paradigm), number in sets.items()
        ]
    )
    keys = (rows[:, 0] * len(FORM_PREFIXES) + rows[:, 1]) << 16 | rows[:, 2]
    assert keys.max() < 1 << 32
    order_pairs = np.argsort(keys)
    return {
        "ending_hashes": endings[order],
        "pair_keys": keys[order_pairs].astype(np.uint32),
        "pair_sets": rows[order_pairs, 3].astype(np.uint16),
        "form_prefixes": pack_strings(FORM_PREFIXES[1:]),
        "longest_ending": np.array([LONGEST_ENDING], dtype=np.uint8),
    }


def set_arrays(tables: Tables) -> dict[str, NDArray[Any]]:
    grammemes = sorted(frozenset().union(*tables.tags))
    bits = np.array([[g in tag for g in grammemes] for tag in tables.tags], dtype=np.uint8)
    analyses = [analysis for value in tables.sets for analysis in value]
    assert len(tables.sets) < 1 << 16
    return {
        "grammemes": pack_strings(grammemes),
        "tag_grammemes": bits,
        "set_sizes": np.array([len(value) for value in tables.sets], dtype=np.uint8),
        "set_tags": np.array([tag for tag, _ in analyses], dtype=np.uint16),
        "set_scripts": np.array([script for _, script in analyses], dtype=np.uint16),
        "script_cuts": np.array(
            [(front, back) for front, back, _ in tables.scripts], dtype=np.uint8
        ),
        "script_tails": pack_strings([tail for _, _, tail in tables.scripts]),
    }


def guess_arrays(suffixes: list[str], suffix_sets: list[list[int]]) -> dict[str, NDArray[Any]]:
    keys = hashes(suffixes)
    order = np.argsort(keys)
    return {"guess_hashes": keys[order], "guess_sets": np.array(suffix_sets, dtype=np.int32)[order]}


if __name__ == "__main__":
    arrays = compile_arrays()
    store.save(sys.argv[1], {}, arrays)
    size = 0
    for name, array in arrays.items():
        size += array.nbytes
        print(f"{name:16} {array.dtype!s:8} {array.shape!s:14} {array.nbytes / 1e6:.2f} MB")
    print(f"{size / 1e6:.2f} MB")
