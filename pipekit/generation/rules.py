"""Rules that change scores before a piece is chosen, and the draw of a piece by chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipekit.generation.search import Search
from pipekit.words.arrays import Ints

IMPOSSIBLE = float("-inf")


def ruled(
    scores: Tensor,
    history: Tensor,
    begins: Tensor,
    written: int,
    end: int,
    search: Search,
) -> Tensor:
    """Scores, float[rows, pieces], by the rules of a search. The scores given may be changed.

    Args:
        history: the pieces of the rows so far, int64[rows, longest], those of the beginning
            included and moved to the right.
        begins: where each row begins there, int64[rows].
        written: how many pieces stand behind the beginning.
        end: the piece that ends a text.
    """
    if search.repetition != 1:
        scores = _less_of_the_same(
            scores,
            history,
            begins,
            search.repetition,
        )
    if search.no_repeat:
        _forbid_repeats(scores, history, begins, search.no_repeat)
    if written < search.least:
        scores[:, end] = IMPOSSIBLE
    return scores


def _less_of_the_same(
    scores: Tensor,
    history: Tensor,
    begins: Tensor,
    penalty: float,
) -> Tensor:
    inside = torch.arange(history.shape[1], device=history.device) >= begins.unsqueeze(1)
    # Padding stands for the last piece, which is there in any case.
    pieces = torch.where(
        inside,
        history,
        history[:, -1:],
    )
    values = scores.gather(1, pieces)
    values = torch.where(
        values < 0,
        values * penalty,
        values / penalty,
    )
    return scores.scatter(1, pieces, values)


def _forbid_repeats(
    scores: Tensor,
    history: Tensor,
    begins: Tensor,
    size: int,
) -> None:
    """Forbid each piece that would end a sequence of so many pieces that was there before."""
    places = history.shape[1] - size + 1  # sequences that are whole
    if places < 1:
        return
    sequences = history.unfold(1, size, 1)  # (rows, places, size)
    tail = history[:, history.shape[1] - size + 1 :]
    is_same = (sequences[:, :, :-1] == tail.unsqueeze(1)).all(2)
    is_same &= torch.arange(places, device=history.device) >= begins.unsqueeze(1)
    rows, columns = is_same.nonzero(as_tuple=True)
    scores[rows, sequences[rows, columns, -1]] = IMPOSSIBLE


def drawn(
    scores: Tensor,
    uniform: Tensor,
    search: Search,
) -> Tensor:
    """A piece for each row, by chance, int64[rows].

    The pieces stand in the order of their scores, each as long as its probability; the number says
    where the row lands.

    Args:
        scores: float[rows, pieces].
        uniform: numbers from 0 to 1, float64[rows].
    """
    ordered, pieces = (scores.double() / search.temperature).sort(dim=1, descending=True)
    if search.top_k:
        ordered = ordered[:, : search.top_k]
    shares = ordered.softmax(1)
    sums = shares.cumsum(1)
    if search.top_p < 1:
        # A piece stays if those before it have less than `top_p` together; the first always does.
        shares = shares.masked_fill(sums - shares >= search.top_p, 0.0)
        sums = shares.cumsum(1)
    goals = uniform.unsqueeze(1) * sums[:, -1:]
    places = (sums <= goals).sum(1, keepdim=True)
    last = (shares > 0).sum(1, keepdim=True) - 1  # where rounding has gone beyond
    return pieces.gather(1, places.minimum(last))[:, 0]


_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB


def chances(
    seed: int,
    keys: NDArray[np.uint64],
    samples: Ints,
    step: int,
) -> NDArray[np.float64]:
    """A number from 0 to 1 for each row, which follows from these alone, float64[rows].

    Args:
        keys: of the beginning of each row, such as a checksum of its text, uint64[rows].
        samples: the number of each row among those of its beginning, int64[rows].

    Source: the mixing function of SplitMix64 (Steele, Lea and Flood 2014), applied in turn.
    """
    state = _mixed(
        np.full(
            len(keys),
            seed,
            dtype=np.uint64,
        )
    )
    state = _mixed(state ^ keys)
    state = _mixed(state ^ samples.astype(np.uint64))
    state = _mixed(state ^ np.uint64(step))
    uniform: NDArray[np.float64] = (state >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return uniform


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = numbers + np.uint64(_GOLDEN)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(_FIRST)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(_SECOND)
    return mixed ^ (mixed >> np.uint64(31))


def likeliest(
    scores: Tensor,
    never: Sequence[int],
    top: int,
) -> list[tuple[int, float]]:
    """The best pieces with their shares among those that may be, the best first.

    Args:
        scores: of all pieces, float[pieces].
        never: pieces that may not be.
    """
    allowed = scores.float().clone()
    allowed[list(never)] = IMPOSSIBLE
    best = allowed.softmax(0).topk(min(top, len(allowed)))
    return list(zip(best.indices.tolist(), best.values.tolist(), strict=True))
