"""Lemmas that the part of speech, the features and the capitals of a word decide.

Modules: components.tagger.agreement, components.tagger.name_lemmas
"""

from __future__ import annotations

import numpy as np
import pytest

import pipekit
from pipekit import Pipeline
from pipekit.components.tagger.agreement import Agreement
from pipekit.components.tagger.lemmas import CandidateRows
from pipekit.components.tagger.name_lemmas import name_lemma


@pytest.fixture(scope="module")
def nlp() -> Pipeline:
    pipeline: Pipeline = pipekit.load("ru_core").select_pipes(enable=["tagger"])
    return pipeline


@pytest.mark.parametrize(
    ("word", "features", "lemma"),
    [
        ("Петровну", "Animacy=Anim|Case=Acc|Gender=Fem|Number=Sing", "Петровна"),
        ("Ильиничной", "Animacy=Anim|Case=Ins|Gender=Fem|Number=Sing", "Ильинична"),
        ("Смирновой", "Animacy=Anim|Case=Dat|Gender=Fem|Number=Sing", "Смирнова"),
        ("Юрьевича", "Animacy=Anim|Case=Gen|Gender=Masc|Number=Sing", "Юрьевич"),
        ("Лебедева-Кумача", "Animacy=Anim|Case=Gen|Gender=Masc|Number=Sing", "Лебедев-Кумач"),
        ("Ковалёвым", "Animacy=Anim|Case=Ins|Gender=Masc|Number=Sing", "Ковалев"),
        ("Смирновы", "Animacy=Anim|Case=Nom|Gender=Masc|Number=Plur", None),
        ("Тулы", "Animacy=Inan|Case=Gen|Gender=Fem|Number=Sing", None),
    ],
)
def test_a_name_of_a_person_has_the_nominative_of_its_gender(
    word: str,
    features: str,
    lemma: str | None,
) -> None:
    assert name_lemma(word, features) == lemma


def test_a_lemma_is_of_the_part_of_speech_that_the_word_has(nlp: Pipeline) -> None:
    """Of «стали» as a noun stays «сталь», as a verb «стать»; of a preposition everything stays."""
    lexicon = nlp.components["tagger"].rules.lexicon
    agreement = Agreement(lexicon, ["ADP", "NOUN", "VERB"])
    is_noun = agreement.agrees[:, 1]
    noun = int(np.flatnonzero(is_noun)[0])
    verb = int(np.flatnonzero(agreement.agrees[:, 2])[0])
    as_it_stands = lexicon.tags
    candidates = CandidateRows(
        owners=np.repeat(np.arange(4), 3),
        tags=np.tile([noun, verb, as_it_stands], 4),
        scripts=np.zeros(12, dtype=np.int64),
    )
    disagrees = agreement.disagrees(
        candidates,
        parts=np.array([1, 2, 0, 1]),
        known=np.array([True, True, True, False]),
    )
    assert disagrees.reshape(4, 3).tolist() == [
        [False, True, False],
        [True, False, False],
        [False, False, False],
        [False, False, False],
    ]


@pytest.mark.parametrize("text", ["Она учится в МГУ.", "Приказ НИИ подписан.", "Он ушёл из БГТУ."])
def test_short_words_in_capitals_are_their_own_lemmas(
    nlp: Pipeline,
    text: str,
) -> None:
    doc = nlp(text)
    assert [token.lemma.upper() for token in doc if token.text.isupper()] == [
        token.text for token in doc if token.text.isupper()
    ]


def test_other_words_in_capitals_have_lemmas(nlp: Pipeline) -> None:
    doc = nlp("ЗАКРЫВАЙТЕ ЗА СОБОЙ ДВЕРИ")
    assert [token.lemma for token in doc][-1].lower() == "дверь"
