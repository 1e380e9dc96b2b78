"""The reader: answers to questions, their metrics, and the corpora that it learns from.

Modules: components.qa.answerer, components.qa.candidates, components.qa.matching,
    components.qa.network, components.qa.passages
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.tiny import ASKED, learn, recipe, ten
from hypothesis import given, settings
from hypothesis import strategies as st

import pipekit
from pipekit import Batch, Doc, Pipeline
from pipekit.components.qa.candidates import Candidate, calibrated, choose_candidates
from pipekit.components.qa.matching import (
    BEGINNING,
    FORM,
    NOTHING,
    learn_rarity,
    word_lemmas,
    word_likeness,
    word_rarity,
)
from pipekit.components.qa.passages import Questions, own_passages, sentence_numbers
from pipekit.corpora.readers.files import Problem
from pipekit.corpora.readers.squad import read_squad
from pipekit.errors import ConfigError, DataError
from pipekit.evaluation.answers import exact, overlap
from pipekit.evaluation.evaluate import evaluate
from pipekit.pipeline.questions import Answer, balanced
from pipekit.training.loop import lowered

TEXT = " ".join(doc.text for doc in ten())


@pytest.fixture(scope="module")
def nlp(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A reader that has learned the ten questions, as "answerer"; it gives all its candidates."""
    part = {
        "type": "qa",
        "encoder": "main",
        "mixed": 24,
        "hidden": 24,
        "threshold": 0.0,
        "passage": 32,
    }
    raw = recipe({"type": "bilstm", "width": 32}, {"answerer": part})
    return learn(raw, tmp_path_factory.mktemp("run"))


def close(one: list[Answer], other: list[Answer]) -> bool:
    """Whether answers are the same but for what rounding does to scores."""
    return [a[:3] for a in one] == [a[:3] for a in other] and np.allclose(
        [a.score for a in one], [a.score for a in other], atol=1e-4
    )


# -- answers


@given(st.text(max_size=60), st.text(max_size=30))
@settings(max_examples=30)
def test_answers_are_pieces_of_any_text_apart_from_each_other_and_best_first(
    nlp: Pipeline, text: str, question: str
) -> None:
    found = nlp.answers(text, question, top=5)
    doc = nlp.tokenize([text])[0]
    assert all(doc.text[one.start_char : one.end_char] == one.text and one.text for one in found)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert all(0 <= one.score <= 1 for one in found)
    spans = sorted(one[1:3] for one in found)
    assert all(left[1] <= right[0] for left, right in pairwise(spans))


@pytest.mark.parametrize(
    ("text", "question"),
    [("", "Кто?"), ("Мама мыла раму.", ""), ("", ""), (" ", "Кто?"), ("Мама", "  \n")],
)
def test_where_text_or_question_are_empty_there_is_no_answer_or_a_word_of_the_text(
    nlp: Pipeline, text: str, question: str
) -> None:
    found = nlp.answer(text, question)
    assert found is None or found.text in text
    assert text or found is None


def test_many_questions_get_what_each_gets_alone(nlp: Pipeline) -> None:
    asked = [question for question, _ in ASKED]
    alone = [nlp.answers(TEXT, question) for question in asked]
    assert all(map(close, nlp.answers(TEXT, asked), alone))
    assert all(map(close, nlp.answers(nlp.tokenize([TEXT])[0], asked), alone))
    pairs = [(doc.text, question) for doc, question in zip(ten(), asked, strict=True)]
    assert all(map(close, nlp.answer_pairs(pairs), [nlp.answers(*pair) for pair in pairs]))
    assert nlp.answers(TEXT, []) == []


def test_more_questions_than_are_read_at_once_are_answered_too(
    nlp: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [question for question, _ in ASKED]
    expected = nlp.answers(TEXT, asked)
    monkeypatch.setattr("pipekit.components.qa.answerer.AT_ONCE", 3)
    assert all(map(close, nlp.answers(TEXT, asked), expected))


def test_a_question_without_a_likely_answer_has_none(nlp: Pipeline) -> None:
    [reader] = nlp.components.values()
    assert nlp.answer("Мама мыла раму.", "Кто мыл раму?") is not None
    reader.threshold = 1.1
    try:
        assert nlp.answer("Мама мыла раму.", "Кто мыл раму?") is None
        assert nlp.answers("Мама мыла раму.", "Кто мыл раму?") == []
    finally:
        reader.threshold = 0.0


def test_a_long_text_is_read_in_passages_that_cover_it(nlp: Pipeline) -> None:
    filler = "Зимний лес молчит. " * 40
    long = nlp.answers(f"{filler}Мама мыла раму. {filler}", "Кто мыл раму?", top=5)
    assert (len(filler), len(filler) + 4) in [one[1:3] for one in long]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=4), st.integers(4, 16))
def test_a_span_of_a_quarter_of_a_passage_lies_within_one_of_its_document(
    lengths: list[int], size: int
) -> None:
    batch = Batch([Doc(words=["а"] * length) for length in lengths])
    every = np.arange(len(lengths))
    questions = Questions(doc=every, row=np.zeros_like(every), texts=["Кто?"] * len(lengths))
    pairs = own_passages(batch, questions, size)
    assert not len(pairs) or pairs.length.max() <= size
    for number, (begin, end) in enumerate(pairwise(batch.offsets.tolist())):
        own = pairs.take(np.flatnonzero(pairs.question == number))
        borders = list(zip(own.start.tolist(), (own.start + own.length).tolist(), strict=True))
        assert all(begin <= first and last <= end for first, last in borders)
        width = min(size // 4, end - begin)
        for start in range(begin, end - width + 1) if width else ():
            assert any(first <= start and start + width <= last for first, last in borders)


def test_a_text_that_goes_through_in_parts_keeps_its_questions(
    nlp: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipekit.pipeline.running.CHUNK_WORDS", 10)
    found = nlp.answers(TEXT, "Кто мыл раму?", top=50)
    assert len({one[1:3] for one in found}) == len(found) > 5
    assert all(TEXT[one.start_char : one.end_char] == one.text for one in found)


def test_documents_without_questions_cost_no_vectors(nlp: Pipeline) -> None:
    [reader] = nlp.components.values()
    doc = nlp.tokenize([TEXT])[0]
    reader(Batch([doc]))  # a batch without encoders: asking for vectors would fail
    assert doc.layers["answers"].size == 0


def test_asking_writes_nothing_to_a_document(nlp: Pipeline) -> None:
    doc = nlp.tokenize([TEXT])[0]
    nlp.answers(doc, "Кто мыл раму?")
    assert [*doc.layers] == ["tokens"]


def test_a_pipeline_without_a_reader_says_how_to_get_one() -> None:
    with pytest.raises(
        ConfigError,
        match=r'answers no questions \(it has no components\): train a component of type "qa"',
    ):
        pipekit.blank("ru").answer("Мама мыла раму.", "Кто?")


def test_no_answers_at_all_cannot_be_asked_for(nlp: Pipeline) -> None:
    with pytest.raises(ConfigError, match="top is 0"):
        nlp.answers(TEXT, "Кто?", top=0)


def test_answers_that_overlap_are_one_place_with_the_probability_of_all() -> None:
    found = choose_candidates(
        np.array([0, 0, 5, 0]), np.array([2, 3, 6, 2]), np.array([0.3, 0.2, 0.4, 0.25]), 5
    )
    assert [(one.start, one.end, pytest.approx(one.score)) for one in found] == [
        (0, 2, 0.5),
        (5, 6, 0.4),
    ]


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=5),
    st.floats(0.1, 10),
    st.floats(-10, 10),
)
def test_calibrated_scores_are_probabilities_in_the_same_order(
    probabilities: list[float], slope: float, shift: float
) -> None:
    """Platt 1999: a logistic function of the logit, so what is best stays best."""
    candidates = [Candidate(n, n + 1, p) for n, p in enumerate(sorted(probabilities)[::-1])]
    scores = [one.score for one in calibrated(candidates, slope, shift)]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    same = calibrated(candidates, 1, 0)
    assert same == candidates


def test_a_slope_and_a_shift_change_scores_and_no_answer(nlp: Pipeline) -> None:
    reader: Any = nlp.components["answerer"]
    question = ASKED[0][0]
    before = nlp.answers(TEXT, question, top=3)
    reader.slope, reader.shift = 0.5, -1.0
    try:
        after = nlp.answers(TEXT, question, top=3)
    finally:
        reader.slope, reader.shift = 1.0, 0.0
    assert [one[:3] for one in after] == [one[:3] for one in before]
    for old, new in zip(before, after, strict=True):
        inside = min(max(old.score, 1e-6), 1 - 1e-6)
        logit = np.log(inside / (1 - inside))
        assert new.score == pytest.approx(1 / (1 + np.exp(1 - 0.5 * logit)), abs=1e-4)


def test_only_passages_that_hold_the_answer_are_asked_for_it(nlp: Pipeline) -> None:
    doc = nlp.tokenize([f"{'Зимний лес молчит. ' * 40}Мама мыла раму."])[0]
    doc.add_layer("questions", "doc", 1).set("text", ["Кто мыл раму?"])
    doc.layers["answers"] = (
        ten()[0].layers["answers"].copy().set("start", np.array([160])).set("end", np.array([161]))
    )
    [reader] = nlp.components.values()
    loss = reader.loss(nlp.batch([doc]))
    assert loss.item() > 0
    doc.layers["answers"].set("start", np.array([100]))  # longer than any answer that is scored
    lost = reader.loss(nlp.batch([doc]))
    gradients = [
        g
        for g in torch.autograd.grad(lost, list(reader.parameters()), allow_unused=True)
        if g is not None
    ]
    assert gradients and all(bool(torch.isfinite(g).all()) for g in gradients)


def test_a_document_shown_in_lower_case_is_asked_in_lower_case() -> None:
    doc = ten()[0]
    asked = doc.layers["questions"]["text"].strings()
    small = lowered(doc)
    assert small.text == doc.text.lower() != doc.text
    assert (
        small.layers["questions"]["text"].strings()
        == [text and text.lower() for text in asked]
        != asked
    )
    assert doc.layers["questions"]["text"].strings() == asked


def test_sentences_end_at_full_stops_and_where_texts_end(nlp: Pipeline) -> None:
    batch = Batch(nlp.tokenize(["Мама мыла. Папа", "Кот!"]))
    numbers = sentence_numbers(batch)
    assert [*np.flatnonzero(np.diff(numbers))] == [2, 3]


# -- words of questions in texts


def test_words_are_alike_by_form_or_by_their_beginning(nlp: Pipeline) -> None:
    text, asked = (
        Batch(nlp.tokenize([words])) for words in ("Собаками собака кот", "собака кошка")
    )
    table = word_likeness(text, word_lemmas(text, None), asked, word_lemmas(asked, None))
    found = {
        (a, b): int(table[i, j])
        for i, a in enumerate(text.distinct.plain_strings)
        for j, b in enumerate(asked.distinct.plain_strings)
    }
    assert found["собака", "собака"] == FORM
    assert found["собаками", "собака"] == BEGINNING
    assert found["кот", "кошка"] == NOTHING


def test_the_rarest_words_are_those_that_few_texts_have(nlp: Pipeline) -> None:
    docs = nlp.tokenize(["и кот", "и пёс", "и кот", "и лес"])
    batch = Batch(nlp.tokenize(["и кот слон"]))
    values = word_rarity(word_lemmas(batch, None), learn_rarity(docs, None), 3)
    rare = dict(zip(batch.distinct.plain_strings, values.tolist(), strict=True))
    assert 0 <= rare["и"] < rare["кот"] < rare["слон"] == 1


# -- metrics


@pytest.mark.parametrize(
    ("gold", "predicted", "em", "f1"),
    [
        (["в 1832 году"], "1832", 0, 0.5),
        (["Ёлка»"], "елка", 1, 1),
        (["кот", "рыжий кот"], "Рыжий кот.", 1, 1),
        (["кот"], None, 0, 0),
        ([], None, 1, 1),
        ([], "кот", 0, 0),
        (["—"], "-", 1, 1),
    ],
)
def test_answers_are_compared_as_words(
    gold: list[str], predicted: str | None, em: float, f1: float
) -> None:
    assert (exact(gold, predicted), overlap(gold, predicted)) == (em, pytest.approx(f1))


def test_evaluation_counts_questions(nlp: Pipeline) -> None:
    scores = evaluate(nlp, ten())
    assert scores.figures["answers"].gold == len(ASKED)
    assert 0 <= (scores["answers exact"] or 0) <= (scores["answers"] or 0) <= 1
    assert evaluate(nlp, ten(), gold_tokens=False).figures["answers"].gold == len(ASKED)


# -- SQuAD


def squad(path: Path, *paragraphs: Any) -> Path:
    path.write_bytes(
        gzip.compress(
            json.dumps({"data": [{"paragraphs": list(paragraphs)}]}, ensure_ascii=False).encode()
        )
    )
    return path


def question(text: str, *answers: tuple[str, int], **more: Any) -> dict[str, Any]:
    return {
        "id": text,
        "question": text,
        "answers": [{"text": a, "answer_start": start} for a, start in answers],
        **more,
    }


def test_squad_gives_a_document_with_questions_and_all_their_answers(
    tmp_path: Path, tokenize: Callable[..., list[Doc]]
) -> None:
    asked = [
        question("Кто?", ("мама", 0), ("мама мыла", 0)),
        question("Когда?", is_impossible=True),
        question("Что?", (" рам", 9)),
    ]
    path = squad(tmp_path / "a.json.gz", {"context": "мама мыла раму.", "qas": asked})
    [doc] = read_squad(path, tokenize=tokenize)
    assert doc.layers["questions"]["text"].strings() == ["Кто?", "Когда?", "Что?"]
    layer = doc.layers["answers"]
    rows = [
        [layer[name][row] for name in ("question", "start", "end")] for row in range(layer.size)
    ]
    assert rows == [[0, 0, 1], [0, 0, 2], [2, 2, 3]]
    assert doc.name == "a.json.gz:data[0].paragraphs[0]"
    assert doc.copy(bare=True).layers.keys() == {"tokens", "questions"}


def test_squad_answers_that_stand_elsewhere_are_moved_or_left_out_and_noted(
    tmp_path: Path, tokenize: Callable[..., list[Doc]]
) -> None:
    asked = [question("Кто?", ("мама", 3)), question("Что?", ("слон", 0))]
    path = squad(
        tmp_path / "a.json.gz", {"context": "мама мыла раму.", "qas": asked}, {"context": 5}
    )
    problems: list[Problem] = []
    [doc] = read_squad(path, tokenize=tokenize, on_problem=problems.append)
    assert doc.layers["questions"]["text"].strings() == ["Кто?"]
    assert [problem.what.split(":")[0] for problem in problems[1:]] == [
        "data[0].paragraphs[0], question 'Кто?'",
        "data[0].paragraphs[0], question 'Что?'",
    ]
    assert "data[0].paragraphs[1] has no string 'context'" in str(problems[0])


def test_a_file_that_is_not_squad_is_refused(
    tmp_path: Path, tokenize: Callable[..., list[Doc]]
) -> None:
    path = tmp_path / "a.json"
    path.write_text("[1, 2", encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.json: is not SQuAD's JSON"):
        list(read_squad(path, tokenize=tokenize))


def test_sberquad_reads_with_few_repairs(data: Path, tokenize: Callable[..., list[Doc]]) -> None:
    problems: list[Problem] = []
    docs = list(
        read_squad(
            data / "qa" / "sberquad-part-dev.json.gz", tokenize=tokenize, on_problem=problems.append
        )
    )
    assert sum(doc.layers["questions"].size for doc in docs) > 490
    assert len(problems) < 5


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("«Яндекс", "Яндекс"),
        ("Яндекс»", "Яндекс"),
        ("«Яндекс»", "«Яндекс»"),
        ("клуб «Заря»", "клуб «Заря»"),
        ("(в Омске", "в Омске"),
    ],
)
def test_an_answer_has_no_half_of_a_pair_of_marks_at_its_edges(text: str, kept: str) -> None:
    start, end = balanced(f"- {text} -", 2, 2 + len(text))
    assert f"- {text} -"[start:end] == kept
