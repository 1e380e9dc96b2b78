"""Make questions of passages that have none, as SQuAD JSON, for a reader to begin with.

    python recipes/qa/cloze.py PIPELINE build/qa_cloze.json.gz

A phrase of a sentence (a year, a number, a name, a noun with its adjectives) is the answer. What
stands around it in its clause, with some words left out, makes the question, behind a question word
that fits the phrase: кто, что, где, когда, сколько, какой, by case. So questions are made for the
passages of DaNetQA, and of the training parts of SberQuAD and TyDi QA. The Russian is clumsy, yet
where an answer is found by it a reader learns from it. To these come the made-up triples of
Koziev/NLP_Datasets whose answer stands in the text. What is made is a corpus's text: it belongs in
build/, not in the project.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pipekit
from pipekit import Span
from pipekit.training.toml import data_folder

SEED = 1
TYDI_TRAIN = 600  # articles; qa.toml keeps the others for development
PASSAGES = 4_000
TRIPLES = 1_000
LEFT_OUT = 0.2  # the share of the words of a question that are dropped
LOWERED = 0.6  # the share of passages in lower case, as SberQuAD is
AROUND = 9  # words of the clause to each side of the answer

WHO = {"Nom": "кто", "Gen": "кого", "Acc": "кого", "Dat": "кому", "Ins": "кем", "Loc": "ком"}
WHAT = {"Nom": "что", "Gen": "чего", "Acc": "что", "Dat": "чему", "Ins": "чем", "Loc": "чём"}
WHICH = {
    "Masc": {
        "Nom": "какой",
        "Gen": "какого",
        "Dat": "какому",
        "Acc": "какой",
        "Ins": "каким",
        "Loc": "каком",
    },
    "Neut": {
        "Nom": "какое",
        "Gen": "какого",
        "Dat": "какому",
        "Acc": "какое",
        "Ins": "каким",
        "Loc": "каком",
    },
    "Fem": {
        "Nom": "какая",
        "Gen": "какой",
        "Dat": "какой",
        "Acc": "какую",
        "Ins": "какой",
        "Loc": "какой",
    },
    "Plur": {
        "Nom": "какие",
        "Gen": "каких",
        "Dat": "каким",
        "Acc": "какие",
        "Ins": "какими",
        "Loc": "каких",
    },
}
MONTHS = (
    "январь",
    "февраль",
    "март",
    "апрель",
    "май",
    "июнь",
    "июль",
    "август",
    "сентябрь",
    "октябрь",
    "ноябрь",
    "декабрь",
)
YEAR = re.compile(r"1\d\d\d|20\d\d")


def passages(folder: Path) -> Iterator[str]:
    """The texts that questions are made for, each once."""
    for name, end in (("sberquad-part-train", None), ("tydi-goldp-ru-dev", TYDI_TRAIN)):
        with gzip.open(folder / f"{name}.json.gz", "rt", encoding="utf-8") as file:
            articles = json.load(file)["data"][:end]
        yield from (
            paragraph["context"] for article in articles for paragraph in article["paragraphs"]
        )
    with zipfile.ZipFile(folder / "danetqa.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".jsonl"):
                yield from (
                    json.loads(line)["passage"]
                    for line in archive.read(name).decode("utf-8").splitlines()
                )


def phrases(sentence: Span) -> Iterator[tuple[int, int]]:
    """Names, numbers, and nouns with the adjectives before them, as token rows."""
    tokens = list(sentence)
    row = 0
    while row < len(tokens):
        end = row
        while (
            end < len(tokens)
            and tokens[end].pos in ("ADJ", "NUM", "PROPN")
            and tokens[end].text[0].isalnum()
        ):
            end += 1
        named = any(token.pos == "PROPN" for token in tokens[row:end])
        if end < len(tokens) and tokens[end].pos == "NOUN" and not named:
            end += 1
        if end > row:
            yield sentence.start + row, sentence.start + end
        row = max(end, row + 1)


def is_fact(phrase: Span) -> bool:
    """Whether people like to ask for this: a number, a name, a noun with adjectives.

    Single nouns are asked for too, but less.
    """
    return len(phrase) > 1 or phrase[0].pos != "NOUN"


def question_word(answer: Span, before: str) -> tuple[str, str]:
    """The question word for an answer, and its word that stays in the question, or nothing."""
    head = answer[len(answer) - 1]
    morph = head.morph or {}
    case = morph.get("Case", "Nom")
    if YEAR.fullmatch(answer[0].text):
        return ("каком", "году") if before in ("в", "к", "до", "с") else ("когда", "")
    if head.lemma in MONTHS:
        return "когда", ""
    if answer[0].pos == "NUM" or answer[0].text.isdigit():
        return "сколько", head.text if len(answer) > 1 else ""
    if head.pos == "PROPN" and before in ("в", "на") and case == "Loc":
        return "где", ""
    if len(answer) > 1 and head.pos == "NOUN":
        kind = "Plur" if morph.get("Number") == "Plur" else morph.get("Gender", "Masc")
        return WHICH.get(kind, WHICH["Masc"]).get(case, "какой"), head.text
    return ((WHO if morph.get("Animacy") == "Anim" else WHAT).get(case, "что"), "")


def ask(answer: Span, sentence: Span, chance: random.Random) -> str | None:
    """A question that the phrase answers; None where too little is left of the clause."""
    doc = answer.doc
    left = [doc[i] for i in range(max(sentence.start, answer.start - AROUND), answer.start)]
    right = [doc[i] for i in range(answer.end, min(sentence.end, answer.end + AROUND))]
    before = left.pop().text.lower() if left and left[-1].pos == "ADP" else ""
    kept = [
        [
            token.text
            for token in side
            if token.pos not in ("PUNCT", "SYM") and chance.random() >= LEFT_OUT
        ]
        for side in (left, right)
    ]
    if sum(map(len, kept)) < 3:
        return None
    word, noun = question_word(answer, before)
    sides = kept if chance.random() < 0.5 else kept[::-1]
    lead = [
        *([before] if before and word not in ("где", "когда", "сколько") else []),
        word,
        *([noun] if noun else []),
    ]
    rest = [text for side in sides for text in side]
    words = [*lead, *rest] if chance.random() < 0.8 else [*rest, *lead]
    return " ".join(words).lower() + "?"


def clozes(
    nlp: pipekit.Pipeline, texts: list[str], chance: random.Random
) -> Iterator[dict[str, Any]]:
    for number, doc in enumerate(nlp.pipe(texts)):
        found = [
            (start, end, sentence)
            for sentence in doc.sents or ()
            for start, end in phrases(sentence)
        ]
        found.sort(
            key=lambda one: chance.random() ** (1 if is_fact(doc[one[0] : one[1]]) else 5),
            reverse=True,
        )
        for start, end, sentence in found:
            question = ask(doc[start:end], sentence, chance)
            if question is not None:
                context = doc.text
                if chance.random() < LOWERED and len(context.lower()) == len(context):
                    context = context.lower()
                yield paragraph(
                    context,
                    [(question, doc[start:end].start_char, doc[start:end].end_char)],
                    f"cloze-{number}",
                )
                break


def triples(folder: Path, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Texts of some twenty premises with a question to each, so that answers stand among many."""
    asked: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for path in sorted(folder.glob("koziev-*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for block in file.read().split("\n\n"):
                lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
                text, answer = lines.get("T", ""), lines.get("A", "")
                place = (
                    re.search(rf"\b{re.escape(answer.lower())}\b", text.lower()) if answer else None
                )
                if place is not None and "Q" in lines:
                    asked[text.rstrip(".") + "."].append((lines["Q"], place.start(), place.end()))
    premises = sorted(asked)
    chance.shuffle(premises)
    for number in range(TRIPLES):
        context, questions = "", []
        for i, premise in enumerate(premises[number * 20 : number * 20 + 20]):
            if i % 8 == 0:
                question, start, end = chance.choice(asked[premise])
                questions.append((question, len(context) + start, len(context) + end))
            context += premise + " "
        if questions:
            yield paragraph(context, questions, f"triples-{number}")


def paragraph(context: str, questions: list[tuple[str, int, int]], name: str) -> dict[str, Any]:
    asked = [
        {
            "id": f"{name}-{i}",
            "question": question,
            "answers": [{"text": context[start:end], "answer_start": start}],
        }
        for i, (question, start, end) in enumerate(questions)
    ]
    return {"context": context, "qas": asked}


def main() -> None:
    pipeline, target = sys.argv[1:3]
    folder = Path(data_folder(Path(__file__).parent)) / "qa"
    chance = random.Random(SEED)
    texts = sorted(set(passages(folder)))
    chance.shuffle(texts)
    nlp = pipekit.load(pipeline, device="cpu").select_pipes(enable=["tagger"])
    made = [*clozes(nlp, texts[:PASSAGES], chance), *triples(folder, chance)]
    with gzip.open(target, "wt", encoding="utf-8") as file:
        json.dump(
            {"version": "1.1", "data": [{"title": "made", "paragraphs": made}]},
            file,
            ensure_ascii=False,
        )
    print(f"{target}: {len(made)} passages, {sum(len(one['qas']) for one in made)} questions")


if __name__ == "__main__":
    main()
