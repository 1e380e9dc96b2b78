"""Where rows go: the files of a job, the compression of chunks, standard output.

rows ──▶ OutputWriter.write      gathered until the chunk ends
           │ end_chunk           one compressed frame
           ▼
         File or Stream          on the disk once `sync` returns
"""

from __future__ import annotations

import gzip
import json
import lzma
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pipekit.corpora.readers.files import COMPRESSED
from pipekit.doc.text import clean
from pipekit.errors import ConfigError, near
from pipekit.jobs.beginnings import Beginning
from pipekit.jobs.formats import OUTPUT_FORMATS
from pipekit.jobs.records import STDIN, Fields, Record, input_format
from pipekit.settings import names_of
from pipekit.storage.files import File, Stream, is_stream, stream_to, sync_name

_LEVEL = 6  # of compression, as gzip and xz choose it themselves


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, _LEVEL, mtime=0)


def _xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=_LEVEL)


_PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": _gzip,
    ".xz": _xz,
}


class Target(NamedTuple):
    """Where documents go.

    Args:
        path: a file, a device or a pipe, or "-" for standard output.
        format: a key of `OUTPUT_FORMATS`.
        only: the annotations to write; empty for all.
    """

    path: Path
    format: str
    only: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        path: str | Path,
        format: str | None = None,
        only: Iterable[str] = (),
    ) -> Target:
        """An output; without `format`, the suffix of its name tells the format.

        Errors: `ConfigError` where neither tells a format that can be written.

            Target.of("out.jsonl.gz", only=["ents", "lemma"])
        """
        path = Path(path)
        name = format or _format_of(path)
        if name not in OUTPUT_FORMATS:
            raise ConfigError(_unknown_format(path, format))
        if path.suffix in COMPRESSED:
            packs = path.suffix in _PACK and OUTPUT_FORMATS[name].packs
            if not packs:
                raise ConfigError(
                    f"{path}: {name!r} is not written as {path.suffix}: "
                    f".gz and .xz are for jsonl and conllu"
                )
        return cls(path, name, tuple(names_of(only, "only")))

    @property
    def pack(self) -> Callable[[bytes], bytes]:
        """Packs a chunk into a frame that can be read alone: a member of gzip, a stream of xz."""
        return _PACK.get(self.path.suffix, bytes)

    @property
    def is_stream(self) -> bool:
        """Whether it is standard output, a device or a pipe, which no job can go on with.

        Errors: `ConfigError` for a folder, a socket or a disk.
        """
        return self._is_stdout or is_stream(self.path)

    @property
    def _is_stdout(self) -> bool:
        return str(self.path) == STDIN

    @contextmanager
    def stream(self) -> Iterator[Stream]:
        """The stream to write into. Errors: `StoreError`."""
        if self._is_stdout:
            yield Stream(sys.stdout, "standard output")
            return
        with stream_to(self.path) as stream:
            yield stream

    def _beside(self, ending: str) -> Path:
        return self.path.with_name(self.path.name + ending)

    @property
    def journal(self) -> Path:
        """The file that says how far the job is."""
        return self._beside(".journal")

    @property
    def errors(self) -> Path:
        """The file of the records that failed, with the reasons."""
        return self._beside(".errors.jsonl")

    @property
    def body(self) -> Path:
        """The file of rows; it is the output itself where nothing needs to be finished."""
        if OUTPUT_FORMATS[self.format].finish is None:
            return self.path
        return self._beside(".rows")


def _format_of(path: Path) -> str | None:
    if str(path) == STDIN:
        return "jsonl"
    by_suffix = input_format(path)
    if by_suffix is None and is_stream(path):
        return "jsonl"
    return by_suffix


def _unknown_format(
    path: Path,
    format: str | None,
) -> str:
    if format:
        return f"--to is {format!r}.{near(format, OUTPUT_FORMATS)}"
    formats = near(path.suffix.strip("."), OUTPUT_FORMATS)
    return f"{path}: its suffix tells no format that can be written: name one by --to.{formats}"


class OutputWriter:
    """Writes the rows of a job, and its failures beside; use it in `with`.

    Rows leave in whole chunks, by `end_chunk`, and last once `sync` returns. A file of failures is
    made with the first failure.

    Args:
        target: the output.
        body: the file of rows, open.
        output, errors: what of the files was committed; they are cut there before the first row.
    """

    def __init__(
        self,
        target: Target,
        body: File | Stream,
        output: Beginning,
        errors: Beginning,
    ) -> None:
        self._target = target
        self._body = body
        self._output_so_far = output
        self._errors_so_far = errors
        self._errors: File | Stream | None = None
        self._chunk: list[bytes] = []

    def _open_errors(self) -> File | Stream:
        if self._errors is None:
            if self._target.is_stream:
                self._errors = Stream(sys.stderr, "standard error")
            else:
                self._errors = File(self._target.errors, append=True)
                sync_name(self._target.errors)  # a journal may tell of the file from here on
        return self._errors

    def write(self, row: bytes) -> None:
        """Add a row to the chunk."""
        self._chunk.append(row)

    def fail(
        self,
        record: Record,
        reason: str,
    ) -> None:
        """Write a record that failed, with its place, to the file of failures."""
        row: Fields = {"file": record.file, **record.place, "reason": reason}
        text = clean(json.dumps(row, ensure_ascii=False)) + "\n"
        data = text.encode()
        self._open_errors().write(data)
        self._errors_so_far = self._errors_so_far.then(data)

    def end_chunk(self) -> None:
        """Hand on the rows of the chunk, packed together."""
        if self._chunk:
            data = b"".join(self._chunk)
            self._write(self._target.pack(data))
            self._chunk = []

    def _write(self, data: bytes) -> None:
        self._body.write(data)
        self._output_so_far = self._output_so_far.then(data)

    def sync(self) -> tuple[Beginning, Beginning]:
        """Put all chunks on the disk. Returns what the output and the errors hold now."""
        self._body.sync()
        if self._errors is not None:
            self._errors.sync()
        return self._output_so_far, self._errors_so_far

    def __enter__(self) -> OutputWriter:
        try:
            self._cut()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _cut(self) -> None:
        """Drop what was written after the last commit."""
        target = self._target
        self._body.truncate(self._output_so_far.size)
        if not self._output_so_far.size:
            format = OUTPUT_FORMATS[target.format]
            self._write(format.head)
        if not target.is_stream and target.errors.exists():
            errors = self._open_errors()
            errors.truncate(self._errors_so_far.size)

    def __exit__(self, *raised: object) -> None:
        if self._errors is not None:
            self._errors.close()
