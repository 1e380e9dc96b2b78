"""Rows of files: a save that is cut off, a disk that is full, bytes that were altered."""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import os
import random
import resource
import shutil
import signal
import statistics
import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .harness import forked, row
from .sides import Side

REFUSED, SAME, OTHER = "refused by name", "loaded and unchanged", "loaded with other contents"
UNNAMED = "refused without a name"


class Saves:
    """Two pipelines of one shape, and a place that holds the first of them again and again."""

    def __init__(
        self,
        side: Side,
        folder: Path,
    ) -> None:
        self.side = side
        self.first = side.built(seed=1)
        self.second = side.built(seed=2)
        self.path = folder / f"model{side.suffix}"
        self.original = folder.with_name(folder.name + "-original") / self.path.name
        self.original.parent.mkdir()
        side.save(self.first, self.original)
        self.states = {}
        for name, nlp in (("new", self.second), ("old", self.first)):
            side.save(nlp, self.path)
            self.states[side.state(side.load(self.path))] = name
        self.restore()

    def restore(self) -> None:
        """The first pipeline alone stands in the folder."""
        for path in self.path.parent.iterdir():
            remove(path)
        copy = shutil.copytree if self.original.is_dir() else shutil.copy2
        copy(self.original, self.path)

    def files(self) -> list[Path]:
        """All files under the folder."""
        return [path for path in sorted(self.path.parent.rglob("*")) if path.is_file()]

    def outcome(self) -> str:
        """Which pipeline the place holds: "old", "new", "mixed", or "unreadable"."""
        try:
            state = self.side.state(self.side.load(self.path))
        except Exception:
            return "unreadable"
        return self.states.get(state, "mixed")


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# -- saving


@row(
    "crash-in-save",
    "a save that is killed leaves the old pipeline or the new one",
    trials=60,
    good=("old", "new"),
)
def crash_in_save(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """A forked process saves over a pipeline; SIGKILL comes at moments spread over the save."""
    saves = Saves(side, folder)
    chance = random.Random(1)
    took = statistics.median(_killed_save(saves, None) for _ in range(5))
    outcomes: Counter[str] = Counter()
    for trial in tqdm(range(trials), leave=False):
        saves.restore()
        _killed_save(saves, took * (trial + chance.random()) / trials)
        outcomes[forked(saves.outcome)] += 1
    return outcomes


def _killed_save(
    saves: Saves,
    after: float | None,
) -> float:
    """Save in a forked process, which is killed after some seconds; the seconds that it took."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, b"!")
        saves.side.save(saves.second, saves.path)
        os._exit(0)
    os.read(reading, 1)
    begun = time.perf_counter()
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
    return time.perf_counter() - begun


@row(
    "disk-full-in-save",
    "a save onto a full disk leaves the old pipeline, and no file more",
    trials=40,
    good=("old",),
)
def disk_full(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """RLIMIT_FSIZE, which makes writes fail as a full disk does, from nothing up to the largest
    file of the pipeline."""
    saves = Saves(side, folder)
    largest = max(path.stat().st_size for path in saves.files())
    outcomes: Counter[str] = Counter()
    for trial in tqdm(range(trials), leave=False):
        saves.restore()
        before = len(saves.files())
        forked(lambda trial=trial: _save_within(saves, largest * trial // trials))
        strays = len(saves.files()) > before
        outcomes[forked(saves.outcome) + (", a file left" if strays else "")] += 1
    return outcomes


def _save_within(
    saves: Saves,
    size: int,
) -> str:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    saves.side.save(saves.second, saves.path)
    return "saved"


@row(
    "concurrent-save-and-load",
    "two processes save to one place, one loads: whole pipelines only",
    trials=10,
    good=("old", "new"),
)
def concurrent(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """Seconds of loading, in a process beside two others that save in turn without a pause."""
    saves = Saves(side, folder)
    context = multiprocessing.get_context("fork")
    errors = context.Value("q", 0)
    savers = [
        context.Process(target=_save_for_ever, args=(saves, nlp, errors), daemon=True)
        for nlp in (saves.first, saves.second)
    ]
    for saver in savers:
        saver.start()
    outcomes: Counter[str] = Counter()
    end = time.monotonic() + trials
    while time.monotonic() < end:
        outcomes[saves.outcome()] += 1
    for saver in savers:
        saver.kill()
        saver.join()
    if errors.value:
        outcomes["saves that failed"] = errors.value
    return outcomes


def _save_for_ever(
    saves: Saves,
    nlp: Any,
    errors: Any,
) -> None:
    while True:
        try:
            saves.side.save(nlp, saves.path)
        except Exception:
            errors.value += 1


# -- bytes that were altered


def flip(
    data: bytes,
    chance: random.Random,
) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def truncate(
    data: bytes,
    chance: random.Random,
) -> bytes:
    return data[: chance.randrange(len(data))]


def zero(
    data: bytes,
    chance: random.Random,
) -> bytes:
    start, end = sorted(chance.sample(range(len(data) + 1), 2))
    return data[:start] + bytes(end - start) + data[end:]


def cut(
    data: bytes,
    chance: random.Random,
) -> bytes:
    start, end = sorted(chance.sample(range(len(data) + 1), 2))
    return data[:start] + data[end:]


CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (flip, truncate, zero, cut)


def alter(
    files: list[Path],
    trial: int,
    chance: random.Random,
) -> Path:
    """Alter one file, large ones more often, or every fifth time remove any one."""
    if trial % 5 == 4:
        path = chance.choice(files)
        path.unlink()
        return path
    [path] = chance.choices(files, [path.stat().st_size for path in files])
    data = path.read_bytes()
    altered = data
    while altered == data:
        altered = CHANGES[trial % 5](data, chance)
    path.write_bytes(altered)
    return path


@row(
    "damaged-pipeline",
    "a damaged pipeline is refused, and the message names the file or the part",
    trials=100,
    good=(REFUSED,),
)
def damaged(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """In turn one bit flipped, a file cut short, a range zeroed, a range cut out, a file removed.
    Files of more bytes are hit more often; removed files are drawn evenly. A load has 30 s."""
    saves = Saves(side, folder)
    chance = random.Random(5)
    outcomes: Counter[str] = Counter()
    for trial in tqdm(range(trials), leave=False):
        saves.restore()
        altered = alter(saves.files(), trial, chance)
        outcomes[forked(lambda altered=altered: _loaded(saves, altered), 30)] += 1
    return outcomes


def _loaded(
    saves: Saves,
    altered: Path,
) -> str:
    try:
        nlp = saves.side.load(saves.path)
        state = saves.side.state(nlp)
    except Exception as error:
        part = altered.parent.name
        named = altered.name in str(error) or (part in str(error) and part != "model")
        return REFUSED if named else UNNAMED
    return SAME if saves.states.get(state) == "old" else OTHER


@row(
    "failed-loads",
    "failed loads leave the process as it was",
    trials=200,
)
def failed_loads(
    side: Side,
    trials: int,
    folder: Path,
) -> str:
    """Damaged pipelines are loaded in one process, then its state is looked at."""
    saves = Saves(side, folder)
    chance = random.Random(6)
    before, collected = _open_files(), gc.isenabled()
    failed, first, grown = 0, None, 0
    for trial in tqdm(range(trials), leave=False):
        saves.restore()
        alter(saves.files(), trial, chance)
        try:
            saves.side.load(saves.path)
        except Exception:
            failed += 1
        if collected and not gc.isenabled() and first is None:
            first = failed
        if trial == trials // 5:
            grown = _unique_memory()
    grown = _unique_memory() - grown
    collector = "on" if first is None else f"off after failed load {first}"
    files = _open_files() - before
    return (
        f"garbage collector {collector}; {files} files left open; "
        f"{grown / 2**20:+.1f} MB over the last 80 % of {trials} loads, {failed} of which failed"
    )


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _unique_memory() -> int:
    """Bytes of memory that this process alone uses."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_"))


@row(
    "damaged-docs",
    "one flipped bit in a file of 40 Docs costs one Doc",
    trials=100,
)
def damaged_docs(
    side: Side,
    trials: int,
    folder: Path,
) -> str:
    """One random bit of the file is flipped; the Docs that still come out are compared."""
    nlp = side.built()
    docs = list(side.stream(nlp, [f"Мама {i} мыла раму, папа спал." for i in range(40)]))
    path = folder / f"all{side.docs_suffix}"
    side.write(docs, path)
    data, expected = path.read_bytes(), [side.says(doc) for doc in side.read(nlp, path)]
    chance = random.Random(9)
    lost, wrong, everything = 0, 0, 0
    for _ in tqdm(range(trials), leave=False):
        path.write_bytes(flip(data, chance))
        intact, other = _readable(side, nlp, path, expected)
        lost += len(expected) - intact
        wrong += other
        everything += not intact
    return (
        f"{lost / trials:.2f} of 40 Docs lost on average, all of them in {everything} of {trials} "
        f"trials; {wrong} Docs came out altered"
    )


def _readable(
    side: Side,
    nlp: Any,
    path: Path,
    expected: list[Any],
) -> tuple[int, int]:
    """How many documents come out as they were, and how many altered."""
    with warnings.catch_warnings(), suppress(Exception):
        warnings.simplefilter("ignore")
        contents = [side.says(doc) for doc in side.read(nlp, path)]
        intact = sum((Counter(map(repr, contents)) & Counter(map(repr, expected))).values())
        return intact, len(contents) - intact
    return 0, 0


# -- what checks cost, and where names lead


@row(
    "load-time",
    "checksums of all bytes are verified in at most a tenth of the time of a load",
    trials=9,
)
def load_time(
    side: Side,
    trials: int,
    folder: Path,
) -> str:
    """Medians over loads of a pipeline of some 100 MB, and SHA-256 over the same bytes."""
    path = folder / f"large{side.suffix}"
    side.save(side.built(rows=200_000), path)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    data = b"".join(file.read_bytes() for file in files)
    load, check = [], []
    for _ in tqdm(range(trials), leave=False):
        begun = time.perf_counter()
        side.load(path)
        load.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        hashlib.sha256(data).digest()
        check.append(time.perf_counter() - begun)
    seconds, share = statistics.median(load), statistics.median(check) / statistics.median(load)
    megabytes = len(data) / 2**20
    return f"{megabytes:.0f} MB in {seconds:.2f} s; SHA-256 of all bytes is {share:.0%} of that"


NAMES = ("../outside", "/tmp/outside", "../../outside", "a/b", "..")


@row(
    "names-as-paths",
    "the name of a component never becomes a path",
    trials=len(NAMES),
    good=("refused when added",),
)
def names_as_paths(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """A pipeline whose component has a name that leads out of the folder is built and saved."""
    return Counter(_saved_under(side, folder, name) for name in NAMES[:trials])


def _saved_under(
    side: Side,
    folder: Path,
    name: str,
) -> str:
    nlp = side.built()
    path = folder / "in" / f"m{side.suffix}"
    path.parent.mkdir()
    name = name.replace("/tmp", str(folder))
    settings = {"encoder": "main", "tags": ["X|"]} if side.name == "pipekit" else {}
    try:
        nlp.add_pipe("tagger", name=name, **settings)
    except Exception:
        remove(path.parent)
        return "refused when added"
    with suppress(Exception):
        nlp.get_pipe(name).add_label("X")
    with suppress(Exception):
        side.save(nlp, path)
    inside = {path.parent, path, *path.rglob("*")}
    strays = set(folder.rglob("*")) - inside
    for stray in (*strays, path.parent):
        remove(stray)
    return "written outside the folder" if strays else "saved"
