"""Lemmas of patronymics and last names: nominatives of their own gender.

The dictionary gives those of women the lemma of the man's name: «Петрович» for «Петровну». UD does
not.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipekit.components.tagger.tags import parse_features
from pipekit.parts.batch import Batch
from pipekit.words.arrays import Bools, Ints, pair_keys, split_pairs
from pipekit.words.lexicon import Lexicon
from pipekit.words.person_names import person_name

GRAMMEMES = ("Patr", "Surn")
_WITHOUT_YO = str.maketrans("ёЁ", "еЕ")


def name_rows(
    batch: Batch,
    lexicon: Lexicon,
    is_proper: Bools,  # bool[tokens]
) -> Ints:
    """The tokens that are proper nouns, and patronymics or last names in the dictionary."""
    may_be_name = batch.analyses(lexicon).any_has(lexicon, GRAMMEMES)  # bool[words]
    return np.flatnonzero(is_proper & may_be_name[batch.distinct.index])


def name_lemmas(
    batch: Batch,
    rows: Ints,  # int64[names], of tokens
    morph: NDArray[np.int32],  # int32[tokens], numbers of `features`
    features: Sequence[str],
) -> tuple[Ints, list[str]]:
    """Lemmas of names as codes int64[names] into a list; -1 where a name is no Russian one."""
    keys = pair_keys(batch.distinct.index[rows], morph[rows].astype(np.int64), len(features))
    distinct, inverse = np.unique(keys, return_inverse=True)
    words, numbers = split_pairs(distinct, len(features))
    codes = np.full(len(distinct), -1)
    labels: list[str] = []
    for place, (word, number) in enumerate(zip(words.tolist(), numbers.tolist(), strict=True)):
        lemma = name_lemma(batch.distinct.strings[word], features[number])
        if lemma is not None:
            codes[place] = len(labels)
            labels.append(lemma)
    return codes[inverse], labels


@lru_cache(maxsize=50_000)
def name_lemma(
    word: str,
    features: str,
) -> str | None:
    """The nominative of a name, with е for ё; None where it is no name of one person.

    name_lemma("Петровну", "Animacy=Anim|Case=Acc|Gender=Fem|Number=Sing")    # "Петровна"
    """
    values = parse_features(features)
    case = values.get("Case")
    gender = values.get("Gender")
    if case is None or gender is None:
        return None
    if values.get("Animacy") != "Anim" or values.get("Number") != "Sing":
        return None
    name = person_name([word], [case], [gender])
    if name is None or (name.case, name.gender) != (case, gender):
        return None
    return name.words[0].translate(_WITHOUT_YO)
