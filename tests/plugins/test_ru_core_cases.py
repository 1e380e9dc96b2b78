"""What ru_core says of Russian as people write it: contracts, addresses, chats.

The cases stand in tests/cases/, with the answers marked in the texts.
"""

from __future__ import annotations

import re
from functools import cache

import pytest
from helpers.cases import read_cases

import pipekit
from pipekit import Doc, registry

if "ru_core" not in registry.pipelines.names():
    pytest.skip("ru_core is not installed: pip install ./plugins/ru_core", allow_module_level=True)

MARKED = re.compile(r"\[([^|\[\]]*)\|([A-Z_]+)\]")  # [Омск|LOC]


@cache
def docs_of(
    file: str,
    component: str,
) -> dict[str, Doc]:
    """The documents of the cases of a file, by the cases."""
    nlp = pipekit.load("ru_core", precision="float32").select_pipes(enable=[component])
    cases = read_cases(file)
    return dict(zip(cases, nlp.pipe(map(bare_text, cases)), strict=True))


def bare_text(case: str) -> str:
    return MARKED.sub(r"\1", case.split("\t")[0])


@pytest.mark.parametrize("case", read_cases("names_ru.txt"))
def test_names_are_those_in_brackets(case: str) -> None:
    doc = docs_of("names_ru.txt", "ner")[case]
    spans = [(span.text, span.label) for span in doc.ents]
    assert spans == MARKED.findall(case)


@pytest.mark.parametrize("case", read_cases("amounts_ru.txt"))
def test_fine_types_are_those_in_brackets_and_others(case: str) -> None:
    doc = docs_of("amounts_ru.txt", "ner_fine")[case]
    spans = {(span.text, span.label) for span in doc.spans["fine"]}
    assert set(MARKED.findall(case)) <= spans


@pytest.mark.parametrize("case", read_cases("lemmas_ru.tsv"))
def test_lemmas_are_those_behind_the_text(case: str) -> None:
    doc = docs_of("lemmas_ru.tsv", "tagger")[case]
    for pair in case.split("\t")[1].split(" "):
        word, lemma = pair.split("=")
        text, _, number = word.partition("#")
        tokens = [token for token in doc if token.text == text]
        assert tokens[int(number or 0)].lemma == lemma
