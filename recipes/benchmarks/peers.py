"""ru_core beside a spaCy pipeline of the same tasks: vectors, tags, features, names.

    pip install "spacy>=3.8,<4"
    python recipes/benchmarks/peers.py ru_core --data "$PIPEKIT_DATA"

spaCy's pipeline is that of `spacy init config --lang ru --pipeline tagger,morphologizer,ner
--optimize efficiency`: a shared tok2vec of width 96 and depth 4. It learns for one epoch, so that
what it writes is like what is written by a pipeline in use; its speed does not depend on how well
it does. From ru_core the tagger, which writes lemmas too, and the names are taken. Both take turns;
medians are printed:

* stream: words a second from texts (news) to Docs, one thread a process; with two processes counted
  from the first Doc on, since processes take a while to start
* job: `pipekit apply` and `spacy apply` over --docs short documents of JSONL to a file of Docs,
  whole processes, and the most memory that one of them took
* Docs: microseconds from a Doc to bytes and back, beside a DocBin of that document alone and, per
  document, one of all documents
"""

from __future__ import annotations

import argparse
import gzip
import json
import lzma
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

import pipekit
from pipekit.corpora.readers import read_conllu
from pipekit.devices.memory import keep_memory

SEED = 1
STARTER = """import resource, subprocess, sys, time
begun = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"""
BATCH = 128
PARTS = ["tagger", "ner"]
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
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96, "upstream": "*"}
TAGGER = {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}
PARSER = {
    "@architectures": "spacy.TransitionBasedParser.v2",
    "state_type": "ner",
    "extra_state_tokens": False,
    "hidden_width": 64,
    "maxout_pieces": 2,
    "use_upper": True,
    "tok2vec": LISTENER,
}


def read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def short_texts(path: Path, number: int) -> list[str]:
    """So many lines of a file, from all of it."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        lines = [line.strip() for line in file if line.strip()]
    return lines[:: max(1, len(lines) // number)][:number]


# -- spaCy


def train_spacy(data: Path) -> Any:
    import spacy
    from spacy.training import Example
    from spacy.util import minibatch

    random.seed(SEED)
    nlp = spacy.blank("ru")
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    for name, model in (("tagger", TAGGER), ("morphologizer", TAGGER), ("ner", PARSER)):
        nlp.add_pipe(name, config={"model": model})
    examples = [
        _tagged(nlp, doc) for doc in read_conllu(data / "morph" / "ru_taiga-train.conllu.gz")
    ]
    examples += [_named(nlp, row) for row in read(data / "ner" / "collection5-train.jsonl.gz")]
    optimizer = nlp.initialize(lambda: examples)
    random.shuffle(examples)
    for batch in tqdm(list(minibatch(examples, BATCH)), desc="training spaCy"):
        nlp.update(
            [Example(nlp.make_doc(e.reference.text), e.reference) for e in batch],
            sgd=optimizer,
            drop=0.1,
        )
    return nlp


def _tagged(nlp: Any, doc: pipekit.Doc) -> Any:
    from spacy.tokens import Doc
    from spacy.training import Example

    pos = [token.pos or "" for token in doc]
    gold = Doc(
        nlp.vocab,
        words=doc.words,
        spaces=[bool(token.whitespace) for token in doc],
        tags=pos,
        pos=pos,
    )
    for token, features in zip(gold, doc.tokens["morph"].strings(), strict=True):
        token.set_morph(features or "")
    return Example(nlp.make_doc(gold.text), gold)


def _named(nlp: Any, row: dict[str, Any]) -> Any:
    from spacy.training import Example

    gold = nlp.make_doc(row["text"])
    found = [
        gold.char_span(e["start"], e["end"], e["label"], alignment_mode="expand")
        for e in row["entities"]
    ]
    gold.set_ents(_apart(found))
    return Example(nlp.make_doc(row["text"]), gold)


def _apart(spans: list[Any]) -> list[Any]:
    from spacy.util import filter_spans

    return list(filter_spans([span for span in spans if span is not None]))


# -- figures


def medians(sides: dict[str, Callable[[], float]], runs: int, title: str) -> dict[str, float]:
    """Each side's median over runs taken in turn, after one that does not count."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for turn in tqdm(range(runs + 1), desc=title):
        for name, side in sides.items():
            value = side()
            if turn:
                found[name].append(value)
    return {name: statistics.median(values) for name, values in found.items()}


def words_a_second(stream: Iterable[Any], *, started: bool) -> float:
    docs = iter(stream)
    if not started:
        next(docs)
    begun = time.perf_counter()
    words = sum(len(doc) for doc in docs)
    return words / (time.perf_counter() - begun)


def streams(ours: Any, theirs: Any, texts: list[str], copies: int, runs: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for processes in (1, 2):
        many = texts * copies * processes
        sides = {
            f"pipekit, {processes} process": lambda n=processes, t=many: words_a_second(
                ours.pipe(t, n_process=n), started=n == 1
            ),
            f"spaCy, {processes} process": lambda n=processes, t=many: words_a_second(
                theirs.pipe(t, n_process=n, batch_size=BATCH), started=n == 1
            ),
        }
        found |= medians(sides, runs, f"{processes} process")  # type: ignore[arg-type]
    return found


def job(command: list[str]) -> tuple[float, float]:
    """Seconds, and the most megabytes that a process of the job took."""
    # A process counts the memory of the one that started it: a small one stands between.
    starter = [sys.executable, "-c", STARTER, *command]
    done = subprocess.run(
        starter,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    seconds, kilobytes = done.stdout.splitlines()[-1].split()
    return float(seconds), int(kilobytes) / 1024


def jobs(
    ours: Path, theirs: Path, texts: list[str], folder: Path, runs: int
) -> dict[str, tuple[float, float]]:
    source = folder / "short.jsonl"
    source.write_text(
        "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts),
        encoding="utf-8",
    )
    commands = {
        "pipekit apply": [
            sys.executable,
            "-m",
            "pipekit",
            "apply",
            str(ours),
            str(source),
            "-o",
            str(folder / "ours.docs"),
        ],
        "spacy apply": [
            sys.executable,
            "-m",
            "spacy",
            "apply",
            str(theirs),
            str(source),
            str(folder / "theirs.spacy"),
            "--force",
        ],
        "spacy apply --batch-size 256": [],
    }
    commands["spacy apply --batch-size 256"] = [*commands["spacy apply"], "--batch-size", "256"]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in tqdm(range(runs), desc="jobs"):
        for name, command in commands.items():
            for old in folder.glob("ours.docs*"):
                old.unlink()
            found[name].append(job(command))
    return {
        name: (statistics.median(s for s, _ in rows), max(m for _, m in rows))
        for name, rows in found.items()
    }


def files(ours: Any, theirs: Any, texts: list[str], runs: int) -> dict[str, float]:
    """Microseconds a Doc."""
    from spacy.tokens import DocBin

    docs = list(ours.pipe(texts))
    spacy_docs = list(theirs.pipe(texts))
    ours_packed = [doc.to_bytes() for doc in docs]
    each = [DocBin(docs=[doc]).to_bytes() for doc in spacy_docs]
    together = DocBin(docs=spacy_docs).to_bytes()

    def timed(work: Callable[[], object]) -> float:
        begun = time.perf_counter()
        work()
        return 1e6 * (time.perf_counter() - begun) / len(texts)

    def unpack(data: bytes) -> list[Any]:
        return list(DocBin().from_bytes(data).get_docs(theirs.vocab))

    sides = {
        "write, pipekit": lambda: timed(lambda: [doc.to_bytes() for doc in docs]),
        "write, DocBin": lambda: timed(
            lambda: [DocBin(docs=[doc]).to_bytes() for doc in spacy_docs]
        ),
        "write, all in one DocBin": lambda: timed(lambda: DocBin(docs=spacy_docs).to_bytes()),
        "read, pipekit": lambda: timed(
            lambda: [pipekit.Doc.from_bytes(data) for data in ours_packed]
        ),
        "read, DocBin": lambda: timed(lambda: [unpack(data) for data in each]),
        "read, all in one DocBin": lambda: timed(lambda: unpack(together)),
    }
    return medians(sides, runs, "Docs as bytes")


def report(
    stream: dict[str, float], job: dict[str, tuple[float, float]], file: dict[str, float]
) -> None:
    print("| words a second | pipekit | spaCy | ratio |\n|---|---:|---:|---:|")
    for n in (1, 2):
        ours, theirs = stream[f"pipekit, {n} process"], stream[f"spaCy, {n} process"]
        title = "1 process" if n == 1 else f"{n} processes"
        print(f"| {title} | {ours:,.0f} | {theirs:,.0f} | {ours / theirs:.2f} |")
    gains = [
        stream[f"{who}, 2 process"] / stream[f"{who}, 1 process"] for who in ("pipekit", "spaCy")
    ]
    print(f"| two over one | {gains[0]:.2f} | {gains[1]:.2f} | |")
    print("\n| job | seconds | times pipekit's | MB | times pipekit's |\n|---|---:|---:|---:|---:|")
    our_seconds, our_memory = job["pipekit apply"]
    for name, (seconds, memory) in job.items():
        time_cells = f"{seconds:.1f} | {seconds / our_seconds:.2f}"
        memory_cells = f"{memory:.0f} | {memory / our_memory:.2f}"
        print(f"| {name} | {time_cells} | {memory_cells} |")
    columns = "pipekit | a DocBin of each | times pipekit's | all in one DocBin"
    print(f"\n| microseconds a Doc | {columns} |\n|---|---:|---:|---:|---:|")
    for verb in ("write", "read"):
        ours = file[f"{verb}, pipekit"]
        theirs = file[f"{verb}, DocBin"]
        together = file[f"{verb}, all in one DocBin"]
        print(f"| {verb} | {ours:.1f} | {theirs:.1f} | {theirs / ours:.1f} | {together:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description="ru_core beside a spaCy pipeline of the same tasks."
    )
    parser.add_argument("pipeline")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the corpora")
    parser.add_argument("--docs", type=int, default=60_000, help="short documents of the job")
    parser.add_argument(
        "--copies", type=int, default=20, help="how often the news are repeated in a pass"
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--spacy", type=Path, help="a folder that keeps the trained spaCy pipeline from run to run"
    )
    given = parser.parse_args()

    import spacy

    keep_memory()
    torch.set_num_threads(1)
    ours = pipekit.load(given.pipeline, device="cpu", include=PARTS)
    folder = Path(tempfile.mkdtemp())
    kept = given.spacy or folder / "spacy"
    if not kept.exists():
        train_spacy(given.data).to_disk(kept)
    theirs = spacy.load(kept)
    ours.to_disk(folder / "ours.pipekit", half=True)
    news = [row["text"] for row in read(given.data / "ner" / "collection5-dev.jsonl.gz")]
    short = short_texts(given.data / "text" / "ru_modern.txt.xz", given.docs)
    try:
        stream = streams(ours, theirs, news, given.copies, given.runs)
        report(
            stream,
            jobs(folder / "ours.pipekit", kept, short, folder, 3),
            files(ours, theirs, short[:5_000], given.runs),
        )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
