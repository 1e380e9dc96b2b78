"""Figures against counts by hand, and their properties.

Modules: evaluation.alignment, evaluation.answers, evaluation.classes, evaluation.evaluate,
    evaluation.metrics, evaluation.morphology, evaluation.scores, evaluation.spans,
    evaluation.tables
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipekit.corpora.readers import read_conllu
from pipekit.doc import Doc
from pipekit.doc.layer import span_layer
from pipekit.errors import DataError
from pipekit.evaluation.classes import macro_f1
from pipekit.evaluation.counts import Counts
from pipekit.evaluation.metrics import score


def tagged(words, spaces=None, **columns):
    doc = Doc(words=words, spaces=spaces)
    for name, values in columns.items():
        doc.tokens.set(name, values)
    return doc


def with_spans(doc, *spans, name="ents"):
    doc.layers[name] = span_layer(
        [s for s, _, _ in spans], [e for _, e, _ in spans], [label for _, _, label in spans]
    )
    return doc


def linked(doc, *links):
    layer = doc.add_layer("relations", "link", len(links), target="ents")
    layer.set("head", np.array([h for h, _, _ in links], np.int32)).set(
        "tail", np.array([t for _, t, _ in links], np.int32)
    )
    layer.set("label", [label for _, _, label in links])
    return doc


def figures(counts: Counts):
    return counts.gold, counts.predicted, counts.correct


def test_on_gold_tokens_the_f1_of_a_tag_is_its_accuracy():
    gold = tagged(["a", "b", "c", "d"], pos=["X", "Y", "X", "Y"])
    found = score([(gold, tagged(["a", "b", "c", "d"], pos=["X", "Y", "Y", "Y"]))])
    assert found["pos"] == 0.75


def test_on_predicted_tokens_only_tokens_with_the_same_borders_can_be_right():
    gold = tagged(["ab", "c", "d"], [False, True, False], pos=["X", "Y", "Z"])
    predicted = tagged(["a", "b", "c", "d"], [False, False, True, False], pos=["X", "X", "Y", "Q"])
    found = score([(gold, predicted)]).figures
    assert figures(found["tokens"]) == (3, 4, 2)
    assert figures(found["pos"]) == (3, 4, 1)
    assert found["pos"].f1 == pytest.approx(2 * 1 / 7)


def test_white_space_tokens_and_other_white_space_make_no_difference():
    gold = tagged(["a", "b"], [True, False], pos=["X", "Y"])
    predicted = tagged(["\n", "a", "b"], ["", "  ", "\n"], pos=["S", "X", "Y"])
    found = score([(gold, predicted)])
    assert (found["tokens"], found["pos"]) == (1.0, 1.0)


def test_texts_that_differ_are_an_error_that_shows_where():
    with pytest.raises(DataError, match=r"after 'аб' there is 'в' and 'г'"):
        score([(tagged(["аб", "в"]), tagged(["аб", "г"]))])


def test_what_gold_leaves_unset_counts_neither_for_nor_against():
    gold = tagged(["a", "b", "c"], pos=["X", None, "Y"], morph=["", None, "Case=Nom"])
    found = score(
        [(gold, tagged(["a", "b", "c"], pos=["X", "Q", "Y"], morph=["", "Case=Acc", "Case=Nom"]))]
    )
    assert figures(found.figures["pos"]) == (2, 2, 2)
    assert figures(found.details["morph"]["Case"]) == (1, 1, 1)


def test_a_masked_feature_counts_neither_for_nor_against():
    gold = tagged(["a", "b"], pos=["V", "V"], morph=["Mood=Ind|Voice=?", "Voice=Act"])
    found = score(
        [(gold, tagged(["a", "b"], pos=["V", "V"], morph=["Mood=Ind|Voice=Mid", "Voice=Act"]))]
    )
    assert (found["morph"], found["ufeats"], found["alltags"]) == (1.0, 1.0, 1.0)
    assert figures(found.details["morph"]["Voice"]) == (1, 1, 1)


def test_a_token_that_the_prediction_leaves_unset_is_wrong():
    gold = tagged(["a", "b"], pos=["X", "Y"])
    assert score([(gold, tagged(["a", "b"], pos=["X", None]))])["pos"] == 0.5


def test_what_nobody_annotated_or_predicted_has_no_figure():
    bare, gold = (
        tagged(["a"]),
        with_spans(tagged(["a"], pos=["X"], sent_start=np.array([True])), (0, 1, "A")),
    )
    assert "pos" not in score([(bare, gold)]).figures
    found = score([(gold, bare)])
    assert [found[name] for name in ("pos", "ents", "sents")] == [None, None, None]
    assert found.figures["pos"].gold == 1
    assert "| pos" in found.table() and "| 0.00" not in found.table()


def test_a_document_without_prediction_counts_where_others_have_one():
    gold = tagged(["a"], pos=["X"])
    assert score([(gold, gold), (gold, tagged(["a"]))])["pos"] == 0.5


def test_features_are_compared_in_any_order_and_by_attribute():
    gold = tagged(
        ["a", "b"], pos=["N", "N"], morph=["Case=Nom|Number=Sing|Variant=Short", "Case=Gen"]
    )
    predicted = tagged(
        ["a", "b"], pos=["N", "N"], morph=["Number=Sing|Case=Nom", "Case=Acc|Animacy=Inan"]
    )
    found = score([(gold, predicted)])
    assert (found["morph"], found["ufeats"], found["alltags"]) == (0.0, 0.5, 0.5)
    attributes = {name: figures(counts) for name, counts in found.details["morph"].items()}
    assert attributes == {
        "Case": (2, 2, 1),
        "Number": (1, 1, 1),
        "Variant": (1, 0, 0),
        "Animacy": (0, 1, 0),
    }


def test_sentences_are_right_when_both_borders_are():
    words = ["a", ".", "b", ".", "c", "."]
    gold = tagged(words, sent_start=np.array([1, 0, 1, 0, 1, 0], bool))
    predicted = tagged(words, sent_start=np.array([1, 0, 1, 0, 0, 0], bool))
    assert figures(score([(gold, predicted)]).figures["sents"]) == (3, 2, 1)


def test_spans_are_right_with_borders_and_label_and_each_label_has_figures():
    words = ["a", "b", "c", "d"]
    gold = with_spans(tagged(words), (0, 2, "PER"), (0, 1, "LOC"), (3, 4, "LOC"))
    predicted = with_spans(tagged(words), (0, 2, "PER"), (0, 1, "ORG"), (2, 4, "LOC"))
    found = score([(gold, predicted)])
    assert figures(found.figures["ents"]) == (3, 3, 1)
    labels = {label: figures(counts) for label, counts in found.details["ents"].items()}
    assert labels == {"PER": (1, 1, 1), "LOC": (2, 1, 0), "ORG": (0, 1, 0)}


def test_spans_of_other_tokens_are_compared_by_characters():
    gold = with_spans(tagged(["ab", "c"]), (0, 1, "A"))
    predicted = with_spans(tagged(["a", "b", "c"], [False, True, False]), (0, 2, "A"))
    assert score([(gold, predicted)])["ents"] == 1.0


def test_relations_are_right_with_both_ends_and_the_label():
    gold = linked(
        with_spans(tagged(["a", "b", "c"]), (0, 1, "A"), (1, 2, "B"), (2, 3, "B")),
        (0, 1, "R"),
        (0, 2, "R"),
    )
    predicted = linked(
        with_spans(tagged(["a", "b", "c"]), (1, 2, "B"), (0, 1, "A")), (1, 0, "R"), (0, 1, "R")
    )
    assert figures(score([(gold, predicted)]).figures["relations"]) == (2, 2, 1)


def test_figures_are_broken_down_by_a_column_of_meta():
    docs = []
    for genre, pos in (("news", "X"), ("poetry", "Y"), (None, "X")):
        doc = tagged(["a"], pos=["X"])
        if genre:
            doc.add_layer("meta", "doc", 1).set("genre", [genre])
        docs.append((doc, tagged(["a"], pos=[pos])))
    found = score(docs, by="genre")
    assert {name: group["pos"] for name, group in found.groups.items()} == {
        "news": 1.0,
        "poetry": 0.0,
        "-": 1.0,
    }
    assert found["pos"] == pytest.approx(2 / 3)
    assert "poetry" in found.table().splitlines()[0]


def test_scores_are_json_and_their_table_is_aligned():
    found = score([(tagged(["a"], pos=["X"]), tagged(["a"]))])
    assert json.loads(json.dumps(found.to_dict()))["figures"]["pos"]["f1"] is None
    assert len({len(line) for line in found.table().splitlines()}) == 1


def test_nothing_at_all_has_no_figures():
    assert score([]).to_dict() == {"documents": 0, "figures": {}, "details": {}, "groups": {}}
    empty = Doc(words=[])
    assert score([(empty, empty)])["tokens"] is None


@given(st.lists(st.sampled_from(["X", "Y"]), min_size=1), st.data())
def test_accuracy_is_the_share_of_equal_tags(gold, data):
    predicted = data.draw(
        st.lists(st.sampled_from(["X", "Y"]), min_size=len(gold), max_size=len(gold))
    )
    words = ["w"] * len(gold)
    expected = sum(a == b for a, b in zip(gold, predicted, strict=True)) / len(gold)
    assert score([(tagged(words, pos=gold), tagged(words, pos=predicted))])["pos"] == pytest.approx(
        expected
    )


@given(st.lists(st.integers(1, 3), min_size=1, max_size=10), st.data())
def test_tokens_are_scored_as_sets_of_borders(lengths, data):
    text = "x" * sum(lengths)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(text) - 1)))) if len(text) > 1 else []
    gold_ends = np.cumsum(lengths).tolist()
    left = set(zip([0, *gold_ends[:-1]], gold_ends, strict=True))
    right = set(zip([0, *cuts], [*cuts, len(text)], strict=True))
    docs = [
        Doc(text, starts=[s for s, _ in sorted(side)], ends=[e for _, e in sorted(side)])
        for side in (left, right)
    ]
    assert figures(score([tuple(docs)]).figures["tokens"]) == (
        len(left),
        len(right),
        len(left & right),
    )


def test_a_real_treebank_against_itself_is_perfect(data):
    docs = list(read_conllu(data / "morph" / "ru_taiga-dev.conllu.gz"))
    found = score(((doc, doc) for doc in docs), by="genre")
    assert {name: found[name] for name in found.figures} == dict.fromkeys(found.figures, 1.0)
    assert set(found.groups) == {"poetry", "social"}
    assert found.documents == 945


def test_of_nested_spans_the_outermost_have_a_figure_of_their_own() -> None:
    def doc(*spans: tuple[int, int, str]) -> Doc:
        made = Doc(words=["министр", "финансов", "России"])
        made.set_spans("fine", [])
        made.layers["fine"] = span_layer(
            [s for s, _, _ in spans], [e for _, e, _ in spans], [label for _, _, label in spans]
        )
        return made

    gold = doc((0, 3, "PROFESSION"), (2, 3, "COUNTRY"))
    found = score([(gold, doc((0, 3, "PROFESSION")))], spans=["fine"])
    assert (found["fine"], found["fine outermost"]) == (pytest.approx(2 / 3), 1.0)
    flat = score([(doc((2, 3, "COUNTRY")), doc((2, 3, "COUNTRY")))], spans=["fine"])
    assert "fine outermost" not in flat.figures


def test_f1_is_the_harmonic_mean_and_macro_f1_the_mean_of_classes() -> None:
    sure = Counts(gold=8, predicted=2, correct=2, has_prediction=True)
    assert (sure.precision, sure.recall, sure.f1) == (1.0, 0.25, 0.4)
    wrong = Counts(gold=2, predicted=8, correct=0, has_prediction=True)
    assert macro_f1({"a": sure, "b": wrong}) == 0.2
    alone = Counts(gold=1, predicted=1, correct=1, has_prediction=True)
    assert macro_f1({"a": sure, "b": wrong, "c": alone}) == pytest.approx(1.4 / 3)
    assert macro_f1({"a": sure, "b": wrong}, ["b"]) == 0.0
