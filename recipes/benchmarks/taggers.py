"""ru_core against a spaCy tagger and morphologizer trained on the same files: accuracy, speed.

    pip install "spacy>=3.8,<4"
    python recipes/benchmarks/taggers.py --recipe recipes/ru_core/ru_core.toml \\
        --pipeline ru_core --test TEST.conllu.gz

spaCy's pipeline is that of `spacy init config --lang ru --pipeline tagger,morphologizer --optimize
efficiency`: a shared tok2vec of width 96 and depth 4. It learns from the recipe's sources as the
recipe reads them; a token of which a source leaves part open is missing to spaCy, which knows
nothing in between. Words a second are medians of --runs passes over the same texts, from text to
Doc, on one thread a process, counted from the first Doc on, since both need a while to start their
processes; pipekit and spaCy take turns, so that a machine that slows down slows both.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

import pipekit
from pipekit.corpora.readers import read_conllu
from pipekit.corpora.sources import read_source
from pipekit.evaluation.evaluate import evaluate
from pipekit.evaluation.metrics import score
from pipekit.training.recipe import read_recipe

SEED = 1
BATCH = 128
TOK2VEC = {
    "@architectures": "spacy.Tok2Vec.v2",
    "embed": {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": 96,
        "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
        "rows": [5000, 1000, 2500, 2500],
        "include_static_vectors": False,
    },
    "encode": {
        "@architectures": "spacy.MaxoutWindowEncoder.v2",
        "width": 96,
        "depth": 4,
        "window_size": 1,
        "maxout_pieces": 3,
    },
}
LISTENER = {
    "@architectures": "spacy.Tagger.v2",
    "tok2vec": {"@architectures": "spacy.Tok2VecListener.v1", "width": 96, "upstream": "*"},
}


def spacy_doc(vocab: Any, doc: pipekit.Doc, *, gold: bool) -> Any:
    from spacy.tokens import Doc

    spaces = [bool(token.whitespace) for token in doc]
    if not gold:
        return Doc(vocab, words=doc.words, spaces=spaces)
    pos, morph = (doc.tokens[name].strings() for name in ("pos", "morph"))
    sure = [
        p is not None and m is not None and "=?" not in m for p, m in zip(pos, morph, strict=True)
    ]
    tags = [p if ok else "" for p, ok in zip(pos, sure, strict=True)]
    made = Doc(vocab, words=doc.words, spaces=spaces, tags=tags, pos=tags)
    for token, features, ok in zip(made, morph, sure, strict=True):
        if ok:
            token.set_morph(features or "")
    return made


def train_spacy(docs: list[pipekit.Doc], epochs: int) -> Any:
    import spacy
    from spacy.training import Example
    from spacy.util import minibatch

    random.seed(SEED)
    nlp = spacy.blank("ru")
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    for name in ("tagger", "morphologizer"):
        nlp.add_pipe(name, config={"model": LISTENER})
    examples = [
        Example(spacy_doc(nlp.vocab, d, gold=False), spacy_doc(nlp.vocab, d, gold=True))
        for d in tqdm(docs, desc="spaCy docs")
    ]
    optimizer = nlp.initialize(lambda: examples)
    for epoch in range(epochs):
        random.shuffle(examples)
        for batch in tqdm(list(minibatch(examples, BATCH)), desc=f"spaCy epoch {epoch + 1}"):
            nlp.update(batch, sgd=optimizer, drop=0.1)
    return nlp


def of_spacy(gold: pipekit.Doc, doc: Any) -> pipekit.Doc:
    found = gold.copy(bare=True)
    found.tokens.set("pos", [t.pos_ for t in doc])
    found.tokens.set("morph", [str(t.morph) for t in doc])
    return found


def rates(run: dict[str, Callable[[], Iterable[Any]]], runs: int) -> dict[str, float]:
    """Words a second of each stream of documents, taken in turn."""
    found: dict[str, list[float]] = {name: [] for name in run}
    for turn in range(runs + 1):
        for name, stream in run.items():
            docs = iter(stream())
            next(docs)
            begun = time.perf_counter()
            words = sum(len(doc) for doc in docs)
            if turn:
                found[name].append(words / (time.perf_counter() - begun))
    return {name: statistics.median(values) for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--pipeline", default="ru_core")
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()

    nlp = pipekit.load(given.pipeline, device="cpu", include=["tagger"])
    gold = list(read_conllu(given.test))
    sources = read_recipe(given.recipe).train
    train_docs = []
    for source in sources:
        train_docs += read_source(source, nlp.tokenize)
    spacy_nlp = train_spacy(train_docs, given.epochs)
    ours = evaluate(nlp, gold)
    bare_docs = [spacy_doc(spacy_nlp.vocab, doc, gold=False) for doc in gold]
    tagged_docs = spacy_nlp.pipe(bare_docs)
    theirs = score(
        (doc, of_spacy(doc, tagged)) for doc, tagged in zip(gold, tagged_docs, strict=True)
    )

    texts = [" ".join(doc.text for doc in gold[i : i + 5]) for i in range(0, len(gold), 5)]
    torch.set_num_threads(1)
    speeds: dict[str, float] = {}
    for processes, copies in ((1, 20), (2, 60)):
        many = texts * copies
        speeds |= rates(
            {
                f"pipekit, {processes} process": lambda n=processes, t=many: nlp.pipe(
                    t, n_process=n
                ),  # type: ignore[misc]
                f"spaCy, {processes} process": lambda n=processes, t=many: spacy_nlp.pipe(
                    t, n_process=n
                ),  # type: ignore[misc]
            },
            given.runs,
        )
    accuracy = {
        who: {name: scores[name] for name in ("pos", "morph", "lemma")}
        for who, scores in (("pipekit", ours), ("spaCy", theirs))
    }
    result = {"accuracy": accuracy, "words a second": speeds}
    if given.json:
        print(json.dumps(result, ensure_ascii=False))
        return
    print("| | UPOS | features | lemma |\n|---|---|---|---|")
    for who, figures in result["accuracy"].items():
        print(
            f"| {who} |"
            + "|".join(f" {100 * v:.2f} " if v is not None else " - " for v in figures.values())
            + "|"
        )
    print("\n| | words a second |\n|---|---|")
    for who, speed in speeds.items():
        print(f"| {who} | {speed:,.0f} |")


if __name__ == "__main__":
    main()
