"""Measure a reader beside a baseline without learning, and what it says where there is no answer.

    python recipes/qa/measure.py runs/qa/best.pipekit
    # the same, and write the pipeline again with the best threshold:
    python recipes/qa/measure.py runs/qa/best.pipekit --choose

Prints exact match and F1 on the development parts: of the reader with every question answered, of
the same at its own threshold, and of the sliding window of Richardson et al. (2013): of all spans
of up to eight words, the one around which most of the question's words stand, each weighted by how
rare it is in the text. For "no answer" each question is asked of the text of another document as
well: the balanced accuracy of a threshold is the mean of how often the reader speaks on the right
text and is silent on the other.
"""

from __future__ import annotations

import math
import re
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import torch

import pipekit
from pipekit import Doc, Pipeline
from pipekit.corpora.readers.squad import read_squad
from pipekit.evaluation.answers import answers_of, exact, overlap
from pipekit.training.toml import data_folder
from pipekit.words.chars import fold

PARTS = {"sberquad-part-dev": {}, "tydi-goldp-ru-dev": {"begin": 600}}
THRESHOLDS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
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


def measure(nlp: Pipeline, docs: list[Doc]) -> float:
    """Print the figures; the threshold with the best balanced accuracy."""
    asked = asked_of(docs)
    begun = time.perf_counter()
    found = list(nlp.answer_pairs(((doc, question) for doc, question, _ in asked), top=1))
    seconds = time.perf_counter() - begun
    strange = list(
        nlp.answer_pairs(
            ((asked[(i + 7) % len(asked)][0], one[1]) for i, one in enumerate(asked)), top=1
        )
    )
    print("| | EM | F1 | silent on other texts | balanced accuracy |\n|---|---:|---:|---:|---:|")
    pairs = [(gold, sliding_window(doc.text, question)) for doc, question, gold in asked]
    print(f"| sliding window | {figures(pairs)} | - | - |")
    accuracy = {}
    for threshold in (0.0, *THRESHOLDS):
        best = [one[0].text if one and one[0].score >= threshold else None for one in found]
        silent = sum(not one or one[0].score < threshold for one in strange) / len(asked)
        pairs = [(gold, answer) for (_, _, gold), answer in zip(asked, best, strict=True)]
        balanced = accuracy[threshold] = (
            silent + sum(answer is not None for answer in best) / len(asked)
        ) / 2
        shares = f"{100 * silent:.1f} | {100 * balanced:.1f}"
        print(f"| reader, threshold {threshold} | {figures(pairs)} | {shares} |")
    scores = [
        (one[0].score, overlap(gold, one[0].text))
        for one, (_, _, gold) in zip(found, asked, strict=True)
        if one
    ]
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        high = low + 0.2
        bin = [right for score, right in scores if low <= score < high or score == high == 1]
        f1 = 100 * sum(bin) / max(len(bin), 1)
        print(f"score {low:.1f} to {high:.1f}: {len(bin)} answers, F1 {f1:.1f}")
    print(f"{len(asked)} questions, {100 * seconds / len(asked):.2f} s for 100 of them\n")
    return max(accuracy, key=accuracy.__getitem__)


def settle(path: str, threshold: float) -> None:
    """Write a pipeline again, whose reader keeps silent below a threshold."""
    nlp = pipekit.load(path, device="cpu")
    for name, component in nlp.components.items():
        if "answers" in component.assigns:
            nlp.configs["components"][name]["threshold"] = threshold
    nlp.to_disk(path, half=True)
    print(f"{path}: threshold {threshold}")


def main() -> None:
    torch.set_num_threads(1)
    path, choose = sys.argv[1], sys.argv[2:] == ["--choose"]
    nlp = pipekit.load(path, device="cpu", precision="float32")
    for component in nlp.components.values():
        if "answers" in component.assigns:
            component.threshold = 0.0  # type: ignore[attr-defined]
    folder = Path(data_folder(Path(__file__).parent)) / "qa"
    best = []
    for name, options in PARTS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            docs = list(read_squad(folder / f"{name}.json.gz", tokenize=nlp.tokenize, **options))
        print(f"{name}\n")
        best.append(measure(nlp, docs))
    if choose:
        settle(path, best[0])


if __name__ == "__main__":
    main()
