"""Recognizers of entities: the CRF against brute force, learning, scores, overlaps, corpora.

Modules: components.ner.bioes, components.ner.crf, components.ner.ner, components.ner.span_ner
"""

from __future__ import annotations

import math
import zipfile
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.tiny import learn, recipe, ten
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import pipekit
from pipekit import Doc, Pipeline
from pipekit.components.ner.bioes import BioesTags
from pipekit.components.ner.crf import CRF, SpanCells
from pipekit.components.ner.ner import CHAIN_TOKENS, chain_borders
from pipekit.corpora.readers.factrueval import read_factrueval
from pipekit.corpora.span_rules import SpanRules, read_rules, without
from pipekit.doc.layer import span_layer
from pipekit.errors import ConfigError, DataError
from pipekit.parts.spans import settle

BILSTM = {"type": "bilstm", "width": 32}
SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=3)


def crf(seed: int, lengths: list[int], labels: int = 1) -> tuple[CRF, torch.Tensor, torch.Tensor]:
    """A CRF with random weights, emissions and what is no padding."""
    torch.manual_seed(seed)
    made = CRF(BioesTags(labels))
    for weight in made.parameters():
        torch.nn.init.normal_(weight)
    inside = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return made, 2 * torch.randn(len(lengths), max(lengths), BioesTags(labels).size), inside


@torch.no_grad()
def paths(made: CRF, emissions: torch.Tensor, length: int) -> dict[tuple[int, ...], float]:
    """The score of each valid path of one sentence, one by one."""
    follows, begins, ends = BioesTags((emissions.shape[1] - 1) // 4).allowed()
    found = {}
    for path in product(range(emissions.shape[1]), repeat=length):
        if begins[path[0]] and ends[path[-1]] and all(follows[pair] for pair in pairwise(path)):
            score = (
                sum(emissions[i, tag] for i, tag in enumerate(path))
                + made.first[path[0]]
                + made.last[path[-1]]
            )
            found[path] = float(score + sum(made.transitions[pair] for pair in pairwise(path)))
    return found


def spelled(path: tuple[int, ...]) -> set[tuple[int, int]]:
    """The borders of the spans of a path."""
    start, end, _ = BioesTags.read(np.array(path))
    return set(zip(start.tolist(), end.tolist(), strict=True))


@given(st.integers(0, 1000), SIZES)
@settings(max_examples=25, deadline=None)
@torch.no_grad()
def test_best_path_and_partition_are_those_of_brute_force(seed: int, lengths: list[int]) -> None:
    made, emissions, inside = crf(seed, lengths)
    best, totals = made.best(emissions, inside), made.totals(emissions, inside)
    for row, length in enumerate(lengths):
        every = paths(made, emissions[row], length)
        assert tuple(best[row, :length].tolist()) == max(every, key=every.__getitem__)
        assert totals[row].item() == pytest.approx(
            math.log(sum(map(math.exp, every.values()))), abs=1e-3
        )
        assert not best[row, length:].any()


@given(st.integers(0, 1000), SIZES, st.sampled_from([1.0, 2.5]))
@settings(max_examples=25, deadline=None)
@torch.no_grad()
def test_the_score_of_a_span_is_the_share_of_the_paths_that_have_it(
    seed: int, lengths: list[int], temperature: float
) -> None:
    made, emissions, inside = crf(seed, lengths)
    asked = [(row, i, j, 0) for row, n in enumerate(lengths) for i in range(n) for j in range(i, n)]
    spans = SpanCells(*torch.tensor(asked).unbind(1))
    found = made.span_scores(emissions, inside, spans, temperature)
    for (row, first, last, _), score in zip(asked, found.tolist(), strict=True):
        weighed = {
            path: math.exp(value / temperature)
            for path, value in paths(made, emissions[row], lengths[row]).items()
        }
        having = [w for path, w in weighed.items() if (first, last + 1) in spelled(path)]
        assert score == pytest.approx(sum(having) / sum(weighed.values()), abs=1e-4)


def test_sums_are_as_exact_where_networks_compute_in_bfloat16() -> None:
    made, emissions, inside = crf(7, [9, 5, 1])
    with torch.inference_mode():
        exact = made.lattice(emissions, inside)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = made.lattice(emissions, inside)
            torch.testing.assert_close(made.totals(emissions, inside), exact.total)
    for one, other in zip(exact, found, strict=True):
        torch.testing.assert_close(one, other)


@given(st.integers(0, 1000), SIZES)
@settings(max_examples=15, deadline=None)
def test_the_loss_is_that_of_all_paths_through_allowed_tags(seed: int, lengths: list[int]) -> None:
    made, emissions, inside = crf(seed, lengths)
    every = [paths(made, emissions[row], length) for row, length in enumerate(lengths)]
    allowed = torch.zeros(emissions.shape, dtype=torch.bool)
    for row, length in enumerate(lengths):
        for path in (min(every[row]), max(every[row])):
            allowed[row, torch.arange(length), torch.tensor(path)] = True
    lost = made.loss(emissions, inside, allowed)
    for row in range(len(lengths)):
        good = [
            math.exp(value)
            for path, value in every[row].items()
            if all(allowed[row, i, tag] for i, tag in enumerate(path))
        ]
        expected = math.log(sum(map(math.exp, every[row].values()))) - math.log(sum(good))
        assert lost[row].item() == pytest.approx(expected, abs=1e-3)


SPANS = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4), st.integers(0, 2)), max_size=6)


def arrays(spans: list[tuple[int, int, int]]) -> tuple[NDArray[np.int64], ...]:
    start, size, label = np.array(spans, dtype=np.int64).reshape(-1, 3).T
    return start, start + size, label


@given(
    st.lists(st.one_of(st.integers(1, 9), st.integers(200, 900)), min_size=1, max_size=5),
    st.integers(0, 2**31),
)
@settings(deadline=None)
def test_a_very_long_sentence_is_several_chains_and_others_are_one(
    lengths: list[int], seed: int
) -> None:
    borders = np.concatenate([[0], np.cumsum(lengths)])
    scores = np.random.default_rng(seed).normal(size=(borders[-1], 5))
    chains = chain_borders(borders, torch.from_numpy(scores))
    assert np.isin(borders, chains).all()
    assert np.diff(chains).max() <= CHAIN_TOKENS
    cuts = np.setdiff1d(chains, borders)
    within_long = np.array(lengths)[np.searchsorted(borders, cuts) - 1] > CHAIN_TOKENS
    assert within_long.all()
    margin = scores[:, 0] - scores[:, 1:].max(1)
    for before, cut in pairwise(chains.tolist()):
        if cut in cuts:
            half = before + CHAIN_TOKENS // 2
            assert margin[cut - 1] == margin[half : half + CHAIN_TOKENS // 2].max()


def test_chains_have_the_best_path_of_the_whole_sentence() -> None:
    size = 4 * CHAIN_TOKENS
    made, emissions, _ = crf(seed=1, lengths=[size])
    emissions[0, ::7, 0] += 12  # surely outside spans
    inside = torch.ones(1, size, dtype=torch.bool)
    whole = made.best(emissions, inside)[0]
    borders = chain_borders(np.array([0, size]), emissions[0])
    assert len(borders) > 4
    parts = [
        made.best(emissions[:, start:end], inside[:, start:end])[0]
        for start, end in pairwise(borders.tolist())
    ]
    agreement = (torch.cat(parts) == whole).float().mean()
    assert agreement > 0.99


@given(SPANS)
def test_tags_spell_spans_that_do_not_overlap(spans: list[Any]) -> None:
    start, end, label = arrays(spans)
    stays = np.flatnonzero(settle(start, end, np.arange(len(start))))
    stays = stays[np.argsort(start[stays])]
    tags = BioesTags(3).spell(start[stays], end[stays], label[stays], 14)
    follows, begins, ends = BioesTags(3).allowed()
    assert (
        begins[tags[0]]
        and ends[tags[-1]]
        and all(follows[pair] for pair in pairwise(tags.tolist()))
    )
    for found, wanted in zip(BioesTags.read(tags), (start, end, label), strict=True):
        assert found.tolist() == wanted[stays].tolist()


# -- the components


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    kinds = {"ner": "ner", "ner_fine": "span_ner"}
    parts = {
        name: {"type": kind, "encoder": "main", "hidden": 48, "dropout": 0.0}
        for name, kind in kinds.items()
    }
    return learn(recipe(BILSTM, parts, epochs=60), tmp_path_factory.mktemp("run"))


def untrained(kind: str, **options: Any) -> Pipeline:
    torch.manual_seed(3)
    nlp = pipekit.blank("ru").with_precision("float32")
    nlp.add_encoder("main", "bilstm", width=16, features={"width": 16, "word_buckets": 100})
    nlp.add_pipe(kind, encoder="main", **options)
    return nlp


def loss_of(nlp: Pipeline, docs: list[Doc]) -> float:
    [head] = nlp.components.values()
    return float(head.loss(nlp.batch(docs)).detach())


def test_both_learn_the_spans_and_are_sure_of_them(both: Pipeline) -> None:
    for doc, gold in zip(both.pipe(doc.copy(bare=True) for doc in ten()), ten(), strict=True):
        for layer in ("ents", "fine"):
            assert {(s.start, s.end, s.label) for s in doc.spans[layer]} == {
                (s.start, s.end, s.label) for s in gold.spans[layer]
            }
            assert all(0.3 < (span.score or 0) <= 1 for span in doc.spans[layer])


@pytest.mark.parametrize("kind", ["ner", "span_ner"])
def test_a_temperature_changes_scores_and_no_span(kind: str, both: Pipeline) -> None:
    name, layer = ("ner", "ents") if kind == "ner" else ("ner_fine", "fine")
    head = both.components[name]
    before = [
        (s.start, s.end, s.score)
        for doc in both.pipe(d.text for d in ten())
        for s in doc.spans[layer]
    ]
    head.temperature.fill_(1.1)
    after = [
        (s.start, s.end, s.score)
        for doc in both.pipe(d.text for d in ten())
        for s in doc.spans[layer]
    ]
    head.temperature.fill_(1.0)
    assert [span[:2] for span in before] == [span[:2] for span in after]
    assert all(a[2] < b[2] for a, b in zip(after, before, strict=True))


@pytest.mark.parametrize("kind", ["ner", "span_ner"])
def test_a_recognizer_without_labels_is_refused(kind: str) -> None:
    with pytest.raises(DataError, match="train it, or give labels="):
        untrained(kind)


@pytest.mark.parametrize(("kind", "layer"), [("ner", "ents"), ("span_ner", "fine")])
def test_what_a_document_does_not_annotate_adds_nothing_beside_one_that_does(
    kind: str, layer: str
) -> None:
    nlp = untrained(kind, labels=["PER", "LOC"]).select_pipes(enable=[kind])
    nlp.components[kind].eval()
    known, silent = Doc(words=["Анна", "спит"]), Doc(words=["Кот", "Иван", "спит"])
    known.layers[layer] = span_layer([0], [1], ["PER"])
    assert 5 * loss_of(nlp, [known, silent]) == pytest.approx(2 * loss_of(nlp, [known]), rel=1e-4)


def test_a_span_without_a_label_is_left_open() -> None:
    nlp = untrained("ner", labels=["PER", "LOC"])
    nlp.components["ner"].eval()
    doc = Doc(words=["Анна", "спит"])
    doc.layers["ents"] = span_layer([0], [2], [None])
    assert loss_of(nlp, [doc]) == pytest.approx(0, abs=1e-5)


def test_an_unknown_policy_for_overlaps_is_named() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'nested'"):
        untrained("span_ner", labels=["PER"], overlaps="nestd")


# -- corpora


def ministry() -> Doc:
    doc = Doc(words=["МВД", "России", "и", "полиция"])
    doc.layers["ents"] = span_layer(
        [0, 0, 1, 3], [2, 1, 2, 4], ["ORGANIZATION", "ORGANIZATION", "COUNTRY", "ORGANIZATION"]
    )
    doc.add_layer("relations", "link", 0, target="ents")
    return doc


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"overlaps": "innermost"}, [("МВД", "ORG"), ("России", "LOC"), ("полиция", "ORG")]),
        ({"overlaps": "outermost", "capital": True}, [("МВД России", "ORG")]),
        (
            {"overlaps": "innermost", "capital": True, "open": ["ORGANIZATION"]},
            [("МВД", None), ("России", "LOC")],
        ),
    ],
)
def test_a_table_makes_a_flat_layer_and_renames_the_nested_one(
    rule: dict[str, Any], expected: list[Any]
) -> None:
    doc = ministry()
    labels = {"ORGANIZATION": "ORG", "COUNTRY": "LOC"}
    SpanRules(
        {"rename": {"ents": "fine"}, "layers": {"ents": {"from": "fine", "labels": labels, **rule}}}
    )([doc])
    assert [(span.text, span.label) for span in doc.spans["ents"]] == expected
    assert len(doc.spans["fine"]) == 4
    assert doc.layers["relations"].target == "fine"


def test_a_key_that_a_table_does_not_have_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('[a.layers.ents]\nfrm = "ents"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="Did you mean 'from'"):
        read_rules(path, "a")


def test_documents_of_another_corpus_stay_out() -> None:
    sentence = "Мы живём в Москве и пишем письма о том как кот спит на окне"
    text = sentence.split()
    here, there = Doc(words=text), Doc(words=[*text[:-2], "в", "лесу"])
    other = Doc(words=text[::-1])
    assert without([here, other], [there]) == [other]
    assert without([Doc(words=["Да"]), other], [Doc(words=["да", "."])]) == [other]


def test_objects_of_factrueval_are_entities(tmp_path: Path) -> None:
    files = {
        "a.txt": "Посол Анна Иванова живёт в Риме.",
        "a.spans": "1 job 0 5 1 1 # 1 Посол\n"
        "2 name 6 4 2 1 # 2 Анна\n"
        "3 surname 11 7 3 1 # 3 Иванова\n"
        "4 loc_name 27 4 6 1 # 6 Риме\n",
        "a.objects": "7 Person 1 2 3 # Посол Анна Иванова\n8 LocOrg 4 # Риме\n",
    }
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    [doc] = read_factrueval(tmp_path / "a.zip", tokenize=pipekit.blank("ru").tokenize)
    assert [(span.text, span.label) for span in doc.spans["ents"]] == [
        ("Анна Иванова", "Person"),
        ("Риме", "LocOrg"),
    ]
