"""How often words have a capital within a sentence: pipekit/tokenizers/data/ru.capitals.bin.

    python recipes/sentences/capitals.py

Counts the words of raw texts that follow a small letter or a comma and stand before a space or a
comma, since there a capital says that the word is a name. The file is the table that
`pipekit.tokenizers.capitals` describes. Needs some minutes and the data (PIPEKIT_DATA, or
../shared/data beside the project).
"""

from __future__ import annotations

import gzip
import json
import lzma
import os
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tqdm import tqdm  # noqa: E402

from pipekit.tokenizers.capitals import capital_table  # noqa: E402

DATA = Path(os.environ.get("PIPEKIT_DATA", ROOT.parent / "shared" / "data"))
TEXTS = ("modern", "duma", "laws", "technical", "documentation", "fiction-00", "fiction-01")
WORD = re.compile(r"(?<=[а-яё,] )[А-ЯЁа-яё][а-яё]*(?:-[А-ЯЁа-яё][а-яё]*)*(?=[ ,])")
RAREST = 2  # how often a word must occur
OUTPUT = ROOT / "pipekit" / "tokenizers" / "data" / "ru.capitals.bin"


def lines() -> Iterator[str]:
    """Lines of raw texts, then the texts of corpora of news."""
    for name in TEXTS:
        with lzma.open(DATA / "text" / f"ru_{name}.txt.xz", "rt", encoding="utf-8") as file:
            yield from tqdm(file, name, unit=" lines", disable=None)
    with gzip.open(DATA / "ner" / "collection5-train.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)["text"]
    with zipfile.ZipFile(DATA / "relations" / "nerel-1.1-brat.zip") as archive:
        for name in archive.namelist():
            if "train" in name and name.endswith(".txt"):
                yield archive.read(name).decode("utf-8")


small: Counter[str] = Counter()
capital: Counter[str] = Counter()
for line in lines():
    for word in WORD.findall(line):
        counts = capital if word[0].isupper() else small
        counts[word.lower().replace("ё", "е")] += 1

words = [word for word in small | capital if small[word] + capital[word] >= RAREST]
words.sort(key=lambda word: small[word] + capital[word])
shares = [capital[word] / (small[word] + capital[word]) for word in words]
OUTPUT.write_bytes(capital_table(words, shares).tobytes())
print(f"{len(words):,} words, {sum(share > 0.5 for share in shares):,} of them mostly names")
