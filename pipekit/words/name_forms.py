"""The normal form of a name: «Ивану Петрову» is «Иван Петров», «Верховным судом России» is «Верховный суд России».

What agrees with the head of the name goes to the nominative with it, in the head's gender and number; what depends on it stays as it stands
in the text. Rules over parts of speech, features and lemmas; no dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

PERSON = ("PER", "PERSON")
_NOMINAL = ("NOUN", "PROPN")
_MODIFIER = ("ADJ", "DET", "VERB", "NUM")  # a verb here is a participle
_HUSHED = "гкхжшщч"  # и, never ы, follows them
_FEMININE, _NEUTER, _PLURAL = "Fem", "Neut", "Plur"
_VERBAL = ("ть", "сти", "чь")
_OBLIQUE = re.compile("(?<=[бвгдзклмнпрстфхцчш])(?:а|у|ом|е)$")
_ENDING = re.compile(
    "(?:ого|его|ому|ему|ыми?|ими?|ом|ем|ой|ей|ую|юю|ых|их|ые|ие|ая|яя|ое|ее)$"
)  # of an adjective or a participle
_OPENING = '«"„“('


class NameWord(NamedTuple):
    """A token of a name, with the white space after it."""

    text: str
    space: str
    pos: str | None
    morph: Mapping[str, str]
    lemma: str


def normal_form(words: Sequence[NameWord], label: str | None = None) -> str:
    """The name in the nominative; `label` is that of the entity: all parts of the name of a person are inflected."""
    head = next((i for i, word in enumerate(words) if word.pos in _NOMINAL), None)
    if head is None:
        return _joined(words, [_cased(word.lemma, word.text) for word in words])
    case = words[head].morph.get("Case")
    forms = [_before(word, words[head]) for word in words[:head]]
    forms.append(_nominal(words[head]))
    quoted = any(word.text in _OPENING for word in words[:head])
    follows = not quoted
    for word in words[head + 1 :]:
        follows &= (
            word.pos == "PROPN"
            and word.morph.get("Case") == case
            and (label in PERSON or case != "Gen")
        )
        forms.append(_nominal(word) if follows else word.text)
    return _joined(words, [word.text for word in words] if quoted else forms)


def _joined(words: Sequence[NameWord], forms: Sequence[str]) -> str:
    return "".join(form + word.space for form, word in zip(forms, words, strict=True)).strip()


def _before(word: NameWord, head: NameWord) -> str:
    """A modifier in the gender and number of the head."""
    if (
        word.pos not in _MODIFIER
        or _is_nominative(word)
        or word.morph.get("Case") is None
        or word.text.isupper()
    ):
        return word.text
    lemma = word.lemma if word.pos != "VERB" else _ENDING.sub("ый", word.text.lower())
    feature = _PLURAL if head.morph.get("Number") == _PLURAL else head.morph.get("Gender", "Masc")
    return _cased(adjective(lemma, feature), word.text)


def _nominal(word: NameWord) -> str:
    if _is_nominative(word) or word.text.isupper() or word.morph.get("Foreign"):
        return word.text
    if word.morph.get("Number") == _PLURAL and word.lemma[-1:] not in "ыи":
        return _cased(plural(word.lemma), word.text)
    if word.pos == "PROPN" and word.text.lower().endswith(("ой", "ою")):
        return _cased(_feminine(word.lemma), word.text)
    return _cased(_bare(word.text.lower()) if _misread(word) else word.lemma, word.text)


def _feminine(lemma: str) -> str:
    """The surname of a woman from that of a man, where that is what the lemma is: Петров, Павловский."""
    return (
        f"{lemma}а"
        if lemma.endswith(("ов", "ев", "ёв", "ин", "ын"))
        else adjective(lemma, _FEMININE)
    )


def _misread(word: NameWord) -> bool:
    """Whether the lemma of a name is that of a verb, or a form of a masculine name that has kept its ending."""
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


def adjective(lemma: str, feature: str) -> str:
    """The nominative of an adjective from that of the masculine; `feature` is a gender, or Plur."""
    stem, ending = lemma[:-2], lemma[-2:]
    if ending not in ("ый", "ий", "ой") or feature == "Masc":
        return lemma
    soft = ending == "ий" and stem[-1:] not in ("г", "к", "х")
    hushing = stem[-1:] in ("ж", "ш", "щ", "ч")
    if feature == _FEMININE:
        return stem + ("яя" if soft and not hushing else "ая")
    if feature == _NEUTER:
        return stem + ("ее" if soft else "ое")
    return stem + ("ие" if soft or stem[-1:] in _HUSHED else "ые")


def plural(lemma: str) -> str:
    """The nominative plural of a regular noun."""
    stem, last = lemma[:-1], lemma[-1:]
    if lemma.endswith(("анин", "янин")):
        return lemma[:-2] + "е"
    if lemma.endswith("ец"):
        return lemma[:-2] + ("йцы" if lemma[-3:-2] in "аеёиоуыэюя" else "цы")
    if lemma.endswith("ие"):
        return stem + "я"
    if last in "ьйя":
        return stem + "и"
    if last in "ое":
        return stem + ("а" if last == "о" else "я")
    if last == "а":
        return stem + ("и" if stem[-1:] in _HUSHED else "ы")
    return lemma + ("и" if last in _HUSHED else "ы") if last.isalpha() else lemma


def _cased(form: str, text: str) -> str:
    """The form with the capitals of the text, and with its ё: lemmas are written without."""
    if text.isupper() and len(text) > 1:
        return form.upper()
    shared = [
        b if (a, b) in (("е", "ё"), ("Е", "Ё")) else a for a, b in zip(form, text, strict=False)
    ]
    form = "".join(shared) + form[len(shared) :]
    return form[:1].upper() + form[1:] if text[:1].isupper() else form
