"""`pipekit subwords FILE… -o VOCABULARY`: learn a vocabulary of subword pieces."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="a document a line: .txt, also .gz and .xz",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="VOCABULARY",
        help="a tokenizer.json, named as you like",
    )
    parser.add_argument(
        "--algorithm",
        default="wordpiece",
        metavar="NAME",
        help="wordpiece (the default), bpe or unigram",
    )
    parser.add_argument(
        "--size", type=int, default=16_000, help="how many pieces at most (default: 16000)"
    )
    parser.add_argument(
        "--chars",
        type=int,
        default=35_000_000,
        help="how much text is read, the same of each file (default: 35000000)",
    )
    parser.add_argument(
        "--lang", default="ru", help="whose rules cut texts into words (default: ru)"
    )
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    from tqdm import tqdm

    from pipekit.storage.files import write_atomically
    from pipekit.subwords.cutter import learn_subwords

    lines = tqdm(
        texts(given.files, given.lang, given.chars),
        desc="reading",
        unit=" lines",
        mininterval=1,
        disable=None,
    )
    found = learn_subwords(lines, given.algorithm, given.size)
    write_atomically(given.output, [found.table.tobytes()])
    print(
        f"{len(found)} pieces are in {given.output}; `pipekit pieces {given.output} TEXT` shows how they cut"
    )
    return 0


def texts(files: Sequence[Path], lang: str, chars: int) -> Iterator[str]:
    """The beginnings of files, of `chars` characters together, in the form that a vocabulary is learned from."""
    from pipekit.corpora.readers import read_text
    from pipekit.pipeline import Pipeline
    from pipekit.subwords.cutter import text_of

    tokenize = Pipeline({"lang": lang}).tokenize
    for file in files:
        left = chars / len(files)
        for doc in read_text(file, tokenize=tokenize):
            yield text_of(doc)
            left -= len(doc.text)
            if left <= 0:
                break
