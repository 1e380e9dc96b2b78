"""Tokens and sentences of pipekit, razdel and spaCy side by side: F1 on treebanks, and speed.

    python recipes/benchmarks/tokenization.py [--json FILE]

Every dev treebank is read as text: its sentences, joined by one space in blocks of 20, are what
each system gets. A token or a sentence is right if both its ends are. Speed is words (runs between
spaces) over seconds for tokens and sentences together, the median of several runs over the same
paragraphs: treebank blocks for what people write today, and fiction. razdel and spaCy are wanted
here only; a system that is not installed is left out with a line that says so.
"""

from __future__ import annotations

import argparse
import gzip
import json
import lzma
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("PIPEKIT_DATA", ROOT.parent / "shared" / "data"))
TREEBANKS = ("ru_taiga-dev", "ru_gsd-dev", "ru_poetry-dev")
BLOCK = 20  # sentences
RUNS = 7
FICTION = 3000  # paragraphs

Spans = set[tuple[int, int]]
System = Callable[[list[str]], list[tuple[Spans, Spans]]]


class Block(NamedTuple):
    text: str
    tokens: Spans
    sentences: Spans


class Scores(NamedTuple):
    precision: float
    recall: float
    f1: float


def read_sentences(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The text and the token forms of each sentence of a CoNLL-U file."""
    text, forms = "", list[str]()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("# text = "):
                text = line.removeprefix("# text = ").strip()
            elif line[0].isdigit() and line.split("\t")[0].isdigit():
                forms.append(line.split("\t")[1])
            elif not line.strip() and forms:
                yield text, forms
                forms = []


def join(sentences: list[tuple[str, list[str]]]) -> Block:
    """Sentences as one text, with the spans of its tokens and sentences."""
    tokens, spans, start = set(), set(), 0
    for text, forms in sentences:
        end = 0
        for form in forms:
            begin = text.index(form, end)
            end = begin + len(form)
            tokens.add((start + begin, start + end))
        spans.add((start, start + len(text)))
        start += len(text) + 1
    return Block(" ".join(text for text, _ in sentences), tokens, spans)


def read_blocks(path: Path, size: int = BLOCK) -> list[Block]:
    sentences = read_sentences(path)
    return [join(part) for part in iter(lambda: list(islice(sentences, size)), [])]


def f1(gold: list[Spans], found: list[Spans]) -> Scores:
    right = sum(len(g & f) for g, f in zip(gold, found, strict=True))
    precision, recall = right / sum(map(len, found)), right / sum(map(len, gold))
    return Scores(precision, recall, 2 * precision * recall / (precision + recall or 1))


def pipekit_system() -> tuple[System, Callable[[list[str]], object]]:
    from pipekit.tokenizers import RuleTokenizer

    tokenizer = RuleTokenizer("ru")

    def spans(texts: list[str]) -> list[tuple[Spans, Spans]]:
        found = []
        for starts, ends, firsts in tokenizer.segment(texts):
            lasts = [*firsts[1:], True]
            tokens = set(zip(starts.tolist(), ends.tolist(), strict=True))
            found.append(
                (tokens, set(zip(starts[firsts].tolist(), ends[lasts].tolist(), strict=True)))
            )
        return found

    return spans, tokenizer.segment


def razdel_system() -> tuple[System, Callable[[list[str]], object]]:
    from razdel import sentenize, tokenize

    def spans(texts: list[str]) -> list[tuple[Spans, Spans]]:
        return [
            (
                {(t.start, t.stop) for t in tokenize(text)},
                {(s.start, s.stop) for s in sentenize(text)},
            )
            for text in texts
        ]

    def run(texts: list[str]) -> object:
        return [(list(tokenize(text)), list(sentenize(text))) for text in texts]

    return spans, run


def spacy_system() -> tuple[System, Callable[[list[str]], object]]:
    import spacy

    nlp = spacy.blank("ru")
    nlp.add_pipe("sentencizer")

    def spans(texts: list[str]) -> list[tuple[Spans, Spans]]:
        docs = list(nlp.pipe(texts))
        return [
            (
                {(t.idx, t.idx + len(t)) for t in doc if not t.is_space},
                {(s.start_char, s.end_char) for s in doc.sents},
            )
            for doc in docs
        ]

    return spans, lambda texts: list(nlp.pipe(texts))


SYSTEMS = {"pipekit": pipekit_system, "razdel": razdel_system, "spaCy": spacy_system}


def speed(run: Callable[[list[str]], object], texts: list[str]) -> float:
    """Words per second, the median of `RUNS` after one to warm up."""
    words, seconds = sum(len(text.split()) for text in texts), []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        run(texts)
        seconds.append(time.perf_counter() - start)
    return words / statistics.median(seconds[1:])


def read_fiction() -> list[str]:
    with lzma.open(DATA / "text" / "ru_fiction-00.txt.xz", "rt", encoding="utf-8") as lines:
        return [line.rstrip("\n") for line in islice(lines, FICTION)]


def measure(name: str, blocks: dict[str, list[Block]], fiction: list[str]) -> dict[str, float]:
    spans, run = SYSTEMS[name]()
    row: dict[str, float] = {}
    for treebank, gold in blocks.items():
        found = spans([block.text for block in gold])
        row[f"{treebank} tokens"] = (
            100 * f1([b.tokens for b in gold], [tokens for tokens, _ in found]).f1
        )
        sentences = [b.sentences for b in gold], [borders for _, borders in found]
        row[f"{treebank} sentences"] = 100 * f1(*sentences).f1
        row[f"{treebank} sentence starts"] = (
            100 * f1(*([{(s, s) for s, _ in spans} for spans in side] for side in sentences)).f1
        )
    row["words/s treebanks"] = speed(
        run, [block.text for gold in blocks.values() for block in gold]
    )
    row["words/s fiction"] = speed(run, fiction)
    return row


def table(rows: dict[str, dict[str, float]]) -> str:
    systems = list(rows)
    lines = ["| | " + " | ".join(systems) + " |", "|---|" + "---:|" * len(systems)]
    for key in next(iter(rows.values())):
        cells = [
            f"{rows[s][key]:,.0f}" if "words/s" in key else f"{rows[s][key]:.2f}" for s in systems
        ]
        lines.append(f"| {key} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--json", type=Path, help="also write the figures here")
    options = arguments.parse_args()
    blocks = {name: read_blocks(DATA / "morph" / f"{name}.conllu.gz") for name in TREEBANKS}
    fiction, rows = read_fiction(), {}
    for name in SYSTEMS:
        try:
            rows[name] = measure(name, blocks, fiction)
        except ModuleNotFoundError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
