"""Streams that are slow: what has come is handed on, while a thread waits for more."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Arrivals(Generic[T]):
    """The items of a source, in their order, in lists that are handed on when their first item has waited long enough.

    A list goes when its sizes add up to `limit`, when the source has ended, or `max_delay` seconds after its first item came, whatever is
    first. The source is read by a thread, one list and one item ahead at most; what it raises comes after the items before.

    A list that is empty says that nothing is due; it comes once, and the next is waited for. So who has other things to do learns that it
    is time for them.
    """

    def __init__(self, source: Iterable[T], size: Callable[[T], int], limit: int, max_delay: float) -> None:
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
        return self._items[0][2] + self._max_delay - time.monotonic() if self._items else float("inf")
