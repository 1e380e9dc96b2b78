"""Docs written as CoNLL-U, which `read_conllu` reads back unchanged."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from itertools import chain, count, repeat
from typing import NamedTuple, TextIO

import numpy as np

from pipekit.corpora.readers.conllu import COLUMNS, FILLERS, META, UNSET_HEAD, WIDTH
from pipekit.corpora.readers.files import StrPath
from pipekit.corpora.readers.sentences import OTHERS, comment_line
from pipekit.doc import Doc
from pipekit.doc.text import clean
from pipekit.errors import DataError
from pipekit.storage.files import write_atomically

_FORM, _MISC = 1, 9
_LINE_END = re.compile(r"[\r\n]")
_OTHER_SPACE = re.compile(r"\s")
_NO_NAME = re.compile(r"[\s/]+")  # what a name of a sentence may not hold
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
    `# newdoc id = <its name>`. Each sentence has a `# sent_id`: that of the layer, or the name or
    number of its Doc and its own number. Tokens that are only white space are left out. A Doc
    without sentence borders is one sentence.

    Tools that read CoNLL-U want a tree in each sentence. So a word without a head depends on the
    root of its sentence, or is the root where there is none; its relation is "dep" or "root", and
    `Unset=Head` in MISC says so. `read_conllu` reads it as unset.

    A file is replaced once all Docs are written, and stays as it was where an error comes before.

    Errors: `StoreError` for a file that cannot be written; `DataError` for a word or value with a
    tab or a line end, which the format cannot hold.
    """
    if isinstance(file, str | os.PathLike):
        lines = chain.from_iterable(map(_lines, docs, count(1)))
        write_atomically(file, (clean(line).encode() for line in lines))
        return
    for number, doc in enumerate(docs, 1):
        file.writelines(_lines(doc, number))


def _lines(
    doc: Doc,
    doc_number: int,
) -> Iterator[str]:
    words = doc.words
    gaps = _gaps(doc)
    sentences = _sentence_rows(doc)
    meta = doc.layers.get("meta")
    is_described = meta is not None and meta.size == len(sentences)
    for number, rows in enumerate(sentences):
        sentence_words = [words[row] for row in rows]
        sentence_gaps = [gaps[row] for row in rows]
        name = _sentence_name(doc, doc_number, number + 1)
        if is_described:
            comments = _meta_comments(doc, number, name)
        else:
            comments = _name_comments(doc, number, name)
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


def _sentence_name(
    doc: Doc,
    doc_number: int,
    number: int,
) -> str:
    """A name for a sentence that has none: without white space and slashes, as UD wants it."""
    name = _NO_NAME.sub("_", doc.name or str(doc_number))
    return f"{name}-{number}"


def _meta_comments(
    doc: Doc,
    number: int,
    name: str,
) -> list[tuple[str, str]]:
    """The comments of a sentence from the layer "meta": newdoc, then in the order of `META`."""
    layer = doc.layers["meta"]
    values = {key: layer[key][number] for key in layer if layer[key].labels is not None}
    values["sent_id"] = values.get("sent_id") or name
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
    name: str,
) -> list[tuple[str, str]]:
    """The comments of a sentence of a Doc without "meta": from the name of the Doc."""
    comments = [("sent_id", name)]
    if number == 0 and doc.name:
        comments.insert(0, ("newdoc id", doc.name))
    elif number == 0:
        comments.insert(0, ("newdoc", ""))
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
    for name, index in COLUMNS.items():
        column = doc.tokens.get(name)
        if column is not None:
            columns[index] = [column[row] for row in rows]
    arcs = _arcs(doc, rows)
    columns[COLUMNS["head"]] = [str(arc.head) for arc in arcs]
    columns[COLUMNS["dep"]] = [arc.relation for arc in arcs]
    columns[_MISC] = [_misc(gap, arc) for gap, arc in zip(gaps, arcs, strict=True)]
    for cells in zip(*columns, strict=False):
        yield "\t".join([_cell(value, doc) for value in cells]) + "\n"


class _Arc(NamedTuple):
    """The id of the head of a word, 0 for a root; the relation; whether the head is unset."""

    head: int
    relation: str
    is_unset: bool = False


def _arcs(
    doc: Doc,
    rows: list[int],
) -> list[_Arc]:
    """The arcs of the words of a sentence; words without a head, or with one elsewhere, get one."""
    relations = doc.tokens.values("dep")
    heads = _head_ids(doc, rows)
    root_relation, other_relation = FILLERS
    root = 0  # the id of the first one
    if 0 in heads:
        root = heads.index(0) + 1
    arcs = []
    for number, (row, head) in enumerate(zip(rows, heads, strict=True), 1):
        relation = relations[row] or other_relation
        is_unset = head is None
        if head is None and root:
            head = root
        elif head is None:
            root = number
            head = 0
            relation = root_relation
        elif not head:
            relation = relations[row] or root_relation
        arc = _Arc(
            head,
            relation,
            is_unset,
        )
        arcs.append(arc)
    return arcs


def _head_ids(
    doc: Doc,
    rows: list[int],
) -> list[int | None]:
    """The id of the head of each word of a sentence, 0 for a root, None where it has none there."""
    column = doc.tokens.get("head")
    if column is None:
        return [None] * len(rows)
    ids = {row: number for number, row in enumerate(rows, 1)}
    heads: list[int | None] = []
    for row in rows:
        head = int(column.values[row])
        if head == row:
            heads.append(0)
        else:
            heads.append(ids.get(head))
    return heads


def _misc(
    gap: str,
    arc: _Arc,
) -> str | None:
    entries = []
    if not gap:
        entries.append("SpaceAfter=No")
    elif gap != " ":
        entries.append(f"SpacesAfter={_OTHER_SPACE.sub(_escaped, gap.translate(_ESCAPES))}")
    if arc.is_unset:
        entries.append(UNSET_HEAD)
    return "|".join(entries) or None


def _escaped(space: re.Match[str]) -> str:
    """White space that UDPipe has no escape for: MISC may hold none at its end."""
    return f"\\u{ord(space[0]):04x}"


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
