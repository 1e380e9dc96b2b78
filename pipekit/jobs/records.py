"""Where records come from: an input, its lines, and the place of each record in it."""

from __future__ import annotations

import gzip
import lzma
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

from pipekit.corpora.readers.files import COMPRESSED, stem
from pipekit.doc import Doc
from pipekit.errors import ConfigError, DataError, near

STDIN = "-"
DAMAGE = (
    EOFError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
)  # of a compressed file: what lies behind cannot be read
SUFFIXES = {
    "txt": (".txt",), "jsonl": (".jsonl", ".ndjson", ".json"), "csv": (".csv",), "tsv": (".tsv",),
    "conllu": (".conllu", ".conll"), "parquet": (".parquet", ".pq"), "docs": (".docs",),
}  # fmt: skip
_BOM = b"\xef\xbb\xbf"


def input_format(path: Path) -> str | None:
    """The format that a name tells, with or without .gz and .xz behind it."""
    return next(
        (name for name, endings in SUFFIXES.items() if stem(path.name).endswith(endings)), None
    )


@dataclass(frozen=True)
class Source:
    """An input: a file, or "-" for standard input, and its format, a key of `SUFFIXES`."""

    path: Path
    format: str

    @classmethod
    def of(cls, path: str | Path, format: str | None = None) -> Source:
        """An input whose suffix tells the format where none is given. Errors: `ConfigError` naming the formats."""
        path = Path(path)
        found = format or input_format(path)
        if found is None:
            raise ConfigError(
                f"{path}: its suffix tells no format: name one by --format.{near('', SUFFIXES)}"
            )
        if found not in SUFFIXES:
            raise ConfigError(f"--format is {found!r}.{near(found, SUFFIXES)}")
        return cls(path, found)

    @property
    def is_stdin(self) -> bool:
        return str(self.path) == STDIN

    @property
    def name(self) -> str:
        """The name of the file without folders and endings."""
        return "stdin" if self.is_stdin else Path(stem(self.path.name)).stem

    @property
    def size(self) -> int | None:
        """Bytes on the disk; None for standard input. Errors: `DataError` where there is no such file."""
        with readable(self):
            return None if self.is_stdin else self.path.stat().st_size


@contextmanager
def readable(source: Source) -> Iterator[None]:
    """Errors: `DataError` naming the input, for whatever the system says."""
    try:
        yield
    except DAMAGE:
        raise
    except OSError as error:
        raise DataError(f"{source.path}: cannot be read: {error.strerror or error}") from error


class Position(NamedTuple):
    """Where the next record begins: in which input, how many bytes (rows of Parquet) and lines lie before it there, records in all."""

    input: int = 0
    offset: int = 0
    line: int = 0
    number: int = 0


class Mark(NamedTuple):
    """A place in an input: bytes of the uncompressed stream, and lines, before it."""

    offset: int
    line: int


@dataclass(slots=True)
class Record:
    """A text or a Doc with its other fields; or, where `reason` says why there is none, an empty text, so that order is kept.

    `place` is what a reader of the error is told of where it stands, `end` where the next one begins, `read` how many bytes of the file on
    the disk were read; `file` and `after` are filled in where all inputs are one stream, `last` where it is cut into chunks.
    """

    source: str | Doc
    place: dict[str, int]
    end: Mark
    read: int
    fields: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None
    file: str = ""
    after: Position = field(default_factory=Position)
    last: bool = False


class Lines:
    """The lines of a text file, from a place on, each with its mark, in `with`; `mark` is where the next one begins."""

    def __init__(self, source: Source, start: Mark) -> None:
        self.mark = start
        self._back: list[tuple[Mark, bytes]] = []
        with readable(source):
            self._raw: IO[bytes] = sys.stdin.buffer if source.is_stdin else source.path.open("rb")
            opener = COMPRESSED.get(source.path.suffix)
            self._stream: IO[bytes] = opener(self._raw) if opener else self._raw
            if start.offset:
                self._stream.seek(start.offset)
        self._tells = not source.is_stdin

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *raised: object) -> None:
        for stream in (self._stream, self._raw):
            if self._tells:
                stream.close()

    def __iter__(self) -> Iterator[tuple[Mark, bytes]]:
        while line := self._next():
            begin, data = line
            self.mark = Mark(begin.offset + len(data), begin.line + 1)
            yield begin, data if begin.offset else data.removeprefix(_BOM)

    def _next(self) -> tuple[Mark, bytes] | None:
        if self._back:
            return self._back.pop()
        data = self._stream.readline()
        return (self.mark, data) if data else None

    def back(self, lines: list[tuple[Mark, bytes]]) -> None:
        """Give lines back, to be read again."""
        if lines:
            self._back += reversed(lines)
            self.mark = lines[0][0]

    def record(
        self,
        begin: Mark,
        source: str | Doc = "",
        fields: dict[str, Any] | None = None,
        reason: str | None = None,
    ) -> Record:
        """What stands between a mark and here."""
        read = self._raw.tell() if self._tells else 0
        return Record(
            source,
            {"line": begin.line + 1, "byte": begin.offset},
            self.mark,
            read,
            fields or {},
            reason,
        )

    def text(self, begin: Mark, data: bytes) -> Record:
        """A record that is a text and nothing else."""
        try:
            return self.record(begin, data.decode())
        except UnicodeDecodeError as error:
            return self.record(begin, reason=not_utf8(data, error.start))


def not_utf8(data: bytes, at: int) -> str:
    return f"is no UTF-8: byte {at} of it is 0x{data[at]:02x}: convert the file, for instance by iconv -f cp1251 -t utf-8"
