"""The tests themselves, run in a process of their own, and what became of each."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .processes import run

_SUMMARY = re.compile(r"^(FAILED|ERROR) (.+?)(?: - |$)", re.MULTILINE)
_FAILED = 1  # the exit code of pytest where tests have failed, and nothing else is wrong


class Outcome(NamedTuple):
    """What became of a run of tests.

    Attributes:
        failed: the names of the tests that failed.
        hung: whether the time was over before all were done.
        broken: whether tests could not even be collected.
        seconds: how long it took.
        written: what pytest wrote.
    """

    failed: list[str]
    hung: bool
    broken: bool
    seconds: float
    written: str


def run_tests(
    arguments: Sequence[str],
    folder: Path,
    environment: dict[str, str],
    seconds: float,
) -> Outcome:
    """Run pytest in a folder with the tests, for so many seconds at most."""
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=short", *arguments]
    environment = {**environment, "PYTHONPATH": str(folder), "PYTHONFAULTHANDLER": "1"}
    begin = time.monotonic()
    ended = run(command, seconds, cwd=folder, env=environment)
    failed = [name for _, name in _SUMMARY.findall(ended.written)]
    return Outcome(
        failed=failed,
        hung=ended.hung,
        broken=not ended.hung and ended.code not in (0, _FAILED),
        seconds=time.monotonic() - begin,
        written=ended.written,
    )
