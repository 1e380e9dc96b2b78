"""Files that are no pipelines, were altered, or were made to do harm.

Each is refused with a reason, and nothing in it is run.

Modules: storage.store
"""

from __future__ import annotations

import gc
import hashlib
import locale
import os
import pickle
import random
import signal
import struct
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.stored import HEADER, PREFIX, reheaded, saved, tensors, with_header
from hypothesis import given, settings
from hypothesis import strategies as st

from pipekit import Doc
from pipekit.errors import CorruptModelError, PipekitFormatError
from pipekit.storage import store
from pipekit.storage.packing import pack, unpack

# -- what is no pipeline file


def foreign(folder: Path) -> Iterator[tuple[str, bytes, str]]:
    with zipfile.ZipFile(folder / "z.zip", "w") as archive:
        archive.writestr("a", "b")
    yield "zip", (folder / "z.zip").read_bytes(), "a zip archive"
    yield "pickle", pickle.dumps({"a": 1}), "a pickle, which pipekit never opens"
    yield "safetensors", struct.pack("<Q", 2) + b"{}", "perhaps a safetensors file"
    yield "gzip", b"\x1f\x8b\x08\x00", "gzip"
    yield "json", b'{"config": {}}', "JSON"
    yield "text", "Мама мыла раму".encode(), "a file that begins with"
    yield "empty", b"", "an empty file"
    yield "zeros", bytes(1000), "a file that begins with"
    yield "half a magic", b"PIPE", "a file that begins with"
    yield "nothing but the magic", b"PIPEKIT\0", "cut short after 8 bytes"


def test_foreign_files_are_refused_by_what_they_are(tmp_path: Path) -> None:
    for name, data, reason in foreign(tmp_path):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(CorruptModelError, match=reason) as caught:
            store.load_container(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


def test_a_folder_holds_exactly_one_pipeline(tmp_path: Path) -> None:
    with pytest.raises(CorruptModelError, match=r"holds 0 files \*\.pipekit \(none\)"):
        store.load_container(tmp_path)
    for name in ("a.pipekit", "b.pipekit"):
        (tmp_path / name).write_bytes(saved())
    with pytest.raises(
        CorruptModelError,
        match=r"holds 2 files \*\.pipekit \(a.pipekit, b.pipekit\): name the file",
    ):
        store.load_container(tmp_path)


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "nothing", tmp_path / "pipe", "/dev/null", "a\0b"):
        with pytest.raises(CorruptModelError, match="there is no such file"):
            store.load_container(path)


# -- files that were altered


def corruptions(data: bytes, other: bytes, count: int) -> Iterator[tuple[str, bytes]]:
    rng = random.Random(7)
    for _ in range(count):
        i, j = sorted(rng.sample(range(len(data)), 2))
        k = rng.randrange(len(data) - (j - i))
        yield from (
            ("flip", data[:i] + bytes([data[i] ^ 1 << rng.randrange(8)]) + data[i + 1 :]),
            ("truncate", data[:i]),
            ("zero", data[:i] + bytes(j - i) + data[j:]),
            ("delete", data[:i] + data[j:]),
            ("append", data + rng.randbytes(rng.randrange(1, 100))),
            ("insert", data[:i] + rng.randbytes(rng.randrange(1, 9)) + data[i:]),
            ("swap", data[:i] + data[k : k + j - i] + data[j:]),
            ("mix", data[:i] + other[i:]),
        )


def test_every_random_corruption_is_refused(tmp_path: Path) -> None:
    data, path = saved(), tmp_path / "m.pipekit"
    other = store.to_bytes(
        {**HEADER, "meta": {"name": "ПРОБА"}},
        {name: array + array for name, array in tensors().items()},
    )
    refused = 0
    for kind, altered in corruptions(data, other, 200):
        if altered in (data, other):
            continue
        with pytest.raises(CorruptModelError, match="the bytes"):
            store.container_from_bytes(altered)
            pytest.fail(f"{kind} was not noticed")
        refused += 1
        if not refused % 20:
            path.write_bytes(altered)
            with pytest.raises(CorruptModelError, match=r"m\.pipekit"):
                store.load_container(path)
    assert refused > 1500


def state_of_the_process() -> dict[str, Any]:
    """What a failed load must not change."""
    folder = Path("/proc/self/fd")
    return {
        "collector": (gc.isenabled(), gc.get_threshold()),
        "descriptors": len(list(folder.iterdir())) if folder.is_dir() else 0,
        "folder": os.getcwd(),
        "umask": os.umask(os.umask(0o022)),
        "locale": locale.setlocale(locale.LC_ALL),
        "errors of numbers": np.geterr(),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        "environment": dict(os.environ),
        "threads": threading.active_count(),
    }


def test_loads_that_fail_leave_the_process_as_it_was(tmp_path: Path) -> None:
    data, path = saved(), tmp_path / "m.pipekit"
    doc = Doc(words=["Мама", "мыла"]).to_bytes()
    before = state_of_the_process()
    for kind, altered in corruptions(data, data[::-1], 20):
        path.write_bytes(altered)
        with pytest.raises(CorruptModelError):
            store.load_container(path)
            pytest.fail(f"{kind} was not noticed")
        assert state_of_the_process() == before, kind
    header = pack({"requires": [], "header": {}, "tensors": []})
    for at in range(len(header)):
        with pytest.raises(PipekitFormatError):
            unpack(header[:at], "it")
        assert state_of_the_process() == before
    for at in range(len(doc)):
        with pytest.raises(PipekitFormatError):
            Doc.from_bytes(doc[:at])
        assert state_of_the_process() == before


def test_each_single_byte_is_under_a_checksum() -> None:
    data = saved()
    for i in range(len(data)):
        with pytest.raises(CorruptModelError):
            store.container_from_bytes(data[:i] + bytes([data[i] ^ 0x10]) + data[i + 1 :])


def test_a_damaged_tensor_is_named() -> None:
    data = bytearray(saved())
    data[-1] ^= 1
    with pytest.raises(
        CorruptModelError,
        match=r"tensor 'encoders/main/weights/scalar' was altered.*Copy or download it again",
    ):
        store.container_from_bytes(bytes(data))
    with pytest.raises(
        CorruptModelError, match="cut short within tensor 'encoders/main/weights/scalar'"
    ):
        store.container_from_bytes(saved()[:-1])
    with pytest.raises(CorruptModelError, match="3 bytes follow its end"):
        store.container_from_bytes(saved() + b"abc")


def first(message: dict[str, Any]) -> dict[str, Any]:
    return message["tensors"][0]  # type: ignore[no-any-return]


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "an unknown feature": (
        lambda m: m["requires"].append("sparse"),
        r"requires \['sparse'\].*Upgrade pipekit",
    ),
    "a requirement that is no name": (lambda m: m["requires"].append(["a"]), "are no names"),
    "no requirements": (lambda m: m.pop("requires"), "does not consist of"),
    "one part too many": (lambda m: m.update(extra=1), "does not consist of"),
    "a header that is a list": (lambda m: m.update(header=[]), "does not consist of"),
    "a line that is a string": (lambda m: m["tensors"].append("x"), "line 6 of the index"),
    "a line without a shape": (lambda m: first(m).pop("shape"), "line 0 of the index"),
    "a shape that is a number": (lambda m: first(m).update(shape=15), "line 0 of the index"),
    "a negative axis": (lambda m: first(m).update(shape=[-3, -5]), "has the shape"),
    "an axis that is a float": (lambda m: first(m).update(shape=[3.0, 5]), "has the shape"),
    "an axis that is a boolean": (lambda m: first(m).update(shape=[True, 5]), "has the shape"),
    "axes without end": (lambda m: first(m).update(shape=[1] * 17), "has the shape"),
    "a shape beyond memory": (lambda m: first(m).update(shape=[2**60, 2**60]), "has the shape"),
    "an empty shape beyond memory": (lambda m: first(m).update(shape=[0, 2**62]), "has the shape"),
    "a larger shape": (lambda m: first(m).update(shape=[3, 6]), "does not lie in"),
    "a length beyond the file": (lambda m: first(m).update(length=2**40), "does not lie in"),
    "a negative length": (lambda m: first(m).update(length=-1), "does not lie in"),
    "an offset into the header": (lambda m: first(m).update(offset=-10), "out of order"),
    "a tensor twice": (lambda m: m["tensors"].insert(0, m["tensors"][0]), "out of order"),
    "a tensor left out": (lambda m: m["tensors"].pop(), "bytes follow its end"),
    "tensors out of order": (lambda m: m["tensors"].reverse(), "out of order"),
    "an unknown dtype": (
        lambda m: first(m).update(dtype="object", stored="object"),
        "is stored as object",
    ),
    "a dtype that is code": (lambda m: first(m).update(dtype="i4,(2,3)f8"), "is stored as"),
    "another dtype": (lambda m: first(m).update(dtype="int32", stored="int32"), "does not lie in"),
    "a dtype that grows": (
        lambda m: first(m).update(dtype="float64"),
        "of float64 is stored as float32",
    ),
    "another checksum": (lambda m: first(m).update(sha256=bytes(32)), "was altered"),
    "a checksum of no bytes": (lambda m: first(m).update(sha256=b""), "was altered"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_index_under_a_right_checksum_is_refused(case: str) -> None:
    change, reason = HOSTILE[case]
    with pytest.raises(CorruptModelError, match=reason):
        store.container_from_bytes(reheaded(change))


def test_a_message_that_contradicts_the_index_is_refused() -> None:
    data = store.to_bytes({}, {"x": np.zeros(3, dtype=np.float32)})
    start = PREFIX.size + PREFIX.unpack(data[: PREFIX.size])[2]
    message = data[start:].replace(b"float32", b"float16")
    changed = reheaded(
        lambda m: first(m).update(sha256=hashlib.sha256(message).digest()), data[:start] + message
    )
    with pytest.raises(CorruptModelError, match="tensor 'x' was altered"):
        store.container_from_bytes(changed)


def test_a_newer_format_is_refused_with_the_way_out() -> None:
    data = bytearray(saved())
    data[8] = 2
    with pytest.raises(
        CorruptModelError,
        match=r"format 2, this pipekit reads up to 1\. Upgrade pipekit",
    ):
        store.container_from_bytes(bytes(data))


def test_mutants_of_the_header_under_a_right_checksum_are_read_or_refused() -> None:
    rng = random.Random(3)
    data = saved()
    length = PREFIX.unpack(data[: PREFIX.size])[2]
    header, rest = data[PREFIX.size : PREFIX.size + length], data[PREFIX.size + length :]
    for _ in range(5_000):
        mutant = bytearray(header)
        for _ in range(rng.choice([1, 1, 2, 4])):
            at = rng.randrange(len(mutant))
            mutant[at : at + rng.choice([0, 1, 1, 2])] = rng.choice(
                [b"", b"\xc0", b"\x80", b"\xdd", b"\xff", b"\xc1", rng.randbytes(1)]
            )
        with suppress(CorruptModelError):
            store.container_from_bytes(with_header(bytes(mutant), rest))


JUNK = (
    st.none()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(max_size=9)
    | st.lists(st.integers(0, 2**40), max_size=20)
    | st.binary()
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_an_index_with_one_value_replaced_is_read_or_refused(data: st.DataObject) -> None:
    def change(message: dict[str, Any]) -> None:
        entry = data.draw(st.sampled_from(message["tensors"]))
        key = data.draw(st.sampled_from(sorted(entry)))
        entry[key] = data.draw(JUNK)

    with suppress(CorruptModelError):
        store.container_from_bytes(reheaded(change))


# -- nothing is run

FORBIDDEN = (
    "exec",
    "compile",
    "import",
    "pickle",
    "marshal",
    "os.",
    "subprocess",
    "socket",
    "ctypes",
    "shutil",
    "tempfile",
    "urllib",
)
EVENTS: list[tuple[str, Any]] | None = None


def listen(event: str, arguments: tuple[Any, ...]) -> None:
    if EVENTS is not None and (event == "open" or event.startswith(FORBIDDEN)):
        EVENTS.append((event, arguments))


def events_of(load: Callable[[], object]) -> list[tuple[str, Any]]:
    global EVENTS
    with suppress(CorruptModelError):
        load()  # warm: what is imported late is imported now
    EVENTS = []
    with suppress(CorruptModelError):
        load()
    found, EVENTS = EVENTS, None
    return found


def test_loading_opens_its_file_and_does_nothing_else(tmp_path: Path) -> None:
    sys.addaudithook(listen)
    assert events_of(lambda: exec("1")), "the hook hears nothing"
    path = tmp_path / "m.pipekit"
    evil = pickle.dumps(Evil())
    hostile = reheaded(
        lambda m: m["header"].update(
            config={"type": "os:system", "template": "{{7*7}}", "path": "../../etc/passwd"}
        )
    )
    for data in (
        saved(),
        saved()[:-1],
        saved() + evil,
        evil,
        hostile,
        store.to_bytes({}, {"x": np.frombuffer(evil, np.uint8)}),
    ):
        path.write_bytes(data)
        opened = [
            (event, arguments[0])
            for event, arguments in events_of(lambda: store.load_container(path))
        ]
        assert opened == [("open", str(path))]
        assert events_of(lambda data=data: store.container_from_bytes(data)) == []


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("echo run >&2",)
