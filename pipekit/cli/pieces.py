"""`pipekit pieces [VOCABULARY] TEXT`: show how words are cut into subword pieces."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipekit.cli.options import table
from pipekit.errors import ConfigError

if TYPE_CHECKING:
    from pipekit.pipeline import Pipeline
    from pipekit.subwords.cutter import Subwords


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "given",
        nargs="+",
        metavar="[VOCABULARY] TEXT",
        help="a text; before it a pipeline that has a vocabulary, or one (tokenizer.json, vocab.txt, a SentencePiece model, "
        "a folder with one). Without it, the first installed pipeline that has one",
    )
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    if len(given.given) > 2:
        raise ConfigError(
            f"one text is needed, or a vocabulary and a text; {len(given.given)} were given: put the text in quotation marks"
        )
    *vocabulary, text = given.given
    subwords, nlp = _named(vocabulary[0]) if vocabulary else _installed()
    print(table(_lines(subwords, nlp, text)))
    return 0


def _lines(subwords: Subwords, nlp: Pipeline, text: str) -> Iterator[tuple[str, str]]:
    from pipekit.parts.batch import Batch

    batch = Batch(nlp.tokenize([text]))
    words = list(batch.docs[0].words)
    cut = subwords.cut(words, batch.spaced.tolist())
    for word, begin, end in zip(
        words, cut.borders.tolist(), cut.borders[1:].tolist(), strict=False
    ):
        yield word, " ".join(subwords.spell(cut.ids[begin:end]))
    yield "", f"{len(words)} words, {len(cut.ids)} pieces of {len(subwords)}"


def _named(name: str) -> tuple[Subwords, Pipeline]:
    """What a vocabulary file, a folder or a pipeline cuts by."""
    from pipekit.pipeline import Pipeline
    from pipekit.pipeline.loading import load
    from pipekit.storage import store
    from pipekit.subwords.published import read_vocabulary

    if Path(name).exists() and not name.endswith(store.SUFFIX):
        return read_vocabulary(Path(name)), Pipeline({"lang": "ru"})
    nlp = load(name, device="cpu")
    found = of(nlp)
    if found is None:
        raise ConfigError(f"{name}: no encoder of this pipeline cuts words into pieces")
    return found, nlp


def _installed() -> tuple[Subwords, Pipeline]:
    from pipekit import registry
    from pipekit.pipeline.loading import load

    for name in registry.pipelines.names():
        nlp = load(name, device="cpu")
        found = of(nlp)
        if found is not None:
            return found, nlp
    raise ConfigError(
        "no installed pipeline cuts words into pieces: name a vocabulary before the text, `pipekit pieces VOCABULARY TEXT`"
    )


def of(nlp: Pipeline) -> Subwords | None:
    """The vocabulary of the first encoder that has one."""
    from pipekit.subwords.cutter import Subwords

    found = (getattr(encoder, "subwords", None) for encoder in nlp.encoders.values())
    return next((each for each in found if isinstance(each, Subwords)), None)
