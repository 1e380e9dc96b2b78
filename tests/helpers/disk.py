"""A disk that loses its power: the calls of a program as a trace, and the states that may be left.

Of what POSIX leaves open, the model takes the worst (Pillai et al., "All File Systems Are Not
Created Equal", OSDI 2014):

    bytes of a file    last once `fsync` of it has returned. Before, each sector of 512 bytes of a
                       write is there or not, and so is the size: a file that has grown without its
                       bytes reads as zeros there
    names of files     last once `fsync` of the folder has returned. Before, each new name, each
                       replacement and each removal has happened or not
    os.replace         happens at once or not at all

Only what passes `pipekit.storage.files` is seen; `test_nothing_but_this_module_writes` holds that
there is nothing else.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count, product
from pathlib import Path
from typing import Any, NamedTuple

from pipekit.storage import files

SECTOR = 512
KINDS = ("name", "size", "cut", "sector")  # what a loss of power decides about
Contents = dict[str, bytes]  # of the files of a folder, by name
Keeps = Callable[[str], bool]  # whether a change of this kind has reached the disk


class Call(NamedTuple):
    """A call that changes the disk: what it does to a file, by number, or to names."""

    do: str
    file: int = 0
    at: int = 0
    data: bytes = b""
    names: dict[str, int | None] = {}
    promise: Any = None


class State(NamedTuple):
    """What a loss of power leaves.

    Attributes:
        contents: the files.
        promise: what the program had promised before.
        calls: how many calls of the trace had returned.
    """

    contents: Contents
    promise: Any
    calls: int


@dataclass
class Stored:
    """A file on the disk: its lasting bytes, and the calls whose effect may be lost."""

    lasting: bytes = b""
    pending: list[Call] = field(default_factory=list)

    def sync(self) -> None:
        self.lasting = self.after(lambda kind: True)
        self.pending = []

    def after(self, keeps: Keeps) -> bytes:
        data = bytearray(self.lasting)
        for call in self.pending:
            if call.do == "cut":
                if keeps("cut"):
                    del data[call.at :]
                continue
            end = call.at + len(call.data)
            if len(data) < end and keeps("size"):
                data.extend(bytes(end - len(data)))
            for start, piece in _sectors(call.at, call.data):
                if keeps("sector"):
                    data.extend(bytes(max(0, start - len(data))))
                    data[start : start + len(piece)] = piece
        return bytes(data)


def _sectors(at: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """The parts of a write, each within a sector of the file."""
    end = at + len(data)
    start = at
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        yield start, data[start - at : stop - at]
        start = stop


@dataclass
class Disk:
    """A folder: lasting names, files by number, changes of names that may be lost."""

    names: dict[str, int] = field(default_factory=dict)
    stored: dict[int, Stored] = field(default_factory=dict)
    pending: list[dict[str, int | None]] = field(default_factory=list)

    def do(self, call: Call) -> None:
        if call.do == "names":
            self.pending.append(call.names)
        elif call.do == "sync names":
            self.names = self._names(lambda kind: True)
            self.pending = []
        elif call.do == "sync":
            self.stored[call.file].sync()
        elif call.do in ("write", "cut"):
            self.stored.setdefault(call.file, Stored()).pending.append(call)

    def _names(self, keeps: Keeps) -> dict[str, int]:
        names: dict[str, int | None] = dict(self.names)
        for change in self.pending:
            if keeps("name"):
                names |= change
        return {name: file for name, file in names.items() if file is not None}

    def after(self, keeps: Keeps) -> Contents:
        """The files after a loss of power."""
        empty = Stored()
        names = sorted(self._names(keeps).items())
        return {name: self.stored.get(file, empty).after(keeps) for name, file in names}


@dataclass
class Trace:
    """The calls of a program in one folder, from what was there before."""

    before: Disk
    promised: Any = None
    calls: list[Call] = field(default_factory=list)

    def promise(self, value: Any) -> None:
        """Note what the program has promised from here on."""
        self.calls.append(Call("promise", promise=value))

    def without(self, do: str) -> Trace:
        """The trace of a program that forgets such calls."""
        calls = [call for call in self.calls if call.do != do]
        return Trace(self.before, self.promised, calls)

    def states(self, chances: int = 0) -> Iterator[State]:
        """Distinct states that a loss of power may leave, after each call.

        Changes of each kind all happen or all do not, in every combination; each change of names
        alone does not happen; and `chances` times each change happens by chance.
        """
        disk = deepcopy(self.before)
        promise = self.promised
        seen = set()
        for number, call in enumerate([Call("begin"), *self.calls]):
            disk.do(call)
            if call.do == "promise":
                promise = call.promise
            for keeps in _choices(len(disk.pending), chances, number):
                contents = disk.after(keeps)
                key = (repr(promise), *contents.items())
                if key not in seen:
                    seen.add(key)
                    yield State(contents, promise, number)


def _choices(names: int, chances: int, seed: int) -> Iterator[Keeps]:
    for kept in product((False, True), repeat=len(KINDS)):
        yield dict(zip(KINDS, kept, strict=True)).__getitem__
    for lost_name in range(names):
        numbers = count()
        yield lambda kind, lost_name=lost_name, numbers=numbers: (  # type: ignore[misc]
            kind != "name" or next(numbers) != lost_name
        )
    for number in range(chances):
        chance = random.Random(f"{seed} {number}")
        share = chance.random()
        yield lambda kind, chance=chance, share=share: chance.random() < share  # type: ignore[misc]


class _RecordingOs:
    """`os` for `pipekit.storage.files`; its calls do what they do, and are written down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, int] = {}
        self.descriptors: dict[int, int | None] = {}
        stored = {}
        for number, path in enumerate(sorted(folder.iterdir()), 1):
            self.names[path.name] = number
            stored[number] = Stored(path.read_bytes())
        self.files = len(stored)
        self.trace = Trace(Disk(dict(self.names), stored))

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def _note(self, do: str, **values: Any) -> None:
        self.trace.calls.append(Call(do, **values))

    def _rename(self, **names: int | None) -> None:
        self._note("names", names=names)
        for name, file in names.items():
            if file is None:
                del self.names[name]
            else:
                self.names[name] = file

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:
        descriptor = os.open(path, flags, mode)
        if os.path.isdir(path):
            self.descriptors[descriptor] = None
            return descriptor
        name = os.path.basename(path)
        if name not in self.names:
            self.files += 1
            self._rename(**{name: self.files})
        self.descriptors[descriptor] = self.names[name]
        return descriptor

    def write(self, descriptor: int, data: memoryview) -> int:
        at = os.lseek(descriptor, 0, os.SEEK_CUR)
        count = os.write(descriptor, data)
        file = self.descriptors[descriptor]
        self._note("write", file=file, at=at, data=bytes(data[:count]))
        return count

    def ftruncate(self, descriptor: int, size: int) -> None:
        os.ftruncate(descriptor, size)
        self._note("cut", file=self.descriptors[descriptor], at=size)

    def fsync(self, descriptor: int) -> None:
        file = self.descriptors[descriptor]
        if file is None:
            self._note("sync names")
        else:
            self._note("sync", file=file)

    def replace(self, source: str, target: str) -> None:
        os.replace(source, target)
        name = os.path.basename(source)
        self._rename(**{os.path.basename(target): self.names[name], name: None})

    def unlink(self, path: str) -> None:
        os.unlink(path)
        self._rename(**{os.path.basename(path): None})


@contextmanager
def recorded(folder: Path, promised: Any = None) -> Iterator[Trace]:
    """The trace of what happens to the files of a folder; `promised`: what was promised before."""
    recording = _RecordingOs(folder)
    recording.trace.promised = promised
    files.os = recording  # type: ignore[assignment]
    try:
        yield recording.trace
    finally:
        files.os = os


def put(contents: Contents, folder: Path) -> None:
    """Let a folder hold these files and no others."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, data in contents.items():
        (folder / name).write_bytes(data)


def lost(
    trace: Trace,
    folder: Path,
    keeps_promise: Callable[[State], bool],
    chances: int = 0,
) -> Iterator[State]:
    """The states in which a promise is broken; `keeps_promise` finds each laid out in `folder`."""
    for state in trace.states(chances):
        put(state.contents, folder)
        if not keeps_promise(state):
            yield state


def names(states: Iterable[State]) -> list[tuple[int, Any, list[str]]]:
    """What to show of states where a test fails."""
    return [(state.calls, state.promise, sorted(state.contents)) for state in states]
