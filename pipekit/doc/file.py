"""A file of Docs, written, read and appended to as a stream.

    "PKDOCS\\0" and the version, u8 (1)
    for each Doc: mark "\\xc1DOC", length u32, CRC-32 of the record u32, CRC-32 of these twelve bytes u32, the record, see `as_bytes`

Numbers are little-endian. A damaged record costs itself: the next one is found by its length, or where that is damaged too, by the next
mark whose checksum holds (bytes lost from the middle of a record cost the one behind it as well). What a crash leaves at the end of a
file, a record cut short, is recognised and cut off by the next append.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from struct import Struct
from typing import BinaryIO, Literal, NamedTuple
from zlib import crc32

from pipekit.doc.doc import Doc
from pipekit.errors import DataError, DocTooLargeError, PipekitFormatError, PipekitWarning
from pipekit.storage.files import File, sync_name, write_atomically

FILE_VERSION = 1
_NAME = b"PKDOCS\0"
MAGIC = _NAME + bytes([FILE_VERSION])
_MARK = b"\xc1DOC"  # no msgpack message has the byte c1 but within a string
_HEAD = Struct("<4sIII")
_CHECKED = 12  # bytes of the head that its checksum covers
_FIRST_WINDOW, _WINDOW = (
    1 << 12,
    1 << 20,
)  # bytes looked through at once for a mark: few at first, as the next is likely near

OnError = Literal["raise", "skip"]


def write_docs(docs: Iterable[Doc], path: str | os.PathLike[str], *, append: bool = False) -> None:
    """Write a file of Docs; append: to the one that is there, after a record that a crash cut short was removed (with a warning).

    Without append, the old file stays whole until the new one is. Errors: `StoreError`; whatever `docs` raises.
    """
    if not append:
        write_atomically(path, _frames(docs))
        return
    with File(path, append=True) as file:
        _go_to_end(file)
        for record in map(frame, docs):
            file.write(record)
        file.sync()
    sync_name(path)


def _frames(docs: Iterable[Doc]) -> Iterator[bytes]:
    yield MAGIC
    yield from map(frame, docs)


def frame(doc: Doc) -> bytes:
    """A record with its head, which stands behind `MAGIC` or another record. Errors: `DocTooLargeError`."""
    record = doc.to_bytes()
    if len(record) > 2**32 - 1:
        raise DocTooLargeError(
            f"a Doc of {len(record)} bytes: a record counts up to {2**32 - 1}; split it into documents"
        )
    head = _HEAD.pack(_MARK, len(record), crc32(record), 0)[:_CHECKED]
    return head + crc32(head).to_bytes(4, "little") + record


def read_docs(path: str | os.PathLike[str], *, on_error: OnError = "raise") -> Iterator[Doc]:
    """The Docs of a file, one at a time.

    Args:
        on_error: what to do about a damaged record: "raise" a `PipekitFormatError` that names its number and place, or "skip" it with
            a `PipekitWarning` that does.

    Errors: `PipekitFormatError` where it is no file of Docs.
    """
    if on_error not in ("raise", "skip"):
        raise DataError(f"on_error is {on_error!r}; it may be 'raise' or 'skip'")
    return _read(os.fspath(path), on_error)


def _read(path: str, on_error: OnError) -> Iterator[Doc]:
    for number, (place, doc) in enumerate(doc_places(path)):
        if isinstance(doc, Doc):
            yield doc
            continue
        message = f"{path}: record {number} at byte {place.start} is lost: {doc}"
        if on_error == "raise":
            raise PipekitFormatError(
                f"{message}. read_docs(…, on_error='skip') reads the others"
            ) from doc
        warnings.warn(message, PipekitWarning, stacklevel=2)


def doc_places(
    path: str | os.PathLike[str], start: int = 0
) -> Iterator[tuple[Place, Doc | PipekitFormatError]]:
    """Where each record of a file lies, from a byte on where one begins, and its Doc, or what is wrong with it."""
    with open(path, "rb") as file:
        _check_magic(file.read(len(MAGIC)), os.fspath(path))
        for place in _places(file, start):
            try:
                doc: Doc | PipekitFormatError = Doc.from_bytes(_record(file, place))
            except PipekitFormatError as error:
                doc = error
            yield place, doc


def _check_magic(magic: bytes, path: str) -> None:
    if not magic.startswith(_NAME):
        raise PipekitFormatError(
            f"{path} is no file of Docs: it begins with {magic!r} and not with {_NAME!r}"
        )
    if magic != MAGIC:
        raise PipekitFormatError(
            f"{path} has format {magic[-1:].hex()}, this pipekit reads {FILE_VERSION}: pip install -U pipekit-nlp"
        )


# -- where the records are


class Place(NamedTuple):
    """A stretch of the file: a record with its head, or bytes that are none (length -1)."""

    start: int
    stop: int
    length: int
    checksum: int


def _places(file: BinaryIO, start: int = 0) -> Iterator[Place]:
    """The stretches of a file, without their contents: the heads are read, and what is between heads is searched for them."""
    size = os.fstat(file.fileno()).st_size
    start = max(start, len(MAGIC))
    while start < size:
        place = _head(file, start)
        if place is None:
            stop = _next_head(file, start + 1, size)
            place = Place(start, stop, -1, 0)
        yield place
        start = place.stop


def _head(file: BinaryIO, start: int) -> Place | None:
    file.seek(start)
    return _parsed(file.read(_HEAD.size), start)


def _parsed(data: bytes, start: int) -> Place | None:
    """The record whose head these bytes are, if they are one."""
    if len(data) < _HEAD.size:
        return None
    mark, length, checksum, own = _HEAD.unpack(data)
    if mark != _MARK or own != crc32(data[:_CHECKED]):
        return None
    return Place(start, start + _HEAD.size + length, length, checksum)


def _heads_within(window: bytes, start: int) -> Iterator[Place]:
    """The records whose heads lie in the window, which begins at `start`."""
    at = window.find(_MARK)
    while at >= 0:
        place = _parsed(window[at : at + _HEAD.size], start + at)
        if place is not None:
            yield place
        at = window.find(_MARK, at + 1)


def _next_head(file: BinaryIO, start: int, size: int) -> int:
    """Where the next head begins whose checksum holds; the end of the file where there is none."""
    width = _FIRST_WINDOW
    while start < size:
        file.seek(start)
        window = file.read(
            width + _HEAD.size - 1
        )  # heads across the border of two windows belong to the first
        place = next(_heads_within(window, start), None)
        if place is not None:
            return place.start
        start, width = start + width, min(2 * width, _WINDOW)
    return size


def _record(file: BinaryIO, place: Place) -> bytes:
    """Errors: `PipekitFormatError` with what is wrong with it."""
    if place.length < 0:
        raise PipekitFormatError(f"{place.stop - place.start} bytes are no record")
    left = os.fstat(file.fileno()).st_size - place.start - _HEAD.size
    if place.length > left:
        raise PipekitFormatError(f"it is cut short, {left} bytes of {place.length} are there")
    file.seek(place.start + _HEAD.size)
    data = file.read(place.length)
    if crc32(data) != place.checksum:
        raise PipekitFormatError("its bytes were altered: the checksum does not hold")
    return data


# -- appending


def _go_to_end(file: File) -> None:
    """Behind the last whole record, where the next one belongs."""
    with open(file.path, "rb") as written:
        magic = written.read(len(MAGIC))
        size = os.fstat(written.fileno()).st_size
        if (
            MAGIC.startswith(magic) and magic != MAGIC
        ):  # new, or a crash came before the first byte of a record
            file.truncate(0)
            file.write(MAGIC)
            return
        _check_magic(magic, file.path)
        end = size if _ends_whole(written, size) else _end(written)
    if end < size:
        warnings.warn(
            f"{file.path}: the last {size - end} bytes, a record cut short, were removed",
            PipekitWarning,
            stacklevel=3,
        )
        file.truncate(end)


def _ends_whole(file: BinaryIO, size: int) -> bool:
    """Whether the last record, looked for from the end, is whole: that saves reading all of a long file."""
    start = max(size - _WINDOW, 0)
    file.seek(start)
    last = [place for place in _heads_within(file.read(_WINDOW), start) if place.stop == size][-1:]
    return bool(last) and _is_whole(file, last[0])


def _end(file: BinaryIO) -> int:
    """Where the last whole record ends."""
    return max(
        (place.stop for place in _places(file) if _is_whole(file, place)), default=len(MAGIC)
    )


def _is_whole(file: BinaryIO, place: Place) -> bool:
    try:
        _record(file, place)
    except PipekitFormatError:
        return False
    return True
