"""What every component that learns is asked, with every encoder."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any, ClassVar

import pytest
import torch

import pipekit
from pipekit import Doc, Head, Pipeline, registry
from pipekit.testing.comparing import annotation_values, assert_alike, certain
from pipekit.testing.components import ComponentTests

_FEATURES = {
    "width": 48,
    "word_width": 24,
    "word_buckets": 2000,
    "affix_buckets": 500,
    "shape_buckets": 100,
}
_NETWORK = {"width": 32, "heads": 2, "layers": 2}


def small_encoders() -> dict[str, dict[str, Any]]:
    """Small settings of an encoder of each kind, and of those that other packages bring.

    Without the library `tokenizers` there is no bert.
    """
    encoders: dict[str, dict[str, Any]] = {}
    for name in ("bilstm", "gru", "transformer"):
        encoders[name] = {"type": name, "width": 32, "features": _FEATURES}
    encoders["transformer"]["heads"] = 2
    if find_spec("tokenizers"):
        encoders["bert"] = {"type": "bert", "network": _NETWORK, "features": None}
    for name in registry.encoders.names():
        if not registry.encoders.is_own(name):
            encoders[name] = {"type": name}
    return encoders


_WORKERS = "test_worker_processes_say_the_same"  # a question about pipelines, not encoders


class HeadTests(ComponentTests):
    """The questions to a component that learns: it is trained on a few documents by heart.

        class TestMine(pipekit.testing.HeadTests):
            type = "mine"

            @classmethod
            def docs(cls):
                doc = pipekit.blank("ru")("Мама мыла раму.")
                doc.tokens.set("mark", ["A", "B", "A", "C"])
                return [doc, …]

    Attributes:
        encoders: settings of the encoders that it learns on, by any names; by default one of each
            kind, and all that other packages bring.
        training: changes of the section [training] of the recipe.
    """

    encoders: ClassVar[Mapping[str, Mapping[str, Any]] | None] = None
    training: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def docs(cls) -> list[Doc]:
        """Some documents with what the component is to learn; ten sentences are enough."""
        raise NotImplementedError(f"{cls.__name__} needs a class method docs()")

    @classmethod
    def reads_an_encoder(cls) -> bool:
        """Whether the component takes an encoder."""
        factory = registry.components.get(cls.type)
        return "encoder" in inspect.signature(factory).parameters

    @classmethod
    def recipe(
        cls,
        encoder: str,
    ) -> dict[str, Any]:
        """The recipe of a training that learns a few documents by heart, in a second or two."""
        encoders = {"main": dict((cls.encoders or small_encoders())[encoder])}
        component = {"type": cls.type, "encoder": "main", **cls.settings}
        if not cls.reads_an_encoder():
            del component["encoder"]
            encoders = {}
        training = {
            "epochs": 40,
            "batch_words": 40,
            "learning_rate": 0.01,
            "evaluate_every": 1000,
            "mixed_precision": False,
            **cls.training,
        }
        return {
            "pipeline": {"lang": cls.lang},
            "training": training,
            "encoders": encoders,
            "components": {**cls.before, cls.type: component},
        }

    def pytest_generate_tests(
        self,
        metafunc: pytest.Metafunc,
    ) -> None:
        """Ask every question of every encoder; one is enough for worker processes."""
        if "encoder" in metafunc.fixturenames:
            names = list(self.encoders or small_encoders())
            if metafunc.function.__name__ == _WORKERS:
                names = names[:1]
            metafunc.parametrize("encoder", names)

    @pytest.fixture
    def nlp(
        self,
        encoder: str,
    ) -> Pipeline:
        """The trained pipeline that is asked; each encoder is trained once."""
        return _trained(type(self), encoder)  # type: ignore[arg-type]

    def assigns(self) -> Sequence[str]:
        encoders = self.encoders or small_encoders()
        nlp = _trained(type(self), next(iter(encoders)))  # type: ignore[arg-type]
        return nlp.components[self.type].assigns

    def known(self) -> list[Doc]:
        """The documents that it has learned, as bare copies."""
        return [doc.copy(bare=True) for doc in self.docs()]

    def inputs(self) -> list[str | Doc]:
        """Plain and hostile texts, and what was learned."""
        return [*super().inputs(), *self.known()]

    def said_by_heart(self, doc: Doc) -> Any:
        """What an annotated document and an answer are compared by: all but scores."""
        return certain(annotation_values(doc, self.assigns()))

    # -- questions

    def test_it_learns_a_few_documents_by_heart(
        self,
        nlp: Pipeline,
    ) -> None:
        docs: Any = nlp.pipe(self.known())
        answers = list(map(self.said_by_heart, docs))
        assert_alike(answers, [self.said_by_heart(doc) for doc in self.docs()])

    def test_as_float16_it_still_knows_them(
        self,
        nlp: Pipeline,
    ) -> None:
        data = nlp.to_bytes(half=True)
        again = pipekit.from_bytes(data, device="cpu").with_precision("float32")
        docs: Any = again.pipe(self.known())
        answers = list(map(self.said_by_heart, docs))
        assert_alike(answers, [self.said_by_heart(doc) for doc in self.docs()])

    def test_nothing_is_random_once_it_is_trained(
        self,
        nlp: Pipeline,
    ) -> None:
        for part in (*nlp.encoders.values(), *nlp.components.values()):
            assert not (isinstance(part, torch.nn.Module) and part.training), part

    def test_documents_that_say_nothing_teach_nothing(
        self,
        nlp: Pipeline,
    ) -> None:
        head = nlp.components[self.type]
        assert isinstance(head, Head)
        loss = head.loss(nlp.batch(self.known()))
        assert loss.item() == pytest.approx(0, abs=1e-5)
        for gradient in torch.autograd.grad(loss, list(head.parameters()), allow_unused=True):
            assert gradient is None or float(gradient.abs().max()) < 1e-5

    def test_rows_that_stand_for_names_are_as_many_as_the_names(
        self,
        nlp: Pipeline,
    ) -> None:
        head = nlp.components[self.type]
        assert isinstance(head, Head)
        state = head.state_dict()
        for name, axes in head.rows().items():
            for size, names in zip(state[name].shape, axes, strict=True):
                assert names is None or len(names) == size, name


@cache
def _trained(
    tests: Any,
    encoder: str,
) -> Pipeline:
    """The pipeline of a test class, trained."""
    nlp = pipekit.train(tests.recipe(encoder), train=tests.docs(), device="cpu", progress=False)
    return nlp.with_precision("float32")
