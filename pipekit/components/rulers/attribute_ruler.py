"""The attribute ruler: mends parts of speech, features, lemmas and other columns by patterns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np

from pipekit.doc import Doc
from pipekit.doc.columns import Column
from pipekit.doc.values import Morph
from pipekit.errors import ConfigError, DocError, near
from pipekit.matching.automaton import Automaton
from pipekit.matching.matcher import LONGEST_MATCH
from pipekit.matching.patterns import PatternItem, columns_read, read_pattern
from pipekit.parts.batch import Batch
from pipekit.settings import Between, Length
from pipekit.words.arrays import Ints

MendRules = Annotated[
    Sequence[Mapping[str, Any]],
    Length(
        0,
        16_384,
    ),
]
_KEYS = ("patterns", "attrs", "index")
_COLUMNS = {
    "POS": "pos",
    "MORPH": "morph",
    "LEMMA": "lemma",
    "TAG": "tag",
    "DEP": "dep",
}
_MENDED = ("pos", "morph", "lemma")  # those that a component before has to write
_LONGEST_VALUE = 1_024

Value = str | Mapping[str, str]


class _Mend(NamedTuple):
    """What a rule does to the token at a `place` of its match."""

    place: int
    values: dict[str, Value]


class AttributeRuler:
    """Writes values to tokens by patterns, over those that are there.

        nlp.add_pipe("attribute_ruler", after="tagger", rules=[
            {"patterns": [[{"LOWER": "чат"}, {"LOWER": "бот"}]], "attrs": {"POS": "NOUN"}},
            {"patterns": [[{"LOWER": "кофе"}]], "attrs": {"MORPH": {"Gender": "Masc"}}},
        ])

    A rule has patterns, those of `pipekit.matching.Matcher`; `attrs`, a value for each of POS,
    MORPH, LEMMA or the name of another column; and the `index` of the token within a match that
    gets them, 0 by default, -1 for the last. MORPH takes all features as a string, or a dict of
    those that change. Where several rules meet on a token the later rule decides, as in spaCy.

    Args:
        rules: in the order in which they apply.
        longest: how many tokens a match of a pattern has at most.

    Errors: `ConfigError` naming the rule, the pattern, the item, the key, and near names.
    """

    def __init__(
        self,
        rules: MendRules = (),
        longest: Annotated[int, Between(1, 4_096)] = LONGEST_MATCH,
    ) -> None:
        self._mends: list[_Mend] = []
        patterns: list[list[PatternItem]] = []
        numbers: list[int] = []
        for number, rule in enumerate(rules):
            where = f"rules[{number}]"
            own = _read_patterns(rule, where)
            self._mends.append(_read_mend(rule, own, where))
            patterns += own
            numbers += [number] * len(own)
        self._automaton = Automaton(patterns, numbers, longest)
        columns = dict.fromkeys(name for mend in self._mends for name in mend.values)
        self.assigns = tuple(columns)
        mended = [name for name in columns if name in _MENDED]
        needed = [*columns_read(patterns), *mended]
        self.requires = tuple(dict.fromkeys(needed))

    def __call__(self, batch: Batch) -> None:
        matches = self._automaton.find(batch)
        tokens = self._tokens(
            matches.start,
            matches.end,
            matches.key,
        )
        order = np.argsort(matches.key, kind="stable")
        tokens = tokens[order]
        rules = matches.key[order]
        for name in self.assigns:
            self._write(
                batch,
                name,
                tokens,
                rules,
            )

    def _tokens(
        self,
        start: Ints,
        end: Ints,
        rule: Ints,
    ) -> Ints:
        """The token of each match that a rule mends, int64[matches]."""
        indices = np.array(
            [mend.place for mend in self._mends],
            dtype=np.int64,
        )
        if not len(rule):
            return start
        index = indices[rule]
        borders = np.where(index < 0, end, start)
        return borders + index

    def _write(
        self,
        batch: Batch,
        name: str,
        tokens: Ints,
        rules: Ints,
    ) -> None:
        changes: dict[int, list[Value]] = {}
        pairs = zip(
            tokens.tolist(),
            rules.tolist(),
            strict=True,
        )
        for token, rule in pairs:
            values = self._mends[rule].values
            if name in values:
                mends = changes.setdefault(token, [])
                mends.append(values[name])
        places = np.array(sorted(changes), dtype=np.int64)
        cuts = np.searchsorted(places, batch.offsets).tolist()
        for number, doc in enumerate(batch.docs):
            start = cuts[number]
            end = cuts[number + 1]
            shift = int(batch.offsets[number])
            own = {}
            for token in places[start:end].tolist():
                own[token - shift] = changes[token]
            _mend_column(doc, name, own)


def _mend_column(
    doc: Doc,
    name: str,
    changes: Mapping[int, Sequence[Value]],
) -> None:
    """Write values to a column of labels, one after the other; make it where it is missing."""
    column = doc.tokens.get(name)
    if column is None:
        unset = np.full(
            len(doc),
            -1,
            dtype=np.int32,
        )
        column = Column(unset, [])
    if column.labels is None and len(doc):
        raise DocError(f"an attribute ruler writes strings, and the column {name!r} holds numbers")
    if not changes:
        doc.tokens.put(name, column)
        return
    labels = list(column.labels or ())
    codes = {label: code for code, label in enumerate(labels)}
    values = column.values.astype(np.int32)
    for token, mends in changes.items():
        label = column[token]
        for mend in mends:
            label = _mended(label, mend)
        values[token] = codes.setdefault(label, len(codes))
    doc.tokens.put(name, Column(values, list(codes)))


def _mended(
    label: str | None,
    value: Value,
) -> str:
    if isinstance(value, str):
        return value
    features = {**Morph(label or ""), **value}
    pairs = [f"{name}={features[name]}" for name in sorted(features, key=str.lower)]
    return "|".join(pairs)


def _read_patterns(
    rule: Mapping[str, Any],
    where: str,
) -> list[list[PatternItem]]:
    for key in rule:
        if key not in _KEYS:
            raise ConfigError(
                f"{where}: a rule has no key {key!r:.80}.{near(str(key)[:80], _KEYS)}"
            )
    patterns = rule.get("patterns")
    if not isinstance(patterns, list | tuple) or not patterns:
        raise ConfigError(f"{where}: patterns = {patterns!r:.80}: a list of patterns is needed")
    read = []
    for number, pattern in enumerate(patterns):
        place = f"{where}: patterns[{number}]"
        read.append(read_pattern(pattern, place))
    return read


def _read_mend(
    rule: Mapping[str, Any],
    patterns: Sequence[Sequence[PatternItem]],
    where: str,
) -> _Mend:
    attrs = rule.get("attrs")
    if not isinstance(attrs, Mapping) or not attrs:
        raise ConfigError(f"{where}: attrs = {attrs!r:.80}: values by column are needed")
    values = {}
    for key, value in attrs.items():
        name = str(key)
        capital = name.upper()
        column = _COLUMNS.get(capital, name)
        if key == capital and key not in _COLUMNS:
            names = near(name[:80], _COLUMNS)
            raise ConfigError(f"{where}: attrs: there is no {key!r:.80}.{names}")
        if column == "sent_start":
            raise ConfigError(f"{where}: attrs: borders of sentences are the tokenizer's")
        place = f"{where}: attrs: {key!s:.80}"
        _check_value(column, value, place)
        values[column] = value
    index = rule.get("index", 0)
    lengths = []
    for pattern in patterns:
        lengths.append(sum(item.least for item in pattern))
    least = min(lengths)
    is_whole = isinstance(index, int) and not isinstance(index, bool)
    if not is_whole or not -least <= index < least:
        raise ConfigError(
            f"{where}: index = {index!r:.80}: the shortest match has {least} tokens, "
            f"so it lies from {-least} to {least - 1}"
        )
    return _Mend(index, values)


def _check_value(
    column: str,
    value: Any,
    where: str,
) -> None:
    if column == "morph" and isinstance(value, Mapping):
        pairs = [*value, *value.values()]
        if all(isinstance(each, str) and 0 < len(each) <= _LONGEST_VALUE for each in pairs):
            return
        raise ConfigError(f"{where} = {value!r:.80}: features and their values are strings")
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_VALUE:
        needed = f"a string of 1 to {_LONGEST_VALUE} characters is needed"
        raise ConfigError(f"{where} = {value!r:.80}: {needed}")
