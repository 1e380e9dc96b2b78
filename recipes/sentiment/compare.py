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
MADE = HERE.parents[1] / "build" / "sentiment"  # see made.py


def source(recipe: str, path: Path, **options: object) -> CorpusSource:
    """A file as the recipe reads its training part, but whole."""
    return CorpusSource(
        path,
        "csv",
        options={**read_recipe(HERE / recipe).train[0].options, "rows": [0.0, 1.0], **options},
    )


LABELLED = {"label": "label", "classes": {}, "meta": ["source"]}
TEXTS = {
    "CEDR test": source("cedr.toml", SENTIMENT / "cedr-test.csv"),
    "posts": source("cedr.toml", SENTIMENT / "synthetic-latent_taxonomy.csv", **LABELLED),
    "made, held out": source("cedr.toml", MADE / "texts_held.csv", **LABELLED),
    "hard cases": source("cedr.toml", HERE / "hard_cases.tsv", **LABELLED),
}
PLACES = {"text": "text", "span": ["start", "end", "tag"]}
ENTITIES = {
    "RuSentNE dev": source("rusentne.toml", SENTIMENT / "rusentne-dev.tsv"),
    "made, held out": source("rusentne.toml", MADE / "toward_held.tsv", **PLACES),
}


def texts(models: dict[str, Pipeline]) -> None:
    """Figures of the sentiment of texts."""
    for title, part in TEXTS.items():
        for name, nlp in models.items():
            docs = [doc for doc in read_source(part, nlp.tokenize) if doc.sentiment is not None]
            found = evaluate(nlp, docs, by="source")
            print(row(title, name, found, "sentiment"), flush=True)


def entities(path: Path) -> None:
    """Figures of the sentiment toward entities."""
    nlp = load(path)
    nlp = nlp.select_pipes(enable=["entity_sentiment"], given=["ents"])
    for title, part in ENTITIES.items():
        found = evaluate(nlp, read_source(part, nlp.tokenize), keep=["ents"])
        pn = 100 * figure(found, "ents.sentiment PN")
        print(row(title, path.parent.name, found, "ents.sentiment"), f"PN-F1 {pn:.2f}")


def row(title: str, name: str, found: Scores, figures: str) -> str:
    """A line: accuracy and macro F1, of all and of each group."""
    groups = [f"{key} {_pair(scores, figures)}" for key, scores in sorted(found.groups.items())]
    return (
        f"{title:14}  {name:10}  accuracy / macro F1 {_pair(found, figures)}  {'  '.join(groups)}"
    )


def _pair(scores: Scores, figures: str) -> str:
    accuracy = 100 * (scores[figures] or 0)
    macro = 100 * figure(scores, f"{figures} macro")
    return f"{accuracy:.1f} / {macro:.1f}"


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
