"""Inputs and what is read of them: sources, lines with their places, records with theirs."""

from __future__ import annotations

import gzip
import lzma
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

from pipekit.corpora.readers.encodings import recoded
from pipekit.corpora.readers.files import COMPRESSED, stem
from pipekit.doc import Doc
from pipekit.errors import ConfigError, DataError, near

STDIN = "-"
DAMAGE = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error)
"""The errors of a damaged compressed file. Nothing after the damage can be read."""
INPUT_SUFFIXES = {
    "txt": (".txt",),
    "jsonl": (".jsonl", ".ndjson", ".json"),
    "csv": (".csv",),
    "tsv": (".tsv",),
    "conllu": (".conllu", ".conll"),
    "parquet": (".parquet", ".pq"),
    "docs": (".docs",),
}
"""The formats of inputs, and the endings of their file names."""
CELL_DELIMITERS = {"csv": ",", "tsv": "\t"}
"""The formats of tables, and what stands between two cells where nothing else is named."""
_BOM = b"\xef\xbb\xbf"
_SKIPPED = 1 << 20  # bytes that are skipped at once

Fields = dict[str, Any]
"""The fields of a record: what JSON can hold."""


def input_format(path: Path) -> str | None:
    """The format by the ending of a file name, before an ending of compression (.gz, .xz)."""
    name = stem(path.name)
    for format, endings in INPUT_SUFFIXES.items():
        if name.endswith(endings):
            return format
    return None


@dataclass(frozen=True)
class Source:
    """An input: a file, or "-" for standard input, and its format, a key of `INPUT_SUFFIXES`."""

    path: Path
    format: str

    @classmethod
    def of(
        cls,
        path: str | Path,
        format: str | None = None,
    ) -> Source:
        """An input; without `format`, the suffix of its name tells the format.

        Errors: `DataError` where nothing is there; `ConfigError` with the formats there are.

            Source.of("news.jsonl.gz").format          # "jsonl"
            Source.of("-", "txt").is_stdin             # True
        """
        path = Path(path)
        name = format or input_format(path)
        if name is None and not path.exists():
            raise DataError(f"{path}: no such file")
        if name is None:
            formats = near("", INPUT_SUFFIXES)
            raise ConfigError(f"{path}: its suffix tells no format: name one by --format.{formats}")
        if name not in INPUT_SUFFIXES:
            raise ConfigError(f"--format is {name!r}.{near(name, INPUT_SUFFIXES)}")
        return cls(path, name)

    @property
    def is_stdin(self) -> bool:
        return str(self.path) == STDIN

    @property
    def name(self) -> str:
        """The name of the file without folders and endings."""
        if self.is_stdin:
            return "stdin"
        return Path(stem(self.path.name)).stem

    @property
    def size(self) -> int | None:
        """Bytes on the disk; None for standard input.

        Errors: `DataError` for a missing file, and for a pipe, which a job cannot read again.
        """
        if self.is_stdin:
            return None
        with readable(self):
            status = self.path.stat()
        if stat.S_ISREG(status.st_mode):
            return status.st_size
        raise DataError(f"{self.path}: is no regular file: give - and put it on standard input")


@contextmanager
def readable(source: Source) -> Iterator[None]:
    """Turns errors of the system into a `DataError` that names the input; damage stays as it is."""
    try:
        yield
    except DAMAGE:
        raise
    except OSError as error:
        raise DataError(f"{source.path}: cannot be read: {error.strerror or error}") from error


class Position(NamedTuple):
    """The place of a record in all inputs; it is stored in journals.

    Args:
        input: the number of the input, from 0 on.
        offset: how much of the input lies before the record: bytes, or rows of Parquet.
        line: how many of its lines (or documents, or rows) lie before the record.
        number: how many records lie before it in all inputs.
        barrier: that of the mark, see there.
    """

    input: int = 0
    offset: int = 0
    line: int = 0
    number: int = 0
    barrier: int = 0


class Mark(NamedTuple):
    """A place in one input: how many bytes of the uncompressed data lie before it, and lines.

    Args:
        barrier: the byte up to which a row of a table that failed was read; 0 behind that byte.
    """

    offset: int
    line: int
    barrier: int = 0


class Line(NamedTuple):
    """A line with its line end, and the place where it begins.

    Args:
        size: its bytes in the input.
        fault: why its record cannot be read; of such a line, `data` is not all.
    """

    begin: Mark
    data: bytes
    size: int
    fault: str | None = None


@dataclass(slots=True)
class Record:
    """What a document is made of: a text or a Doc, and other fields.

    A record that cannot be read has an empty text and a `reason`, so that the order is kept.

    Args:
        source: the text or the Doc.
        place: where the record stands, for messages: {"line": 7, "byte": 1024}.
        end: where the next record begins.
        read: how many bytes of the file on the disk were read so far.
        depends_on: how many bytes of the file the record and those before it were read from, where
            that is more than `read` says.
        fields: the fields of the record, that with the text among them.
        reason: why there is no text.
        file: the path of the input; set where all inputs become one stream.
        after: the position behind the record; set there as well.
        ends_chunk: whether the record is the last of its chunk; set where the stream is cut.
    """

    source: str | Doc
    place: dict[str, int]
    end: Mark
    read: int
    depends_on: int = 0
    fields: Fields = field(default_factory=dict)
    reason: str | None = None
    file: str = ""
    after: Position = field(default_factory=Position)
    ends_chunk: bool = False


class Lines:
    """The lines of an input from a place on; use it in `with`.

    `mark` is the place where the next line begins. Of a line of more than `most` bytes, and of a
    block of lines that have more together, place and size are there, and not the bytes. Lines of
    another encoding are UTF-8 here, and places are those in the UTF-8.

        with Lines(source, Mark(0, 0), most=1 << 20) as lines:
            for line in lines:
                yield lines.text(line)
    """

    def __init__(
        self,
        source: Source,
        start: Mark,
        most: int,
        encoding: str | None = None,
    ) -> None:
        self.source = source
        self.mark = start
        self.most = most
        self.encoding = encoding
        self._returned: list[Line] = []  # the next one last
        self._is_file = not source.is_stdin
        with readable(source):
            self._raw = self._open()
            self._bytes = self._raw
            decompress = COMPRESSED.get(source.path.suffix)
            if decompress:
                self._bytes = decompress(self._raw)
            is_table = source.format in CELL_DELIMITERS
            self._recoded = recoded(self._bytes, encoding, str(source.path), is_table=is_table)
            self._stream = self._recoded or self._bytes
            if start.offset:
                self._stream.seek(start.offset)

    def _open(self) -> IO[bytes]:
        if self._is_file:
            return self.source.path.open("rb")
        return sys.stdin.buffer

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._recoded is not None:
            self._recoded.close()
        if self._is_file:
            self._bytes.close()
            self._raw.close()

    def __iter__(self) -> Iterator[Line]:
        while line := self._next():
            begin = line.begin
            self.mark = Mark(begin.offset + line.size, begin.line + 1)
            if begin.offset == 0:
                data = line.data.removeprefix(_BOM)
                line = line._replace(data=data)
            yield line

    def _next(self) -> Line | None:
        if self._returned:
            return self._returned.pop()
        data = self._stream.readline(self.most + 1)
        size = len(data)
        if size <= self.most:
            return Line(self.mark, data, size) if data else None
        while data and not data.endswith(b"\n"):
            data = self._stream.readline(_SKIPPED)
            size += len(data)
        return self.too_large(Line(self.mark, b"", size), size)

    def too_large(
        self,
        line: Line,
        size: int,
    ) -> Line:
        """A line in the place of itself and of those that follow, `size` bytes together."""
        return line._replace(size=size, fault=too_large(size, self.most))

    def back(self, lines: list[Line]) -> None:
        """Take lines back, to give them out again."""
        if lines:
            self._returned += reversed(lines)
            self.mark = lines[0].begin

    def blocks(self) -> Iterator[list[Line]]:
        """The runs of lines between empty lines. One that is too large is its first line alone."""
        block: list[Line] = []
        size = 0
        for line in self:
            if line.fault or line.data.strip():
                block.append(line)
                size += line.size
                if size > self.most:
                    block = [self.too_large(block[0], size)]
            elif block:
                yield block
                block = []
                size = 0
        if block:
            yield block

    def record(
        self,
        begin: Mark,
        source: str | Doc = "",
        fields: Fields | None = None,
        reason: str | None = None,
        *,
        end: Mark | None = None,
    ) -> Record:
        """A record of the lines from `begin` to `end`; by default, to the next line."""
        return Record(
            source=source,
            place={"line": begin.line + 1, "byte": begin.offset},
            end=end or self.mark,
            read=self._raw.tell() if self._is_file else 0,
            fields=fields or {},
            reason=reason,
        )

    def text(self, line: Line) -> Record:
        """A record that is a text without other fields."""
        if line.fault:
            return self.record(line.begin, reason=line.fault)
        try:
            return self.record(line.begin, line.data.decode())
        except UnicodeDecodeError as error:
            return self.record(line.begin, reason=not_utf8(line.data, error.start))


def too_large(
    size: int,
    most: int,
) -> str:
    """The reason of a record of `size` bytes where `most` are allowed, with the cure."""
    return f"has {size} bytes, more than --max-record {most}: raise that, or divide the record"


def not_utf8(
    data: bytes,
    at: int,
) -> str:
    """The reason of a record whose byte `at` is no UTF-8, with the cure."""
    return (
        f"is no UTF-8: byte {at} of it is 0x{data[at]:02x}: "
        f"name the encoding of the file by --encoding, for instance cp1251"
    )
