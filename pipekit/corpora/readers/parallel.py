"""Parallel texts: tables of pairs, two files line by line, and the .po files of translators."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from operator import attrgetter
from pathlib import Path
from typing import Annotated, NamedTuple

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.sentences import set_strings
from pipekit.corpora.readers.spans import Tokenize, with_docs
from pipekit.doc import Doc
from pipekit.doc.layer import span_layer
from pipekit.errors import ConfigError, cure
from pipekit.settings import Between

SUFFIXES = (".tsv", ".txt", ".po")
ColumnNumber = Annotated[int, Between(1, 10_000)]


class Pair(NamedTuple):
    """A text and what is written for it, the line, and where they come from."""

    source: str
    target: str
    line: int
    origin: str


def read_parallel(
    path: StrPath,
    *,
    tokenize: Tokenize,
    source: ColumnNumber = 1,
    target: ColumnNumber = 2,
    origin: int = 3,
    targets: StrPath = "",
    layer: str = "translation",
    rows: tuple[float, float] | list[float] = (0.0, 1.0),
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """A Doc for each pair, whose text is the source; the other text stands in a layer.

        read_parallel("en-ru.tsv", tokenize=nlp.tokenize)
        read_parallel("europarl.ru", targets="europarl.en", tokenize=nlp.tokenize)
        read_parallel("django.po", source=2, target=1, tokenize=nlp.tokenize)

    A file .po is read by the library polib, an extra; its columns are msgid and msgstr, without
    plurals and without what is fuzzy, empty or obsolete.

    Args:
        tokenize: makes Docs of texts.
        source, target: the columns of a table without a head, from 1.
        origin: the column that says where a pair comes from, for figures of each; 0 for none.
        targets: a second file, whose lines belong to those of `path`; columns are not read then.
        layer: the span layer of the other text: one span over the whole Doc, with a column "text".
        rows: the part of the pairs to read, as two shares: [0.9, 1.0] is the last tenth.
        on_problem: receives each `Problem`, and reading goes on.

    Errors: `DataError` naming file and line.
    """
    with corpus(path, SUFFIXES, on_problem) as files:
        for file in files.values():
            if targets:
                every = _from_two(file, targets, on_problem)
            elif file.name.endswith(".po"):
                every = _from_po(file, source, target)
            else:
                every = _from_table(file, source, target, origin)
            pairs = list(every)
            begin = round(rows[0] * len(pairs))
            end = round(rows[1] * len(pairs))
            yield from _docs(file, pairs[begin:end], layer, tokenize)


def _docs(
    file: CorpusFile,
    pairs: list[Pair],
    layer: str,
    tokenize: Tokenize,
) -> Iterator[Doc]:
    name = Path(file.name).name
    for pair, doc in with_docs(pairs, attrgetter("source"), tokenize):
        doc.name = f"{name}:{pair.line}"
        written = span_layer([0], [len(doc)])
        doc.layers[layer] = written.set("text", [pair.target])
        if pair.origin:
            meta = doc.add_layer("meta", "doc", 1)
            set_strings(meta, "source", [pair.origin])
        yield doc


def _from_table(
    file: CorpusFile,
    source: int,
    target: int,
    origin: int,
) -> Iterator[Pair]:
    for line, text in enumerate(file.lines(), 1):
        if not text.strip():
            continue
        cells = text.split("\t")
        if len(cells) < max(source, target):
            needed = max(source, target)
            cure = f"{needed} columns with a tab between are needed"
            file.fail(
                line,
                "columns",
                f"has {len(cells)} columns: {cure}",
            )
            continue
        own = cells[origin - 1] if 0 < origin <= len(cells) else ""
        pair = Pair(
            cells[source - 1].strip(),
            cells[target - 1].strip(),
            line,
            own,
        )
        if pair.source and pair.target:
            yield pair
        else:
            file.fail(line, "pair", "has an empty text: both are needed")


def _from_two(
    file: CorpusFile,
    targets: StrPath,
    on_problem: OnProblem | None,
) -> Iterator[Pair]:
    with corpus(targets, SUFFIXES, on_problem) as others:
        if len(others) != 1:
            raise ConfigError(
                f"targets = {targets}: one file is needed, and {len(others)} are there"
            )
        [other] = others.values()
        both = zip_longest(file.lines(), other.lines())
        for line, (source, target) in enumerate(both, 1):
            if source is None or target is None:
                ended = file.name if source is None else other.name
                file.fail(
                    line,
                    "lines",
                    f"has no partner: {ended} ends before this line",
                )
                return
            if source.strip() and target.strip():
                yield Pair(
                    source.strip(),
                    target.strip(),
                    line,
                    "",
                )


def _from_po(
    file: CorpusFile,
    source: int,
    target: int,
) -> Iterator[Pair]:
    try:
        import polib
    except ImportError as error:
        raise ConfigError(f"files .po need the polib library: {cure('polib')}") from error
    try:
        entries = polib.pofile(file.text())
    except (OSError, ValueError) as error:
        file.fail(
            None,
            "po",
            f"is no .po file: {error}",
        )
        return
    for entry in entries.translated_entries():
        texts = (" ".join(entry.msgid.split()), " ".join(entry.msgstr.split()))
        if all(texts):
            yield Pair(
                texts[source - 1],
                texts[target - 1],
                entry.linenum,
                Path(file.name).stem,
            )
