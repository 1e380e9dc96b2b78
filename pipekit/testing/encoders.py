"""What every encoder is asked: each token has a vector, whatever travels along."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

import pipekit
from pipekit import Doc, Pipeline, registry
from pipekit.testing.questions import PartQuestions


class EncoderTests(PartQuestions):
    """The questions to an encoder.

        class TestMine(pipekit.testing.EncoderTests):
            type = "mine"
            settings = {"width": 32}

    Attributes:
        type: the name of the encoder in the registry.
        settings: the arguments that build it.
        variants: several settings instead, by any names; each may have a `type` of its own.
        is_contextual: whether a vector depends on the other words of its sentence.
        reads_both_ways: whether it depends on the words behind, too.
        reads_sentences: whether it depends on nothing beyond the sentence.
        longest: words of the longest sentence that it is asked about.
    """

    type: ClassVar[str] = ""
    settings: ClassVar[Mapping[str, Any]] = {}
    variants: ClassVar[Mapping[str, Mapping[str, Any]] | None] = None
    is_contextual: ClassVar[bool] = True
    reads_both_ways: ClassVar[bool] = True
    reads_sentences: ClassVar[bool] = True
    longest: ClassVar[int] = 600

    @classmethod
    def asked(cls) -> Mapping[str, bool]:
        return {
            "test_sentences_of_a_document_are_read_apart": cls.reads_sentences,
            "test_a_word_at_the_other_end_of_a_sentence_makes_a_difference": cls.is_contextual,
        }

    # -- what a subclass may replace

    def pipeline(
        self,
        variant: Mapping[str, Any],
    ) -> Pipeline:
        """A pipeline with the encoder "main", its weights as they are at first."""
        torch.manual_seed(3)
        nlp = pipekit.blank("ru").with_precision("float32")
        settings = {"type": self.type, **variant}
        factory: Any = registry.encoders.get(settings.pop("type"))
        complete, tables = factory.prepare(settings, self.docs(60, 59))
        nlp.add_encoder("main", variant.get("type", self.type), tables=tables, **complete)
        return nlp

    # -- helpers

    def docs(
        self,
        *lengths: int,
    ) -> list[Doc]:
        """Documents of so many different words each, one sentence all."""
        docs = []
        for length in lengths:
            words = [f"к{'от'[k % 2] * (1 + (k + length) % 5)}{k}" for k in range(length)]
            docs.append(Doc(words=words))
        return docs

    def vectors(
        self,
        nlp: Pipeline,
        docs: list[Doc],
    ) -> list[Tensor]:
        """The vectors of each document, all of them in one batch."""
        with torch.inference_mode():
            batch = nlp.batch(docs)
            rows = batch.vectors("main")
            return [rows[start:end] for start, end in pairwise(batch.offsets.tolist())]

    def pytest_generate_tests(
        self,
        metafunc: pytest.Metafunc,
    ) -> None:
        """Ask every question of every variant."""
        if "variant" in metafunc.fixturenames:
            variants = self.variants or {self.type: self.settings}
            metafunc.parametrize("variant", list(variants.values()), ids=list(variants))

    # -- questions

    def test_one_package_brings_its_name(
        self,
        variant: Mapping[str, Any],
    ) -> None:
        name = variant.get("type", self.type)
        supplier = registry.encoders.supplier(name)
        assert callable(registry.encoders.get(name)), supplier

    def test_each_token_has_a_vector_of_the_width_that_is_promised(
        self,
        variant: Mapping[str, Any],
    ) -> None:
        nlp = self.pipeline(variant)
        docs = self.docs(0, 1, 5)
        for doc, rows in zip(docs, self.vectors(nlp, docs), strict=True):
            assert rows.shape == (len(doc), nlp.encoders["main"].width)
            assert rows.isfinite().all()

    def test_no_document_at_all_has_no_vectors(
        self,
        variant: Mapping[str, Any],
    ) -> None:
        nlp = self.pipeline(variant)
        assert self.vectors(nlp, []) == []
        assert [len(rows) for rows in self.vectors(nlp, self.docs(0, 0))] == [0, 0]

    def test_what_travels_along_never_changes_an_answer(
        self,
        variant: Mapping[str, Any],
    ) -> None:
        nlp = self.pipeline(variant)
        docs = self.docs(3, 40, 1, 0, 17)
        for doc, rows in zip(docs, self.vectors(nlp, docs), strict=True):
            [alone] = self.vectors(nlp, [doc])
            torch.testing.assert_close(rows, alone, atol=1e-5, rtol=1e-4)

    def test_sentences_of_a_document_are_read_apart(
        self,
        variant: Mapping[str, Any],
    ) -> None:
        nlp = self.pipeline(variant)
        [doc] = self.docs(12)
        doc.tokens.set("sent_start", [i in (0, 5) for i in range(12)])
        [rows] = self.vectors(nlp, [doc])
        parts = self.vectors(nlp, [doc.part(0, 5), doc.part(5, 12)])
        torch.testing.assert_close(rows, torch.cat(parts), atol=1e-5, rtol=1e-4)

    def test_a_word_at_the_other_end_of_a_sentence_makes_a_difference(
        self,
        variant: Mapping[str, Any],
    ) -> None:
        nlp = self.pipeline(variant)
        others = [Doc(words=["Окно", "мама", "тот"]), Doc(words=["кот", "мама", "Окно"])]
        [rows] = self.vectors(nlp, [Doc(words=["кот", "мама", "тот"])])
        another_first, another_last = self.vectors(nlp, others)
        assert not torch.allclose(rows[2], another_first[2])
        if self.reads_both_ways:
            assert not torch.allclose(rows[0], another_last[0])

    def test_every_word_of_a_long_sentence_has_an_answer(
        self,
        variant: Mapping[str, Any],
    ) -> None:
        rows = self.vectors(self.pipeline(variant), self.docs(self.longest, 3))
        assert list(map(len, rows)) == [self.longest, 3]
        assert torch.cat(rows).isfinite().all()

    def test_it_survives_the_file(
        self,
        variant: Mapping[str, Any],
    ) -> None:
        nlp = self.pipeline(variant)
        data = nlp.to_bytes()
        again = pipekit.from_bytes(data, device="cpu").with_precision("float32")
        docs = self.docs(7, 2)
        pairs = zip(self.vectors(again, docs), self.vectors(nlp, docs), strict=True)
        for actual, expected in pairs:
            torch.testing.assert_close(actual, expected)
        assert again.to_bytes() == data

    def test_its_weights_learn_and_are_in_one_layer_at_most(
        self,
        variant: Mapping[str, Any],
    ) -> None:
        nlp = self.pipeline(variant)
        encoder = nlp.encoders["main"]
        batch = nlp.batch(self.docs(9, 4))
        batch.vectors("main").square().sum().backward()  # type: ignore[no-untyped-call]
        gradients = [weight.grad for weight in encoder.parameters() if weight.grad is not None]
        assert gradients
        assert all(gradient.isfinite().all() for gradient in gradients)
        weights: list[int] = []
        for layer in encoder.layers():
            weights += map(id, layer.parameters())
        assert len(weights) == len(set(weights))
        assert set(weights) <= set(map(id, encoder.parameters()))
