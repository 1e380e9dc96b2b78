"""Memory that runs out: batches go in two, documents in parts, and all of them come out.

Modules: devices.memory
"""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import ceil, log2
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from helpers.packages import Site
from helpers.tiny import learn, recipe, ten
from hypothesis import given, settings
from hypothesis import strategies as st

import pipekit
from pipekit import Batch, Doc, Pipeline, registry
from pipekit.devices.memory import Room, lost_device, ran_out
from pipekit.errors import ConfigError, DeviceError, OutOfMemoryError, ProcessingError

CUDA = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
SHORTAGES = [
    CUDA,
    MemoryError(),
    RuntimeError(
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."
    ),
    RuntimeError("could not create a primitive"),  # oneDNN under a limit of memory
    RuntimeError("could not create a memory object"),
    RuntimeError("could not execute a primitive"),
]
GUILTY = "прожорливый"
NARROW = """
class Narrow:
    requires = ()
    assigns = ("place",)

    def __call__(self, batch):
        for doc in batch.docs:
            doc.tokens.set("place", [0] * len(doc))
        if len(batch) > 30 or any("прожорливый" in doc.words for doc in batch.docs):
            raise MemoryError("no room")
"""


class Small:
    """A component that takes no batch of more than `limit` words, and a certain word never.

    It counts the words of its batches.
    """

    requires: Sequence[str] = ()
    assigns: Sequence[str] = ("place", "cats")

    def __init__(self, limit: int = 10_000) -> None:
        self.limit = limit
        self.error: Exception = CUDA
        self.given: list[tuple[int, bool]] = []
        self.leftovers = 0

    def __call__(self, batch: Batch) -> None:
        for doc in batch.docs:
            self.leftovers += doc.has_annotation("place") or doc.has_annotation("cats")
            doc.tokens.set("place", np.arange(len(doc)))  # half-written, if this fails
            doc.add_layer("cats", "doc", 1)
        fits = len(batch) <= self.limit and not any(GUILTY in doc.words for doc in batch.docs)
        self.given.append((len(batch), fits))
        if not fits:
            raise type(self.error)(*self.error.args)

    @property
    def failures(self) -> int:
        return sum(not fits for _, fits in self.given)


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    registry.components.register("small", Small)
    yield
    registry.components.unregister("small")


def blank(limit: int) -> tuple[Pipeline, Small]:
    nlp = pipekit.blank("ru")
    found = nlp.add_pipe("small", limit=limit)
    assert isinstance(found, Small)
    return nlp, found


def texts(many: int, size: int = 10) -> list[str]:
    """Documents of sentences of `size` words."""
    return [
        " ".join(("Слово " * (size - 1))[:-1] + "." for _ in range(i % 4 + 1)) for i in range(many)
    ]


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return learn(recipe({"type": "bilstm", "width": 32}), tmp_path_factory.mktemp("run"))


def starved(nlp: Pipeline, limit: int) -> list[int]:
    """Let an encoder refuse more than `limit` words. Returns the list of its batches' words."""
    counts: list[int] = []
    encoder = nlp.encoders["main"]
    through: Callable[..., Any] = encoder.features

    def features(batch: Batch) -> Any:
        counts.append(len(batch))
        if len(batch) > limit:
            raise torch.OutOfMemoryError(*CUDA.args)
        return through(batch)

    encoder.features = features  # type: ignore[method-assign]
    return counts


@pytest.mark.parametrize("batch_words", [10, 100, 8_192])
@pytest.mark.parametrize("limit", [12, 37, 300])
def test_what_an_encoder_cannot_take_at_once_comes_out_as_if_it_could(
    tagger: Pipeline, limit: int, batch_words: int
) -> None:
    given = [doc.text for doc in ten() * 5] + [" ".join(doc.text for doc in ten())] * 2
    expected: list[Any] = list(tagger.pipe(given))
    nlp = pipekit.from_bytes(tagger.to_bytes(), device="cpu").with_precision("float32")
    starved(nlp, limit)
    found: list[Any] = list(nlp.pipe(given, batch_words=batch_words))
    assert [doc.to_dict() for doc in found] == [doc.to_dict() for doc in expected]
    assert [doc.to_bytes() for doc in found[:50]] == [
        doc.to_bytes() for doc in expected[:50]
    ]  # one in parts may number its labels anew


@settings(max_examples=30)
@given(limit=st.integers(10, 200), many=st.integers(1, 60), error=st.sampled_from(SHORTAGES))
def test_an_event_costs_as_many_tries_as_halvings(limit: int, many: int, error: Exception) -> None:
    nlp, component = blank(limit)
    component.error = error
    docs: list[Any] = list(nlp.pipe(texts(many)))
    assert [doc.text for doc in docs] == texts(many)
    assert all(doc.tokens["place"].values.tolist() for doc in docs)
    assert not component.leftovers  # a batch that is tried again is as it was
    words = sum(map(len, docs))
    assert (
        component.failures <= max(0, ceil(log2(words / limit))) + 1
    )  # the last half may hold one sentence too many
    assert sum(many for many, fits in component.given if fits) == words


def test_the_size_that_fits_is_kept_and_more_is_tried_now_and_then() -> None:
    nlp, component = blank(100)
    docs = iter(nlp.pipe((text for text in texts(4_000)), batch_words=400))
    for _ in range(2_000):
        next(docs)
    assert 3 <= component.failures <= 3 + 2_000 * 25 / (64 * 100)
    component.limit = 10_000  # others have left the device
    for _ in docs:
        pass
    sizes = [many for many, fits in component.given if fits]
    assert max(sizes[:500]) <= 100 < 350 < max(sizes[-50:]) <= 400


def test_a_long_document_goes_in_parts_cut_between_sentences() -> None:
    nlp, component = blank(64)
    [doc] = nlp.pipe([" ".join(texts(200))])
    borders = np.flatnonzero(doc.tokens["sent_start"].values)  # type: ignore[union-attr]
    place = doc.tokens["place"].values  # type: ignore[union-attr]
    begins = np.flatnonzero(place == 0)
    assert not component.leftovers
    assert len(begins) > 50
    assert {*begins} <= {*borders}
    assert component.failures <= 2 * log2(len(place))


@pytest.mark.parametrize("limit", [10, 10_000])
def test_a_document_that_never_fits_is_named_and_the_others_come_out(limit: int) -> None:
    given = texts(30)
    given[17] += f" Тут {GUILTY} зверь. Конец."
    nlp, component = blank(limit)
    docs: list[Any] = list(nlp.pipe(given, on_error="record"))
    assert [i for i, doc in enumerate(docs) if doc.error] == [17]
    assert [doc.text for doc in docs] == given
    for sign in (
        "document 17",
        "memory on cpu ran out, though no more than 4 words",
        "batch_words",
        "small failed: OutOfMemoryError: C",
    ):
        assert sign in docs[17].error
    assert component.failures <= 4 * ceil(log2(sum(map(len, docs))))
    with pytest.raises(OutOfMemoryError, match="document 17") as caught:
        list(nlp.pipe(given))
    assert (caught.value.document, caught.value.component) == (17, "small")


def test_a_given_doc_on_which_memory_runs_out_stays_as_it_was() -> None:
    nlp, _ = blank(10_000)
    doc = nlp(texts(4)[3])
    doc.tokens.set("place", np.full(len(doc), 7))
    doc.tokens.set("other", np.ones(len(doc)))
    before = doc.to_bytes()
    starving, _ = blank(0)
    with pytest.raises(OutOfMemoryError):
        starving(doc, overwrite=True)
    assert doc.to_bytes() == before
    starving, _ = blank(10)
    assert starving(doc, overwrite=True) is doc
    assert doc.tokens["place"].values.tolist() == [*range(10)] * 4
    assert doc.tokens["other"].values.tolist() == [1] * 40


def test_words_that_nobody_has_seen_leave_nothing_behind(tagger: Pipeline) -> None:
    """Whatever is remembered of words is bounded: memory does not grow with the vocabulary."""

    def annotate(begin: int, end: int) -> int:
        texts = (f"Слово{i} видит кошку{i}." for i in range(begin, end))
        for doc in tagger.pipe(texts, batch_words=200):
            assert doc.has_annotation("lemma")  # type: ignore[union-attr]
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    annotate(0, 500)
    tracemalloc.start()
    try:
        before = annotate(500, 600)
        after = annotate(600, 1_600)
    finally:
        tracemalloc.stop()
    assert after - before < 2_000 * 20  # bytes for each of the new words; a string takes 70


def test_what_a_failed_try_computed_is_gone_before_the_next() -> None:
    class Hoarder(Small):
        held: ClassVar[list[weakref.ref[Any]]] = []

        def __call__(self, batch: Batch) -> None:
            assert all(ref() is None for ref in self.held)
            tensor = torch.ones(3)
            batch.tensor = tensor  # type: ignore[attr-defined]
            self.held.append(weakref.ref(tensor))
            super().__call__(batch)

    registry.components.register("hoarder", Hoarder)
    nlp = pipekit.blank("ru")
    nlp.add_pipe("hoarder", limit=10)
    registry.components.unregister("hoarder")
    gc.disable()
    try:
        assert len(list(nlp.pipe(texts(20)))) == 20
    finally:
        gc.enable()


def test_in_workers_it_is_the_same(tmp_path: Path) -> None:
    site = Site(tmp_path)
    given = texts(40)
    given[9] += f" Тут {GUILTY}."
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site.folder))
        site.install(
            "pipekit-narrow", NARROW, {"pipekit_components": "narrow = pipekit_narrow:Narrow"}
        )
        nlp = pipekit.blank("ru")
        nlp.add_pipe("narrow")
        docs: list[Any] = list(nlp.pipe(given, n_process=2, on_error="record", batch_words=200))
        with pytest.raises(
            OutOfMemoryError, match=r"document 9.*narrow failed: MemoryError: no room"
        ):
            list(nlp.pipe(given, n_process=2))
    site.forget()
    assert [doc.text for doc in docs] == given
    assert [i for i, doc in enumerate(docs) if doc.error] == [9]


def test_a_gpu_that_fails_ends_the_stream_whatever_the_caller_does_with_errors() -> None:
    nlp, component = blank(20)
    component.error = RuntimeError("CUDA error: an illegal memory access was encountered")
    with pytest.raises(
        DeviceError, match=r"document 0.* small failed: CUDA error: an illegal.*start a new one"
    ):
        list(nlp.pipe(texts(9), on_error="skip"))
    assert component.failures == 1


def test_shortages_and_lost_devices_are_told_from_other_errors() -> None:
    def lost() -> Exception:
        return RuntimeError("CUDA error: device-side assert triggered")

    assert all(ran_out(error) and not lost_device(error) for error in SHORTAGES)
    assert ran_out(
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
    )
    assert lost_device(lost())
    assert not ran_out(lost())
    for other in (
        ValueError("out of memory"),
        RuntimeError("mat1 and mat2 shapes"),
        ProcessingError("x"),
        ConfigError("x"),
    ):
        assert not ran_out(other)
        assert not lost_device(other)
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 45)
    assert ran_out(caught.value)


def test_room_grows_slowly_and_shrinks_at_once() -> None:
    room = Room()
    room.failed(1000)
    sizes = []
    for _ in range(300):
        room.passed(room.words)
        sizes.append(room.words)
    assert sizes[0] == 500
    assert sum(a != b for a, b in pairwise(sizes)) == 4
    room.failed(1)
    assert room.words == 1


def test_documents_of_no_words_are_documents_all_the_same() -> None:
    nlp, component = blank(0)
    given = ["", "", ""]
    assert len(list(nlp.pipe(given))) == 3
    component.limit = -1
    docs: list[Any] = list(nlp.pipe([Doc(words=[]), *given], on_error="record"))
    assert all("document" in doc.error for doc in docs)
