"""How documents and figures are shown on a terminal."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pipekit.doc import Doc
from pipekit.doc.views import Span, Token
from pipekit.errors import PipekitWarning


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Within this context a warning is shown as a message, without the code that gave it."""
    formatted = warnings.formatwarning
    warnings.formatwarning = _plain_warning
    try:
        yield
    finally:
        warnings.formatwarning = formatted


def _plain_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """The line of a warning; that of another package's names the package's file."""
    if issubclass(category, PipekitWarning):
        return f"pipekit: warning: {message}\n"
    return f"pipekit: {category.__name__} of {filename}:{lineno}: {message}\n"


def doc_lines(doc: Doc) -> Iterator[str]:
    """All that a document says, by lines: tokens, spans, relations, classes, sentiment.

    0  Мама  NOUN  мама  Animacy=Anim|Case=Nom|Gender=Fem|Number=Sing
    1  мыла  VERB  мыть  Aspect=Imp|Gender=Fem|Number=Sing

    ents  PER  Мама  0.98
    """
    yield from _token_lines(doc)
    yield from _span_lines(doc)
    if doc.relations:
        yield ""
        for link in doc.relations:
            yield f"relations  {link}{_score(link.score)}"
    if doc.cats:
        yield ""
        for name, score in doc.cats.items():
            yield f"cats  {name}{_score(score)}"
    if doc.sentiment:
        yield ""
        yield f"sentiment  {doc.sentiment.label}{_score(doc.sentiment.score)}"


def _token_lines(doc: Doc) -> Iterator[str]:
    """A line for each token; an empty line before each sentence but the first."""
    rows = [_token_cells(token) for token in doc]
    for token, line in zip(doc, _aligned(rows), strict=True):
        if token.i and token.is_sent_start:
            yield ""
        yield line


def _token_cells(token: Token) -> list[str]:
    """Number, text, part of speech, lemma, features; "-" for what is not known.

    In a document with trees, then the relation, and the number of the head.
    """
    morph = "-"
    if token.morph is not None:
        morph = str(token.morph) or "_"
    cells = [str(token.i), token.text, token.pos or "-", token.lemma or "-", morph]
    if "head" in token.doc.tokens:
        head = token.head
        cells += [token.dep or "-", "-" if head is None else str(head.i)]
    return cells


def _span_lines(doc: Doc) -> Iterator[str]:
    """A line for each span, the groups apart."""
    for name in doc.spans:
        if len(doc.spans[name]):
            yield ""
        for span in doc.spans[name]:
            label = span.label or "-"
            yield f"{name}  {label}  {span.text}{_score(span.score)}{_sentiment(span)}"


def _score(score: float | None) -> str:
    return "" if score is None else f"  {score:.2f}"


def _sentiment(span: Span) -> str:
    if not span.sentiment:
        return ""
    return f"  {span.sentiment.label} {span.sentiment.score:.2f}"


def table(lines: Iterable[Iterable[object]]) -> str:
    """Cells in aligned columns; all lines have as many."""
    rows = [list(map(str, line)) for line in lines]
    return "\n".join(_aligned(rows))


def _aligned(rows: list[list[str]]) -> Iterator[str]:
    """Each row as a line, its cells as wide as the widest of their column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()
