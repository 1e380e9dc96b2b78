"""Documents on their way: what a stream is made of, and where it is cut into chunks.

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

T = TypeVar("T")


class Item(NamedTuple):
    """A document on its way: its position in the stream, and what the caller gave."""

    number: int
    source: str | Doc
    context: Any = None

    @property
    def title(self) -> str:
        """What errors call it: its number, its name if it has one, how it begins."""
        name = self.source.name if isinstance(self.source, Doc) else None
        text = str(self.source)
        shown = text if len(text) <= 40 else text[:39] + "…"
        return f"document {self.number}{f' ({name})' if name else ''}, {shown!r}"


def work(source: object) -> int:
    """About how many characters of work a document is: what a stream is cut into chunks by."""
    return max(
        1,
        len(source) * CHARS
        if isinstance(source, Doc)
        else len(source)
        if isinstance(source, str)
        else 1,
    )


def chunked(
    items: Iterable[Item], batch_words: int, max_delay: float | None = None
) -> Iterable[list[Item]]:
    """A stream as chunks of about so many words, in the order of the items.

    With `max_delay` a chunk waits no longer than so many seconds for its next item; `Arrivals` says
    how.
    """
    limit = batch_words * CHARS
    if max_delay is None:
        return gather(items, _size, limit)
    return Arrivals(items, _size, limit, max_delay)


def _size(item: Item) -> int:
    return work(item.source)


def gather(items: Iterable[T], size: Callable[[T], int], limit: int) -> Iterator[list[T]]:
    """Items in their order, in lists whose sizes add up to `limit` at most, or that hold one item."""
    chunk: list[T] = []
    total = 0
    for item in items:
        cost = size(item)
        if chunk and total + cost > limit:
            yield chunk
            chunk, total = [], 0
        chunk.append(item)
        total += cost
    if chunk:
        yield chunk


class Arrivals(Generic[T]):
    """The items of a source, in their order, in lists that are handed on when their first item has waited long enough.

    A list goes when its sizes add up to `limit`, when the source has ended, or `max_delay` seconds after its first item came, whatever is
    first. The source is read by a thread, one list and one item ahead at most; what it raises comes after the items before.

    A list that is empty says that nothing is due; it comes once, and the next is waited for. So who has other things to do learns that it
    is time for them.
    """

    def __init__(
        self, source: Iterable[T], size: Callable[[T], int], limit: int, max_delay: float
    ) -> None:
        self._source = source
        self._size = size
        self._limit = limit
        self._max_delay = max_delay
        self._changed = threading.Condition()
        self._items: deque[tuple[T, int, float]] = deque()  # with their sizes and when they came
        self._total = 0
        self._ended = self._abandoned = False
        self._error: BaseException | None = None

    def __iter__(self) -> Generator[list[T]]:
        threading.Thread(target=self._read, name="pipekit-source", daemon=True).start()
        patient = True
        try:
            while (items := self._take(patient)) is not None:
                patient = not items
                yield items
            if self._error is not None:
                raise self._error
        finally:
            with self._changed:
                self._abandoned = True
                self._changed.notify_all()

    def _read(self) -> None:
        """In the thread. One that waits for its source when nobody wants any more ends when the next item comes, or with the process."""
        try:
            for item in self._source:
                size = self._size(item)
                with self._changed:
                    self._items.append((item, size, time.monotonic()))
                    self._total += size
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._total < self._limit or self._abandoned)
                    if self._abandoned:
                        return
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _take(self, patient: bool) -> list[T] | None:
        """The next list; None at the end."""
        with self._changed:
            while (left := self._seconds_left()) > 0:
                if not patient:
                    return []
                self._changed.wait(None if left == float("inf") else left)
            found: list[T] = []
            total = 0
            while self._items and (not found or total + self._items[0][1] <= self._limit):
                item, size, _ = self._items.popleft()
                found.append(item)
                total += size
            self._total -= total
            self._changed.notify_all()
            return found or None

    def _seconds_left(self) -> float:
        """Until the next list is due."""
        if self._ended or self._total >= self._limit:
            return 0
        return (
            self._items[0][2] + self._max_delay - time.monotonic() if self._items else float("inf")
        )
