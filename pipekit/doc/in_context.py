"""A span in its sentence, as a notebook shows it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from pipekit.doc.text import Text
from pipekit.rendering.blocks import Marked
from pipekit.rendering.passages import Highlight, Passage
from pipekit.rendering.rendering import Rendering


def span_in_context(
    doc: Text,
    place: tuple[int, int],  # its first token and its end
    label: str | None,
    score: float | None,
) -> str:
    """The sentence of a span, or the whole text where nobody has split it, with the span marked."""
    first, last = place
    context = _sentence_around(doc, first, last)
    part = doc.part(*context)
    if first == last:
        return Rendering("", [Marked(Passage(part.text))])._repr_html_()
    mark = Highlight(
        start=int(part.starts[first - context[0]]),
        end=int(part.ends[last - 1 - context[0]]),
        label=label_text(label),
        note="" if score is None else f"{score:.2f}",
    )
    return Rendering("", [Marked(Passage(part.text, [mark]))])._repr_html_()


def _sentence_around(
    doc: Text,
    first: int,
    last: int,
) -> tuple[int, int]:
    borders = doc.sent_borders()
    if borders is None:
        return 0, len(doc)
    edges = borders.tolist()
    begin = bisect_right(edges, first) - 1
    end = bisect_left(edges, last)
    return edges[max(begin, 0)], edges[min(end, len(edges) - 1)]


def label_text(label: object) -> str:
    """A label as it is drawn. Documents of others may have numbers for labels, or none."""
    return "" if label is None else str(label)
