"""Corpora by path and format: readers by name, and the options of a recipe's sources."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pipekit import registry
from pipekit.corpora.readers.spans import Tokenize
from pipekit.corpora.span_rules import read_rules, without
from pipekit.doc import Doc
from pipekit.errors import ConfigError, DataError
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
    reader, arguments = _checked_reader(path, format, {**options, "tokenize": tokenize})
    return list(reader(path, **arguments))


def _checked_reader(
    path: Path,
    format: str | None,
    options: Mapping[str, Any],
) -> tuple[Callable[..., Iterable[Doc]], dict[str, Any]]:
    """The reader of a file or folder, and its options, without `tokenize` if it takes none.

    Errors: `ConfigError` for format and options.
    """
    name = format or corpus_format(path)
    reader = registry.readers.get(name)
    arguments = dict(options)
    if "tokenize" not in inspect.signature(reader).parameters:
        arguments.pop("tokenize", None)
    registry.check_arguments(reader, {"path": path, **arguments}, f"{path} (format {name!r})")
    return reader, arguments


def read_source(
    source: CorpusSource,
    tokenize: Tokenize,
) -> list[Doc]:
    """The documents of a recipe's source.

    Options that are not the reader's: `without` lists other corpora whose documents are left out;
    `mapping`, `table` and `lexicon` name the rules that map the annotations.
    """
    docs = read_corpus(source.path, source.format, tokenize, **_options_of_reader(source))
    for other in _left_out(source):
        left_out = read_corpus(other.path, other.format or None, tokenize, **other.options)
        docs = without(docs, left_out)
    rules = {key: source.options.get(key) for key in _RULES}
    if rules["mapping"]:
        rewrite = read_rules(rules["mapping"], rules["table"] or "", rules["lexicon"])
        rewrite(docs)
    return docs * source.repeat


def check_source(source: CorpusSource) -> None:
    """Check a recipe's source without reading it.

    Errors: `ConfigError` for an unknown format, an option that its reader does not take, and a file
    of rules that is not there; `DataError` for a corpus that is not there.
    """
    corpora = [replace(source, options=_options_of_reader(source)), *_left_out(source)]
    for corpus in corpora:
        options = {**corpus.options, "tokenize": None}
        _checked_reader(corpus.path, corpus.format or None, options)
        is_file = registry.readers.is_own(corpus.format or corpus_format(corpus.path))
        if is_file and not corpus.path.exists():
            raise DataError(f"{corpus.path}: no such file or folder")
    for key in ("mapping", "lexicon"):
        path = source.options.get(key)
        if path and not Path(path).exists():
            raise ConfigError(f"{source.path}: {key} = {str(path)!r}: no such file")


def _options_of_reader(source: CorpusSource) -> dict[str, Any]:
    own = ("without", *_RULES)
    return {key: value for key, value in source.options.items() if key not in own}


def _left_out(source: CorpusSource) -> Iterator[CorpusSource]:
    """The corpora whose documents are left out; without a format, that of the suffix."""
    for other in source.options.get("without") or ():
        options = dict(other)
        path = Path(options.pop("path"))
        yield CorpusSource(path, options.pop("format", ""), options=options)


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
