"""States of encoders, as decoders look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pipekit.words.arrays import Ints

if TYPE_CHECKING:
    from torch import Tensor


class TokenStates(NamedTuple):
    """States of an encoder before they are pooled to vectors of tokens.

    Attributes:
        states: float[states, width].
        borders: the state at which each token begins, int64[tokens + 1].
    """

    states: Tensor
    borders: Ints
