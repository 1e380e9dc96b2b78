"""Networks beside the classical baseline: macro F1 per source on texts that none has seen.

python recipes/sentiment/compare.py tfidf=runs/tfidf_cedr/best.pipekit
network=runs/cedr/best.pipekit python recipes/sentiment/compare.py --entities
runs/rusentne/best.pipekit
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pipekit.corpora.sources import CorpusSource, read_source
from pipekit.evaluation.evaluate import evaluate, figure
from pipekit.evaluation.scores import Scores
from pipekit.pipeline import Pipeline
from pipekit.pipeline.loading import load
from pipekit.training.recipe import read_recipe
from pipekit.training.toml import data_folder

HERE = Path(__file__).resolve().parent
SENTIMENT = Path(data_folder(HERE)) / "sentiment"


def source(recipe: str, path: Path, **options: object) -> CorpusSource:
    """A file as the recipe reads its training part, but whole."""
    return CorpusSource(
        path,
        "csv",
        options={**read_recipe(HERE / recipe).train[0].options, "rows": [0.0, 1.0], **options},
    )


def texts(models: dict[str, Pipeline]) -> None:
    """Figures of the sentiment of texts."""
    hard = {"label": "label", "classes": {}, "meta": ["source"]}
    parts = {
        "CEDR test": source("cedr.toml", SENTIMENT / "cedr-test.csv"),
        "hard cases": source("cedr.toml", HERE / "hard_cases.tsv", **hard),
    }
    for title, part in parts.items():
        for name, nlp in models.items():
            docs = [doc for doc in read_source(part, nlp.tokenize) if doc.sentiment is not None]
            found = evaluate(nlp, docs, by="source")
            print(row(title, name, found, "sentiment"))


def entities(path: Path) -> None:
    """Figures of the sentiment toward entities."""
    nlp = load(path)
    found = evaluate(
        nlp, read_source(source("rusentne.toml", SENTIMENT / "rusentne-dev.tsv"), nlp.tokenize)
    )
    pn = 100 * figure(found, "ents.sentiment PN")
    print(row("RuSentNE dev", path.parent.name, found, "ents.sentiment"), f"PN-F1 {pn:.2f}")


def row(title: str, name: str, found: Scores, figures: str) -> str:
    """A line: accuracy, macro F1, and macro F1 of each group."""
    groups = "  ".join(
        f"{key} {100 * figure(scores, f'{figures} macro'):.2f}"
        for key, scores in sorted(found.groups.items())
    )
    accuracy, macro = 100 * (found[figures] or 0), 100 * figure(found, f"{figures} macro")
    return f"{title:12}  {name:10}  accuracy {accuracy:.2f}  macro F1 {macro:.2f}  {groups}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "models",
        nargs="*",
        metavar="NAME=PIPELINE",
        help="pipelines that write the sentiment of texts",
    )
    parser.add_argument(
        "--entities",
        type=Path,
        nargs="*",
        default=[],
        metavar="PIPELINE",
        help="pipelines that judge entities",
    )
    given = parser.parse_args()
    texts({name: load(path) for name, _, path in (model.partition("=") for model in given.models)})
    for path in given.entities:
        entities(path)


if __name__ == "__main__":
    main()
