"""What is drawn: a text with marks on it, arrows between places of it, lines below its words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

_WORD = re.compile(r"\S+")


class Extent(NamedTuple):
    """Characters of a text, the end exclusive."""

    start: int
    end: int


class Highlight(NamedTuple):
    """Characters of a text that have a label.

    Attributes:
        start, end: characters, the end exclusive.
        label: what stands below or behind them; it may be "".
        note: what stands behind the label, such as a score: "0.98".
        colour: the label that decides about the colour, where that is not `label`.
    """

    start: int
    end: int
    label: str
    note: str = ""
    colour: str = ""

    @property
    def caption(self) -> str:
        """Label and note."""
        return f"{self.label} {self.note}".strip()

    @property
    def range(self) -> tuple[int, int]:
        """Start and end."""
        return self.start, self.end

    @property
    def hue(self) -> str:
        """The label that decides about the colour."""
        return self.colour or self.label


class Arrow(NamedTuple):
    """A labelled arrow from one place of a text to another.

    Attributes:
        tail: where it begins, such as the governing word.
        head: where its point is.
        note: what stands behind the label.

    An arrow of which both ends are the same place comes from above, as that of the root of a tree.
    """

    tail: Extent
    head: Extent
    label: str
    note: str = ""

    @property
    def caption(self) -> str:
        """Label and note."""
        return f"{self.label} {self.note}".strip()


@dataclass(frozen=True)
class Passage:
    """A text, and what is said of it.

    Attributes:
        text: any characters; those that cannot be shown are replaced where they are drawn.
        highlights: in any order; they may overlap.
        arrows: in any order.
        words: the places that are drawn one by one; by default, what white space divides.
        breaks: where a new line begins in a drawing: the starts of sentences, ascending.
        glosses: for each word the lines below it, such as part of speech and lemma; or nothing.
    """

    text: str
    highlights: Sequence[Highlight] = ()
    arrows: Sequence[Arrow] = ()
    words: Sequence[Extent] = ()
    breaks: Sequence[int] = ()
    glosses: Sequence[Sequence[str]] = ()

    def drawn_words(self) -> list[Extent]:
        """The words, or what white space divides where there are none."""
        if self.words:
            return list(self.words)
        return [Extent(*word.span()) for word in _WORD.finditer(self.text)]
