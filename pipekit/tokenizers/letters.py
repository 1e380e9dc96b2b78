"""A tokenizer for networks that read letters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipekit.parts.protocols import Segments


class LetterTokenizer:
    """Each character but white space is a token, and each text a sentence.

    For words, dates and other short texts that an encoder reads letter by letter.
    """

    assigns = ("sents",)

    def segment(self, texts: Sequence[str]) -> list[Segments]:
        """The characters of each text; white space at its beginning is a token, too."""
        return [_segment(text) for text in texts]


def _segment(text: str) -> Segments:
    is_letter = np.fromiter((not letter.isspace() for letter in text), dtype=bool, count=len(text))
    is_letter[:1] = True
    starts = np.flatnonzero(is_letter).astype(np.int32)
    ends = (starts + 1).astype(np.int32)
    sentence_starts = np.zeros(len(starts), dtype=bool)
    sentence_starts[:1] = True
    return Segments(starts, ends, sentence_starts)
