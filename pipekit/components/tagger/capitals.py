"""The capitals of lemmas: which words keep theirs, and what a name gets."""

from __future__ import annotations

COMMON, NAME, FOREIGN = range(3)  # kinds of words by how their lemmas are capitalised


def stays_as_written(word: str, kind: int) -> bool:
    """Whether a word that is its own lemma keeps its capitals.

    So do symbols, addresses, hashtags, foreign words, and names such as YouTube.
    """
    if kind == FOREIGN:
        return True
    if word[0] == "#" or "://" in word:
        return True
    if not any(map(str.isalnum, word)):
        return True
    if kind != NAME or word.isupper() or "-" in word:
        return False
    return any(map(str.isupper, word[1:]))


def capitalise(lemma: str, word: str) -> str:
    """The lemma of a proper name in the case of the word.

        capitalise("нато", "НАТО")                          # "НАТО"
        capitalise("москва", "Москве")                      # "Москва"
        capitalise("ростов-на-дону", "Ростове-на-Дону")     # "Ростов-на-Дону"

    It begins with a capital even where the word does not, unless the lemma is the word as written
    and has capitals elsewhere.
    """
    if lemma == word and not word.islower():
        return lemma
    letters = sum(map(str.isalpha, word))
    if word.isupper() and letters > 1:
        return lemma.upper()
    word_pieces = word.split("-")
    pieces = lemma.split("-")
    for i, piece in enumerate(pieces):
        has_capital = i < len(word_pieces) and word_pieces[i][:1].isupper()
        if i == 0 or has_capital:
            pieces[i] = piece[:1].upper() + piece[1:]
    return "-".join(pieces)
