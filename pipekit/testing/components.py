"""What every component is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

import pytest

import pipekit
from pipekit import Doc, Pipeline, registry
from pipekit.testing.comparing import annotation_values, assert_alike
from pipekit.testing.questions import PartQuestions
from pipekit.testing.texts import HOSTILE, PLAIN

# Short ones: a sentence that is longer than a part is cut, and says what its pieces say.
_SENTENCES = "Мама мыла раму. Кот спит на окне. Где твой брат? Он купил три книги! Дети играют. "


class ComponentTests(PartQuestions):
    """The questions to a component.

        class TestContacts(pipekit.testing.ComponentTests):
            type = "contacts"

    Attributes:
        type: the name of the component in the registry.
        settings: the arguments that build it.
        before: settings of components that have to stand before it, by name.
        lang: the language of the pipeline.
        in_parts: whether a document that goes through in parts says what it says as a whole; False
            for what is counted over whole documents.
        n_process: worker processes that annotate the texts too; 1 leaves that question out.
    """

    type: ClassVar[str]
    settings: ClassVar[Mapping[str, Any]] = {}
    before: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    lang: ClassVar[str] = "ru"
    in_parts: ClassVar[bool] = True
    n_process: ClassVar[int] = 2

    @classmethod
    def asked(cls) -> Mapping[str, bool]:
        return {
            "test_worker_processes_say_the_same": cls.n_process > 1,
            "test_a_document_in_parts_says_what_the_whole_says": cls.in_parts,
        }

    # -- what a subclass may replace

    def pipeline(self) -> Pipeline:
        """A pipeline with the component, which has the name of its type."""
        config = {
            "lang": self.lang,
            "components": {**self.before, self.type: {"type": self.type, **self.settings}},
        }
        return Pipeline(config).with_precision("float32")

    def inputs(self) -> list[str | Doc]:
        """Texts, or Docs with the layers that the component needs; new ones at each call."""
        return [*PLAIN, *HOSTILE]

    def said(self, doc: Doc) -> Any:
        """What the component says of a document, as plain data; by default all that it assigns."""
        return annotation_values(doc, self.assigns())

    # -- helpers

    def assigns(self) -> Sequence[str]:
        """The layers and columns that the component assigns."""
        return _assigned(type(self))  # type: ignore[arg-type]

    def all_said(
        self,
        nlp: Pipeline,
        **options: Any,
    ) -> list[Any]:
        """What the component says of all inputs. Options are those of `Pipeline.pipe`."""
        docs: Any = nlp.pipe(self.inputs(), **options)
        return list(map(self.said, docs))

    @pytest.fixture
    def nlp(self) -> Pipeline:
        """The pipeline that is asked."""
        return self.pipeline()

    # -- questions

    def test_one_package_brings_its_name(self) -> None:
        supplier = registry.components.supplier(self.type)
        assert callable(registry.components.get(self.type)), supplier

    def test_it_writes_what_it_says_and_nothing_else(
        self,
        nlp: Pipeline,
    ) -> None:
        assigned: set[str] = set()
        for component in nlp.components.values():
            assigned.update(component.assigns)
        columns = {name.replace("sents", "sent_start") for name in assigned if "." not in name}
        for item in self.inputs():
            [doc] = [item] if isinstance(item, Doc) else nlp.tokenize([item])
            before = {*doc.tokens, *doc.layers}
            doc = nlp(doc)
            assert {*doc.tokens, *doc.layers} - before <= columns
            for name in assigned:
                assert doc.has_annotation(name), f"{name} of {doc!r}"

    def test_a_batch_says_what_single_documents_say(
        self,
        nlp: Pipeline,
    ) -> None:
        alone = [self.said(nlp(item)) for item in self.inputs()]
        assert_alike(self.all_said(nlp), alone)
        assert_alike(self.all_said(nlp, batch_words=7), alone)

    def test_the_order_of_documents_makes_no_difference(
        self,
        nlp: Pipeline,
    ) -> None:
        docs: Any = nlp.pipe(self.inputs()[::-1])
        backwards = list(map(self.said, docs))
        assert_alike(backwards[::-1], self.all_said(nlp))

    def test_it_says_the_same_twice(
        self,
        nlp: Pipeline,
    ) -> None:
        first = self.all_said(nlp)
        assert_alike(self.all_said(nlp), first)

    def test_it_survives_the_file(
        self,
        nlp: Pipeline,
    ) -> None:
        data = nlp.to_bytes()
        again = pipekit.from_bytes(data, device="cpu").with_precision("float32")
        assert_alike(self.all_said(again), self.all_said(nlp))
        assert again.to_bytes() == data

    def test_worker_processes_say_the_same(
        self,
        nlp: Pipeline,
    ) -> None:
        for name in nlp.components:
            if nlp.brought_by("components", name).startswith(registry.THIS_PROCESS):
                pytest.skip(f"workers know installed packages alone: {name} is of this process")
        assert_alike(self.all_said(nlp, n_process=self.n_process), self.all_said(nlp))

    def test_documents_keep_their_text_and_tokens(
        self,
        nlp: Pipeline,
    ) -> None:
        for item in self.inputs():
            [doc] = [item] if isinstance(item, Doc) else nlp.tokenize([item])
            tokens = (doc.text, doc.starts.tolist(), doc.ends.tolist())
            doc = nlp(doc)
            assert (doc.text, doc.starts.tolist(), doc.ends.tolist()) == tokens
            assert Doc.from_bytes(doc.to_bytes()).to_dict() == doc.to_dict()

    def test_a_document_in_parts_says_what_the_whole_says(
        self,
        nlp: Pipeline,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        text = self.long_text()
        whole = self.said(nlp(text))
        monkeypatch.setattr("pipekit.pipeline.running.CHUNK_WORDS", 10)
        assert_alike(self.said(nlp(text)), whole)

    def long_text(self) -> str:
        """A text of some sentences, which goes through in parts."""
        return _SENTENCES * 3


@cache
def _assigned(tests: Any) -> Sequence[str]:
    """What the component of a new pipeline assigns; the pipeline is built once."""
    assigns: Sequence[str] = tests().pipeline().components[tests.type].assigns
    return assigns
