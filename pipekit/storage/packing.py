"""msgpack under limits; only this module imports msgpack.

Messages may be hostile. msgpack itself allocates what the head of a list claims, a thousand lists
deep, so that a message of 1 MB can take gigabytes of memory. So all heads are checked first: a
length counts only if the message is long enough for it.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, NamedTuple

import msgpack

from pipekit.errors import PipekitFormatError

MAX_DEPTH = 32  # of lists and maps within each other
MAX_LISTS = 50_000  # lists and maps: an empty one is a byte here and takes 64 in memory
# Items of all lists and maps together, and one more for each eight bytes of the message: a string
# of two letters takes 51 bytes in memory.
MAX_ITEMS = 200_000
# Docs bear the names of files, and names that are no UTF-8 hold lone surrogates.
_ERRORS = "surrogatepass"


def pack(message: Any) -> bytes:
    """Plain data as msgpack."""
    try:
        packed: bytes = msgpack.packb(message)
    except UnicodeEncodeError:
        packed = msgpack.packb(message, unicode_errors=_ERRORS)
    return packed


def unpack(
    data: bytes,
    what: str,
) -> Any:
    """The plain data of `pack`. Keys must be strings.

    Errors: `PipekitFormatError` naming `what` and the broken limit.
    """
    try:
        _check_heads(data)
        return msgpack.unpackb(data, unicode_errors=_ERRORS, object_pairs_hook=_map_of)
    except (ValueError, TypeError) as error:
        raise PipekitFormatError(f"{what} is damaged: {error}") from error


def unpack_foreign(
    data: bytes,
    what: str,
) -> Any:
    """The plain data of a message that others wrote: keys may be bytes, and lists many.

    A length counts only up to that of the message. Errors: `PipekitFormatError` naming `what`.
    """
    try:
        return msgpack.unpackb(data, unicode_errors=_ERRORS, strict_map_key=False)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise PipekitFormatError(f"{what} is damaged: {error}") from error


def unpack_flat(
    data: bytes,
    what: str,
    most: int,
) -> list[Any]:
    """A list of at most `most` numbers, strings and bytes, without lists in it.

    Errors: `PipekitFormatError` naming `what`.
    """
    stream = msgpack.Unpacker(
        max_buffer_size=len(data),
        max_array_len=0,
        max_map_len=0,
        max_ext_len=0,
        strict_map_key=True,
        unicode_errors=_ERRORS,
    )
    try:
        stream.feed(data)
        count = stream.read_array_header()
        if count > most:
            raise ValueError(f"a list of {count} items, more than {most}")
        items = list(islice(stream, count))
        if len(items) < count or stream.tell() < len(data):
            raise ValueError(
                f"{len(items)} items of {count} in {stream.tell()} bytes of {len(data)}"
            )
    except (ValueError, TypeError, msgpack.OutOfData) as error:
        reason = error or "it is cut short"
        raise PipekitFormatError(f"{what} is damaged: {reason}") from error
    return items


def _map_of(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key, value in pairs:
        if not isinstance(key, str):
            raise ValueError(f"the key {key!r:.60} is no string")
        if key in mapping:
            raise ValueError(f"the key {key!r:.60} stands there twice")
        mapping[key] = value
    return mapping


# -- heads


class _Head(NamedTuple):
    """What the first byte of an item tells.

    Attributes:
        size: bytes of the item that are certain, this first one among them.
        width: bytes of the length behind the first byte; 0 where no length follows.
        unit: how many bytes of the item each unit of the length adds.
        inner: how many items each unit of the length adds; without a length, how many lie in it.
    """

    size: int
    width: int = 0
    unit: int = 0
    inner: int = 0


def _all_heads() -> dict[int, _Head]:
    """The head of each first byte; other bytes are extensions, or no msgpack."""
    heads = {}
    for byte in (0xC0, 0xC2, 0xC3):  # nil and booleans
        heads[byte] = _Head(1)
    for byte in range(0x80):  # small integers
        heads[byte] = _Head(1)
    for byte in range(0xE0, 0x100):  # small negative integers
        heads[byte] = _Head(1)
    heads[0xCA] = _Head(5)  # a float
    heads[0xCB] = _Head(9)  # a double
    for short in range(16):
        heads[0x80 + short] = _Head(1, inner=2 * short)  # a map: keys and values
        heads[0x90 + short] = _Head(1, inner=short)  # a list
    for short in range(32):
        heads[0xA0 + short] = _Head(1 + short)  # a string
    for step, width in enumerate((1, 2, 4)):
        heads[0xC4 + step] = _Head(1 + width, width, unit=1)  # bytes
        heads[0xD9 + step] = _Head(1 + width, width, unit=1)  # a string
    for step, width in enumerate((1, 2, 4, 8)):
        heads[0xCC + step] = _Head(1 + width)  # an unsigned integer
        heads[0xD0 + step] = _Head(1 + width)  # a signed integer
    for step, width in enumerate((2, 4)):
        heads[0xDC + step] = _Head(1 + width, width, inner=1)  # a list
        heads[0xDE + step] = _Head(1 + width, width, inner=2)  # a map
    return heads


_HEADS = _all_heads()
_LISTS = {bytes([byte]) for byte in (*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF)}
# The size of the items of which the first byte tells it; 0 for all others.
_SIMPLE = [0] * 256
for _byte, _head in _HEADS.items():
    if not _head.width and bytes([_byte]) not in _LISTS:
        _SIMPLE[_byte] = _head.size


def _check_heads(data: bytes) -> None:
    """Check that a message is whole and within the limits. Errors: `ValueError`."""
    at = 0
    items_left = MAX_ITEMS + len(data) // 8
    lists_left = MAX_LISTS
    open_lists = [1]  # for each list around `at`, how many of its items are still to come
    while open_lists:
        left = open_lists.pop()
        while left:
            left -= 1
            size = 0
            if at < len(data):
                size = _SIMPLE[data[at]]
            if size:
                at += size
                continue
            is_list = data[at : at + 1] in _LISTS
            at, inner = _next_item(data, at)
            if is_list:
                items_left -= inner
                lists_left -= 1
                depth = len(open_lists) + 1
                _check_list(inner, len(data) - at, depth, min(items_left, lists_left))
                open_lists.append(left)
                left = inner
    if at != len(data):
        raise ValueError(f"the message ends after {at} bytes of {len(data)}")


def _next_item(
    data: bytes,
    at: int,
) -> tuple[int, int]:
    """Where the item behind this head begins, and how many items lie within this one."""
    if at >= len(data):
        raise ValueError(f"it is cut short after {len(data)} bytes")
    first = data[at]
    if first not in _HEADS:
        raise ValueError(f"byte {at} is {first:#x}: an extension, or no msgpack")
    size, width, unit, inner = _HEADS[first]
    behind = at + size
    if not width:
        return behind, inner
    begin = at + 1
    digits = data[begin : begin + width]
    length = int.from_bytes(digits, "big")
    behind += length * unit
    return behind, length * inner


def _check_list(
    inner: int,
    room: int,
    depth: int,
    budget: int,
) -> None:
    """Check a list of `inner` items, each of which takes a byte of the `room` behind its head."""
    if inner > room:
        raise ValueError(f"a list of {inner} items in the last {room} bytes")
    if depth > MAX_DEPTH:
        raise ValueError(f"lists and maps lie more than {MAX_DEPTH} deep in each other")
    if budget < 0:
        raise ValueError(f"more than {MAX_LISTS} lists, or more items than its size warrants")
