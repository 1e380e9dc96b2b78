"""Columns with IOB tags: one token a line, an empty line between sentences (CoNLL-2003 and its many relatives)."""

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
_TAGS = "tag"


class Tag(NamedTuple):
    prefix: str
    label: str


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
    """Docs with the spans of a tag column as the layer "ents". The text is the words with a space between.

    Every scheme is read by one rule, which also mends what breaks it: a span begins at B, S, U, at any tag of another label than the one
    before, and after a span that has ended; it ends at E, L, S, U, and before whatever does not go on with it.

    Args:
        word, tag: which column, from 0; negative counts from the last.
        columns: token columns to keep, such as {"pos": 1}; "_" is unset.
        scheme: note each tag that breaks the scheme: "iob1", "iob2", "bioes" (or "any", nothing is noted).
        separator: what stands between columns; by default any white space.
        group: what makes a Doc: a "sentence", a "document" (from -DOCSTART- to the next), or a number of sentences.
        on_problem: is told each `Problem`, and reading goes on.
    """
    if scheme not in _PREFIXES:
        raise ConfigError(f"scheme is {scheme!r}.{near(scheme, _PREFIXES)}")
    wanted = {**(columns or {}), _TAGS: tag}
    with corpus(path, SUFFIXES, on_problem) as files:
        for file in files.values():
            for block in grouped(_sentences(file, word, wanted, separator), group):
                yield _doc(file, block, scheme)


def _sentences(
    file: CorpusFile, word: int, columns: Mapping[str, int], separator: str | None
) -> Iterator[Sentence]:
    rows: list[list[str]] = []
    meta: dict[str, str] = {}
    width = first = number = 0
    for number, line in enumerate(file.lines(), 1):
        row = line.split(separator)
        if line.startswith("-DOCSTART-"):
            meta = {"newdoc": ""}
        elif not line.strip():
            if rows:
                yield _sentence(first, rows, word, columns, meta)
                rows, meta = [], {}
        elif len(row) != (width := width or len(row)) or not _reaches(
            row, (word, *columns.values())
        ):
            needed = (
                f"the first row has {width}"
                if len(row) != width
                else f"columns {word} and {columns[_TAGS]} are asked for"
            )
            file.fail(
                number,
                "columns",
                f"{len(row)} columns where {needed}: mend the row, or name the separator",
            )
        else:
            first = first if rows else number
            rows.append(row)
    if rows:
        yield _sentence(first, rows, word, columns, meta)


def _reaches(row: Sequence[str], columns: Sequence[int]) -> bool:
    return all(-len(row) <= column < len(row) and row[column] for column in columns)


def _sentence(
    first: int,
    rows: Sequence[Sequence[str]],
    word: int,
    columns: Mapping[str, int],
    meta: Mapping[str, str],
) -> Sentence:
    strings = {
        name: [None if row[i] == "_" else row[i] for row in rows] for name, i in columns.items()
    }
    return Sentence(first, [row[word] for row in rows], [" "] * len(rows), strings, {}, meta)


def _doc(file: CorpusFile, block: Sequence[Sentence], scheme: Scheme) -> Doc:
    [doc] = assemble([block], [f"{Path(file.name).name}:{block[0].line}"])
    doc.tokens.remove(_TAGS)
    starts: list[int] = []
    ends: list[int] = []
    labels: list[str | None] = []
    shift = 0
    for sentence in block:
        tags = [
            _tag(file, sentence.line + i, text, scheme)
            for i, text in enumerate(sentence.strings[_TAGS])
        ]
        _note_breaks(file, sentence.line, tags, scheme)
        for start, end, label in spans(tags):
            starts.append(start + shift)
            ends.append(end + shift)
            labels.append(label)
        shift += len(tags)
    doc.layers["ents"] = span_layer(starts, ends, encode_labels(labels))
    return doc


def _tag(file: CorpusFile, line: int, text: str | None, scheme: Scheme) -> Tag | None:
    """None is outside."""
    if text in (None, "O"):
        return None
    prefix, dash, label = str(text).partition("-")
    if dash and label and prefix in _PREFIXES[scheme] and len(prefix) == 1:
        return Tag(prefix, label)
    file.fail(
        line,
        "tags",
        f"the tag is {text!r}: write O, or one of {', '.join(_PREFIXES[scheme])}, a hyphen and a label",
    )
    return None


def spans(tags: Sequence[Tag | None]) -> Iterator[tuple[int, int, str]]:
    """(start, end, label) of each span."""
    start = 0
    before: Tag | None = None
    for i, tag in enumerate([*tags, None]):
        if before is not None and not _goes_on(before, tag):
            yield start, i, before.label
        if tag is not None and not (before is not None and _goes_on(before, tag)):
            start = i
        before = tag


def _goes_on(before: Tag, tag: Tag | None) -> bool:
    """Whether the tag continues the span that the one before it is in."""
    if tag is None or tag.label != before.label:
        return False
    return before.prefix not in _END + _SINGLE and tag.prefix not in _BEGIN + _SINGLE


def _note_breaks(file: CorpusFile, line: int, tags: Sequence[Tag | None], scheme: Scheme) -> None:
    for i, tag in enumerate([*tags, None] if scheme != "any" else []):
        before = tags[i - 1] if i else None
        going = before is not None and _goes_on(before, tag)
        if (
            scheme == "bioes"
            and before is not None
            and before.prefix in _BEGIN + _INSIDE
            and not going
        ):
            file.note(
                line + i - 1,
                "tags",
                f"{before.prefix}-{before.label} ends a span: BIOES writes E or S there; read as such",
            )
        if tag is None or (tag.prefix in _INSIDE + _END and going):
            continue
        if tag.prefix in _INSIDE + _END and scheme != "iob1":
            file.note(
                line + i,
                "tags",
                f"{tag.prefix}-{tag.label} begins a span: {scheme.upper()} writes B there; read as B",
            )
        if (
            scheme == "iob1"
            and tag.prefix == _BEGIN
            and (before is None or before.label != tag.label)
        ):
            file.note(
                line + i,
                "tags",
                f"B-{tag.label} follows no span of that label: IOB1 writes I there; read as I",
            )
