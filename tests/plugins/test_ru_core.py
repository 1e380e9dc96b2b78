"""The pipeline that is shipped, as installed."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.places import ROOT

import pipekit
from pipekit import registry
from pipekit.corpora.readers import read_conllu
from pipekit.corpora.sources import read_source
from pipekit.evaluation.evaluate import evaluate
from pipekit.training.recipe import read_recipe

if "ru_core" not in registry.pipelines.names():
    pytest.skip("ru_core is not installed: pip install ./plugins/ru_core", allow_module_level=True)

TEXT = "Мама мыла раму. Иван Петров с 2019 г. работает в «Яндексе»."


@pytest.fixture(scope="module")
def nlp() -> pipekit.Pipeline:
    return pipekit.load("ru_core", device="cpu", precision="float32")


def test_the_first_five_minutes(nlp: pipekit.Pipeline) -> None:
    doc = nlp(TEXT)
    assert [sentence.text for sentence in doc.sents or ()] == [
        "Мама мыла раму.",
        "Иван Петров с 2019 г. работает в «Яндексе».",
    ]
    washed = doc[1]
    assert (washed.pos, washed.lemma, washed.morph and washed.morph["Tense"]) == (
        "VERB",
        "мыть",
        "Past",
    )
    assert [doc[i].lemma for i in (4, 5, 12)] == ["Иван", "Петров", "Яндекс"]
    assert "".join(token.text_with_ws for token in doc) == TEXT


def test_every_component_keeps_the_contract_of_plugins(
    nlp: pipekit.Pipeline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(type(nlp), "is_own", lambda *_: False)
    assert all(doc.error is None for doc in nlp.pipe([TEXT, NEWS, "", " ", "👍\n\nДа."]))


NEWS = (
    "Вчера в Москве президент России Владимир Путин встретился с главой Сбербанка "
    "Германом Грефом. Они говорили о развитии банка."
)


def test_names_have_normal_forms_and_scores(nlp: pipekit.Pipeline) -> None:
    doc = nlp(NEWS)
    found = {(name.text, name.label) for name in doc.ents or ()}
    assert found >= {("Москве", "LOC"), ("Владимир Путин", "PER"), ("Германом Грефом", "PER")}
    assert {name.lemma for name in doc.ents or ()} >= {"Москва", "Россия", "Герман Греф"}
    assert all(0.5 < (name.score or 0) <= 1 for name in doc.ents or ())


@pytest.mark.parametrize(
    ("text", "lemma"),
    [
        ("Письмо Наталье Петровне отправлено.", "Наталья Петровна"),
        ("Жалоба С. И. Петрова рассмотрена.", "С. И. Петров"),
        ("Речь Эммануэля Макрона длилась час.", "Эммануэль Макрон"),
        ("Договор с Львом Юрьевичем подписан.", "Лев Юрьевич"),
    ],
)
def test_the_words_of_a_name_agree(nlp: pipekit.Pipeline, text: str, lemma: str) -> None:
    assert [name.lemma for name in nlp(text).ents or ()] == [lemma]


@pytest.mark.parametrize(
    ("text", "word", "lemma"),
    [
        ("Подъезд Б закрыт.", "Б", "б"),
        ("Вариант Г лучше.", "Г", "Г"),
        ("Вышел из дома в 7 ч утра, прошёл 3 м.", "3", "3"),
        ("Он \u0063разу понял.", "\u0063разу", "сразу"),
        ("Новая м\u0061шина стоит.", "м\u0061шина", "машина"),
    ],
)
def test_a_letter_is_its_own_lemma_and_look_alikes_are_the_letters_that_they_look_like(
    nlp: pipekit.Pipeline,
    text: str,
    word: str,
    lemma: str,
) -> None:
    assert [token.lemma for token in nlp(text) if token.text == word] == [lemma]


def test_nested_entities_and_relations_stand_on_one_doc(nlp: pipekit.Pipeline) -> None:
    doc = nlp(NEWS)
    fine = {(span.text, span.label) for span in doc.spans["fine"]}
    assert {("Владимир Путин", "PERSON"), ("России", "COUNTRY")} <= fine
    assert doc.relations
    assert all(
        (link.head.text, link.head.label) in fine and (link.tail.text, link.tail.label) in fine
        for link in doc.relations
    )


def test_sentiment_is_said_of_the_document_and_of_each_name(nlp: pipekit.Pipeline) -> None:
    sad, glad = (
        nlp("Мне очень грустно и страшно, я плачу."),
        nlp("Какое счастье! Я так рада и люблю вас всех!"),
    )
    assert sad.sentiment and glad.sentiment
    assert (sad.sentiment.label, glad.sentiment.label) == ("negative", "positive")
    assert sum(sad.sentiment.probabilities.values()) == pytest.approx(1, abs=1e-3)
    assert all(name.sentiment is not None for name in nlp(NEWS).ents or ())


def test_a_question_is_answered_from_the_text(nlp: pipekit.Pipeline) -> None:
    text = (
        "Столица Франции — Париж. Башня была построена в 1889 году "
        "по проекту инженера Гюстава Эйфеля."
    )
    answer = nlp.answer(text, "В каком году была построена башня?")
    assert answer is not None
    assert "1889" in answer.text
    assert text[answer.start_char : answer.end_char] == answer.text


def test_near_words_have_near_vectors(nlp: pipekit.Pipeline) -> None:
    doc = nlp("король королева трактор")
    assert doc[0].similarity(doc[1]) > doc[0].similarity(doc[2])
    assert len(nlp.most_similar("король", top=5)) == 5


def test_its_card_is_in_the_file(nlp: pipekit.Pipeline) -> None:
    assert nlp.meta["name"] == "ru_core"
    assert nlp.meta["license"] and nlp.meta["sources"] and nlp.meta["performance"]


def test_it_keeps_within_its_size() -> None:
    path = Path(registry.pipelines.get("ru_core")())
    assert path.stat().st_size <= 40_000_000


@pytest.mark.parametrize(
    ("changed", "share"),
    [
        (lambda word: unicodedata.normalize("NFD", word), 0.999),
        (lambda word: word[:2] + "\u00ad" + word[2:], 0.99),
        (lambda word: word[:2] + "\u200b" + word[2:], 0.99),
        (lambda word: word[:2] + "\u0301" + word[2:], 0.99),
    ],
    ids=["NFD", "soft hyphen", "zero-width space", "stress mark"],
)
def test_spelling_that_no_reader_sees_changes_no_tag(
    nlp: pipekit.Pipeline, data: Path, changed: Callable[[str], str], share: float
) -> None:
    words = sorted(
        {
            w
            for doc in read_conllu(data / "morph/ru_gsd-dev.conllu.gz")
            for w in doc.words
            if w.isalpha() and len(w) > 2
        }
    )
    plain = [nlp_doc[0] for nlp_doc in nlp.pipe(pipekit.Doc(words=[w]) for w in words)]
    hidden = [nlp_doc[0] for nlp_doc in nlp.pipe(pipekit.Doc(words=[changed(w)]) for w in words)]
    same = sum((a.pos, a.lemma) == (b.pos, b.lemma) for a, b in zip(plain, hidden, strict=True))
    assert same >= share * len(words)


def test_bfloat16_costs_less_than_a_tenth_of_a_point(data: Path) -> None:
    gold = list(read_conllu(data / "morph/ru_taiga-dev.conllu.gz"))
    full, half = (
        evaluate(pipekit.load("ru_core", device="cpu", precision=p), gold)
        for p in ("float32", "bfloat16")
    )
    for name in ("pos", "morph", "lemma"):
        assert abs((full[name] or 0) - (half[name] or 0)) < 0.001


@pytest.mark.filterwarnings(
    "ignore::pipekit.errors.PipekitWarning"
)  # two spans of the corpus do not fall on token borders
def test_bfloat16_changes_less_than_one_name_in_a_hundred(
    nlp: pipekit.Pipeline, data: Path
) -> None:
    [source] = read_recipe(ROOT / "recipes/ner/ner.toml").dev
    texts = [doc.text for doc in read_source(source, nlp.tokenize)]
    half = pipekit.load("ru_core", device="cpu", precision="bfloat16", include=["ner"])
    names = []
    for pipeline in (nlp.select_pipes(enable=["ner"]), half):
        spans = set()
        for number, doc in enumerate(pipeline.pipe(texts)):
            spans |= {(number, span.start, span.end, span.label) for span in doc.ents or ()}
        names.append(spans)
    full, rounded = names
    assert len(full - rounded) < len(full) / 100


@pytest.mark.filterwarnings("ignore::pipekit.errors.PipekitWarning")  # as above
def test_int8_costs_less_than_a_fifth_of_a_point(nlp: pipekit.Pipeline, data: Path) -> None:
    [source] = read_recipe(ROOT / "recipes/ner/ner.toml").dev
    corpora = {
        "tagger": list(read_conllu(data / "morph/ru_taiga-dev.conllu.gz")),
        "ner": read_source(source, nlp.tokenize),
    }
    for name, gold in corpora.items():
        exact = nlp.select_pipes(enable=[name])
        full, coarse = (
            evaluate(exact, gold),
            evaluate(exact.select_pipes().with_precision("int8"), gold),
        )
        for figure in {"pos", "morph", "lemma", "ents"} & {*full.figures}:
            assert (full[figure] or 0) - (coarse[figure] or 0) < 0.002, figure


def test_a_document_and_its_file_say_the_same(nlp: pipekit.Pipeline, tmp_path: Path) -> None:
    docs = list(nlp.pipe([TEXT, "", "  Ёжик 😀 #супер"]))
    pipekit.write_docs(docs, tmp_path / "some.docs")
    assert [doc.to_dict() for doc in pipekit.read_docs(tmp_path / "some.docs")] == [
        doc.to_dict() for doc in docs
    ]


def alike(one: Any, other: Any) -> bool:
    """Whether two documents as dicts say the same.

    Scores may differ in their last digits, since batches differ.
    """
    if isinstance(one, float):
        return one == pytest.approx(other, abs=1e-4)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)


def test_two_workers_say_what_one_process_says(nlp: pipekit.Pipeline) -> None:
    texts = [TEXT, "Съешь ещё этих мягких французских булок.", "Он ушёл!"] * 5
    alone = [doc.to_dict() for doc in nlp.pipe(texts)]
    for found, expected in zip(nlp.pipe(texts, n_process=2), alone, strict=True):
        assert alike(found.to_dict(), expected)


@pytest.mark.parametrize("text", ["", " ", "\n\n"])
def test_nothing_is_said_of_a_text_without_words(nlp: pipekit.Pipeline, text: str) -> None:
    doc = nlp(text)
    assert (doc.ents, doc.relations, doc.sentiment, nlp.answer(text, "Кто?")) == (
        (),
        (),
        None,
        None,
    )
    assert pipekit.Doc.from_dict(doc.to_dict()).to_dict() == doc.to_dict()
    assert pipekit.Doc.from_bytes(doc.to_bytes()).sentiment is None


def sentiment_cases() -> list[str]:
    path = ROOT / "tests" / "cases" / "sentiment_ru.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("case", sentiment_cases())
def test_what_is_felt_of_a_text_and_toward_a_name(
    nlp: pipekit.Pipeline,
    case: str,
) -> None:
    labels, text, *names = case.split("|")
    doc = nlp(text)
    felt = doc.sentiment
    for name in names:
        [entity] = [entity for entity in doc.ents or () if entity.text == name]
        felt = entity.sentiment
    assert felt is not None
    assert felt.label in labels.split()
