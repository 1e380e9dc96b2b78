"""How long a million words take to tables and back.

    python recipes/tables/speed.py [--words 1000000]

The Docs are those of a treebank, over and over, with sentences, tags, lemmas and trees.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipekit import frames
from pipekit.corpora.readers import read_conllu

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("PIPEKIT_DATA", ROOT.parent / "shared" / "data"))


def timed(what: str, words: int, run: Callable[[], Any]) -> Any:
    begin = time.process_time()
    result = run()
    seconds = time.process_time() - begin
    print(f"{what}: {seconds:.2f} s, {words / seconds:,.0f} words a second", flush=True)
    return result


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--words", type=int, default=1_000_000)
    options = arguments.parse_args()
    treebank = list(
        read_conllu(DATA / "morph" / "ru_taiga-dev.conllu.gz", on_problem=lambda problem: None)
    )
    docs = []
    words = 0
    while words < options.words:
        doc = treebank[len(docs) % len(treebank)]
        docs.append(doc)
        words += len(doc)
    print(f"{words} words in {len(docs)} documents")
    tables = {}
    for rows in frames.ROWS:
        tables[rows] = timed(rows, words, lambda rows=rows: frames.to_arrow(docs, rows))
    timed("tokens for pandas", words, lambda: frames.to_pandas(docs))
    timed("tokens for polars", words, lambda: frames.to_polars(docs))
    timed("back", words, lambda: frames.to_docs(**tables))


if __name__ == "__main__":
    main()
