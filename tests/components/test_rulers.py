"""Rulers: spans and tags by rules, beside a model, in files, and what they refuse.

Modules: components.rulers.attribute_ruler, components.rulers.span_ruler
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pipekit
from pipekit import Doc, Pipeline
from pipekit.components.rulers.span_ruler import SpanRuler
from pipekit.doc.layer import span_layer
from pipekit.errors import ConfigError, DataError, ProcessingError
from pipekit.matching import pattern_tables
from pipekit.storage import store

STREET = {"label": "LOC", "pattern": [{"LOWER": "ул."}, {"IS_TITLE": True, "OP": "+"}]}
MARKET = {"label": "ORG", "pattern": "Яндекс Маркет", "id": "market"}
TEXT = "На ул. Льва Толстого стоит Яндекс Маркет."


def with_ruler(patterns: list[Any], **settings: Any) -> Pipeline:
    nlp = pipekit.blank("ru")
    nlp.add_pipe("entity_ruler", patterns=patterns, **settings)
    return nlp


def spans(doc: Doc, layer: str = "ents") -> list[tuple[str, str | None, Any]]:
    return [(span.text, span.label, span.get("id")) for span in doc.spans[layer]]


EXPECTED = [("ул. Льва Толстого", "LOC", None), ("Яндекс Маркет", "ORG", "market")]


def test_patterns_and_terms_become_spans_with_label_id_and_score() -> None:
    doc = with_ruler([STREET, MARKET])(TEXT)
    assert spans(doc) == EXPECTED
    assert [span.score for span in doc.ents or ()] == [1, 1]
    assert spans(with_ruler([STREET])("Да.")) == []


def test_the_file_workers_and_parts_of_a_document_give_the_same(tmp_path: Path) -> None:
    nlp = with_ruler([STREET, MARKET], layer="rules")
    nlp.to_disk(tmp_path / "a.pipekit")
    again = pipekit.load(tmp_path / "a.pipekit")
    texts = [TEXT, "", TEXT * 3]
    expected = [doc.to_bytes() for doc in nlp.pipe(texts)]
    assert [doc.to_bytes() for doc in again.pipe(texts)] == expected
    assert [nlp(text).to_bytes() for text in texts] == expected
    assert again.to_bytes() == (tmp_path / "a.pipekit").read_bytes()


@pytest.mark.slow
def test_worker_processes_give_the_same() -> None:
    nlp = with_ruler([STREET, MARKET])
    expected = [doc.to_bytes() for doc in nlp.pipe([TEXT] * 9)]
    assert [doc.to_bytes() for doc in nlp.pipe([TEXT] * 9, n_process=2)] == expected


def test_a_file_of_rules_becomes_tables_that_the_pipeline_keeps(tmp_path: Path) -> None:
    path = tmp_path / "rules.jsonl"
    lines = [json.dumps(rule, ensure_ascii=False) for rule in (STREET, MARKET)]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    nlp = pipekit.blank("ru")
    for by, layer in (("text", "ents"), ("norm", "loose")):
        tables = pattern_tables(path, nlp, by=by)
        nlp.add_pipe("span_ruler", name=by, tables=tables, phrases_by=by, layer=layer)
    doc = pipekit.from_bytes(nlp.to_bytes())(TEXT.replace("Маркет", "маркет"))
    assert spans(doc) == EXPECTED[:1]
    assert [label for _, label, _ in spans(doc, "loose")] == ["LOC", "ORG"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"label": "A"', "rules.jsonl:2: no JSON"),
        ('{"label": "A"}', "rules.jsonl:2: the rule has no 'pattern'"),
        ('{"label": "", "pattern": "x"}', "rules.jsonl:2: label = '': a string of 1 to 256"),
        ('{"label": "A", "patern": "x"}', r"rules.jsonl:2: .*'patern'\. Did you mean 'pattern'"),
        ('{"label": "A", "pattern": " "}', "rules.jsonl:2: the term has no words"),
        ('{"label": "A", "pattern": 5}', "rules.jsonl:2: pattern = 5: a term or a list"),
        ("[]", r"rules.jsonl:2: \[\]: a rule is a dict"),
    ],
)
def test_a_wrong_line_is_named(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.jsonl"
    path.write_text(json.dumps(MARKET) + "\n" + line, encoding="utf-8")
    with pytest.raises((DataError, ConfigError), match=message):
        pattern_tables(path, pipekit.blank("ru"))


def test_a_wrong_pattern_is_named_with_its_rule() -> None:
    with pytest.raises(ConfigError, match=r"patterns\[1\]: item 1: LOWR: .*'LOWER'"):
        with_ruler([STREET, {"label": "A", "pattern": [{"LOWR": "x"}]}])
    with pytest.raises(ConfigError, match="reads 'lemma', which nothing before it writes"):
        with_ruler([{"label": "A", "pattern": [{"LEMMA": "x"}]}])
    with pytest.raises(
        ConfigError, match=r"a term by 'lemma' is annotated before .*pattern_tables"
    ):
        with_ruler([MARKET], phrases_by="lemma")
    with pytest.raises(ConfigError, match="in a recipe alone; elsewhere, tables="):
        pipekit.blank("ru").add_pipe("entity_ruler", patterns="rules.jsonl")


def test_a_hostile_table_is_refused() -> None:
    nlp = pipekit.blank("ru")
    nlp.add_pipe("span_ruler", tables=pattern_tables([MARKET], nlp))
    container = store.container_from_bytes(nlp.to_bytes())
    place = "components/span_ruler/tables"
    for name, array in (
        (f"{place}/terms.keys", np.array([3, 1], np.int64)),
        (f"{place}/terms.owners", np.array([7], np.int32)),
        (f"{place}/owners", np.frombuffer(b"[1, 2]", np.uint8)),
        (f"{place}/owners", np.frombuffer(b"[" * 900, np.uint8)),
    ):
        tensors = {**container.tensors, name: array}
        with pytest.raises(pipekit.PipekitError):
            pipekit.from_bytes(store.to_bytes(container.header, tensors))


# -- what wins


LETTERS = "абвгдежз"
BORDERS = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3)), max_size=5, unique=True)


@given(BORDERS, BORDERS, st.sampled_from(["model", "rules", "both"]))
@settings(max_examples=40, deadline=None)
def test_what_wins_is_what_was_asked(
    of_rules: list[tuple[int, int]], of_model: list[tuple[int, int]], wins: Any
) -> None:
    patterns = []
    for start, size in of_rules:
        words = [{"TEXT": letter} for letter in LETTERS[start : start + size]]
        patterns.append({"label": "RULE", "pattern": words})
    doc = Doc(words=list(LETTERS))
    model: list[tuple[int, int]] = []
    for start, size in of_model:
        if all(start + size <= first or last <= start for first, last in model):
            model.append((start, start + size))
    starts = [start for start, _ in model]
    ends = [end for _, end in model]
    doc.layers["ents"] = span_layer(starts, ends, ["MODEL"] * len(model), [0.5] * len(model))
    SpanRuler(patterns, wins=wins)(pipekit.Batch([doc]))
    expected = by_hand([(start, start + size) for start, size in of_rules], model, wins)
    written = [(span.start, span.end, span.label) for span in doc.spans["ents"]]
    assert sorted(written) == sorted(expected)
    assert all(span.score is not None for span in doc.spans["ents"])


def by_hand(
    rules: list[tuple[int, int]], model: list[tuple[int, int]], wins: str
) -> list[tuple[int, int, str]]:
    """The longest spans of rules first, as spaCy's entity ruler takes them."""

    def meet(span: tuple[int, int], others: list[tuple[int, int]]) -> bool:
        return any(span[0] < end and start < span[1] for start, end in others)

    own: list[tuple[int, int]] = []
    for span in sorted(rules, key=lambda span: (span[0] - span[1], span[0])):
        if not meet(span, own):
            own.append(span)
    if wins == "model":
        own = [span for span in own if not meet(span, model)]
    elif wins == "rules":
        model = [span for span in model if not meet(span, own)]
    return [(*span, "RULE") for span in own] + [(*span, "MODEL") for span in model]


def test_all_spans_of_rules_stay_where_that_is_asked() -> None:
    rules = [{"label": "A", "pattern": "а б"}, {"label": "B", "pattern": "б"}]
    assert spans(with_ruler(rules)("а б")) == [("а б", "A", None)]
    assert len(spans(with_ruler(rules, overlaps="all")("а б"))) == 2
    twice = [{"label": "B", "pattern": "б"}, {"label": "A", "pattern": [{"LOWER": "б"}]}]
    assert [label for _, label, _ in spans(with_ruler(twice)("б"))] == ["B"]


class Marker:
    """Marks the first token as a name."""

    requires = ()
    assigns = ("ents",)

    def __call__(self, batch: pipekit.Batch) -> None:
        for doc in batch.docs:
            doc.layers["ents"] = span_layer([0], [1], ["PER"], [0.5])


class Linker:
    """Links the first name with itself."""

    requires = ("ents",)
    assigns = ("relations",)

    def __call__(self, batch: pipekit.Batch) -> None:
        for doc in batch.docs:
            layer = doc.add_layer("relations", "link", 1, target="ents")
            layer.set("head", [0]).set("tail", [0]).set("label", ["SELF"])


@pytest.fixture
def parts() -> Any:
    from pipekit import registry

    registry.components.register("marker_of_first", Marker)
    registry.components.register("linker_of_first", Linker)
    yield
    registry.components.unregister("marker_of_first")
    registry.components.unregister("linker_of_first")


def test_a_ruler_stands_behind_the_model_and_before_what_reads_both(parts: None) -> None:
    nlp = pipekit.blank("ru")
    nlp.add_pipe("marker_of_first")
    nlp.add_pipe("entity_ruler", patterns=[{"label": "LOC", "pattern": "Ким"}])
    assert [label for _, label, _ in spans(nlp("Анна Ким"))] == ["PER", "LOC"]
    with pytest.raises(ConfigError, match="put 'early' after 'marker_of_first'"):
        nlp.add_pipe("entity_ruler", name="early", before="marker_of_first", patterns=[MARKET])
    nlp.add_pipe("linker_of_first", before="entity_ruler")
    with pytest.raises(ProcessingError, match="right behind the component that writes them"):
        nlp("Анна Ким")


# -- tags


class Tags:
    """Writes the same tags to every token."""

    requires = ()
    assigns = ("pos", "morph", "lemma")

    def __call__(self, batch: pipekit.Batch) -> None:
        for doc in batch.docs:
            doc.tokens.set("pos", ["X"] * len(doc) or np.zeros(0), [] if not len(doc) else None)
            doc.tokens.set("morph", np.zeros(len(doc), int), ["Case=Nom|Gender=Neut"])
            doc.tokens.set("lemma", np.full(len(doc), -1), [])


@pytest.fixture
def tagged() -> Any:
    from pipekit import registry

    registry.components.register("same_tags", Tags)
    nlp = pipekit.blank("ru")
    nlp.add_pipe("same_tags")
    yield nlp
    registry.components.unregister("same_tags")


RULES = [
    {"patterns": [[{"LOWER": "чёрный"}, {"LOWER": "кофе"}]], "attrs": {"POS": "ADJ"}},
    {
        "patterns": [[{"LOWER": "кофе"}], [{"LOWER": "чёрный"}, {"LOWER": "кофе"}]],
        "attrs": {"MORPH": {"Gender": "Masc", "Number": "Sing"}, "LEMMA": "кофе", "POS": "NOUN"},
        "index": -1,
    },
]


def test_tags_are_mended_by_patterns(tagged: Pipeline) -> None:
    tagged.add_pipe("attribute_ruler", rules=RULES)
    doc = pipekit.from_bytes(tagged.to_bytes())("чёрный кофе и чай")
    assert [token.pos for token in doc] == ["ADJ", "NOUN", "X", "X"]
    assert [token.lemma for token in doc] == [None, "кофе", None, None]
    assert str(doc[1].morph) == "Case=Nom|Gender=Masc|Number=Sing"
    assert str(doc[2].morph) == "Case=Nom|Gender=Neut"
    assert [len(doc) for doc in tagged.pipe(["", "кофе"])] == [0, 1]


def test_the_later_rule_decides_and_other_columns_are_made(tagged: Pipeline) -> None:
    rules = [
        {"patterns": [[{"LOWER": "кофе"}]], "attrs": {"POS": "A", "kind": "drink"}},
        {"patterns": [[{"LOWER": "кофе"}]], "attrs": {"POS": "B"}},
    ]
    tagged.add_pipe("attribute_ruler", rules=rules)
    doc = tagged("кофе и")
    assert [(token.pos, token.get("kind")) for token in doc] == [("B", "drink"), ("X", None)]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"pattern": []}, r"rules\[0\]: a rule has no key 'pattern'\. Did you mean 'patterns'"),
        ({"patterns": []}, r"rules\[0\]: patterns = \[\]: a list of patterns"),
        ({"patterns": [[{"LOWR": "а"}]]}, r"rules\[0\]: patterns\[0\]: item 1: LOWR"),
        ({"patterns": [[{}]]}, r"rules\[0\]: attrs = None: values by column"),
        ({"patterns": [[{}]], "attrs": {"PSO": "X"}}, r"'PSO'\. Did you mean 'POS'"),
        ({"patterns": [[{}]], "attrs": {"POS": 5}}, "attrs: POS = 5: a string"),
        ({"patterns": [[{}]], "attrs": {"MORPH": {"Case": 1}}}, "features and their values"),
        ({"patterns": [[{}, {"OP": "?"}]], "attrs": {"POS": "X"}, "index": 1}, "from -1 to 0"),
    ],
)
def test_a_wrong_rule_is_named(rule: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        pipekit.blank("ru").add_pipe("attribute_ruler", rules=[rule])


def test_what_nothing_has_tagged_cannot_be_mended() -> None:
    with pytest.raises(ConfigError, match="'pos', which nothing before it writes: add a comp"):
        pipekit.blank("ru").add_pipe("attribute_ruler", rules=RULES)


# -- what a stranger's file may say

PARTS: dict[str, dict[str, Any]] = {
    "entity_ruler": {
        "patterns": [STREET],
        "layer": "ents",
        "phrases_by": "text",
        "wins": "both",
        "overlaps": "all",
        "longest": 9,
    },
    "attribute_ruler": {"rules": RULES, "longest": 9},
    "values": {"lang": "ru", "layer": "values", "labels": ["DATE"]},
}
PLACES = [(part, key) for part, settings in PARTS.items() for key in settings]


@pytest.mark.parametrize(("part", "key"), PLACES)
def test_a_hostile_setting_is_refused_or_works_in_a_moment(part: str, key: str) -> None:
    from helpers.hostile_files import HOSTILE

    from pipekit import registry

    for name, value in HOSTILE.items():
        config = {"type": part, **PARTS[part], key: value}
        begin = time.process_time()
        with suppress(pipekit.PipekitError):
            registry.components.build(config, "[it]")
        assert time.process_time() - begin < 3, name


@pytest.mark.parametrize(
    "pattern",
    [
        [{"OP": "{255}"}] * 255,
        [{"OP": "{,255}"}] * 255,
        [{"OP": "*"}] * 255,
        [{"TEXT": {"REGEX": "((а{100}){100}){100}"}}],
        [{"TEXT": {"IN": ["а"] * 60_000}}],
        [{"_": {f"a{number}": 1 for number in range(60_000)}}],
        [[[[[[[[[[[[]]]]]]]]]]]],
    ],
)
def test_a_hostile_pattern_is_refused_or_works_in_a_moment(pattern: Any) -> None:
    begin = time.process_time()
    with suppress(pipekit.PipekitError):
        ruler = SpanRuler([{"label": "A", "pattern": pattern}])
        ruler(pipekit.Batch([Doc(words=["а"] * 100)]))
    assert time.process_time() - begin < 3
