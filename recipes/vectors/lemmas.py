"""Words as lemmas: all forms of a lemma share a row of the table of vectors.

So 43 million words of an inflected language go far.

A form that may be of several lemmas is given to the likeliest. How likely a lemma is, its forms
tell: the count of a form is shared among its lemmas in proportion to their counts, again and again
(expectation maximisation).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.words.chars import from_strings
from pipekit.words.lexicon import ANALYSIS_KINDS, Lexicon

ROUNDS = 12
GUESSED = ANALYSIS_KINDS.index("suffix")


class Lemmas(NamedTuple):
    """The lemmas of a text.

    Their `names` by falling count, their `counts` int64[lemmas], and the lemma `of` each form,
    int64[forms].
    """

    names: list[str]
    counts: NDArray[np.int64]
    of: NDArray[np.int64]


def lemmatize(forms: Sequence[str], counts: NDArray[np.int64], lexicon: Lexicon | None) -> Lemmas:
    """The lemmas of distinct normalised forms, with counts; without a lexicon the forms."""
    owner, names = _candidates(forms, lexicon)
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    lemma = np.array([number[name] for name in names], dtype=np.int64)
    share = np.ones(len(lemma)) / np.bincount(owner)[owner]
    for _ in range(ROUNDS):
        total = np.bincount(lemma, weights=share * counts[owner], minlength=len(number))[lemma]
        share = total / np.bincount(owner, weights=total)[owner]
    order = np.lexsort((-share, owner))
    first = order[np.flatnonzero(np.diff(owner[order], prepend=-1))]
    found, of = np.unique(lemma[first], return_inverse=True)
    totals = np.bincount(of, weights=counts).astype(np.int64)
    by_count = np.argsort(-totals, kind="stable")
    place = np.empty_like(by_count)
    place[by_count] = np.arange(len(by_count))
    strings = list(number)
    return Lemmas([strings[i] for i in found[by_count].tolist()], totals[by_count], place[of])


def _candidates(
    forms: Sequence[str], lexicon: Lexicon | None
) -> tuple[NDArray[np.int64], list[str]]:
    """Pairs of form and lemma, each once, in order of form.

    A lemma that is guessed from an ending counts only if the text has it as a form.
    """
    if lexicon is None:
        return np.arange(len(forms)), list(forms)
    analyses = lexicon.analyses(from_strings(list(forms)))
    known, bounds, scripts = set(forms), analyses.offsets.tolist(), analyses.scripts.tolist()
    owner: list[int] = []
    names: list[str] = []
    for i, (form, kind) in enumerate(zip(forms, analyses.kinds.tolist(), strict=True)):
        found = dict.fromkeys(
            lexicon.lemma(form, script).replace("ё", "е")
            for script in scripts[bounds[i] : bounds[i + 1]]
        )
        lemmas = [name for name in found if name and (kind != GUESSED or name in known)] or [form]
        owner += [i] * len(lemmas)
        names += lemmas
    return np.array(owner, dtype=np.int64), names
