"""Spans that a corpus gives in characters, as rows of tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from pipekit.corpora.readers.files import CorpusFile
from pipekit.doc import Doc
from pipekit.doc.columns import encode_labels
from pipekit.doc.layer import span_layer
from pipekit.errors import ConfigError, near

Misaligned = Literal["expand", "skip", "raise"]
POLICIES = ("expand", "skip", "raise")
Tokenize = Callable[[Sequence[str]], list[Doc]]
_AROUND = 12


class CharSpan(NamedTuple):
    """Characters from `start` up to `end`; `line` is where the file says so, `fragments` how, where there are several."""

    start: int
    end: int
    label: str
    line: int
    key: str = ""
    fragments: str | None = None


class Link(NamedTuple):
    """A relation between the spans of two keys."""

    head: str
    tail: str
    label: str
    line: int


@dataclass(frozen=True)
class Aligner:
    """Writes spans and links to Docs. `misaligned` says what becomes of spans that do not fall on token borders."""

    file: CorpusFile
    misaligned: Misaligned = "expand"

    def __post_init__(self) -> None:
        if self.misaligned not in POLICIES:
            raise ConfigError(
                f"misaligned is {self.misaligned!r}.{near(self.misaligned, POLICIES)}"
            )

    def write(
        self, doc: Doc, spans: Sequence[CharSpan], links: Sequence[Link] | None = None
    ) -> None:
        """The spans as the layer "ents", overlapping where they do, and the links, if any were looked for, as the layer "relations"."""
        kept, rows = self._rows(doc, spans)
        layer = span_layer(rows[:, 0], rows[:, 1], encode_labels([span.label for span in kept]))
        if any(span.fragments for span in kept):
            fragments = encode_labels([span.fragments for span in kept])
            layer.set("fragments", fragments.values, fragments.labels)
        doc.layers["ents"] = layer
        if links is not None:
            self._write_links(doc, kept, links)

    def _rows(
        self, doc: Doc, spans: Sequence[CharSpan]
    ) -> tuple[list[CharSpan], np.ndarray[tuple[int, int], np.dtype[np.int64]]]:
        inside = [span for span in spans if self._is_inside(doc, span)]
        start, end = (
            np.array([span.start for span in inside], np.int64),
            np.array([span.end for span in inside], np.int64),
        )
        rows = np.stack(
            [np.searchsorted(doc.ends, start, "right"), np.searchsorted(doc.starts, end, "left")],
            axis=1,
        )
        kept = [
            self._keeps(doc, span, *row) for span, row in zip(inside, rows.tolist(), strict=True)
        ]
        return [span for span, keep in zip(inside, kept, strict=True) if keep], rows[
            np.array(kept, bool)
        ]

    def _is_inside(self, doc: Doc, span: CharSpan) -> bool:
        if 0 <= span.start < span.end <= len(doc.text):
            return True
        what = f"[{span.start}, {span.end}) is no part of a text of {len(doc.text)} characters: offsets are [start, end), start < end"
        self.file.fail(span.line, "offsets", what)
        return False

    def _keeps(self, doc: Doc, span: CharSpan, first: int, last: int) -> bool:
        if first >= last:
            self.file.note(
                span.line,
                "offsets",
                f"{picture(doc.text, span.start, span.end)} is white space: left out",
            )
            return False
        if doc.starts[first] == span.start and doc.ends[last - 1] == span.end:
            return True
        taken = picture(doc.text, int(doc.starts[first]), int(doc.ends[last - 1]))
        what = f"{span.label} {picture(doc.text, span.start, span.end)} does not fall on token borders{_hint(doc, span)}"
        if self.misaligned == "raise":
            self.file.fail(
                span.line,
                "offsets",
                f"{what}: mend the offsets, or read with misaligned='expand' or 'skip'",
            )
            return False
        self.file.note(
            span.line,
            "offsets",
            f"{what}: " + ("left out" if self.misaligned == "skip" else f"read as {taken}"),
        )
        return self.misaligned == "expand"

    def _write_links(self, doc: Doc, spans: Sequence[CharSpan], links: Sequence[Link]) -> None:
        row = {span.key: i for i, span in enumerate(spans)}
        kept = []
        for link in links:
            missing = [key for key in (link.head, link.tail) if key not in row]
            if missing:
                self.file.note(
                    link.line,
                    "relations",
                    f"{link.label} links {missing[0]!r}, which is no entity that was read: left out",
                )
            else:
                kept.append(link)
        layer = doc.add_layer("relations", "link", len(kept), target="ents")
        layer.set("head", np.array([row[link.head] for link in kept], np.int32))
        layer.set("tail", np.array([row[link.tail] for link in kept], np.int32))
        labels = encode_labels([link.label for link in kept])
        layer.set("label", labels.values, labels.labels)


def picture(text: str, start: int, end: int) -> str:
    """The characters in brackets, with some around: …Ива[нова]…"""
    before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
    shown = f"{'…' * (start > _AROUND)}{before}[{text[start:end]}]{after}{'…' * (end + _AROUND < len(text))}"
    return " ".join(shown.split("\n"))


def _hint(doc: Doc, span: CharSpan) -> str:
    inclusive = span.start in doc.starts and span.end + 1 in doc.ends and span.end not in doc.starts
    return " (the end looks inclusive; offsets are [start, end))" if inclusive else ""
