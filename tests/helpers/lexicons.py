"""A dictionary of a few words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipekit.words.chars import from_strings
from pipekit.words.lexicon import pack_strings, short


def lexicon_tables() -> dict[str, Any]:
    """A noun, a made-up verb, a prefix and an ending.

    кот/кота (a noun), кота as a form of "котать", the prefix "супер", the ending "-ота".
    """

    def hashes(*strings: str) -> NDArray[np.uint32]:
        words = from_strings(list(strings))
        return short(words.hashes(words.starts, words.ends))

    endings = hashes("", "а")
    order = np.argsort(endings)
    nominative, genitive = order.argsort().tolist()
    keys = (
        np.array([nominative, genitive], dtype=np.uint32) * 2 << 16
    )  # 2: forms have no prefix, or "наи"
    by_key = np.argsort(keys)
    return {
        "grammemes": pack_strings(["NOUN", "VERB", "nomn", "gent"]),
        "tag_grammemes": np.array([[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 0, 0]], dtype=np.uint8),
        "stem_hashes": hashes("кот"),
        "stem_paradigms": np.array([0], dtype=np.uint16),
        "ending_hashes": endings[order],
        "pair_keys": keys[by_key],
        "pair_sets": np.array([0, 1], dtype=np.uint16)[by_key],
        "set_sizes": np.array([1, 2, 1], dtype=np.uint8),
        "set_tags": np.array([0, 1, 2, 1], dtype=np.uint16),
        "set_scripts": np.array([0, 1, 2, 1], dtype=np.uint16),
        "guess_hashes": hashes("ета"),
        "guess_sets": np.array([[2, -1, -1]], dtype=np.int32),
        "form_prefixes": pack_strings(["наи"]),
        "prefixes": pack_strings(["супер"]),
        "longest_ending": np.array([1]),
        "script_cuts": np.array([[0, 0], [0, 1], [0, 0]], dtype=np.uint8),
        "script_tails": pack_strings(["", "", "ть"]),
    }
