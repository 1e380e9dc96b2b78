"""Dates as people write them, beside ISO 8601, for a decoder that learns to read them.

    python recipes/generation/dates.py build/dates.tsv build/dates-dev.tsv

A day is in one file alone: what is measured are days that nobody has seen. Half of the ways to
write a date are words («пятого мая»), half are figures.
"""

from __future__ import annotations

import argparse
import random
import tomllib
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

WORDS = tomllib.loads(Path(__file__).with_name("date_words.toml").read_text(encoding="utf-8"))
MONTHS = WORDS["months"]
SHORT = WORDS["short"]
ENGLISH = WORDS["english"]
WEEKDAYS = WORDS["weekdays"]
DAYS = WORDS["days"]

Style = Callable[[date], str]


STYLES: tuple[Style, ...] = (
    lambda d: f"{d.day} {MONTHS[d.month - 1]} {d.year} г.",
    lambda d: f"{d.day} {MONTHS[d.month - 1]} {d.year} года",
    lambda d: f"{d.day} {MONTHS[d.month - 1]} {d.year}",
    lambda d: f"{d.day:02}.{d.month:02}.{d.year}",
    lambda d: f"{d.day}.{d.month:02}.{d.year % 100:02} г.",
    lambda d: f"{d.day:02}/{d.month:02}/{d.year}",
    lambda d: f"«{d.day:02}» {MONTHS[d.month - 1]} {d.year} г.",
    lambda d: f"{d.day} {SHORT[d.month - 1]} {d.year}",
    lambda d: f"{DAYS[d.day - 1]} {MONTHS[d.month - 1]} {d.year} года",
    lambda d: f"{WEEKDAYS[d.weekday()]}, {d.day} {MONTHS[d.month - 1]} {d.year} г.",
    lambda d: f"{ENGLISH[d.month - 1]} {d.day}, {d.year}",
    lambda d: f"{d.day} {ENGLISH[d.month - 1][:3]} {d.year}",
)


def lines(
    days: list[date],
    chance: random.Random,
    ways: int,
) -> list[str]:
    """Each day in some ways, with its ISO date behind a tab."""
    written = []
    for day in days:
        for style in chance.sample(STYLES, ways):
            written.append(f"{style(day)}\t{day.isoformat()}")
    chance.shuffle(written)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train", type=Path)
    parser.add_argument("dev", type=Path)
    parser.add_argument("--days", type=int, default=6_000)
    options = parser.parse_args()
    chance = random.Random(1)
    first = date(1950, 1, 1)
    last = date(2049, 12, 31)
    # The year of two figures is that within the hundred years from 1950 on.
    every = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    days = chance.sample(every, options.days + 1_000)
    for path, own, ways in (
        (options.train, days[1_000:], 3),
        (options.dev, days[:1_000], 1),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines(own, chance, ways)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
