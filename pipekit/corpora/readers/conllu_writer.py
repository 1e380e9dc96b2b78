"""CoNLL-U out: what `read_conllu` reads back as it was."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import TextIO

import numpy as np

from pipekit.corpora.readers.conllu import COLUMNS, META, WIDTH
from pipekit.corpora.readers.files import StrPath
from pipekit.doc import Doc
from pipekit.errors import DataError

_FORM, _MISC = 1, 9
_LINE_END = re.compile(r"[\r\n]")
_ESCAPES = str.maketrans(
    {" ": "\\s", "\n": "\\n", "\r": "\\r", "\t": "\\t", "|": "\\p", "\\": "\\\\"}
)


def write_conllu(docs: Iterable[Doc], file: StrPath | TextIO) -> None:
    """Write words, white space, `pos`, `xpos`, `morph`, `lemma`, `head`, `dep` and what the layer "meta" says of each sentence.

    A Doc without such a layer begins with `# newdoc id = <its name>`. Tokens of nothing but white space are left out. A Doc that no one has
    split is one sentence. Errors: `DataError` for a word or value that holds a tab or a line end, which the format cannot say.
    """
    if isinstance(file, str | os.PathLike):
        with open(file, "w", encoding="utf-8", newline="\n") as out:
            write_conllu(docs, out)
        return
    for doc in docs:
        file.writelines(_lines(doc))


def _lines(doc: Doc) -> Iterator[str]:
    words, gaps = doc.words, _gaps(doc)
    kept = np.array([not word.isspace() for word in words], dtype=bool)
    borders = doc.sent_borders()
    borders = np.array([0, len(doc)]) if borders is None else borders
    sentences = [rows for rows in np.split(np.arange(len(doc)), borders[1:-1]) if kept[rows].any()]
    meta = doc.layers.get("meta")
    for number, rows in enumerate(sentences):
        rows = rows[kept[rows]]
        described = meta is not None and meta.size == len(sentences)
        comments = _described(doc, number) if described else _named(doc, number)
        text = (
            "".join(chain.from_iterable((words[i], gaps[i]) for i in rows[:-1].tolist()))
            + words[rows[-1]]
        )
        yield from (f"# {key} = {value}\n" if value else f"# {key}\n" for key, value in comments)
        yield f"# text = {_LINE_END.sub(' ', text)}\n"
        yield from _table(
            doc, rows, [words[i] for i in rows.tolist()], [gaps[i] for i in rows.tolist()]
        )
        yield "\n"


def _gaps(doc: Doc) -> list[str]:
    """The white space after each word, with the tokens of white space counted in; for the last, one space where there is none."""
    starts = [*doc.starts.tolist(), len(doc.text)][1:]
    gaps = [doc.text[end:start] for end, start in zip(doc.ends.tolist(), starts, strict=True)]
    for i in range(len(gaps) - 2, -1, -1):
        if doc.text[doc.starts[i + 1] : doc.ends[i + 1]].isspace():
            gaps[i] += doc.text[doc.starts[i + 1] : doc.ends[i + 1]] + gaps[i + 1]
    if gaps:
        gaps[-1] = gaps[-1] or " "
    return gaps


def _described(doc: Doc, number: int) -> list[tuple[str, str]]:
    layer = doc.layers["meta"]
    values = {key: layer[key][number] for key in layer if layer[key].labels is not None}
    order = sorted(values, key=lambda key: META.index(key) if key in META else len(META))
    first = ["newdoc"] if "newdoc" in values else []
    keys = [*first, *(key for key in order if key != "newdoc")]
    return [
        ("newdoc id" if key == "newdoc" and values[key] else key, values[key])
        for key in keys
        if values[key] is not None
    ]


def _named(doc: Doc, number: int) -> list[tuple[str, str]]:
    newdoc = [("newdoc id" if doc.name else "newdoc", doc.name or "")] if number == 0 else []
    return [*newdoc, *([("sent_id", f"{doc.name}-{number + 1}")] if doc.name else [])]


def _table(
    doc: Doc, rows: np.ndarray[tuple[int], np.dtype[np.int64]], words: list[str], gaps: list[str]
) -> Iterator[str]:
    columns: list[Iterable[str | None]] = [repeat(None)] * WIDTH
    columns[0] = map(str, range(1, len(rows) + 1))
    columns[_FORM] = words
    columns[_MISC] = map(_misc, gaps)
    place = {row: number for number, row in enumerate(rows.tolist(), 1)}
    for name, index in COLUMNS.items():
        column = doc.tokens.get(name)
        if column is None:
            continue
        if name == "head":
            columns[index] = [_head(row, column[row], place) for row in rows.tolist()]
        else:
            columns[index] = [column[row] for row in rows.tolist()]
    for row in zip(*columns, strict=False):
        yield "\t".join([_cell(value, doc) for value in row]) + "\n"


def _head(row: int, head: int, place: dict[int, int]) -> str | None:
    """A head in another sentence is none that the format can say."""
    return "0" if head == row else str(place[head]) if head in place else None


def _misc(gap: str) -> str | None:
    if gap == " ":
        return None
    return "SpacesAfter=" + gap.translate(_ESCAPES) if gap else "SpaceAfter=No"


def _cell(value: str | None, doc: Doc) -> str:
    if value and ("\t" in value or "\n" in value or "\r" in value):
        raise DataError(
            f"{doc.name or 'a document'}: {value!r} holds a tab or a line end, which CoNLL-U cannot say: take it out"
        )
    return value or "_"
