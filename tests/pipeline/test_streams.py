"""Streams that are slow: documents come out while the source still waits, in their order, once.

Nothing is left running.

Modules: pipeline.streams
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pipekit
from pipekit import Pipeline
from pipekit.errors import ConfigError, ProcessingError
from pipekit.pipeline.streams import Arrivals, gather

pytestmark = pytest.mark.limit(60)  # seconds; a stream that waits for ever would hang them

FOREVER = 1e6
LONG = 20.0  # seconds after which a test that hangs gives up


@given(st.lists(st.integers(1, 12)), st.integers(1, 30))
def test_a_stream_is_cut_into_lists_as_long_as_the_limit_allows(
    sizes: list[int], limit: int
) -> None:
    lists = list(gather(sizes, int, limit))
    assert [size for one in lists for size in one] == sizes
    assert all(len(one) == 1 or sum(one) <= limit for one in lists)
    assert all(sum(one) + following[0] > limit for one, following in pairwise(lists))


@pytest.fixture
def nlp() -> Pipeline:
    return pipekit.blank("ru")


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "pipekit-source"]


def wait_until(reached: Callable[[], bool]) -> bool:
    end = time.monotonic() + LONG
    while not (done := reached()) and time.monotonic() < end:
        time.sleep(0.01)
    return done


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """No test leaves a thread."""
    yield
    assert wait_until(lambda: not readers())


class Conversation:
    """A source that says the next thing only when the one before has been answered."""

    def __init__(self, many: int, patience: float = LONG) -> None:
        self.many = many
        self.patience = patience
        self.answered = threading.Semaphore(1)

    def __iter__(self) -> Iterator[str]:
        for i in range(self.many):
            if not self.answered.acquire(timeout=self.patience):
                raise TimeoutError(f"nobody answers to what came before {i}")
            yield f"Реплика номер {i}."

    def hold(self, docs: Iterator[Any]) -> list[str]:
        found = []
        for doc in docs:
            found.append(doc.text)
            self.answered.release()
        return found


@pytest.mark.parametrize(("workers", "delay"), [(1, 0.0), (1, 0.01), (2, 0.0), (2, 0.01)])
def test_a_document_comes_out_before_the_next_is_there(
    nlp: Pipeline, workers: int, delay: float
) -> None:
    said = Conversation(8)
    assert said.hold(nlp.pipe(said, max_delay=delay, n_process=workers)) == [
        f"Реплика номер {i}." for i in range(8)
    ]


def test_without_a_delay_a_document_waits_for_the_next(nlp: Pipeline) -> None:
    with pytest.raises(TimeoutError, match="nobody answers to what came before 1"):
        next(nlp.pipe(Conversation(8, patience=0.0)))


@settings(max_examples=50)
@given(
    sizes=st.lists(st.integers(1, 9), max_size=60),
    limit=st.integers(1, 20),
    delay=st.sampled_from([0, 0.001, FOREVER]),
)
def test_what_arrives_is_handed_on_in_order_and_in_lists_that_keep_the_limit(
    sizes: list[int], limit: int, delay: float
) -> None:
    items = list(enumerate(sizes))
    lists = list(Arrivals(iter(items), lambda item: item[1], limit, delay))
    assert [item for found in lists for item in found] == items
    assert all(len(found) <= 1 or sum(size for _, size in found) <= limit for found in lists)


def test_a_full_batch_waits_for_nothing(nlp: Pipeline) -> None:
    gate = threading.Event()

    def source() -> Iterator[str]:
        yield "слово " * 40
        yield "слово " * 40
        assert gate.wait(LONG)
        yield "конец"

    docs: Any = nlp.pipe(source(), max_delay=FOREVER, batch_words=50)
    assert len(next(docs)) == 40
    gate.set()
    assert [len(doc) for doc in docs] == [40, 1]


def test_a_slow_stream_gives_what_a_list_gives(nlp: Pipeline) -> None:
    texts = [f"Текст {i}. " * (i % 7) for i in range(200)]
    pairs = list(enumerate(texts))
    expected = [doc.to_bytes() for doc in map(nlp, texts)]
    for delay in (0, 0.001, FOREVER):
        found: list[Any] = list(
            nlp.pipe(
                ((text, i) for i, text in pairs), as_tuples=True, max_delay=delay, batch_words=30
            )
        )
        assert [(doc.to_bytes(), i) for doc, i in found] == list(
            zip(expected, range(200), strict=True)
        )


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_source_raises_comes_after_the_documents_before(
    nlp: Pipeline, workers: int
) -> None:
    def source() -> Iterator[Any]:
        yield "раз"
        yield 5
        yield "три"
        raise OSError("the line is dead")

    docs: Any = nlp.pipe(source(), max_delay=0.0, on_error="record", n_process=workers)
    assert [next(docs).text for _ in range(3)] == ["раз", "", "три"]
    with pytest.raises(OSError, match="the line is dead"):
        next(docs)
    docs = nlp.pipe(source(), max_delay=0.0, n_process=workers)
    assert next(docs).text == "раз"
    with pytest.raises(ProcessingError, match="document 1 is of type int"):
        next(docs)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_endless_source_is_read_a_batch_and_a_document_ahead(
    nlp: Pipeline, workers: int
) -> None:
    read: list[int] = []
    endless: Iterator[str] = (read.append(i) or f"Текст {i:06}" for i in count())  # type: ignore[func-returns-value]
    docs: Any = nlp.pipe(endless, max_delay=0.0, batch_words=20, n_process=workers)
    under_way = 1 if workers == 1 else 2 * workers
    for i in range(100):
        assert next(docs).text == f"Текст {i:06}"
        assert len(read) - i <= 10 * (under_way + 1) + 1  # a batch is ten texts
    docs.close()


def test_a_source_is_not_read_before_the_first_document_is_asked_for(nlp: Pipeline) -> None:
    before = readers()
    nlp.pipe((str(1 // 0) for _ in count()), max_delay=0.0)
    assert readers() == before


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stream_that_nobody_wants_any_more_ends_its_thread(
    nlp: Pipeline, workers: int, recwarn: pytest.WarningsRecorder
) -> None:
    docs: Any = nlp.pipe((f"Текст {i}" for i in count()), max_delay=0.0, n_process=workers)
    next(docs)
    assert len(readers()) == 1
    del docs
    gc.collect()
    assert wait_until(lambda: not readers())
    assert not recwarn.list


def test_a_stream_can_be_left_while_its_source_waits(nlp: Pipeline) -> None:
    gate, closed = threading.Event(), threading.Event()

    def source() -> Iterator[str]:
        try:
            yield "раз"
            gate.wait(LONG)
            yield "два"
        finally:
            closed.set()

    docs: Any = nlp.pipe(source(), max_delay=0.0)
    assert next(docs).text == "раз"
    docs.close()
    assert len(readers()) == 1
    gate.set()
    assert closed.wait(LONG)


@pytest.mark.parametrize("delay", [-1, float("nan")])
def test_a_delay_that_cannot_be_is_refused(nlp: Pipeline, delay: float) -> None:
    with pytest.raises(ConfigError, match=r"max_delay is .*: it is a number of seconds, 0 or more"):
        nlp.pipe([], max_delay=delay)
