"""msgpack under limits: the one user of msgpack.

What is read here may be hostile. msgpack itself reserves what the head of a list claims, a thousand lists deep: a message of 1 MB can
ask for gigabytes. So the heads are walked over first, and no length is believed that the bytes behind it do not back.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import msgpack

from pipekit.errors import PipekitFormatError

MAX_DEPTH = 32  # of lists and maps within each other
MAX_LISTS = 50_000  # and maps: an empty one of a byte takes 64 in memory
MAX_ITEMS = 200_000  # of all lists and maps together, and one more for every eight bytes: two letters take 51 bytes
_ERRORS = "surrogatepass"  # file names that are no UTF-8 hold lone surrogates, and Docs bear the names of files


def pack(message: Any) -> bytes:
    """Plain data as msgpack."""
    try:
        packed: bytes = msgpack.packb(message)
    except UnicodeEncodeError:
        packed = msgpack.packb(message, unicode_errors=_ERRORS)
    return packed


def unpack(data: bytes, what: str) -> Any:
    """The plain data of `pack`; keys are strings. Errors: `PipekitFormatError` naming `what` and the limit that is broken."""
    try:
        _check_heads(data)
        return msgpack.unpackb(data, unicode_errors=_ERRORS, object_pairs_hook=_map)
    except (ValueError, TypeError) as error:
        raise PipekitFormatError(f"{what} is damaged: {error}") from error


def unpack_flat(data: bytes, what: str, most: int) -> list[Any]:
    """A list of up to so many numbers, strings and bytes, none of them a list. Errors: `PipekitFormatError` naming `what`."""
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
        raise PipekitFormatError(f"{what} is damaged: {error or 'it is cut short'}") from error
    return items


def _map(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key, value in pairs:
        if not isinstance(key, str):
            raise ValueError(f"the key {key!r:.60} is no string")
        if key in mapping:
            raise ValueError(f"the key {key!r:.60} stands there twice")
        mapping[key] = value
    return mapping


# For each first byte of an item: the bytes of the item, the width of the length that follows, and how many bytes and how many items
# come on top for each unit of that length, or, where no length follows, how many items in all. Other bytes are extensions or no msgpack.
_HEADS: dict[int, tuple[int, int, int, int]] = {
    **dict.fromkeys((*range(128), 192, 194, 195, *range(224, 256)), (1, 0, 0, 0)),
    **{0x80 + n: (1, 0, 0, 2 * n) for n in range(16)},
    **{0x90 + n: (1, 0, 0, n) for n in range(16)},
    **{0xA0 + n: (1 + n, 0, 0, 0) for n in range(32)},
    **{first + i: (1 + 2**i, 2**i, 1, 0) for first in (0xC4, 0xD9) for i in range(3)},
    0xCA: (5, 0, 0, 0),
    0xCB: (9, 0, 0, 0),
    **{first + i: (1 + 2**i, 0, 0, 0) for first in (0xCC, 0xD0) for i in range(4)},
    0xDC: (3, 2, 0, 1),
    0xDD: (5, 4, 0, 1),
    0xDE: (3, 2, 0, 2),
    0xDF: (5, 4, 0, 2),
}

_LISTS = {bytes([byte]) for byte in (*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF)}


def _check_heads(data: bytes) -> None:
    """Be sure that the message is whole and within the limits. Errors: `ValueError`."""
    at, items, lists = 0, MAX_ITEMS + len(data) // 8, MAX_LISTS
    left = [1]  # items still to come, for each list that is open
    while left:
        if not left[-1]:
            left.pop()
            continue
        left[-1] -= 1
        is_list = data[at : at + 1] in _LISTS
        at, inner = _step(data, at)
        if is_list:
            items, lists = items - inner, lists - 1
            _check_list(inner, len(data) - at, len(left), min(items, lists))
            left.append(inner)
    if at != len(data):
        raise ValueError(f"the message ends after {at} bytes of {len(data)}")


def _step(data: bytes, at: int) -> tuple[int, int]:
    """Where the next item begins, and how many lie within this one."""
    if at >= len(data):
        raise ValueError(f"it is cut short after {len(data)} bytes")
    if data[at] not in _HEADS:
        raise ValueError(f"byte {at} is {data[at]:#x}: an extension, or no msgpack")
    size, width, per_unit, inner = _HEADS[data[at]]
    if width:
        length = int.from_bytes(data[at + 1 : at + 1 + width], "big")
        return at + size + length * per_unit, length * inner
    return at + size, inner


def _check_list(inner: int, room: int, depth: int, budget: int) -> None:
    if inner > room:
        raise ValueError(f"a list of {inner} items in the last {room} bytes")
    if depth > MAX_DEPTH:
        raise ValueError(f"lists and maps lie more than {MAX_DEPTH} deep in each other")
    if budget < 0:
        raise ValueError(f"more than {MAX_LISTS} lists, or more items than its size warrants")
