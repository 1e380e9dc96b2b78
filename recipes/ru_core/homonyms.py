"""Sentences whose words are exchanged for homonyms and new words: neighbours tell the reading.

    python recipes/ru_core/homonyms.py --data "$PIPEKIT_DATA" --out build/homonyms.conllu.gz

A homonym is a frequent word that the dictionary reads as forms of two lexemes: «стали» is of
«сталь» and of «стать». In sentences of UD Taiga's train part a word is exchanged for one that can
be the same form of the same kind of lexeme: «кусок хлеба», «кусок мыла»; «мать пела», «мать мыла».
Part of speech and features stay as they are annotated; the lemma is that of the homonym. Other
words get another beginning, so that the dictionary lacks them, as it lacks «круассан» and
«загуглить»: «хлебом» becomes «скребом», of «скреб». Needs pymorphy3.
"""

from __future__ import annotations

import argparse
import gzip
import lzma
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pymorphy3

from pipekit.components.tagger.lemmas import script_of

SEED = 1
RAREST = 12  # how often a homonym stands in the modern texts
TIMES = 2  # how often the treebank is read
EXCHANGED = 0.5  # of the words that can be exchanged for a homonym
RENEWED = 0.1  # of the nouns, verbs and adjectives that get another beginning
OPEN = {"NOUN", "VERB", "ADJ"}
STAYS = 3  # the most letters of the stem that a new word keeps before its ending
CONTENT = {"NOUN", "VERB", "INFN", "ADJF", "ADJS", "ADVB", "GRND", "PRTF", "PRTS"}
# Grammemes of names, and of words that nobody writes so.
ODD = set("Name Surn Patr Geox Orgn Trad Abbr Infr Slng Arch Erro Dist".split())  # noqa: SIM905
WORD = re.compile("[а-яё]{3,}")
UPOS = {
    "NOUN": "NOUN",
    "VERB": "VERB",
    "INFN": "VERB",
    "GRND": "VERB",
    "PRTF": "VERB",
    "PRTS": "VERB",
    "ADJF": "ADJ",
    "ADJS": "ADJ",
    "ADVB": "ADV",
}
morphology = pymorphy3.MorphAnalyzer()


class Homonym(NamedTuple):
    """A form, and the lemma that it has in one of its readings."""

    form: str
    lemma: str


Homonyms = dict[str, list[Homonym]]  # by the tag of the dictionary


def folded(word: str) -> str:
    return word.lower().replace("ё", "е")


def frequent_words(path: Path) -> list[str]:
    """Words of a text in small letters, those that are frequent enough."""
    counts: Counter[str] = Counter()
    with lzma.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            counts.update(WORD.findall(line))
    return sorted(word for word, count in counts.items() if count >= RAREST)


def homonyms(words: list[str]) -> Homonyms:
    """The readings of those words that are forms of two lexemes."""
    readings: Homonyms = defaultdict(list)
    for word in words:
        parses = [parse for parse in morphology.parse(word) if parse.is_known]
        if any(parse.tag.POS not in CONTENT or ODD & parse.tag.grammemes for parse in parses):
            continue
        if len({(parse.normal_form, UPOS[parse.tag.POS]) for parse in parses}) < 2:
            continue
        for parse in parses:
            lemma = folded(parse.normal_form)
            is_reflexive = word.endswith(("ся", "сь"))
            if is_reflexive == lemma.endswith(("ся", "сь")) or "NOUN" in parse.tag:
                readings[str(parse.tag)].append(Homonym(word, lemma))
    return readings


@cache
def tag_of(
    form: str,
    pos: str,
    lemma: str,
) -> str | None:
    """The tag of the only reading with that part of speech and lemma; None where there is none."""
    tags = {
        str(parse.tag)
        for parse in morphology.parse(form)
        if UPOS.get(parse.tag.POS) == pos and folded(parse.normal_form) == lemma
    }
    return tags.pop() if len(tags) == 1 else None


def new_word(
    form: str,
    lemma: str,
    words: list[str],
) -> Homonym | None:
    """A form and its lemma with the beginning of another word; None where that is a known word."""
    stem = len(form) - script_of(form, lemma).back
    if stem <= STAYS:
        return None
    cut = stem - random.randint(1, STAYS)
    start = random.choice(words)[: random.randint(2, 4)]
    new_form = start + form[cut:]
    if morphology.word_is_known(new_form):
        return None
    return Homonym(new_form, start + lemma[cut:])


def exchanged(
    sentence: list[str],
    readings: Homonyms,
    words: list[str],
) -> Iterator[str]:
    """The lines of a sentence, some of its words exchanged."""
    for line in sentence:
        columns = line.split("\t")
        if len(columns) == 10 and WORD.fullmatch(columns[1]):
            form, lemma, pos = columns[1], folded(columns[2]), columns[3]
            choices = readings.get(tag_of(form, pos, lemma) or "")
            if choices and random.random() < EXCHANGED:
                columns[1:3] = random.choice(choices)
            elif pos in OPEN and random.random() < RENEWED:
                columns[1:3] = new_word(folded(form), lemma, words) or columns[1:3]
        yield "\t".join(columns)


def sentences(path: Path) -> Iterator[list[str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for block in file.read().split("\n\n"):
            lines = [line for line in block.split("\n") if line and not line.startswith("#")]
            if lines:
                yield lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("build/homonyms.conllu.gz"))
    options = parser.parse_args()
    random.seed(SEED)
    frequent = frequent_words(options.data / "text" / "ru_modern.txt.xz")
    readings = homonyms(frequent)
    treebank = options.data / "morph" / "ru_taiga-train.conllu.gz"
    count = 0
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
        for _ in range(TIMES):
            for sentence in sentences(treebank):
                lines = list(exchanged(sentence, readings, frequent))
                if lines != sentence:
                    packed.write("\n".join([*lines, "", ""]).encode())
                    count += 1
    words = {homonym.form for choices in readings.values() for homonym in choices}
    print(f"{options.out}: {count} sentences, with some of {len(words)} homonyms")


if __name__ == "__main__":
    main()
