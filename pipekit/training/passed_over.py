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
            for what, numbers in head.passed_over(batch).items():
                titles = [doc_title(together[number]) for number in numbers]
                places.setdefault((name, what), []).extend(titles)
    for (name, what), titles in places.items():
        if not titles:
            continue
        distinct_titles = list(dict.fromkeys(titles))
        shown = ", ".join(distinct_titles[:_SHOWN])
        more = ", …" if len(distinct_titles) > _SHOWN else ""
        print(f"[components.{name}] {len(titles)} {what}, and teach it nothing: {shown}{more}")


def doc_title(doc: Doc) -> str:
    """The name of a document, or how its text begins."""
    return doc.name or repr(doc.text[:_TITLE])
