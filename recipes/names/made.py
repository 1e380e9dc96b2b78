"""Sentences that corpora of news lack, with names of people, places, organisations, and amounts.

    python recipes/names/made.py --data "$PIPEKIT_DATA" --out build

Writes build/names.jsonl.gz (PER, LOC, ORG) and build/figures.jsonl.gz (the types of NEREL for
money, dates, times and shares):

    forms, chats, addresses     templates of made.toml, filled with made-up people and lists
    news                        Collection5, people exchanged for others of their gender and case
    capitals                    lines of Collection5 in capitals
    nothing                     sentences of UD Taiga and English EWT without proper nouns

What is made is partly text of the corpora: it belongs in build/, not in the project. The result is
the same for the same data. Needs pymorphy3 and pyarrow.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import people
import pymorphy3

from pipekit.corpora.readers.conllu import read_conllu
from pipekit.words.person_names import MAN, WOMAN, person_name

SEED = 1
COUNTS = {"people": 7000, "places": 4000, "organisations": 3000, "plain": 500, "figures": 1500}
FIGURES = 4000
NOTHING = {"ru_taiga-train": 2500, "ru_taiga-extra": 1000, "en_ewt-train": 700}
CAPITALS = 2500
LOWERED = 0.07
RAISED = 0.07
EXCHANGED = 0.6  # of the people in the news
LABELS = {"PER": "PER", "LOC": "LOC", "ORG": "ORG", "GEOPOLIT": "LOC", "MEDIA": "ORG"}
CASES = {"Nom": "nomn", "Gen": "gent", "Dat": "datv", "Acc": "accs", "Ins": "ablt", "Loc": "loct"}
SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
LATIN = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        "a b v g d e e zh z i y k l m n o p r s t u f kh ts ch sh shch  y  e yu ya".split(" "),  # noqa: SIM905
        strict=True,
    )
)
TABLES = tomllib.loads((Path(__file__).parent / "made.toml").read_text(encoding="utf-8"))
morphology = pymorphy3.MorphAnalyzer()


class Piece(NamedTuple):
    """A text, and the label of it; "" for none."""

    text: str
    label: str = ""


class Marked(NamedTuple):
    """A text with the characters that its entities take."""

    text: str
    entities: list[dict[str, Any]]

    def record(self) -> dict[str, Any]:
        return {"text": self.text, "entities": self.entities}


Pieces = list[Piece]


def of(name: str) -> str:
    """One entry of a list in made.toml."""
    return random.choice(entries(name))


@cache
def entries(name: str) -> list[str]:
    listed = TABLES[name]
    if isinstance(listed, list):
        return list(listed)
    return re.split(r"[|\n]", listed.strip()) if "|" in listed else listed.split()


@cache
def inflected(
    word: str,
    case: str,
    gender: str = "",
) -> str:
    """A noun in a case, or an adjective in a case and gender; as it is written otherwise."""
    grammemes = {CASES[case]} | ({gender} if gender else set())
    for parse in morphology.parse(word):
        if "nomn" in parse.tag and "plur" not in parse.tag:
            form = parse.inflect(grammemes)
            if form is not None:
                return cased(form.word, word)
    return word


def cased(
    form: str,
    word: str,
) -> str:
    return form.capitalize() if word[0].isupper() else form


# -- people


def person(case: str, order: str) -> Pieces:
    return [Piece(people.person().written(order, case), "PERSON")]


def last_names_of_families(case: str) -> Pieces:
    while True:
        last = people.person(MAN).last
        if re.search("(?:[оеё]в|[иы]н)$", last):
            endings = {"Nom": "ы", "Gen": "ых", "Dat": "ым", "Acc": "ых", "Ins": "ыми", "Loc": "ых"}
            return [Piece(last + endings[case], "PERSON")]


def colloquial(case: str) -> Pieces:
    """A patronymic alone: Петровна, Палыч."""
    somebody = people.person()
    middle = re.sub("[оеё]вич$", "ыч", somebody.middle) if random.random() < 0.7 else ""
    spoken = somebody._replace(middle=middle or somebody.middle)
    return [Piece(spoken.written("{p}", case), "PERSON")]


def turkic(case: str) -> Pieces:
    gender = random.choice([MAN, WOMAN])
    somebody = people.person(gender)
    father = people.person(MAN).first
    of_father = "оглы" if gender == MAN else "кызы"
    return [Piece(f"{somebody.written('{l} {f}', case)} {father} {of_father}", "PERSON")]


def spelled_in_latin(name: str) -> str:
    letters = "".join(LATIN.get(letter, letter) for letter in name.lower())
    return letters.title()


def latin_first() -> str:
    if random.random() < 0.5:
        return of("latin_first")
    return spelled_in_latin(people.person().first)


def latin(case: str) -> Pieces:
    if random.random() < 0.6:
        name = f"{of('latin_first')} {of('latin_last')}"
    else:
        name = spelled_in_latin(people.person().written("{f} {l}", "Nom"))
    return [Piece(name, "PERSON")]


# -- places


def city(case: str) -> Pieces:
    return [Piece(inflected(of("cities"), case), "CITY")]


def region(case: str) -> Pieces:
    adjective = inflected(of("regions"), case, "femn")
    word = "обл." if random.random() < 0.5 else inflected("область", case)
    return [Piece(f"{adjective} {word}", "STATE_OR_PROVINCE")]


def district(case: str) -> Pieces:
    word = "р-н" if random.random() < 0.3 else inflected("район", case)
    return [Piece(f"{inflected(of('districts'), case)} {word}", "DISTRICT")]


def village(case: str) -> Pieces:
    full, short = random.choice(TABLES["villages"])
    word = random.choice([full, *short.split("|")])
    return [Piece(f"{word} {of('village_names')}", "VILLAGE")]


def street(case: str) -> Pieces:
    """A street with its kind: «улице Гоголя», «пер. Садовый», «Ленинский проспект»."""
    kind, gender, short = random.choice(TABLES["kinds"])
    word = random.choice([inflected(kind, case), inflected(kind, case), *short.split("|")])
    gap = "" if word.endswith(".") and random.random() < 0.25 else " "
    if random.random() < 0.4:
        adjective = inflected(of("streets"), case, gender)
        name = f"{adjective} {word}" if random.random() < 0.4 else f"{word}{gap}{adjective}"
    elif random.random() < 0.5:
        name = f"{word}{gap}{of('of_streets')}"
    else:
        order = random.choice(["{l}"] * 4 + ["{f} {l}", "{i}. {l}"])
        after = people.person().written(order, "Gen")
        name = f"{word}{gap}{after}"
    return [Piece(name, "STREET")]


def house() -> str:
    number = str(random.randint(1, 140)) + random.choice(["", "", "", "а", " б", "/2", "к1"])
    text = random.choice([number, f"д. {number}", f"д.{number}", f"дом {number}"])
    if random.random() < 0.4:
        flat = random.randint(1, 300)
        text += random.choice([f", кв. {flat}", f", кв.{flat}", f"-{flat}", f", офис {flat}"])
    return text


def address(case: str) -> Pieces:
    pieces: Pieces = []
    if random.random() < 0.2:
        pieces += [Piece(str(random.randint(101000, 690000))), Piece(", ")]
    if random.random() < 0.4:
        pieces += [*region("Nom"), Piece(", ")]
    if random.random() < 0.3:
        pieces += [*district("Nom"), Piece(", ")]
    if random.random() < 0.4:
        pieces += [*village("Nom"), Piece(", ")]
    elif random.random() < 0.8:
        before = random.choice(["", "г. ", "г.", "город "])
        pieces += [Piece(before), *city("Nom"), Piece(", ")]
    return [*pieces, *street("Nom"), Piece(f", {house()}")]


def metro(case: str) -> Pieces:
    return [Piece(inflected(of("streets"), "Nom", "femn"), "STREET")]


# -- organisations


def bare_name() -> str:
    """What stands between the quotation marks of a company."""
    stem = of("stems")
    return random.choice(
        [
            of("things"),
            of("things"),
            of("pairs"),
            of("pairs"),
            f"{stem}{of('stems').lower()}",
            f"{of('things')}-{stem}",
            f"{of('things')} и {random.choice(['К', 'партнёры', 'сыновья'])}",
            f"{people.person(MAN).last} и партнёры",
            f"{of('latin_last')} {of('products')}",
        ]
    )


def organisation(case: str) -> Pieces:
    """A company with its legal form."""
    if random.random() < 0.15:
        form = of("school_forms")
        inner = f"{inflected(of('regions'), 'Nom')} {of('schools')}"
    else:
        form, inner = of("forms"), bare_name()
    quotes = random.choice(["«»", "«»", "«»", '""', '""', "“”", "„“"])
    left, right = quotes[0], quotes[1]
    if random.random() < 0.1 and " " not in inner:
        left = right = ""
    if left == "«" and random.random() < 0.06:
        inner = f"{of('forms')} «{inner}»"
    return [Piece(f"{form} {left}{inner}{right}", "ORGANIZATION")]


def quoted(case: str) -> Pieces:
    return [Piece(bare_name(), "ORGANIZATION")]


def one_word(case: str) -> Pieces:
    return [Piece(of("things"), "ORGANIZATION")]


def brand(case: str) -> Pieces:
    name = of("brands").replace("_", " ")
    is_inflected = re.fullmatch("[А-ЯЁ][а-яё]+", name) and case
    return [Piece(inflected(name, case) if is_inflected else name, "ORGANIZATION")]


# -- figures


def plain_number() -> str:
    figure = random.choice([random.randint(2, 99), random.randint(100, 99_000)])
    return random.choice([str(figure), f"{figure:,}".replace(",", " "), str(figure)])


def amount() -> str:
    fraction = f"{random.randint(1, 40)},{random.randint(1, 9)}"
    cents = f"{random.randint(1, 9)}.{random.randint(100, 999)}.{random.randint(100, 999)},00"
    return random.choices([plain_number(), fraction, cents], [8, 2, 1])[0]


def money(case: str) -> Pieces:
    gap = random.choice([" ", " ", " ", ""])
    unit = of("units")
    texts = [f"{amount()}{gap}{unit}"] * 5
    texts.append(f"{random.choice('$€₽')}{plain_number()}")
    texts.append(f"{of('numbers')} тысяч рублей")
    texts.append(f"{amount()}{gap}{random.choice(['млн.', 'млрд', 'тыс.', 'млн'])} {'рублей'}")
    return [Piece(random.choice(texts), "MONEY")]


def money_range(case: str) -> Pieces:
    low, high = plain_number(), plain_number()
    unit = of("units")
    return [Piece(random.choice([f"от {low} до {high} {unit}", f"{low}–{high} {unit}"]), "MONEY")]


def percent(case: str) -> Pieces:
    share = random.choice(
        [str(random.randint(1, 99)), f"{random.randint(1, 30)},{random.randint(1, 9)}"]
    )
    return [Piece(share + random.choice(["%", " %", "%", " процентов"]), "PERCENT")]


def clock() -> str:
    hour = random.randint(0, 23)
    return random.choice([f"{hour}:{random.randint(10, 59)}", f"{hour}:00", f"{hour}.30"])


def time_of_day(case: str) -> Pieces:
    hour = random.randint(1, 12)
    texts = [f"в {clock()}", f"в {clock()}", f"в {hour} часов", f"в {hour} утра", f"к {clock()}"]
    return [Piece(random.choice(texts), "TIME")]


def hours(case: str) -> Pieces:
    first, last = random.randint(6, 12), random.randint(13, 23)
    texts = [f"с {first} до {last}", f"с {first}:00 до {last}:00", f"с {first} до {last} часов"]
    return [Piece(random.choice(texts), "TIME")]


def day() -> str:
    date, month = random.randint(1, 30), random.randint(1, 12)
    year = random.randint(1950, 2026)
    return random.choice(
        [
            f"{date:02}.{month:02}.{year}",
            f"{date:02}.{month:02}.{year} г.",
            f"{date} {entries('months')[month - 1]} {year} г.",
            f"{date} {entries('months')[month - 1]} {year} года",
            f"{date} {entries('months')[month - 1]}",
            f"«{date}» {entries('months')[month - 1]} {year} г.",
        ]
    )


def date(case: str) -> Pieces:
    return [Piece(random.choice([day(), day(), of("days"), "завтра", "сегодня"]), "DATE")]


def full_date(case: str) -> Pieces:
    return [Piece(day(), "DATE")]


def dates(case: str) -> Pieces:
    first, last, month = random.randint(1, 14), random.randint(15, 30), of("months")
    texts = [f"с {first} по {last} {month}", f"{first}–{last} {month}", f"до {last} {month}"]
    return [Piece(random.choice(texts), "DATE")]


def quarter(case: str) -> Pieces:
    number = random.choice(["I", "II", "III", "IV", "1", "2", "3", "4", "первый", "второй"])
    word = random.choice(["квартал", "квартал", "кв."])
    tail = random.choice(["г.", "года", "г"])
    return [Piece(f"за {number} {word} {random.randint(1999, 2026)} {tail}", "DATE")]


def later(case: str) -> Pieces:
    count = random.choice([*entries("numbers"), str(random.randint(2, 30))])
    unit = random.choice(["дней", "недель", "месяцев", "лет", "дня", "года", "месяца"])
    return [Piece(random.choice([f"через {count} {unit}", "через неделю", "через год"]), "DATE")]


def century(case: str) -> Pieces:
    number = of("centuries")
    texts = [f"в {number} веке", f"в {number} в.", f"в {random.randint(800, 2020)} г."]
    return [Piece(random.choice(texts), "DATE")]


def phone(case: str) -> Pieces:
    return [Piece("".join(random.choices("0123456789", k=random.choice([7, 10, 11]))))]


ORDERS: dict[str, Callable[[], str]] = {
    "per": people.order,
    "full": lambda: random.choice(people.ORDERS["full"]),
    "init": lambda: random.choice(people.ORDERS["initials"]),
    "first": lambda: "{f}",
    "two": lambda: "{f} {p}",
    "last": lambda: "{l}",
}
SLOTS: dict[str, Callable[[str], Pieces]] = {
    "patr": colloquial,
    "lastpl": last_names_of_families,
    "turk": turkic,
    "latin": latin,
    "latin1": lambda case: [Piece(latin_first(), "PERSON")],
    "city": city,
    "region": region,
    "district": district,
    "village": village,
    "street": street,
    "address": address,
    "metro": metro,
    "org": organisation,
    "quoted": quoted,
    "quoted1": one_word,
    "brand": brand,
    "prof": lambda case: [Piece(inflected(of("professions"), case))],
    "product": lambda case: [Piece(of("products"))],
    "IP": lambda case: [Piece(random.choice(["ИП ", "ИП ", "Индивидуальный предприниматель "]))],
    "n": lambda case: [Piece(str(random.randint(2, 90)))],
    "d": full_date,
    "phone": phone,
    "money": money,
    "range": money_range,
    "percent": percent,
    "time": time_of_day,
    "hours": hours,
    "date": date,
    "date1": full_date,
    "dates": dates,
    "quarter": quarter,
    "later": later,
    "century": century,
}
ENTS = {
    "PERSON": "PER",
    "ORGANIZATION": "ORG",
    **dict.fromkeys(["CITY", "STATE_OR_PROVINCE", "DISTRICT", "STREET", "VILLAGE"], "LOC"),
}
FINE = {label: label for label in ("MONEY", "PERCENT", "DATE", "TIME")}


# -- sentences


def filled(
    template: str,
    labels: dict[str, str],
) -> Marked:
    """A template with its slots filled; of the entities those with one of the labels."""
    text = ""
    entities: list[dict[str, Any]] = []
    end = 0
    for slot in SLOT.finditer(template):
        text += template[end : slot.start()]
        name, case = slot[1], slot[2] or "Nom"
        if name in ORDERS:
            pieces = person(case, ORDERS[name]())
        else:
            pieces = SLOTS[name](case)
        for piece in pieces:
            written = piece.text
            if not text and written:
                written = written[0].upper() + written[1:]
            if piece.label in labels:
                places = {"start": len(text), "end": len(text) + len(written)}
                entities.append({**places, "label": labels[piece.label]})
            text += written
        end = slot.end()
    text += template[end:]
    if text[0].islower() and random.random() < 0.6 and not template[0].islower():
        text = text[0].upper() + text[1:]
    if text.endswith(".") and (text.endswith("..") or random.random() < 0.15):
        text = text[:-1]
    for entity in entities:
        entity["end"] = min(entity["end"], len(text))
    return Marked(text, entities)


def in_other_letters(marked: Marked) -> Marked:
    """The same, now and then in small or capital letters."""
    chance = random.random()
    if chance < LOWERED:
        return Marked(marked.text.lower(), marked.entities)
    if chance < LOWERED + RAISED:
        return Marked(marked.text.upper(), marked.entities)
    return marked


def from_templates(
    kind: str,
    count: int,
    labels: dict[str, str],
) -> Iterator[Marked]:
    for _ in range(count):
        yield in_other_letters(filled(of(kind), labels))


# -- corpora


def news(path: Path) -> list[Marked]:
    """The documents of Collection5."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    documents = []
    for row in rows:
        entities = [
            {"start": entity["start"], "end": entity["end"], "label": LABELS[entity["label"]]}
            for entity in row["entities"]
            if entity["label"] in LABELS
        ]
        documents.append(Marked(row["text"], sorted(entities, key=lambda entity: entity["start"])))
    return documents


def exchanged(document: Marked) -> Marked:
    """The document with other people."""
    text = ""
    end = 0
    entities = []
    for entity in document.entities:
        name = document.text[entity["start"] : entity["end"]]
        text += document.text[end : entity["start"]]
        if entity["label"] == "PER" and random.random() < EXCHANGED:
            name = somebody_else(name) or name
        entities.append(
            {"start": len(text), "end": len(text) + len(name), "label": entity["label"]}
        )
        text += name
        end = entity["end"]
    return Marked(text + document.text[end:], entities)


def somebody_else(name: str) -> str | None:
    """Another name in its gender and case; None where these are not sure."""
    words = name.split()
    known = person_name(words, [None] * len(words), [None] * len(words))
    if known is None or known.score < 0.6:
        return None
    somebody = people.person(known.gender)
    kinds = ["single"] if len(words) == 1 else ["full", "short", "short", "initials"]
    order = random.choice(people.ORDERS[random.choice(kinds)])
    return somebody.written(order, known.case)


def lines_in_capitals(document: Marked) -> Iterator[Marked]:
    """The short lines of a document, in capitals."""
    for match in re.finditer(r"[^\r\n]+", document.text):
        start, end = match.span()
        if not 15 <= end - start <= 160:
            continue
        entities = [
            {**entity, "start": entity["start"] - start, "end": entity["end"] - start}
            for entity in document.entities
            if start <= entity["start"] and entity["end"] <= end
        ]
        upper = match[0].upper()
        if len(upper) == len(match[0]):
            yield Marked(upper, entities)


def without_names(path: Path) -> Iterator[Marked]:
    """Sentences of a treebank that have no proper noun; some in capitals."""
    for doc in read_conllu(path):
        for sentence in doc.sents or ():
            tokens = list(sentence)
            if len(tokens) > 25 or any(token.pos == "PROPN" for token in tokens):
                continue
            text = sentence.text.strip()
            upper = text.upper()
            is_raised = random.random() < 0.2 and len(upper) == len(text)
            yield Marked(upper if is_raised else text, [])


def sample(
    rows: Iterator[Marked],
    count: int,
) -> list[Marked]:
    everything = list(rows)
    return random.sample(everything, min(count, len(everything)))


def write(
    rows: list[Marked],
    path: Path,
) -> None:
    random.shuffle(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
        for row in rows:
            packed.write(json.dumps(row.record(), ensure_ascii=False).encode() + b"\n")
    print(f"{path}: {len(rows)} texts, {sum(len(row.entities) for row in rows)} entities")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("build"))
    options = parser.parse_args()
    random.seed(SEED)
    names = [row for kind, count in COUNTS.items() for row in from_templates(kind, count, ENTS)]
    documents = news(options.data / "ner" / "collection5-train.jsonl.gz")
    names += map(exchanged, documents)
    capitals = (line for document in documents for line in lines_in_capitals(document))
    names += sample(capitals, CAPITALS)
    for name, count in NOTHING.items():
        [path] = (options.data / "morph").glob(f"{name}.conllu.*")
        names += sample(without_names(path), count)
    write(names, options.out / "names.jsonl.gz")
    write(list(from_templates("figures", FIGURES, FINE)), options.out / "figures.jsonl.gz")


if __name__ == "__main__":
    main()
