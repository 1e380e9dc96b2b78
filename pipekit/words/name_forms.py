"""The normal form of a name: «Ивану Петрову» is «Иван Петров».

«Верховным судом России» is «Верховный суд России»: what agrees with the head of the name (its first
noun) goes to the nominative with it, in the head's gender and number. What depends on the head
stays as it is in the text:

    Верховным      судом     России
    agrees         head      depends
    Верховный      суд       России

The rules look at parts of speech, features and lemmas. There is no dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipekit.words.person_names import SUREST, PersonName, person_name

PERSON = ("PER", "PERSON")
_NOMINAL = ("NOUN", "PROPN")
_MODIFIER = ("ADJ", "DET", "VERB", "NUM")  # a verb here is a participle
_FEMININE = "Fem"
_NEUTER = "Neut"
_PLURAL = "Plur"
_VERBAL = ("ть", "сти", "чь")  # endings of infinitives
_SURNAMES = ("ов", "ев", "ёв", "ин", "ын")  # endings of surnames of men
_FEMININE_CASES = ("ой", "ою")  # endings of surnames of women
_OBLIQUE = re.compile("(?<=[бвгдзклмнпрстфхцчш])(?:а|у|ом|е)$")
_ADJECTIVES = ("ый", "ий", "ой")  # endings of adjectives
_ENDING = re.compile(  # of an adjective or a participle in any case
    "(?:ого|его|ому|ему|ыми?|ими?|ом|ем|ой|ей|ую|юю|ых|их|ые|ие|ая|яя|ое|ее)$"
)
_VOWELS = "аеёиоуыэюя"
_VELAR = ("г", "к", "х")
_HUSHING = ("ж", "ш", "щ", "ч")
_BEFORE_I = "гкхжшщч"  # и, never ы, follows these letters
_OPENING = '«"„“('
_YO = (("е", "ё"), ("Е", "Ё"))  # a letter of a lemma, and the same letter in a text


class NameWord(NamedTuple):
    """A token of a name, with the white space after it."""

    text: str
    space: str
    pos: str | None
    morph: Mapping[str, str]
    lemma: str


def normal_form(
    words: Sequence[NameWord],
    label: str | None = None,
) -> str | None:
    """The name in the nominative; None where that would be a guess.

    Args:
        words: the tokens of the name.
        label: the label of the entity: a person's name is read as `person_names` says.
    """
    if label in PERSON:
        name = _person(words)
        if name is not None:
            return _joined(words, name.words) if name.score >= SUREST else None
    place = _place_of_head(words)
    if place is None:
        return _joined(words, [_cased(word.lemma, word.text) for word in words])
    if any(word.text in _OPENING for word in words[:place]):
        return _joined(words, [word.text for word in words])
    head = words[place]
    forms = [_modifier(word, head) for word in words[:place]]
    forms.append(_nominal(head))
    case = head.morph.get("Case")
    agrees = label in PERSON or case != "Gen"
    for word in words[place + 1 :]:
        agrees = agrees and word.pos == "PROPN" and word.morph.get("Case") == case
        forms.append(_nominal(word) if agrees else word.text)
    return _joined(words, forms)


def _person(words: Sequence[NameWord]) -> PersonName | None:
    """The name of one person; None for several persons, and for words that are no such name."""
    if any(word.morph.get("Number") == _PLURAL for word in words):
        return None
    return person_name(
        [word.text for word in words],
        [word.morph.get("Case") for word in words],
        [word.morph.get("Gender") for word in words],
    )


def _place_of_head(words: Sequence[NameWord]) -> int | None:
    for place, word in enumerate(words):
        if word.pos in _NOMINAL:
            return place
    return None


def _joined(
    words: Sequence[NameWord],
    forms: Sequence[str],
) -> str:
    text = ""
    for word, form in zip(words, forms, strict=True):
        text += form + word.space
    return text.strip()


def _modifier(
    word: NameWord,
    head: NameWord,
) -> str:
    """A modifier before the head, in the head's gender and number."""
    if (
        word.pos not in _MODIFIER
        or _is_nominative(word)
        or word.morph.get("Case") is None
        or word.text.isupper()
    ):
        return word.text
    lemma = word.lemma
    if word.pos == "VERB":
        lemma = _ENDING.sub("ый", word.text.lower())
    feature = head.morph.get("Gender", "Masc")
    if head.morph.get("Number") == _PLURAL:
        feature = _PLURAL
    return _cased(adjective(lemma, feature), word.text)


def _nominal(word: NameWord) -> str:
    """The nominative of a noun or a proper noun."""
    if _is_nominative(word) or word.text.isupper() or word.morph.get("Foreign"):
        return word.text
    form = word.lemma
    if word.morph.get("Number") == _PLURAL and word.lemma[-1:] not in "ыи":
        form = plural(word.lemma)
    elif word.pos == "PROPN" and word.text.lower().endswith(_FEMININE_CASES):
        form = _feminine(word.lemma)
    elif _has_wrong_lemma(word):
        form = _bare(word.text.lower())
    return _cased(form, word.text)


def _feminine(lemma: str) -> str:
    """The surname of a woman from a man's: Петров, Павловский. Other lemmas stay as they are."""
    if lemma.endswith(_SURNAMES):
        return f"{lemma}а"
    return adjective(lemma, _FEMININE)


def _has_wrong_lemma(word: NameWord) -> bool:
    """Whether the lemma of a name is a verb, or a masculine name with the ending of its case."""
    if word.pos != "PROPN":
        return False
    if word.lemma.endswith(_VERBAL) and not word.text.endswith(_VERBAL):
        return True
    return (
        word.lemma == word.text
        and word.morph.get("Gender") == "Masc"
        and _bare(word.text) != word.text
    )


def _bare(text: str) -> str:
    """A masculine form without the ending of its case: Байдена, Байденом."""
    return _OBLIQUE.sub("", text)


def _is_nominative(word: NameWord) -> bool:
    return word.morph.get("Case") == "Nom"


def adjective(
    lemma: str,
    feature: str,
) -> str:
    """The nominative of an adjective from that of the masculine.

    Args:
        lemma: the adjective in the masculine; all else is returned unchanged.
        feature: a gender (Masc, Fem, Neut), or Plur.
    """
    stem = lemma[:-2]
    last = stem[-1:]
    ending = lemma[-2:]
    if ending not in _ADJECTIVES or feature == "Masc":
        return lemma
    is_soft = ending == "ий" and last not in _VELAR
    if feature == _FEMININE:
        if is_soft and last not in _HUSHING:
            return stem + "яя"
        return stem + "ая"
    if feature == _NEUTER:
        if is_soft:
            return stem + "ее"
        return stem + "ое"
    if is_soft or last in _BEFORE_I:
        return stem + "ие"
    return stem + "ые"


def plural(lemma: str) -> str:
    """The nominative plural of a regular noun."""
    stem = lemma[:-1]
    last = lemma[-1:]
    if lemma.endswith(("анин", "янин")):
        return lemma[:-2] + "е"
    if lemma.endswith("ец"):
        if lemma[-3:-2] in _VOWELS:
            return lemma[:-2] + "йцы"
        return lemma[:-2] + "цы"
    if lemma.endswith("ие"):
        return stem + "я"
    if last in "ьйя":
        return stem + "и"
    if last == "о":
        return stem + "а"
    if last == "е":
        return stem + "я"
    if last == "а":
        return stem + _plural_ending(stem)
    if not last.isalpha():
        return lemma
    return lemma + _plural_ending(lemma)


def _plural_ending(stem: str) -> str:
    if stem[-1:] in _BEFORE_I:
        return "и"
    return "ы"


def _cased(
    form: str,
    text: str,
) -> str:
    """The form with the capitals of the text, and with its ё: lemmas are written without ё."""
    if text.isupper() and len(text) > 1:
        return form.upper()
    letters = list(form)
    for place, pair in enumerate(zip(form, text, strict=False)):
        if pair in _YO:
            letters[place] = text[place]
    form = "".join(letters)
    if text[:1].isupper():
        return form[:1].upper() + form[1:]
    return form
