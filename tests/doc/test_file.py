"""Files of Docs: read back, appended to, and read on behind damage.

Modules: doc.file
"""

from __future__ import annotations

import errno
import os
import random
import tracemalloc
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.doc_strategies import content, docs
from helpers.places import GOLDEN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipekit import Doc, PipekitWarning
from pipekit.doc import file as docfile
from pipekit.doc.file import read_docs, write_docs
from pipekit.errors import DataError, PipekitFormatError, StoreError
from pipekit.storage import files


def numbered(count: int, first: int = 0) -> list[Doc]:
    found = []
    for i in range(first, first + count):
        doc = Doc(words=["слово", str(i)])
        doc.name = str(i)
        doc.tokens.set("pos", ["NOUN", "NUM"])
        found.append(doc)
    return found


def names(path: Path, on_error: docfile.OnError = "raise") -> list[str | None]:
    return [doc.name for doc in read_docs(path, on_error=on_error)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_docs(numbered(10), tmp_path / "x.docs")
    return tmp_path / "x.docs"


@pytest.fixture(autouse=True)
def mended() -> Iterator[None]:
    yield
    files.failpoint = None


def starts_of(path: Path) -> list[int]:
    """Where the records begin, and the end."""
    with open(path, "rb") as file:
        return [*(place.start for place in docfile._places(file)), path.stat().st_size]


# -- what comes back


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(docs(), max_size=4), st.lists(docs(), max_size=2))
def test_docs_come_back_in_order_also_those_appended(
    tmp_path: Path, written: list[Doc], appended: list[Doc]
) -> None:
    write_docs(iter(written), tmp_path / "x")
    write_docs(iter(appended), tmp_path / "x", append=True)
    assert [content(doc) for doc in read_docs(tmp_path / "x")] == [
        content(doc) for doc in written + appended
    ]


def test_appending_to_nothing_begins_a_file(tmp_path: Path) -> None:
    write_docs(numbered(2), tmp_path / "x", append=True)
    write_docs(numbered(2), tmp_path / "y")
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_writing_again_begins_anew(path: Path) -> None:
    write_docs(numbered(1, 7), path)
    assert names(path) == ["7"]


def test_docs_stream_through_in_little_memory(tmp_path: Path) -> None:
    def many() -> Iterator[Doc]:
        for i in range(3_000):
            yield Doc(words=["слово" * 200, str(i)])

    tracemalloc.start()
    write_docs(many(), tmp_path / "x")
    count = sum(1 for _ in read_docs(tmp_path / "x"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 3_000 and (tmp_path / "x").stat().st_size > 6_000_000 and peak < 4_500_000


def test_docs_that_fail_halfway_leave_the_old_file(path: Path) -> None:
    def failing() -> Iterator[Doc]:
        yield from numbered(1)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_docs(failing(), path)
    assert len(names(path)) == 10 and os.listdir(path.parent) == [path.name]


def test_the_golden_file_reads_for_ever() -> None:
    found = list(read_docs(GOLDEN / "format-1.docs"))
    assert [content(doc) for doc in found] == [content(doc) for doc in golden_docs()]


def golden_docs() -> list[Doc]:
    rich, plain = Doc(words=["Мама", "мыла", "раму"]), Doc(words=[])
    rich.name, plain.error = "первый", "нет слов"
    rich.tokens.set("pos", ["NOUN", "VERB", None]).set("sent_start", np.array([True, False, False]))
    rich.layers["ents"] = (
        rich.add_layer("ents", "span", 2)
        .set("start", [0, 2])
        .set("end", [1, 3])
        .set("label", ["PER", None])
    )
    rich.add_layer("relations", "link", 1, target="ents").set("head", [0]).set("tail", [1]).set(
        "score", np.array([0.5], np.float32)
    )
    rich.add_layer("cats", "doc", 1).set("быт", np.array([np.nan]))
    return [rich, plain]


# -- damage


def damaged(path: Path, change: str, rng: random.Random) -> int:
    """Damage one record, and say which."""
    starts = starts_of(path)
    hit = rng.randrange(10)
    data = bytearray(path.read_bytes())
    start, stop = starts[hit], starts[hit + 1]
    at = rng.randrange(start, stop)
    if change == "flip":
        data[at] ^= 1 << rng.randrange(8)
    elif change == "zero the record":
        data[start:stop] = bytes(stop - start)
    elif change == "overwrite the head":
        data[start : start + 16] = rng.randbytes(16)
    elif change == "overwrite the length":
        data[start + 4 : start + 8] = b"\xff\xff\xff\x7f"
    elif change == "insert":
        data[at:at] = rng.randbytes(3)
    path.write_bytes(data)
    return hit


@pytest.mark.parametrize(
    "change", ["flip", "zero the record", "overwrite the head", "overwrite the length"]
)
def test_a_damaged_record_is_named_and_the_others_are_read(path: Path, change: str) -> None:
    whole, rng = path.read_bytes(), random.Random(change)
    for _ in range(25):
        path.write_bytes(whole)
        start = starts_of(path)
        hit = damaged(path, change, rng)
        with pytest.warns(
            PipekitWarning, match=rf"x\.docs: record {hit} at byte {start[hit]} is lost"
        ) as warned:
            assert names(path, "skip") == [str(i) for i in range(10) if i != hit]
        assert len(warned) == 1
        with pytest.raises(
            PipekitFormatError, match=rf"record {hit} at byte {start[hit]} is lost.*on_error='skip'"
        ):
            names(path)


def test_bytes_put_in_cost_one_record_or_two(path: Path) -> None:
    whole, rng = path.read_bytes(), random.Random(5)
    for _ in range(25):
        path.write_bytes(whole)
        hit = damaged(path, "insert", rng)
        with warnings.catch_warnings(record=True, action="always") as warned:
            found = names(path, "skip")
        assert f"record {hit} at byte" in str(warned[0].message)
        assert set(map(str, range(10))) - set(found) <= {str(hit), str(hit + 1)}


def test_random_corruption_raises_format_errors_only(path: Path) -> None:
    whole, rng = path.read_bytes(), random.Random(6)
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            i = rng.randrange(len(data))
            data[i : i + rng.randrange(40)] = rng.randbytes(rng.randrange(40))
        path.write_bytes(data)
        with warnings.catch_warnings(action="ignore"):
            try:
                found = names(path, "skip")
            except PipekitFormatError:
                assert not data.startswith(b"PKDOCS\0\1")
                continue
        assert found == sorted(found, key=lambda name: int(name or 0))


def test_what_is_no_file_of_docs_is_refused(tmp_path: Path) -> None:
    for data, reason in (
        (b"", "is no file of Docs"),
        (b"PK\x03\x04", "is no file of Docs"),
        (b"PKDOCS\0\2", "format 02.*upgrade pipekit"),
    ):
        (tmp_path / "x").write_bytes(data)
        with pytest.raises(PipekitFormatError, match=reason):
            names(tmp_path / "x")
    with pytest.raises(PipekitFormatError, match="is no file of Docs"):
        (tmp_path / "x").write_bytes(b"a text of mine")
        write_docs([], tmp_path / "x", append=True)
    assert (tmp_path / "x").read_bytes() == b"a text of mine"


def test_an_unknown_way_with_errors_is_refused_at_once(path: Path) -> None:
    with pytest.raises(DataError, match="on_error is 'ignore'; it may be 'raise' or 'skip'"):
        read_docs(path, on_error="ignore")  # type: ignore[arg-type]


@pytest.mark.parametrize("window", [1, 4, 5, 15, 16, 17, 64])
def test_the_next_record_is_found_wherever_windows_of_the_search_end(
    window: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docfile, "_FIRST_WINDOW", window)
    monkeypatch.setattr(docfile, "_WINDOW", window)
    data = bytearray(path.read_bytes())
    data[starts_of(path)[4] + 1] ^= 1  # its head
    path.write_bytes(data)
    with pytest.warns(PipekitWarning, match="record 4"):
        assert names(path, "skip") == [str(i) for i in range(10) if i != 4]


# -- crashes while appending


def test_a_torn_tail_is_cut_off_by_the_next_append_at_every_length(path: Path) -> None:
    before = path.read_bytes()
    write_docs(numbered(1, 10), path, append=True)
    after = path.read_bytes()
    for length in range(len(before) + 1, len(after)):
        path.write_bytes(after[:length])
        with pytest.warns(
            PipekitWarning,
            match=rf"the last {length - len(before)} bytes, a record cut short, were removed",
        ):
            write_docs(numbered(1, 11), path, append=True)
        assert names(path) == [*map(str, range(10)), "11"]


def test_a_crash_before_the_first_record_leaves_a_file_to_append_to(path: Path) -> None:
    magic = path.read_bytes()[:8]
    for length in range(9):
        path.write_bytes(magic[:length])
        write_docs(numbered(1), path, append=True)
        assert names(path) == ["0"]


def test_zeros_that_a_loss_of_power_leaves_are_cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes() + bytes(5000))
    with pytest.warns(PipekitWarning, match="the last 5000 bytes"):
        write_docs(numbered(1, 10), path, append=True)
    assert names(path) == [str(i) for i in range(11)]


def test_a_last_record_whose_bytes_are_others_is_cut_off_like_a_torn_one(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.warns(PipekitWarning, match="bytes, a record cut short, were removed"):
        write_docs(numbered(1, 10), path, append=True)
    assert names(path) == [*map(str, range(9)), "10"]


def test_damage_in_the_middle_is_no_torn_tail(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[starts_of(path)[4] + 20] ^= 1
    path.write_bytes(data)
    write_docs(numbered(1, 10), path, append=True)
    with pytest.warns(PipekitWarning, match="record 4"):
        assert names(path, "skip") == [str(i) for i in range(11) if i != 4]


def test_a_disk_that_refuses_an_append_keeps_every_record_that_was_there(path: Path) -> None:
    before = path.read_bytes()
    for at in range(1, 30):
        path.write_bytes(before)
        calls = []

        def fail(call: str, _: str, at: int = at, calls: list[str] = calls) -> int | None:
            calls.append(call)
            if len(calls) >= at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return 10

        files.failpoint = fail
        try:
            write_docs(numbered(2, 10), path, append=True)
        except StoreError as error:
            assert "No space left" in str(error)
        else:
            break
        finally:
            files.failpoint = None
        with warnings.catch_warnings(action="ignore"):
            write_docs(numbered(1, 12), path, append=True)
        assert names(path)[:10] == [str(i) for i in range(10)] and names(path)[-1] == "12"
    assert at > 10


def test_behind_a_large_record_an_append_finds_the_end_and_a_torn_one_is_cut_off(
    path: Path,
) -> None:
    large = Doc(words=["слово " * 100_000 + "!"] * 4)
    write_docs([large], path, append=True)
    write_docs(numbered(1, 10), path, append=True)
    whole = path.stat().st_size
    write_docs([large], path, append=True)
    assert [doc.name for doc in read_docs(path)] == [*map(str, range(10)), None, "10", None]
    os.truncate(path, path.stat().st_size - 1)
    with pytest.warns(PipekitWarning, match="a record cut short, were removed"):
        write_docs(numbered(1, 11), path, append=True)
    assert path.stat().st_size < whole + 1_000
    assert names(path)[-2:] == ["10", "11"]
