"""The questions of `pipekit.testing`: parts that keep their contract pass, breaches are seen.

Modules: testing.comparing, testing.components, testing.encoders, testing.heads, testing.listeners,
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
