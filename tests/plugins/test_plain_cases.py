"""What the shipped pipeline answers, and which relations it reads in plain sentences.

The cases stand in tests/cases/answers_ru.txt and relations_ru.txt. Most of them must be right: a
network is no list of rules, so a share is asked for, and each wrong one is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from helpers.places import ROOT

import pipekit
from pipekit import registry
from pipekit.evaluation.answers import exact

if "ru_core" not in registry.pipelines.names():
    pytest.skip("ru_core is not installed: pip install ./plugins/ru_core", allow_module_level=True)

CASES = ROOT / "tests" / "cases"
EITHER_WAY = {"SPOUSE", "SIBLING", "RELATIVE", "KNOWS"}
ANSWERED, SILENT, STATED, UNSTATED = 0.85, 0.4, 0.65, 0.9  # the shares that must be right


@pytest.fixture(scope="module")
def nlp() -> pipekit.Pipeline:
    return pipekit.load("ru_core", device="cpu", precision="float32")


class Asked(NamedTuple):
    text: str
    question: str
    answers: list[str]


def lines(name: str) -> Iterator[str]:
    for line in (CASES / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line


def questions() -> Iterator[Asked]:
    text = ""
    for line in lines("answers_ru.txt"):
        if not line.startswith("?"):
            text = line
            continue
        question, _, answers = line.removeprefix("? ").partition(" = ")
        yield Asked(text, question, answers.split("|") if answers else [])


def assert_share(
    wrong: list[str],
    size: int,
    share: float,
) -> None:
    right = size - len(wrong)
    print(f"{right} of {size} right")  # shown by pytest -rP
    assert size, "no cases"
    assert right >= share * size, f"{right} of {size} right, wrong are:\n" + "\n".join(wrong)


@pytest.mark.parametrize("has_answer", [True, False])
def test_questions_get_the_answer_of_the_text_or_none(
    nlp: pipekit.Pipeline, has_answer: bool
) -> None:
    asked = [case for case in questions() if bool(case.answers) == has_answer]
    wrong = []
    for case in asked:
        answer = nlp.answer(case.text, case.question)
        text = answer.text if answer else None
        if not exact(case.answers, text):
            wrong.append(f"{case.question} {text}, not {case.answers or None}")
    assert_share(wrong, len(asked), ANSWERED if has_answer else SILENT)


@pytest.mark.parametrize("is_stated", [True, False])
def test_plain_sentences_have_the_relations_that_they_state(
    nlp: pipekit.Pipeline, is_stated: bool
) -> None:
    cases = [line.split("|") for line in lines("relations_ru.txt")]
    cases = [case for case in cases if case[2].startswith("-") != is_stated]
    wrong = []
    for (text, head, sign, tail), doc in zip(
        cases, nlp.pipe([case[0] for case in cases]), strict=True
    ):
        label = sign.removeprefix("-")
        links = {(link.head.text, link.label, link.tail.text) for link in doc.relations or ()}
        has_link = (head, label, tail) in links
        has_link |= label in EITHER_WAY and (tail, label, head) in links
        if has_link != is_stated:
            wrong.append(f"{text} {sign}: {links or 'none'}")
    assert_share(wrong, len(cases), STATED if is_stated else UNSTATED)
