"""A file of Docs, written, read and appended to as a stream.

    b"PKDOCS\\0", version u8 (1)
    for each Doc, a head and a record:
        head      mark b"\\xc1DOC", length of the record u32, CRC-32 of the record u32,
                  CRC-32 of these twelve bytes u32
        record    the Doc as bytes, see `as_bytes`

Numbers are little-endian.

A damaged record costs no other one. The next record is found by the length of the damaged one, or
where its head is damaged too, by the next mark with a correct checksum. Only bytes that are lost
from the middle of a record cost the next one as well. A crash may leave a record cut short at the
end of a file; the next append cuts it off.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from struct import Struct
from typing import BinaryIO, Literal, NamedTuple
from zlib import crc32

from pipekit.builtin import UPGRADE
from pipekit.doc.doc import Doc
from pipekit.errors import DataError, DocTooLargeError, PipekitFormatError, PipekitWarning
from pipekit.storage.files import File, FilePath, sync_name, write_atomically

FILE_VERSION = 1
_NAME = b"PKDOCS\0"
MAGIC = _NAME + bytes([FILE_VERSION])
_MARK = b"\xc1DOC"  # in msgpack, the byte c1 occurs only within strings and data
_HEAD = Struct("<4sIII")
_CHECKED = 12  # bytes of the head under its checksum
_MAX_RECORD = 2**32 - 1  # bytes
# Bytes that are searched for a mark at once; few at first, since the next mark is likely near.
_FIRST_WINDOW = 1 << 12
_WINDOW = 1 << 20

OnError = Literal["raise", "skip"]


# -- writing


def write_docs(
    docs: Iterable[Doc],
    path: FilePath,
    *,
    append: bool = False,
) -> None:
    """Write a file of Docs.

    An old file of that name stays whole until the new one is complete.

    Args:
        append: add to an existing file instead. A record that a crash cut short is removed from its
            end first, with a `PipekitWarning`.

    Errors: `StoreError`, and errors of `docs`.

        write_docs(nlp.pipe(texts), "corpus.docs")
    """
    if not append:
        write_atomically(path, _chunks(docs))
        return
    with File(path, append=True) as file:
        _go_to_end(file)
        for record in map(frame, docs):
            file.write(record)
        file.sync()
    sync_name(path)


def _chunks(docs: Iterable[Doc]) -> Iterator[bytes]:
    yield MAGIC
    yield from map(frame, docs)


def frame(doc: Doc) -> bytes:
    """A head and a record, to be put behind `MAGIC` or another record.

    Errors: `DocTooLargeError`.
    """
    record = doc.to_bytes()
    if len(record) > _MAX_RECORD:
        raise DocTooLargeError(
            f"a Doc of {len(record)} bytes: a record counts up to {_MAX_RECORD}; "
            "split it into documents"
        )
    head = _HEAD.pack(
        _MARK,
        len(record),
        crc32(record),
        0,
    )[:_CHECKED]
    return head + crc32(head).to_bytes(4, "little") + record


# -- reading


def read_docs(
    path: FilePath,
    *,
    on_error: OnError = "raise",
) -> Iterator[Doc]:
    """The Docs of a file, one at a time.

    Args:
        on_error: what happens at a damaged record. "raise": a `PipekitFormatError` names its number
            and place. "skip": a `PipekitWarning` does so, and reading goes on.

    Errors: `PipekitFormatError` where the file is no file of Docs.

        for doc in read_docs("corpus.docs"):
            print(doc.ents)
    """
    if on_error not in ("raise", "skip"):
        raise DataError(f"on_error is {on_error!r}; it may be 'raise' or 'skip'")
    return _read(os.fspath(path), on_error)


def _read(
    path: str,
    on_error: OnError,
) -> Iterator[Doc]:
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
    path: FilePath,
    start: int = 0,
    most: int = _MAX_RECORD,
) -> Iterator[tuple[Place, Doc | PipekitFormatError]]:
    """The place of each record of a file, and its Doc, or the error of a damaged one.

    Args:
        start: the byte where the first record to read begins.
        most: the bytes of the largest record that is read; a larger one is an error.
    """
    with open(path, "rb") as file:
        yield from doc_places_of(
            file,
            os.fspath(path),
            start,
            most,
        )


def doc_places_of(
    file: BinaryIO,
    name: str,
    start: int = 0,
    most: int = _MAX_RECORD,
) -> Iterator[tuple[Place, Doc | PipekitFormatError]]:
    """The same of an open file, which has to have a descriptor.

    Args:
        name: what the file is called in messages.
    """
    _check_magic(file.read(len(MAGIC)), name)
    for place in _places(file, start):
        doc: Doc | PipekitFormatError
        try:
            doc = Doc.from_bytes(_record(file, place, most))
        except PipekitFormatError as error:
            doc = error
        yield place, doc


def _check_magic(
    magic: bytes,
    path: str,
) -> None:
    if not magic.startswith(_NAME):
        raise PipekitFormatError(
            f"{path} is no file of Docs: it begins with {magic!r} and not with {_NAME!r}"
        )
    if magic != MAGIC:
        raise PipekitFormatError(
            f"{path} has format {magic[-1:].hex()}, this pipekit reads {FILE_VERSION}: {UPGRADE}"
        )


# -- the places of records


class Place(NamedTuple):
    """A stretch of the file: a head with its record, or bytes without a head.

    Attributes:
        start, stop: where it begins and ends, in bytes of the file.
        length: of the record, in bytes; -1 for bytes without a head.
        checksum: CRC-32 of the record.
    """

    start: int
    stop: int
    length: int
    checksum: int


def _places(
    file: BinaryIO,
    start: int = 0,
) -> Iterator[Place]:
    """All stretches of a file from `start` on, by its heads; records are not read."""
    size = _size(file)
    start = max(start, len(MAGIC))
    while start < size:
        place = _head_at(file, start)
        if place is None:
            stop = _next_head(file, start + 1, size)
            place = Place(start, stop, length=-1, checksum=0)
        yield place
        start = place.stop


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _head_at(
    file: BinaryIO,
    start: int,
) -> Place | None:
    file.seek(start)
    return _parse_head(file.read(_HEAD.size), start)


def _parse_head(
    data: bytes,
    start: int,
) -> Place | None:
    """The record of a head that lies at `start`; None where the bytes are no head."""
    if len(data) < _HEAD.size:
        return None
    mark, length, checksum, own_checksum = _HEAD.unpack(data)
    if mark != _MARK or own_checksum != crc32(data[:_CHECKED]):
        return None
    return Place(start, start + _HEAD.size + length, length, checksum)


def _heads_within(
    window: bytes,
    start: int,
) -> Iterator[Place]:
    """The records whose heads lie in a window, the bytes of the file from `start` on."""
    at = window.find(_MARK)
    while at >= 0:
        place = _parse_head(window[at : at + _HEAD.size], start + at)
        if place is not None:
            yield place
        at = window.find(_MARK, at + 1)


def _next_head(
    file: BinaryIO,
    start: int,
    size: int,
) -> int:
    """Where the next correct head begins; the end of the file where there is none."""
    width = _FIRST_WINDOW
    while start < size:
        file.seek(start)
        # A head across the border of two windows belongs to the first.
        window = file.read(width + _HEAD.size - 1)
        place = next(_heads_within(window, start), None)
        if place is not None:
            return place.start
        start += width
        width = min(2 * width, _WINDOW)
    return size


def _record(
    file: BinaryIO,
    place: Place,
    most: int = _MAX_RECORD,
) -> bytes:
    """The bytes of a record. Errors: `PipekitFormatError` with the kind of damage."""
    if place.length < 0:
        raise PipekitFormatError(f"{place.stop - place.start} bytes are no record")
    if place.length > most:
        raise PipekitFormatError(f"it has {place.length} bytes, more than the {most} that may be")
    start = place.start + _HEAD.size
    left = _size(file) - start
    if place.length > left:
        raise PipekitFormatError(f"it is cut short, {left} bytes of {place.length} are there")
    file.seek(start)
    data = file.read(place.length)
    if crc32(data) != place.checksum:
        raise PipekitFormatError("its bytes were altered: the checksum does not hold")
    return data


# -- appending


def _go_to_end(file: File) -> None:
    """Go behind the last whole record, where the next one belongs, and cut off the rest."""
    with open(file.path, "rb") as written:
        magic = written.read(len(MAGIC))
        size = _size(written)
        if magic != MAGIC and size <= len(MAGIC) and _is_begun(magic):
            file.truncate(0)
            file.write(MAGIC)
            file.sync()  # before any record, or these could reach the disk without it
            return
        _check_magic(magic, file.path)
        end = size
        if not _ends_whole(written, size):
            end = _end_of_records(written)
    if end < size:
        warnings.warn(
            f"{file.path}: the last {size - end} bytes, a record cut short, were removed",
            PipekitWarning,
            stacklevel=3,
        )
        file.truncate(end)


def _is_begun(magic: bytes) -> bool:
    """Whether a file of these bytes is new, or a crash came before its first record.

    A file may have got its size on the disk, but not its bytes: then these are zeros.
    """
    return MAGIC.startswith(magic) or not any(magic)


def _ends_whole(
    file: BinaryIO,
    size: int,
) -> bool:
    """Whether the file ends with a whole record.

    Its head is searched for from the end, so an append reads little more than the last record.
    """
    width = _FIRST_WINDOW
    while True:
        start = max(size - width, 0)
        file.seek(start)
        window = file.read(width)
        last = [place for place in _heads_within(window, start) if place.stop == size]
        if last:
            return _is_whole(file, last[-1])
        if not start:
            return False
        width *= 2


def _end_of_records(file: BinaryIO) -> int:
    """Where the last whole record ends."""
    end = len(MAGIC)
    for place in _places(file):
        if _is_whole(file, place):
            end = place.stop
    return end


def _is_whole(
    file: BinaryIO,
    place: Place,
) -> bool:
    try:
        _record(file, place)
    except PipekitFormatError:
        return False
    return True
