"""Measure a reader beside a baseline without learning, and what it says where there is no answer.

    python recipes/qa/measure.py runs/qa/best.pipekit
    # the same, and write the pipeline again with calibrated scores and the best threshold:
    python recipes/qa/measure.py runs/qa/best.pipekit --choose

Prints exact match and F1 on the development parts, with every question answered and at the
reader's threshold, beside the sliding window of Richardson et al. (2013): of all spans of up to
eight words, the one around which most of the question's words stand, each weighted by how rare it
is in the text. Then, of the questions that pairs.py made for development, by kind: F1 where there
is an answer, and how often the reader is silent where there is none. Last, reliability: scores
beside the F1 of their answers, which is 0 where there is none.

With --choose, slope and shift of the scores are fitted (Platt 1999) on every second passage of
these; the threshold is the one with the best mean of F1 and silence on the same passages.
"""

from __future__ import annotations

import math
import re
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

import pipekit
from pipekit import Doc, Pipeline
from pipekit.corpora.readers.squad import read_squad
from pipekit.evaluation.answers import answers_of, exact, overlap
from pipekit.training.toml import data_folder
from pipekit.words.chars import fold

PARTS = {"sberquad-part-dev": {}, "tydi-goldp-ru-dev": {"begin": 600}}
THRESHOLDS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
BINS = tuple(n / 10 for n in range(10))
LONGEST = 8
WORD = re.compile(r"\w+")


def sliding_window(text: str, question: str) -> str:
    """The span whose surroundings share the weightiest words with the question.

    They are as many words to each side as the question has.
    """
    places = [found.span() for found in WORD.finditer(text)]
    words = [fold(text[start:end]) for start, end in places]
    counts = Counter(words)
    asked = set(WORD.findall(fold(question)))
    weights = [math.log(1 + 1 / counts[word]) * (word in asked) for word in words]
    best, answer = -1.0, ""
    for start in range(len(words)):
        for end in range(start + 1, min(start + LONGEST, len(words)) + 1):
            if any(weights[start:end]):
                break
            score = sum(weights[max(start - len(asked), 0) : end + len(asked)])
            if score > best:
                best, answer = score, text[places[start][0] : places[end - 1][1]]
    return answer


def figures(pairs: list[tuple[list[str], str | None]]) -> str:
    return " | ".join(
        f"{100 * sum(measure(*pair) for pair in pairs) / max(len(pairs), 1):.1f}"
        for measure in (exact, overlap)
    )


def asked_of(docs: list[Doc]) -> list[tuple[Doc, str, list[str]]]:
    """Each question with its document and its gold answers."""
    rows = ((doc, doc.layers["questions"]["text"].strings(), answers_of(doc)) for doc in docs)
    return [
        (doc, question or "", gold)
        for doc, texts, found in rows
        for question, gold in zip(texts, found, strict=True)
    ]


class Judged(NamedTuple):
    """Of questions: the passage, the gold answers, the best answer, its score, and its F1."""

    passage: int
    gold: list[str]
    answer: str | None
    score: float
    right: float


def judged(
    nlp: Pipeline,
    docs: list[Doc],
) -> list[Judged]:
    """Every question answered."""
    numbers = {id(doc): number for number, doc in enumerate(docs)}
    asked = asked_of(docs)
    answers = nlp.answer_pairs(((doc, question) for doc, question, _ in asked), top=1)
    rows = []
    for (doc, _, gold), best in zip(asked, answers, strict=True):
        answer, score = (best[0].text, best[0].score) if best else (None, 0.0)
        right = overlap(gold, answer) if gold and answer else 0.0
        rows.append(Judged(numbers[id(doc)], gold, answer, score, right))
    return rows


def at(
    rows: list[Judged],
    threshold: float,
) -> list[tuple[list[str], str | None]]:
    """Gold answers and answers of a reader that is silent below a threshold."""
    return [(row.gold, row.answer if row.score >= threshold else None) for row in rows]


def shares(
    rows: list[Judged],
    threshold: float,
) -> tuple[float, float]:
    """The F1 of questions with an answer, and the share of the others without one."""
    pairs = at(rows, threshold)
    right = [overlap(gold, answer) for gold, answer in pairs if gold]
    silent = [answer is None for gold, answer in pairs if not gold]
    return float(np.mean(right or [0.0])), float(np.mean(silent or [0.0]))


def best_threshold(rows: list[Judged]) -> float:
    return max(THRESHOLDS, key=lambda threshold: sum(shares(rows, threshold)))


def fitted(rows: list[Judged]) -> tuple[float, float]:
    """Slope and shift of the logits of scores for which the F1 is likeliest, by Newton's method."""
    scores = np.array([row.score for row in rows if row.answer]).clip(1e-6, 1 - 1e-6)
    right = np.array([row.right for row in rows if row.answer])
    inputs = np.stack([np.log(scores / (1 - scores)), np.ones(len(scores))])
    weights = np.array([1.0, 0.0])
    for _ in range(30):
        expected = 1 / (1 + np.exp(-weights @ inputs))
        curvature = (inputs * (expected * (1 - expected))) @ inputs.T + 1e-6 * np.eye(2)
        weights += np.linalg.solve(curvature, inputs @ (right - expected))
    return float(weights[0]), float(weights[1])


def rescored(
    rows: list[Judged],
    slope: float,
    shift: float,
) -> list[Judged]:
    def score(value: float) -> float:
        inside = min(max(value, 1e-6), 1 - 1e-6)
        return 1 / (1 + math.exp(-slope * math.log(inside / (1 - inside)) - shift))

    return [row._replace(score=score(row.score)) for row in rows]


def show_people(
    docs: list[Doc],
    rows: list[Judged],
    threshold: float,
) -> None:
    print("| | EM / F1 |\n|---|---:|")
    asked = asked_of(docs)
    window = [(gold, sliding_window(doc.text, question)) for doc, question, gold in asked]
    print(f"| sliding window | {figures(window)} |")
    for value in (0.0, threshold):
        print(f"| reader, threshold {value} | {figures(at(rows, value))} |")


def show_kinds(
    rows: list[Judged],
    kinds: list[str],
    threshold: float,
) -> None:
    print("| made questions | F1, answered | silent, others |\n|---|---:|---:|")
    for kind in sorted(set(kinds)):
        own = [row for row, of in zip(rows, kinds, strict=True) if of == kind]
        right, silent = shares(own, threshold)
        sizes = sum(bool(row.gold) for row in own), sum(not row.gold for row in own)
        print(f"| {kind} | {100 * right:.1f} of {sizes[0]} | {100 * silent:.1f} of {sizes[1]} |")


def show_reliability(rows: list[Judged]) -> None:
    print("| score | answers | mean score | F1 |\n|---|---:|---:|---:|")
    error = 0.0
    for low in BINS:
        own = [row for row in rows if row.answer and low <= row.score < low + 0.1]
        if own:
            score, right = np.mean([row.score for row in own]), np.mean([row.right for row in own])
            error += abs(score - right) * len(own) / len(rows)
            print(f"| {low:.1f} to {low + 0.1:.1f} | {len(own)} | {score:.3f} | {right:.3f} |")
    print(f"calibration error {error:.3f}")


def settle(
    path: str,
    settings: dict[str, float],
) -> None:
    """Write a pipeline again, whose reader has these settings."""
    nlp = pipekit.load(path, device="cpu")
    for name, component in nlp.components.items():
        if "answers" in component.assigns:
            nlp.configs["components"][name].update(settings)
    nlp.to_disk(path, half=True)
    print(f"{path}: {settings}")


def main() -> None:
    torch.set_num_threads(1)
    path, choose = sys.argv[1], sys.argv[2:] == ["--choose"]
    nlp = pipekit.load(path, device="cpu", precision="float32")
    [reader] = [part for part in nlp.components.values() if "answers" in part.assigns]
    threshold = reader.threshold  # type: ignore[attr-defined]
    reader.threshold = 0.0  # type: ignore[attr-defined]
    if choose:
        reader.slope, reader.shift = 1.0, 0.0  # type: ignore[attr-defined]
    folder = Path(data_folder(Path(__file__).parent)) / "qa"
    build = Path(__file__).resolve().parents[2] / "build"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = list(read_squad(build / "qa_pairs-dev.json.gz", tokenize=nlp.tokenize))
        people = {
            name: list(read_squad(folder / f"{name}.json.gz", tokenize=nlp.tokenize, **options))
            for name, options in PARTS.items()
        }
    rows = judged(nlp, made)
    ids = [doc.layers["questions"]["id"].strings() for doc in made]
    kinds = [(name or "").split("-")[0] for names in ids for name in names]
    answered = {name: judged(nlp, docs) for name, docs in people.items()}
    if choose:
        slope, shift = fitted([row for row in rows if row.passage % 2])
        rows = rescored(rows, slope, shift)
        answered = {name: rescored(some, slope, shift) for name, some in answered.items()}
        threshold = best_threshold([row for row in rows if row.passage % 2])
        settle(path, {"threshold": threshold, "slope": slope, "shift": shift})
    for name, docs in people.items():
        print(f"\n{name}\n")
        show_people(docs, answered[name], threshold)
    print()
    odd = [row.passage % 2 == 0 for row in rows]
    rest = [row for row, use in zip(rows, odd, strict=True) if use]
    show_kinds(rest, [kind for kind, use in zip(kinds, odd, strict=True) if use], threshold)
    for value in THRESHOLDS:
        right, silent = shares(rest, value)
        of_people = shares(answered["sberquad-part-dev"], value)[0]
        print(f"threshold {value}: F1 {right:.3f}, silent {silent:.3f}, SberQuAD {of_people:.3f}")
    print()
    show_reliability(rest)


if __name__ == "__main__":
    main()
