"""Make plain sentences that state one relation, as a brat archive, for training beside NEREL.

    python recipes/relations/plain.py build/relations_plain.zip build/relations_plain-dev.zip

The sentences come from the templates of plain.toml. Every sixth template makes sentences for the
second archive only, by which held-out wordings are measured. In a template stands

    {p:PERSON:gent}     a word or phrase of that kind, in that case of pymorphy3, or as it is
    {c:PLACE:loct^В}    the same, at the beginning of the sentence, here behind a preposition
    {e:EVENT=родился}   these words as an entity; {e?:…} in half of the sentences
    (жил|живёт)         one of several
    жил[|а], [q:|а]     the ending for the gender of p, or of q

and behind the bar the relations. First names of people are those of the package. Some documents
hold several sentences, or two that are joined by «а», so that there are people and places without a
relation. Needs the extra `lexicon`.
"""

from __future__ import annotations

import random
import re
import sys
import tomllib
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pymorphy3

SEED = 1
EACH = 20  # sentences of each template
HELD_OUT = 6  # every n-th template
ROOT = Path(__file__).resolve().parents[2]
SLOT = re.compile(r"\{(\w)(\??):(\w+)(?::(\w+))?(\^\w*)?(?:=([^}]*))?\}")
CHOICE = re.compile(r"\(([^()]*)\)")
BAR = re.compile(r"\|(?![^\[]*\])")
ENDING = re.compile(r"\[(?:(\w):)?([^|\]]*)\|([^\]]*)\]")
MONTHS = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
]


class Phrase(NamedTuple):
    """A text, its entities as (start, end, label), the first one its own, and its gender."""

    text: str
    entities: list[tuple[int, int, str]]
    gender: str = "masc"


class Sentence(NamedTuple):
    """A text, its entities as (start, end, label), and links as (head, label, tail) of these."""

    text: str
    entities: list[tuple[int, int, str]]
    links: list[tuple[int, str, int]]


class Words:
    """Phrases of every kind, in the cases of pymorphy3."""

    def __init__(
        self,
        lists: dict[str, str],
        chance: random.Random,
    ) -> None:
        self.morph = pymorphy3.MorphAnalyzer()
        self.chance = chance
        self.lists = {name: self._listed(text) for name, text in lists.items()}
        names = tomllib.loads((ROOT / "pipekit/words/data/ru.names.toml").read_text("utf-8"))
        self.first_names = {
            "masc": names["men"].split()[:250],
            "femn": names["women"].split()[:250],
        }
        self.surnames = [*self.lists["surnames"], *names["last_names"].split()[:150]]
        self.patronymics = self.lists["patronymics"]

    @staticmethod
    def _listed(text: str) -> list[str]:
        """Single words, then phrases behind bars."""
        single, *phrases = text.split("|")
        return [*single.split(), *phrases]

    # -- forms

    def name(
        self,
        word: str,
        mark: str,  # Name, Patr or Surn
        gender: str,
        case: str,
    ) -> str:
        """A part of a name in a case; as it is where the dictionary lacks it."""
        for parse in self.morph.parse(word):
            if mark in parse.tag and {"nomn", "sing"} <= parse.tag.grammemes:
                form = parse.inflect({gender, case, "sing"})
                if form is not None:
                    word = form.word
                    break
        return "-".join(part.capitalize() for part in word.split("-"))

    def inflected(
        self,
        phrase: str,
        case: str,
    ) -> tuple[str, str]:
        """A phrase in a case, by its first noun and the adjectives before it, and its gender."""
        words = phrase.split()
        head, gender, animacy = self._head(words)
        forms = []
        for number, word in enumerate(words):
            form = word
            if number <= head:
                form = self._form(word, number == head, gender, animacy, case)
            forms.append(form)
        return " ".join(forms), gender

    def _head(self, words: list[str]) -> tuple[int, str, str]:
        for number, word in enumerate(words):
            for parse in self.morph.parse(word):
                if "NOUN" in parse.tag and "nomn" in parse.tag:
                    gender = str(parse.tag.gender or "masc")
                    return number, gender, str(parse.tag.animacy or "inan")
        return -1, "masc", "inan"

    def _form(
        self,
        word: str,
        is_head: bool,
        gender: str,
        animacy: str,
        case: str,
    ) -> str:
        wanted = {case, "sing"}
        if not is_head:
            wanted.add(gender)
            if case == "accs" and gender == "masc":
                wanted.add(animacy)
        for parse in self.morph.parse(word):
            right = "NOUN" in parse.tag if is_head else "ADJF" in parse.tag
            if right and {"nomn", "sing"} <= parse.tag.grammemes:
                form = parse.inflect(wanted)
                if form is not None:
                    return _cased(form.word, word)
        return word

    def agreeing(
        self,
        word: str,
        gender: str,
    ) -> str:
        """A verb of the past or a short participle in a gender; other words as they are."""
        for parse in self.morph.parse(word)[:1]:
            is_past = "past" in parse.tag and "VERB" in parse.tag
            if (is_past or "PRTS" in parse.tag) and "sing" in parse.tag:
                form = parse.inflect({gender, "sing"})
                if form is not None:
                    return _cased(form.word, word)
        return word

    # -- kinds

    def phrase(
        self,
        kind: str,
        case: str,
    ) -> Phrase:
        makers: dict[str, Callable[[str], Phrase]] = {
            "PERSON": lambda case: self.person(self.chance.choice(["masc", "femn"]), case),
            "MAN": lambda case: self.person("masc", case),
            "WOMAN": lambda case: self.person("femn", case),
            "ORG": self.organization,
            "SCHOOL": self.school,
            "BRAND": lambda case: plain(self.chance.choice(self.lists["brands"]), "ORGANIZATION"),
            "BOOK": lambda case: self.titled("books", "titles", "WORK_OF_ART", case),
            "FILM": lambda case: self.titled("films", "titles", "WORK_OF_ART", case),
            "AWARD": self.award,
            "PLACE": self.place,
        }
        if kind in makers:
            return makers[kind](case)
        if kind in NUMERIC:
            text, label = NUMERIC[kind](self.chance, case)
            return plain(text, label)
        name, label = LISTED[kind]
        return self.listed(name, label, case)

    def listed(
        self,
        name: str,
        label: str,
        case: str,
    ) -> Phrase:
        text, gender = self.inflected(self.chance.choice(self.lists[name]), case)
        return plain(text, label, gender)

    def person(
        self,
        gender: str,
        case: str,
    ) -> Phrase:
        first_name = self.chance.choice(self.first_names[gender])
        first = self.name(first_name, "Name", gender, case)
        middle = self.name(self.chance.choice(self.patronymics), "Patr", gender, case)
        last = self.name(self.chance.choice(self.surnames), "Surn", gender, case)
        shapes = {
            f"{first} {last}": 50,
            last: 14,
            first: 14,
            f"{first} {middle} {last}": 8,
            f"{last} {first} {middle}": 4,
            f"{first} {middle}": 4,
            f"{first[0]}. {middle[0]}. {last}": 3,
            f"{last} {first[0]}. {middle[0]}.": 1,
            f"{first[0]}. {last}": 2,
        }
        text = self.chance.choices(list(shapes), list(shapes.values()))[0]
        return plain(text, "PERSON", gender)

    def place(self, case: str) -> Phrase:
        kinds = [
            ("cities", "CITY"),
            ("cities", "CITY"),
            ("countries", "COUNTRY"),
            ("regions", "STATE_OR_PROVINCE"),
        ]
        return self.listed(*self.chance.choice(kinds), case)

    def organization(self, case: str) -> Phrase:
        kind = self.chance.random()
        if kind < 0.3:
            return self.listed("companies", "ORGANIZATION", case)
        if kind < 0.4:
            syllables = self.chance.choices(self.lists["latin"], k=self.chance.choice([2, 3]))
            name = "".join(syllables).capitalize()
            if self.chance.random() < 0.5:
                return plain(name, "ORGANIZATION")
            head, gender = self.inflected(self.chance.choice(self.lists["heads"]), case)
            return _behind(f"{head} ", name, "ORGANIZATION", gender)
        heads = self.chance.choice(["heads", "heads_masculine"])
        return self.titled(heads, "brands", "ORGANIZATION", case)

    def titled(
        self,
        heads: str,
        names: str,
        label: str,
        case: str,
    ) -> Phrase:
        """«завод «Маяк»»: the entity is the name without quotation marks."""
        head, gender = self.inflected(self.chance.choice(self.lists[heads]), case)
        name = self.chance.choice(self.lists[names])
        left, right = "«»" if self.chance.random() < 0.85 else '""'
        bare = self.chance.random() < 0.15
        return _behind("" if bare else f"{head} ", name, label, gender, left, right)

    def school(self, case: str) -> Phrase:
        kind = self.chance.random()
        if kind < 0.4:
            return self.listed("schools", "ORGANIZATION", case)
        if kind < 0.55:
            return self.listed("school_names", "ORGANIZATION", case)
        city = self.chance.choice(self.lists["school_cities"])
        kind_words = self.chance.choice(self.lists["school_kinds"])
        text, gender = self.inflected(f"{city} {kind_words}", case)
        nested = (0, len(text.split()[0]), "CITY")
        return Phrase(text, [(0, len(text), "ORGANIZATION"), nested], gender)

    def award(self, case: str) -> Phrase:
        if self.chance.random() < 0.4:
            head, gender = self.inflected("премия", case)
            name = self.chance.choice(self.lists["award_names"])
            return _behind(f"{head} ", name, "AWARD", gender, "«", "»")
        return self.listed("awards", "AWARD", case)


def plain(
    text: str,
    label: str,
    gender: str = "masc",
) -> Phrase:
    return Phrase(text, [(0, len(text), label)], gender)


def _behind(
    head: str,
    name: str,
    label: str,
    gender: str,
    left: str = "",
    right: str = "",
) -> Phrase:
    start = len(head) + len(left)
    text = f"{head}{left}{name}{right}"
    return Phrase(text, [(start, start + len(name), label)], gender)


def _cased(
    form: str,
    word: str,
) -> str:
    if word.isupper() and len(word) > 1:
        return word
    return form[0].upper() + form[1:] if word[0].isupper() else form


# -- numbers


def _year(chance: random.Random) -> str:
    return str(chance.randint(1750, 2024))


def _date(
    chance: random.Random,
    case: str,
) -> tuple[str, str]:
    day = f"{chance.randint(1, 31)} {chance.choice(MONTHS)}"
    full = f"{day} {_year(chance)} {chance.choice(['года', 'года', 'г.'])}"
    return chance.choice([full, full, full, day]), "DATE"


def _in_year(
    chance: random.Random,
    case: str,
) -> tuple[str, str]:
    return f"в {_year(chance)} {chance.choice(['году', 'году', 'г.'])}", "DATE"


def _plural(
    number: int,
    forms: tuple[str, str, str],
) -> str:
    if number % 10 == 1 and number % 100 != 11:
        return forms[0]
    if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14):
        return forms[1]
    return forms[2]


def _age(
    chance: random.Random,
    case: str,
) -> tuple[str, str]:
    number = chance.randint(2, 99)
    years = "лет" if case == "gent" else _plural(number, ("год", "года", "лет"))
    return f"{number} {years}", "AGE"


def _years_old(
    chance: random.Random,
    case: str,
) -> tuple[str, str]:
    return f"{chance.randint(2, 99)}-летн{chance.choice(['ий', 'яя'])}", "AGE"


def _money(
    chance: random.Random,
    case: str,
) -> tuple[str, str]:
    number = chance.randint(2, 900)
    size = chance.choice(["тысяч", "миллионов", "млн", "тыс.", "000"])
    currency = chance.choice(["рублей", "рублей", "долларов", "евро", "гривен"])
    return f"{number} {size} {currency}", "MONEY"


def _penalty(
    chance: random.Random,
    case: str,
) -> tuple[str, str]:
    number = chance.choice(["пяти", "трём", "двум", "семи", "десяти", "8", "12"])
    years = f"{number} годам {chance.choice(['колонии', 'тюрьмы', 'лишения свободы'])}"
    fine = {"datv": "штрафу", "accs": "штраф"}[case]
    if case == "accs":
        years = f"{chance.randint(5, 15)} лет {chance.choice(['колонии', 'тюрьмы'])}"
    return chance.choice([years, years, fine]), "PENALTY"


NUMERIC = {
    "DATE": _date,
    "INYEAR": _in_year,
    "AGE": _age,
    "YEAROLD": _years_old,
    "MONEY": _money,
    "PENALTY": _penalty,
}
LISTED = {
    "CITY": ("cities", "CITY"),
    "COUNTRY": ("countries", "COUNTRY"),
    "JOB": ("jobs", "PROFESSION"),
    "BOSS": ("bosses", "PROFESSION"),
    "CHIEF": ("chiefs", "PROFESSION"),
    "MAYOR": ("mayors", "PROFESSION"),
    "TEAM": ("teams", "ORGANIZATION"),
    "UNION": ("unions", "ORGANIZATION"),
    "PRODUCT": ("products", "PRODUCT"),
    "FACILITY": ("facilities", "FACILITY"),
    "DISEASE": ("diseases", "DISEASE"),
    "CRIME": ("crimes", "CRIME"),
    "RELIGION": ("religions", "RELIGION"),
    "BELIEVER": ("believers", "RELIGION"),
    "FOLLOWER": ("followers", "IDEOLOGY"),
    "LANGUAGE": ("languages", "LANGUAGE"),
    "FEST": ("festivals", "EVENT"),
}


NAMES = {"PERSON", "ORGANIZATION", "CITY", "COUNTRY", "STATE_OR_PROVINCE"}


# -- sentences


def _choose(
    template: str,
    chance: random.Random,
) -> str:
    while CHOICE.search(template):
        template = CHOICE.sub(lambda match: chance.choice(BAR.split(match[1])), template)
    return template


def made(
    template: str,
    words: Words,
) -> Sentence:
    """A sentence of a template."""
    chance = words.chance
    pattern, wanted = template.rsplit("|", 1)
    pattern = _choose(pattern.strip(), chance)
    slots = list(SLOT.finditer(pattern))
    phrases = {slot[1]: words.phrase(slot[3], slot[4] or "nomn") for slot in slots if not slot[6]}
    genders = {name: phrase.gender for name, phrase in phrases.items()}
    first = slots[0]
    subject = genders.get(first[1]) if first[5] and first[4] is None else None

    def ended(text: str) -> str:
        text = ENDING.sub(lambda m: m[2 + (genders.get(m[1] or "p") == "femn")], text)
        if subject:
            text = re.sub(r"\w+", lambda m: words.agreeing(m[0], subject), text)
        return text

    text, entities, numbers, position = "", [], {}, 0
    for slot in slots:
        text += ended(pattern[position : slot.start()])
        position = slot.end()
        is_entity = not slot[2] or chance.random() < 0.5
        phrase = phrases.get(slot[1]) or plain(ended(slot[6]), slot[3])
        if slot[5] and len(slot[5]) > 1:
            text += f"{slot[5][1:]} "
        text = _preposition(text, phrase.text)
        if is_entity:
            numbers[slot[1]] = len(entities)
            for start, end, label in phrase.entities:
                entities.append((start + len(text), end + len(text), label))
        text += phrase.text
    text += ended(pattern[position:])
    if "j" in numbers and "o" in numbers and chance.random() < 0.6:
        _widen(entities, numbers["j"], numbers["o"])
    links = []
    for link in filter(None, map(str.strip, wanted.split(";"))):
        head, label, tail = link.split()
        if head in numbers and tail in numbers:
            links.append((numbers[head], label, numbers[tail]))
    if text.endswith(".."):
        text = text[:-1]
    return Sentence(text[0].upper() + text[1:], entities, links)


def _preposition(
    text: str,
    following: str,
) -> str:
    """«во Франции», «со Степаном»."""
    if re.search(r"\b[вВ] $", text) and re.match("[ВФ][бвгджзклмнпрстфхцчшщ]", following):
        return text[:-1] + "о "
    if re.search(r"\bс $", text) and re.match("[СЗШ][бвгджзклмнпрстфхцчшщ]", following):
        return text[:-1] + "о "
    return text


def _widen(
    entities: list[tuple[int, int, str]],
    job: int,
    employer: int,
) -> None:
    """«директор завода «Маяк»» is a profession with the name in it, as in NEREL."""
    start, end, label = entities[job]
    if 0 < entities[employer][0] - end < 14:
        entities[job] = start, entities[employer][1], label


def _continued(sentence: Sentence) -> Sentence:
    """A sentence that goes on behind a comma: in lower case but for names."""
    is_name = any(not start and label in NAMES for start, _, label in sentence.entities)
    text = sentence.text
    return sentence if is_name else sentence._replace(text=text[0].lower() + text[1:])


def joined(
    left: Sentence,
    right: Sentence,
    between: str,
) -> Sentence:
    shift = len(left.text) + len(between)
    size = len(left.entities)
    moved = [(start + shift, end + shift, label) for start, end, label in right.entities]
    links = [(head + size, label, tail + size) for head, label, tail in right.links]
    text = left.text + between + right.text
    return Sentence(text, [*left.entities, *moved], [*left.links, *links])


def documents(
    templates: list[str],
    words: Words,
) -> list[Sentence]:
    """Documents of one to four sentences."""
    chance = words.chance
    sentences = [made(template, words) for template in templates for _ in range(EACH)]
    chance.shuffle(sentences)
    docs = []
    while sentences:
        doc = sentences.pop()
        for _ in range(chance.choice([0, 0, 1, 2, 3])):
            if not sentences:
                break
            between = " "
            if chance.random() < 0.3 and doc.text.endswith(".") and sentences[-1].entities:
                doc = doc._replace(text=doc.text[:-1])
                between = ", а "
                sentences[-1] = _continued(sentences[-1])
            doc = joined(doc, sentences.pop(), between)
        docs.append(doc)
    return docs


def write(
    path: str,
    docs: list[Sentence],
) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, doc in enumerate(docs):
            lines = [
                f"T{i}\t{label} {start} {end}\t{doc.text[start:end]}"
                for i, (start, end, label) in enumerate(doc.entities)
            ]
            lines += [
                f"R{i}\t{label} Arg1:T{head} Arg2:T{tail}"
                for i, (head, label, tail) in enumerate(doc.links)
            ]
            archive.writestr(f"plain/{number:05}.txt", doc.text)
            archive.writestr(f"plain/{number:05}.ann", "\n".join(lines))
    links = sum(len(doc.links) for doc in docs)
    print(f"{path}: {len(docs)} documents, {links} relations")


def main() -> None:
    data: dict[str, Any] = tomllib.loads((Path(__file__).parent / "plain.toml").read_text("utf-8"))
    chance = random.Random(SEED)
    words = Words(data["words"], chance)
    templates = [line for part in data["templates"].values() for line in part.splitlines() if line]
    for path, is_dev in zip(sys.argv[1:3], (False, True), strict=True):
        some = [
            line
            for line in templates
            if (zlib.crc32(line.encode("utf-8")) % HELD_OUT == 0) == is_dev
        ]
        write(path, documents(some, words))


if __name__ == "__main__":
    main()
