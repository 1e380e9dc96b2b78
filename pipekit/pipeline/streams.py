"""Streams of documents: their items, and the chunks that a stream is cut into.

A stream is cut in one place, by `chunked`, whoever processes the chunks: scores depend in their
last digit on which texts are computed together, so two cuts would give two answers.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from pipekit.doc import Doc

CHUNK_WORDS = 8_192  # words that travel together
CHARS = 6  # about how many characters a word takes
_SHOWN = 40  # characters of a text in an error message

_T = TypeVar("_T")


class Item(NamedTuple):
    """A document of a stream.

    Attributes:
        number: its position in the stream, from 0.
        source: the text or the Doc that the caller passed.
        context: whatever the caller wants back with the document.
    """

    number: int
    source: str | Doc
    context: Any = None

    @property
    def title(self) -> str:
        """The document in error messages: its number, its name if it has one, its first words."""
        text = str(self.source)
        if len(text) > _SHOWN:
            text = text[: _SHOWN - 1] + "…"
        document = f"document {self.number}"
        if isinstance(self.source, Doc) and self.source.name:
            document += f" ({self.source.name})"
        return f"{document}, {text!r}"


def work(source: object) -> int:
    """The estimated work that a text or a Doc takes, in characters; at least 1."""
    if isinstance(source, Doc):
        return max(1, len(source) * CHARS)
    if isinstance(source, str):
        return max(1, len(source))
    return 1


def chunked(
    items: Iterable[Item],
    batch_words: int,
    max_delay: float | None = None,
) -> Iterable[list[Item]]:
    """A stream as chunks of about `batch_words` words, in the order of the items.

    With `max_delay` a chunk waits no longer than so many seconds for its next item, and a list may
    be empty: see `Arrivals`.
    """
    limit = batch_words * CHARS
    if max_delay is None:
        return gather(items, _size, limit)
    return Arrivals(items, _size, limit, max_delay)


def _size(item: Item) -> int:
    return work(item.source)


def gather(
    items: Iterable[_T],
    size: Callable[[_T], int],
    limit: int,
) -> Iterator[list[_T]]:
    """Items in their order, in lists whose sizes sum to `limit` at most.

        list(gather(["aa", "bb", "c", "ddddd"], len, 4))  # [["aa", "bb"], ["c"], ["ddddd"]]

    An item that is larger than that is a list of its own.
    """
    chunk: list[_T] = []
    total = 0
    for item in items:
        cost = size(item)
        if chunk and total + cost > limit:
            yield chunk
            chunk = []
            total = 0
        chunk.append(item)
        total += cost
    if chunk:
        yield chunk


class _Arrival(NamedTuple, Generic[_T]):
    """An item that has come from a source, and the time when it came, as of `time.monotonic`."""

    item: _T
    size: int
    time: float


class Arrivals(Generic[_T]):
    """The items of a slow source, in their order, in lists that do not wait for long.

    A list is due when its sizes add up to `limit`, when the source has ended, or `max_delay`
    seconds after the arrival of its first item, whichever comes first:

        source ──thread──▶ waiting items ──due──▶ list ──▶ consumer

    A thread reads the source, one list and one item ahead at most. An exception of the source is
    raised after the items before it.

    An empty list means: nothing is due yet. The consumer gets it once after each list that it has
    taken, if the next one is not due, and can finish other work then. Where it asks again, it waits
    until a list is due.
    """

    def __init__(
        self,
        source: Iterable[_T],
        size: Callable[[_T], int],
        limit: int,
        max_delay: float,
    ) -> None:
        self._source = source
        self._size = size
        self._limit = limit
        self._max_delay = max_delay
        self._changed = threading.Condition()  # guards all attributes below
        self._waiting: deque[_Arrival[_T]] = deque()
        self._total = 0  # the sum of their sizes
        self._ended = False  # the source has
        self._abandoned = False  # nobody wants more of it
        self._error: BaseException | None = None  # what the source raised

    def __iter__(self) -> Generator[list[_T]]:
        threading.Thread(
            target=self._read,
            name="pipekit-source",
            daemon=True,
        ).start()
        patient = True
        try:
            while True:
                items = self._take(patient)
                if items is None:
                    break
                patient = not items
                yield items
            if self._error is not None:
                raise self._error
        finally:
            with self._changed:
                self._abandoned = True
                self._changed.notify_all()

    def _read(self) -> None:
        """Read the source, in the thread.

        Once the consumer is gone, a thread that waits for its source ends with the next item, or
        with the process.
        """
        try:
            for item in self._source:
                arrival = _Arrival(item, self._size(item), time.monotonic())
                with self._changed:
                    self._waiting.append(arrival)
                    self._total += arrival.size
                    self._changed.notify_all()
                    self._changed.wait_for(self._may_read_on)
                    if self._abandoned:
                        return
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _may_read_on(self) -> bool:
        return self._abandoned or self._total < self._limit

    def _take(self, patient: bool) -> list[_T] | None:
        """The next list; None at the end.

        If none is due, a patient caller waits for it, and another one gets an empty list.
        """
        with self._changed:
            while (seconds := self._seconds_left()) > 0:
                if not patient:
                    return []
                timeout = None if seconds == float("inf") else seconds
                self._changed.wait(timeout)
            items = self._take_due()
            self._changed.notify_all()
        return items or None

    def _take_due(self) -> list[_T]:
        """The first items, of sizes up to the limit, or a single larger one; they wait no more."""
        items: list[_T] = []
        total = 0
        while self._waiting:
            arrival = self._waiting[0]
            if items and total + arrival.size > self._limit:
                break
            self._waiting.popleft()
            items.append(arrival.item)
            total += arrival.size
        self._total -= total
        return items

    def _seconds_left(self) -> float:
        """The time until the next list is due; infinite if nothing has come."""
        if self._ended or self._total >= self._limit:
            return 0
        if not self._waiting:
            return float("inf")
        return self._waiting[0].time + self._max_delay - time.monotonic()
