"""Sentences: a small trained classifier of the gaps between tokens.

A blank line always ends a sentence. Elsewhere a gap is a candidate, unless a small letter follows a
word or a comma, or follows a dash (as in «Да!» — сказал он). A linear model over hashed features of
the tokens around the gap decides about each candidate, over all candidates of a batch at once:

    gap ─► columns (form, shape, … of the tokens around it; abbreviations, names, enclosures)
        ─► one feature for each template: a hash of its columns ─► a weight of the table
        ─► sum of the weights ─► border or none

No feature looks beyond the blank lines around its candidate, so texts do not influence each other.
`recipes/sentences/train.py` trains the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from pipekit.storage.packing import unpack
from pipekit.tokenizers.border_features import features
from pipekit.tokenizers.capitals import load_capitals
from pipekit.tokenizers.gaps import SplitterTokens, border_candidates, line_breaks
from pipekit.tokenizers.kinds import Mask
from pipekit.tokenizers.stems import Stems

NEWLINE = 2.0  # what a single line break adds to the log-odds of a border


class Splitter:
    """Says which tokens begin a sentence.

    Args:
        lang: the language.
        followed_by: its abbreviations by what follows them, see `Stems`.
    """

    def __init__(
        self,
        lang: str,
        followed_by: Mapping[str, str],
    ) -> None:
        model = trained_model(lang)
        self._weights = np.frombuffer(model["weights"], dtype=np.int8)
        self._scale = float(model["scale"])
        self._bias = float(model["bias"])
        self._stems = Stems(followed_by, load_capitals(lang))

    def sentence_starts(self, tokens: SplitterTokens) -> Mask:
        """Which tokens begin a sentence, bool[tokens]."""
        begins, newlines = line_breaks(tokens)
        candidates = border_candidates(tokens, begins, newlines)
        if not candidates.size:
            return begins
        rows = features(tokens, candidates, begins, self._stems)
        odds = self._weights[rows].sum(axis=0, dtype=np.int32)
        scores = odds * self._scale + self._bias
        scores = scores + NEWLINE * newlines[candidates]
        begins[candidates] = scores > 0
        return begins


@cache
def trained_model(lang: str) -> dict[str, Any]:
    """The weights of a language, with their scale and bias, as training left them."""
    file = resources.files("pipekit.tokenizers") / "data" / f"{lang}.sentences.msgpack"
    model: dict[str, Any] = unpack(file.read_bytes(), file.name)
    return model
