"""Rows of texts: hostile characters, long runs of one character, words that nobody has seen."""

from __future__ import annotations

import gc
import random
import string
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from helpers.strategies import (
    ADDRESSES,
    DECOMPOSED,
    EMOJI,
    INVISIBLE,
    PUNCTUATION,
    RUSSIAN,
    SPACES,
    WORDS,
)
from tqdm import tqdm

from .harness import row
from .sides import Side

KEPT = "given back"
UNITS = """
а Б ё и\u0306 а\u0301 \u0301 \u00ad 7 😂 … — № »") а- а. 1- 1. +7- @a a@- #а &a- http:// www. a/
"""
SIZES = [1 << power for power in range(8, 18)]
RUNS = 3
ENOUGH = 1.0  # seconds: longer texts are not tried
SHORT = 1e-3  # seconds below which a call costs more than its text


def hostile_texts(
    many: int,
    *,
    with_surrogate: bool,
) -> list[str]:
    """Texts of the pieces that the tests use, and of any characters; the same at each call."""
    chance = random.Random(7)
    pieces = (WORDS, DECOMPOSED, INVISIBLE, SPACES, EMOJI, PUNCTUATION, ADDRESSES, RUSSIAN)
    collected = []
    for _ in range(many):
        parts = [_piece(chance, pieces) for _ in range(chance.randrange(30))]
        if with_surrogate:
            parts.insert(chance.randrange(len(parts) + 1), chr(chance.randrange(0xD800, 0xE000)))
        collected.append("".join(parts))
    return collected


def _piece(
    chance: random.Random,
    pieces: Sequence[Sequence[str]],
) -> str:
    if chance.random() > 0.2:
        return chance.choice(chance.choice(pieces))
    code = chance.randrange(0x110000)
    return "\0" if 0xD800 <= code < 0xE000 else chr(code)


@row(
    "lossless-text",
    "tokens, white space and offsets give any text back, through bytes too",
    trials=3_000,
    good=(KEPT,),
)
def lossless(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """Texts of combining marks, emoji, bidi and zero-width characters, NUL, addresses; without
    surrogates, for which there is a row of its own."""
    nlp = side.blank()
    plain = hostile_texts(trials, with_surrogate=False)
    return Counter(_kept(side, nlp, text) for text in tqdm(plain, leave=False))


def _kept(
    side: Side,
    nlp: Any,
    text: str,
) -> str:
    try:
        doc = nlp(text)
        pairs = side.pairs(doc)
        again = side.pairs(side.round_trip(nlp, doc))
    except Exception as error:
        return f"raised {type(error).__name__}"
    if "".join(word + space for word, _, space in pairs) != text:
        return "other text"
    if any(text[start : start + len(word)] != word for word, start, _ in pairs):
        return "wrong offsets"
    return KEPT if again == pairs else "changed by bytes"


@row(
    "surrogates",
    "a lone surrogate in one text of a stream costs the others nothing",
    trials=200,
    good=("all texts out",),
)
def lone_surrogates(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """Streams of 20 texts, one of which is hostile and holds a lone surrogate."""
    nlp = side.blank()
    bad = hostile_texts(trials, with_surrogate=True)

    def trial(text: str) -> str:
        source = [f"Текст {i}." for i in range(20)]
        source[10] = text
        out = 0
        try:
            for doc in side.stream(nlp, source):
                side.round_trip(nlp, doc)
                out += 1
        except Exception as error:
            return f"stream aborted by {type(error).__name__}"
        return "all texts out" if out == 20 else "texts lost"

    return Counter(trial(text) for text in tqdm(bad, leave=False))


@row(
    "growth-with-length",
    "time grows with the length of a text as a straight line: exponents up to 1.15",
    trials=len(string.punctuation) + len(UNITS.split()),
)
def growth(
    side: Side,
    trials: int,
    folder: Path,
) -> str:
    """Runs of each punctuation mark, letter classes, numbers, addresses: 2^8 up to 2^17 characters,
    or as many as take a second; the fastest of three; the slope of a log-log fit of the times
    from a millisecond on, which must be three."""
    nlp = side.blank()
    units = [*UNITS.split(), *string.punctuation][:trials]
    slopes = {unit: _slope(nlp, unit) for unit in tqdm(units, leave=False)}
    exponents = {unit: slope for unit, (slope, _) in slopes.items()}
    worst = max(exponents, key=exponents.__getitem__)
    slow = sum(slope > 1.15 for slope in exponents.values())
    slowest, (_, seconds) = max(slopes.items(), key=lambda entry: entry[1][1])
    return (
        f"{slow} of {len(units)} runs above 1.15, at most {exponents[worst]:.2f} "
        f"(`{worst}`); 100 KB of `{slowest}`: {seconds:,.2f} s"
    )


def _slope(
    nlp: Any,
    unit: str,
) -> tuple[float, float]:
    """The exponent, and the seconds that 100,000 characters take or would take."""
    sizes, times = [], []
    for size in SIZES:
        text = (unit * size)[:size]
        seconds = _seconds(nlp, text)
        if seconds < ENOUGH:
            seconds = min(seconds, *(_seconds(nlp, text) for _ in range(RUNS - 1)))
        sizes.append(size)
        times.append(seconds)
        if seconds > ENOUGH:
            break
    first = next((i for i, seconds in enumerate(times) if seconds > SHORT), 0)
    first = min(first, len(sizes) - 3)
    slope, _ = np.polyfit(np.log(sizes[first:]), np.log(times[first:]), 1)
    return float(slope), float(times[-1] * (100_000 / sizes[-1]) ** slope)


def _seconds(
    nlp: Any,
    text: str,
) -> float:
    begun = time.process_time()
    nlp(text)
    return time.process_time() - begun


@row(
    "unseen-words",
    "words that nobody has seen leave no memory behind",
    trials=400_000,
)
def unseen_words(
    side: Side,
    trials: int,
    folder: Path,
) -> str:
    """Random words, each new, through a tagger; the Docs are dropped. The slope of the memory of
    the process over the second half."""
    nlp = side.built()
    chance = random.Random(3)
    letters = "абвгдежзийклмнопрстуфхцчшщыьэюя"
    points = []
    for block in tqdm(range(20), leave=False):
        many = trials // 20 // 20
        source = [" ".join(_words(chance, letters, 20)) for _ in range(many)]
        for _ in side.stream(nlp, source, batch=64):
            pass
        gc.collect()
        if block >= 10:
            points.append(((block + 1) * trials / 20, _resident()))
    slope = float(np.polyfit(*np.array(points).T, 1)[0])
    return f"{slope:,.0f} bytes a word over {trials // 2:,} words"


def _words(
    chance: random.Random,
    letters: str,
    many: int,
) -> list[str]:
    return ["".join(chance.choices(letters, k=chance.randrange(9, 16))) for _ in range(many)]


def _resident() -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) << 10
