"""Accuracy of the normal form of a name (`span.lemma`) on the mentions of SlavicNER.

    python recipes/ner/names.py ru_core "$PIPEKIT_DATA/ner/slavicner-ru.jsonl.xz"

Without regard to case, ё and quotation marks; beside it the text itself, and the lemmas of its
tokens.
"""

from __future__ import annotations

import argparse
import json
import lzma
from collections import Counter
from pathlib import Path

import pipekit

LABELS = ("PER", "LOC", "ORG")


def plain(text: str | None) -> str:
    return (text or "").lower().replace("ё", "е").strip(' «»"')


def main() -> None:
    parser = argparse.ArgumentParser(description="Normal forms of names against SlavicNER.")
    parser.add_argument("pipeline")
    parser.add_argument("corpus", type=Path)
    arguments = parser.parse_args()
    nlp = pipekit.load(arguments.pipeline).select_pipes(enable=["tagger"])
    with lzma.open(arguments.corpus, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    right: dict[str, Counter[str]] = {label: Counter() for label in LABELS}
    for row, doc in zip(rows, nlp.pipe(row["text"] for row in rows), strict=True):
        for mention in row["entities"]:
            span = doc.char_span(mention["start"], mention["end"], mention["label"])
            if mention["label"] in LABELS and span is not None and span.text == mention["surface"]:
                bare = doc[span.start : span.end]
                forms = {"text": span.text, "lemmas": bare.lemma, "normal form": span.lemma}
                found = [
                    name for name, form in forms.items() if plain(form) == plain(mention["lemma"])
                ]
                right[mention["label"]].update(["all", *found])
    print(f"| {'':4} | mentions | text | lemmas | normal form |\n|---|---:|---:|---:|---:|")
    for label, counts in {**right, "all": sum(right.values(), Counter())}.items():
        shares = " | ".join(
            f"{100 * counts[name] / max(counts['all'], 1):.2f}"
            for name in ("text", "lemmas", "normal form")
        )
        print(f"| {label:4} | {counts['all']:8} | {shares} |")


if __name__ == "__main__":
    main()
