"""Corpora by path and format: readers by name, and the options of a recipe's sources."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pipekit import registry
from pipekit.corpora.readers.spans import Tokenize
from pipekit.corpora.span_rules import read_rules, without
from pipekit.doc import Doc
from pipekit.errors import ConfigError
from pipekit.settings import Between

CORPUS_FORMATS = {
    ".conllu": "conllu",
    ".conll": "conllu",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".txt": "text",
    ".iob": "iob",
    ".bio": "iob",
    ".zip": "brat",
    ".csv": "csv",
    ".tsv": "csv",
}
_PACKED = (".gz", ".xz", ".bz2")


@dataclass(frozen=True)
class CorpusSource:
    """A corpus of a recipe; `options` are those of its reader, and those of `read_source`."""

    path: Path
    format: str
    repeat: Annotated[int, Between(1, 1_000_000)] = 1
    until: Annotated[float, Between(1e-6, 1)] = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)


def read_corpus(
    path: Path,
    format: str | None,
    tokenize: Tokenize,
    **options: Any,
) -> list[Doc]:
    """The documents of a file or folder; without a format, that of its suffix.

    Errors: `DataError` for the corpus, `ConfigError` for format and options.
    """
    name = format or corpus_format(path)
    reader = registry.readers.get(name)
    if "tokenize" in inspect.signature(reader).parameters:
        options["tokenize"] = tokenize
    registry.check_arguments(reader, {"path": path, **options}, f"{path} (format {name!r})")
    return list(reader(path, **options))


def read_source(
    source: CorpusSource,
    tokenize: Tokenize,
) -> list[Doc]:
    """The documents of a recipe's source.

    Options that are not the reader's: `without` lists other corpora whose documents are left out;
    `mapping`, `table` and `lexicon` name the rules that map the annotations.
    """
    options = dict(source.options)
    mapping = options.pop("mapping", None)
    table = options.pop("table", None)
    lexicon = options.pop("lexicon", None)
    others = options.pop("without", None)
    docs = read_corpus(source.path, source.format, tokenize, **options)
    for other in others or ():
        other_options = dict(other)
        path = Path(other_options.pop("path"))
        format = other_options.pop("format", None)
        docs = without(docs, read_corpus(path, format, tokenize, **other_options))
    if mapping:
        rewrite = read_rules(mapping, table or "", lexicon)
        rewrite(docs)
    return docs * source.repeat


def corpus_format(path: Path) -> str:
    """The format that the suffix of a file tells; suffixes of compression do not count.

    Errors: `ConfigError` for another suffix.
    """
    if path.is_dir():
        return "brat"
    suffixes = [suffix for suffix in path.suffixes if suffix not in _PACKED]
    if not suffixes or suffixes[-1] not in CORPUS_FORMATS:
        names = ", ".join(registry.readers.names())
        raise ConfigError(f"{path}: its suffix tells no format: name one of {names} by --format")
    return CORPUS_FORMATS[suffixes[-1]]
