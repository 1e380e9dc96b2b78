"""Words that are cut into tokens, whatever else the rules say: special cases of a tokenizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipekit.errors import ConfigError
from pipekit.tokenizers.gaps import SplitterTokens
from pipekit.words import chars
from pipekit.words.arrays import Ints, offsets, ranges


class Splits:
    """Words with the pieces that each is cut into.

    Args:
        pieces: of each word, letter for letter.

    Errors: `ConfigError` for pieces that are not the word.

        Splits({"чтоли": ["что", "ли"]}).cut(tokens)
    """

    def __init__(self, pieces: Mapping[str, Sequence[str]]) -> None:
        for word, parts in pieces.items():
            if "".join(parts) != word or not all(parts) or any(map(str.isspace, word)):
                shown = ", ".join(map(repr, parts))
                raise ConfigError(f"splits: {word!r:.80} cannot be cut into {shown:.80}")
        words = chars.from_strings(list(pieces))
        hashes = words.word_hashes()
        order = np.argsort(hashes)
        self._hashes = hashes[order]
        counts = np.fromiter(
            map(len, pieces.values()),
            np.int64,
            len(pieces),
        )
        lengths = [len(part) for parts in pieces.values() for part in parts]
        self._lengths = np.array(lengths, dtype=np.int64)  # of all pieces
        self._starts = offsets(counts)[:-1][order]
        self._counts = counts[order]
        self._longest = max(map(len, pieces), default=0)
        self._words = [list(pieces)[row] for row in order.tolist()]

    def cut(self, tokens: SplitterTokens) -> SplitterTokens:
        """The tokens, with those that are such words cut."""
        rows, words = self._split(tokens)
        if not len(rows):
            return tokens
        sizes = self._counts[words]  # pieces of each
        counts = np.ones(len(tokens.starts), dtype=np.int64)
        counts[rows] = sizes
        first = offsets(counts)[:-1]  # the place of each old token among the new ones
        starts = np.repeat(tokens.starts, counts)
        ends = np.repeat(tokens.ends, counts)
        pieces = ranges(self._starts[words], sizes)
        lengths = self._lengths[pieces]
        places = ranges(first[rows], sizes)
        before = offsets(lengths)  # letters of all pieces before each
        first_pieces = offsets(sizes)[:-1]
        own = np.repeat(before[first_pieces], sizes)
        starts[places] += before[:-1] - own
        ends[places] = starts[places] + lengths
        return SplitterTokens(tokens.points, tokens.kinds, starts, ends)

    def _split(self, tokens: SplitterTokens) -> tuple[Ints, Ints]:
        """The tokens that are cut, and which word each of them is, two arrays int64[cut]."""
        lengths = tokens.ends - tokens.starts
        rows = np.flatnonzero(lengths <= self._longest)
        if not len(rows):
            return rows, rows
        words = chars.Words(
            tokens.points,
            tokens.starts[rows],
            tokens.ends[rows],
        )
        hashes = words.word_hashes()
        places = np.searchsorted(self._hashes, hashes)
        places = np.minimum(places, len(self._hashes) - 1)
        equal = np.flatnonzero(self._hashes[places] == hashes)
        strings = chars.to_strings(words.take(equal))
        numbers = places[equal].tolist()
        is_word = [self._words[n] == s for n, s in zip(numbers, strings, strict=True)]
        sure = equal[np.array(is_word, dtype=bool)]
        return rows[sure], places[sure]
