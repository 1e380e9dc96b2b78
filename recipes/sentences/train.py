"""Trains the sentence splitter of Russian: pipekit/tokenizers/data/ru.sentences.msgpack.

    python recipes/sentences/train.py

It learns from UD Taiga (train and extra) as it is, and from OpenCorpora put back into running text
(it does not say where spaces were). Consecutive sentences are joined by a space into texts of up to
`BLOCK` sentences; some lose that space or their first capital, as people drop them. OpenCorpora is
written news, so parts of it are dressed up as what it lacks: posts with smileys, tags and names in
place of periods, titles in capitals, texts without periods. What ends in a comma or a colon, and
titles otherwise, stand on lines of their own and teach nothing. A third of all sentences is changed
by `made`: addresses, references, titles, initials, amounts, quotations. The model is a logistic
regression over hashed features, trained by Adam with weight decay and rounded to int8; hidden
layers (8 units) and dropout of features were no better on the dev treebanks.

Prints the F1 of sentences on the dev treebanks. Needs torch, some minutes of one core, and the data
(PIPEKIT_DATA, or ../shared/data beside the project). The result is the same for the same data and
seed.
"""

from __future__ import annotations

import gzip
import json
import lzma
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "recipes" / "benchmarks")]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from made import ABBREVIATIONS, Pools, enclosed, made  # noqa: E402
from tokenization import BLOCK, DATA, TREEBANKS, f1, read_blocks, read_sentences  # noqa: E402

from pipekit.storage.packing import pack  # noqa: E402
from pipekit.tokenizers import border_features, gaps, sentences  # noqa: E402
from pipekit.tokenizers.capitals import load_capitals  # noqa: E402
from pipekit.tokenizers.rules import RuleTokenizer, language_data  # noqa: E402
from pipekit.tokenizers.stems import Stems  # noqa: E402

TREEBANK_FILES = ("ru_taiga-train", "ru_taiga-extra")
WEIGHTS = {"ru_taiga-train": 8.0, "ru_taiga-extra": 8.0}  # of each example
STYLES = {
    "opencorpora": ["news"] * 20 + ["social"] * 9 + ["bare"] + ["made"] * 45,
}
MADE = 0.6  # of the sentences in a text of the style "made"
ENCLOSED = 0.4  # of short neighbours in such a text
SHORT = 45  # characters of a sentence that may stand between quotation marks with others
ENDED = re.compile("[.!?…]['\"»)]*$|[^\\w\\s.,;:]$")
TITLES = 0.3  # of the titles are put in capitals
EMOJI = "😀😂😍😊😘👍🙏❤🔥🎉🤔😉💪👏😁🌹😢😎"
POST_ENDS = [
    " 😊",
    "😂",
    ")",
    "))",
    ")))",
    " )",
    " :)",
    "!!",
    "!!!",
    "...",
    "..",
    "",
    " (",
    "((",
    ".",
    ".",
    "!",
]
NAMES = ("ivan_petrov", "anna-87", "kot", "marina.spb", "user15")
JOINS = 4  # how often the sentences are joined anew
NO_SPACE, NO_CAPITAL = 0.02, 0.02
EPOCHS, BATCH, RATE, DECAY = 8, 4096, 0.01, 3e-5
SEED = 1
OUTPUT = ROOT / "pipekit" / "tokenizers" / "data" / "ru.sentences.msgpack"

random.seed(SEED)
torch.manual_seed(SEED)
torch.set_num_threads(1)


def read_opencorpora() -> Iterator[str]:
    words: list[str] = []
    with lzma.open(DATA / "morph" / "ru_opencorpora.conllu.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            if "\t" in line:
                words.append(line.split("\t")[1])
            elif words:
                yield detokenize(words)
                words = []


def detokenize(words: list[str]) -> str:
    """Words as running text: no space before a comma or after a bracket opens; quotes alternate."""
    text, opened = "", False
    for word in words:
        if word == '"':
            opened = not opened
        glued = (
            not text
            or re.fullmatch(r"[.,!?:;…)\]»]+|\.\.\.", word)
            or text[-1] in "([«"
            or (word == '"' and not opened)
        )
        text += word if glued or (text[-1] == '"' and opened and word != '"') else " " + word
    return text


def read_pools() -> Pools:
    """Names of news, and nouns of OpenCorpora."""
    with gzip.open(DATA / "ner" / "collection5-train.jsonl.gz", "rt", encoding="utf-8") as lines:
        documents = [json.loads(line) for line in lines]
    people, places = [], []
    for document in documents:
        for entity in document["entities"]:
            name = document["text"][entity["start"] : entity["end"]]
            if entity["label"] == "PER":
                people.append(name.split())
            elif entity["label"] in ("LOC", "GEOPOLIT") and " " not in name:
                places.append(name)
    nouns = Counter[str]()
    with lzma.open(DATA / "morph" / "ru_opencorpora.conllu.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            fields = line.split("\t")
            if len(fields) > 3 and fields[3] == "NOUN" and fields[1].islower():
                nouns[fields[1]] += 1
    return Pools(
        last_names=[name[-1] for name in people if name[-1][1:].islower()],
        first_names=[name[0] for name in people if len(name) == 2 and name[0][1:].islower()],
        cities=places,
        nouns=list(nouns),
        short_nouns=[noun for noun in nouns if len(noun) <= 4],
        twins=[noun for noun in nouns if noun in ABBREVIATIONS],
    )


def remade(part: list[str]) -> list[str]:
    """Sentences of a text, many of them changed, and short ones put together."""
    changed: list[str] = []
    rest = list(part)
    while rest:
        sentence = rest.pop(0)
        group = [sentence]
        while rest and len(group) < 3 and max(map(len, [*group, rest[0]])) < SHORT:
            group.append(rest.pop(0))
            if random.random() < 0.5:
                break
        is_plain = all(text[-1] in ".!?…" and text[0].isupper() for text in group)
        if len(group) > 1 and is_plain and random.random() < ENCLOSED:
            changed.append(enclosed(group))
            continue
        for text in group:
            changed.append(made(text, pools) if random.random() < MADE else text)
    return changed


def join(part: list[str], style: str) -> tuple[str, set[int]]:
    """Sentences as one text, and where each begins in it."""
    text, begins = "", set()
    if style == "made":
        part = remade([sentence for sentence in part if ENDED.search(sentence)])
    for sentence in part:
        if style != "treebank":
            sentence = re.sub(
                "(?<!\\S)[—–-](?!\\S)", random.choice("—–-") * random.choice([1, 1, 1, 2]), sentence
            )
        if style == "bare":
            sentence = sentence.removesuffix(".") or sentence
        if style == "social":
            sentence = as_post(sentence)
        if random.random() < NO_CAPITAL and text[-1:] in ".!?…)":
            sentence = sentence[:1].lower() + sentence[1:]
        if text and (
            text[-1] in ",;:"
            or (style in ("news", "social") and not ENDED.search(text) and not text[-2:].isupper())
        ):
            text += "\n\n"  # a title or an item of a list, which stands apart
        elif text and not (
            text[-1] in ".!?…" and sentence[0].isupper() and random.random() < NO_SPACE
        ):
            text += " "
        if style == "news" and not ENDED.search(sentence) and random.random() < TITLES:
            sentence = sentence.upper()
        begins.add(len(text))
        text += sentence
    return text, begins


def as_post(sentence: str) -> str:
    """A sentence of news as in a social network: emoji, other final marks, a name before it."""
    if random.random() < 0.1:
        sentence = re.sub(
            "(?<=[^\\W\\d]) (?=[^\\W\\d])", f" {random.choice(EMOJI)} ", sentence, count=1
        )
    if sentence.endswith("."):
        sentence = sentence[:-1] + random.choice(POST_ENDS)
    if random.random() < 0.1:
        sentence += random.choice([" ", "", " "]) + "".join(
            random.choices(EMOJI, k=random.choice([1, 1, 1, 2, 3]))
        )
    if random.random() < 0.1:
        words = re.findall(r"\w{4,}", sentence) or ["новости"]
        sentence += "".join(
            " #" + word.lower() for word in random.choices(words, k=random.choice([1, 2, 5]))
        )
    return f"@{random.choice(NAMES)} {sentence}" if random.random() < 0.15 else sentence


def blocks(sentences: list[str], styles: list[str]) -> Iterator[tuple[str, set[int]]]:
    start = 0
    while start < len(sentences):
        size = random.choice([1, 3, 10, BLOCK, BLOCK])
        yield join(sentences[start : start + size], random.choice(styles))
        start += size


def examples(sentences: list[str], styles: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the table of weights, and whether a sentence begins there.

    int64[examples, templates], float32[examples].
    """
    rows, labels = [], []
    for text, begins in blocks(sentences, styles):
        tokens = tokenizer.tokens(text, np.zeros(1, np.int64), np.array([len(text)]))
        first, newlines = gaps.line_breaks(tokens)
        places = gaps.border_candidates(tokens, first, newlines)
        if places.size:
            rows.append(border_features.features(tokens, places, first, stems).T)
            labels.append(
                np.fromiter(
                    (start in begins for start in tokens.starts[places].tolist()), np.float32
                )
            )
    return np.concatenate(rows), np.concatenate(labels)


def evaluate() -> dict[str, float]:
    scores = {}
    for name in TREEBANKS:
        gold, found = read_blocks(DATA / "morph" / f"{name}.conllu.gz"), []
        for starts, ends, first in RuleTokenizer("ru").segment([block.text for block in gold]):
            found.append(
                set(zip(starts[first].tolist(), ends[[*first[1:], True]].tolist(), strict=True))
            )
        scores[name] = round(100 * f1([block.sentences for block in gold], found).f1, 2)
    return scores


tokenizer = RuleTokenizer("ru")
stems = Stems(language_data("ru")["followed_by"], load_capitals("ru"))
pools = read_pools()
sources = {
    name: [text for text, _ in read_sentences(DATA / "morph" / f"{name}.conllu.gz")]
    for name in TREEBANK_FILES
}
sources["opencorpora"] = list(read_opencorpora())

parts = [
    (*examples(texts, STYLES.get(name, ["treebank"])), WEIGHTS.get(name, 1.0))
    for name, texts in sources.items()
    for _ in range(JOINS)
]
rows = torch.from_numpy(np.concatenate([rows for rows, _, _ in parts]))
labels = torch.from_numpy(np.concatenate([labels for _, labels, _ in parts]))
importance = torch.from_numpy(
    np.concatenate([np.full(len(labels), weight, np.float32) for _, labels, weight in parts])
)
print(f"{len(rows):,} examples, {labels.mean():.1%} of them borders")

table = torch.nn.EmbeddingBag(1 << border_features.BITS, 1, mode="sum")
torch.nn.init.zeros_(table.weight)
bias = torch.nn.Parameter(torch.zeros(1))
optimizer = torch.optim.Adam([*table.parameters(), bias], lr=RATE)
for epoch in range(EPOCHS):
    total = 0.0
    for group in optimizer.param_groups:
        group["lr"] = RATE * (1 - epoch / EPOCHS)
    for batch in torch.randperm(len(rows)).split(BATCH):
        logits = table(rows[batch]).squeeze(1) + bias  # [batch]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, labels[batch], importance[batch]
        )
        loss = loss + DECAY * table.weight.square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    print(f"epoch {epoch}: loss {total / len(rows):.4f}", flush=True)

weights = table.weight.detach().squeeze(1).numpy()
scale = float(np.abs(weights).max() / 127)
model = {
    "weights": np.round(weights / scale).astype(np.int8).tobytes(),
    "scale": scale,
    "bias": float(bias.item()),
    "trained_on": "UD Russian-Taiga r2.7 train and later additions (CC BY-SA 4.0), "
    "OpenCorpora by MorphoRuEval-2017 (CC BY-SA 3.0, CC BY-NC-SA 3.0)",
}
OUTPUT.write_bytes(pack(model))
sentences.trained_model.cache_clear()
print(evaluate())
