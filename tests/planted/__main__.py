"""Plant faults in copies of the code, one at a time, and demand that the tests notice each.

    python -m tests.planted                     all of them, some minutes
    python -m tests.planted fsync 'worker-*'    those with these words or patterns in their names
    python -m tests.planted --list              what there is

The checkout itself stays as it is. The exit code is 1 where a fault stays unnoticed, lets a test
hang, breaks more than it should, or no longer applies.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from ..helpers.processes import descendants, dump_and_end
from ..helpers.suite import Outcome, run_tests
from .faults import Fault, all_faults

ROOT = Path(__file__).parent.parent.parent
NOTHING = ""  # the name of no fault
COPIED = ("pipekit", "tests", "pyproject.toml")
# The same examples and hashes in each run: a fault is noticed always or never.
STEADY = ("-p", "no:cacheprovider", "--hypothesis-seed=0")
ENVIRONMENT = {**os.environ, "PYTHONHASHSEED": "0"}


class Verdict(NamedTuple):
    """What became of a fault: "red" is the only good word."""

    word: str
    seconds: float
    details: str


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of the code and its tests, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        root = Path(folder)
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, root / name)
            else:
                shutil.copy2(ROOT / name, root / name)
        yield root


def judge(
    fault: Fault,
    seconds: float,
) -> Verdict:
    """Plant a fault in a copy, and run the tests that should notice it."""
    places = fault.places(ROOT)
    if places != 1:
        return Verdict("stale", 0.0, f"its lines stand {places} times in {fault.file}")
    with copied() as root:
        fault.plant(root)
        outcome = run_tests([*STEADY, *fault.tests], root, ENVIRONMENT, seconds)
    blind = [test for test in fault.tests if not _failed(test, outcome)]
    if outcome.hung:
        return Verdict("hung", outcome.seconds, outcome.written)
    if outcome.broken:
        return Verdict("broken", outcome.seconds, outcome.written)
    if blind:
        return Verdict("green", outcome.seconds, "not noticed by " + "\n".join(blind))
    return Verdict("red", outcome.seconds, outcome.written)


def _failed(
    test: str,
    outcome: Outcome,
) -> bool:
    """Whether a test has failed, or one of its cases."""
    return any(name == test or name.startswith(f"{test}[") for name in outcome.failed)


def without_faults(
    faults: Sequence[Fault],
    seconds: float,
) -> Verdict:
    """The same tests without any fault: they pass, or else they would notice nothing."""
    tests = dict.fromkeys(test for fault in faults for test in fault.tests)
    with copied() as root:
        outcome = run_tests([*STEADY, *tests], root, ENVIRONMENT, seconds)
    if outcome.hung or outcome.broken or outcome.failed:
        return Verdict("broken", outcome.seconds, outcome.written)
    return Verdict("passed", outcome.seconds, "")


def judge_all(
    faults: Sequence[Fault],
    jobs: int,
    seconds: float,
) -> dict[str, Verdict]:
    """The verdict on each fault by its name, and that on the code without any by `NOTHING`."""
    verdicts: dict[str, Verdict] = {}
    with ThreadPoolExecutor(jobs) as pool, tqdm(total=len(faults) + 1, unit="") as bar:
        seconds_for_all = seconds * (1 + len(faults) / 4)
        futures = {pool.submit(without_faults, faults, seconds_for_all): NOTHING}
        for fault in faults:
            futures[pool.submit(judge, fault, seconds)] = fault.name
        try:
            for future in as_completed(futures):
                verdicts[futures[future]] = future.result()
                bar.update()
        except BaseException:  # Ctrl-C, too, leaves no process and no folder
            pool.shutdown(wait=False, cancel_futures=True)
            dump_and_end(descendants(os.getpid()))
            raise
    return verdicts


def is_wanted(
    fault: Fault,
    patterns: Sequence[str],
) -> bool:
    """Whether a fault has one of these words in its name, or matches one of these patterns."""
    if not patterns:
        return True
    return any(word in fault.name or fnmatch(fault.name, word) for word in patterns)


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("patterns", nargs="*", metavar="NAME", help="words or patterns of names")
    parser.add_argument("--list", action="store_true", help="list the faults, and plant none")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once (1)")
    parser.add_argument("--limit", type=float, default=180.0, help="seconds for each (180)")
    parser.add_argument("--show", action="store_true", help="what the tests say of each fault")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    options = parsed(arguments)
    faults = [fault for fault in all_faults() if is_wanted(fault, options.patterns)]
    width = max((len(fault.name) for fault in faults), default=0)
    if options.list:
        for fault in faults:
            print(f"{fault.name:{width}}  {fault.breaks}")
        return 0
    if not faults:
        print("no fault has such a name: --list shows all")
        return 2
    verdicts = judge_all(faults, options.jobs, options.limit)
    bad = 0
    for fault in faults:
        word, seconds, details = verdicts[fault.name]
        print(f"{fault.name:{width}}  {word:6} {seconds:6.1f} s  {fault.breaks}")
        if word != "red" or options.show:
            print(details.strip(), end="\n\n")
        bad += word != "red"
    word, seconds, details = verdicts[NOTHING]
    print(f"{len(faults) - bad} of {len(faults)} noticed; without a fault {word}, {seconds:.1f} s")
    print(details, end="")
    return int(bad > 0 or word != "passed")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
