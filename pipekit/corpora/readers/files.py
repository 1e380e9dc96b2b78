"""The files of a corpus, plain, compressed, in a zip archive or folder, and the faults in them."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import os
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Any

from pipekit.corpora.readers.encodings import Recoded, recoded
from pipekit.errors import DataError, PipekitWarning

StrPath = str | os.PathLike[str]
Opener = Callable[[], IO[bytes]]
COMPRESSED: Mapping[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".xz": lzma.open,
    ".bz2": bz2.open,
}
FILE_FAULTS = (
    OSError,
    EOFError,
    lzma.LZMAError,
    zlib.error,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
)
_CHUNK = 1 << 20  # bytes read at once
_SHOWN = 3  # repairs listed in a warning


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault of a corpus: place, kind ("columns", "offsets", …), a message with a cure."""

    file: str
    line: int | None
    kind: str
    what: str

    @property
    def where(self) -> str:
        """The place as "file:line", or as "file" where the line is unknown."""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


OnProblem = Callable[[Problem], None]


@dataclass
class CorpusFile:
    """One file of a corpus, and the two ways to report a fault of it.

    `fail` is for content that cannot be read. `note` is for content that was read after a repair.

              with `on_problem`              without
        fail  call, the reader skips it      `DataError`
        note  call                           one warning for the whole corpus

    Attributes:
        encoding: None for UTF-8, or UTF-16 where a byte order mark says so.
        is_table: whether CR may stand at the end of each line.
    """

    name: str
    open: Opener
    on_problem: OnProblem | None = None
    noted: list[Problem] = field(default_factory=list)
    encoding: str | None = None
    is_table: bool = False

    def fail(
        self,
        line: int | None,
        kind: str,
        what: str,
    ) -> None:
        """Report a fault that cannot be repaired. Errors: `DataError` without `on_problem`."""
        problem = Problem(self.name, line, kind, what)
        if self.on_problem is None:
            raise DataError(str(problem))
        self.on_problem(problem)

    def note(
        self,
        line: int | None,
        kind: str,
        what: str,
    ) -> None:
        """Report a fault that was repaired."""
        problem = Problem(self.name, line, kind, what)
        if self.on_problem is None:
            self.noted.append(problem)
        else:
            self.on_problem(problem)

    def text(self) -> str:
        """The whole file with its line ends as they are."""
        try:
            with self.open() as stream:
                data = self._recoded(stream).read()
        except FILE_FAULTS as error:
            self.damaged(error)
            return ""
        return self._decode(data, 0, 1)

    def lines(self) -> Iterator[str]:
        """The lines without their ends (LF or CRLF), up to the first damage."""
        return chain.from_iterable(self.bunches())

    def bunches(self) -> Iterator[list[str]]:
        """The same lines in lists, about a megabyte at a time."""
        offset = 0
        line = 1
        for data in self._blocks():
            text = self._decode(data, offset, line)
            if "\r" in text:
                text = text.replace("\r\n", "\n").removesuffix("\r")
            yield text.split("\n")
            offset += len(data) + 1
            line += data.count(b"\n") + 1

    def _blocks(self) -> Iterator[bytes]:
        """The bytes in blocks of whole lines, each without its last line end."""
        parts: list[bytes] = []  # what was read of a line whose end is still to come
        try:
            with self.open() as stream:
                recoded_stream = self._recoded(stream)
                while data := recoded_stream.read(_CHUNK):
                    whole, end, tail = data.rpartition(b"\n")
                    if end:
                        yield b"".join([*parts, whole])
                        parts.clear()
                    parts.append(tail)
        except FILE_FAULTS as error:
            self.damaged(error)
        rest = b"".join(parts)
        if rest:
            yield rest

    def _recoded(self, stream: IO[bytes]) -> IO[bytes] | Recoded:
        return recoded(stream, self.encoding, self.name, is_table=self.is_table) or stream

    def damaged(self, error: Exception) -> None:
        """Report that the file cannot be opened or decompressed."""
        reason = str(error) or type(error).__name__
        if isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        self.fail(None, "file", f"cannot be read: {reason}: get the file again, or check the path")

    def _decode(
        self,
        data: bytes,
        offset: int,
        line: int,
    ) -> str:
        """Bytes that begin at `offset` of the file, in its line `line`, as text."""
        is_first = offset == 0
        encoding = "utf-8-sig" if is_first else "utf-8"
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            at = error.start
            if is_first and data.startswith(codecs.BOM_UTF8):
                at += len(codecs.BOM_UTF8)
            fault = f"byte {offset + at} (0x{data[at]:02x}) is not UTF-8{_encoding_hint(data)}"
            self.fail(line + data[:at].count(b"\n"), "encoding", fault)
            return data.decode(encoding, errors="replace")


def _encoding_hint(data: bytes) -> str:
    """The end of the message: the likely encoding, and the command that converts it."""
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    guess = "utf-16" if is_utf16 else "cp1251"
    unknown = ": convert the file to UTF-8"
    try:
        text = data.decode(guess)
    except UnicodeDecodeError:
        return unknown
    cyrillic = sum("а" <= char.lower() <= "я" for char in text)
    beyond_ascii = sum(char > "\x7f" for char in text)
    if cyrillic * 2 < beyond_ascii:
        return unknown
    return f"; it reads as {guess}: convert the file, iconv -f {guess} -t utf-8"


@contextmanager
def corpus(
    path: StrPath,
    suffixes: tuple[str, ...],
    on_problem: OnProblem | None = None,
) -> Iterator[dict[str, CorpusFile]]:
    """The files of a corpus by name, in order of name.

    A file counts whatever its suffix. Of a folder or a zip archive, files with one of the suffixes
    count; ".conllu.gz" has the suffix ".conllu". Repairs are shown in one warning at the end.

        with corpus("treebank.zip", (".conllu",)) as files:
            for file in files.values(): ...

    Errors: `DataError` where there are no such files.
    """
    place = Path(path)
    with ExitStack() as stack:
        try:
            openers = _openers(place, suffixes, stack)
        except FILE_FAULTS as error:
            CorpusFile(str(place), _opener(place), on_problem).damaged(error)
            openers = {}
        else:
            if not openers:
                raise DataError(
                    f"{place}: holds no file that ends in {' or '.join(suffixes)}: check the path"
                )
        noted: list[Problem] = []
        yield {
            name: CorpusFile(
                name,
                openers[name],
                on_problem,
                noted,
            )
            for name in sorted(openers)
        }
        if noted:
            _warn(str(place), noted)


def _warn(
    corpus_name: str,
    noted: list[Problem],
) -> None:
    lines = [f"{corpus_name} was read with repairs, {len(noted)} in all:"]
    lines += [f"  {problem}" for problem in noted[:_SHOWN]]
    if len(noted) > _SHOWN:
        lines.append(f"  and {len(noted) - _SHOWN} more")
    warnings.warn("\n".join(lines), PipekitWarning, stacklevel=2)


def _openers(
    place: Path,
    suffixes: tuple[str, ...],
    stack: ExitStack,
) -> dict[str, Opener]:
    """What opens each file, by name. A zip archive stays open until `stack` closes it."""
    openers: dict[str, Opener] = {}
    if place.is_dir():
        for path in place.rglob("*"):
            inner_name = path.relative_to(place).as_posix()
            if path.is_file() and _is_wanted(inner_name, suffixes):
                openers[str(path)] = _opener(path)
        return openers
    if place.suffix == ".zip":
        archive = stack.enter_context(zipfile.ZipFile(place))
        for name in archive.namelist():
            if _is_wanted(name, suffixes):
                openers[f"{place}/{name}"] = partial(archive.open, name)
        return openers
    place.stat()  # a missing file is an error here, before its first line is asked for
    return {str(place): _opener(place)}


def _opener(path: Path) -> Opener:
    opener: Callable[..., Any] = COMPRESSED.get(path.suffix, open)
    return partial(opener, path, "rb")


def _is_wanted(
    name: str,
    suffixes: tuple[str, ...],
) -> bool:
    """Whether a suffix fits. Hidden files and the folders that macOS adds to archives never do."""
    parts = name.split("/")
    if any(part.startswith((".", "__MACOSX")) for part in parts):
        return False
    return stem(parts[-1]).endswith(suffixes)


def stem(name: str) -> str:
    """The name without the suffix of a compression."""
    for suffix in COMPRESSED:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name
