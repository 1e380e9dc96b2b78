"""Where the bytes of a corpus come from, and where its faults go: files, compressed files, zip archives, folders."""

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

from pipekit.errors import DataError, PipekitWarning

StrPath = str | os.PathLike[str]
Opener = Callable[[], IO[bytes]]
COMPRESSED: Mapping[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".xz": lzma.open,
    ".bz2": bz2.open,
}
_DAMAGE = (
    OSError,
    EOFError,
    lzma.LZMAError,
    zlib.error,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
)
_CHUNK = 1 << 20
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault of a corpus: where, of what kind ("columns", "offsets", …), and what is wrong with the cure."""

    file: str
    line: int | None
    kind: str
    what: str

    @property
    def where(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


OnProblem = Callable[[Problem], None]


@dataclass
class CorpusFile:
    """One file of a corpus.

    `fail` is for what cannot be read: `DataError`, or, where somebody listens, a call, and the reader goes on behind it. `note` is for
    what was read with a repair: one warning for the whole corpus, or a call each.
    """

    name: str
    open: Opener
    on_problem: OnProblem | None = None
    noted: list[Problem] = field(default_factory=list)

    def fail(self, line: int | None, kind: str, what: str) -> None:
        problem = Problem(self.name, line, kind, what)
        if self.on_problem is None:
            raise DataError(str(problem))
        self.on_problem(problem)

    def note(self, line: int | None, kind: str, what: str) -> None:
        problem = Problem(self.name, line, kind, what)
        if self.on_problem is None:
            self.noted.append(problem)
        else:
            self.on_problem(problem)

    def text(self) -> str:
        """The whole file as it stands, line ends and all."""
        try:
            with self.open() as stream:
                data = stream.read()
        except _DAMAGE as error:
            self.damaged(error)
            return ""
        return self._decode(data, 0, 1)

    def lines(self) -> Iterator[str]:
        """The lines without their ends (LF or CRLF); they stop at damage."""
        return chain.from_iterable(self.bunches())

    def bunches(self) -> Iterator[list[str]]:
        """The same lines, many at a time."""
        offset, line = 0, 1
        for data in self._blocks():
            text = self._decode(data, offset, line)
            yield (text.replace("\r\n", "\n").removesuffix("\r") if "\r" in text else text).split(
                "\n"
            )
            offset += len(data) + 1
            line += data.count(b"\n") + 1

    def _blocks(self) -> Iterator[bytes]:
        rest = b""
        try:
            with self.open() as stream:
                while data := stream.read(_CHUNK):
                    whole, end, tail = data.rpartition(b"\n")
                    if end:
                        yield rest + whole
                        rest = tail
                    else:
                        rest += data
        except _DAMAGE as error:
            self.damaged(error)
        if rest:
            yield rest

    def damaged(self, error: Exception) -> None:
        reason = (
            error.strerror
            if isinstance(error, OSError) and error.strerror
            else str(error) or type(error).__name__
        )
        self.fail(None, "file", f"cannot be read: {reason}: get the file again, or check the path")

    def _decode(self, data: bytes, offset: int, line: int) -> str:
        encoding = "utf-8-sig" if offset == 0 else "utf-8"
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            at = error.start + (3 if offset == 0 and data.startswith(codecs.BOM_UTF8) else 0)
            fault = f"byte {offset + at} (0x{data[at]:02x}) is not UTF-8{_guess(data)}"
            self.fail(line + data[:at].count(b"\n"), "encoding", fault)
            return data.decode(encoding, errors="replace")


def _guess(data: bytes) -> str:
    """The end of the message: which encoding it may be, and how to convert it."""
    guess = "utf-16" if data[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} else "cp1251"
    try:
        text = data.decode(guess)
    except UnicodeDecodeError:
        return ": convert the file to UTF-8"
    letters = sum("а" <= c.lower() <= "я" for c in text)
    if letters * 2 < sum(c > "\x7f" for c in text):
        return ": convert the file to UTF-8"
    return f"; it reads as {guess}: convert the file, iconv -f {guess} -t utf-8"


@contextmanager
def corpus(
    path: StrPath, suffixes: tuple[str, ...], on_problem: OnProblem | None = None
) -> Iterator[dict[str, CorpusFile]]:
    """The files of a corpus by name: a file as it is, or the files of those suffixes in a folder or a zip archive, in order of name.

    A compressed file (.gz, .xz, .bz2) goes by its name without that ending among its suffixes. Errors: `DataError` where there are none.
    """
    place = Path(path)
    with ExitStack() as stack:
        try:
            openers = _openers(place, suffixes, stack)
        except _DAMAGE as error:
            CorpusFile(str(place), _opener(place), on_problem).damaged(error)
            openers = {}
        else:
            if not openers:
                raise DataError(
                    f"{place}: holds no file that ends in {' or '.join(suffixes)}: check the path"
                )
        noted: list[Problem] = []
        yield {name: CorpusFile(name, openers[name], on_problem, noted) for name in sorted(openers)}
        if noted:
            _warn(str(place), noted)


def _warn(corpus_name: str, noted: list[Problem]) -> None:
    shown = "\n".join(f"  {problem}" for problem in noted[:_SHOWN])
    more = f"\n  and {len(noted) - _SHOWN} more" if len(noted) > _SHOWN else ""
    warnings.warn(
        f"{corpus_name} was read with repairs, {len(noted)} in all:\n{shown}{more}",
        PipekitWarning,
        stacklevel=2,
    )


def _openers(place: Path, suffixes: tuple[str, ...], stack: ExitStack) -> dict[str, Opener]:
    if place.is_dir():
        found = (p for p in place.rglob("*") if p.is_file())
        return {
            str(p): _opener(p) for p in found if _wanted(p.relative_to(place).as_posix(), suffixes)
        }
    if place.suffix == ".zip":
        archive = stack.enter_context(zipfile.ZipFile(place))
        return {
            f"{place}/{name}": partial(archive.open, name)
            for name in archive.namelist()
            if _wanted(name, suffixes)
        }
    place.stat()
    return {str(place): _opener(place)}


def _opener(path: Path) -> Opener:
    opener: Callable[..., Any] = COMPRESSED.get(path.suffix, open)
    return partial(opener, path, "rb")


def _wanted(name: str, suffixes: tuple[str, ...]) -> bool:
    """Hidden files and what macOS adds to archives are never wanted."""
    parts = name.split("/")
    return stem(parts[-1]).endswith(suffixes) and not any(
        part.startswith((".", "__MACOSX")) for part in parts
    )


def stem(name: str) -> str:
    """The name without the ending of a compression."""
    return next((name.removesuffix(ending) for ending in COMPRESSED if name.endswith(ending)), name)
