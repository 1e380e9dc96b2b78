"""Plain text: a document for each file, line or paragraph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.spans import Tokenize
from pipekit.doc import Doc
from pipekit.errors import ConfigError, near

Unit = Literal["file", "line", "paragraph"]
SUFFIXES = (".txt",)
_BATCH = 256


class TextPiece(NamedTuple):
    """A text and the line where it begins."""

    line: int
    text: str


def read_text(
    path: StrPath, *, tokenize: Tokenize, unit: Unit = "line", on_problem: OnProblem | None = None
) -> Iterator[Doc]:
    """Docs of a text file (.gz, .xz), or of all of a folder or zip archive. Empty lines and paragraphs are passed over.

    Args:
        tokenize: texts to Docs.
        unit: what makes a Doc: a "file", a "line", or a "paragraph" (what stands between empty lines, its line ends kept).
        on_problem: is told each `Problem`, and reading goes on.
    """
    if unit not in _UNITS:
        raise ConfigError(f"unit is {unit!r}.{near(unit, _UNITS)}")
    with corpus(path, SUFFIXES, on_problem) as files:
        for file in files.values():
            yield from _docs(file, _UNITS[unit](file), tokenize)


def _docs(file: CorpusFile, pieces: Iterable[TextPiece], tokenize: Tokenize) -> Iterator[Doc]:
    pieces = iter(pieces)
    while batch := list(islice(pieces, _BATCH)):
        for doc, piece in zip(tokenize([piece.text for piece in batch]), batch, strict=True):
            doc.name = f"{Path(file.name).name}:{piece.line}"
            doc.add_layer("meta", "doc", 1).set("line", [piece.line])
            yield doc


def _files(file: CorpusFile) -> Iterator[TextPiece]:
    text = file.text()
    if text.strip():
        yield TextPiece(1, text)


def _lines(file: CorpusFile) -> Iterator[TextPiece]:
    return (TextPiece(number, line) for number, line in enumerate(file.lines(), 1) if line.strip())


def _paragraphs(file: CorpusFile) -> Iterator[TextPiece]:
    lines: list[str] = []
    number = 0
    for number, line in enumerate(file.lines(), 1):
        if line.strip():
            lines.append(line)
        elif lines:
            yield TextPiece(number - len(lines), "\n".join(lines))
            lines = []
    if lines:
        yield TextPiece(number - len(lines) + 1, "\n".join(lines))


_UNITS = {"file": _files, "line": _lines, "paragraph": _paragraphs}
