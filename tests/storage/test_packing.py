"""msgpack under limits: plain data come back, and bombs do not go off.

Modules: storage.packing
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipekit import Doc
from pipekit.errors import PipekitFormatError
from pipekit.storage.packing import MAX_DEPTH, pack, unpack, unpack_foreign

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=40)
    | st.binary()
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=5), inner, max_size=20)
    ),
    max_leaves=60,
)


def unpacked(data: bytes) -> Any:
    return unpack(data, "it")


REFUSED = {
    "a key that is a number": (b"\x81\x01\x02", "int is not allowed for map key"),
    "a key that is bytes": (b"\x81\xc4\x01a\x02", "the key b'a' is no string"),
    "a key that is a list": (b"\x81\x90\x02", "damaged"),
    "a key twice": (b"\x82\xa1a\x01\xa1a\x02", "the key 'a' stands there twice"),
    "an extension": (b"\xd4\x01\x00", "byte 0 is 0xd4"),
    "a time": (b"\xd6\xff\x00\x00\x00\x00", "byte 0 is 0xd6"),
    "the byte that is none": (b"\xc1", "byte 0 is 0xc1"),
    "a list longer than the message": (
        b"\xdd\xff\xff\xff\xff",
        "a list of 4294967295 items in the last 0 bytes",
    ),
    "a string longer than the message": (
        b"\xdb\xff\xff\xff\xff",
        "ends after 4294967300 bytes of 5",
    ),
    "half a length": (b"\xdd\xff", "damaged"),
    "two messages": (b"\x01\x01", "ends after 1 bytes of 2"),
    "nothing": (b"", "cut short after 0 bytes"),
    "letters that are no UTF-8": (b"\xa1\xff", "damaged"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_msgpack_beyond_plain_data_is_refused(case: str) -> None:
    data, reason = REFUSED[case]
    with pytest.raises(PipekitFormatError, match=reason):
        unpacked(data)


@settings(max_examples=100, deadline=None)
@given(TREES)
def test_plain_data_come_back(tree: Any) -> None:
    assert unpacked(pack(tree)) == tree


@pytest.mark.parametrize("begin", [b"\x91", b"\x81\xa1a"])
def test_lists_lie_as_deep_in_each_other_as_the_limit_and_no_deeper(begin: bytes) -> None:
    unpacked(begin * MAX_DEPTH + b"\xc0")
    with pytest.raises(PipekitFormatError, match=f"more than {MAX_DEPTH} deep"):
        unpacked(begin * (MAX_DEPTH + 1) + b"\xc0")


MB = 1 << 20
BOMBS = {
    "empty lists": b"\xdd" + MB.to_bytes(4, "big") + b"\x90" * MB,
    "empty maps": b"\xdd" + MB.to_bytes(4, "big") + b"\x80" * MB,
    "short strings": b"\xdd" + MB.to_bytes(4, "big") + b"\xa2ab" * MB,
    "claims within claims": b"\xdd\x00\x0f\xff\xff" * (MB // 5),
    "claims of maps": b"\xdf\x00\x07\xff\xff" * (MB // 5),
    "lists of one": b"\xdd" + (MB // 2).to_bytes(4, "big") + b"\x91\xc0" * (MB // 2),
    "maps of one": b"\xdd" + (MB // 3).to_bytes(4, "big") + b"\x81\xa0\xc0" * (MB // 3),
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("read", [Doc.from_bytes, unpacked])
def test_memory_stays_within_sixteen_times_the_input_and_16_mb(
    bomb: str, read: Callable[[bytes], Any]
) -> None:
    data = BOMBS[bomb]
    tracemalloc.start()
    try:
        with pytest.raises(PipekitFormatError):
            read(data)
        assert tracemalloc.get_traced_memory()[1] <= 16 * len(data) + 16 * MB
    finally:
        tracemalloc.stop()


def test_messages_of_others_may_have_keys_of_bytes_and_no_other_faults() -> None:
    assert unpack_foreign(b"\x81\xc4\x01a\x01", "a message") == {b"a": 1}
    for damaged in (b"\x81", b"\xc1", b"\x93\x01", b"\xdf\xff\xff\xff\xff", b"\x91" * 5_000):
        with pytest.raises(PipekitFormatError, match="a message is damaged"):
            unpack_foreign(damaged, "a message")
