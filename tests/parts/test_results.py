"""What tokenizers and encoders of plugins give is checked before anything is made of it.

Modules: parts.results
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers.packages import Site
from helpers.strategies import hostile_text
from hypothesis import given
from hypothesis import strategies as st

import pipekit
from pipekit import Doc, Pipeline
from pipekit.doc.text import clean
from pipekit.errors import PluginContractError
from pipekit.parts.results import segments_breach, vectors_breach
from pipekit.tokenizers import RuleTokenizer
from pipekit.tokenizers.rules import Segments

TEXT = "Мама мыла"


def segments(starts: Any, ends: Any, sentence_starts: Any = (True, False)) -> Segments:
    return Segments(np.array(starts), np.array(ends), np.array(sentence_starts))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "the segments of 0 texts for 2"),
        ([segments([0, 5], [4, 9])], "the segments of 1 texts for 2"),
        ([None, None], "starts that are no array of integers: None"),
        ([segments([0.0, 5.0], [4, 9])] * 2, "starts that are no array of integers"),
        ([Segments([0, 5], [4, 9], [True, False])] * 2, "starts that are no array of integers"),
        ([segments([0, 5], [4, 9], [1, 0])] * 2, "sentence_starts that are no array of booleans"),
        ([segments([0, 5], [4, 9], [True])] * 2, "arrays of the shapes"),
        ([segments([[0, 5]], [[4, 9]], [[True, False]])] * 2, "arrays of the shapes"),
        ([segments([0, 3], [4, 9])] * 2, r"token 1 is \[3, 9\): tokens ascend, do not overlap"),
        ([segments([0, 5], [4, 10])] * 2, r"token 1 is \[5, 10\): .* lie in the text"),
        ([segments([-1, 5], [4, 9])] * 2, r"token 0 is \[-1, 4\)"),
        ([segments([0, 4], [4, 4])] * 2, r"token 1 is \[4, 4\): .* are not empty"),
        ([segments([5, 0], [9, 4])] * 2, r"token 1 is \[0, 4\)"),
        ([segments([0, 5], [4, 8])] * 2, "'а' after token 1 lies in no token"),
        ([segments([0, 6], [4, 9])] * 2, "'м' after token 0 lies in no token"),
        ([segments([1, 5], [4, 9])] * 2, "the first 1 characters lie before the first token"),
        ([segments([], [], np.zeros(0, bool))] * 2, "starts that are no array of integers"),
    ],
)
def test_tokens_that_do_not_fit_the_text_are_told(given: list[Any], message: str) -> None:
    breach = segments_breach([TEXT, TEXT], given)
    assert breach is not None
    with pytest.raises(PluginContractError, match=message):
        raise PluginContractError(breach)


@given(st.lists(hostile_text(), max_size=4))
def test_the_tokens_of_pipekits_own_tokenizer_fit_any_text(texts: list[str]) -> None:
    cleaned = [clean(text) for text in texts]
    assert segments_breach(cleaned, RuleTokenizer("ru").segment(cleaned)) is None


@given(st.lists(st.text("аб .\n", max_size=6), min_size=1, max_size=3), st.data())
def test_tokens_that_pass_make_a_document_and_others_do_not(
    texts: list[str],
    data: st.DataObject,
) -> None:
    """The check of all texts together says what the constructor of a Doc says of each."""
    pieces = []
    is_right = True
    for text in texts:
        borders = data.draw(st.lists(st.integers(0, len(text)), max_size=6).map(sorted))
        starts = np.array(borders[: len(borders) // 2 * 2 : 2], np.int32)
        ends = np.array(borders[1::2], np.int32)
        pieces.append(Segments(starts, ends, np.ones(len(starts), bool)))
        try:
            Doc(text, starts=starts, ends=ends)
        except pipekit.PipekitError:
            is_right = False
    assert (segments_breach(texts, pieces) is None) == is_right


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.zeros((3, 2)), "a ndarray: vectors are a tensor"),
        (None, "a NoneType"),
        (torch.zeros(2, 3), r"the shape \(2, 3\): it is \(3, 2\)"),
        (torch.zeros(1, 3, 2), r"the shape \(1, 3, 2\)"),
        (torch.zeros(3, 2, dtype=torch.int64), "vectors of torch.int64: they are floats"),
        (torch.full((3, 2), float("nan")), "numbers that are not finite"),
        (torch.full((3, 2), float("inf")), "numbers that are not finite"),
        (torch.zeros(3, 2, device="meta"), "vectors on meta: the pipeline is on cpu"),
    ],
)
def test_vectors_that_are_not_those_of_the_batch_are_told(vectors: Any, message: str) -> None:
    breach = vectors_breach(vectors, (3, 2), "cpu", finite=True)
    assert breach is not None
    with pytest.raises(PluginContractError, match=message):
        raise PluginContractError(breach)
    assert vectors_breach(torch.zeros(3, 2), (3, 2), "cpu", finite=True) is None


# -- in a pipeline

TOKENIZER = """
    import numpy as np
    from pipekit.tokenizers.rules import Segments, WhitespaceTokenizer

    class Part(WhitespaceTokenizer):
        def segment(self, texts):
            return [self.spoiled(text, one) for text, one in zip(texts, super().segment(texts))]

        def spoiled(self, text, one):
            return one._replace(ends=one.ends - 1) if "яд" in text else one
"""
ENCODER = """
    import torch
    from pipekit.parts.contracts import Encoder

    class Part(Encoder):
        width = 4

        def features(self, batch):
            return ["яд" in word for doc in batch.docs for word in doc.words]

        def forward(self, features):
            rows = [[float("nan") if poison else 1.0] * 4 for poison in features]
            return torch.tensor(rows).reshape(-1, 4)
"""


def recorded(nlp: Pipeline, texts: list[str]) -> list[str | None]:
    """The errors of the documents, of which none is lost."""
    docs: list[Doc] = list(nlp.pipe(texts, on_error="record"))
    assert [doc.text for doc in docs] == texts
    return [doc.error for doc in docs]


def test_a_tokenizer_that_loses_characters_fails_for_that_text_only(site: Site) -> None:
    site.install("cutter", TOKENIZER, {"pipekit_tokenizers": "cut = cutter:Part"}, version="3.1")
    nlp = Pipeline({"tokenizer": {"type": "cut"}})
    first, second, third = recorded(nlp, ["мама мыла", "яд", "раму"])
    assert first is None and third is None
    assert second is not None
    assert second.startswith("document 1, 'яд': tokenizer failed: cutter 3.1 (cutter:Part) gave")
    assert "'д' after token 0 lies in no token" in second


def test_an_encoder_whose_vectors_are_no_numbers_is_named_with_the_document(site: Site) -> None:
    site.install("poison", ENCODER, {"pipekit_encoders": "bad = poison:Part"}, version="3.1")
    nlp = pipekit.blank("ru")
    nlp.add_encoder("main", "bad")
    nlp.add_pipe("tagger", encoder="main", tags=["X|"])
    first, second, third = recorded(nlp, ["мама мыла", "яд", "раму"])
    assert first is None and third is None
    assert second == (
        "document 1, 'яд': tagger failed: the encoder 'main': poison 3.1 (poison:Part) "
        "gave vectors with numbers that are not finite"
    )


@pytest.mark.parametrize(
    ("group", "config", "missing"),
    [
        (
            "pipekit_tokenizers",
            {"tokenizer": {"type": "odd"}},
            "tokenizer 'tokenizer'.* no segment",
        ),
        ("pipekit_encoders", {"encoders": {"e": {"type": "odd"}}}, "encoder 'e'.* has no width"),
    ],
)
def test_what_is_no_tokenizer_or_encoder_is_refused_when_it_is_built(
    site: Site,
    group: str,
    config: dict[str, Any],
    missing: str,
) -> None:
    site.install("odd", "class Part: ...", {group: "odd = odd:Part"})
    with pytest.raises(PluginContractError, match=missing):
        Pipeline(config)
