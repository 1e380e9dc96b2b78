"""Corpora by path and format: the readers by name, with what a recipe may say of a source."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipekit import registry
from pipekit.corpora.readers.spans import Tokenize
from pipekit.corpora.span_rules import read_rules, without
from pipekit.doc import Doc
from pipekit.errors import ConfigError

CORPUS_FORMATS = {
    ".conllu": "conllu", ".conll": "conllu", ".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "text", ".iob": "iob", ".bio": "iob",
    ".zip": "brat", ".csv": "csv", ".tsv": "csv",
}  # fmt: skip
_PACKED = (".gz", ".xz", ".bz2")


@dataclass(frozen=True)
class CorpusSource:
    """A corpus of a recipe: `options` go to the reader of its `format`."""

    path: Path
    format: str
    repeat: int = 1
    until: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)


def read_corpus(path: Path, format: str | None, tokenize: Tokenize, **options: Any) -> list[Doc]:
    """The documents of a file or folder; its suffix tells the format where none is given. Errors: `DataError`, `ConfigError`."""
    name = format or corpus_format(path)
    reader = registry.readers.get(name)
    takes = inspect.signature(reader).parameters
    registry.check_arguments(
        reader, {"path", *options} | ({"tokenize"} & takes.keys()), f"{path} (format {name!r})"
    )
    if "tokenize" in takes:
        options["tokenize"] = tokenize
    return list(reader(path, **options))


def read_source(source: CorpusSource, tokenize: Tokenize) -> list[Doc]:
    """The documents of a recipe's source: without those of other corpora that `without` names, mapped to another annotation where
    `mapping`, `table` and `lexicon` say so, and repeated.
    """
    options = dict(source.options)
    rules = {key: options.pop(key, None) for key in ("mapping", "table", "lexicon", "without")}
    docs = read_corpus(source.path, source.format, tokenize, **options)
    for other in rules["without"] or ():
        given = {key: value for key, value in other.items() if key not in ("path", "format")}
        docs = without(
            docs, read_corpus(Path(other["path"]), other.get("format"), tokenize, **given)
        )
    if rules["mapping"]:
        read_rules(rules["mapping"], rules["table"] or "", rules["lexicon"])(docs)
    return docs * source.repeat


def corpus_format(path: Path) -> str:
    """The format that a file's suffix tells, once that of its compression is off. Errors: `ConfigError`."""
    if path.is_dir():
        return "brat"
    suffixes = [s for s in path.suffixes if s not in _PACKED]
    if not suffixes or suffixes[-1] not in CORPUS_FORMATS:
        raise ConfigError(
            f"{path}: its suffix tells no format: name one of {', '.join(registry.readers.names())} by --format"
        )
    return CORPUS_FORMATS[suffixes[-1]]
