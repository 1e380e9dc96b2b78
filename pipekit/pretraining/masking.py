"""Rows of pieces, and whole words of them that are hidden from a network.

Words are hidden as in BERT (Devlin et al. 2019), others in each pass (Liu et al. 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pipekit.devices.placement import to_device
from pipekit.subwords.cutter import Special

# Of the selected words these shares become [MASK] and stay; the others become some other piece
# (Devlin et al. 2019, section 3.1).
MASKED, UNCHANGED = 0.8, 0.1


@dataclass(frozen=True)
class Sequences:
    """Rows of pieces as the network reads them, all of one length: nothing is padded.

    Attributes:
        ids: int64[rows, length], special pieces included.
        begins: whether a word begins at a piece, bool[rows, length]; false for special pieces.
        segments: int64[rows, length]; None if all rows have one text.
        follows: int64[rows], 1 where the second of two texts follows the first; None for one text.
    """

    ids: Tensor
    begins: Tensor
    segments: Tensor | None = None
    follows: Tensor | None = None

    def to(self, device: torch.device) -> Sequences:
        """The same rows on a device."""
        parts: list[Tensor | None] = []
        for part in (self.segments, self.follows):
            parts.append(None if part is None else to_device(part.numpy(), device))
        ids = to_device(self.ids.numpy(), device)
        return Sequences(ids, to_device(self.begins.numpy(), device), *parts)


class Corrupted(NamedTuple):
    """Pieces of which some were replaced, int64[rows, length], and which ones the network has to
    guess, bool[rows, length].
    """

    ids: Tensor
    hidden: Tensor


class Chances:
    """Random numbers for the whole words of rows."""

    def __init__(
        self,
        sequences: Sequences,
        special: Special,
        random: torch.Generator,
    ) -> None:
        self.ordinary = ordinary(sequences.ids, special)
        # The number of each piece's word over all rows. A special piece counts as a word, so that
        # the pieces after it belong to no word before it.
        self._word = (sequences.begins | ~self.ordinary).flatten().cumsum(0)
        self._random = random

    def draw(self) -> Tensor:
        """A number between 0 and 1 for each piece, float[rows, length]; equal within a word."""
        words = len(self._word) + 1
        chances = torch.rand(
            words,
            generator=self._random,
            device=self._word.device,
        )
        return chances[self._word].view_as(self.ordinary)


def ordinary(
    ids: Tensor,
    special: Special,
) -> Tensor:
    """Which pieces stand for text, bool[rows, length]."""
    return (ids != special.cls) & (ids != special.sep) & (ids != special.pad)


def hide(
    sequences: Sequences,
    special: Special,
    pieces: int,
    share: float,
    random: torch.Generator,
) -> Corrupted:
    """Hide whole words: most of them become [MASK], some become other pieces, some stay.

    Args:
        pieces: the size of the vocabulary, special pieces included; these replace nothing.
        share: the share of the words that are hidden.
    """
    chances = Chances(sequences, special, random)
    hidden = (chances.draw() < share) & chances.ordinary
    fate = chances.draw()
    others = _other_pieces(sequences.ids, special, pieces, random)
    masks = torch.full_like(sequences.ids, special.mask)
    replacements = torch.where(fate < MASKED, masks, others)
    changed = hidden & (fate < 1 - UNCHANGED)
    return Corrupted(torch.where(changed, replacements, sequences.ids), hidden)


def _other_pieces(
    ids: Tensor,
    special: Special,
    pieces: int,
    random: torch.Generator,
) -> Tensor:
    """A random ordinary piece for each place, int64[rows, length]."""
    excluded = sorted(set(special))
    count = pieces - len(excluded)
    others = torch.randint(
        count,
        ids.shape,
        generator=random,
        device=ids.device,
    )
    for number in excluded:
        others += others >= number
    return others
