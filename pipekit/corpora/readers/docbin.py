"""spaCy's DocBin (https://spacy.io/api/docbin), read without spaCy.

    zlib of msgpack {"version", "attrs": [numbers], "tokens": uint64[tokens, attrs] as bytes,
                     "spaces": bool[tokens], "lengths": int32[docs], "strings", "cats",
                     "flags", "span_groups", "user_data"?}

An attribute is the number of a symbol of spaCy, and its values are numbers of symbols, or hashes of
strings: MurmurHash64A of their UTF-8 with the seed 1. `data/spacy_symbols.txt` has the symbols of
spaCy 3 in the order of their numbers.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from struct import Struct
from struct import error as StructError
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipekit.corpora.readers.files import FILE_FAULTS, CorpusFile, OnProblem, StrPath, corpus
from pipekit.doc import Doc
from pipekit.doc.columns import Column, encode_labels
from pipekit.doc.layer import span_layer
from pipekit.errors import DocError, PipekitFormatError
from pipekit.storage.packing import unpack_foreign

SUFFIXES = (".spacy",)
_SPAN = Struct(">QQQllll")  # id, knowledge base id, label, start, end, first and last character
_MULTIPLIER = 0xC6A4A7935BD1E995
_LAST = (1 << 64) - 1
_COLUMNS = {"POS": "pos", "TAG": "tag", "LEMMA": "lemma", "MORPH": "morph", "DEP": "dep"}
_BEGIN, _OUT = 3, 2  # values of ENT_IOB; 1 is inside, 0 is missing


def read_docbin(
    path: StrPath,
    *,
    on_problem: OnProblem | None = None,
) -> Iterator[Doc]:
    """Docs of files of spaCy 3, with tags, lemmas, trees, sentences, entities, groups and classes.

    What spaCy has not set is not there: a column or layer that is empty in a whole document. Custom
    attributes (`user_data`) are not read.

    Args:
        path: a file, or a folder or archive of such.
        on_problem: receives each `Problem`, and reading goes on.

    Errors: `DataError` naming the file, the document, and the cure.
    """
    with corpus(
        path,
        SUFFIXES,
        on_problem,
    ) as files:
        for file in files.values():
            yield from _docs(file)


class _Bin(NamedTuple):
    attributes: list[str]
    tokens: NDArray[np.uint64]  # (tokens, attributes)
    spaces: NDArray[np.bool_]
    lengths: Sequence[int]
    strings: dict[int, str]
    message: Mapping[str, Any]


def _docs(file: CorpusFile) -> Iterator[Doc]:
    cure = "write it with DocBin.to_disk of spaCy 3"
    try:
        with file.open() as stream:
            data = stream.read()
    except FILE_FAULTS as error:
        file.damaged(error)
        return
    try:
        content = _bin(zlib.decompress(data))
    except (zlib.error, PipekitFormatError, ValueError, KeyError, TypeError) as error:
        file.fail(None, "file", f"is no DocBin: {type(error).__name__}: {error}: {cure}")
        return
    start = 0
    for number, length in enumerate(content.lengths):
        rows = slice(start, start + length)
        start += length
        try:
            doc = _doc(
                content,
                rows,
                number,
            )
        except (DocError, StructError, ValueError, KeyError, TypeError, IndexError) as error:
            file.fail(None, "file", f"document {number} cannot be read: {error}: {cure}")
            continue
        doc.name = f"{file.name}:{number}"
        yield doc


def _bin(data: bytes) -> _Bin:
    message = unpack_foreign(data, "a DocBin")
    symbols = _symbols()
    attributes = [symbols[number] for number in message["attrs"]]
    tokens = np.frombuffer(message["tokens"], "<u8")
    spaces = np.frombuffer(message["spaces"], np.bool_)
    lengths = np.frombuffer(message["lengths"], "<i4").tolist()
    size = sum(lengths)
    if min(lengths, default=0) < 0 or len(spaces) != size or len(tokens) != size * len(attributes):
        raise ValueError(f"its arrays do not have the {size} tokens of its lengths")
    strings = dict(enumerate(symbols))
    strings[0] = ""
    for string in message["strings"]:
        strings[_hash(string)] = string
    return _Bin(
        attributes,
        tokens.reshape(size, len(attributes)),
        spaces,
        lengths,
        strings,
        message,
    )


@cache
def _symbols() -> list[str]:
    place = resources.files("pipekit.corpora.readers") / "data" / "spacy_symbols.txt"
    return place.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def _hash(string: str) -> int:
    """MurmurHash64A of the UTF-8 of a string with the seed 1 (Appleby 2008)."""
    data = string.encode("utf-8", "surrogatepass")
    value = (1 ^ (len(data) * _MULTIPLIER)) & _LAST
    whole = len(data) & ~7
    for place in range(
        0,
        whole,
        8,
    ):
        block = int.from_bytes(data[place : place + 8], "little") * _MULTIPLIER & _LAST
        block = (block ^ (block >> 47)) * _MULTIPLIER & _LAST
        value = (value ^ block) * _MULTIPLIER & _LAST
    if whole < len(data):
        value ^= int.from_bytes(data[whole:], "little")
        value = value * _MULTIPLIER & _LAST
    value = (value ^ (value >> 47)) * _MULTIPLIER & _LAST
    return value ^ (value >> 47)


def _doc(
    content: _Bin,
    rows: slice,
    number: int,
) -> Doc:
    tokens = content.tokens[rows]
    columns = dict(
        zip(
            content.attributes,
            tokens.T,
            strict=True,
        )
    )
    words = [content.strings[key] for key in columns["ORTH"].tolist()]
    doc = Doc(words=words, spaces=content.spaces[rows].tolist())
    if not words:
        return doc
    for attribute, name in _COLUMNS.items():
        _write_strings(
            doc,
            name,
            columns.get(attribute),
            content.strings,
        )
    _write_borders(doc, columns)
    if "ENT_IOB" in columns:
        _write_entities(
            doc,
            columns,
            content.strings,
        )
    groups = content.message.get("span_groups") or ()
    if number < len(groups):
        _write_groups(
            doc,
            groups[number],
            content.strings,
        )
    cats = content.message.get("cats") or ()
    if number < len(cats) and cats[number]:
        layer = doc.add_layer(
            "cats",
            "doc",
            1,
        )
        for label, score in cats[number].items():
            layer.set(str(label), [float(score)])
    return doc


def _write_strings(
    doc: Doc,
    name: str,
    keys: NDArray[np.uint64] | None,
    strings: Mapping[int, str],
) -> None:
    if keys is None or not keys.any():
        return
    distinct, codes = np.unique(keys, return_inverse=True)
    labels = [strings[key] for key in distinct.tolist()]
    table = np.array([code if label else -1 for code, label in enumerate(labels)], np.int32)
    doc.tokens.set(
        name,
        table[codes],
        labels,
    )


def _write_borders(
    doc: Doc,
    columns: Mapping[str, NDArray[np.uint64]],
) -> None:
    heads = columns.get("HEAD")
    if heads is not None and "DEP" in columns and columns["DEP"].any():
        rows = np.arange(len(doc)) + heads.astype(np.int64)
        doc.tokens.set("head", rows.astype(np.int32))
    starts = columns.get("SENT_START")
    if starts is not None and starts[1:].any():  # the first token has a 1 in any case
        begins = starts.astype(np.int64) == 1
        begins[0] = True
        doc.tokens.set("sent_start", begins)
    elif "head" in doc.tokens:  # spaCy's sentences are then those of the trees
        doc.tokens.set("sent_start", _tree_starts(doc.tokens["head"].values))


def _tree_starts(heads: NDArray[np.int32]) -> NDArray[np.bool_]:
    """The first token of each tree, bool[tokens]."""
    roots = heads.copy()
    for _ in range(len(roots)):
        above = heads[roots]
        if (above == roots).all():
            break
        roots = above
    starts = np.ones(len(roots), dtype=bool)
    starts[1:] = roots[1:] != roots[:-1]
    return starts


def _write_entities(
    doc: Doc,
    columns: Mapping[str, NDArray[np.uint64]],
    strings: Mapping[int, str],
) -> None:
    """Entities of tags; a document in which all tags are missing has no layer of them."""
    tags = columns["ENT_IOB"].tolist()
    if not any(tags):
        return
    begins = [row for row, tag in enumerate(tags) if tag == _BEGIN]
    ends = []
    for row in begins:
        end = row + 1
        while end < len(tags) and tags[end] == 1:
            end += 1
        ends.append(end)
    labels = [strings[int(columns["ENT_TYPE"][row])] or None for row in begins]
    layer = span_layer(
        begins,
        ends,
        encode_labels(labels),
    )
    for attribute, name in (("ENT_ID", "id"), ("ENT_KB_ID", "kb_id")):
        keys = columns.get(attribute)
        if keys is not None and keys[begins].any():
            own = [strings[key] or None for key in keys[begins].tolist()]
            column: Column = encode_labels(own)
            layer.set(
                name,
                column.values,
                column.labels,
            )
    doc.layers["ents"] = layer


def _write_groups(
    doc: Doc,
    data: bytes,
    strings: Mapping[int, str],
) -> None:
    if not data:
        return
    groups = unpack_foreign(data, "span groups")
    pairs = [(group, None) for group in groups] if isinstance(groups, list) else groups.items()
    for group_data, names in pairs:
        group = unpack_foreign(group_data, "a span group")
        spans = [_SPAN.unpack(span) for span in group["spans"]]
        layer = span_layer(
            [span[3] for span in spans],
            [span[4] for span in spans],
            encode_labels([strings[span[2]] or None for span in spans]),
        )
        for name in names or [group["name"]]:
            doc.layers[name] = layer.copy()
