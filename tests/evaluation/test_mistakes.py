"""Mistakes: each is there, in its place, and right ones are counted as the figures count them.

Modules: evaluation.errors_page, evaluation.mistakes, evaluation.outcomes,
    evaluation.span_outcomes, evaluation.token_outcomes
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipekit.corpora.readers import read_conllu
from pipekit.doc import Doc
from pipekit.doc.layer import Layer, span_layer
from pipekit.evaluation.errors_page import errors_page
from pipekit.evaluation.metrics import score
from pipekit.evaluation.mistakes import Mistake, Mistakes

WORDS = ["Анна", "Петрова", "живёт", "в", "Риме", "."]


def doc(words: Sequence[str] = WORDS, **columns: Sequence[str | None]) -> Doc:
    made = Doc(words=words)
    for name, values in columns.items():
        made.tokens.set(name, list(values))
    return made


def mistakes_of(gold: Doc, predicted: Doc, figure: str) -> list[Mistake]:
    mistakes = Mistakes()
    mistakes.add(gold, predicted, source="corpus")
    return mistakes.by_figure[figure].mistakes


def labels(mistake: Mistake) -> dict[str, str]:
    """The marked words of a mistake by their labels."""
    text = mistake.passage.text
    return {mark.label: text[mark.start : mark.end] for mark in mistake.passage.highlights}


def pairs(mistakes: Sequence[Mistake]) -> list[tuple[str, str]]:
    return [(mistake.outcome.gold, mistake.outcome.predicted) for mistake in mistakes]


def test_a_wrong_part_of_speech_stands_at_its_word_with_its_score() -> None:
    gold = doc(pos=["PROPN", "PROPN", "VERB", "ADP", "PROPN", None])
    predicted = doc(pos=["PROPN", "NOUN", "VERB", "ADP", None, "PUNCT"])
    predicted.tokens.set("pos_score", [0.9, 0.8, 0.7, float("nan"), 0.1, 0.2])
    first, second = mistakes_of(gold, predicted, "pos")
    assert labels(first) == {"PROPN → NOUN": "Петрова"}
    assert first.outcome.score == pytest.approx(0.8)
    assert labels(second) == {"PROPN → –": "Риме"}


def test_features_are_compared_one_by_one_and_open_ones_not_at_all() -> None:
    gold = doc(["я", "пел"], morph=["Case=Nom|Number=Sing", "Voice=?|Tense=Past"])
    predicted = doc(["я", "пел"], morph=["Case=Acc|Number=Sing|Person=1", "Voice=Act|Tense=Past"])
    assert pairs(mistakes_of(gold, predicted, "morph")) == [
        ("Case=Nom", "Case=Acc"),
        ("Person=–", "Person=1"),
    ]


def test_names_are_of_another_label_of_other_borders_missed_or_invented() -> None:
    gold = doc()
    gold.layers["ents"] = span_layer([0, 2, 4], [2, 3, 5], ["PER", "MISC", "LOC"])
    predicted = doc()
    predicted.layers["ents"] = span_layer(
        [0, 3, 4], [1, 4, 5], ["PER", "ORG", "ORG"], [0.6, 0.7, 0.8]
    )
    mistakes = mistakes_of(gold, predicted, "ents")
    assert sorted(pairs(mistakes)) == [
        ("LOC", "ORG"),
        ("MISC", "–"),
        ("PER", "PER, other borders"),
        ("–", "ORG"),
    ]
    by_pair = dict(zip(pairs(mistakes), mistakes, strict=True))
    assert labels(by_pair["PER", "PER, other borders"]) == {
        "gold PER": "Анна Петрова",
        "predicted PER": "Анна",
    }
    assert by_pair["LOC", "ORG"].outcome.score == pytest.approx(0.8)
    assert by_pair["MISC", "–"].outcome.score is None


def linked(label: str, spans: Sequence[int]) -> Doc:
    made = doc()
    made.layers["ents"] = span_layer([0, 4], [2, 5], ["PER", "LOC"])
    head, tail = spans
    links = Layer("link", 1).set("head", [head]).set("tail", [tail])
    made.layers["relations"] = links.set("label", [label]).set("score", [0.5])
    return made


def test_a_wrong_relation_has_both_arrows() -> None:
    [mistake] = mistakes_of(linked("LIVES_IN", (0, 1)), linked("BORN_IN", (0, 1)), "relations")
    assert [arrow.label for arrow in mistake.passage.arrows] == [
        "gold LIVES_IN",
        "predicted BORN_IN",
    ]
    text = mistake.passage.text
    tail, head = mistake.passage.arrows[0][:2]
    assert text[tail.start : tail.end] == "Анна Петрова"
    assert text[head.start : head.end] == "Риме"
    turned = mistakes_of(linked("LIVES_IN", (0, 1)), linked("LIVES_IN", (1, 0)), "relations")
    assert sorted(pairs(turned)) == [("LIVES_IN", "–"), ("–", "LIVES_IN")]


def test_a_wrong_head_is_shown_beside_the_gold_one() -> None:
    gold = doc(dep=["nsubj", "flat", "root", "case", "obl", "punct"])
    gold.tokens.set("head", [2, 0, 2, 4, 2, 2])
    predicted = doc(dep=["nsubj", "flat", "root", "case", "nmod", "punct"])
    predicted.tokens.set("head", [2, 0, 2, 4, 1, 4])
    first, second = mistakes_of(gold, predicted, "LAS")
    assert (first.outcome.gold, first.outcome.predicted) == ("obl", "nmod")
    assert labels(first)["gold head"] == "живёт"
    assert labels(first)["predicted head"] == "Петрова"
    assert (second.outcome.gold, second.outcome.predicted) == ("punct", "other head")


def test_tokens_and_sentences_of_a_tokenizer_of_its_own() -> None:
    gold = Doc(words=["г.", "Рим", "вечен"], spaces=[False, True, False])
    gold.tokens.set("sent_start", [True, False, True])
    predicted = Doc(words=["г", ".Рим", "вечен"], spaces=[False, True, False])
    predicted.tokens.set("sent_start", [True, False, False])
    mistakes = mistakes_of(gold, predicted, "tokens")
    assert pairs(mistakes) == [("a token", "cut"), ("a token", "joined")]
    [border] = mistakes_of(gold, predicted, "sents")
    assert border.outcome.predicted == "–"


def classed(**scores: float) -> Doc:
    made = doc()
    made.layers["cats"] = Layer("doc", 1)
    for name, value in scores.items():
        made.layers["cats"].set(name, [value])
    return made


def test_classes_of_documents_that_exclude_each_other_and_that_do_not() -> None:
    [one] = mistakes_of(classed(a=1.0, b=0.0), classed(a=0.2, b=0.8), "cats")
    assert (one.outcome.gold, one.outcome.predicted) == ("a", "b")
    assert one.outcome.score == pytest.approx(0.8)
    several = mistakes_of(classed(a=1.0, b=1.0, c=0.0), classed(a=0.9, b=0.1, c=0.9), "cats")
    assert pairs(several) == [("b", "–"), ("–", "c")]


def test_sentiment_toward_names() -> None:
    gold, predicted = linked("X", (0, 1)), linked("X", (0, 1))
    gold.layers["ents"].set("sentiment.good", [1.0, 0.0]).set("sentiment.bad", [0.0, 1.0])
    predicted.layers["ents"].set("sentiment.good", [0.7, 0.6]).set("sentiment.bad", [0.3, 0.4])
    [mistake] = mistakes_of(gold, predicted, "ents.sentiment")
    assert labels(mistake) == {"bad → good": "Риме"}


def asked(*answers: tuple[int, int, int]) -> Doc:
    made = doc()
    made.layers["questions"] = Layer("doc", 2).set("text", ["Где?", "Кто?"])
    starts, ends, questions = zip(*answers, strict=True)
    layer = span_layer(starts, ends, None, [0.9] * len(answers))
    made.layers["answers"] = layer.set("question", list(questions))
    return made


def test_a_wrong_answer_has_its_question() -> None:
    gold = asked((4, 5, 0), (0, 1, 1))
    predicted = asked((2, 3, 0), (0, 1, 1))
    [mistake] = mistakes_of(gold, predicted, "answers exact")
    assert mistake.outcome.question == "Где?"
    assert labels(mistake) == {"gold answer": "Риме", "predicted answer": "живёт"}


def test_a_long_text_is_cut_around_the_mistake() -> None:
    words = [f"слово{number}" for number in range(500)]
    gold = doc(words, pos=["NOUN"] * 500)
    predicted = doc(words, pos=["NOUN"] * 250 + ["VERB"] + ["NOUN"] * 249)
    [mistake] = mistakes_of(gold, predicted, "pos")
    assert labels(mistake) == {"NOUN → VERB": "слово250"}
    assert len(mistake.passage.text) < 500
    assert mistake.passage.text.startswith("…слово")
    assert mistake.passage.text.endswith("…")


def test_counts_are_those_of_the_figures(data: Path) -> None:
    """On a treebank, whose words get the values of the word before."""
    docs = list(read_conllu(data / "morph" / "ru_taiga-dev.conllu.gz"))[:150]
    mistakes = Mistakes()
    shifted = []
    for gold in docs:
        predicted = gold.copy()
        for name in ("pos", "lemma", "dep"):
            column = gold.tokens[name]
            predicted.tokens.set(name, [None, *column.strings()[:-1]])
        shifted.append(predicted)
        mistakes.add(gold, predicted)
    figures = score(zip(docs, shifted, strict=True)).figures
    for name in ("pos", "lemma", "LAS", "tokens"):
        errors = mistakes.by_figure[name]
        assert errors.pairs.total() == figures[name].gold
        assert figures[name].gold - len(errors.mistakes) == figures[name].correct


def test_the_page_has_every_mistake_by_label_and_source_the_surest_first() -> None:
    mistakes = Mistakes()
    for source, sure in (("a.conllu", 0.3), ("b.conllu", 0.9)):
        predicted = doc(pos=["PROPN", "NOUN", "VERB", "ADP", "PROPN", "PUNCT"])
        predicted.tokens.set("pos_score", [sure] * 6)
        gold = doc(pos=["PROPN", "PROPN", "VERB", "ADP", "PROPN", "PUNCT"])
        gold.name = "<имя>"
        mistakes.watcher(source)(gold, predicted)
    page = errors_page(mistakes, "<b>").html
    text = " ".join(re.sub("<[^>]*>", " ", page[page.index("<body") :]).split())
    assert "pos: 2 mistakes" in text
    assert "gold PROPN, predicted NOUN 2" in text
    assert text.index("b.conllu · &lt;имя&gt; · score 0.90") < text.index("a.conllu · &lt;")
    assert "by source" in text
    assert "PROPN 6 2 0 0" in text  # gold, other label or place, missed, invented
    assert "<script" not in page


def test_a_page_without_scores_says_so_and_one_without_mistakes_too() -> None:
    mistakes = Mistakes()
    mistakes.add(doc(pos=["X"] * 6), doc(pos=["Y"] * 6))
    assert "gives no scores here" in errors_page(mistakes).html
    right = Mistakes()
    right.add(doc(pos=["X"] * 6), doc(pos=["X"] * 6))
    assert "All 6 are right." in errors_page(right).html
    assert "annotate nothing" in errors_page(Mistakes()).html
