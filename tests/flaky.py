"""Run the tests many times, each time in another order with other seeds, on a busy machine.

    python -m tests.flaky                            all of them, 20 times
    python -m tests.flaky -n 5 tests/jobs -k killed  some of them; the rest is for pytest

It prints what failed, and how often. The exit code is 1 where anything did. What pytest wrote in
rounds with a failure is kept in a folder, which is named. A round is repeated by its seed:
`--seed 7 -n 1`.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .helpers.suite import Outcome, run_tests

ROOT = Path(__file__).parent.parent
SEED = "PIPEKIT_TESTS_SEED"
HOG = "while True: pass"


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """As a plugin of pytest: modules in an order of chance, and the tests of each."""
    chance = random.Random(os.environ[SEED])
    modules: dict[Path, list[Any]] = {}
    for item in items:
        modules.setdefault(item.path, []).append(item)
    order = list(modules.values())
    chance.shuffle(order)
    items.clear()
    for module in order:
        chance.shuffle(module)
        items += module


@contextmanager
def busy(hogs: int) -> Iterator[None]:
    """A context in which so many processes take all the time of a processor each."""
    processes = [subprocess.Popen([sys.executable, "-c", HOG]) for _ in range(hogs)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def run_round(
    seed: int,
    arguments: Sequence[str],
    seconds: float,
) -> Outcome:
    """The tests once, in the order of a seed."""
    environment = {**os.environ, SEED: str(seed), "PYTHONHASHSEED": str(seed % 2**32)}
    plugins = ["-p", "tests.flaky", "-p", "no:cacheprovider", f"--hypothesis-seed={seed}"]
    return run_tests([*plugins, *arguments], ROOT, environment, seconds)


def parsed(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="python -m tests.flaky", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("-n", "--rounds", type=int, default=20, help="how many times (20)")
    parser.add_argument("--seed", type=int, default=1, help="of the first round (1)")
    parser.add_argument("--hogs", type=int, default=os.cpu_count(), help="processes beside (CPUs)")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds for a round (3600)")
    return parser.parse_known_args(arguments)


def main(arguments: Sequence[str]) -> int:
    options, others = parsed(arguments)
    failures: Counter[str] = Counter()
    logs = Path(tempfile.mkdtemp(prefix="flaky-"))
    seeds = range(options.seed, options.seed + options.rounds)
    with busy(options.hogs), tqdm(seeds, unit=" rounds") as bar:
        for seed in bar:
            outcome = run_round(seed, others, options.limit)
            failures.update(outcome.failed)
            failures["the round was not done in time"] += outcome.hung
            failures["the tests could not be run"] += outcome.broken
            bad = bool(outcome.failed or outcome.hung or outcome.broken)
            if bad:
                (logs / f"seed-{seed}.txt").write_text(outcome.written, encoding="utf-8")
            said = ", ".join(outcome.failed) or ("failed" if bad else "passed")
            bar.write(f"seed {seed:>4} {outcome.seconds:7.1f} s  {said}")
    for name, times in (+failures).most_common():
        print(f"{times:4} of {options.rounds} rounds: {name}")
    total = (+failures).total()
    print(f"{options.rounds} rounds, {total} failures" + (f": see {logs}" if total else ""))
    if not total:
        logs.rmdir()
    return int(total > 0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
