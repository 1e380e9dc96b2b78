"""Annotation of training documents that a component cannot learn from: how much, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipekit.doc import Doc
from pipekit.parts.contracts import Head
from pipekit.pipeline import Pipeline
from pipekit.pipeline.streams import gather

_WORDS = 20_000  # of documents that are looked at together
_SHOWN = 5  # places that a message lists
_TITLE = 40  # characters that name a document without a name


def tell_passed_over(
    pipeline: Pipeline,
    learners: Mapping[str, Head],
    docs: Sequence[Doc],
) -> None:
    """Print, for each component, what teaches it nothing; a repeated document counts once."""
    distinct = {id(doc): doc for doc in docs}.values()
    places: dict[tuple[str, str], list[str]] = {}
    for together in gather(distinct, len, _WORDS):
        batch = pipeline.batch(together)
        for name, head in learners.items():
            passed_over = head.passed_over(batch)
            for what, numbers in passed_over.items():
                titles = places.setdefault((name, what), [])
                for number in numbers:
                    doc = together[number]
                    titles.append(doc_title(doc))
    for (name, what), titles in places.items():
        if titles:
            shown = _first_distinct(titles)
            print(f"[components.{name}] {len(titles)} {what}, and teach it nothing: {shown}")


def _first_distinct(titles: Sequence[str]) -> str:
    """Titles for a message, each once, the first of many."""
    distinct = list(dict.fromkeys(titles))
    shown = ", ".join(distinct[:_SHOWN])
    if len(distinct) > _SHOWN:
        return f"{shown}, …"
    return shown


def doc_title(doc: Doc) -> str:
    """The name of a document, or how its text begins."""
    return doc.name or repr(doc.text[:_TITLE])
