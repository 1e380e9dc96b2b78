"""Docs written as CoNLL-U, which `read_conllu` reads back unchanged."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import TextIO

import numpy as np

from pipekit.corpora.readers.conllu import COLUMNS, META, WIDTH
from pipekit.corpora.readers.files import StrPath
from pipekit.corpora.readers.sentences import OTHERS, comment_line
from pipekit.doc import Doc
from pipekit.doc.text import clean
from pipekit.errors import DataError
from pipekit.storage.files import write_atomically

_FORM, _MISC = 1, 9
_LINE_END = re.compile(r"[\r\n]")
_ESCAPES = str.maketrans(
    {" ": "\\s", "\n": "\\n", "\r": "\\r", "\t": "\\t", "|": "\\p", "\\": "\\\\"}
)


def write_conllu(
    docs: Iterable[Doc],
    file: StrPath | TextIO,
) -> None:
    """Write the words, white space, annotations and comments of Docs.

    Annotations are the token columns `pos`, `xpos`, `morph`, `lemma`, `head` and `dep`; comments
    those of the layer "meta" for each sentence. A Doc without that layer begins with
    `# newdoc id = <its name>`. Tokens that are only white space are left out. A Doc without
    sentence borders is one sentence.

    A file is replaced once all Docs are written, and stays as it was where an error comes before.

    Errors: `StoreError` for a file that cannot be written; `DataError` for a word or value with a
    tab or a line end, which the format cannot hold.
    """
    if isinstance(file, str | os.PathLike):
        lines = chain.from_iterable(map(_lines, docs))
        write_atomically(file, (clean(line).encode() for line in lines))
        return
    for doc in docs:
        file.writelines(_lines(doc))


def _lines(doc: Doc) -> Iterator[str]:
    words = doc.words
    gaps = _gaps(doc)
    sentences = _sentence_rows(doc)
    meta = doc.layers.get("meta")
    is_described = meta is not None and meta.size == len(sentences)
    for number, rows in enumerate(sentences):
        sentence_words = [words[row] for row in rows]
        sentence_gaps = [gaps[row] for row in rows]
        if is_described:
            comments = _meta_comments(doc, number)
        else:
            comments = _name_comments(doc, number)
        for key, value in comments:
            yield f"# {comment_line(key, value)}\n"
        yield f"# text = {_text(sentence_words, sentence_gaps)}\n"
        yield from _table(doc, rows, sentence_words, sentence_gaps)
        yield "\n"


def _sentence_rows(doc: Doc) -> list[list[int]]:
    """The token rows of each sentence, without white space and sentences of nothing else."""
    borders = doc.sent_borders()
    if borders is None:
        borders = np.array([0, len(doc)])
    is_word = np.array([not word.isspace() for word in doc.words], dtype=bool)
    sentences = []
    for rows in np.split(np.arange(len(doc)), borders[1:-1]):
        word_rows = rows[is_word[rows]]
        if word_rows.size:
            sentences.append(word_rows.tolist())
    return sentences


def _gaps(doc: Doc) -> list[str]:
    """The white space after each word, including tokens of white space.

    After the last word it is one space if the text has none.
    """
    next_starts = [*doc.starts.tolist(), len(doc.text)][1:]
    ends = doc.ends.tolist()
    gaps = [doc.text[end:start] for end, start in zip(ends, next_starts, strict=True)]
    for row in range(len(gaps) - 2, -1, -1):
        following = doc.text[doc.starts[row + 1] : doc.ends[row + 1]]
        if following.isspace():
            gaps[row] += following + gaps[row + 1]
    if gaps and not gaps[-1]:
        gaps[-1] = " "
    return gaps


def _text(
    words: list[str],
    gaps: list[str],
) -> str:
    """The text of a sentence in one line, without the white space after it."""
    pieces = [word + gap for word, gap in zip(words, gaps, strict=True)]
    pieces[-1] = words[-1]
    return _LINE_END.sub(" ", "".join(pieces))


def _meta_comments(
    doc: Doc,
    number: int,
) -> list[tuple[str, str]]:
    """The comments of a sentence from the layer "meta": newdoc, then in the order of `META`."""
    layer = doc.layers["meta"]
    values = {key: layer[key][number] for key in layer if layer[key].labels is not None}
    ranks = {key: rank for rank, key in enumerate(META)}
    ranks["newdoc"] = -1
    comments = []
    for key in sorted(values, key=lambda key: ranks.get(key, len(META))):
        value = values[key]
        if value is None:
            continue
        if key == OTHERS:
            comments += [(line, "") for line in value.split("\n")]
            continue
        if key == "newdoc" and value:
            key = "newdoc id"
        comments.append((key, value))
    return comments


def _name_comments(
    doc: Doc,
    number: int,
) -> list[tuple[str, str]]:
    """The comments of a sentence of a Doc without "meta": from the name of the Doc."""
    if not doc.name:
        return [("newdoc", "")] if number == 0 else []
    comments = [("sent_id", f"{doc.name}-{number + 1}")]
    if number == 0:
        comments.insert(0, ("newdoc id", doc.name))
    return comments


def _table(
    doc: Doc,
    rows: list[int],
    words: list[str],
    gaps: list[str],
) -> Iterator[str]:
    columns: list[Iterable[str | None]] = [repeat(None)] * WIDTH
    columns[0] = map(str, range(1, len(rows) + 1))
    columns[_FORM] = words
    columns[_MISC] = map(_misc, gaps)
    ids = {row: number for number, row in enumerate(rows, 1)}
    for name, index in COLUMNS.items():
        column = doc.tokens.get(name)
        if column is None:
            continue
        if name == "head":
            columns[index] = [_head(row, column[row], ids) for row in rows]
        else:
            columns[index] = [column[row] for row in rows]
    for cells in zip(*columns, strict=False):
        yield "\t".join([_cell(value, doc) for value in cells]) + "\n"


def _head(
    row: int,
    head: int,
    ids: dict[int, int],
) -> str | None:
    """The id of the head. The format has none for a head in another sentence."""
    if head == row:
        return "0"
    return str(ids[head]) if head in ids else None


def _misc(gap: str) -> str | None:
    if gap == " ":
        return None
    if not gap:
        return "SpaceAfter=No"
    return "SpacesAfter=" + gap.translate(_ESCAPES)


def _cell(
    value: str | None,
    doc: Doc,
) -> str:
    if value and ("\t" in value or "\n" in value or "\r" in value):
        raise DataError(
            f"{doc.name or 'a document'}: {value!r} holds a tab or a line end, "
            "which CoNLL-U cannot say: take it out"
        )
    return value or "_"
