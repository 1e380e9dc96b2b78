"""Components with default settings beside linear baselines, on little and on more data.

    python recipes/benchmarks/defaults.py                                # the whole table, hours
    python recipes/benchmarks/defaults.py emotions upos --sizes 200      # a part of it
    python recipes/benchmarks/defaults.py emotions --held-out --set training.epochs=5

A recipe of the table names its corpora, an encoder ("bilstm") and a component, and nothing else. It
has no dev documents, so the last epoch counts. The first examples of a corpus teach; documents
that are not among them measure, the last tenth of a corpus without a dev part. No test part is
read. With --held-out the training examples behind them measure instead, a thousand at most: so
settings are tried. An example is a text, a question, or an entity with its text; for the other
tasks a sentence.

Baselines learn from the same examples:

    tfidf      the component of this name
    linear     a logistic regression over a word, its neighbours, their letters and shapes
    pairs      a logistic regression over the types of two entities and the words between them
    gazetteer  spans of the training documents wherever their words stand, if these are spans there
               more often than not
    window     the sliding window of Richardson et al. (2013), which learns nothing
"""

from __future__ import annotations

import argparse
import gzip
import random
import sys
import tempfile
import time
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch

import pipekit
from pipekit import Doc, Pipeline
from pipekit.components.classes.linear import fit_weights, term_logits
from pipekit.components.classes.terms import Terms
from pipekit.corpora.sources import CorpusSource, read_source
from pipekit.doc.layer import Layer, span_layer
from pipekit.evaluation.answers import answers_of, overlap
from pipekit.evaluation.evaluate import evaluate, figure
from pipekit.evaluation.metrics import score
from pipekit.training.building import PreparedParts, build_pipeline
from pipekit.training.loop import BEST, Trainer
from pipekit.training.recipe import parse_recipe
from pipekit.training.toml import data_folder
from pipekit.words.arrays import offsets

HERE = Path(__file__).parent
DATA = Path(data_folder(HERE))
sys.path.append(str(HERE.parent / "qa"))
SIZES = (200, 1_000, 10_000)
HELD_OUT = 1_000  # examples that measure settings
SPACE = 2**18  # numbers of the features of a linear baseline
EMOTIONS = {"0": "joy", "1": "sadness", "2": "surprise", "3": "fear", "4": "anger"}
SENTIMENT = {"0": "positive", "1": "negative", "3": "negative", "4": "negative"}
TOWARD = {"-1": "negative", "0": "neutral", "1": "positive"}
CEDR = {"path": "sentiment/cedr-train.csv", "format": "csv", "label": "labels"}
RULES = {"mapping": str(HERE.parent / "ner" / "entities.toml"), "table": "fine"}
NEREL = {"path": "relations/nerel-1.1-brat.zip", "format": "brat", **RULES}
ENTITIES = ["entity_pos_start_rel", "entity_pos_end_rel", "entity_tag"]
RUSENTNE = {"format": "csv", "text": "sentence", "span": ENTITIES, "classes": TOWARD}

Docs = list[Doc]
Baseline = Callable[["Task", Docs, Docs], float]


@dataclass(frozen=True)
class Task:
    """What is learned: a component, its corpora, the figure, and the baseline."""

    component: Mapping[str, Any]
    train: Mapping[str, Any]
    dev: Mapping[str, Any]
    score: str
    baseline: str
    size: Callable[[Doc], int]
    given: Sequence[str] = ()
    rival: Mapping[str, Any] = field(default_factory=dict)  # settings of the baseline


def sentences(doc: Doc) -> int:
    return len(list(doc.sents or ()))


def one(doc: Doc) -> int:
    return 1


def entities(doc: Doc) -> int:
    return doc.layers["ents"].size


def questions(doc: Doc) -> int:
    return doc.layers["questions"].size


CLASSIFIER = {"type": "classifier"}
TASKS = {
    "emotions": Task(
        CLASSIFIER,
        {**CEDR, "classes": EMOTIONS, "rows": [0.0, 0.9]},
        {**CEDR, "classes": EMOTIONS, "rows": [0.9, 1.0]},
        "cats",
        "tfidf",
        one,
    ),
    "several": Task(
        {**CLASSIFIER, "exclusive": False},
        {**CEDR, "classes": EMOTIONS, "exclusive": False, "rows": [0.0, 0.9]},
        {**CEDR, "classes": EMOTIONS, "exclusive": False, "rows": [0.9, 1.0]},
        "cats macro",
        "tfidf",
        one,
    ),
    "sentiment": Task(
        CLASSIFIER,
        {**CEDR, "classes": SENTIMENT, "none": "neutral", "rows": [0.0, 0.9]},
        {**CEDR, "classes": SENTIMENT, "none": "neutral", "rows": [0.9, 1.0]},
        "cats macro",
        "tfidf",
        one,
    ),
    "topics": Task(
        CLASSIFIER,
        {"path": "translation/en-ru-train.tsv.gz", "part": "train"},
        {"path": "translation/en-ru-train.tsv.gz", "part": "dev"},
        "cats macro",
        "tfidf",
        one,
    ),
    "toward": Task(
        {"type": "entity_sentiment", "entities": "ents"},
        {"path": "sentiment/rusentne-train.tsv", **RUSENTNE, "rows": [0.0, 0.9]},
        {"path": "sentiment/rusentne-train.tsv", **RUSENTNE, "rows": [0.9, 1.0]},
        "ents.sentiment macro",
        "tfidf",
        entities,
        given=["ents"],
        rival={"entities": "ents"},
    ),
    "upos": Task(
        {"type": "tagger"},
        {"path": "morph/ru_taiga-train.conllu.gz", "format": "conllu"},
        {"path": "morph/ru_taiga-dev.conllu.gz", "format": "conllu"},
        "pos",
        "linear",
        sentences,
    ),
    "english": Task(
        {"type": "tagger"},
        {"path": "morph/en_ewt-train.conllu.xz", "format": "conllu"},
        {"path": "morph/en_ewt-dev.conllu.gz", "format": "conllu"},
        "pos",
        "linear",
        sentences,
    ),
    "names": Task(
        {"type": "ner"},
        {"path": "ner/collection5-train.jsonl.gz", "format": "jsonl"},
        {"path": "ner/collection5-dev.jsonl.gz", "format": "jsonl"},
        "ents",
        "linear",
        sentences,
    ),
    "fine": Task(
        {"type": "span_ner", "layer": "fine"},
        {**NEREL, "part": "train"},
        {**NEREL, "part": "dev"},
        "fine",
        "gazetteer",
        sentences,
    ),
    "relations": Task(
        {"type": "relations", "entities": "fine"},
        {**NEREL, "part": "train"},
        {**NEREL, "part": "dev"},
        "relations",
        "pairs",
        sentences,
        given=["fine"],
    ),
    "answers": Task(
        {"type": "qa"},
        {"path": "qa/sberquad-part-train.json.gz", "format": "squad"},
        {"path": "qa/sberquad-part-dev.json.gz", "format": "squad"},
        "answers",
        "window",
        questions,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tasks", nargs="*", choices=[[], *TASKS], metavar="TASK")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--no-baseline", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print("| task | component | figure | examples | defaults | baseline | | seconds |")
    print("|---|---|---|---:|---:|---:|---|---:|")
    for name in arguments.tasks or TASKS:
        task = TASKS[name]
        every = shuffled(read(task.train))
        dev = read(task.dev)
        before = 0
        for size in arguments.sizes:
            train, count = first(every, size, task.size)
            if count == before:
                continue
            before = count
            measured = dev
            if arguments.held_out:
                behind = every[len(train) :]
                measured, _ = first(behind, HELD_OUT, task.size)
            begun = time.perf_counter()
            own = learned(task, task.component, train, measured, arguments.set)
            seconds = time.perf_counter() - begun
            rival = None
            if not arguments.no_baseline:
                rival = BASELINES[task.baseline](task, train, measured)
            cells = [name, task.component["type"], task.score, f"{count:,}", percent(own)]
            cells += [percent(rival), task.baseline, f"{seconds:.0f}"]
            print(f"| {' | '.join(cells)} |", flush=True)


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def read(source: Mapping[str, Any]) -> Docs:
    """The documents of a corpus."""
    tokenize = Pipeline({"lang": "ru"}).tokenize
    options = dict(source)
    path = DATA / options.pop("path")
    if "format" in options:
        docs = read_source(CorpusSource(path, options.pop("format"), options=options), tokenize)
        return [doc for doc in docs if len(doc)]
    return topics(path, options["part"], tokenize)


def topics(
    path: Path,
    part: str,
    tokenize: Callable[[Sequence[str]], Iterable[Doc]],
) -> Docs:
    """Translated sentences; the class of each is the project that it comes from."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    random.Random(1).shuffle(rows)
    rows = rows[2_000:12_000] if part == "train" else rows[:2_000]
    docs = list(tokenize([text for _, text, _ in rows]))
    for doc, (_, _, project) in zip(docs, rows, strict=True):
        doc.add_layer("cats", "doc", 1).set(project, np.ones(1, dtype=np.float32))
    return docs


def shuffled(docs: Docs) -> Docs:
    order = list(docs)
    random.Random(1).shuffle(order)
    return order


def first(docs: Docs, size: int, count: Callable[[Doc], int]) -> tuple[Docs, int]:
    """The first documents with so many examples, and how many they have."""
    some = []
    total = 0
    for doc in docs:
        if total >= size:
            break
        if "cats" in doc.layers or count is not one:
            some.append(doc)
            total += count(doc)
    return some, total


def learned(
    task: Task,
    component: Mapping[str, Any],
    train: Docs,
    dev: Docs,
    settings: Sequence[str] = (),
) -> float:
    """The figure of a component on dev documents after a training."""
    raw: dict[str, Any] = {
        "pipeline": {"lang": "ru", "given": list(task.given)},
        "encoders": {"main": {"type": "bilstm"}},
        "components": {"it": dict(component)},
    }
    if component["type"] == "tfidf":
        raw["training"] = {"epochs": 1, "learning_rate": 0.0}
        del raw["encoders"]
    else:
        raw["components"]["it"]["encoder"] = "main"
    for setting in settings:
        key, _, value = setting.partition("=")
        *sections, last = key.split(".")
        place: Any = raw
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = tomllib.loads(f"value = {value}")["value"]
    recipe = parse_recipe(raw)
    torch.manual_seed(recipe.settings.seed)
    pipeline = build_pipeline(recipe, train)
    prepared = PreparedParts(pipeline, train, np.ones(len(train)), [])
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder)
        Trainer(recipe, prepared, output, "cpu").run(show=False)
        nlp = pipekit.load(output / BEST, device="cpu", precision="float32")
    return figure(evaluate(nlp, dev), task.score)


def tfidf(task: Task, train: Docs, dev: Docs) -> float:
    component = {**task.component, "type": "tfidf", **task.rival}
    return learned(task, component, train, dev)


def linear(task: Task, train: Docs, dev: Docs) -> float:
    """Tags of words by a logistic regression: parts of speech, or names as BIO tags."""
    layer = task.score
    rows, tags = [], []
    for doc in train:
        of_words = tags_of(doc, layer)
        for features, tag in zip(word_features(doc), of_words, strict=True):
            if tag is not None:
                rows.append(features)
                tags.append(tag)
    predict = fitted(rows, tags)
    pairs = []
    for doc in dev:
        copy = doc.copy(bare=True)
        predicted = predict(list(word_features(doc)))
        if layer == "pos":
            copy.tokens.set("pos", predicted)
        else:
            copy.layers[layer] = layer_of(list(spans_of(predicted)))
        pairs.append((doc, copy))
    return figure(score(pairs), layer)


def tags_of(doc: Doc, layer: str) -> list[str | None]:
    """The part of speech of each token, or its BIO tag."""
    if layer == "pos":
        return doc.tokens["pos"].strings()
    tags: list[str | None] = ["O"] * len(doc)
    for span in doc.spans[layer]:
        tags[span.start] = f"B-{span.label}"
        for place in range(span.start + 1, span.end):
            tags[place] = f"I-{span.label}"
    return tags


def spans_of(tags: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Begin, end and label of the spans that BIO tags mean."""
    start, label = 0, ""
    for place, tag in enumerate([*tags, "O"]):
        if label and tag != f"I-{label}":
            yield start, place, label
            label = ""
        if tag != "O" and not label:
            start, label = place, tag[2:]


def layer_of(spans: Sequence[tuple[int, int, str]]) -> Layer:
    starts, ends, labels = ([span[part] for span in spans] for part in range(3))
    return span_layer(starts, ends, labels)


def word_features(doc: Doc) -> Iterator[list[str]]:
    words = ["", "", *doc.words, "", ""]
    for place in range(2, len(words) - 2):
        features = ["bias"]
        for distance in range(-2, 3):
            word = words[place + distance]
            lower = word.lower()
            features += [f"{distance} word {lower}", f"{distance} end {lower[-3:]}"]
            features.append(f"{distance} shape {shape(word)}")
        lower = words[place].lower()
        features += [f"begin {lower[:size]}" for size in (1, 2, 3, 4)]
        features += [f"end {lower[-size:]}" for size in (1, 2, 4, 5)]
        features.append(f"around {words[place - 1].lower()} {words[place + 1].lower()}")
        yield features


def shape(word: str) -> str:
    kinds = [
        "X" if c.isupper() else "x" if c.islower() else "0" if c.isdigit() else c for c in word
    ]
    return "".join(kind for place, kind in enumerate(kinds) if kinds[place - 1 : place] != [kind])


def fitted(rows: list[list[str]], labels: Sequence[str]) -> Callable[[list[list[str]]], list[str]]:
    """A logistic regression from features to labels, as a function."""
    names = sorted(set(labels))
    numbers = [names.index(label) for label in labels]
    targets = np.eye(len(names), dtype=np.float32)[numbers]
    settings: Any = {"exclusive": True, "strength": 5.0, "power": 0.0, "steps": 60}
    fit = fit_weights(hashed(rows), targets, SPACE, **settings)
    weights, bias = torch.from_numpy(fit.weights), torch.from_numpy(fit.bias)

    def predict(new: list[list[str]]) -> list[str]:
        if not new:
            return []
        best = term_logits(hashed(new), weights, bias).argmax(dim=1)
        return [names[number] for number in best.tolist()]

    return predict


def hashed(rows: list[list[str]]) -> Terms:
    """The features of each row as terms: by number, each once, 0.25 for each time it is there."""
    ids = [crc32(feature.encode()) % SPACE for features in rows for feature in features]
    owners = np.repeat(np.arange(len(rows)), [len(features) for features in rows])
    keys, counts = np.unique(owners * SPACE + np.array(ids), return_counts=True)
    lengths = np.bincount(keys // SPACE, minlength=len(rows))
    return Terms(keys % SPACE, 0.25 * counts.astype(np.float32), offsets(lengths))


def gazetteer(task: Task, train: Docs, dev: Docs) -> float:
    """Spans by a list of those that were seen; they may lie within each other."""
    layer = task.score
    spans: Counter[tuple[tuple[str, ...], str]] = Counter()
    for doc in train:
        words = [word.lower() for word in doc.words]
        for span in doc.spans[layer]:
            spans[tuple(words[span.start : span.end]), span.label] += 1
    longest = max(len(words) for words, _ in spans)
    seen = {words for words, _ in spans}
    places: Counter[tuple[str, ...]] = Counter()
    for doc in train:
        for _, _, words in windows(doc, longest):
            places[words] += words in seen
    labels: dict[tuple[str, ...], list[str]] = {}
    for (words, label), count in spans.items():
        if 2 * count > places[words]:
            labels.setdefault(words, []).append(label)
    pairs = []
    for doc in dev:
        copy = doc.copy(bare=True)
        spans_here = []
        for start, end, words in windows(doc, longest):
            for label in labels.get(words, ()):
                spans_here.append((start, end, label))
        copy.layers[layer] = layer_of(spans_here)
        pairs.append((doc, copy))
    return figure(score(pairs, spans=[layer]), layer)


def windows(doc: Doc, longest: int) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Begin, end and words of all stretches of words of up to a length."""
    words = [word.lower() for word in doc.words]
    for start in range(len(words)):
        for end in range(start + 1, min(start + longest, len(words)) + 1):
            yield start, end, tuple(words[start:end])


def pairs(task: Task, train: Docs, dev: Docs) -> float:
    """Relations by a logistic regression over the pairs of entities of each sentence."""
    layer = task.given[0]
    rows, labels = [], []
    for doc in train:
        gold = {(link.head.row, link.tail.row): link.label for link in doc.relations or ()}
        for head, tail, features in pair_features(doc, layer):
            rows.append(features)
            labels.append(gold.get((head, tail), ""))
    predict = fitted(rows, labels)
    results = []
    for doc in dev:
        copy = doc.copy(bare=True)
        copy.layers[layer] = doc.layers[layer].copy()
        found = list(pair_features(doc, layer))
        links = []
        predicted = predict([features for _, _, features in found])
        for (head, tail, _), label in zip(found, predicted, strict=True):
            if label:
                links.append((head, tail, label))
        size = len(links)
        relations = copy.add_layer("relations", "link", size, target=layer)
        relations.set("head", np.array([head for head, _, _ in links], dtype=np.int64))
        relations.set("tail", np.array([tail for _, tail, _ in links], dtype=np.int64))
        relations.set("label", [label for _, _, label in links])
        results.append((doc, copy))
    return figure(score(results), "relations")


def pair_features(doc: Doc, layer: str) -> Iterator[tuple[int, int, list[str]]]:
    """Head, tail and features of the pairs of spans that begin in one sentence."""
    words = [word.lower() for word in doc.words]
    borders = [sentence.start for sentence in doc.sents or ()]
    spans = list(enumerate(doc.spans[layer]))
    of_span = np.searchsorted(borders, [span.start for _, span in spans], "right").tolist()
    for head, first_span in spans:
        for tail, second in spans:
            if head == tail or of_span[head] != of_span[tail]:
                continue
            types = f"{first_span.label} {second.label}"
            ordered = first_span.start <= second.start
            left, right = (first_span, second) if ordered else (second, first_span)
            between = words[left.end : right.start]
            distance = min(len(between), 8) if right.start >= left.end else -1
            place = f"{ordered} {distance}"
            features = ["bias", types, place, f"{types} {place}", f"{types} {ordered}"]
            features += [f"between {word}" for word in between[:8]]
            features += [f"{types} between {word}" for word in between[:8]]
            features += [f"head {word}" for word in words[first_span.start : first_span.end]]
            features += [f"tail {word}" for word in words[second.start : second.end]]
            features.append(f"words {' '.join(between[:4])}")
            yield head, tail, features


def window(task: Task, train: Docs, dev: Docs) -> float:
    """Answers by the words of the question around them."""
    from measure import sliding_window

    figures = []
    for doc in dev:
        texts = doc.layers["questions"]["text"].strings()
        for question, gold in zip(texts, answers_of(doc), strict=True):
            figures.append(overlap(gold, sliding_window(doc.text, question or "")))
    return sum(figures) / len(figures)


BASELINES: dict[str, Baseline] = {
    "tfidf": tfidf,
    "linear": linear,
    "gazetteer": gazetteer,
    "pairs": pairs,
    "window": window,
}

if __name__ == "__main__":
    main()
