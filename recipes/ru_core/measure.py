"""Measure a trained ru_core on the treebanks, and write it with its figures into its package.

    python recipes/ru_core/measure.py runs/ru_core/best.pipekit \\
        plugins/ru_core/src/ru_core/ru_core.pipekit

Prints the tables of the model card. The test part is measured here and nowhere else, and nothing is
chosen by it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pipekit
from pipekit.corpora.readers import read_conllu
from pipekit.evaluation.evaluate import evaluate
from pipekit.training.toml import data_folder

PARTS = ("ru_taiga-test", "ru_taiga-dev", "ru_gsd-dev", "ru_poetry-dev")
BLOCK = 20  # sentences that are joined by a space, for figures from plain text
COLUMNS = ("tokens", "sents", "pos", "morph", "ufeats", "lemma", "alltags")


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def main() -> None:
    source, target = map(Path, sys.argv[1:3])
    nlp = pipekit.load(source, device="cpu", precision="float32")
    folder = Path(data_folder(Path(__file__).parent)) / "morph"
    performance = {}
    for gold_tokens in (True, False):
        print(f"\n{'Gold tokens' if gold_tokens else f'Plain text, blocks of {BLOCK} sentences'}\n")
        print(f"| | {' | '.join(COLUMNS)} |\n|---|{'---:|' * len(COLUMNS)}")
        for part in PARTS:
            gold = list(
                read_conllu(
                    folder / f"{part}.conllu.gz", group="sentence" if gold_tokens else BLOCK
                )
            )
            scores = evaluate(nlp, gold, gold_tokens=gold_tokens)
            figures = {name: scores[name] for name in COLUMNS}
            performance[f"{part}, {'gold tokens' if gold_tokens else 'plain text'}"] = figures
            print(f"| {part} | {' | '.join(percent(figures[name]) for name in COLUMNS)} |")
    nlp.meta["performance"] = performance
    nlp.to_disk(target, half=True)
    print(f"\n{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
