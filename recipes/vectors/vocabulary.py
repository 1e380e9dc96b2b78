"""A corpus as rows of a vocabulary of lemmas, read once and stored.

Skip-gram, CBOW and the counts of co-occurrence are made from it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from corpus import chunks, passages, segment
from lemmas import lemmatize
from numpy.typing import NDArray
from tqdm import tqdm

from pipekit.storage import store
from pipekit.tokenizers.rules import RuleTokenizer
from pipekit.words.chars import from_strings, to_strings
from pipekit.words.lexicon import Lexicon, find, pack_strings, short, unpack_strings

ROWS = 150_000  # lemmas: the most frequent, weighted
MIN_FORM = 2  # occurrences of a form that is looked at
WEIGHTS = {
    "ru_fiction": 1,
    "ru_modern": 4,
    "ru_technical": 1,
}  # how often an epoch reads a text; others as OTHERS
OTHERS = 6


class Corpus(NamedTuple):
    """The words of a corpus, and its vocabulary.

    `words` int32[words] are rows of the vocabulary, `lines` the lines they are in; `parts`
    int64[parts, 3] are start, end, weight. The vocabulary is `names`, by falling weighted `counts`;
    `forms` uint32 are sorted hashes of forms, and `rows` their lemmas.
    """

    words: NDArray[np.int32]
    lines: NDArray[np.int32]
    parts: NDArray[np.int64]
    counts: NDArray[np.int64]
    names: NDArray[np.uint8]
    forms: NDArray[np.uint32]
    rows: NDArray[np.int32]


def read(data: Path, lexicon: Lexicon | None) -> Corpus:
    """All texts as rows of a vocabulary of lemmas."""
    tokenizer = RuleTokenizer()
    strings: dict[int, str] = {}
    known = np.zeros(0, np.uint32)
    texts: list[tuple[int, NDArray[np.uint32], NDArray[np.int64]]] = []
    for name, lines in tqdm(_both(data), desc="reading", unit=" chunks"):
        text = segment(tokenizer, lines)
        weight = next((w for prefix, w in WEIGHTS.items() if name.startswith(prefix)), OTHERS)
        texts.append((weight, text.hashes, text.lines))
        found, first = np.unique(text.hashes, return_index=True)
        new = first[~np.isin(found, known)]
        strings |= zip(text.hashes[new].tolist(), to_strings(text.words.take(new)), strict=True)
        known = np.union1d(known, found)
    counts = _count(texts, known)
    good = np.array(
        [counts[i] >= MIN_FORM and _is_word(strings[h]) for i, h in enumerate(known.tolist())]
    )
    known, counts = known[good], counts[good]
    lemmas = lemmatize([strings[h] for h in known.tolist()], counts, lexicon)
    names = lemmas.names[:ROWS]
    forms, rows = _table(known, lemmas.of, names)
    return _encoded(
        texts,
        known,
        lemmas.of,
        Corpus(*_EMPTY, lemmas.counts[:ROWS], pack_strings(names), forms, rows),
    )


_EMPTY = (np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros((0, 3), np.int64))


def _both(data: Path) -> Iterator[tuple[str, list[str]]]:
    yield from passages(data)
    yield from chunks(data / "text")


def _is_word(form: str) -> bool:
    return form[:1].isalpha() and form[-1].isalpha() and len(form) <= 40


def _count(
    texts: list[tuple[int, NDArray[np.uint32], NDArray[np.int64]]], known: NDArray[np.uint32]
) -> NDArray[np.int64]:
    counts = np.zeros(len(known), np.int64)
    for weight, hashes, _ in texts:
        counts += weight * np.bincount(np.searchsorted(known, hashes), minlength=len(known))
    return counts


def _table(
    known: NDArray[np.uint32], of: NDArray[np.int64], names: list[str]
) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Hashes of forms, sorted, and their rows; a name is always its own."""
    kept = of < len(names)
    words = from_strings(names)
    own = short(words.hashes(words.starts, words.ends))
    hashes, first = np.unique(np.concatenate([own, known[kept]]), return_index=True)
    return hashes, np.concatenate([np.arange(len(names)), of[kept]])[first].astype(np.int32)


def _encoded(
    texts: list[tuple[int, NDArray[np.uint32], NDArray[np.int64]]],
    known: NDArray[np.uint32],
    of: NDArray[np.int64],
    corpus: Corpus,
) -> Corpus:
    words, numbers, parts, size, line = [], [], [], 0, 0
    for weight, hashes, lines in texts:
        place = find(known, hashes)
        rows = np.where(place >= 0, of[np.maximum(place, 0)], ROWS)
        keep = rows < len(corpus.counts)
        words.append(rows[keep].astype(np.int32))
        numbers.append((lines[keep] + line).astype(np.int32))
        parts.append((size, size + int(keep.sum()), weight))
        size, line = parts[-1][1], line + int(lines[-1]) + 1
    return corpus._replace(
        words=np.concatenate(words), lines=np.concatenate(numbers), parts=np.array(parts, np.int64)
    )


def arguments_of(description: str) -> argparse.ArgumentParser:
    """What every recipe of vectors of lemmas is told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--data", type=Path, required=True, help="the folder of corpora, PIPEKIT_DATA"
    )
    parser.add_argument(
        "--lexicon", type=Path, help="a dictionary, by which forms share the vector of their lemma"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for the corpus as numbers")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--rows", type=int, default=60_000, help=f"the most frequent lemmas, at most {ROWS:,}"
    )
    parser.add_argument("--width", type=int, default=100, help="even")
    return parser


def corpus_of(arguments: argparse.Namespace) -> Corpus:
    """The corpus, read once and stored, with the number of rows of the arguments.

    Torch computes on one thread from here on.
    """
    torch.set_num_threads(1)
    arguments.work.mkdir(parents=True, exist_ok=True)
    path = arguments.work / "corpus.pipekit"
    if not path.exists():
        found = read(
            arguments.data,
            None
            if arguments.lexicon is None
            else Lexicon(store.load_container(arguments.lexicon).tensors),
        )
        store.save(path, {"rows": len(found.counts)}, found._asdict())
    corpus = first(Corpus(**store.load_container(path).tensors), arguments.rows)
    size, least = len(corpus.words), corpus.counts[-1]
    print(
        f"{size:,} words of {len(corpus.counts):,} lemmas, the rarest {least} times; "
        f"{len(corpus.forms):,} forms",
        flush=True,
    )
    return corpus


def first(corpus: Corpus, rows: int) -> Corpus:
    """A corpus without any but the most frequent lemmas."""
    kept, forms = corpus.words < rows, corpus.rows < rows
    parts = corpus.parts.copy()
    parts[:, :2] = np.concatenate([[0], np.cumsum(kept)])[parts[:, :2]]
    return Corpus(
        words=corpus.words[kept],
        lines=corpus.lines[kept],
        parts=parts,
        counts=corpus.counts[:rows],
        names=pack_strings(unpack_strings(corpus.names)[:rows]),
        forms=corpus.forms[forms],
        rows=corpus.rows[forms],
    )
