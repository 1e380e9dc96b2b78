"""Short sentences with a sentiment that corpora lack: reviews, negation, emoji, facts, names.

    python recipes/sentiment/made.py build/sentiment --data "$PIPEKIT_DATA/text"

Writes into the folder texts.csv and toward.tsv for training, and texts_held.csv and toward_held.tsv
of clauses that the others lack. Clauses and words are those of made.toml; sentences of raw corpora
are neutral where they hold no word that is felt, or have the sentiment of the only word that is,
turned round where «не» stands before it. Needs pymorphy3; the same seed gives the same files.
"""

from __future__ import annotations

import argparse
import csv
import lzma
import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from agreement import DATA, LISTS, PLACE, composed, morph

HARD = Path(__file__).with_name("hard_cases.tsv")
CASES = Path(__file__).parents[2] / "tests" / "cases" / "sentiment_ru.txt"
HELD = 8  # one clause of so many is held out
SAMPLES = 20  # sentences of a clause with places for words; fewer where few are possible
RAW_SENTENCES = 2_500  # of each kind of raw text
PLAIN_TEXTS = ("ru_technical", "ru_documentation", "ru_laws")
TEXTS = "ru_modern"
FLIPPED = {"positive": "negative", "negative": "positive"}
TURNED = {"positive": "negative", "negative": "neutral"}  # by «не» before a single word
WORD = re.compile(r"[а-яё]+(?:-[а-яё]+)*", re.IGNORECASE)
LABELS = {"+": "positive", "-": "negative", "0": "neutral"}
NUMBERS = {"+": "1", "-": "-1", "0": "0"}
PREDICATES = ("ADJS", "PRED", "ADVB", "PRTS", "INFN", "VERB")
OPEN = frozenset(DATA["open"].split())


class Made(NamedTuple):
    """A text, its label, and the kind of its clause."""

    text: str
    label: str
    kind: str


def is_held(clause: str) -> bool:
    return crc32(clause.encode()) % HELD == 0


def subject_agrees(clause: str) -> str:
    """A choice behind a clause's first place, a subject, agrees with it."""
    if re.match(r"[-+0]?\{\w+\}", clause):
        return clause.replace("(", "~(").replace("~~", "~")
    return clause


def clauses(section: str) -> list[str]:
    lines = (line.strip() for line in section.splitlines())
    return [subject_agrees(line) for line in lines if line]


class Kinds(NamedTuple):
    """Made clauses by label and by kind."""

    training: list[Made]
    held: list[Made]


def clause_texts(chance: random.Random) -> Kinds:
    """Sentences of one clause, each once."""
    kinds = Kinds([], [])
    for kind, labels in DATA["clauses"].items():
        for label, groups in labels.items():
            for clause in (line for group in groups.values() for line in clauses(group)):
                texts = {composed(clause, chance)[0] for _ in range(SAMPLES)}
                rows = [Made(text, label, kind) for text in sorted(texts)]
                (kinds.held if is_held(clause) else kinds.training).extend(rows)
    return kinds


def finished(text: str, label: str, chance: random.Random) -> str:
    """A sentence as people write it: capital, end, smiley, or none of these."""
    draw = chance.random()
    if draw < 0.85:
        text = text[0].upper() + text[1:]
    ends = [".", ".", ".", "", "!", "!!", "..."] if label != "neutral" else [".", ".", ".", ""]
    if text.split()[0].lower() in {"где", "когда", "сколько", "как", "есть", "во", "а"}:
        ends = ends if label != "neutral" else ["?"]
    end = chance.choice(ends)
    if label == "neutral" or chance.random() > 0.15:
        return text + end
    return f"{text}{end} {mood(label, chance)}"


def mood(label: str, chance: random.Random) -> str:
    """Emoji or a smiley."""
    polarity = "good" if label == "positive" else "bad"
    if chance.random() < 0.3:
        return LISTS.choice(f"{polarity}_smiley", chance)
    emoji = LISTS.choice(f"{polarity}_emoji", chance)
    if chance.random() < 0.3:
        return emoji + LISTS.choice(f"{polarity}_emoji", chance)
    return emoji * chance.choice([1, 1, 1, 2, 3, 3, 4, 5])


def capital(text: str) -> str:
    return text[0].upper() + text[1:]


def joined(rows: Sequence[Made], size: int, chance: random.Random) -> Iterator[Made]:
    """Reviews of several clauses; a neutral one among them changes nothing."""
    by_label: dict[str, list[str]] = {label: [] for label in LABELS.values()}
    for row in rows:
        if row.kind in ("review", "negation") and len(row.text) > 8:
            by_label[row.label].append(row.text)
    for _ in range(size):
        label = chance.choice(["positive", "positive", "negative", "negative", "neutral"])
        texts = [chance.choice(by_label[label]) for _ in range(chance.choice([2, 2, 3]))]
        if label != "neutral" and chance.random() < 0.25:
            texts[0] = chance.choice(by_label["neutral"])
        if chance.random() < 0.5:
            yield Made(finished(", ".join(texts), label, chance), label, "several")
        else:
            sentences = ". ".join(map(capital, texts))
            yield Made(finished(sentences, label, chance), label, "several")


def contrasts(rows: Sequence[Made], size: int, chance: random.Random) -> Iterator[Made]:
    """Two clauses that disagree: the one behind «но» counts, not the one behind «хотя»."""
    felt = {
        label: [row.text for row in rows if row.label == label and row.kind in ("review", "event")]
        for label in FLIPPED
    }
    for _ in range(size):
        label = chance.choice(["positive", "negative"])
        last = chance.choice(felt[label])
        first = chance.choice(felt[FLIPPED[label]])
        text = chance.choice(
            [
                f"{first}, но {last}",
                f"{first}, зато {last}" if label == "positive" else f"{first}, однако {last}",
                f"хотя {first}, {last}",
                f"{first}. Но {last}",
            ]
        )
        yield Made(finished(text, label, chance), label, "contrast")


def emoji_texts(rows: Sequence[Made], size: int, chance: random.Random) -> Iterator[Made]:
    """Emoji alone, and emoji that say what is felt of a plain fact."""
    plain = [row.text for row in rows if row.label == "neutral"]
    for _ in range(size):
        label = chance.choice(["positive", "negative"])
        signs = mood(label, chance)
        text = signs if chance.random() < 0.5 else f"{capital(chance.choice(plain))} {signs}"
        yield Made(text, label, "emoji")


# -- raw texts


class Polarity:
    """Which forms of words are felt: those of the lists have a label, others of felt clauses none.

    Attributes:
        labels: the label of each form of a word of the lists.
        felt: these forms, and those of all words of felt clauses.
    """

    def __init__(self) -> None:
        labels: dict[str, str] = {}
        for label, lists in DATA["polarity"].items():
            for name in lists.split():
                for word in LISTS.words(name):
                    labels |= dict.fromkeys(forms(word), label)
        felt = {form for label in FLIPPED for form in _clause_forms(label)}
        plain = set(_clause_forms("neutral"))
        open_words = {form for word in DATA["ambiguous"].split() for form in forms(word)}
        self.felt = (felt - plain) | set(labels) | open_words
        self.labels = {form: labels[form] for form in labels.keys() - open_words - plain}


def _clause_forms(label: str) -> Iterator[str]:
    for labels in DATA["clauses"].values():
        for section in labels.get(label, {}).values():
            for word in WORD.findall(PLACE.sub(" ", section)):
                yield from forms(word.lower())


@cache
def forms(word: str) -> frozenset[str]:
    """The forms of a word that are seldom those of another."""
    analysis = morph.parse(word)[0]
    lemma = analysis.normal_form
    every = {form.word for form in analysis.lexeme if "Supr" not in form.tag}
    likely = {form for form in every if morph.parse(form)[0].normal_form == lemma}
    return frozenset({word, *likely})


def raw_lines(folder: Path, name: str) -> Iterator[str]:
    """Every third line of a raw text that is a short sentence."""
    with lzma.open(folder / f"{name}.txt.xz", "rt", encoding="utf-8") as file:
        for line in islice(file, 0, None, 3):
            text = line.strip().lstrip("-— ").strip()
            if 3 <= text.count(" ") <= 13 and text.isprintable():
                yield text


def plain_texts(folder: Path, polarity: Polarity) -> Iterator[Made]:
    """Neutral sentences of documentation and laws."""
    for name in PLAIN_TEXTS:
        whole = (text for text in raw_lines(folder, name) if text[0].isupper())
        plain = (text for text in whole if polarity.felt.isdisjoint(words_of(text)))
        for text in islice(plain, RAW_SENTENCES // 5):
            yield Made(text, "neutral", "raw")


def words_of(text: str) -> list[str]:
    return WORD.findall(text.lower())


def felt_texts(folder: Path, polarity: Polarity) -> Iterator[Made]:
    """Sentences with a single word that is felt, or with none; and the former with «не»."""
    counts = dict.fromkeys(LABELS.values(), 0)
    for text in raw_lines(folder, TEXTS):
        row = _felt_row(text, polarity)
        if row is None or counts[row.label] >= RAW_SENTENCES:
            continue
        counts[row.label] += 1
        yield row
        if row.label != "neutral":
            yield from _negated(text, polarity)


def _felt_row(text: str, polarity: Polarity) -> Made | None:
    words = words_of(text)
    felt = [place for place, word in enumerate(words) if word in polarity.felt]
    if not felt:
        return Made(text, "neutral", "raw")
    label = polarity.labels.get(words[felt[0]])
    if len(felt) > 1 or label is None or "?" in text or not OPEN.isdisjoint(words):
        return None
    if "не" in words[max(felt[0] - 2, 0) : felt[0]]:
        return Made(text, TURNED[label], "raw negation")
    return None if "не" in words else Made(text, label, "raw")


def _negated(text: str, polarity: Polarity) -> Iterator[Made]:
    """«не» before a predicate that is felt: what was good is bad, what was bad is plain."""
    if " не " in f" {text.lower()} ":
        return
    for match in WORD.finditer(text):
        label = polarity.labels.get(match[0].lower())
        if label is None or match.start() == 0:
            continue
        if morph.parse(match[0])[0].tag.POS not in PREDICATES:
            return
        negated = f"{text[: match.start()]}не {text[match.start() :]}"
        yield Made(negated, TURNED[label], "raw negation")
        return


# -- sentiment toward names


def toward_rows(chance: random.Random) -> tuple[list[list[str]], list[list[str]]]:
    """Rows of names in sentences: text, tag, start, end, label."""
    training: list[list[str]] = []
    held: list[list[str]] = []
    for tag, section in DATA["toward"].items():
        for clause in clauses(section):
            rows = held if is_held(clause) else training
            seen = set()
            for _ in range(SAMPLES):
                text, names = composed(clause, chance)
                text = capital(text) + chance.choice([".", ".", "!", ""])
                if text in seen or plain(text) in test_texts():
                    continue
                seen.add(text)
                for name in names:
                    place = [str(name.start), str(name.end)]
                    rows.append([text, tag, *place, NUMBERS[name.sign]])
    return training, held


# -- files


def write_rows(path: Path, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    delimiter = "\t" if path.suffix == ".tsv" else ","
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
    print(f"{path}: {len(rows):,} rows")


def whole(kinds: Sequence[Made], size: int, chance: random.Random) -> list[Made]:
    """Clauses as sentences, reviews of several, contrasts and emoji: `size` of each of these."""
    single = [row._replace(text=finished(row.text, row.label, chance)) for row in kinds]
    made = [
        *single,
        *joined(kinds, 2 * size, chance),
        *contrasts(kinds, size // 2, chance),
        *emoji_texts(kinds, size // 2, chance),
    ]
    return [row for row in dict.fromkeys(made) if plain(row.text) not in test_texts()]


@cache
def test_texts() -> frozenset[str]:
    """The texts that nothing is trained on, as `plain`."""
    hard = [line.split("\t")[2] for line in HARD.read_text(encoding="utf-8").splitlines()]
    lines = CASES.read_text(encoding="utf-8").splitlines()
    cases = [line.split("|")[1] for line in lines if not line.startswith("#")]
    return frozenset(map(plain, hard + cases))


def plain(text: str) -> str:
    """The words of a text; the text itself where it has none."""
    return " ".join(words_of(text)) or text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="raw texts, ru_*.txt.xz")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(1)
    kinds = clause_texts(chance)
    polarity = Polarity()
    training = whole(kinds.training, 1_500, chance)
    training += plain_texts(options.data, polarity)
    training += felt_texts(options.data, polarity)
    chance.shuffle(training)
    head = ("text", "label", "source")
    write_rows(options.folder / "texts.csv", head, training)
    write_rows(options.folder / "texts_held.csv", head, whole(kinds.held, 100, chance))
    head = ("text", "tag", "start", "end", "label")
    training_rows, held_rows = toward_rows(chance)
    write_rows(options.folder / "toward.tsv", head, training_rows)
    write_rows(options.folder / "toward_held.tsv", head, held_rows)


if __name__ == "__main__":
    main()
