"""What users of spaCy type first works, or its error says what it is called here.

Modules: habits
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from helpers.places import CASES, ROOT

import pipekit
from pipekit import Doc, Pipeline, Span, Token
from pipekit.errors import ConfigError
from pipekit.habits import HABITS, Telling, called_here

OWNERS = {"Doc": Doc, "Span": Span, "Token": Token, "Pipeline": Pipeline, "pipekit": pipekit}
PAGE = ROOT / "docs" / "spacy-names.md"


def items() -> dict[str, Any]:
    doc = Doc(words=["Мама", "мыла"])
    return {
        "Doc": doc,
        "Span": doc[0:2],
        "Token": doc[0],
        "Pipeline": pipekit.blank("ru"),
        "pipekit": pipekit,
    }


def names_of_spacy() -> list[tuple[str, str]]:
    text = (CASES / "spacy_names.txt").read_text(encoding="utf-8")
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return [(owner, name) for owner, *names in rows for name in names]


def test_each_public_name_of_spacy_is_there_or_is_told() -> None:
    silent = []
    here = items()
    for owner, name in names_of_spacy():
        try:
            getattr(here[owner], name)
        except AttributeError as error:
            if "In pipekit: " not in str(error):
                silent.append(f"{owner}.{name}")
    assert len(names_of_spacy()) > 250
    assert not silent


def test_no_table_tells_of_a_name_that_is_there() -> None:
    there = []
    here = items()
    for owner in OWNERS:
        there += [name for name in HABITS[owner] if name != "_" and hasattr(here[owner], name)]
    modules = {name for name in there if isinstance(getattr(pipekit, name, None), ModuleType)}
    assert set(there) == modules  # which others have imported


CALLS = re.compile(r"\b(nlp|doc|span|token)\.(\w+)")
EXAMPLES = {"nlp": Pipeline, "doc": Doc, "span": Span, "token": Token}


def test_what_the_tables_point_to_is_there() -> None:
    gone = []
    parts = {*vars(pipekit.blank("ru")), "doc", "i", "start", "end"}
    for owner, table in HABITS.items():
        for name, cure in table.items():
            for kind, attribute in CALLS.findall(cure):
                known = hasattr(EXAMPLES[kind], attribute) or attribute in parts
                if not known:
                    gone.append(f"{owner}.{name}: {kind}.{attribute}")
    assert not gone


@pytest.mark.parametrize("owner", HABITS)
def test_the_page_of_names_says_what_the_errors_say(owner: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in HABITS[owner]:
        cure = called_here(owner, name) or ""
        assert f"| `{name}` | {cure.replace('|', chr(92) + '|')} |" in page


def test_a_class_is_asked_as_an_instance_is() -> None:
    with pytest.raises(AttributeError, match=r"Doc has no 'set_extension'. In pipekit: declare"):
        Doc.set_extension("polarity", default=0)  # type: ignore[attr-defined]
    with pytest.raises(
        AttributeError, match=r"Token has no attribute 'lema'; .* Did you mean 'lemma'"
    ):
        Token.lema  # type: ignore[attr-defined]  # noqa: B018


KEYWORDS: list[tuple[Callable[[Pipeline], Any], type[Exception], str]] = [
    (lambda nlp: nlp.pipe(["а"], batch_size=9), TypeError, "batch_words=8_192"),  # type: ignore[call-overload]
    (lambda nlp: nlp("а", disable=["ner"]), TypeError, r"select_pipes\(disable"),  # type: ignore[call-arg]
    (lambda _: pipekit.load("ru_core", disable=["ner"]), TypeError, r"exclude="),  # type: ignore[call-arg]
    (lambda _: pipekit.blank("ru", config={}), TypeError, "set_tokenizer"),  # type: ignore[call-arg]
    (lambda nlp: nlp.add_pipe("values", last=True), ConfigError, "the end is the default"),
    (lambda nlp: nlp.pipe(["а"], nosuch=9), TypeError, "unexpected keyword argument 'nosuch'"),  # type: ignore[call-overload]
]


@pytest.mark.parametrize(("call", "error", "reason"), KEYWORDS)
def test_keywords_of_spacy_are_told(
    call: Callable[[Pipeline], Any],
    error: type[Exception],
    reason: str,
) -> None:
    with pytest.raises(error, match=reason):
        call(pipekit.blank("ru"))


def test_what_tells_keywords_keeps_its_signature() -> None:
    assert "batch_words" in inspect.signature(Pipeline.pipe).parameters
    assert "exclude" in inspect.signature(pipekit.load).parameters


class Careless(Telling):
    """A class with a property that fails once, and one that asks for what nobody has."""

    calls = 0

    @property
    def broken(self) -> str:
        return self.inner

    @property
    def inner(self) -> str:
        return "а".uper()  # type: ignore[attr-defined, no-any-return]

    @property
    def missing(self) -> Any:
        return self.nosuch  # type: ignore[attr-defined]


def test_an_error_within_a_property_comes_out_as_it_is() -> None:
    with pytest.raises(AttributeError, match=r"^'str' object has no attribute 'uper'$"):
        Careless().broken  # noqa: B018
    with pytest.raises(AttributeError, match="Careless has no attribute 'nosuch'"):
        Careless().missing  # noqa: B018
    assert not hasattr(Careless(), "__array__")
