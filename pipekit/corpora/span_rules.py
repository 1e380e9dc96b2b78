"""Rules that map the spans of one corpus to the annotation of another: a table of a TOML file.

    [nerel]
    rename = {ents = "fine"}       layers, from the reader's name to the new one; links follow

    [nerel.layers.ents]            a new layer of spans that do not overlap
    from = "fine"                  the layer it is made from
    labels = {PERSON = "PER", …}   the labels it takes, and their new names; others are dropped
    open = ["FACILITY"]            labels whose spans remain, but unlabelled: losses ignore them
    overlaps = "innermost"         of spans that overlap remains the shorter one; with "outermost",
                                   the default, the longer one
    capital = true                 drops spans without a capital letter

Also here: the search for documents that another corpus has too, `without`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingABC
from pathlib import Path
from typing import Any

import numpy as np

from pipekit.corpora.token_rules import TokenRules
from pipekit.corpora.toml import MAPPED, TABLE, TEXTS, check_table, load_toml
from pipekit.doc import Doc
from pipekit.doc.layer import Layer, span_layer
from pipekit.errors import ConfigError, near
from pipekit.parts.spans import settle
from pipekit.words.arrays import Bools, Ints

_SHAPES = {"rename": MAPPED, "layers": TABLE}
_LAYER_SHAPES = {
    "from": str,
    "labels": MAPPED,
    "open": TEXTS,
    "overlaps": str,
    "capital": bool,
}
RULE_OVERLAPS = {"outermost": -1, "innermost": 1}  # the sign of a length in the order of preference
RUN = 8  # words in a row that are compared


def read_rules(
    path: str | Path,
    table: str,
    lexicon: str | Path | None = None,
) -> Callable[[Sequence[Doc]], None]:
    """A function that rewrites documents by the rules of a TOML file.

    [table] holds rules for spans, [[table]] rules for tokens.

        read_rules("entities.toml", "nerel")(docs)

    Errors: `ConfigError` for an unknown table or key.
    """
    rules = load_toml(path).get(table)
    if isinstance(rules, dict):
        return SpanRules(rules, f"{path} [{table}]")
    return TokenRules.read(path, table, lexicon)


class SpanRules:
    """The rules of a table; a call gives documents their new layers. Errors name `where`."""

    def __init__(
        self,
        rules: MappingABC[str, Any],
        where: str = "the table",
    ) -> None:
        check_table(rules, _SHAPES, where)
        self.rename: dict[str, str] = dict(rules.get("rename", {}))
        self.layers: dict[str, MappingABC[str, Any]] = dict(rules.get("layers", {}))
        for name, rule in self.layers.items():
            place = f"{where}, layer {name!r}"
            check_table(rule, _LAYER_SHAPES, place)
            for key in ("from", "labels"):
                if key not in rule:
                    raise ConfigError(f"{place} needs {key!r}")
            overlaps = rule.get("overlaps", "outermost")
            if overlaps not in RULE_OVERLAPS:
                raise ConfigError(
                    f"{where}: overlaps = {overlaps!r}.{near(overlaps, RULE_OVERLAPS)}"
                )

    def __call__(self, docs: Sequence[Doc]) -> None:
        """Rename layers and make new ones; a document without the source layer gets none."""
        for doc in docs:
            self._rename(doc)
            new_layers: dict[str, Layer] = {}
            for name, rule in self.layers.items():
                source = doc.layers.get(rule["from"])
                if source is not None:
                    new_layers[name] = _flat_layer(doc, source, rule)
            doc.layers.update(new_layers)

    def _rename(self, doc: Doc) -> None:
        doc.layers = {self.rename.get(name, name): layer for name, layer in doc.layers.items()}
        for layer in doc.layers.values():
            if layer.kind == "link":
                layer.target = self.rename.get(layer.target or "ents", layer.target)


def _flat_layer(
    doc: Doc,
    layer: Layer,
    rule: MappingABC[str, Any],
) -> Layer:
    """The spans that a rule takes; of those that overlap, the ones that it prefers."""
    new_labels: dict[str | None, str | None] = dict(rule["labels"])
    new_labels.update(dict.fromkeys(rule.get("open", ())))
    start = layer["start"].values.astype(np.int64)
    end = layer["end"].values.astype(np.int64)
    labels = layer["label"].strings()

    is_named = [label in new_labels for label in labels]
    taken = np.array(is_named, dtype=bool)
    if rule.get("capital", False):
        taken &= _capitalized(doc, start, end)
    rows = np.flatnonzero(taken)
    start = start[rows]
    end = end[rows]

    overlaps = rule.get("overlaps", "outermost")
    lengths = end - start
    preference = np.lexsort((start, RULE_OVERLAPS[overlaps] * lengths))
    remaining = np.flatnonzero(settle(start, end, preference))
    order = np.argsort(start[remaining], kind="stable")
    remaining = remaining[order]
    flat_labels = []
    for row in rows[remaining].tolist():
        label = labels[row]
        flat_labels.append(new_labels[label])
    return span_layer(start[remaining], end[remaining], flat_labels)


def _capitalized(
    doc: Doc,
    start: Ints,
    end: Ints,
) -> Bools:
    """Which spans have a capital letter, bool[spans]."""
    firsts = doc.starts[start].tolist()
    lasts = doc.ends[end - 1].tolist()
    texts = [doc.text[first:last] for first, last in zip(firsts, lasts, strict=True)]
    return np.array([any(map(str.isupper, text)) for text in texts], dtype=bool)


def without(
    docs: Sequence[Doc],
    others: Sequence[Doc],
) -> list[Doc]:
    """The documents that the others do not have.

    A document counts as present if at least half of its runs of RUN words occur in the others. Case
    and white space are ignored.
    """
    other_runs: set[tuple[str, ...]] = set()
    for doc in others:
        other_runs |= _runs(doc)
    absent = []
    for doc in docs:
        runs = _runs(doc)
        shared = len(other_runs & runs)
        if 2 * shared < max(len(runs), 1):
            absent.append(doc)
    return absent


def _runs(doc: Doc) -> set[tuple[str, ...]]:
    """The runs of RUN words of a document; all of its words where these are fewer."""
    words = [word.lower() for word in doc.words if any(map(str.isalnum, word))]
    count = max(len(words) - RUN + 1, 1)
    return {tuple(words[first : first + RUN]) for first in range(count)}
