"""Draw the pictures of docs/rendering.md: python recipes/gallery.py [PIPELINE] [FOLDER].

The default is ru_core and docs/pictures.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pipekit
from pipekit.pipeline.questions import ask

TEXT = (
    "Владимир Петров с 2019 года работает в «Яндексе» старшим научным сотрудником. "
    "Его жена Анна недавно переехала в столицу Российской Федерации и очень счастлива!"
)
SENTENCE = "Старший брат отца Анны купил в Москве большой дом."
QUESTION = "Где работает Владимир Петров?"
WIDTH = 720


def main(
    pipeline: str = "ru_core",
    folder: str = "docs/pictures",
) -> None:
    """Write a picture for each style."""
    nlp = pipekit.load(pipeline)
    doc = nlp(TEXT)
    sentence = nlp(SENTENCE)
    docs = {
        "ents": doc,
        "spans": doc,
        "relations": doc,
        "sentiment": doc,
        "answers": nlp(ask(nlp(TEXT), [QUESTION])),
        "morph": sentence,
        "dep": sentence,
    }
    Path(folder).mkdir(parents=True, exist_ok=True)
    for style, shown in docs.items():
        layers = "fine" if style == "spans" else None
        picture = pipekit.render(
            shown,
            style,  # type: ignore[arg-type]
            layers=layers,
            width=WIDTH,
        )
        path = Path(folder) / f"{style}.svg"
        picture.save(path)
        print(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
