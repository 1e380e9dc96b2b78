"""Word vectors small enough to be checked by hand."""

from __future__ import annotations

import numpy as np

from pipekit.words.chars import from_strings
from pipekit.words.lexicon import short
from pipekit.words.vectors import packed

NAMES = ["кот", "кошка", "дом"]


def tables() -> dict[str, np.ndarray]:
    words = from_strings([*NAMES, "коты"])
    hashes = short(words.hashes(words.starts, words.ends))
    order = np.argsort(hashes)
    values = np.array([[100, 0], [90, 40], [0, 100]], np.int8)
    return {
        "hashes": hashes[order],
        "rows": np.array([0, 1, 2, 0], np.uint16)[order],
        "values": values,
        "scale": np.array([0.01], np.float32),
        "names": packed(NAMES),
    }
