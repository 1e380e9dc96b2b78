"""What every tokenizer is asked: tokens and gaps give the text back, whatever it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, ClassVar

import numpy as np

import pipekit
from pipekit import Pipeline, registry
from pipekit.doc.text import clean
from pipekit.parts.results import segments_breach
from pipekit.testing.texts import HOSTILE, PLAIN

_MIXED = 200  # texts that are mixed of pieces of the others


class TokenizerTests:
    """The questions to a tokenizer.

        class TestMine(pipekit.testing.TokenizerTests):
            type = "mine"
            cases = ("Мама |мыла |раму|. ||Кот |спит|.",)

    Attributes:
        type: the name of the tokenizer in the registry.
        settings: the arguments that build it.
        cases: texts as they shall be cut: a bar between tokens, two bars between sentences; blanks
            beside a bar belong to no token.
    """

    type: ClassVar[str]
    settings: ClassVar[Mapping[str, Any]] = {}
    cases: ClassVar[tuple[str, ...]] = ()

    def pipeline(self) -> Pipeline:
        """A pipeline with the tokenizer and nothing else."""
        return Pipeline({"lang": "ru", "tokenizer": {"type": self.type, **self.settings}})

    def texts(self) -> Iterator[str]:
        """Plain and hostile texts, and mixtures of their pieces, the same at each call."""
        texts = [*PLAIN, *HOSTILE]
        yield from texts
        random = Random(1)
        for _ in range(_MIXED):
            pieces = []
            for text in random.choices(texts, k=random.randint(1, 4)):
                start = random.randint(0, len(text))
                pieces.append(text[start : start + random.randint(0, 12)])
            yield "".join(pieces)

    # -- questions

    def test_one_package_brings_its_name(self) -> None:
        supplier = registry.tokenizers.supplier(self.type)
        assert callable(registry.tokenizers.get(self.type)), supplier

    def test_tokens_ascend_and_hold_all_but_white_space(self) -> None:
        texts = list(self.texts())
        segments = self.pipeline().tokenizer.segment(texts)
        assert segments_breach(texts, segments) is None
        for text, (starts, ends, _) in zip(texts, segments, strict=True):
            assert (np.asarray(starts) < np.asarray(ends)).all(), text
            assert list(starts[1:]) >= list(ends[:-1]), text

    def test_the_first_token_begins_a_sentence(self) -> None:
        texts = list(self.texts())
        for text, segments in zip(texts, self.pipeline().tokenizer.segment(texts), strict=True):
            starts, _, sentence_starts = segments
            assert len(starts) == len(sentence_starts), text
            assert all(sentence_starts[:1]), text

    def test_a_list_of_texts_gives_what_they_give_alone(self) -> None:
        tokenizer = self.pipeline().tokenizer
        texts = list(self.texts())
        for text, together in zip(texts, tokenizer.segment(texts), strict=True):
            [alone] = tokenizer.segment([text])
            for actual, expected in zip(together, alone, strict=True):
                assert list(actual) == list(expected), text

    def test_no_texts_have_no_tokens(self) -> None:
        assert list(self.pipeline().tokenizer.segment([])) == []

    def test_documents_give_their_texts_back(self) -> None:
        nlp = self.pipeline()
        for text in self.texts():
            doc = nlp(text)
            assert doc.text == clean(text)
            assert sum(map(len, doc.sents or ())) == len(doc)

    def test_it_survives_the_file(self) -> None:
        nlp = self.pipeline()
        data = nlp.to_bytes()
        again = pipekit.from_bytes(data)
        for text in self.texts():
            assert again(text).words == nlp(text).words, text
        assert again.to_bytes() == data

    def test_cases_are_cut_as_they_shall_be(self) -> None:
        nlp = self.pipeline()
        for case in self.cases:
            sentences = []
            for tokens in case.split("||"):
                sentences.append([token.strip() for token in tokens.split("|") if token.strip()])
            doc = nlp(case.replace("|", ""))
            cut = [[token.text for token in sentence] for sentence in doc.sents or ()]
            assert cut == sentences, case
