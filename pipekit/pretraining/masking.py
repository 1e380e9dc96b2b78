"""Rows of pieces, and whole words of them that are hidden from a network (Devlin et al. 2019), others each time (Liu et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pipekit.devices.placement import to_device
from pipekit.subwords.cutter import Special

HIDDEN, KEPT = (
    0.8,
    0.1,
)  # of the chosen words: hidden, left as they are; the rest is exchanged (Devlin et al. 2019, section 3.1)


@dataclass(frozen=True)
class Sequences:
    """Rows of pieces as the network reads them, all of one length: nothing is padded.

    Attributes:
        ids: int64[rows, length], special pieces included.
        begins: where a word begins, bool[rows, length]; nowhere in special pieces.
        segments: int64[rows, length]; None where there is but one.
        follows: of rows that hold two texts whether the second one follows the first, int64[rows].
    """

    ids: Tensor
    begins: Tensor
    segments: Tensor | None = None
    follows: Tensor | None = None

    def to(self, device: torch.device) -> Sequences:
        """The same on a device."""

        def moved(part: Tensor) -> Tensor:
            return to_device(part.numpy(), device)

        return Sequences(
            moved(self.ids),
            moved(self.begins),
            None if self.segments is None else moved(self.segments),
            None if self.follows is None else moved(self.follows),
        )


class Corrupted(NamedTuple):
    """Pieces of which some were chosen and replaced, int64[rows, length], and the chosen ones, bool[rows, length]."""

    ids: Tensor
    chosen: Tensor


class Chances:
    """Whole words of rows, each of which is drawn by a chance."""

    def __init__(self, sequences: Sequences, special: Special, random: torch.Generator) -> None:
        self.ordinary = ordinary(sequences.ids, special)
        # Numbers words over all rows. A special piece is one too: what a text goes on with after it belongs to no word before it.
        self._word = (sequences.begins | ~self.ordinary).flatten().cumsum(0)
        self._random = random

    def draw(self) -> Tensor:
        """A number between 0 and 1 for each piece, the same for all pieces of a word, float[rows, length]."""
        chances = torch.rand(len(self._word) + 1, generator=self._random, device=self._word.device)
        return chances[self._word].view_as(self.ordinary)


def ordinary(ids: Tensor, special: Special) -> Tensor:
    """Which pieces stand for text."""
    return (ids != special.cls) & (ids != special.sep) & (ids != special.pad)


def hide(
    sequences: Sequences, special: Special, pieces: int, share: float, random: torch.Generator
) -> Corrupted:
    """Hide whole words, drawn anew each time: of the chosen ones most become [MASK], some other pieces, some stay.

    Args:
        pieces: how many there are, the special ones included, with which nothing is exchanged.
        share: of the words that are chosen.
    """
    chances = Chances(sequences, special, random)
    chosen = (chances.draw() < share) & chances.ordinary
    fate = chances.draw()
    passed = sorted(set(special))
    others = torch.randint(
        pieces - len(passed), sequences.ids.shape, generator=random, device=sequences.ids.device
    )
    for number in passed:
        others += others >= number
    replaced = torch.where(fate < HIDDEN, torch.full_like(sequences.ids, special.mask), others)
    return Corrupted(torch.where(chosen & (fate < 1 - KEPT), replaced, sequences.ids), chosen)
