"""Plain text: a Doc for each file, line or paragraph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Literal, NamedTuple

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.spans import Tokenize, with_docs
from pipekit.doc import Doc
from pipekit.errors import ConfigError, near

Unit = Literal["file", "line", "paragraph"]
SUFFIXES = (".txt",)


class TextPiece(NamedTuple):
    """A text and the number of its first line."""

    line: int
    text: str


def read_text(
    path: StrPath,
    *,
    tokenize: Tokenize,
    unit: Unit = "line",
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """Docs of a text file (.gz, .xz), or of all such files in a folder or zip archive.

    Empty lines and paragraphs are left out.

    Args:
        tokenize: makes Docs of texts.
        unit: what makes a Doc: a "file", a "line", or a "paragraph" (the lines between empty
            lines, with their line ends).
        on_problem: receives each `Problem`, and reading goes on.

    Errors: `ConfigError` for an unknown unit, `DataError` for a file that cannot be read.
    """
    if unit not in _UNITS:
        raise ConfigError(f"unit is {unit!r}.{near(unit, _UNITS)}")
    cut = _UNITS[unit]
    with corpus(path, SUFFIXES, on_problem) as files:
        for file in files.values():
            yield from _docs(file, cut(file), tokenize)


def _docs(
    file: CorpusFile,
    pieces: Iterable[TextPiece],
    tokenize: Tokenize,
) -> Iterator[Doc]:
    file_name = Path(file.name).name
    for piece, doc in with_docs(pieces, attrgetter("text"), tokenize):
        doc.name = f"{file_name}:{piece.line}"
        doc.add_layer("meta", "doc", 1).set("line", [piece.line])
        yield doc


def _files(file: CorpusFile) -> Iterator[TextPiece]:
    text = file.text()
    if text.strip():
        yield TextPiece(1, text)


def _lines(file: CorpusFile) -> Iterator[TextPiece]:
    for number, line in enumerate(file.lines(), 1):
        if line.strip():
            yield TextPiece(number, line)


def _paragraphs(file: CorpusFile) -> Iterator[TextPiece]:
    lines: list[str] = []
    first = 1
    for number, line in enumerate(file.lines(), 1):
        if line.strip():
            lines.append(line)
            continue
        if lines:
            yield TextPiece(first, "\n".join(lines))
            lines = []
        first = number + 1
    if lines:
        yield TextPiece(first, "\n".join(lines))


_UNITS = {"file": _files, "line": _lines, "paragraph": _paragraphs}
