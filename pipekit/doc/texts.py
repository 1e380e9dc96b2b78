"""Written texts of a Doc, such as translations: what was written, and what it stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pipekit.doc.groups import Spans
from pipekit.doc.layer import Layer
from pipekit.doc.text import Text
from pipekit.doc.views import Span
from pipekit.errors import near

_TEXT = "text"


class WrittenText(NamedTuple):
    """A text that a component has written.

    Attributes:
        text: what was written.
        span: what it stands for, such as a sentence.
        score: how sure the component is: the log-probability, by the length; None where unset.
    """

    text: str
    span: Span
    score: float | None


class WrittenTexts(Mapping[str, Sequence[WrittenText]]):
    """The written texts of a document by the layer that holds them, `doc.texts`.

    for written in doc.texts["translation"]:
        print(written.span.text, "→", written.text)
    """

    def __init__(self, doc: Text) -> None:
        self._doc = doc

    def __getitem__(self, name: str) -> tuple[WrittenText, ...]:
        layer = self._doc.layers.get(name)
        if layer is None or not holds_texts(layer):
            raise KeyError(f"the document has no texts {name!r}.{near(name, self)}")
        spans = Spans(self._doc, layer)
        written = []
        for span, text, score in zip(
            spans, layer.values(_TEXT), layer.values("score"), strict=True
        ):
            if text is not None:
                written.append(WrittenText(text, span, score))
        return tuple(written)

    def __iter__(self) -> Iterator[str]:
        return (name for name, layer in self._doc.layers.items() if holds_texts(layer))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr({name: [written.text for written in self[name]] for name in self})


def holds_texts(layer: Layer) -> bool:
    """Whether a layer holds spans with a text each."""
    if layer.kind != "span":
        return False
    column = layer.get(_TEXT)
    return column is not None and column.labels is not None
