"""Make questions that a text does not answer, beside questions of the same shape that it does.

    python recipes/qa/pairs.py PIPELINE build/qa_pairs.json.gz build/qa_pairs-dev.json.gz

Writes SQuAD 2.0 JSON: the second file of the training parts of SberQuAD and TyDi QA and of made
passages, the third one of the development parts and of events and wordings that the second has not.
In each, "is_impossible" marks questions without an answer:

    exchange    the question of a passage with a name, a year or the verb of another: «Когда Орлов
                продал завод?» of a text in which he bought it; verbs by their opposites, if any
    deletion    the question of a passage without the sentence that answered it
    near        the question of another passage that shares the most rare words with this one
    events      a life or a thing with two to five dated events, of which others are asked for
    facts       short statements, as in a chat, and questions of others
    premises    the premises of Koziev/NLP_Datasets, a few together, with questions of others

The PIPELINE cuts sentences and finds names and verbs. Needs the extra `lexicon`. What is made is a
corpus's text: it belongs in build/, not in the project.
"""

from __future__ import annotations

import gzip
import json
import math
import random
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pymorphy3

import pipekit
from pipekit import Doc, Token
from pipekit.training.toml import data_folder
from pipekit.words.chars import fold

SEED = 1
TYDI_TRAIN = 600  # articles; the others are for development
LIVES, THINGS, FACTS, PREMISES = 900, 500, 500, 900  # passages
DEV_SHARE = 6  # so many times fewer of these for development
ROOT = Path(__file__).resolve().parents[2]
YEAR = re.compile(r"\b(?:1\d\d\d|20[012]\d)\b")
WORD = re.compile(r"\w+")
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


class Asked(NamedTuple):
    """A question and where its answer stands, or None where the text has none."""

    question: str
    place: tuple[int, int] | None


class Passage(NamedTuple):
    kind: str
    text: str
    asked: list[Asked]


# -- questions of people


def read(
    path: Path,
    begin: int = 0,
    end: int | None = None,
) -> list[Passage]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        articles = json.load(file)["data"][begin:end]
    passages = []
    for article in articles:
        for paragraph in article["paragraphs"]:
            asked = []
            for question in paragraph["qas"]:
                answer = question["answers"][0]
                start = answer["answer_start"]
                place = start, start + len(answer["text"])
                asked.append(Asked(question["question"], place))
            passages.append(Passage("people", paragraph["context"], asked))
    return passages


class Exchange:
    """Words of questions for others of their kind."""

    def __init__(
        self,
        docs: list[Doc],  # the questions
        opposites: dict[str, list[str]],
        morph: pymorphy3.MorphAnalyzer,
        chance: random.Random,
    ) -> None:
        self.morph = morph
        self.chance = chance
        self.opposites = opposites
        self.verbs: list[str] = []
        self.names: dict[str, list[str]] = defaultdict(list)
        for doc in docs:
            for token in doc:
                if token.pos == "VERB" and token.lemma and len(token.text) > 3:
                    self.verbs.append(token.lemma)
                elif token.pos == "PROPN":
                    self.names[_kind(token)].append(token.text)

    def question(
        self,
        doc: Doc,  # a question
        text: str,  # its passage
    ) -> str | None:
        """The question with one word exchanged, or None where nothing can be."""
        places = [token for token in doc if token.pos in ("VERB", "PROPN") or _is_year(token)]
        self.chance.shuffle(places)
        places.sort(key=lambda token: token.pos != "VERB" and self.chance.random() < 0.5)
        lowered = fold(text)
        for token in places:
            other = self._other(token, lowered)
            if other is not None:
                start, end = token.idx, token.idx + len(token.text)
                if token.text.islower():
                    other = other.lower()
                return doc.text[:start] + other + doc.text[end:]
        return None

    def _other(
        self,
        token: Token,
        text: str,  # folded
    ) -> str | None:
        if _is_year(token):
            year = int(token.text) + self.chance.choice([-31, -12, -3, 2, 7, 24])
            return None if str(year) in text else str(year)
        if token.pos == "PROPN":
            names = self.names[_kind(token)]
            for name in self.chance.sample(names, min(len(names), 8)):
                if fold(name)[:4] not in text:
                    return name
            return None
        return self._verb(token, text)

    def _verb(
        self,
        token: Token,
        text: str,
    ) -> str | None:
        lemmas = [*self.opposites.get(token.lemma or "", ())]
        self.chance.shuffle(lemmas)
        for parse in self.morph.parse(token.text)[:1]:
            if not parse.tag.POS or parse.tag.POS not in ("VERB", "PRTS", "PRTF"):
                continue
            lemmas += self.chance.sample(self.verbs, min(len(self.verbs), 12))
            for lemma in lemmas:
                form = self._form(lemma, parse)
                if form is not None and fold(form)[:5] not in text:
                    return form
        return None

    def _form(
        self,
        lemma: str,
        like: Any,
    ) -> str | None:
        """A verb in the form of another one, of the same aspect and transitivity."""
        for parse in self.morph.parse(lemma)[:1]:
            alike = parse.tag.aspect == like.tag.aspect
            if parse.tag.POS != "INFN" or not alike or parse.normal_form == like.normal_form:
                continue
            grammemes = {
                str(value)
                for value in (
                    like.tag.POS,
                    like.tag.tense,
                    like.tag.number,
                    like.tag.person,
                    like.tag.gender if like.tag.number == "sing" else None,
                    like.tag.voice,
                    like.tag.case,
                )
                if value
            }
            form = parse.inflect(grammemes)
            if form is not None:
                return str(form.word)
        return None


def _kind(token: Token) -> str:
    morph = token.morph or {}
    return f"{morph.get('Case')} {morph.get('Gender')} {morph.get('Animacy')}"


def _is_year(token: Token) -> bool:
    return YEAR.fullmatch(token.text) is not None


def reduced(
    passage: Passage,
    doc: Doc,
    chance: random.Random,
) -> Passage | None:
    """A passage without the sentence of one answer; its other questions are asked on."""
    order = list(range(len(passage.asked)))
    chance.shuffle(order)
    for number in order:
        start, end = passage.asked[number].place or (0, 0)
        sentences = list(doc.sents or ())
        inside = [s for s in sentences if s.start_char <= start < s.end_char]
        if len(sentences) < 2 or not inside or end > inside[0].end_char:
            continue
        cut = inside[0].start_char, inside[0].end_char
        text = passage.text[: cut[0]] + passage.text[cut[1] :].lstrip()
        shift = len(passage.text) - len(text)
        answer = fold(passage.text[start:end])
        if len(text) < 80 or answer in fold(text):
            continue
        asked = [Asked(passage.asked[number].question, None)]
        for other, question in enumerate(passage.asked):
            place = question.place or (0, 0)
            if other == number or (place[0] < cut[1] and place[1] > cut[0]):
                continue
            moved = (place[0] - shift, place[1] - shift) if place[0] >= cut[1] else place
            if passage.text[place[0] : place[1]] == text[moved[0] : moved[1]]:
                asked.append(Asked(question.question, moved))
        return Passage("deletion", text, asked)
    return None


def stems(text: str) -> set[str]:
    return {word[:5] for word in WORD.findall(fold(text)) if len(word) > 3}


def near(
    passages: list[Passage],
    limit: int,
    chance: random.Random,
) -> Iterator[Passage]:
    """Questions with the passages that share the most rare words with them, but for their own."""
    sets = [stems(passage.text) for passage in passages]
    counts = Counter(stem for words in sets for stem in words)
    where: dict[str, list[int]] = defaultdict(list)
    for number, words in enumerate(sets):
        for stem in words:
            where[stem].append(number)
    asked = [(n, question) for n, passage in enumerate(passages) for question in passage.asked]
    chance.shuffle(asked)
    for own, question in asked[:limit]:
        scores: Counter[int] = Counter()
        for stem in stems(question.question):
            for number in where.get(stem, ()):
                scores[number] += math.log(len(passages) / counts[stem])  # type: ignore[assignment]
        start, end = question.place or (0, 0)
        answer = fold(passages[own].text[start:end])
        for number, _ in scores.most_common(4):
            if number != own and answer not in fold(passages[number].text):
                yield Passage("near", passages[number].text, [Asked(question.question, None)])
                break


def of_people(
    nlp: pipekit.Pipeline,
    passages: list[Passage],
    opposites: dict[str, list[str]],
    morph: pymorphy3.MorphAnalyzer,
    chance: random.Random,
) -> Iterator[Passage]:
    docs = list(nlp.pipe([passage.text for passage in passages]))
    questions = [question.question for passage in passages for question in passage.asked]
    question_docs = list(nlp.pipe(questions))
    exchange = Exchange(question_docs, opposites, morph, chance)
    row = 0
    for passage, doc in zip(passages, docs, strict=True):
        exchanged = []
        for _ in passage.asked:
            if chance.random() < 0.6:
                other = exchange.question(question_docs[row], passage.text)
                exchanged += [Asked(other, None)] if other else []
            row += 1
        yield passage
        if exchanged:
            yield Passage("exchange", passage.text, exchanged)
        less = reduced(passage, doc, chance)
        if less is not None:
            yield less
    yield from near(passages, len(questions) // 3, chance)


# -- made passages


class Maker:
    """Passages of events and facts."""

    def __init__(
        self,
        data: dict[str, Any],
        morph: pymorphy3.MorphAnalyzer,
        held_out: bool,
        chance: random.Random,
    ) -> None:
        self.data = data
        self.morph = morph
        self.held_out = held_out
        self.chance = chance
        names = tomllib.loads((ROOT / "pipekit/words/data/ru.names.toml").read_text("utf-8"))
        self.first_names = names["men"].split()[:200], names["women"].split()[:200]
        self.last_names = [*names["last_names"].split()[:120], *data["names"]["surnames"].split()]
        self.cities = data["names"]["cities"].split()
        self.pets = data["names"]["pets"].split()

    def some(
        self,
        values: list[str],
    ) -> list[str]:
        """The part of a list that is for training, or the third that is for development."""
        some = [v for n, v in enumerate(values) if (n % 3 == 2) == self.held_out]
        return some or values

    def date(self) -> str:
        year = self.chance.randint(1801, 2023)
        month = self.chance.choice(MONTHS)
        day = self.chance.randint(1, 30)
        return self.chance.choice(
            [f"{day} {month} {year} года", f"в {year} году", f"в {year} году"]
        )

    def name(self) -> tuple[str, str, bool]:
        """A full name, its last part, and whether it is a woman's."""
        is_woman = self.chance.random() < 0.4
        first = self.chance.choice(self.first_names[is_woman]).capitalize()
        last = self.chance.choice(self.last_names).capitalize()
        if is_woman:
            last = self._womans(last)
        return f"{first} {last}", last, is_woman

    def _womans(self, last: str) -> str:
        for parse in self.morph.parse(last)[:2]:
            form = parse.inflect({"femn", "sing", "nomn"}) if "Surn" in parse.tag else None
            if form is not None:
                return str(form.word).capitalize()
        return last

    def genitive(self, name: str) -> str:
        for parse in self.morph.parse(name)[:3]:
            if "nomn" in parse.tag and ("Name" in parse.tag or "Surn" in parse.tag):
                form = parse.inflect({"gent"})
                if form is not None:
                    return str(form.word).capitalize()
        return name

    def past(
        self,
        verb: str,
        is_woman: bool,
    ) -> str:
        for parse in self.morph.parse(verb):
            if parse.tag.POS == "INFN":
                form = parse.inflect({"VERB", "past", "sing", "femn" if is_woman else "masc"})
                if form is not None:
                    return str(form.word)
        return verb

    def person_events(
        self,
        is_woman: bool,
    ) -> list[tuple[str, str]]:
        """What the text says and what is asked, for seven different events."""
        events = []
        for row in self.chance.sample(self.data["lives"], 4):
            text = self.chance.choice(row["text"].split("|")).split("/")
            ask = self.chance.choice(row["ask"].split("|")).split("/")
            if self.chance.random() < 0.5:
                ask = text
            events.append((text[is_woman % len(text)], ask[is_woman % len(ask)]))
        row = self.chance.choice(self.data["actions"])
        verbs = self.chance.sample(self.some(row["verbs"].split()), 2)
        thing, other = self.chance.sample(row["objects"].split("|"), 2)
        for verb, what in ((verbs[0], thing), (verbs[1], thing), (verbs[0], other)):
            clause = f"{self.past(verb, is_woman)} {what}"
            events.append((clause, clause))
        self.chance.shuffle(events)
        return events

    def life(self) -> Passage:
        full, last, is_woman = self.name()
        events = self.person_events(is_woman)
        size = self.chance.randint(1, 4)
        text, asked = "", []
        pronoun = "она" if is_woman else "он"
        for number, (says, asks) in enumerate(events):
            who = self.chance.choice([last, full, last])
            order = [f"{asks} {who}", f"{who} {asks}"]
            question = f"Когда {self.chance.choice(order)}?"
            if self.chance.random() < 0.15:
                question = f"В каком году {self.chance.choice(order)}?"
            if number >= size:
                if number < size + 3:
                    asked.append(Asked(question, None))
                continue
            date = self.date()
            subject = full if not number else self.chance.choice([last, pronoun, last])
            where = self.chance.random()
            place = ""
            if where < 0.3:
                city = self.chance.choice(self.cities)
                place = f" (город {city})"
            shape = self.chance.choice([0, 0, 1])
            before, after = (f"{subject} {says} ", place) if not shape else ("", "")
            start = len(text) + len(before)
            sentence = f"{before}{date}{after}. "
            if shape:
                sentence = f"{date[0].upper()}{date[1:]} {subject} {says}. "
            sentence = sentence[0].upper() + sentence[1:]
            text += sentence
            asked.append(Asked(question, (start, start + len(date))))
            if place and not shape:
                where_at = text.rindex(city)
                city_place = where_at, where_at + len(city)
                asked.append(Asked(f"Где {self.chance.choice(order)}?", city_place))
        other_last = self.chance.choice(self.last_names).capitalize()
        if other_last[:4] not in text:
            asked.append(Asked(f"Когда {events[0][1]} {other_last}?", None))
        return Passage("events", text.strip(), asked)

    def thing(self) -> Passage:
        row = self.chance.choice(self.data["things"])
        subjects = self.chance.sample(row["subjects"].split("|"), 2)
        verbs = self.chance.sample(row["verbs"].split(), 4)
        text, asked = "", []
        for number, verb in enumerate(verbs):
            subject = subjects[number % 2]
            words = [verb, subject.lower()]
            self.chance.shuffle(words)
            question = f"Когда {' '.join(words)}?"
            other = f"Когда {verb} {subjects[1 - number % 2].lower()}?"
            asked.append(Asked(other, None))
            if number == 3:
                asked.append(Asked(question, None))
                continue
            date = self.date()
            verb_words = self.chance.choice([f"был {verb}", verb]) if verb[-1] == "н" else verb
            sentence = f"{subject} {verb_words} {date}. "
            start = len(text) + sentence.index(date)
            text += sentence
            asked.append(Asked(question, (start, start + len(date))))
        return Passage("events", text.strip(), asked)

    def facts(self) -> Passage:
        part = self.data["facts"]["more" if self.held_out else "pairs"]
        lines = [line for line in part.strip().splitlines() if line]
        size = self.chance.randint(1, 5)
        size = min(size, len(lines) - 3)
        text, asked = "", []
        for number, line in enumerate(self.chance.sample(lines, size + 3)):
            says, _, asks = line.partition(" | ")
            values = self._values()
            question = self.chance.choice(asks.split("|")).format(**values)
            if number >= size:
                asked.append(Asked(question, None))
                continue
            says = says.format(**values)
            start, end = says.index("["), says.index("]") - 1
            sentence = says.replace("[", "").replace("]", "")
            place = len(text) + start, len(text) + end
            text += f"{sentence} "
            asked.append(Asked(question, place))
        return Passage("facts", text.strip(), asked)

    def _values(self) -> dict[str, str]:
        first = self.chance.choice(self.first_names[0]).capitalize()
        if self.chance.random() < 0.4:
            first = self.chance.choice(["дедушка", "брат", "сосед", "Петя", "мой друг", "папа"])
            of = {"дедушка": "дедушки", "брат": "брата", "сосед": "соседа", "Петя": "Пети"}
            of |= {"мой друг": "моего друга", "папа": "папы"}
            genitive = of[first]
        else:
            genitive = self.genitive(first)
        man = " ".join(self.name()[:1])
        return {
            "who": first,
            "of": genitive,
            "man": man,
            "city": self.chance.choice(self.cities),
            "pet": self.chance.choice(self.pets),
            "n": str(self.chance.randint(2, 400)),
            "hour": str(self.chance.randint(5, 23)),
        }


# -- premises


def premises(
    folder: Path,
    count: int,
    held_out: bool,
    chance: random.Random,
) -> Iterator[Passage]:
    """A few premises together, with questions of some and of others that share a word."""
    asked: dict[str, list[Asked]] = defaultdict(list)
    for path in sorted(folder.glob("koziev-*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for block in file.read().split("\n\n"):
                lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
                text, answer = lines.get("T", "").rstrip(".") + ".", lines.get("A", "")
                if not answer or "Q" not in lines or answer in ("да", "нет", "я", "ты"):
                    continue
                place = re.search(rf"\b{re.escape(answer.lower())}\b", text.lower())
                if place is not None:
                    asked[text].append(Asked(lines["Q"], place.span()))
    texts = sorted(asked)
    texts = [text for n, text in enumerate(texts) if (n % 10 == 0) == held_out]
    by_stem: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        for stem in stems(text):
            by_stem[stem].append(text)
    for _ in range(count):
        some = chance.sample(texts, chance.randint(1, 6))
        text, questions = "", []
        own = {question.question for premise in some for question in asked[premise]}
        for premise in some:
            question = chance.choice(asked[premise])
            start, end = question.place or (0, 0)
            place = start + len(text), end + len(text)
            if len(questions) < 3:
                questions.append(Asked(question.question, place))
            text += f"{premise} "
        for stem in chance.sample(sorted(stems(text)), min(3, len(stems(text)))):
            other = chance.choice(by_stem[stem])
            question = chance.choice(asked[other])
            if other not in some and question.question not in own:
                questions.append(Asked(question.question, None))
        yield Passage("premises", text.strip(), questions)


# -- files


def squad(passages: list[Passage]) -> dict[str, Any]:
    paragraphs = []
    for number, passage in enumerate(passages):
        asked = []
        for row, (question, place) in enumerate(passage.asked):
            answers = []
            if place is not None:
                answers.append({"text": passage.text[slice(*place)], "answer_start": place[0]})
            asked.append(
                {
                    "id": f"{passage.kind}-{number}-{row}",
                    "question": question,
                    "is_impossible": place is None,
                    "answers": answers,
                }
            )
        paragraphs.append({"context": passage.text, "qas": asked})
    return {"version": "2.0", "data": [{"title": "pairs", "paragraphs": paragraphs}]}


def main() -> None:
    pipeline, *targets = sys.argv[1:4]
    folder = Path(data_folder(Path(__file__).parent)) / "qa"
    data = tomllib.loads((Path(__file__).parent / "events.toml").read_text("utf-8"))
    opposites: dict[str, list[str]] = defaultdict(list)
    for pair in data["opposites"]["pairs"].split("|"):
        one, other = pair.split()
        opposites[one].append(other)
        opposites[other].append(one)
    morph = pymorphy3.MorphAnalyzer()
    nlp = pipekit.load(pipeline, device="cpu").select_pipes(enable=["tagger"])
    tydi = folder / "tydi-goldp-ru-dev.json.gz"
    people = (
        [*read(folder / "sberquad-part-train.json.gz"), *read(tydi, end=TYDI_TRAIN)],
        [*read(folder / "sberquad-part-dev.json.gz"), *read(tydi, begin=TYDI_TRAIN)],
    )
    for target, passages, held_out in zip(targets, people, (False, True), strict=True):
        chance = random.Random(SEED + held_out)
        share = DEV_SHARE if held_out else 1
        maker = Maker(data, morph, held_out, chance)
        made = [
            *of_people(nlp, passages, opposites, morph, chance),
            *(maker.life() for _ in range(LIVES // share)),
            *(maker.thing() for _ in range(THINGS // share)),
            *(maker.facts() for _ in range(FACTS // share)),
            *premises(folder, PREMISES // share, held_out, chance),
        ]
        with gzip.open(target, "wt", encoding="utf-8") as file:
            json.dump(squad(made), file, ensure_ascii=False)
        counts: Counter[tuple[str, bool]] = Counter()
        for passage in made:
            counts.update((passage.kind, question.place is None) for question in passage.asked)
        print(target)
        for kind in sorted({kind for kind, _ in counts}):
            print(f"  {kind:10} {counts[kind, False]} answered, {counts[kind, True]} not")


if __name__ == "__main__":
    main()
