"""`pipekit subwords FILE… -o VOCABULARY`: learn a vocabulary of subword pieces."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipekit.cli.options import json_option, print_json
from pipekit.errors import DataError


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="plain text, a document a line: .txt, also .gz and .xz",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="VOCABULARY",
        help="the tokenizer.json to write, by any name",
    )
    parser.add_argument(
        "--algorithm",
        default="wordpiece",
        metavar="NAME",
        help="wordpiece (the default), bpe or unigram",
    )
    parser.add_argument(
        "--size",
        type=int,
        default=16_000,
        help="how many pieces at most (default: 16000)",
    )
    parser.add_argument(
        "--chars",
        type=int,
        default=35_000_000,
        help="how many characters are read, as many of each file (default: 35000000)",
    )
    parser.add_argument(
        "--lang",
        default="ru",
        help="the language whose tokenizer cuts texts into words (default: ru)",
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Learn a vocabulary and write it."""
    from tqdm import tqdm

    from pipekit.storage.files import write_atomically
    from pipekit.subwords.cutter import SPECIAL
    from pipekit.subwords.learning import learn_subwords

    lines = tqdm(
        first_texts(options.files, options.lang, options.chars),
        desc="reading",
        unit=" lines",
        mininterval=1,
        disable=None,
    )
    subwords = learn_subwords(lines, options.algorithm, options.size)
    if len(subwords) <= len(SPECIAL):
        raise DataError(f"there is no text in {', '.join(map(str, options.files))}")
    write_atomically(options.output, [subwords.table.tobytes()])
    if options.json:
        print_json({"pieces": len(subwords), "vocabulary": str(options.output)})
        return 0
    print(
        f"{len(subwords)} pieces are in {options.output}; "
        f"`pipekit pieces {options.output} TEXT` shows how they cut"
    )
    return 0


def first_texts(
    files: Sequence[Path],
    lang: str,
    chars: int,
) -> Iterator[str]:
    """The beginnings of files, in the form that a vocabulary is learned from.

    Args:
        lang: the language whose tokenizer cuts the texts.
        chars: how many characters are read of all files together.
    """
    from pipekit.corpora.readers import read_text
    from pipekit.pipeline import Pipeline
    from pipekit.subwords.learning import text_of

    tokenize = Pipeline({"lang": lang}).tokenize
    for file in files:
        chars_left = chars / len(files)
        for doc in read_text(file, tokenize=tokenize):
            yield text_of(doc)
            chars_left -= len(doc.text)
            if chars_left <= 0:
                break
