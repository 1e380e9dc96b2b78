"""`pipekit pieces [VOCABULARY] TEXT`: show how words are cut into subword pieces."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipekit.cli.display import table
from pipekit.cli.options import json_option, print_json
from pipekit.errors import ConfigError

if TYPE_CHECKING:
    from pipekit.pipeline import Pipeline
    from pipekit.subwords.cutter import Subwords


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument(
        "vocabulary_and_text",
        nargs="+",
        metavar="[VOCABULARY] TEXT",
        help="a text; before it, a pipeline with a vocabulary, or a vocabulary (tokenizer.json, "
        "vocab.txt, a SentencePiece model, or a folder with one). Without it, the first "
        "installed pipeline with a vocabulary",
    )
    json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the pieces of each word."""
    count = len(options.vocabulary_and_text)
    if count > 2:
        raise ConfigError(
            f"one text is needed, or a vocabulary and a text; {count} were given: "
            f"put the text in quotation marks"
        )
    *vocabulary, text = options.vocabulary_and_text
    if vocabulary:
        subwords, nlp = _load(vocabulary[0])
    else:
        subwords, nlp = _load_installed()
    *words, total = _rows(subwords, nlp, text)
    if options.json:
        cut = [{"word": word, "pieces": pieces.split()} for word, pieces in words]
        print_json({"words": cut, "vocabulary": len(subwords)})
    else:
        print(table([*words, total]))
    return 0


def _rows(
    subwords: Subwords,
    nlp: Pipeline,
    text: str,
) -> Iterator[tuple[str, str]]:
    """A row for each word: the word and its pieces; the numbers of both at the end."""
    from pipekit.parts.batch import Batch

    batch = Batch(nlp.tokenize([text]))
    words = list(batch.docs[0].words)
    cut = subwords.cut(words, batch.spaced.tolist())
    borders = cut.borders.tolist()
    for word, start, end in zip(words, borders, borders[1:], strict=False):
        pieces = subwords.spell(cut.ids[start:end])
        yield word, " ".join(pieces)
    yield "", f"{len(words)} words, {len(cut.ids)} pieces of {len(subwords)}"


def _load(name: str) -> tuple[Subwords, Pipeline]:
    """The vocabulary of a file, of a folder or of a pipeline, and a pipeline that tokenizes."""
    from pipekit.pipeline import Pipeline
    from pipekit.pipeline.loading import load
    from pipekit.storage import store
    from pipekit.subwords.published import read_vocabulary

    if Path(name).exists() and not name.endswith(store.SUFFIX):
        return read_vocabulary(Path(name)), Pipeline({"lang": "ru"})
    nlp = load(name, device="cpu")
    subwords = _vocabulary(nlp)
    if subwords is None:
        raise ConfigError(f"{name}: no encoder of this pipeline cuts words into pieces")
    return subwords, nlp


def _load_installed() -> tuple[Subwords, Pipeline]:
    """The first installed pipeline with a vocabulary."""
    from pipekit import registry
    from pipekit.pipeline.loading import load

    for name in registry.pipelines.names():
        nlp = load(name, device="cpu")
        subwords = _vocabulary(nlp)
        if subwords is not None:
            return subwords, nlp
    raise ConfigError(
        "no installed pipeline cuts words into pieces: "
        "name a vocabulary before the text, `pipekit pieces VOCABULARY TEXT`"
    )


def _vocabulary(nlp: Pipeline) -> Subwords | None:
    """The vocabulary of the first encoder that has one."""
    from pipekit.subwords.cutter import Subwords

    for encoder in nlp.encoders.values():
        subwords = getattr(encoder, "subwords", None)
        if isinstance(subwords, Subwords):
            return subwords
    return None
