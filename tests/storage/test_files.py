"""Saving when the disk refuses, at each I/O call in turn.

The old file or the new one is there, whole, and nothing beside it.

Modules: storage.files, storage.store
"""

from __future__ import annotations

import errno
import io
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.chaos import run_alone
from helpers.synced import identity, watched

from pipekit.errors import ConfigError, CorruptModelError, PipekitError, StoreError
from pipekit.storage import files, store

pytestmark = pytest.mark.limit(60)  # seconds; a lock that is waited for would hang them

OLD, NEW = {"config": {"which": "old"}}, {"config": {"which": "new"}}


def tensors(value: int) -> dict[str, np.ndarray]:
    return {
        "a": np.full(1000, value, dtype=np.float32),
        "large": np.full(400_000, value, dtype=np.float32),
    }


def save(path: Path, header: dict[str, dict[str, str]]) -> None:
    store.save(path, header, tensors(len(header["config"]["which"]) if header is OLD else 7))


class Break:
    """A failpoint: counts the calls, and from number `at` on, or only there, lets them fail."""

    def __init__(
        self,
        at: int = 0,
        code: int = errno.ENOSPC,
        *,
        forever: bool = False,
        short: int | None = None,
    ) -> None:
        self.at, self.code, self.forever, self.short = at, code, forever, short
        self.calls: list[str] = []

    def __call__(self, call: str, path: str) -> int | None:
        self.calls.append(call)
        now = len(self.calls) >= self.at if self.forever else len(self.calls) == self.at
        # A disk that does not even remove a file can only be left with it.
        if not self.at or not now or (self.forever and call == "unlink"):
            return None
        if self.short is not None:
            return self.short
        raise OSError(self.code, os.strerror(self.code))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save(tmp_path / "m.pipekit", OLD)
    return tmp_path / "m.pipekit"


@pytest.fixture(autouse=True)
def mended() -> Iterator[None]:
    yield
    files.failpoint = None


def calls_of_a_save(path: Path) -> list[str]:
    counter = files.failpoint = Break()
    save(path, OLD)
    files.failpoint = None
    return counter.calls


def test_a_save_is_written_flushed_and_then_put_in_place(path: Path) -> None:
    calls = calls_of_a_save(path)
    assert calls[0] == "open" and set(calls[1:-3]) == {"write"}
    assert calls[-3:] == ["fsync", "replace", "fsync folder"]


def test_what_is_put_in_place_lies_on_the_disk_by_then_and_its_name_soon_after(path: Path) -> None:
    with watched() as disk:
        save(path, NEW)
    assert disk.replaced == [(path, True)]
    assert identity(path.parent.stat()) in disk.names


def test_what_was_appended_lies_on_the_disk_once_it_is_synced(tmp_path: Path) -> None:
    with watched() as disk, files.File(tmp_path / "x", append=True) as file:
        file.write(b"abc")
        file.sync()
        assert disk.is_certain(tmp_path / "x", 3)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("forever", [False, True])
def test_a_disk_that_refuses_leaves_the_old_file_or_the_new(
    path: Path, code: int, forever: bool
) -> None:
    for at in range(1, len(calls_of_a_save(path)) + 1):
        save(path, OLD)
        files.failpoint = Break(at, code, forever=forever)
        with pytest.raises(StoreError, match=os.strerror(code)) as caught:
            save(path, NEW)
        files.failpoint = None
        assert caught.value.errno == code and isinstance(caught.value, PipekitError)
        assert store.load_container(path).header in (OLD, NEW)
        assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("forever", [False, True])
def test_a_short_write_is_gone_on_with(path: Path, forever: bool) -> None:
    for at in range(1, len(calls_of_a_save(path)) + 1):
        save(path, OLD)
        files.failpoint = Break(at, forever=forever, short=100_000)
        save(path, NEW)
        assert store.load_container(path).header == NEW


def test_a_disk_that_fills_up_within_a_write_leaves_the_old_file(path: Path) -> None:
    def fills(call: str, path: str, written: list[int] = []) -> int | None:  # noqa: B006
        if call != "write":
            return None
        written.append(1)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return 999

    files.failpoint = fills
    with pytest.raises(
        StoreError,
        match=r"m\.pipekit could not be written: No space left.*"
        r"after 999 of the \d+ bytes.*is intact",
    ):
        save(path, NEW)
    assert store.load_container(path).header == OLD
    assert os.listdir(path.parent) == [path.name]


def test_what_the_chunks_raise_passes_and_leaves_the_old_file(path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x" * 3_000_000
        raise KeyError("from the generator")

    with pytest.raises(KeyError, match="from the generator"):
        files.write_atomically(path, chunks())
    assert store.load_container(path).header == OLD
    assert os.listdir(path.parent) == [path.name]


KILLED = """
import sys
from pathlib import Path
import numpy as np
from helpers.chaos import killed_at
from pipekit.storage import store

path = Path(sys.argv[1])
def save(which):
    store.save(path, {"which": which}, {"large": np.full(400_000, len(which), dtype=np.float32)})
at, killed = 0, True
while killed:
    at += 1
    save("old")
    killed = killed_at(at, lambda: save("newest"), short=700_000)
    for found in (store.load_container(path), store.load_container(path.parent)):
        assert found.header["which"] in ("old", "newest")
        assert (found.tensors["large"] == len(found.header["which"])).all()
print(at)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_save_leaves_the_old_file_or_the_new_and_strays_are_not_picked_up(
    tmp_path: Path,
) -> None:
    assert int(run_alone(KILLED, tmp_path / "m.pipekit")) > 7
    strays = [name for name in os.listdir(tmp_path) if name != "m.pipekit"]
    assert strays and all(name.startswith(".pipekit-") and name.endswith(".tmp") for name in strays)


def test_savers_and_loaders_at_once_see_whole_files_only(path: Path) -> None:
    until, wrong, loads = time.monotonic() + 1.5, [], []

    def saver(which: int) -> None:
        while time.monotonic() < until:
            store.save(
                path,
                {"config": {"which": str(which)}},
                {"large": np.full(50_000, which, dtype=np.float32)},
            )

    def loader() -> None:
        while time.monotonic() < until:
            found = store.load_container(path)
            loads.append(1)
            if not (found.tensors["large"] == int(found.header["config"]["which"])).all():
                wrong.append(found.header)

    store.save(path, {"config": {"which": "0"}}, {"large": np.zeros(50_000, dtype=np.float32)})
    failed: list[threading.ExceptHookArgs] = []
    before, threading.excepthook = threading.excepthook, failed.append
    threads = [threading.Thread(target=saver, args=(n,)) for n in (1, 2)] + [
        threading.Thread(target=loader)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    threading.excepthook = before
    assert not wrong and not failed and len(loads) > 10
    assert os.listdir(path.parent) == [path.name]


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "latest"
    link.symlink_to(path.name)
    save(link, NEW)
    assert link.is_symlink() and store.load_container(path).header == NEW


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere/m\.pipekit could not be written: No such file"):
        save(tmp_path / "nowhere" / "m.pipekit", NEW)


def test_a_file_that_another_appends_to_is_refused(tmp_path: Path) -> None:
    with (
        files.File(tmp_path / "x", append=True),
        pytest.raises(StoreError, match="is being written by another process"),
    ):
        files.File(tmp_path / "x", append=True)


def test_nothing_but_this_module_writes() -> None:
    calls = (
        'open(path, "w',
        ".write_text(",
        ".write_bytes(",
        "os.replace(",
        "os.unlink(",
        ".unlink(",
        "os.rename(",
        "shutil.",
    )
    for name in (
        "doc/as_bytes",
        "doc/as_dict",
        "doc/from_dict",
        "doc/file",
        "storage/packing",
        "storage/store",
    ):
        source = (Path(files.__file__).parent.parent / f"{name}.py").read_text(encoding="utf-8")
        assert not [call for call in calls if call in source], name


def test_a_stray_file_of_a_dead_saver_is_no_pipeline(tmp_path: Path) -> None:
    (tmp_path / ".pipekit-0123456789abcdef.tmp").write_bytes(b"half a pipeline")
    with pytest.raises(CorruptModelError, match=r"holds 0 files \*\.pipekit"):
        store.load_container(tmp_path)


WITHOUT_LOCKS = """
import os, sys
sys.modules["fcntl"] = None
del os.O_DIRECTORY
from pathlib import Path
from pipekit.storage import files

path = Path(sys.argv[1])
files.write_atomically(path, [b"one"])
for word in (b"two", b"three"):
    with files.File(path, append=True) as file:
        file.write(word)
        file.sync()
print(path.read_text())
"""


def test_systems_without_locks_and_folders_to_sync_write_all_the_same(tmp_path: Path) -> None:
    assert run_alone(WITHOUT_LOCKS, tmp_path / "x") == "onetwothree\n"


def test_a_lock_that_fails_otherwise_is_no_other_process(tmp_path: Path) -> None:
    def fails(call: str, path: str) -> None:
        if call == "lock":
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    files.failpoint = fails
    with pytest.raises(StoreError, match=r"x: lock failed: No locks") as caught:
        files.File(tmp_path / "x", append=True)
    assert caught.value.errno == errno.ENOLCK


def test_chunks_that_cannot_be_written_elsewhere_are_named_without_a_size(path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"abc"
        raise StoreError("the other disk is full")

    with pytest.raises(StoreError, match=r"m\.pipekit could not .*: the other .* after 0 bytes"):
        files.write_atomically(path, chunks())
    assert store.load_container(path).header == OLD


def test_large_chunks_are_written_behind_the_small_ones_before_them(tmp_path: Path) -> None:
    small, large = b"abc", b"x" * (1 << 20)
    calls: list[str] = []
    files.failpoint = lambda call, path: calls.append(call)
    files.write_atomically(tmp_path / "x", [small, small, large, small])
    assert (tmp_path / "x").read_bytes() == small + small + large + small
    assert calls.count("write") == 3


def test_what_was_written_counts_and_a_cut_file_goes_on_at_its_end(tmp_path: Path) -> None:
    with files.File(tmp_path / "x") as file:
        file.write(b"abcdef")
        assert file.written == 0
        file.sync()
        assert file.written == 6
        file.truncate(2)
        file.write(b"x")
        file.sync()
        assert file.written == 7
    assert (tmp_path / "x").read_bytes() == b"abx"
    files.remove(tmp_path / "x")
    files.remove(tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_file_that_was_removed_between_its_opening_and_its_lock_is_opened_again(
    path: Path,
) -> None:
    """The last holder of the lock removes its empty file; what is written then has a name."""
    output = path.parent / "o.jsonl"
    removals = [output.unlink, lambda: (output.unlink(), output.write_bytes(b"of another"))]

    def removes(call: str, path: str) -> None:
        if call == "lock" and removals:
            removals.pop(0)()

    files.failpoint = removes
    with files.File(output, append=True) as file:
        file.write(b"; rows")
        file.sync()
    assert output.read_bytes() == b"of another; rows"


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EPIPE])
def test_a_stream_that_cannot_be_written_is_named(reason: int, path: Path) -> None:
    files.failpoint = Break(1, reason)
    stream = files.Stream(sys.stdout, "standard output")
    expected = BrokenPipeError if reason == errno.EPIPE else StoreError
    with pytest.raises(expected):
        stream.write(b"x")
    files.failpoint = None
    stream.sync()


def test_a_folder_where_a_file_stands_is_named(path: Path) -> None:
    with pytest.raises(StoreError, match=r"m\.pipekit/deeper: mkdir failed: Not a directory"):
        files.make_folder(path / "deeper")


# -- what is no file


def device(path: Path, number: int) -> Path:
    """A device node in a folder of the test, as those of /dev: 3 is null, 7 is full."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, number))
        path.write_bytes(b"")
    except OSError:
        pytest.skip("needs the right to make devices")
    return path


def test_a_device_is_written_into_and_stays_a_device(tmp_path: Path) -> None:
    """Whoever saves into /dev/null as root would replace it by a file otherwise."""
    null, full = device(tmp_path / "null", 3), device(tmp_path / "full", 7)
    files.write_atomically(null, [b"x"])
    with pytest.raises(StoreError, match="full: write failed: No space left on device"):
        files.write_atomically(full, [b"x"])
    (tmp_path / "link").symlink_to(null)
    save(tmp_path / "link", OLD)
    for path in (null, full):
        assert stat.S_ISCHR(path.lstat().st_mode)
    assert {path.name for path in tmp_path.iterdir()} == {"null", "full", "link"}


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    """As `>(cmd)` of a shell."""
    pipe, found = tmp_path / "pipe", tmp_path / "found"
    os.mkfifo(pipe)
    with found.open("wb") as out, subprocess.Popen(["cat", pipe], stdout=out) as cat:
        files.write_atomically(pipe, [b"a", b"b" * 100_000])
        assert cat.wait(timeout=30) == 0
    assert found.read_bytes() == b"a" + b"b" * 100_000
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_can_be_neither_written_nor_replaced_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "sock"))
    for name in ("folder", "sock"):
        with pytest.raises(ConfigError, match=f"{name} is a {name}|sock is a socket"):
            files.write_atomically(tmp_path / name, [b"x"])
    with pytest.raises(ConfigError, match="pipe is a device or a pipe: append to a file"):
        files.File(tmp_path / "pipe", append=True)
    assert sorted(os.listdir(tmp_path)) == ["folder", "pipe", "sock"]


def test_a_stream_without_bytes_is_named() -> None:
    for stream in (None, io.StringIO()):
        with pytest.raises(StoreError, match="takes no bytes here"):
            files.Stream(stream, "standard output")


def test_the_names_of_new_folders_survive_a_crash(tmp_path: Path) -> None:
    with watched() as disk:
        files.make_folder(tmp_path / "a" / "b")
    for folder in (tmp_path, tmp_path / "a"):
        assert identity(folder.stat()) in disk.names


def test_bytes_are_lent_where_no_process_has_a_folder_of_its_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    exists = os.path.exists
    monkeypatch.setattr(os.path, "exists", lambda path: "/proc" not in str(path) and exists(path))
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path))
    with files.lent_file(b"data") as path:
        assert Path(path).read_bytes() == b"data"
        assert path.startswith(str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_stream_hands_on_what_was_written_and_stays_open(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="utf-8") as text:
        stream = files.Stream(text, "standard output")
        stream.write("Мама".encode())
        stream.truncate(0)  # what was written is gone
        stream.close()
        assert (tmp_path / "out").read_text(encoding="utf-8") == "Мама"
        text.write(" мыла")
    assert (tmp_path / "out").read_text(encoding="utf-8") == "Мама мыла"
