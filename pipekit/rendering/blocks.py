"""The blocks that a rendering is made of, below each other: each is HTML, and a drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipekit.rendering.colours import hue_of
from pipekit.rendering.drawings import Drawing, drawing_of, drawn_lines, stacked
from pipekit.rendering.elements import element
from pipekit.rendering.flow import flowing, label_element
from pipekit.rendering.glyphs import markup
from pipekit.rendering.pages import within_page
from pipekit.rendering.passages import Passage

NARROW = 340.0  # pixels, of a drawing on a narrow page
TableCell = str | int | float | None
_AUTO = {"dir": "auto"}


class PageBlock(Protocol):
    """A part of a rendering."""

    def html(self, width: float) -> str:
        """The block as elements of HTML; a width in pixels is for drawings alone."""
        ...

    def drawing(self, width: float) -> Drawing:
        """The block as SVG of about this width in pixels."""
        ...


@dataclass(frozen=True)
class Heading:
    """A heading of a level, from 1."""

    text: str
    level: int = 2

    def html(self, width: float) -> str:
        return element(
            f"h{self.level}",
            markup(self.text),
            "",
            _AUTO,
        )

    def drawing(self, width: float) -> Drawing:
        return drawn_lines([self.text], "pk-title")


@dataclass(frozen=True)
class Remark:
    """A sentence about what is shown, or about what is not."""

    text: str

    def html(self, width: float) -> str:
        return element(
            "p",
            markup(self.text),
            "pk-note",
            _AUTO,
        )

    def drawing(self, width: float) -> Drawing:
        return drawn_lines([self.text], "pk-remark")


@dataclass(frozen=True)
class Marked:
    """A text with marks; as HTML its lines break wherever the page is narrow."""

    passage: Passage
    lanes: bool = False

    def html(self, width: float) -> str:
        return flowing(self.passage, lanes=self.lanes)

    def drawing(self, width: float) -> Drawing:
        return drawing_of(self.passage, width)


@dataclass(frozen=True)
class Drawn:
    """A text with arrows; a page brings the drawing of a narrow page as well, and shows either."""

    passage: Passage
    title: str

    def html(self, width: float) -> str:
        wide = within_page(
            drawing_of(self.passage, width),
            self.title,
            "pk-wide",
        )
        narrow = within_page(
            drawing_of(self.passage, NARROW),
            self.title,
            "pk-narrow",
        )
        return (
            f'<div class="pk-drawn"><div class="pk-scroll" tabindex="0">{wide}{narrow}</div></div>'
        )

    def drawing(self, width: float) -> Drawing:
        return drawing_of(self.passage, width)


@dataclass(frozen=True)
class Cards:
    """Words one by one with their glosses: lemma, part of speech, then features."""

    passage: Passage

    def html(self, width: float) -> str:
        cards = []
        words = self.passage.drawn_words()
        for place, glosses in zip(
            words,
            self.passage.glosses,
            strict=True,
        ):
            word = self.passage.text[place.start : place.end]
            content = element("b", markup(word))
            content += _glosses(glosses)
            cards.append(element("div", content, "pk-card"))
        return element(
            "div",
            "".join(cards),
            "pk-cards",
            _AUTO,
        )

    def drawing(self, width: float) -> Drawing:
        return drawing_of(self.passage, width)


def _glosses(glosses: Sequence[str]) -> str:
    """Lemma, part of speech and features of a card; "" is left out."""
    lemma, part, *features = glosses
    lines = []
    if lemma:
        lines.append(element("i", markup(lemma)))
    if part:
        hue = f"pk-{hue_of(part)}"
        lines.append(label_element(part, style=hue))
    for feature in filter(None, features):
        lines.append(element("small", markup(feature)))
    return "".join(lines)


@dataclass(frozen=True)
class Shares:
    """Probabilities by label, as bars."""

    shares: Mapping[str, float]

    def html(self, width: float) -> str:
        lines = []
        for label, share in self.shares.items():
            length = 100 * min(max(share, 0.0), 1.0)
            size = {"style": f"width:{length:.1f}%"}
            lines.append(element("span", markup(label)))
            lines.append(
                element(
                    "i",
                    "",
                    f"pk-{hue_of(label)}",
                    size,
                )
            )
            lines.append(element("b", f"{share:.2f}"))
        return element(
            "div",
            "".join(lines),
            "pk-shares",
        )

    def drawing(self, width: float) -> Drawing:
        lines = [f"{label}  {share:.2f}" for label, share in self.shares.items()]
        return drawn_lines(lines, "pk-remark")


@dataclass(frozen=True)
class Grid:
    """A table. Numbers are set to the right; None is "–"."""

    head: Sequence[str]
    rows: Sequence[Sequence[TableCell]]
    caption: str = ""

    def html(self, width: float) -> str:
        columns = zip(*self.rows, strict=True)
        numeric = [_is_numeric(column) for column in columns]
        if not numeric:
            numeric = [False] * len(self.head)
        head = _cells("th", self.head, numeric)
        rows = [_cells("td", row, numeric) for row in self.rows]
        return _table(
            head,
            rows,
            self.caption,
        )

    def drawing(self, width: float) -> Drawing:
        lines = ["   ".join(map(_shown, row)) for row in (self.head, *self.rows)]
        return drawn_lines(lines, "pk-remark")


@dataclass(frozen=True)
class Confusion:
    """How often each label got each other one; the darker a number, the larger its share."""

    golds: Sequence[str]
    predictions: Sequence[str]
    counts: Sequence[Sequence[int]]

    def html(self, width: float) -> str:
        labels = ("gold ↓ predicted →", *self.predictions)
        head = [element("th", markup(label)) for label in labels]
        rows = []
        for gold, counts in zip(
            self.golds,
            self.counts,
            strict=True,
        ):
            cells = [element("th", markup(gold))]
            total = sum(counts)
            for label, count in zip(
                self.predictions,
                counts,
                strict=True,
            ):
                style = "pk-right" if label == gold else "pk-heat"
                cells.append(_confused(count, total, style))
            rows.append("".join(cells))
        return _table("".join(head), rows)

    def drawing(self, width: float) -> Drawing:
        rows: list[Sequence[TableCell]] = []
        for gold, counts in zip(
            self.golds,
            self.counts,
            strict=True,
        ):
            rows.append((gold, *counts))
        return Grid(("gold", *self.predictions), rows).drawing(width)


def _confused(
    count: int,
    total: int,
    style: str,
) -> str:
    """A cell of a confusion table; nothing in the place of 0."""
    if not count:
        return element("td")
    share = count / total
    return element(
        "td",
        f"{count:,}",
        f"pk-number {style}",
        {"style": f"--pk-share:{share:.2f}"},
    )


def _table(
    head: str,
    rows: Sequence[str],
    caption: str = "",
) -> str:
    """Rows of cells as a table, which scrolls where it is too wide for the page."""
    content = ""
    if caption:
        content = element("caption", markup(caption))
    content += element("thead", element("tr", head))
    lines = [element("tr", row) for row in rows]
    content += element("tbody", "".join(lines))
    return _scrolling(element("table", content, "pk-table"))


def _scrolling(content: str) -> str:
    """A box that scrolls to the side, by the keys too."""
    return element(
        "div",
        content,
        "pk-scroll",
        {"tabindex": "0"},
    )


@dataclass(frozen=True)
class Case:
    """A text with marks or arrows, and in small letters where it is from.

    Attributes:
        heading: what stands above, such as a question; "" for nothing.
    """

    passage: Passage
    source: str
    heading: str = ""

    def html(self, width: float) -> str:
        parts = [
            element(
                "p",
                markup(self.source),
                "pk-source",
            )
        ]
        if self.heading:
            parts.append(Heading(self.heading, 3).html(width))
        if self.passage.arrows:
            parts.append(Drawn(self.passage, self.source).html(width))
        else:
            parts.append(flowing(self.passage, lanes=True))
        return element(
            "div",
            "".join(parts),
            "pk-case",
        )

    def drawing(self, width: float) -> Drawing:
        above = [self.source]
        if self.heading:
            above.append(self.heading)
        lines = drawn_lines(above, "pk-remark")
        return stacked([lines, drawing_of(self.passage, width)])


@dataclass(frozen=True)
class Fold:
    """Blocks below a line, which shows them when somebody asks for them."""

    summary: str
    note: str
    blocks: Sequence[PageBlock]

    def html(self, width: float) -> str:
        parts = [block.html(width) for block in self.blocks]
        note = element("small", markup(self.note))
        summary = f"{markup(self.summary)} {note}"
        parts.insert(0, element("summary", summary))
        return element(
            "details",
            "".join(parts),
            "pk-fold",
        )

    def drawing(self, width: float) -> Drawing:
        drawings = [block.drawing(width) for block in self.blocks]
        return stacked([Heading(self.summary).drawing(width), *drawings])


def _is_numeric(column: Sequence[TableCell]) -> bool:
    return all(cell is None or isinstance(cell, int | float) for cell in column)


def _cells(
    tag: str,
    cells: Sequence[TableCell],
    numeric: Sequence[bool],
) -> str:
    """The cells of a row."""
    parts = []
    for cell, is_number in zip(cells, numeric, strict=True):
        style = "pk-number" if is_number else ""
        text = markup(_shown(cell))
        parts.append(element(tag, text, style))
    return "".join(parts)


def _shown(cell: TableCell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:.2f}"
    if isinstance(cell, int):
        return f"{cell:,}"
    return cell
