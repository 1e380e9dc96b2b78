"""The span ruler: labels spans by patterns of tokens and by terms, beside a model or alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.doc import Doc, Layer
from pipekit.doc.columns import Column
from pipekit.doc.layer import join
from pipekit.doc.limits import LINKED
from pipekit.errors import ConfigError
from pipekit.matching.automaton import Automaton, MatchRows, in_order
from pipekit.matching.matcher import LONGEST_MATCH
from pipekit.matching.patterns import columns_read, read_pattern
from pipekit.matching.phrases import TermTrie, find_terms, term_tables, words_of_docs
from pipekit.matching.rules import (
    MOST_RULES,
    SPAN_RULE_TABLES,
    Owner,
    SpanRule,
    lines_of,
    lines_table,
    read_owners,
    read_rule_lines,
    read_span_rules,
)
from pipekit.matching.word_views import STRINGS
from pipekit.parts.batch import Batch
from pipekit.parts.spans import settle
from pipekit.settings import Between, LabelName, Length
from pipekit.tables import check_tables
from pipekit.words.arrays import Bools, Ints, offsets

SpanRuleList = Annotated[
    Sequence[Mapping[str, Any]],
    Length(
        0,
        16_384,
    ),
]
if TYPE_CHECKING:
    from pipekit.parts.contracts import Prepared

_CUT_TERMS = "terms."


class _Lexicon(NamedTuple):
    """Terms, and the number of the owner of the first of them."""

    terms: TermTrie
    first: int


class SpanRuler:
    """Writes a layer of spans by rules, or adds to that of a model.

        nlp.add_pipe("entity_ruler", after="ner", wins="rules", patterns=[
            {"label": "ORG", "pattern": "Яндекс Маркет", "id": "market"},
            {"label": "LOC", "pattern": [{"LOWER": "ул."}, {"IS_TITLE": True, "OP": "+"}]},
        ])
        doc.ents[0].get("id")

    The patterns are those of `pipekit.matching.Matcher`. A term is a text, which the tokenizer
    cuts; its words are compared by `phrases_by`. Spans by rules have the score 1.

    Rules agree as those of spaCy's entity ruler do: of spans that overlap the longest stays, of
    equally long ones the first in the text, and of two on the same tokens that of the rule that
    comes first. Then `wins` decides between these spans and those that the layer has already.

    Args:
        patterns: rules, each with `label`, `pattern` and, if it has one, an `id`; in a recipe, the
            path of a file with a rule a line, which `prepare` reads into a table.
        layer: the layer that is written.
        phrases_by: what words have to equal those of terms in: "text", "lower", "norm", or a column
            such as "lemma". For a column, `pipekit.matching.rules.pattern_tables` makes tables.
        wins: what stays where spans of the rules overlap those that the layer has: the "model" or
            the "rules", or "both".
        overlaps: whether spans of the rules may overlap: the "longest" of them stay, or "all".
        longest: how many tokens a match of a pattern has at most.
        tables: of `pattern_tables`, for many rules.

    Errors: `ConfigError` naming the rule, its file and line, the item, the key, and near names.
    """

    def __init__(
        self,
        patterns: SpanRuleList | str = (),
        layer: LabelName = "ents",
        phrases_by: LabelName = "text",
        wins: Literal["model", "rules", "both"] = "model",
        overlaps: Literal["longest", "all"] = "longest",
        longest: Annotated[int, Between(1, 4_096)] = LONGEST_MATCH,
        *,
        tables: dict[str, NDArray[Any]] | None = None,
    ) -> None:
        if isinstance(patterns, str):
            raise ConfigError(
                f"a span ruler takes patterns={patterns!r:.80} in a recipe alone; elsewhere, "
                "tables=pipekit.matching.pattern_tables(path, nlp)"
            )
        self.tables = dict(tables or {})
        self._by = phrases_by
        self._layer = layer
        self._wins = wins
        self._overlaps = overlaps
        self._owners: list[Owner] = []
        self._lexicons: list[_Lexicon] = []
        rules = [*read_span_rules(patterns, "patterns"), *self._read_tables()]
        if len(rules) > MOST_RULES:
            raise ConfigError(f"{len(rules)} rules: cut terms by pipekit.matching.pattern_tables")
        self._compile(rules, longest)
        labels = [owner.label for owner in self._owners]
        ids = [owner.id for owner in self._owners]
        self._labels, self._label_codes = _coded(labels)
        self._ids, self._id_codes = _coded(ids)
        self.assigns = (layer,)
        self.adds_to = (layer,)

    def _read_tables(self) -> list[SpanRule]:
        own = {}
        cut = {}
        for name, array in self.tables.items():
            if name.startswith(_CUT_TERMS):
                cut[name.removeprefix(_CUT_TERMS)] = array
            else:
                own[name] = array
        check_tables(own, SPAN_RULE_TABLES, "a span ruler")
        if cut:
            terms = TermTrie(cut)
            owners = []
            if "owners" in own:
                owners = read_owners(own["owners"])
            last_owner = cut["owners"].max(initial=0)
            if last_owner >= len(owners):
                raise ConfigError("a span ruler: terms belong to owners that table 'owners' lacks")
            lexicon = _Lexicon(terms, len(self._owners))
            self._lexicons.append(lexicon)
            self._owners += owners
        if "lines" not in own:
            return []
        lines = lines_of(own["lines"])
        return read_rule_lines(lines, "patterns")

    def _compile(
        self,
        rules: Sequence[SpanRule],
        longest: int,
    ) -> None:
        """Patterns as an automaton; terms wait for a batch, whose tokenizer cuts them."""
        first = len(self._owners)
        numbers: dict[Owner, int] = {}
        patterns = []
        keys = []
        self._uncut: list[SpanRule] = []
        for rule in rules:
            number = numbers.setdefault(rule.owner, first + len(numbers))
            if isinstance(rule.pattern, str):
                self._uncut.append(rule)
            else:
                items = read_pattern(rule.pattern, rule.where)
                patterns.append(items)
                keys.append(number)
        self._owners += numbers
        self._numbers = numbers
        self._automaton = Automaton(patterns, keys, longest)
        is_column = self._by not in STRINGS
        if is_column and self._uncut:
            raise ConfigError(
                f"{self._uncut[0].where}: a term by {self._by!r} is annotated before it is looked "
                "for: tables=pipekit.matching.pattern_tables(rules, nlp, by=…)"
            )
        columns = columns_read(patterns)
        if is_column and self._lexicons:
            columns.append(self._by)
        self.requires = tuple(dict.fromkeys(columns))

    @classmethod
    def prepare(
        cls,
        settings: Mapping[str, Any],
        docs: Sequence[Doc],
    ) -> Prepared:
        """Read the file that `patterns` names into a table."""
        from pipekit.parts.contracts import Prepared

        patterns = settings.get("patterns")
        if not isinstance(patterns, str):
            return Prepared(dict(settings), {})
        without = {**settings, "patterns": ()}
        return Prepared(without, lines_table(patterns))

    def __call__(self, batch: Batch) -> None:
        self._cut(batch)
        parts = [self._automaton.find(batch)]
        for terms, first in self._lexicons:
            start, end, owner = find_terms(terms, batch, self._by)
            parts.append(
                MatchRows(
                    start=start,
                    end=end,
                    key=owner + first,
                )
            )
        spans = in_order(parts)
        if self._overlaps == "longest":
            by = (
                spans.key,
                spans.start,
                spans.start - spans.end,  # the last is the first to decide
            )
            order = np.lexsort(by)
            stays = settle(
                spans.start,
                spans.end,
                order,
            )
            spans = _taken(spans, stays)
        self._write(batch, spans)

    def _cut(self, batch: Batch) -> None:
        """Cut the terms of the rules into words, once, as the tokenizer of the batch does."""
        if not self._uncut:
            return
        terms = [str(rule.pattern) for rule in self._uncut]
        owners = [self._numbers[rule.owner] for rule in self._uncut]
        cut = batch.beside(terms)
        words = words_of_docs(cut.docs, self._by)
        trie = TermTrie(term_tables(words, owners))
        self._lexicons.append(_Lexicon(trie, 0))
        self._uncut = []

    # -- spans of rules and of a model

    def _write(
        self,
        batch: Batch,
        spans: MatchRows,
    ) -> None:
        cuts = np.searchsorted(spans.start, batch.offsets)
        for number, doc in enumerate(batch.docs):
            rows = slice(cuts[number], cuts[number + 1])
            shift = batch.offsets[number]
            own = MatchRows(
                start=spans.start[rows] - shift,
                end=spans.end[rows] - shift,
                key=spans.key[rows],
            )
            self._write_doc(doc, own)

    def _write_doc(
        self,
        doc: Doc,
        spans: MatchRows,
    ) -> None:
        before = doc.layers.get(self._layer)
        if before is None:
            doc.layers[self._layer] = self._layer_of(spans)
            return
        if not len(spans.start):
            return
        if self._wins == "model":
            overlaps = _overlap(
                spans.start,
                spans.end,
                *_borders(before),
                len(doc),
            )
            spans = _taken(spans, ~overlaps)
        elif self._wins == "rules":
            overlaps = _overlap(
                *_borders(before),
                spans.start,
                spans.end,
                len(doc),
            )
            before = before.take(~overlaps)
        if not len(spans.start):
            return
        self._check_alone(doc)
        layer = self._layer_of(spans)
        if before.size:
            layer = join([before, layer])
        start, end = _borders(layer)
        order = np.lexsort((-end, start))
        doc.layers[self._layer] = layer.take(order)

    def _layer_of(self, spans: MatchRows) -> Layer:
        layer = Layer("span", len(spans.start))
        starts = spans.start.astype(np.int32)
        ends = spans.end.astype(np.int32)
        labels = self._label_codes[spans.key]
        scores = np.ones(len(starts), np.float32)
        layer.put("start", Column(starts))
        layer.put("end", Column(ends))
        layer.put("label", Column(labels, self._labels))
        layer.put("score", Column(scores))
        if self._ids:
            ids = self._id_codes[spans.key]
            layer.put("id", Column(ids, self._ids))
        return layer

    def _check_alone(self, doc: Doc) -> None:
        """Errors: `ConfigError` where later components have written about spans of the layer."""
        written = []
        for name, layer in doc.layers.items():
            target = layer.target or LINKED
            if layer.kind == "link" and target == self._layer:
                written.append(name)
        own = {"start", "end", "label", "score", "id"}
        for name in doc.layers[self._layer]:
            if name not in own:
                written.append(f"{self._layer}.{name}")
        if written:
            raise ConfigError(
                f"a ruler changes the spans of {self._layer!r}, of which {written[0]!r} tells "
                "already: put it right behind the component that writes them, or give it another "
                "layer"
            )


def _coded(strings: Sequence[str | None]) -> tuple[list[str], NDArray[np.int32]]:
    """Distinct strings, and the place of each among them, int32[strings]; -1 for None."""
    distinct: dict[str, int] = {}
    codes = []
    for string in strings:
        code = -1
        if string:
            code = distinct.setdefault(string, len(distinct))
        codes.append(code)
    return list(distinct), np.array(codes, dtype=np.int32)


def _taken(
    spans: MatchRows,
    rows: Bools,
) -> MatchRows:
    return MatchRows(*(column[rows] for column in spans))


def _borders(layer: Layer) -> tuple[Ints, Ints]:
    starts = layer["start"].values.astype(np.int64)
    ends = layer["end"].values.astype(np.int64)
    return starts, ends


def _overlap(
    start: Ints,
    end: Ints,
    other_start: Ints,
    other_end: Ints,
    tokens: int,
) -> Bools:
    """Which spans share a token with one of the others, bool[spans]."""
    edges = np.zeros(tokens + 1, dtype=np.int64)
    np.add.at(edges, other_start, 1)
    np.add.at(edges, other_end, -1)
    depths = np.cumsum(edges[:-1])  # int64[tokens]: spans around each token
    covered = offsets(depths > 0)  # int64[tokens + 1]: covered tokens before each
    shares: Bools = covered[end] > covered[start]
    return shares
