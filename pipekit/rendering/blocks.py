"""The blocks that a rendering is made of, below each other: each is HTML, and a drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipekit.rendering.colours import hue_of
from pipekit.rendering.drawings import Drawing, drawn, drawn_lines, stacked
from pipekit.rendering.flow import flowing
from pipekit.rendering.glyphs import markup
from pipekit.rendering.pages import within_page
from pipekit.rendering.passages import Passage

NARROW = 340.0  # pixels, of a drawing on a narrow page
TableCell = str | int | float | None


class Block(Protocol):
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
        return f'<h{self.level} dir="auto">{markup(self.text)}</h{self.level}>'

    def drawing(self, width: float) -> Drawing:
        return drawn_lines([self.text], "pk-title")


@dataclass(frozen=True)
class Remark:
    """A sentence about what is shown, or about what is not."""

    text: str

    def html(self, width: float) -> str:
        return f'<p class="pk-note" dir="auto">{markup(self.text)}</p>'

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
        return drawn(self.passage, width)


@dataclass(frozen=True)
class Drawn:
    """A text with arrows; a page brings the drawing of a narrow page as well, and shows either."""

    passage: Passage
    title: str

    def html(self, width: float) -> str:
        wide = within_page(drawn(self.passage, width), self.title, "pk-wide")
        narrow = within_page(drawn(self.passage, NARROW), self.title, "pk-narrow")
        return (
            f'<div class="pk-drawn"><div class="pk-scroll" tabindex="0">{wide}{narrow}</div></div>'
        )

    def drawing(self, width: float) -> Drawing:
        return drawn(self.passage, width)


@dataclass(frozen=True)
class Cards:
    """Words one by one with their glosses: lemma, part of speech, then features."""

    passage: Passage

    def html(self, width: float) -> str:
        cards = []
        words = self.passage.drawn_words()
        for place, glosses in zip(words, self.passage.glosses, strict=True):
            word = markup(self.passage.text[place.start : place.end])
            cards.append(f'<div class="pk-card"><b>{word}</b>{_glosses(glosses)}</div>')
        return f'<div class="pk-cards" dir="auto">{"".join(cards)}</div>'

    def drawing(self, width: float) -> Drawing:
        return drawn(self.passage, width)


def _glosses(glosses: Sequence[str]) -> str:
    """Lemma, part of speech and features of a card; "" is left out."""
    lemma, part, *features = glosses
    lines = []
    if lemma:
        lines.append(f"<i>{markup(lemma)}</i>")
    if part:
        lines.append(f'<span class="pk-label pk-{hue_of(part)}">{markup(part)}</span>')
    for feature in features:
        lines.append(f"<small>{markup(feature)}</small>")
    return "".join(lines)


@dataclass(frozen=True)
class Shares:
    """Probabilities by label, as bars."""

    shares: Mapping[str, float]

    def html(self, width: float) -> str:
        lines = []
        for label, share in self.shares.items():
            length = 100 * min(max(share, 0.0), 1.0)
            bar = f'<i class="pk-{hue_of(label)}" style="width:{length:.1f}%"></i>'
            lines.append(f"<span>{markup(label)}</span>{bar}<b>{share:.2f}</b>")
        return f'<div class="pk-shares">{"".join(lines)}</div>'

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
        numeric = [_is_numeric(column) for column in zip(*self.rows, strict=True)]
        numeric = numeric or [False] * len(self.head)
        head = _cells("th", self.head, numeric)
        rows = [f"<tr>{_cells('td', row, numeric)}</tr>" for row in self.rows]
        caption = f"<caption>{markup(self.caption)}</caption>" if self.caption else ""
        table = f"{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
        return f'<div class="pk-scroll" tabindex="0"><table class="pk-table">{table}</table></div>'

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
        head = [f"<th>{markup(label)}</th>" for label in ("gold ↓ predicted →", *self.predictions)]
        rows = []
        for gold, counts in zip(self.golds, self.counts, strict=True):
            cells = [f"<th>{markup(gold)}</th>"]
            for label, count in zip(self.predictions, counts, strict=True):
                cells.append(_confused(count, sum(counts), label == gold))
            rows.append(f"<tr>{''.join(cells)}</tr>")
        table = f"<thead><tr>{''.join(head)}</tr></thead><tbody>{''.join(rows)}</tbody>"
        return f'<div class="pk-scroll" tabindex="0"><table class="pk-table">{table}</table></div>'

    def drawing(self, width: float) -> Drawing:
        rows: list[Sequence[TableCell]] = []
        for gold, counts in zip(self.golds, self.counts, strict=True):
            rows.append((gold, *counts))
        return Grid(("gold", *self.predictions), rows).drawing(width)


def _confused(
    count: int,
    total: int,
    is_right: bool,
) -> str:
    """A cell of a confusion table; nothing in the place of 0."""
    if not count:
        return '<td class="pk-number"></td>'
    style = "pk-right" if is_right else "pk-heat"
    share = count / total
    return f'<td class="pk-number {style}" style="--pk-share:{share:.2f}">{count:,}</td>'


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
        parts = [f'<p class="pk-source">{markup(self.source)}</p>']
        if self.heading:
            parts.append(f'<h3 dir="auto">{markup(self.heading)}</h3>')
        if self.passage.arrows:
            parts.append(Drawn(self.passage, self.source).html(width))
        else:
            parts.append(flowing(self.passage, lanes=True))
        return f'<div class="pk-case">{"".join(parts)}</div>'

    def drawing(self, width: float) -> Drawing:
        return stacked([drawn_lines([self.source], "pk-remark"), drawn(self.passage, width)])


@dataclass(frozen=True)
class Fold:
    """Blocks below a line, which shows them when somebody asks for them."""

    summary: str
    note: str
    blocks: Sequence[Block]

    def html(self, width: float) -> str:
        content = "".join(block.html(width) for block in self.blocks)
        summary = f"{markup(self.summary)} <small>{markup(self.note)}</small>"
        return f'<details class="pk-fold"><summary>{summary}</summary>{content}</details>'

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
        style = ' class="pk-number"' if is_number else ""
        parts.append(f"<{tag}{style}>{markup(_shown(cell))}</{tag}>")
    return "".join(parts)


def _shown(cell: TableCell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:.2f}"
    if isinstance(cell, int):
        return f"{cell:,}"
    return cell
