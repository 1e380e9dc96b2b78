"""Matches in a stream of documents: many documents at once, and never all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from pipekit.doc import Doc

M = TypeVar("M")  # the matches in a document

_WORDS = 1 << 15  # of documents that are matched together


def stream(
    of_docs: Callable[[list[Doc]], Sequence[M]],
    docs: Iterable[Doc],
) -> Iterator[tuple[Doc, M]]:
    """Each document with its matches, in order.

    Args:
        of_docs: gives the matches in each of some documents.
        docs: any number of documents, read as they are needed.
    """
    for group in _groups(docs):
        yield from zip(group, of_docs(group), strict=True)


def _groups(docs: Iterable[Doc]) -> Iterator[list[Doc]]:
    """Documents of about `_WORDS` words together."""
    group: list[Doc] = []
    words = 0
    for doc in docs:
        group.append(doc)
        words += len(doc) + 1  # a document without words takes a place, too
        if words > _WORDS:
            yield group
            group = []
            words = 0
    if group:
        yield group
