"""Documents on a terminal: their text with names in brackets, in colours where these are wanted.

Colours are left out where the environment says NO_COLOR (https://no-color.org) or TERM=dumb, and
where the output is no terminal, unless FORCE_COLOR is set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from pipekit.cli.display import doc_lines
from pipekit.doc import Doc
from pipekit.doc.views import Span
from pipekit.rendering.colours import hue_of
from pipekit.rendering.glyphs import displayed

# Of the 256 colours of terminals those next to each hue, and the ink on it: 16 black, 231 white.
_CODES = {
    "orange": (214, 16),
    "sky": (74, 16),
    "green": (36, 16),
    "yellow": (227, 16),
    "blue": (25, 231),
    "vermillion": (208, 16),
    "purple": (175, 16),
    "grey": (247, 16),
}
_RESET = "\x1b[0m"


def is_terminal() -> bool:
    """Whether somebody looks at standard output, or asks for what they would see."""
    if sys.stdout is None:
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def has_colours() -> bool:
    """Whether colours may be written to standard output."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return is_terminal()


def terminal_lines(
    doc: Doc,
    *,
    colours: bool,
) -> Iterator[str]:
    """All that a document says, by lines, its text with names in brackets first.

    [Иван Петров PER] работает в «[Яндексе ORG]».

    Control characters of the text are shown as pictures: they command no terminal.
    """
    for spans in (doc.ents, *doc.spans.values()):
        if spans:
            yield from _bracketed(doc, list(spans), colours=colours).split("\n")
            yield ""
            break
    yield from map(displayed, doc_lines(doc))


def _bracketed(
    doc: Doc,
    spans: list[Span],
    *,
    colours: bool,
) -> str:
    """The text with a bracket where each span begins, and a label and a bracket where it ends."""
    events = []
    for row, span in enumerate(spans):
        start = span.start_char
        end = span.end_char
        if start < end:
            # What ends at a place is closed before others begin there, the inner ones first.
            events.append((end, 0, -start, -row, span))
            events.append((start, 1, -end, row, span))
    parts = []
    place = 0
    for position, begins, _, _, span in sorted(events, key=lambda event: event[:4]):
        parts.append(displayed(doc.text[place:position]))
        parts.append("[" if begins else _closing(span, colours=colours))
        place = position
    parts.append(displayed(doc.text[place:]))
    return "".join(parts)


def _closing(
    span: Span,
    *,
    colours: bool,
) -> str:
    label = displayed(span.label or "")
    if not label:
        return "]"
    if colours:
        ground, ink = _CODES[hue_of(label)]
        label = f"\x1b[48;5;{ground};38;5;{ink}m{label}{_RESET}"
    return f" {label}]"
