"""Normal forms of names.

Modules: words.name_forms
"""

from __future__ import annotations

import pytest

from pipekit import Doc
from pipekit.doc.layer import span_layer
from pipekit.words.name_forms import adjective, plural


def name(*tokens: tuple[str, str, str, str], label: str | None = "ORG") -> str | None:
    """`Span.lemma` of tokens (text, part of speech, features, lemma)."""
    doc = Doc(words=[text for text, *_ in tokens])
    for column, values in zip(
        ("pos", "morph", "lemma"), list(zip(*tokens, strict=True))[1:], strict=True
    ):
        doc.tokens.set(column, list(values))
    doc.layers["ents"] = span_layer([0], [len(doc)], [label])
    assert doc.ents is not None
    return doc.ents[0].lemma


def test_all_parts_of_a_persons_name_are_inflected() -> None:
    dative = "Case=Dat|Gender=Masc|Number=Sing"
    assert (
        name(
            ("Ивану", "PROPN", dative, "Иван"), ("Петрову", "PROPN", dative, "Петров"), label="PER"
        )
        == "Иван Петров"
    )


def test_what_agrees_with_the_head_follows_it_and_what_depends_on_it_stays() -> None:
    his, her = "Case=Ins|Gender=Masc|Number=Sing", "Case=Gen|Gender=Fem|Number=Sing"
    court = (("Верховным", "ADJ", his, "верховный"), ("судом", "NOUN", his, "суд"))
    assert name(*court, ("России", "PROPN", her, "Россия")) == "Верховный суд России"
    square = (("Красной", "ADJ", her, "красный"), ("площади", "NOUN", her, "площадь"))
    assert name(*square, label="LOC") == "Красная площадь"


def test_a_plural_stays_a_plural_and_ё_is_not_lost() -> None:
    states = (
        ("Соединённых", "VERB", "Case=Gen|Number=Plur", "соединить"),
        ("Штатов", "PROPN", "Case=Gen|Gender=Masc|Number=Plur", "Штат"),
    )
    assert (
        name(*states, ("Америки", "PROPN", "Case=Gen|Gender=Fem|Number=Sing", "Америка"))
        == "Соединённые Штаты Америки"
    )


@pytest.mark.parametrize("word", ["США", "НАТО", "ГИБДД"])
def test_what_is_all_capitals_stays(word: str) -> None:
    assert name((word, "PROPN", "Case=Gen|Gender=Fem|Number=Sing", word.capitalize())) == word


def test_what_stands_in_quotation_marks_stays() -> None:
    title = ("Зенита", "PROPN", "Case=Gen|Gender=Masc|Number=Sing", "Зенит")
    assert name(("«", "PUNCT", "", "«"), title, ("»", "PUNCT", "", "»")) == "« Зенита »"
    assert (
        name(
            ("клуба", "NOUN", "Case=Gen|Gender=Masc|Number=Sing", "клуб"),
            ("«", "PUNCT", "", "«"),
            title,
        )
        == "клуб « Зенита"
    )


def test_a_womans_surname_is_hers() -> None:
    mark = "Case=Ins|Gender=Fem|Number=Sing"
    assert (
        name(
            ("Евгенией", "PROPN", mark, "Евгения"),
            ("Павловской", "PROPN", mark, "Павловский"),
            label="PER",
        )
        == "Евгения Павловская"
    )
    assert name(("Петровой", "PROPN", mark, "Петров"), label="PER") == "Петрова"


def test_a_verb_is_not_the_normal_form_of_a_name() -> None:
    assert (
        name(("Байдена", "PROPN", "Case=Gen|Gender=Masc|Number=Sing", "Байсти"), label="PER")
        == "Байден"
    )


@pytest.mark.parametrize(
    ("lemma", "feminine", "neuter", "many"),
    [
        ("красный", "красная", "красное", "красные"),
        ("русский", "русская", "русское", "русские"),
        ("синий", "синяя", "синее", "синие"),
        ("свежий", "свежая", "свежее", "свежие"),
        ("большой", "большая", "большое", "большие"),
    ],
)
def test_adjectives_take_the_gender_of_the_head(
    lemma: str, feminine: str, neuter: str, many: str
) -> None:
    assert [adjective(lemma, feature) for feature in ("Masc", "Fem", "Neut", "Plur")] == [
        lemma,
        feminine,
        neuter,
        many,
    ]


@pytest.mark.parametrize(
    ("singular", "many"),
    [
        ("штат", "штаты"),
        ("банк", "банки"),
        ("область", "области"),
        ("россиянин", "россияне"),
        ("американец", "американцы"),
        ("европеец", "европейцы"),
        ("здание", "здания"),
        ("озеро", "озера"),
        ("школа", "школы"),
        ("книга", "книги"),
        ("музей", "музеи"),
    ],
)
def test_regular_nouns_have_a_plural(singular: str, many: str) -> None:
    assert plural(singular) == many


def test_a_span_that_is_no_name_has_the_lemmas_of_its_tokens() -> None:
    assert (
        name(
            ("Красной", "ADJ", "Case=Gen", "красный"),
            ("площади", "NOUN", "Case=Gen", "площадь"),
            label=None,
        )
        == "красный площадь"
    )
