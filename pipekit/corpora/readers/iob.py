"""Columns with IOB tags: one token a line, an empty line between sentences.

This is the format of CoNLL-2003 and its many relatives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pipekit.corpora.readers.files import CorpusFile, OnProblem, StrPath, corpus
from pipekit.corpora.readers.sentences import Grouping, Sentence, assemble, grouped
from pipekit.doc import Doc
from pipekit.doc.columns import encode_labels
from pipekit.doc.layer import span_layer
from pipekit.errors import ConfigError, near

Scheme = Literal["any", "iob1", "iob2", "bioes"]
SUFFIXES = (".conll", ".iob", ".bio", ".tsv", ".txt")
_BEGIN, _INSIDE, _END, _SINGLE = "B", "I", "EL", "SU"
_PREFIXES: Mapping[str, str] = {"any": "BIELSU", "iob1": "BI", "iob2": "BI", "bioes": "BIES"}
_TAGS = "tag"  # the column of tags, until they are spans
_LINES = "line"  # the line of each token, until all faults are named


class Tag(NamedTuple):
    """A tag such as B-PER."""

    prefix: str
    label: str


class _Columns(NamedTuple):
    """The places of columns in a row."""

    word: int
    labels: Mapping[str, int]  # of token columns, and of the tags
    separator: str | None


def read_iob(
    path: StrPath,
    *,
    word: int = 0,
    tag: int = -1,
    columns: Mapping[str, int] | None = None,
    scheme: Scheme = "any",
    separator: str | None = None,
    group: Grouping = "sentence",
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """Docs with the spans of a tag column as the layer "ents". The text is the words with spaces.

    One rule reads every scheme and repairs tags that break it. A span begins at B, S and U, at a
    tag whose label differs from that of the tag before it, and after the end of another span. It
    ends at E, L, S and U, and before a tag that does not continue it.

        B-PER I-PER O I-LOC B-LOC     spans 0-2 PER, 3-4 LOC, 4-5 LOC

    Args:
        word: the column of words, from 0; a negative number counts from the last.
        tag: the column of tags, likewise.
        columns: further token columns, such as {"pos": 1}; "_" is unset.
        scheme: "iob1", "iob2" or "bioes" notes each tag that breaks the scheme; "any" none.
        separator: the string between columns; by default any white space.
        group: what makes a Doc: a "sentence", a "document" (from -DOCSTART- to the next), or a
            number of sentences.
        on_problem: receives each `Problem`, and reading goes on.

    Errors: `ConfigError` for an unknown scheme or grouping, `DataError` for a row without these
    columns or a tag that is none.
    """
    if scheme not in _PREFIXES:
        raise ConfigError(f"scheme is {scheme!r}.{near(scheme, _PREFIXES)}")
    places = _Columns(word, {**(columns or {}), _TAGS: tag}, separator)
    with corpus(path, SUFFIXES, on_problem) as files:
        for file in files.values():
            for block in grouped(_sentences(file, places), group):
                yield _doc(file, block, scheme)


def _sentences(
    file: CorpusFile,
    columns: _Columns,
) -> Iterator[Sentence]:
    rows: list[list[str]] = []
    lines: list[int] = []  # of the rows
    meta: dict[str, str] = {}
    width = 0  # of the first row
    for number, line in enumerate(file.lines(), 1):
        if line.startswith("-DOCSTART-"):
            meta = {"newdoc": ""}
            continue
        if not line.strip():
            if rows:
                yield _sentence(lines, rows, columns, meta)
                rows = []
                lines = []
                meta = {}
            continue
        row = line.split(columns.separator)
        width = width or len(row)
        fault = _row_fault(row, width, columns)
        if fault:
            cure = "mend the row, or name the separator"
            file.fail(number, "columns", f"{len(row)} columns where {fault}: {cure}")
            continue
        rows.append(row)
        lines.append(number)
    if rows:
        yield _sentence(lines, rows, columns, meta)


def _row_fault(
    row: Sequence[str],
    width: int,
    columns: _Columns,
) -> str:
    """What the row lacks; "" where it has all that is asked for."""
    if len(row) != width:
        return f"the first row has {width}"
    for place in (columns.word, *columns.labels.values()):
        if not -len(row) <= place < len(row) or not row[place]:
            return f"columns {columns.word} and {columns.labels[_TAGS]} are asked for"
    return ""


def _sentence(
    lines: Sequence[int],
    rows: Sequence[Sequence[str]],
    columns: _Columns,
    meta: Mapping[str, str],
) -> Sentence:
    words = [row[columns.word] for row in rows]
    gaps = [" "] * len(rows)
    strings: dict[str, list[str | None]] = {}
    for name, place in columns.labels.items():
        strings[name] = [None if row[place] == "_" else row[place] for row in rows]
    return Sentence(lines[0], words, gaps, strings, {_LINES: lines}, meta)


def _doc(
    file: CorpusFile,
    block: Sequence[Sentence],
    scheme: Scheme,
) -> Doc:
    [doc] = assemble([block], [f"{Path(file.name).name}:{block[0].line}"])
    doc.tokens.remove(_TAGS)
    doc.tokens.remove(_LINES)
    starts: list[int] = []
    ends: list[int] = []
    labels: list[str] = []
    offset = 0  # of the sentence in the Doc
    for sentence in block:
        lines = sentence.numbers[_LINES]
        tags = [
            _tag(file, line, text, scheme)
            for line, text in zip(lines, sentence.strings[_TAGS], strict=True)
        ]
        if scheme != "any":
            _note_breaks(file, lines, tags, scheme)
        for start, end, label in _tag_spans(tags):
            starts.append(offset + start)
            ends.append(offset + end)
            labels.append(label)
        offset += len(tags)
    doc.layers["ents"] = span_layer(starts, ends, encode_labels(labels))
    return doc


def _tag(
    file: CorpusFile,
    line: int,
    text: str | None,
    scheme: Scheme,
) -> Tag | None:
    """The tag that a text spells; None for outside."""
    if text is None or text == "O":
        return None
    prefix, _, label = text.partition("-")
    if label and len(prefix) == 1 and prefix in _PREFIXES[scheme]:
        return Tag(prefix, label)
    prefixes = ", ".join(_PREFIXES[scheme])
    what = f"the tag is {text!r}: write O, or one of {prefixes}, a hyphen and a label"
    file.fail(line, "tags", what)
    return None


def _tag_spans(tags: Sequence[Tag | None]) -> Iterator[tuple[int, int, str]]:
    """Start, end and label of each span."""
    start = 0
    before: Tag | None = None
    for place, tag in enumerate([*tags, None]):
        if not _continues(before, tag):
            if before is not None:
                yield start, place, before.label
            start = place
        before = tag


def _continues(
    before: Tag | None,
    tag: Tag | None,
) -> bool:
    """Whether the tag continues the span of the tag before it."""
    if before is None or tag is None or tag.label != before.label:
        return False
    return before.prefix not in _END + _SINGLE and tag.prefix not in _BEGIN + _SINGLE


def _note_breaks(
    file: CorpusFile,
    lines: Sequence[int],
    tags: Sequence[Tag | None],
    scheme: Scheme,
) -> None:
    """Note the tags of a sentence, which stand in these lines, that break the scheme."""
    before: Tag | None = None
    line_before = 0
    for number, tag in zip([*lines, 0], [*tags, None], strict=True):
        continues = _continues(before, tag)
        if scheme == "bioes" and not continues:
            _note_open_end(file, line_before, before)
        if tag is not None:
            is_first = before is None or before.label != tag.label
            _note_beginning(file, number, tag, scheme, continues=continues, is_first=is_first)
        before = tag
        line_before = number


def _note_open_end(
    file: CorpusFile,
    line: int,
    tag: Tag | None,
) -> None:
    """Note the last tag of a span if BIOES would write E or S for it."""
    if tag is not None and tag.prefix in _BEGIN + _INSIDE:
        what = f"{tag.prefix}-{tag.label} ends a span: BIOES writes E or S there; read as such"
        file.note(line, "tags", what)


def _note_beginning(
    file: CorpusFile,
    line: int,
    tag: Tag,
    scheme: Scheme,
    *,
    continues: bool,
    is_first: bool,
) -> None:
    """Note a tag whose prefix does not suit the beginning of a span.

    `continues` tells whether it continues a span, `is_first` whether the tag before it has another
    label or none.
    """
    if tag.prefix in _INSIDE + _END and not continues and scheme != "iob1":
        writes = f"{scheme.upper()} writes B there; read as B"
        file.note(
            line,
            "tags",
            f"{tag.prefix}-{tag.label} begins a span: {writes}",
        )
    if tag.prefix == _BEGIN and is_first and scheme == "iob1":
        what = f"B-{tag.label} follows no span of that label: IOB1 writes I there; read as I"
        file.note(line, "tags", what)
