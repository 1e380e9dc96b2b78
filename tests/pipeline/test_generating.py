"""What a pipeline with a language model is asked: texts that go on.

Modules: pipeline.generating
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

import pipekit
from pipekit import Batch, Pipeline, registry
from pipekit.errors import ConfigError
from pipekit.generation.search import Search
from pipekit.parts.contracts import Encoder
from pipekit.pipeline.generating import Continuation, Guess


class Echo:
    """Continues a text by itself, in capitals with a temperature; so searches can be seen."""

    requires = ()
    assigns = ()
    search = Search(most=7)

    def __call__(self, batch: Batch) -> None:
        """Write nothing."""

    def continued(
        self, prompts: Sequence[str], search: Search | None = None
    ) -> list[list[tuple[str, float, bool]]]:
        assert search is not None
        texts = []
        for prompt in prompts:
            text = prompt.upper() if search.temperature else prompt
            texts.append([(text[: search.most], -1.0, True)] * search.samples)
        return texts

    def stream(self, prompt: str, search: Search | None = None) -> Iterator[str]:
        yield from prompt

    def next_pieces(self, prompt: str, top: int) -> list[tuple[str, float]]:
        return [(prompt[-1], 0.5)] * top

    def likelihoods(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        return [math.log(1 + text.count(prompt[-1])) for text in continuations]


@pytest.fixture
def nlp() -> Iterator[Pipeline]:
    registry.components.register("echo", Echo)
    pipeline = pipekit.blank("ru")
    pipeline.add_pipe("echo")
    yield pipeline
    registry.components.unregister("echo")


def test_one_text_or_several_go_on(nlp: Pipeline) -> None:
    assert nlp.generate("Мама") == Continuation("Мама", -1.0, True)
    assert [text.text for text in nlp.generate(["а", "б"])] == ["а", "б"]
    assert nlp.generate([]) == []
    assert len(nlp.continuations("а", temperature=1.0, samples=3)) == 3


def test_settings_of_the_component_stay_where_none_are_chosen(nlp: Pipeline) -> None:
    assert nlp.generate("Мама мыла").text == "Мама мы"
    assert nlp.generate("Мама мыла", temperature=1.0).text == "МАМА МЫ"
    assert nlp.generate("Мама мыла", most=4).text == "Мама"


def test_pieces_come_one_by_one_and_guesses_with_their_scores(nlp: Pipeline) -> None:
    stream = nlp.stream("да")
    assert next(stream) == "д" and list(stream) == ["а"]
    assert nlp.predict("да", top=2) == [Guess("а", 0.5)] * 2


def test_the_likeliest_of_some_choices_comes_first(nlp: Pipeline) -> None:
    assert nlp.choose("а", ["б", "аа"]) == [
        Guess("аа", pytest.approx(0.75)),
        Guess("б", pytest.approx(0.25)),
    ]
    first, second = nlp.choose("а", ["бб", "аа"], beside="б")
    assert (first.text, first.score) == ("аа", pytest.approx(0.9)) and second.text == "бб"
    for choices in ("аб", ["а"], []):
        with pytest.raises(ConfigError, match="at least two texts"):
            nlp.choose("а", choices)


class Peeping(Encoder):
    """Guesses the words around a place, and keeps what it was shown."""

    width = 4
    guesses = True

    def fill(self, batch: Batch, word: int, top: int) -> list[tuple[str, float]]:
        [doc] = batch.docs
        others = [*doc.words[:word], *doc.words[word + 1 :]]
        return [(other, 0.5) for other in others][:top]


@pytest.fixture
def masked() -> Iterator[Pipeline]:
    registry.encoders.register("peeping", Peeping)
    pipeline = pipekit.blank("ru")
    pipeline.add_encoder("main", "peeping")
    yield pipeline
    registry.encoders.unregister("peeping")


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("Мама [MASK] раму.", ["Мама", "раму", "."]),
        ("[MASK]", []),
        ("[MASK]ка спит", ["ка", "спит"]),
        ("Кот не[MASK].", ["Кот", "не", "."]),
        ("[MASK] мыла. Потом ушла.", ["мыла", ".", "Потом", "ушла", "."]),
    ],
)
def test_the_place_in_a_text_is_a_word_of_its_own(
    masked: Pipeline, text: str, others: list[str]
) -> None:
    assert [guess.text for guess in masked.predict(text, top=9)] == others


def test_a_model_that_fills_places_is_asked_for_one(nlp: Pipeline, masked: Pipeline) -> None:
    with pytest.raises(ConfigError, match=r"write \[MASK\] where"):
        masked.predict("Мама")
    with pytest.raises(ConfigError, match=r"for one .MASK. at a time"):
        masked.predict("[MASK] [MASK]")
    assert nlp.predict("Я опоздал на [MASK]", top=1) == [Guess("а", 0.5)]  # its end is a place, too
    with pytest.raises(ConfigError, match="reads from left to right"):
        nlp.predict("Я [MASK] на поезд")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beem": 3}, r"a search takes no 'beem'.*beams"),
        ({"most": "all"}, "a search: most = 'all'"),
    ],
)
def test_settings_that_do_not_fit_are_named(
    nlp: Pipeline, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        nlp.generate("а", **settings)
    with pytest.raises(ConfigError, match=message):
        list(nlp.stream("а", **settings))


def test_a_pipeline_without_a_language_model_says_so() -> None:
    with pytest.raises(ConfigError, match=r'continues no texts .it has no components.*"lm"'):
        pipekit.blank("ru").predict("а")
