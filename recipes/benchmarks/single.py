"""One sentence at a time: ru_core beside a spaCy pipeline, as services and notebooks call them.

    pip install "spacy>=3.8,<4"
    python recipes/benchmarks/single.py ru_core --data "$PIPEKIT_DATA" --spacy runs/spacy-ru

spaCy's pipeline is that of peers.py; it is trained once and kept in the folder. News sentences are
read one by one, one thread. All sides take turns on each sentence, so that a busy machine is busy
for all of them. Printed are milliseconds a sentence: the median, and the 99th percentile by the
median; the ratio to spaCy is the median of the ratios on each sentence. Then: the first call after
loading by a later one, and sentences a second of four threads that share a pipeline by those of
one.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from peers import PARTS, read, train_spacy
from tqdm import tqdm

import pipekit

WARM = 20  # sentences that do not count


def sentences_of(
    data: Path,
    number: int,
) -> list[str]:
    """Sentences of news, of each text the first four at most."""
    texts = [row["text"] for row in read(data / "ner" / "collection5-dev.jsonl.gz")]
    sentences = []
    for doc in pipekit.blank("ru").pipe(texts):
        for sentence in list(doc.sents or ())[:4]:
            if 4 <= len(sentence) <= 60:
                sentences.append(sentence.text)
    return sentences[:number]


def spacy_pipeline(
    folder: Path,
    data: Path,
) -> Any:
    import spacy

    if not folder.exists():
        train_spacy(data).to_disk(folder)
    return spacy.load(folder)


def milliseconds(
    call: Callable[[str], object],
    text: str,
) -> float:
    begun = time.perf_counter()
    call(text)
    return 1e3 * (time.perf_counter() - begun)


def table(
    sides: dict[str, Callable[[str], object]],
    sentences: list[str],
    rounds: int,
) -> None:
    """Print what a sentence costs on each side; the first side is what others are compared to."""
    first = next(iter(sides))
    costs: dict[str, list[float]] = {name: [] for name in sides}
    for text in sentences[:WARM]:
        for call in sides.values():
            call(text)
    for text in tqdm(sentences * rounds, unit=" sentences"):
        for name, call in sides.items():
            costs[name].append(milliseconds(call, text))
    print(f"| | ms a sentence | 99th percentile by median | as fast as {first} |")
    print("|---|---:|---:|---:|")
    for name, of_side in costs.items():
        median = statistics.median(of_side)
        tail = statistics.quantiles(of_side, n=100)[98]
        pairs = zip(of_side, costs[first], strict=True)
        ratio = statistics.median(theirs / ours for ours, theirs in pairs)
        print(f"| {name} | {median:.2f} | {tail / median:.2f} | {ratio:.2f} |")


def first_call(
    name: str,
    sentences: list[str],
) -> float:
    """The first call after loading, by a later one."""
    nlp = pipekit.load(name, device="cpu")
    first = milliseconds(nlp, sentences[0])
    later = [milliseconds(nlp, text) for text in sentences[1:WARM]]
    return first / statistics.median(later)


def with_threads(
    nlp: Callable[[str], object],
    sentences: list[str],
) -> float:
    """Sentences a second of four threads by those of one."""
    rates = []
    for threads in (1, 4):
        begun = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(nlp, sentences))
        rates.append(len(sentences) / (time.perf_counter() - begun))
    return rates[1] / rates[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pipeline")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--spacy", type=Path, default=Path("runs/spacy-ru"))
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sentences = sentences_of(options.data, options.sentences)
    theirs = spacy_pipeline(options.spacy, options.data)
    whole = pipekit.load(options.pipeline, device="cpu")
    sides = {
        "spaCy: tagger, morphologizer, names": theirs,
        "pipekit: tagger, names": whole.select_pipes(enable=PARTS),
        "pipekit: all": whole,
    }
    table(sides, sentences, options.rounds)
    print()
    print(f"first call by a later one: {first_call(options.pipeline, sentences):.1f}")
    print(f"four threads by one: {with_threads(sides['pipekit: tagger, names'], sentences):.2f}")


if __name__ == "__main__":
    main()
