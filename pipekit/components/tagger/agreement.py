"""Which candidates for the lemma agree with the part of speech that a token has.

A form that the dictionary has is read as the dictionary reads it: «управляющий» as a noun is no
form of «управлять».
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipekit.components.tagger.lemmas import CandidateRows
from pipekit.words.arrays import Bools, Ints
from pipekit.words.lexicon import Lexicon

# The UD parts of speech (Nivre et al. 2020) of each of the dictionary's (OpenCorpora).
UD_PARTS = {
    "NOUN": "NOUN PROPN",
    "ADJF": "ADJ NOUN PROPN",
    "ADJS": "ADJ",
    "VERB": "VERB",
    "INFN": "VERB",
    "PRTF": "VERB",
    "PRTS": "VERB",
    "GRND": "VERB",
    "NUMR": "NUM",
}


class Agreement:
    """Compares candidates with parts of speech.

    Args:
        lexicon: whose tags the candidates have.
        parts: the parts of speech that tokens may have, by number.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        parts: Sequence[str],
    ) -> None:
        self.lexicon = lexicon
        self.sources = lexicon.tags
        self.agrees = np.zeros((lexicon.tags, len(parts)), dtype=bool)  # [tag, part]
        for place, grammeme in enumerate(lexicon.grammemes):
            ud_parts = UD_PARTS.get(grammeme, "").split()
            has = lexicon.tag_grammemes[:, place]
            self.agrees |= has[:, None] & np.isin(parts, ud_parts)

    def disagrees(
        self,
        candidates: CandidateRows,
        parts: Ints,  # int64[tokens], numbers of parts of speech
        known: Bools,  # bool[tokens], whether the dictionary has the form
    ) -> Bools:
        """Candidates of another part of speech, where the dictionary has one of the right part.

        They are bool[candidates]. Where no analysis of the dictionary agrees, every candidate may
        be right; a word as it stands may always be.
        """
        owners = candidates.owners
        parts_of_owners = parts[owners]
        agrees = candidates.tags == self.sources  # a word as it stands
        seen = candidates.tags - self.sources - 1 == parts_of_owners  # exceptions of that part
        rows = np.flatnonzero(candidates.tags < self.sources)
        analysed = np.zeros(len(owners), dtype=bool)
        analysed[rows] = self.agrees[candidates.tags[rows], parts_of_owners[rows]]
        analysed &= known[owners]
        settled = np.zeros(len(parts), dtype=bool)
        settled[owners[analysed]] = True
        disagrees: Bools = settled[owners] & ~(agrees | seen | analysed)
        return disagrees
