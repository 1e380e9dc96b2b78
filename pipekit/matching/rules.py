"""Rules that label spans, as lines of JSON: patterns of tokens, and terms.

    {"label": "STREET", "pattern": [{"LOWER": "ул."}, {"IS_TITLE": true}]}
    {"label": "ORG", "pattern": "Яндекс Маркет", "id": "market"}

Files of these lines, as spaCy's entity ruler reads them, become tables, which pipeline files keep.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pipekit.doc import Doc
from pipekit.errors import ConfigError, DataError, near
from pipekit.matching.phrases import term_tables, words_of_docs
from pipekit.matching.word_views import STRINGS
from pipekit.tables import Table, TextLines

MOST_RULES = 1 << 17
_MOST_LINES = 1 << 22
_LONGEST = 1 << 16  # bytes of a line
_KEYS = ("label", "pattern", "id")
_LONGEST_NAME = 256

SPAN_RULE_TABLES: dict[str, Table | TextLines] = {
    "lines": TextLines(
        "lines",
        most=_MOST_LINES,
        longest=_LONGEST,
        needed=False,
    ),
    "owners": TextLines(
        "owners",
        most=_MOST_LINES,
        longest=4 * _LONGEST_NAME,
        needed=False,
    ),
}
"""Tables of rules: rules as lines of JSON; label and id of what owns terms, a JSON list a line.
Terms that are cut into words already stand beside, under names that begin with "terms."."""


class Owner(NamedTuple):
    """What a rule says of the spans that it describes: a label, and an id if it has one."""

    label: str
    id: str | None


class SpanRule(NamedTuple):
    """A rule, and what it is called in messages.

    Attributes:
        pattern: a list of dicts, or a term.
    """

    owner: Owner
    pattern: list[Any] | str
    where: str


class Cutter(Protocol):
    """What cuts and annotates terms: a pipeline."""

    def tokenize(self, texts: Sequence[str]) -> list[Doc]: ...
    def pipe(self, texts: Iterable[str]) -> Iterator[Any]: ...


def read_span_rules(
    items: Iterable[Any],
    where: str,
) -> list[SpanRule]:
    """Rules of dicts.

    Errors: `ConfigError` naming the rule by its number, the key, and near names.
    """
    rules = []
    for number, item in enumerate(items):
        place = f"{where}[{number}]"
        rules.append(_rule(item, place))
    return rules


def read_rule_lines(
    lines: Iterable[str],
    where: str,
) -> list[SpanRule]:
    """Rules of lines of JSON; empty lines are passed over.

    Errors: `DataError` for a line that is no JSON, `ConfigError` for one that is no rule; both name
    the line.
    """
    rules = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{where}:{number}"
        try:
            item = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{place}: no JSON: {error}") from None
        rules.append(_rule(item, place))
    return rules


def _rule(
    item: Any,
    where: str,
) -> SpanRule:
    if not isinstance(item, Mapping):
        raise ConfigError(f"{where}: {item!r:.80}: a rule is a dict with label and pattern")
    for key in item:
        if key not in _KEYS:
            name = str(key)[:80]
            raise ConfigError(f"{where}: a rule has no key {name!r}.{near(name, _KEYS)}")
    for key in ("label", "pattern"):
        if key not in item:
            raise ConfigError(f"{where}: the rule has no {key!r}")
    owner = Owner(
        _name(item, "label", where),
        _name(item, "id", where),
    )
    pattern = item["pattern"]
    if isinstance(pattern, str):
        pattern = _as_term(pattern, where)
    elif not isinstance(pattern, list | tuple):
        raise ConfigError(
            f"{where}: pattern = {pattern!r:.80}: a term or a list of dicts is needed"
        )
    return SpanRule(
        owner=owner,
        pattern=pattern,
        where=where,
    )


def _as_term(
    text: str,
    where: str,
) -> str:
    """A term without white space around it. Errors: `ConfigError` where nothing is left."""
    term = text.strip()
    if not term:
        raise ConfigError(f"{where}: the term has no words")
    return term


def _name(
    item: Mapping[str, Any],
    key: str,
    where: str,
) -> Any:
    name = item.get(key)
    if name is None and key == "id":
        return None
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        needed = f"a string of 1 to {_LONGEST_NAME} characters is needed"
        raise ConfigError(f"{where}: {key} = {name!r:.80}: {needed}")
    return name


def lines_table(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """A file of rules as a table, checked. Errors: `DataError`, `ConfigError` naming file and line.

    Terms in it are cut when a pipeline sees its first text; `pattern_tables` cuts them now.
    """
    lines = _read(path)
    read_rule_lines(lines, os.fspath(path))
    rules = filter(str.strip, lines)
    return {"lines": _packed(rules)}


def pattern_tables(
    source: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
    nlp: Cutter,
    *,
    by: str = "text",
) -> dict[str, NDArray[Any]]:
    """The tables of a span ruler for a file of rules, or for rules as dicts.

        tables = pattern_tables("terms.jsonl", nlp, by="lemma")
        nlp.add_pipe("span_ruler", tables=tables, phrases_by="lemma")

    Args:
        nlp: the pipeline that cuts terms into words; by a column, such as "lemma", it annotates
            them too.
        by: what words of a text have to be equal to words of terms in, as of `PhraseMatcher`.

    Errors: `DataError`, `ConfigError` naming file and line.
    """
    if isinstance(source, str | os.PathLike):
        rules = read_rule_lines(_read(source), os.fspath(source))
    else:
        rules = read_span_rules(source, "patterns")
    terms = []
    lines = []
    numbers: dict[Owner, int] = {}
    owners = []
    for rule in rules:
        if not isinstance(rule.pattern, str):
            lines.append(_as_line(rule))
            continue
        terms.append(rule.pattern)
        owner = numbers.setdefault(rule.owner, len(numbers))
        owners.append(owner)
    tables: dict[str, NDArray[Any]] = {}
    if lines:
        tables["lines"] = _packed(lines)
    if terms:
        words = cut_terms(terms, nlp, by)
        trie = term_tables(words, owners)
        for name, array in trie.items():
            tables[f"terms.{name}"] = array
        owner_lines = [json.dumps(owner, ensure_ascii=False) for owner in numbers]
        tables["owners"] = _packed(owner_lines)
    return tables


def cut_terms(
    terms: Sequence[str],
    nlp: Cutter,
    by: str,
) -> list[list[str]]:
    """The words of terms, as a view or a column shows them."""
    docs = nlp.tokenize(terms) if by in STRINGS else nlp.pipe(terms)
    return words_of_docs(docs, by)


def _as_line(rule: SpanRule) -> str:
    label, id = rule.owner
    item: dict[str, Any] = {
        "label": label,
        "pattern": rule.pattern,
    }
    if id is not None:
        item["id"] = id
    return json.dumps(item, ensure_ascii=False)


def _read(path: str | os.PathLike[str]) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().split("\n")
    except OSError as error:
        raise DataError(f"{os.fspath(path)}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{os.fspath(path)}: no UTF-8 at byte {error.start}") from None


def _packed(lines: Iterable[str]) -> NDArray[np.uint8]:
    text = "\n".join(lines)
    return np.frombuffer(text.encode(), np.uint8)


def lines_of(table: NDArray[Any]) -> list[str]:
    """The lines of a table of lines."""
    text = table.tobytes().decode()
    return text.split("\n")


def read_owners(table: NDArray[Any]) -> list[Owner]:
    """The owners of terms. Errors: `ConfigError` for a line that is none."""
    owners = []
    for number, line in enumerate(lines_of(table)):
        where = f"owners of terms, line {number + 1}"
        try:
            label, id = json.loads(line)
        except (ValueError, TypeError, RecursionError):
            raise ConfigError(f"{where}: {line!r:.80}: a list of label and id is needed") from None
        item = {"label": label, "id": id}
        owners.append(
            Owner(
                _name(item, "label", where),
                _name(item, "id", where),
            )
        )
    return owners
