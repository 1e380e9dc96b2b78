"""How the time of the tokenizer grows with the length of one run of characters: the slope of a log-log fit. By hand, not in the tests.

    python recipes/benchmarks/growth.py

Lengths are 2**10 … 2**17 characters, the fastest of five runs each. A slope over 1.15 means that some text can stop a service, as does
a million characters without a space that take over a second; either makes the exit status 1.
"""

from __future__ import annotations

import string
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from pipekit.tokenizers import RuleTokenizer  # noqa: E402

SIZES = [1 << power for power in range(10, 18)]
RUNS = 5
LIMIT, SECONDS = 1.15, 1.0
RUSSIAN = ["а", "Б", "ё", "и\u0306", "а\u0301", "\u0301", "\u00ad", "\u200b", "7", "😂", "👩‍", "\ud800", "一", "\u00a0", "\n", "…", "—", "№"]
PAIRS = ['»")', "а-", "а.", "А.", "1-", "1.", "1,", "+7-", "a@", "@a", "#а", "а#", "&a", "&a;", "http://", "www.", "a/", ":)", ":", "))(", "а'", "т.е.",
    "кто-то", "а-а.", "5кг", "1%-", "а. ", "А! ", "а ", "😂 А", "да-а", "_-", "а\u0301-", "1,1-", "1,а-", "1:1.", "&a-", "#а-@", "a@-", "+7", "Ж.-"]  # fmt: skip

tokenizer = RuleTokenizer("ru")


def seconds(text: str) -> float:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        tokenizer.segment([text])
        times.append(time.perf_counter() - start)
    return min(times)


def slope(unit: str) -> float:
    """Exponent of time over length, fitted to the longer half, where the fixed cost of a call no longer flattens it."""
    sizes = SIZES[len(SIZES) // 2 :]
    times = [seconds((unit * size)[:size]) for size in sizes]
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def main() -> int:
    bad = 0
    for unit in [*string.punctuation, *RUSSIAN, *PAIRS]:
        exponent, million = slope(unit), seconds((unit * 1_000_000)[:1_000_000])
        wrong = exponent > LIMIT or million > SECONDS
        bad += wrong
        print(f"{unit!a:>14}  exponent {exponent:5.2f}  a million characters {million:6.3f} s{'  !' if wrong else ''}", flush=True)
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
