"""Targets: pipeline files, Docs as bytes and as dicts, files of Docs."""

from __future__ import annotations

import hashlib
import json
import warnings
from random import Random
from typing import Any
from zlib import crc32

import numpy as np
from helpers.doc_strategies import content
from helpers.stored import PREFIX, with_header

import pipekit
from fuzz import places
from fuzz.harness import Target
from fuzz.mutations import changed_bytes, changed_tree, of_json
from pipekit import Doc
from pipekit.doc.file import MAGIC, read_docs, write_docs
from pipekit.errors import PipekitFormatError
from pipekit.storage import store
from pipekit.storage.packing import pack, unpack

# -- pipeline files


def check_container(data: bytes) -> None:
    """A file that is read gives the same contents when it is written and read again."""
    contents = store.container_from_bytes(data)
    again = store.container_from_bytes(store.to_bytes(contents.header, contents.tensors))
    assert repr(again.header) == repr(contents.header)
    assert list(again.tensors) == list(contents.tensors)
    for name, tensor in contents.tensors.items():
        assert again.tensors[name].dtype == tensor.dtype
        np.testing.assert_array_equal(again.tensors[name], tensor)


def check_pipeline(data: bytes) -> None:
    """A pipeline that loads annotates a text, or says why it cannot."""
    nlp = pipekit.from_bytes(data, device="cpu")
    [doc] = nlp.pipe(["Мама мыла раму."])
    doc.to_bytes()


def mutate_container(data: bytes, chance: Random) -> bytes:
    """Another header, or other tensors, under checksums that hold."""
    if len(data) < PREFIX.size or chance.random() < 0.1:
        return changed_bytes(data, chance)
    _, _version, length, _ = PREFIX.unpack(data[: PREFIX.size])
    header = data[PREFIX.size : PREFIX.size + length]
    rest = data[PREFIX.size + length :]
    try:
        message = unpack(header, "it")
    except PipekitFormatError:
        return with_header(changed_bytes(header, chance), rest)
    if chance.random() < 0.15:
        return with_header(changed_bytes(header, chance), rest)
    if chance.random() < 0.3:
        rest = changed_bytes(rest, chance)
    else:
        message = changed_tree(message, chance)
    try:
        return with_header(pack(_rehashed(message, rest)), rest)
    except (TypeError, ValueError, OverflowError):
        return data


def _rehashed(message: Any, rest: bytes) -> Any:
    """The header with the checksums of the tensors as they now are."""
    rows = message.get("tensors") if isinstance(message, dict) else None
    for row in rows if isinstance(rows, list) else ():
        try:
            stored = rest[row["offset"] : row["offset"] + row["length"]]
            row["sha256"] = hashlib.sha256(stored).digest()
        except (TypeError, KeyError, ValueError):
            continue
    return message


# -- Docs


def check_doc(data: bytes) -> None:
    """A Doc that is read gives the same bytes again, and its views do not fail."""
    doc = Doc.from_bytes(data)
    look_at(doc)
    again = Doc.from_bytes(doc.to_bytes())
    assert again.to_bytes() == doc.to_bytes()
    assert repr(content(again)) == repr(content(doc))


def look_at(doc: Doc) -> None:
    """Ask a Doc for what users ask."""
    for token in doc:
        assert doc.text[token.idx : token.idx + len(token.text)] == token.text
    assert len(doc.words) == len(doc)
    for sent in doc.sents or ():
        assert sent.text == doc.text[sent.start_char : sent.end_char]
    if "ents" in doc.layers:
        for span in doc.ents:
            assert span.text == doc.text[span.start_char : span.end_char]
    doc.to_dict()


def mutate_doc(data: bytes, chance: Random) -> bytes:
    """Another item of the list that a Doc is, or other bytes."""
    if chance.random() < 0.3:
        return changed_bytes(data, chance)
    try:
        items = unpack(data, "it")
        return pack(changed_tree(items, chance))
    except (PipekitFormatError, TypeError, ValueError, OverflowError):
        return changed_bytes(data, chance)


def check_doc_dict(data: bytes) -> None:
    """A Doc made of plain data says the same again."""
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(plain, dict):
        return
    doc = Doc.from_dict(plain)
    again = Doc.from_dict(doc.to_dict())
    assert repr(content(again, widths=False)) == repr(content(doc, widths=False))
    assert again.to_bytes() == Doc.from_dict(again.to_dict()).to_bytes()


# -- files of Docs


def check_docs_file(data: bytes) -> None:
    """What can be read of a file can still be read behind an append, and then what was appended."""
    path = places.file("x.docs", data)
    before = [doc.to_bytes() for doc in read_docs(path, on_error="skip")]
    doc = Doc(words=["последний"])
    write_docs([doc], path, append=True)
    after = [doc.to_bytes() for doc in read_docs(path, on_error="skip")]
    assert after == [*before, doc.to_bytes()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(read_docs(path))


def mutate_docs_file(data: bytes, chance: Random) -> bytes:
    """Other bytes of the file, or another record under checksums that hold."""
    if chance.random() < 0.5 or not data.startswith(MAGIC):
        return changed_bytes(data, chance)
    starts = [at for at in range(len(data)) if data.startswith(b"\xc1DOC", at)]
    if not starts:
        return changed_bytes(data, chance)
    number = chance.randrange(len(starts))
    start, end = starts[number], [*starts, len(data)][number + 1]
    record = mutate_doc(data[start + 16 : end], chance)
    head = b"\xc1DOC" + len(record).to_bytes(4, "little") + crc32(record).to_bytes(4, "little")
    head += crc32(head).to_bytes(4, "little")
    return data[:start] + head + record + data[end:]


TARGETS = {
    "container": Target(check_container, mutate_container),
    "pipeline": Target(check_pipeline, mutate_container),
    "doc": Target(check_doc, mutate_doc),
    "doc_dict": Target(check_doc_dict, of_json),
    "docs_file": Target(check_docs_file, mutate_docs_file),
}
