"""Documents into a file: a format is a function from a document to bytes; what is chosen of it, packed how, with the errors beside."""

from __future__ import annotations

import gzip
import json
import lzma
import sys
from collections.abc import Callable, Collection, Iterable
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np

from pipekit.corpora.readers import write_conllu
from pipekit.corpora.readers.files import COMPRESSED
from pipekit.doc import Doc
from pipekit.doc.columns import Column
from pipekit.doc.file import MAGIC, frame
from pipekit.doc.layer import Layer
from pipekit.doc.text import clean
from pipekit.errors import ConfigError, near
from pipekit.jobs import parquet
from pipekit.jobs.records import STDIN, Record, input_format
from pipekit.storage.files import File

_LEVEL = 6  # of compression, that of gzip and xz themselves
_NAMES = ("id", "name")  # fields that name a document
_INPUT = "input"  # the field for fields whose names are taken
_FIRST = np.zeros(1, dtype=np.int32)  # a column of one row, which has the first label

Chosen = frozenset[str]
RowWriter = Callable[[Doc, Record, Chosen], bytes]


# -- what is written of a document


def chosen_of(doc: Doc, only: Chosen) -> Doc:
    """A document with those layers and token columns alone, and the layers that their links point to; with all where `only` is empty."""
    if not only:
        return doc
    kept = Doc.trusted(doc.text, doc.starts, doc.ends)
    kept.name = doc.name
    columns = (
        set(doc.tokens)
        if "tokens" in only
        else {"sent_start" if name == "sents" else name for name in only}
    )
    for name in doc.tokens:
        if name in columns:
            kept.tokens.set(name, doc.tokens[name].values, doc.tokens[name].labels)
    wanted = {name for name in doc.layers if name in only or name == "meta"} - {"tokens"}
    targets = {
        doc.layers[name].target or "ents" for name in wanted if doc.layers[name].kind == "link"
    }
    kept.layers |= {name: layer for name, layer in doc.layers.items() if name in wanted | targets}
    return kept


def check_only(only: Collection[str], known: Iterable[str]) -> Chosen:
    """The names of annotations; "ents.sentiment", a column of a layer, means the layer. Errors: `ConfigError` with the nearest name."""
    names = {name.split(".")[0] for name in known} | {"tokens", "sents"}
    for name in only:
        if name.split(".")[0] not in names:
            raise ConfigError(f"--only {name}: nothing writes that.{near(name, names)}")
    return frozenset(name.split(".")[0] for name in only)


def _jsonl(doc: Doc, record: Record, only: Chosen) -> bytes:
    """The fields of the record and what was found; fields of a name that is taken, such as a sentiment given by people, go to "input"."""
    data = chosen_of(doc, only).to_dict()
    if only and "tokens" not in only and not only & set(doc.tokens):
        del data["tokens"]
    free = {
        key: value
        for key, value in record.fields.items()
        if key not in data or value in (data[key], record.source)
    }
    if taken := {key: value for key, value in record.fields.items() if key not in free}:
        data[_INPUT] = taken | {key: free[key] for key in (_INPUT,) if key in free}
    row = {**free, **data}
    return (clean(json.dumps(row, ensure_ascii=False, default=str)) + "\n").encode()


def _docs(doc: Doc, record: Record, only: Chosen) -> bytes:
    return frame(_described(chosen_of(doc, only), record))


def _described(doc: Doc, record: Record) -> Doc:
    """A document made of a text gets its name, and its other fields as columns of strings of the layer "meta"; a Doc brings its own."""
    if isinstance(record.source, Doc):
        return doc
    fields, text = record.fields, record.source
    name = next((fields[key] for key in _NAMES if fields.get(key) is not None), None)
    doc.name = clean(
        f"{record.file}:{next(iter(record.place.values()))}" if name is None else str(name)
    )
    layer = doc.add_layer("meta", "doc", 1)
    for key, value in fields.items():
        if value is not text and value != text:
            said = (
                value
                if isinstance(value, str)
                else json.dumps(value, ensure_ascii=False, default=str)
            )
            layer.put(clean(key), Column(_FIRST, [clean(said)]))
    return doc


def _conllu(doc: Doc, record: Record, only: Chosen) -> bytes:
    kept = _described(chosen_of(doc, only), record)
    if not isinstance(record.source, Doc):
        kept.layers["meta"] = _by_sentence(kept)
    out = StringIO()
    write_conllu([kept], out)
    return clean(out.getvalue()).encode()


def _by_sentence(doc: Doc) -> Layer:
    """The layer "meta" as CoNLL-U takes it: what is said of a document stands before its first sentence, and each has its name."""
    count = sum(not sent.text.isspace() for sent in doc.sents or ())
    spread = Layer("doc", count)
    if count:
        rest: list[str | None] = [None] * (count - 1)
        spread.set("newdoc", [doc.name, *rest]).set(
            "sent_id", [f"{doc.name}-{i + 1}" for i in range(count)]
        )
        for key, column in ((key, doc.layers["meta"][key]) for key in doc.layers["meta"]):
            spread.set(" ".join(key.split()), [" ".join((column[0] or "").splitlines()), *rest])
    return spread


class Format(NamedTuple):
    """`row` gives the bytes of a document, `head` those before the first, `finish` makes the output of a file of rows."""

    row: RowWriter
    head: bytes = b""
    finish: Callable[[Path, Path], None] | None = None
    packs: bool = False


OUTPUT_FORMATS = {
    "jsonl": Format(_jsonl, packs=True),
    "conllu": Format(_conllu, packs=True),
    "docs": Format(_docs, MAGIC),
    "parquet": Format(_jsonl, finish=parquet.from_lines),
}
_PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, _LEVEL, mtime=0),
    ".xz": lambda data: lzma.compress(data, preset=_LEVEL),
}


class Target(NamedTuple):
    """Where documents go: a file, or "-" for standard output, its format, a key of `OUTPUT_FORMATS`, and the annotations that are written."""

    path: Path
    format: str
    only: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: str | Path, format: str | None = None, only: Iterable[str] = ()) -> Target:
        """Errors: `ConfigError` where neither the suffix nor `format` tells a format that can be written."""
        path = Path(path)
        found = format or ("jsonl" if str(path) == STDIN else input_format(path))
        if found not in OUTPUT_FORMATS:
            what = (
                f"--to is {format!r}"
                if format
                else f"{path}: its suffix tells no format that can be written: name one by --to"
            )
            raise ConfigError(f"{what}.{near(format or path.suffix.strip('.'), OUTPUT_FORMATS)}")
        target = cls(path, found, tuple(only))
        if path.suffix in COMPRESSED and (
            path.suffix not in _PACK or not OUTPUT_FORMATS[found].packs
        ):
            raise ConfigError(
                f"{path}: {found!r} is not written as {path.suffix}: .gz and .xz are for jsonl and conllu"
            )
        return target

    @property
    def pack(self) -> Callable[[bytes], bytes]:
        """What makes a frame, which can be read alone, of the bytes of a chunk: a member of gzip, a stream of xz."""
        return _PACK.get(self.path.suffix, bytes)

    @property
    def is_stdout(self) -> bool:
        return str(self.path) == STDIN

    def _beside(self, ending: str) -> Path:
        return self.path.with_name(self.path.name + ending)

    @property
    def journal(self) -> Path:
        return self._beside(".journal")

    @property
    def errors(self) -> Path:
        """The records that failed, and why."""
        return self._beside(".errors.jsonl")

    @property
    def body(self) -> Path:
        """The file of rows, which is the output itself where there is nothing to finish."""
        return self._beside(".rows") if OUTPUT_FORMATS[self.format].finish else self.path


class Stream:
    """Standard output or standard error, where a `File` would be."""

    written = 0

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream.buffer

    def write(self, chunk: bytes) -> None:
        self._stream.write(chunk)

    def sync(self) -> None:
        self._stream.flush()

    def truncate(self, size: int) -> None:
        """What was written is gone."""

    def close(self) -> None:
        self._stream.flush()


class Written:
    """The rows of a job on their way to the disk, in `with`: out of `end_chunk` in whole frames, out of `sync` for good.

    Args:
        target, body: the output, and the file of rows, open.
        start, errors: the sizes to which body and file of errors are cut.
    """

    def __init__(self, target: Target, body: File | Stream, start: int, errors: int) -> None:
        self._target, self._body = target, body
        self._errors: File | Stream | None = None
        self._start, self._errors_start = start, errors
        self._chunk: list[bytes] = []

    def _open_errors(self) -> File | Stream:
        if self._errors is None:
            self._errors = (
                Stream(sys.stderr)
                if self._target.is_stdout
                else File(self._target.errors, append=True)
            )
        return self._errors

    def write(self, row: bytes) -> None:
        self._chunk.append(row)

    def fail(self, record: Record, reason: str) -> None:
        row: dict[str, Any] = {"file": record.file, **record.place, "reason": reason}
        self._open_errors().write((clean(json.dumps(row, ensure_ascii=False)) + "\n").encode())

    def end_chunk(self) -> None:
        if self._chunk:
            self._body.write(self._target.pack(b"".join(self._chunk)))
            self._chunk = []

    def sync(self) -> tuple[int, int]:
        """Be sure that all chunks lie on the disk. Returns the sizes of the output and of the errors."""
        self._body.sync()
        if self._errors is not None:
            self._errors.sync()
        return self._start + self._body.written, self._errors_start + (
            self._errors.written if self._errors else 0
        )

    def __enter__(self) -> Written:
        try:
            self._body.truncate(self._start)
            if not self._start:
                self._body.write(OUTPUT_FORMATS[self._target.format].head)
            if not self._target.is_stdout and self._target.errors.exists():
                self._open_errors().truncate(self._errors_start)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        if self._errors is not None:
            self._errors.close()
