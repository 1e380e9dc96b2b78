"""Raw text as hashed words: what every recipe of word vectors reads."""

from __future__ import annotations

import gzip
import json
import lzma
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit import chars
from pipekit.lexicon import short
from pipekit.tokenizers.rules import RuleTokenizer

CHUNK = 8_000_000  # characters read at a time


class Segmented(NamedTuple):
    """The words of some lines, normalised; which sentence and which line each is in, int64[words]."""

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
    """(name of the file, lines) of the modern prose in annotated corpora, of their train parts only: news and Wikipedia."""
    with gzip.open(data / "ner/collection5-train.jsonl.gz", "rt", encoding="utf-8") as file:
        yield "collection5", [line for row in file for line in _lines(json.loads(row)["text"])]
    with zipfile.ZipFile(data / "qa/danetqa.zip") as archive:
        rows = archive.read("DaNetQA_no_ans/train.jsonl").decode("utf-8").splitlines()
        yield "danetqa", [line for row in rows for line in _lines(json.loads(row)["passage"])]
    with gzip.open(data / "qa/sberquad-part-train.json.gz", "rt", encoding="utf-8") as file:
        articles = json.load(file)["data"]
        contexts = dict.fromkeys(p["context"] for article in articles for p in article["paragraphs"])
        yield "sberquad", [line for context in contexts for line in _lines(context)]


def _lines(text: str) -> list[str]:
    return [line + "\n" for line in text.splitlines() if line.strip()]


def segment(tokenizer: RuleTokenizer, lines: list[str]) -> Segmented:
    """The words of lines, whose ends are kept."""
    segments = tokenizer.segment(lines)
    shifts = np.cumsum([0, *map(len, lines)])
    starts = np.concatenate([s.starts + shift for s, shift in zip(segments, shifts, strict=False)]).astype(np.int64)
    ends = np.concatenate([s.ends + shift for s, shift in zip(segments, shifts, strict=False)]).astype(np.int64)
    words = chars.normalize(chars.Words(chars.codes("".join(lines)), starts, ends))
    sentences = np.cumsum(np.concatenate([s.sentence_starts for s in segments]))
    return Segmented(words, sentences, np.repeat(np.arange(len(lines)), [len(s.starts) for s in segments]))
