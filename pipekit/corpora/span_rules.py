"""Reading the spans of one corpus as if it were annotated like another: a table of a TOML file.

    [nerel]
    rename = {ents = "fine"}       layers by the reader's name and the new one; links into them follow

    [nerel.layers.ents]            a layer of spans that do not overlap, made from another (or in its place)
    from = "fine"
    labels = {PERSON = "PER", …}   the labels that it takes, and what they become; all others are dropped
    open = ["FACILITY"]            labels whose spans stay without a label: losses leave them out
    overlaps = "innermost"         which of spans that overlap stays: "outermost", the longer one, or "innermost", the shorter one
    capital = true                 drops spans without a capital letter

It is also said here which documents are in another corpus too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingABC
from pathlib import Path
from typing import Any

import numpy as np

from pipekit.corpora.token_rules import TokenRules
from pipekit.doc import Doc
from pipekit.doc.layer import Layer, span_layer
from pipekit.errors import ConfigError, near
from pipekit.parts.spans import settle

RULE_KEYS = ("rename", "layers")
LAYER_KEYS = ("from", "labels", "open", "overlaps", "capital")
RULE_OVERLAPS = {"outermost": -1, "innermost": 1}
RUN = 8  # so many words in a row are compared


def read_rules(
    path: str | Path, table: str, lexicon: str | Path | None = None
) -> Callable[[Sequence[Doc]], None]:
    """What rewrites documents as a table of a TOML file says: [table] for spans, [[table]] for tokens. Errors: `ConfigError`."""
    rules = tomllib.loads(Path(path).read_text(encoding="utf-8")).get(table)
    return (
        SpanRules(rules, f"{path} [{table}]")
        if isinstance(rules, dict)
        else TokenRules.read(path, table, lexicon)
    )


class SpanRules:
    """The rules of a table; called with documents it gives them new layers. `where` is what errors name."""

    def __init__(self, rules: MappingABC[str, Any], where: str = "the table") -> None:
        _check(rules, RULE_KEYS, where)
        self.rename: dict[str, str] = dict(rules.get("rename", {}))
        self.layers: dict[str, MappingABC[str, Any]] = dict(rules.get("layers", {}))
        for name, rule in self.layers.items():
            _check(rule, LAYER_KEYS, f"{where}, layer {name!r},")
            if rule.get("overlaps", "outermost") not in RULE_OVERLAPS:
                raise ConfigError(
                    f"{where}: overlaps = {rule['overlaps']!r}.{near(rule['overlaps'], RULE_OVERLAPS)}"
                )

    def __call__(self, docs: Sequence[Doc]) -> None:
        """Rename and make layers of the documents; one that lacks the layer to begin with is given none."""
        for doc in docs:
            doc.layers = {self.rename.get(name, name): layer for name, layer in doc.layers.items()}
            for layer in doc.layers.values():
                if layer.kind == "link":
                    layer.target = self.rename.get(layer.target or "ents", layer.target)
            made = {
                name: _flat(doc, doc.layers[rule["from"]], rule)
                for name, rule in self.layers.items()
                if rule["from"] in doc.layers
            }
            doc.layers.update(made)


def _check(rules: MappingABC[str, Any], known: Sequence[str], where: str) -> None:
    for key in rules:
        if key not in known:
            raise ConfigError(f"{where} has no {key!r}.{near(key, known)}")


def _flat(doc: Doc, layer: Layer, rule: MappingABC[str, Any]) -> Layer:
    """The spans that a rule takes, and of those that overlap the ones it prefers."""
    labels: dict[str | None, str | None] = {**rule["labels"], **dict.fromkeys(rule.get("open", ()))}
    start, end = (layer[edge].values.astype(np.int64) for edge in ("start", "end"))
    column = layer["label"].strings()
    capital = rule.get("capital", False)
    borders = zip(doc.starts[start].tolist(), doc.ends[end - 1].tolist(), strict=True)
    cased = [not capital or any(map(str.isupper, doc.text[first:last])) for first, last in borders]
    rows = np.array(
        [
            i
            for i, (label, ok) in enumerate(zip(column, cased, strict=True))
            if ok and label in labels
        ],
        dtype=np.int64,
    )
    start, end = start[rows], end[rows]
    order = np.lexsort((start, RULE_OVERLAPS[rule.get("overlaps", "outermost")] * (end - start)))
    stays = np.sort(np.flatnonzero(settle(start, end, order)))
    stays = stays[np.argsort(start[stays], kind="stable")]
    return span_layer(
        start[stays], end[stays], [labels[column[row]] for row in rows[stays].tolist()]
    )


def without(docs: Sequence[Doc], others: Sequence[Doc]) -> list[Doc]:
    """The documents of which less than half, in runs of RUN words, stands in the others; case and spaces do not count."""
    known = {run for doc in others for run in _runs(doc)}
    return [
        doc for doc in docs if 2 * len(known.intersection(runs := _runs(doc))) < max(len(runs), 1)
    ]


def _runs(doc: Doc) -> set[tuple[str, ...]]:
    words = [word.lower() for word in doc.words if any(map(str.isalnum, word))]
    return {tuple(words[i : i + RUN]) for i in range(max(len(words) - RUN + 1, 1))}
