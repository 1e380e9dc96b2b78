"""The capitals of lemmas: which words keep theirs, and what a name gets."""

from __future__ import annotations

import numpy as np

from pipekit.parts.batch import Batch
from pipekit.words.arrays import Bools

COMMON, NAME, FOREIGN = range(3)  # kinds of words by how their lemmas are capitalised


def stays_as_written(
    word: str,
    kind: int,
) -> bool:
    """Whether a word that is its own lemma keeps its capitals.

    So do symbols, addresses, hashtags, foreign words, and names such as YouTube.
    """
    if kind == FOREIGN:
        return True
    if word[0] == "#" or "://" in word:
        return True
    is_symbol = not any(map(str.isalnum, word))
    if is_symbol:
        return True
    if kind != NAME:
        return False
    if word.isupper() or "-" in word:
        return False
    rest = word[1:]
    return any(map(str.isupper, rest))


def capitalise(
    lemma: str,
    word: str,
) -> str:
    """The lemma of a proper name in the case of the word.

        capitalise("нато", "НАТО")                          # "НАТО"
        capitalise("москва", "Москве")                      # "Москва"
        capitalise("ростов-на-дону", "Ростове-на-Дону")     # "Ростов-на-Дону"

    It begins with a capital. Only a lemma that is spelled like the word already, capitals and all,
    stays as it is, and so does a letter.
    """
    if lemma == word and (len(word) == 1 or not word.islower()):
        return lemma
    letters = sum(map(str.isalpha, word))
    if word.isupper() and letters > 1:
        return lemma.upper()
    word_pieces = word.split("-")
    pieces = []
    for i, piece in enumerate(lemma.split("-")):
        model = word_pieces[i] if i < len(word_pieces) else ""
        if i == 0 or model[:1].isupper():
            first = piece[:1].upper()
            piece = first + piece[1:]
        pieces.append(piece)
    return "-".join(pieces)


def are_marks(
    batch: Batch,
    is_letter: Bools,  # bool[words]
) -> Bools:
    """Letters that number things, «б) срок», «7 б класс»; bool[tokens].

    A bracket follows them, or a number stands before them.
    """
    distinct = batch.distinct
    words = distinct.index
    is_bracket = np.array([string == ")" for string in distinct.strings], dtype=bool)
    is_number = np.array([string.isdecimal() for string in distinct.strings], dtype=bool)
    inner = np.ones(len(words), dtype=bool)  # tokens with another of their document before them
    inner[batch.offsets[:-1][np.diff(batch.offsets) > 0]] = False
    neighbours = np.zeros(len(words), dtype=bool)
    neighbours[:-1] = is_bracket[words[1:]] & inner[1:]
    neighbours[1:] |= is_number[words[:-1]] & inner[1:]
    marks: Bools = is_letter[words] & neighbours
    return marks
