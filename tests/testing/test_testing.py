"""The questions of `pipekit.testing`: parts that keep their contract pass, breaches are seen.

Modules: testing.comparing, testing.components, testing.encoders, testing.heads, testing.listeners,
    testing.questions,
    testing.readers, testing.texts, testing.tokenizers
"""

from __future__ import annotations

from pipekit import testing


class TestWhitespace(testing.TokenizerTests):
    type = "whitespace"
    cases = ("Мама |мыла |раму.\n|| Кот |спит.",)


class TestRussian(testing.TokenizerTests):
    type = "ru"
    cases = ("Мама |мыла |раму|. ||Кот |спит|.",)


class TestValues(testing.ComponentTests):
    type = "values"


class TestRuler(testing.ComponentTests):
    type = "entity_ruler"
    settings = {"patterns": [{"label": "PER", "pattern": "Иван Петров"}]}
    n_process = 1


def test_a_question_that_is_left_out_is_no_test() -> None:
    class Alone(testing.ComponentTests):
        type = "values"
        n_process = 1
        in_parts = False

    class Whole(testing.ComponentTests):
        type = "values"

    assert Alone.test_worker_processes_say_the_same is None
    assert Alone.test_a_document_in_parts_says_what_the_whole_says is None
    assert callable(Alone.test_it_survives_the_file)
    assert callable(Whole.test_worker_processes_say_the_same)
