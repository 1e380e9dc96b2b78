"""Corpora by path and format: readers by name, and the options of a recipe's sources."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pipekit import registry
from pipekit.corpora.readers.spans import Tokenize
from pipekit.corpora.span_rules import read_rules, without
from pipekit.doc import Doc
from pipekit.errors import ConfigError, DataError
from pipekit.resources import resource_path
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
    ".docs": "docs",
    ".spacy": "docbin",
}
_RULES = ("mapping", "table", "lexicon")  # options of a source that say how it is rewritten
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
    return _Reading.of(path, format, options).docs(tokenize)


class _Reading(NamedTuple):
    """A file or folder, the name of its format, and the options of its reader."""

    path: Path
    format: str
    options: dict[str, Any]

    @classmethod
    def of(
        cls,
        path: Path,
        format: str | None,
        options: Mapping[str, Any],
    ) -> _Reading:
        name = format or corpus_format(path)
        return cls(path, name, dict(options))

    def reader(self) -> Callable[..., Iterable[Doc]]:
        """The reader. Errors: `ConfigError` for format and options."""
        reader = registry.readers.get(self.format)
        arguments = {"path": self.path, **self.options}
        if _tokenizes(reader):
            arguments["tokenize"] = None
        where = f"{self.path} (format {self.format!r})"
        registry.check_arguments(reader, arguments, where)
        return reader

    def docs(self, tokenize: Tokenize) -> list[Doc]:
        """The documents. Errors: those of `reader`, `DataError` for the corpus."""
        reader = self.reader()
        options = dict(self.options)
        if _tokenizes(reader):
            options["tokenize"] = tokenize
        return list(reader(self.path, **options))


def _tokenizes(reader: Callable[..., Iterable[Doc]]) -> bool:
    parameters = inspect.signature(reader).parameters
    return "tokenize" in parameters


def read_source(
    source: CorpusSource,
    tokenize: Tokenize,
) -> list[Doc]:
    """The documents of a recipe's source.

    Options that are not the reader's: `without` lists other corpora whose documents are left out;
    `mapping`, `table` and `lexicon` name the rules that map the annotations.
    """
    corpus, *others = _readings(source)
    docs = corpus.docs(tokenize)
    for other in others:
        docs = without(docs, other.docs(tokenize))
    mapping, table, lexicon = map(source.options.get, _RULES)
    if mapping:
        rewrite = read_rules(mapping, table or "", lexicon)
        rewrite(docs)
    return docs * source.repeat


def check_source(source: CorpusSource) -> None:
    """Check a recipe's source without reading it.

    Errors: `ConfigError` for an unknown format, an option that its reader does not take, and a file
    of rules that is not there; `DataError` for a corpus that is not there.
    """
    for corpus in _readings(source):
        corpus.reader()
        reads_files = registry.readers.is_own(corpus.format)
        if reads_files and not corpus.path.exists():
            raise _missing(corpus.path)
    mapping, _, lexicon = map(source.options.get, _RULES)
    if mapping and not Path(mapping).exists():
        raise ConfigError(f"{source.path}: mapping = {mapping!r}: no such file")
    if lexicon:
        try:
            resource_path(lexicon)
        except ConfigError as error:
            raise ConfigError(f"{source.path}: lexicon = {error}") from None


def _readings(source: CorpusSource) -> list[_Reading]:
    """The corpus of a source, then those whose documents are left out."""
    options = dict(source.options)
    others = options.pop("without", None)
    for key in _RULES:
        options.pop(key, None)
    corpus = _Reading.of(source.path, source.format, options)
    readings = [corpus]
    for other in others or ():
        options = dict(other)
        path_there = options.pop("path")
        path = Path(path_there)
        format = options.pop("format", None)
        reading = _Reading.of(path, format, options)
        readings.append(reading)
    return readings


def _missing(path: Path) -> DataError:
    return DataError(f"{path}: no such file or folder")


def corpus_format(path: Path) -> str:
    """The format that the suffix of a file tells; suffixes of compression do not count.

    Errors: `DataError` for a path where nothing is, unless its suffix tells a format;
    `ConfigError` for another suffix.
    """
    if path.is_dir():
        return "brat"
    suffixes = [suffix for suffix in path.suffixes if suffix not in _PACKED]
    if not suffixes or suffixes[-1] not in CORPUS_FORMATS:
        if not path.exists():
            raise _missing(path)
        names = ", ".join(registry.readers.names())
        raise ConfigError(f"{path}: its suffix tells no format: name one of {names} by --format")
    return CORPUS_FORMATS[suffixes[-1]]
