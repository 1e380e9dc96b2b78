"""Raw text as hashed words: what every recipe of word vectors reads."""

from __future__ import annotations

import json
import lzma
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import pipekit
from pipekit.corpora.sources import read_corpus
from pipekit.tokenizers.rules import RuleTokenizer
from pipekit.words import chars
from pipekit.words.lexicon import short

CHUNK = 8_000_000  # characters read at a time
# News, Wikipedia, reports: path, format, options of the reader, share that is for training.
PASSAGES: tuple[tuple[str, str, dict[str, Any], float], ...] = (
    ("ner/collection5-train.jsonl.gz", "jsonl", {}, 1.0),
    ("ner/slavicner-ru.jsonl.xz", "jsonl", {}, 0.5),
    ("relations/nerel-1.1-brat.zip", "brat", {"part": "train"}, 1.0),
    ("relations/rurebus-train-1.zip", "brat", {}, 1.0),
    ("relations/rurebus-train-2.zip", "brat", {}, 1.0),
    ("relations/rurebus-train-3.zip", "brat", {}, 1.0),
    ("morph/ru_opencorpora.conllu.xz", "conllu", {"columns": []}, 1.0),
    ("morph/ru_taiga-train.conllu.gz", "conllu", {"columns": []}, 1.0),
    ("sentiment/rusentne-train.tsv", "csv", {"text": "sentence"}, 1.0),
    ("sentiment/cedr-train.csv", "csv", {"label": "labels"}, 1.0),
    ("qa/sberquad-part-train.json.gz", "squad", {}, 1.0),
)


class Segmented(NamedTuple):
    """The normalised words of some lines, and the sentence and line of each, int64[words]."""

    words: chars.Words
    sentences: NDArray[np.int64]
    lines: NDArray[np.int64]

    @property
    def hashes(self) -> NDArray[np.uint32]:
        """The words as the 32 high bits of their hashes."""
        return short(self.words.hashes(self.words.starts, self.words.ends))


def chunks(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """(name of the file, lines) of every text of a folder, ru_*.txt.xz."""
    for path in sorted(folder.glob("ru_*.txt.xz")):
        with lzma.open(path, "rt", encoding="utf-8") as file:
            while lines := file.readlines(CHUNK):
                yield path.name, lines


def passages(data: Path) -> Iterator[tuple[str, list[str]]]:
    """The modern prose in annotated corpora, (name of the file, lines).

    Only train parts are taken, and each line once.
    """
    nlp, seen = pipekit.blank("ru"), set[str]()
    for name, format, options, share in PASSAGES:
        docs = read_corpus(
            data / name, format, nlp.tokenize, on_problem=lambda problem: None, **options
        )
        texts = [doc.text for doc in docs[: round(share * len(docs))]]
        yield name, _new(texts, seen)
    with zipfile.ZipFile(data / "qa/danetqa.zip") as archive:
        rows = archive.read("DaNetQA_no_ans/train.jsonl").decode("utf-8").splitlines()
    yield "qa/danetqa.zip", _new([json.loads(row)["passage"] for row in rows], seen)


def _new(texts: list[str], seen: set[str]) -> list[str]:
    """The lines of texts, ended, that were not seen before."""
    lines = dict.fromkeys(
        line.strip() + "\n" for text in texts for line in text.splitlines() if line.strip()
    )
    found = [line for line in lines if line not in seen]
    seen.update(found)
    return found


def segment(tokenizer: RuleTokenizer, lines: list[str]) -> Segmented:
    """The words of lines, whose ends are kept."""
    segments = tokenizer.segment(lines)
    shifts = np.cumsum([0, *map(len, lines)])
    starts = np.concatenate(
        [s.starts + shift for s, shift in zip(segments, shifts, strict=False)]
    ).astype(np.int64)
    ends = np.concatenate(
        [s.ends + shift for s, shift in zip(segments, shifts, strict=False)]
    ).astype(np.int64)
    words = chars.normalize(chars.Words(chars.codes("".join(lines)), starts, ends))
    sentences = np.cumsum(np.concatenate([s.sentence_starts for s in segments]))
    return Segmented(
        words, sentences, np.repeat(np.arange(len(lines)), [len(s.starts) for s in segments])
    )
