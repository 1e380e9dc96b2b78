"""Growth of the tokenizer's time with the length of one run of characters: a log-log slope.

Run by hand, not in the tests:

    python recipes/benchmarks/growth.py

Lengths are 2**10 … 2**17 characters, the fastest of five runs each. A slope over 1.15 means that
some text can stop a service, as does a million characters without a space that take over a second;
either makes the exit status 1.
"""

from __future__ import annotations

import string
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from pipekit.tokenizers import RuleTokenizer

SIZES = [1 << power for power in range(10, 18)]
RUNS = 5
LIMIT, SECONDS = 1.15, 1.0
UNITS = """
а Б ё и\u0306 а\u0301 \u0301 \u00ad \u200b 7 😂 👩\u200d \ud800 一 … — №
»") а- а. А. 1- 1. 1, +7 +7- a@ @a a@- #а а# &a &a; &a- http:// www. a/ :) ))( а' т.е. кто-то а-а.
5кг 1%- да-а _- а\u0301- 1,1- 1,а- 1:1. #а-@ Ж.-
"""
SPACED = ["\u00a0", "\n", "а ", "а. ", "А! ", "😂 А"]

tokenizer = RuleTokenizer("ru")


def seconds(text: str) -> float:
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        tokenizer.segment([text])
        times.append(time.process_time() - start)
    return min(times)


def slope(unit: str) -> float:
    """Exponent of time over length."""
    times = [seconds((unit * size)[:size]) for size in SIZES]
    return float(np.polyfit(np.log(SIZES), np.log(times), 1)[0])


def main() -> int:
    bad = 0
    for unit in [*string.punctuation, *UNITS.split(), *SPACED]:
        exponent, million = slope(unit), seconds((unit * 1_000_000)[:1_000_000])
        wrong = exponent > LIMIT or million > SECONDS
        bad += wrong
        mark = "  !" if wrong else ""
        speed = f"a million characters {million:6.3f} s"
        print(f"{unit!a:>14}  exponent {exponent:5.2f}  {speed}{mark}", flush=True)
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
