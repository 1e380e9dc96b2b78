"""Figures by which people decide: intervals, comparisons, thresholds, calibration.

Modules: evaluation.bootstrap, evaluation.calibration, evaluation.comparing, evaluation.counts,
    evaluation.fitting, evaluation.judgements
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers.tiny import TAGGER, learn, recipe, ten
from hypothesis import given
from hypothesis import strategies as st

import pipekit
from pipekit import Doc, Pipeline
from pipekit.doc.layer import span_layer
from pipekit.errors import ConfigError
from pipekit.evaluation.alignment import align
from pipekit.evaluation.bootstrap import compare, f1_intervals, median_interval
from pipekit.evaluation.calibration import Judged, best_temperature, calibration
from pipekit.evaluation.comparing import side_by_side_of
from pipekit.evaluation.counts import Counts, Figures
from pipekit.evaluation.evaluate import evaluate
from pipekit.evaluation.fitting import calibrate, find_threshold, set_threshold
from pipekit.evaluation.judgements import judge, shown

COMPONENTS = {
    "tagger": TAGGER,
    "ner": {"type": "ner", "encoder": "main"},
    "fine": {"type": "span_ner", "encoder": "main", "layer": "fine"},
}


@pytest.fixture(scope="module")
def nlp(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    raw = recipe({"type": "gru", "width": 32}, COMPONENTS, epochs=12)
    return learn(raw, tmp_path_factory.mktemp("deciding"))


def samples(correct: Sequence[int], size: int = 10) -> list[Figures]:
    """Documents with so many right items of `size`."""
    return [{"ents": Counts(size, size, right)} for right in correct]


# -- the bootstrap


def test_an_interval_is_that_of_the_mean_where_documents_are_alike() -> None:
    """Of equally large documents the F1 is a mean, whose error is known: 1.96 σ / √n."""
    random = np.random.default_rng(5)
    right = random.binomial(10, 0.8, size=400).tolist()
    low, high = f1_intervals(samples(right), ["ents"])["ents"]
    mean = np.mean(right) / 10
    error = 1.96 * np.std(right) / 10 / 20
    assert (low, high) == pytest.approx((mean - error, mean + error), abs=0.15 * error)


def test_intervals_are_the_same_each_time_and_whatever_else_is_counted() -> None:
    docs = samples([3, 9, 10, 4, 8])
    more = [{**doc, "pos": Counts(4, 4, 2)} for doc in docs]
    alone = f1_intervals(docs, ["ents"])["ents"]
    assert (
        alone == f1_intervals(docs, ["ents"])["ents"] == f1_intervals(more, ["pos", "ents"])["ents"]
    )
    assert f1_intervals(more, ["pos"])["pos"] == (0.5, 0.5)


def test_nothing_is_said_of_a_single_document_or_of_nothing() -> None:
    assert f1_intervals(samples([5]), ["ents"]) == {}
    assert f1_intervals([], ["ents"]) == {}
    assert f1_intervals(samples([5, 6]), ["pos"]) == {}
    assert median_interval([3.0]) is None
    assert median_interval([3.0, 3.0]) == (3.0, 3.0)


@given(st.lists(st.integers(0, 10), min_size=2, max_size=30))
def test_a_figure_lies_in_its_interval_and_equal_pipelines_do_not_differ(right: list[int]) -> None:
    docs = samples(right)
    low, high = f1_intervals(docs, ["ents"])["ents"]
    assert 0 <= low <= np.mean(right) / 10 + 0.2 and high <= 1
    comparison = compare(docs, docs, ["ents"])["ents"]
    assert comparison == (0.0, (0.0, 0.0), 1.0)


def test_a_difference_on_all_documents_is_no_chance_and_one_on_few_may_be() -> None:
    worse = [8, 7, 9, 6, 8, 7] * 5
    better = [right + 1 for right in worse]
    there = compare(samples(worse), samples(better), ["ents"])["ents"]
    back = compare(samples(better), samples(worse), ["ents"])["ents"]
    assert there.difference == pytest.approx(0.1) and there.p < 0.01
    assert back.difference == -there.difference and back.p == there.p
    assert back.interval == (-there.interval.high, -there.interval.low)
    once = compare(samples([5] * 30), samples([5] * 29 + [6]), ["ents"])["ents"]
    assert once.difference > 0 and once.p > 0.5


def test_figures_that_are_no_f1_get_no_interval_rather_than_a_wrong_one() -> None:
    from pipekit.evaluation.texts import OverlapCounts

    docs: list[Figures] = [{"texts": OverlapCounts(1, 1, 0.0, sums=((3, 3, 2),))}] * 5
    assert f1_intervals(docs, ["texts"]) == {}


# -- scores


def judged(*pairs: tuple[float, bool]) -> Judged:
    both = Judged()
    for score, right in pairs:
        both.add(score, right=right)
    return both


def test_the_calibration_error_is_the_distance_of_scores_from_what_is_right() -> None:
    """By hand: bin 9 has 0.95 and half of it right, bin 2 has 0.25 and nothing."""
    measured = calibration(judged((0.95, True), (0.95, False), (0.25, False), (0.25, False)))
    assert measured.error == pytest.approx(0.5 * 0.45 + 0.5 * 0.25)
    assert (measured.predictions, measured.right) == (4, 0.25)
    assert calibration(judged((1.0, True), (0.0, False))).error == 0
    assert calibration(judged()).predictions == 0


def test_the_temperature_with_the_least_loss_is_found() -> None:
    for wanted in (0.5, 1.0, 1.9, 3.0):
        assert best_temperature(lambda t, w=wanted: abs(np.log(t / w))) == pytest.approx(
            wanted, rel=0.07
        )


# -- places


def test_places_are_judged_one_by_one() -> None:
    gold = Doc(words=["Анна", "едет", "в", "Рим"])
    gold.tokens.set("pos", ["PROPN", "VERB", None, "PROPN"])
    gold.tokens.set("morph", ["Case=Nom|Number=Sing", "", "", "Case=?"])
    gold.layers["ents"] = span_layer([0, 3], [1, 4], ["PER", "LOC"])
    said = Doc(words=["Анна", "едет", "в", "Рим"])
    said.tokens.set("pos", ["PROPN", "NOUN", "ADP", "PROPN"])
    said.tokens.set("pos_score", np.array([0.9, 0.4, 0.8, 0.7], np.float32))
    said.tokens.set("morph", ["Number=Sing|Case=Nom", "Tense=Past", "", "Case=Acc"])
    said.layers["ents"] = span_layer([0, 2], [1, 4], ["PER", "LOC"], [0.9, 0.6])
    docs = align(gold, said)
    judgements = judge(docs, ["ents"])
    right = {name: [one.right for one in places.values()] for name, places in judgements.items()}
    assert right == {
        "pos": [True, False, True],
        "morph": [True, False, True, True],
        "ents": [True, False, False],
    }
    assert [one.score for one in judgements["pos"].values()] == pytest.approx([0.9, 0.4, 0.7])
    before, text, after = shown(docs.gold, (9, 12))
    assert (before, text, after) == ("Анна едет в ", "Рим", "")
    assert set(judge(docs, ["ents"], scored=True)) == {"pos", "ents"}


def test_two_labels_in_a_place_are_two_places() -> None:
    gold = Doc(words=["Рим"])
    gold.layers["fine"] = span_layer([0, 0], [1, 1], ["CITY", "STATE"])
    said = Doc(words=["Рим"])
    said.layers["fine"] = span_layer([0], [1], ["CITY"])
    places = judge(align(gold, said), ["fine"])["fine"]
    assert [(one.gold, one.predicted, one.right) for one in places.values()] == [
        ("CITY", "CITY", True),
        ("STATE", None, False),
    ]


# -- pipelines


def test_a_pipeline_differs_from_itself_nowhere_and_from_a_cautious_one_where_it_is_cautious(
    nlp: Pipeline,
) -> None:
    same = side_by_side_of(nlp, nlp, ten())
    assert same.differences == [] and same.comparisons["ents"].p == 1
    cautious = pipekit.from_bytes(nlp.to_bytes(), device="cpu").with_precision("float32")
    set_threshold(cautious, "ner", 1.0)
    both = side_by_side_of(nlp, cautious, ten())
    found = [place for place in both.differences if place.figure == "ents"]
    counts = both.counts["ents"]
    assert found and {place.right for place in found} <= {"first", "second"}
    assert counts["first"] == sum(place.right == "first" for place in found)
    assert all(place.second is None for place in found)
    assert both.comparisons["ents"].difference == pytest.approx(
        (both.second["ents"] or 0) - (both.first["ents"] or 0)
    )
    assert "only second" in both.table()


def test_pipelines_without_a_common_figure_are_an_error(nlp: Pipeline) -> None:
    with pytest.raises(ConfigError, match="no figure in common"):
        side_by_side_of(nlp, pipekit.blank("ru"), ten())


@pytest.mark.parametrize("component", ["ner", "fine"])
def test_the_table_of_thresholds_says_what_each_threshold_gives(
    nlp: Pipeline,
    component: str,
) -> None:
    gold = ten()
    before = nlp.components[component].threshold  # type: ignore[attr-defined]
    table = find_threshold(nlp, component, gold, thresholds=[0.3, 0.9])
    assert nlp.components[component].threshold == before  # type: ignore[attr-defined]
    assert [row.threshold for row in table.rows] == sorted({0.3, 0.9, before})
    predicted = [row.counts.predicted for row in table.rows]
    assert predicted == sorted(predicted, reverse=True)
    assert table.best in {row.threshold for row in table.rows}
    changed = pipekit.from_bytes(nlp.to_bytes(), device="cpu").with_precision("float32")
    set_threshold(changed, component, 0.9)
    again = pipekit.from_bytes(changed.to_bytes(), device="cpu").with_precision("float32")
    assert evaluate(again, gold).figures[table.figure] == table.rows[-1].counts


def test_the_best_threshold_reaches_what_is_asked_or_there_is_none(nlp: Pipeline) -> None:
    table = find_threshold(nlp, "fine", ten(), thresholds=[0.5, 0.99], least_precision=1.1)
    assert table.best is None


def test_a_component_without_a_threshold_names_those_that_have_one(nlp: Pipeline) -> None:
    with pytest.raises(ConfigError, match=r"'tagger' has no threshold\..*: ner, fine"):
        find_threshold(nlp, "tagger", ten())
    with pytest.raises(ConfigError, match=r"no component 'nre'\. Did you mean 'ner'"):
        find_threshold(nlp, "nre", ten())
    with pytest.raises(ConfigError, match="do not annotate what 'ner' writes"):
        find_threshold(nlp, "ner", [Doc(words=["а"])])


def test_a_calibrated_tagger_scores_its_tags_and_says_the_same_tags(nlp: Pipeline) -> None:
    fitted = pipekit.from_bytes(nlp.to_bytes(), device="cpu").with_precision("float32")
    fit = calibrate(fitted, "tagger", ten())
    assert fit.after.log_loss <= fit.before.log_loss
    text = " Мама мыла раму."
    before = nlp(text)
    for pipeline in (fitted, pipekit.from_bytes(fitted.to_bytes(), device="cpu")):
        doc = pipeline(text)
        assert [token.pos for token in doc] == [token.pos for token in before]
        assert doc[0].pos_score is None and doc[0].is_space
        assert all(0 < token.pos_score <= 1 for token in doc[1:])
        assert all(0 < token.morph_score <= 1 for token in doc[1:])
    assert before[1].pos_score is None and "pos_score" not in before.tokens
    assert evaluate(fitted, ten()).judged.keys() >= {"pos", "morph", "ents", "fine"}


def test_a_training_calibrates_what_its_recipe_names(tmp_path: Path) -> None:
    raw = recipe({"type": "gru", "width": 32}, {"tagger": TAGGER}, dev=True, epochs=2)
    raw["training"]["calibrate"] = ["tagger"]
    nlp = learn(raw, tmp_path)
    assert nlp("Мама мыла раму.")[0].pos_score > 0
    assert '"calibration": "tagger"' in (tmp_path / "train.jsonl").read_text(encoding="utf-8")
    raw["training"]["calibrate"] = ["tager"]
    with pytest.raises(ConfigError, match=r"\[training\] calibrate names 'tager'"):
        learn(raw, tmp_path / "other")


def test_the_threshold_of_classes_moves_the_score_of_a_half() -> None:
    import torch

    from pipekit.components.classes.annotations import class_probabilities

    logits = torch.logit(torch.tensor([[0.3, 0.2, 0.9]]))
    moved = class_probabilities(logits, False, 0.3)
    assert moved[0, 0] == pytest.approx(0.5) and moved[0, 1] < 0.5 < moved[0, 2]
    assert class_probabilities(logits, False) == pytest.approx(np.array([[0.3, 0.2, 0.9]]))
